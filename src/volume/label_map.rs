//! One small integer a voxel: classes of a segmentation or ids of supervoxels.

use rayon::prelude::*;

use super::Volume;
use crate::base::Grid;

/// Why a scan is no label map.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "{name} holds the value {value} at voxel ({}, {}, {}), and labels are whole numbers from 0 to 65535; {remedy}",
    voxel[0], voxel[1], voxel[2]
)]
pub struct NotLabels {
    pub name: String,
    /// The first value that is no label.
    pub value: f64,
    pub voxel: [usize; 3],
    remedy: &'static str,
}

/// How far a value may be off a whole number: rounding of a stored slope.
const WHOLE_NUMBER_TOLERANCE: f64 = 1e-3;

/// Labels on a grid, x fastest. Label 0 is background or "outside the region".
#[derive(Debug, Clone, PartialEq)]
pub struct LabelMap {
    grid: Grid,
    labels: Vec<u16>,
}

impl LabelMap {
    /// `None` if the number of labels is not that of the grid.
    pub fn new(grid: Grid, labels: Vec<u16>) -> Option<Self> {
        (labels.len() == grid.voxel_count()).then_some(Self { grid, labels })
    }

    /// The values of a scan as labels, after its slope and intercept. Any voxel type
    /// will do, also floats, as long as the values are whole numbers from 0 to 65535.
    ///
    /// Errors: the first value that is not.
    pub fn from_volume(volume: &Volume) -> Result<Self, NotLabels> {
        let (slope, intercept) = volume.value_scale();
        let value = |index: usize| {
            let stored = volume.voxels().get(index).unwrap_or(f64::NAN);
            stored * slope + intercept
        };
        let grid = *volume.grid();
        let labels: Vec<Option<u16>> = (0..grid.voxel_count())
            .into_par_iter()
            .map(|index| label_of_value(value(index)))
            .collect();
        if let Some(index) = labels.iter().position(Option::is_none) {
            let value = value(index);
            return Err(NotLabels {
                name: volume.name().to_owned(),
                value,
                voxel: grid.position(index),
                remedy: remedy(value),
            });
        }
        let labels = labels.into_iter().flatten().collect();
        Ok(Self { grid, labels })
    }

    /// A map with no labels set.
    pub fn empty(grid: Grid) -> Self {
        Self {
            labels: vec![0; grid.voxel_count()],
            grid,
        }
    }

    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The label of a voxel, if it is inside the grid.
    pub fn label(&self, voxel: [usize; 3]) -> Option<u16> {
        let dims = self.grid.dims();
        (0..3)
            .all(|axis| voxel[axis] < dims[axis])
            .then(|| self.labels.get(self.grid.index(voxel)).copied())
            .flatten()
    }

    /// Number of voxels of each label, index 0 to the largest label present.
    pub fn counts(&self) -> Vec<usize> {
        let largest = self.labels.iter().copied().max().unwrap_or(0);
        let mut counts = vec![0; usize::from(largest) + 1];
        for &label in &self.labels {
            if let Some(count) = counts.get_mut(usize::from(label)) {
                *count += 1;
            }
        }
        counts
    }

    /// Volume of one label in millilitres.
    pub fn volume_ml(&self, label: u16) -> f64 {
        let count = self.labels.iter().filter(|&&l| l == label).count();
        count as f64 * self.grid.voxel_volume_mm3() / 1000.0
    }

    /// Dice overlap of one label with another map on the same grid:
    /// 2·|A∩B| / (|A|+|B|). `None` if both are empty or the grids differ in size.
    pub fn dice(&self, other: &LabelMap, label: u16) -> Option<f64> {
        if self.labels.len() != other.labels.len() {
            return None;
        }
        let (mut both, mut total) = (0_usize, 0_usize);
        for (&a, &b) in self.labels.iter().zip(&other.labels) {
            both += usize::from(a == label && b == label);
            total += usize::from(a == label) + usize::from(b == label);
        }
        (total > 0).then(|| 2.0 * both as f64 / total as f64)
    }
}

/// The label that a value stands for.
fn label_of_value(value: f64) -> Option<u16> {
    let whole = value.round();
    let fits = (0.0..=f64::from(u16::MAX)).contains(&whole);
    // What is in range has no loss.
    (fits && (value - whole).abs() <= WHOLE_NUMBER_TOLERANCE).then_some(whole as u16)
}

fn remedy(value: f64) -> &'static str {
    if value.is_nan() || value.is_infinite() {
        "give a segmentation, with a label at every voxel"
    } else if value < 0.0 || value.round() > f64::from(u16::MAX) {
        "give a segmentation rather than a scan, or renumber its labels"
    } else {
        "give a segmentation rather than a scan or probabilities, and round or threshold it first \
         if it was interpolated"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Voxels;
    use glam::DAffine3;

    fn read(voxels: Voxels, value_scale: (f64, f64)) -> Result<Vec<u16>, NotLabels> {
        let grid = Grid::new([voxels.len(), 1, 1], DAffine3::IDENTITY).unwrap();
        let volume = Volume::new(grid, voxels, value_scale, "seg").unwrap();
        LabelMap::from_volume(&volume).map(|map| map.labels().to_vec())
    }

    #[test]
    fn whole_numbers_of_any_type_are_labels() {
        let plain = (1.0, 0.0);
        assert_eq!(
            read(Voxels::U8(vec![0, 4, 255]), plain),
            Ok(vec![0, 4, 255])
        );
        assert_eq!(read(Voxels::I16(vec![0, 700]), plain), Ok(vec![0, 700]));
        assert_eq!(read(Voxels::F32(vec![0.0, 2.0]), plain), Ok(vec![0, 2]));
        assert_eq!(
            read(Voxels::F64(vec![-0.0, 65535.0]), plain),
            Ok(vec![0, 65535])
        );
        // Values count, not what is stored.
        assert_eq!(
            read(Voxels::I16(vec![-1024, -1022]), (1.0, 1024.0)),
            Ok(vec![0, 2])
        );
        let slope = f64::from(1.0_f32 / 255.0);
        assert_eq!(read(Voxels::U8(vec![0, 255]), (slope, 0.0)), Ok(vec![0, 1]));
    }

    #[test]
    fn what_is_no_label_is_named_with_a_remedy() {
        let plain = (1.0, 0.0);
        for (voxels, value, remedy) in [
            (
                Voxels::F32(vec![0.0, 1.0, 0.5, 0.25]),
                "value 0.5 at voxel (2, 0, 0)",
                "threshold",
            ),
            (
                Voxels::I16(vec![3, -7]),
                "value -7 at voxel (1, 0, 0)",
                "rather than a scan",
            ),
            (Voxels::U32(vec![65536]), "value 65536 at", "renumber"),
            (
                Voxels::F32(vec![f32::NAN]),
                "value NaN at",
                "at every voxel",
            ),
            (
                Voxels::F64(vec![f64::INFINITY]),
                "value inf at",
                "at every voxel",
            ),
        ] {
            let error = read(voxels, plain).unwrap_err().to_string();
            assert!(
                error.starts_with("seg holds the ") && error.contains(value),
                "{error}"
            );
            assert!(error.contains(remedy), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let scaled = read(Voxels::U8(vec![0, 1]), (0.5, 0.0)).unwrap_err();
        assert_eq!((scaled.value, scaled.voxel), (0.5, [1, 0, 0]));
    }
}
