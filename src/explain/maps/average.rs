//! One map from several segmentations of the same scan.

use super::{Segmentation, check_voxel_volume};
use crate::explain::ExplainError;
use crate::explain::error::check_voxels;

/// The mean density over segmentations and how far they are apart.
#[derive(Debug, Clone, PartialEq)]
pub struct AveragedMap {
    /// Units of the value function per mm³; sums, times the volume of a voxel, to the mean
    /// of the segmentations' sums.
    pub density: Vec<f32>,
    /// Standard deviation of the density between segmentations (n − 1): where it is large
    /// the map depends on how the scan was cut. `None` for one segmentation.
    pub standard_deviation: Option<Vec<f32>>,
}

/// Averages the densities of segmentations of one grid, each explained by its own game:
/// Φ(x) = (1/R) Σ_r φ⁽ʳ⁾_{ℓ_r(x)} / volume. Where cells overlap, the map is finer than
/// any of them. A voxel outside of a segmentation's players has density 0 there.
pub fn average(
    segmentations: &[Segmentation<'_>],
    voxel_volume_mm3: f64,
) -> Result<AveragedMap, ExplainError> {
    check_voxel_volume(voxel_volume_mm3)?;
    let Some(first) = segmentations.first() else {
        return Err(ExplainError::EmptyRegion);
    };
    let expected = first.labels.len();
    let mut densities = Vec::with_capacity(segmentations.len());
    for segmentation in segmentations {
        check_voxels("a supervoxel map", segmentation.labels.len(), expected)?;
        // Entry 0 is the density where there is no player.
        let mut by_label = vec![0.0];
        let values = segmentation.voxel_values()?;
        by_label.extend(values.iter().map(|value| value / voxel_volume_mm3));
        densities.push((segmentation.labels, by_label));
    }
    let count = segmentations.len() as f64;
    let at = |voxel: usize| {
        densities.iter().map(move |(labels, by_label)| {
            let label = labels.get(voxel).copied().unwrap_or(0);
            by_label.get(usize::from(label)).copied().unwrap_or(0.0)
        })
    };
    let mean = |voxel: usize| at(voxel).sum::<f64>() / count;
    let deviation = |voxel: usize| {
        let mean = mean(voxel);
        let squares: f64 = at(voxel).map(|value| (value - mean).powi(2)).sum();
        (squares / (count - 1.0)).sqrt() as f32
    };
    Ok(AveragedMap {
        density: (0..expected).map(|voxel| mean(voxel) as f32).collect(),
        standard_deviation: (segmentations.len() > 1)
            .then(|| (0..expected).map(deviation).collect()),
    })
}
