//! From the model grid back to the scan's voxels, and voxel values of the scan to the
//! model grid.
//!
//! As MONAI's `Invertd` does it: what the foreground crop removed is 0, then labels
//! come from the nearest voxel and numbers from linear interpolation, with the border's
//! value beyond the border.

use glam::{DAffine3, DVec3};
use ndarray::{Array3, ArrayView3, Axis};
use rayon::prelude::*;

use super::{Prepared, spacing};
use crate::base::Grid;
use crate::model::PreprocessingError;
use crate::volume::LabelMap;

impl Prepared {
    /// Labels on the model grid brought to the region's voxels, each from the nearest.
    ///
    /// Errors: an array that is not of the model grid's size.
    pub fn labels_to_region(&self, labels: &Array3<u16>) -> Result<LabelMap, PreprocessingError> {
        let (x, y, z) = labels.dim();
        let dims = self.grid.dims();
        let size = |actual| PreprocessingError::Size {
            what: "label array",
            expected: self.grid.voxel_count(),
            actual,
        };
        if [x, y, z] != dims {
            return Err(size(labels.len()));
        }
        let nearest = NearestVoxel::new(&self.full_grid, &self.region_grid);
        let [nx, ny, _] = self.region_grid.dims();
        let mut values = vec![0; self.region_grid.voxel_count()];
        values
            .par_chunks_mut(nx * ny)
            .enumerate()
            .for_each(|(z, slice)| {
                for (index, value) in slice.iter_mut().enumerate() {
                    let source = nearest.source([index % nx, index / nx, z]);
                    let label = self.in_crop(source).and_then(|at| labels.get(at));
                    *value = label.copied().unwrap_or(0);
                }
            });
        let count = values.len();
        LabelMap::new(self.region_grid, values).ok_or_else(|| size(count))
    }

    /// Numbers on the model grid `[[x, y, z]]`, such as logits or probabilities of one
    /// class, brought to the region's voxels (x fastest) by linear interpolation.
    ///
    /// Errors: an array that is not of the model grid's size.
    pub fn values_to_region(
        &self,
        values: ArrayView3<'_, f32>,
    ) -> Result<Vec<f32>, PreprocessingError> {
        let (x, y, z) = values.dim();
        if [x, y, z] != self.grid.dims() {
            return Err(PreprocessingError::Size {
                what: "array",
                expected: self.grid.voxel_count(),
                actual: values.len(),
            });
        }
        let [nx, ny, nz] = self.full_grid.dims();
        let mut full = Array3::zeros((nx, ny, nz));
        for ((x, y, z), value) in full.indexed_iter_mut() {
            let at = self.in_crop([x, y, z]);
            *value = at.and_then(|at| values.get(at)).copied().unwrap_or(0.0);
        }
        let source_from_target =
            self.full_grid.voxel_from_world() * self.region_grid.world_from_voxel();
        let region = spacing::interpolate(&full, source_from_target, self.region_grid.dims());
        Ok(region.t().iter().copied().collect())
    }

    /// A voxel of the full model grid as an index of the cropped one, if it is in it.
    fn in_crop(&self, voxel: [usize; 3]) -> Option<[usize; 3]> {
        let Some(crop) = &self.crop else {
            return Some(voxel);
        };
        let mut at = [0; 3];
        for axis in 0..3 {
            let place = voxel[axis] as isize - crop.start[axis];
            at[axis] = usize::try_from(place)
                .ok()
                .filter(|&p| p < crop.size[axis])?;
        }
        Some(at)
    }

    /// Numbers on the region's voxels (x fastest), for example supervoxel ids, brought
    /// to the model grid `[[x, y, z]]`, each from the nearest.
    ///
    /// Errors: a list that is not of the region grid's size.
    pub fn values_from_region(&self, values: &[u16]) -> Result<Array3<u16>, PreprocessingError> {
        if values.len() != self.region_grid.voxel_count() {
            return Err(PreprocessingError::Size {
                what: "list",
                expected: self.region_grid.voxel_count(),
                actual: values.len(),
            });
        }
        let nearest = NearestVoxel::new(&self.region_grid, &self.grid);
        let [x, y, z] = self.grid.dims();
        let mut result = Array3::zeros((x, y, z));
        result
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(x, mut plane)| {
                for ((y, z), value) in plane.indexed_iter_mut() {
                    *value = values[self.region_grid.index(nearest.source([x, y, z]))];
                }
            });
        Ok(result)
    }
}

/// Finds the source voxel nearest to a target voxel; outside the source, the nearest
/// on its border.
struct NearestVoxel {
    source_from_target: DAffine3,
    last: DVec3,
}

impl NearestVoxel {
    fn new(source: &Grid, target: &Grid) -> Self {
        Self {
            source_from_target: source.voxel_from_world() * target.world_from_voxel(),
            last: DVec3::from(source.dims().map(|n| n as f64 - 1.0)),
        }
    }

    fn source(&self, target: [usize; 3]) -> [usize; 3] {
        let at = self
            .source_from_target
            .transform_point3(DVec3::from(target.map(|v| v as f64)));
        // Clamped to 0..=last, so the conversion cannot lose anything.
        at.clamp(DVec3::ZERO, self.last)
            .to_array()
            .map(|v| v.round_ties_even() as usize)
    }
}
