//! The other side of the body in place of this one.

use glam::{DAffine3, DVec3};
use ndarray::{Array3, Array4, ArrayView4, Axis};

use super::Source;
use super::flat::Statistics;
use crate::base::Grid;
use crate::explain::ExplainError;
use crate::volume::resample_values_linear;

/// The mirror image of most voxels must lie in the image for it to say anything.
const LARGEST_SHARE_OUTSIDE: f64 = 0.5;

/// Each voxel shows what lies at its mirror image across the plane of constant world x,
/// linearly between voxels, and the channel's mean where that lies outside the image.
///
/// Where the plane is not known it is that of the middle voxel (median of world x) of
/// those brighter than the mean of the first channel.
///
/// Errors: most mirror images lie outside the image.
pub(super) fn mirrored(
    image: ArrayView4<'_, f32>,
    source: &Source<'_>,
    statistics: &[Statistics],
) -> Result<Array4<f32>, ExplainError> {
    let grid = source.grid;
    let plane_x_mm = source
        .mid_sagittal_x_mm
        .filter(|x| x.is_finite())
        .unwrap_or_else(|| middle_of_bright(image, grid, statistics));
    let reflection = DAffine3 {
        matrix3: glam::DMat3::from_diagonal(DVec3::new(-1.0, 1.0, 1.0)),
        translation: DVec3::new(2.0 * plane_x_mm, 0.0, 0.0),
    };
    let other_side = Grid::new(grid.dims(), reflection * grid.world_from_voxel())
        .map_err(|error| ExplainError::Evaluation(error.to_string()))?;
    let mut result = Array4::zeros(image.raw_dim());
    for (channel, statistics) in statistics.iter().enumerate() {
        // Volumes are stored with x fastest, images with z fastest.
        let values: Vec<f32> = image
            .index_axis(Axis(0), channel)
            .reversed_axes()
            .iter()
            .copied()
            .collect();
        let sampled =
            resample_values_linear(&values, grid, &other_side, f32::NAN).unwrap_or_default();
        let outside = sampled.iter().filter(|v| v.is_nan()).count();
        let share = outside as f64 / sampled.len().max(1) as f64;
        if share > LARGEST_SHARE_OUTSIDE {
            return Err(ExplainError::NoOtherSide {
                percent: (100.0 * share).round() as u32,
                plane_x_mm,
            });
        }
        let [x, y, z] = grid.dims();
        let sampled = Array3::from_shape_fn((x, y, z), |(x, y, z)| {
            let value = sampled.get(grid.index([x, y, z])).copied();
            value
                .filter(|v| v.is_finite())
                .unwrap_or(statistics.mean as f32)
        });
        result.index_axis_mut(Axis(0), channel).assign(&sampled);
    }
    Ok(result)
}

fn middle_of_bright(image: ArrayView4<'_, f32>, grid: &Grid, statistics: &[Statistics]) -> f64 {
    let mean = statistics.first().map_or(0.0, |s| s.mean);
    let mut bright: Vec<f64> = image
        .index_axis(Axis(0), 0)
        .indexed_iter()
        .filter(|(_, value)| f64::from(**value) > mean)
        .map(|((x, y, z), _)| grid.world([x, y, z].map(|v| v as f64)).x)
        .collect();
    if bright.is_empty() {
        return grid.center_mm().x;
    }
    let middle = bright.len() / 2;
    *bright.select_nth_unstable_by(middle, f64::total_cmp).1
}
