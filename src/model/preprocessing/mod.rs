//! Brings scans into the form a network was trained on, and results back.
//!
//! Crop to a region, orient to RAS, resample to the network's spacing, scale the
//! intensities; each step as MONAI does it (`Orientation`, `Spacing` with linear
//! interpolation and border values, `NormalizeIntensity`, `ScaleIntensityRange`).
//! Padding to whole windows happens later, in `inference`, on the scaled values.

mod intensity;
mod orientation;
mod spacing;

use glam::{DAffine3, DVec3};
use ndarray::{Array3, Array4, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::PreprocessingError;
use crate::base::{Grid, VoxelBox};
use crate::volume::{LabelMap, Volume};

pub use intensity::Intensity;

/// The orientation networks are fed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelOrientation {
    /// Indices grow to the right, to the front and to the head.
    #[serde(rename = "RAS")]
    Ras,
}

/// How a bundle's network wants its input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    pub orientation: ModelOrientation,
    /// Voxel size in mm along x, y, z after orienting, or the scan's own.
    pub spacing_mm: Option<[f64; 3]>,
    pub intensity: Intensity,
}

impl Preprocessing {
    /// What is wrong with these settings, if anything, in words.
    pub fn problem(&self) -> Option<String> {
        if let Some(spacing) = self.spacing_mm
            && spacing.iter().any(|s| !(0.05..=50.0).contains(s))
        {
            return Some(format!(
                "spacing_mm is {spacing:?}, each must be 0.05 to 50"
            ));
        }
        self.intensity.problem()
    }
}

/// A network's input, and the way back to the scan.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// `[[channel, x, y, z]]` in C order, on [`grid`](Self::grid).
    pub input: Array4<f32>,
    /// The model grid: RAS order, the network's spacing. Its dimensions are those of
    /// `input`; note that `input` has z fastest.
    pub grid: Grid,
    /// The region of the scan that was used, on the scan's own voxels.
    pub region_grid: Grid,
}

/// Prepares one scan a channel, cropped to `region` of the first scan's grid.
///
/// Errors: no scan, scans on different grids, a region outside the scan, voxels that
/// are not finite, a spacing that gives too many voxels.
pub fn prepare(
    channels: &[&Volume],
    region: &VoxelBox,
    preprocessing: &Preprocessing,
) -> Result<Prepared, PreprocessingError> {
    let first = channels.first().ok_or(PreprocessingError::NoChannels)?;
    let region_grid = first.grid().crop(region)?;
    let mut input = None;
    let mut grid = region_grid;
    for (index, channel) in channels.iter().enumerate() {
        if !channel.grid().same_place(first.grid()) {
            return Err(PreprocessingError::DifferentGrids {
                name: channel.name().to_owned(),
                first: first.name().to_owned(),
            });
        }
        let values = channel.crop_to_f32(region);
        if !values.par_iter().all(|v| v.is_finite()) {
            return Err(PreprocessingError::NotFinite {
                name: channel.name().to_owned(),
            });
        }
        let (oriented_grid, oriented) = orientation::orient(&region_grid, values)?;
        let (channel_grid, mut array) = match preprocessing.spacing_mm {
            Some(spacing) => spacing::resample(&oriented_grid, oriented, spacing)?,
            None => (oriented_grid, oriented),
        };
        preprocessing.intensity.apply(&mut array);
        grid = channel_grid;
        input
            .get_or_insert_with(|| {
                let (x, y, z) = array.dim();
                Array4::zeros((channels.len(), x, y, z))
            })
            .index_axis_mut(Axis(0), index)
            .assign(&array);
    }
    let input = input.ok_or(PreprocessingError::NoChannels)?;
    Ok(Prepared {
        input,
        grid,
        region_grid,
    })
}

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
        let nearest = NearestVoxel::new(&self.grid, &self.region_grid);
        let [nx, ny, _] = self.region_grid.dims();
        let mut values = vec![0; self.region_grid.voxel_count()];
        values
            .par_chunks_mut(nx * ny)
            .enumerate()
            .for_each(|(z, slice)| {
                for (index, value) in slice.iter_mut().enumerate() {
                    *value = labels[nearest.source([index % nx, index / nx, z])];
                }
            });
        let count = values.len();
        LabelMap::new(self.region_grid, values).ok_or_else(|| size(count))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Voxels;
    use glam::DMat3;

    fn volume(values: Vec<f32>, name: &str) -> Volume {
        // Voxel axes run to the head, to the left and to the front.
        let world_from_voxel = DAffine3 {
            matrix3: DMat3::from_cols(DVec3::Z * 2.0, DVec3::NEG_X, DVec3::Y),
            translation: DVec3::new(5.0, -3.0, 1.0),
        };
        let grid = Grid::new([4, 3, 5], world_from_voxel).unwrap();
        Volume::new(grid, Voxels::F32(values), (1.0, 0.0), name).unwrap()
    }

    fn range() -> Preprocessing {
        let unit = [0.0, 1.0];
        Preprocessing {
            orientation: ModelOrientation::Ras,
            spacing_mm: None,
            intensity: Intensity::Range {
                from: unit,
                to: unit,
                clip: false,
            },
        }
    }

    #[test]
    fn every_voxel_stays_where_it_was() {
        let scan = volume((0..60).map(|v| v as f32).collect(), "scan");
        let region = VoxelBox {
            start: [1, 0, 2],
            size: [3, 2, 3],
        };
        let prepared = prepare(&[&scan], &region, &range()).unwrap();
        assert_eq!(prepared.grid.dims(), [2, 3, 3]);
        for ((_, x, y, z), &value) in prepared.input.indexed_iter() {
            let world = prepared.grid.world([x, y, z].map(|v| v as f64));
            let voxel = scan.grid().nearest_voxel(world).unwrap();
            assert_eq!(scan.value(voxel), Some(f64::from(value)));
            assert!(scan.grid().world(voxel.map(|v| v as f64)).distance(world) < 1e-12);
        }
    }

    #[test]
    fn labels_and_ids_make_the_round_trip() {
        let scan = volume(vec![0.0; 60], "scan");
        let region = VoxelBox::whole(scan.grid());
        let prepared = prepare(&[&scan], &region, &range()).unwrap();
        let ids: Vec<u16> = (0..60).collect();
        let on_model = prepared.values_from_region(&ids).unwrap();
        assert_eq!(prepared.labels_to_region(&on_model).unwrap().labels(), ids);
        assert!(prepared.values_from_region(&ids[1..]).is_err());
        assert!(
            prepared
                .labels_to_region(&Array3::zeros((1, 2, 3)))
                .is_err()
        );
    }

    #[test]
    fn unusable_scans_are_named() {
        let good = volume(vec![1.0; 60], "good");
        let region = VoxelBox::whole(good.grid());
        let mut values = vec![1.0; 60];
        values[17] = f32::NAN;
        let bad = volume(values, "bad");
        let error = prepare(&[&good, &bad], &region, &range()).unwrap_err();
        assert!(matches!(error, PreprocessingError::NotFinite { name } if name == "bad"));
        let grid = Grid::new([4, 3, 5], DAffine3::IDENTITY).unwrap();
        let moved = Volume::new(grid, Voxels::U8(vec![0; 60]), (1.0, 0.0), "moved").unwrap();
        let error = prepare(&[&good, &moved], &region, &range()).unwrap_err();
        assert!(
            matches!(error, PreprocessingError::DifferentGrids { name, .. } if name == "moved")
        );
    }
}
