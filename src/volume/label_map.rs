//! One small integer a voxel: classes of a segmentation or ids of supervoxels.

use crate::base::Grid;

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
