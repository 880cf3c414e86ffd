//! Brings scans into the form a network was trained on, and results back.
//!
//! Crop to a region, orient, resample to the network's spacing, scale the intensities,
//! crop to the foreground; each step as MONAI does it (`Orientation`, `Spacing` with
//! linear interpolation and border values, `NormalizeIntensity`, `ScaleIntensityRange`,
//! `CropForeground`). Padding to whole windows happens later, in `inference`, on the
//! scaled values. The way back to the scan is in `inverse`.

mod foreground;
mod intensity;
mod inverse;
mod orientation;
mod spacing;

use ndarray::{Array4, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::PreprocessingError;
use crate::base::{AnatomicalAxis, Direction, Grid, Orientation, VoxelBox};
use crate::volume::Volume;

pub use foreground::{CropBox, ForegroundCrop};
pub use intensity::Intensity;

/// The orientation a network is fed in: the sides that the three indices grow toward,
/// written as nibabel's axis codes, for example `RAS`; or `native`, the order in which
/// the scan's file has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelOrientation(Option<Orientation>);

/// What stands for the scan's own orientation.
const NATIVE: &str = "native";

impl ModelOrientation {
    /// The order in which the scan's file has its voxels.
    pub const NATIVE: Self = Self(None);

    /// From three letters such as `LPS`, or `native`; `None` for other texts.
    pub fn from_letters(text: &str) -> Option<Self> {
        if text == NATIVE {
            return Some(Self::NATIVE);
        }
        Orientation::from_letters(text).map(|known| Self(Some(known)))
    }

    /// Indices grow to the right, to the front and to the head.
    pub fn ras() -> Self {
        let along = |axis| Direction {
            axis,
            reversed: false,
        };
        Self(Some(Orientation(AnatomicalAxis::ALL.map(along))))
    }

    pub fn letters(self) -> String {
        self.0
            .map_or_else(|| NATIVE.to_owned(), Orientation::letters)
    }

    /// The orientation in which a scan on this grid is fed in.
    fn of(self, grid: &Grid) -> Orientation {
        self.0.unwrap_or_else(|| Orientation::of(grid))
    }
}

impl TryFrom<String> for ModelOrientation {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::from_letters(&text).ok_or_else(|| {
            format!(
                "an orientation is three letters, one of R L, A P and S I each, or native, not \
                 {text:?}"
            )
        })
    }
}

impl From<ModelOrientation> for String {
    fn from(orientation: ModelOrientation) -> Self {
        orientation.letters()
    }
}

/// How a bundle's network wants its input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    pub orientation: ModelOrientation,
    /// Voxel size in mm along x, y, z after orienting, or the scan's own.
    pub spacing_mm: Option<[f64; 3]>,
    pub intensity: Intensity,
    /// Whether and how the scaled image is cropped to where something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop_foreground: Option<ForegroundCrop>,
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
        self.crop_foreground
            .and_then(|crop| crop.problem())
            .or_else(|| self.intensity.problem())
    }
}

/// A network's input, and the way back to the scan.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// `[[channel, x, y, z]]` in C order, on [`grid`](Self::grid).
    pub input: Array4<f32>,
    /// The model grid: the network's orientation and spacing. Its dimensions are those
    /// of `input`; note that `input` has z fastest.
    pub grid: Grid,
    /// The region of the scan that was used, on the scan's own voxels.
    pub region_grid: Grid,
    /// The model grid before it was cropped to the foreground.
    full_grid: Grid,
    /// Where `grid` lies in `full_grid`.
    crop: Option<CropBox>,
}

/// Prepares one scan a channel, cropped to `region` of the first scan's grid.
///
/// Errors: no scan, scans on different grids, a region outside the scan, voxels that
/// are not finite, a spacing that gives too many voxels, an image without foreground
/// where it is to be cropped to that.
pub fn prepare(
    channels: &[&Volume],
    region: &VoxelBox,
    preprocessing: &Preprocessing,
) -> Result<Prepared, PreprocessingError> {
    let first = channels.first().ok_or(PreprocessingError::NoChannels)?;
    let region_grid = first.grid().crop(region)?;
    let mut input = None;
    let mut full_grid = region_grid;
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
        let (oriented_grid, oriented) = orientation::orient(
            &region_grid,
            values,
            preprocessing.orientation.of(&region_grid),
        )?;
        let (channel_grid, mut array) = match preprocessing.spacing_mm {
            Some(spacing) => spacing::resample(&oriented_grid, oriented, spacing)?,
            None => (oriented_grid, oriented),
        };
        preprocessing.intensity.apply(&mut array);
        full_grid = channel_grid;
        input
            .get_or_insert_with(|| {
                let (x, y, z) = array.dim();
                Array4::zeros((channels.len(), x, y, z))
            })
            .index_axis_mut(Axis(0), index)
            .assign(&array);
    }
    let mut prepared = Prepared {
        input: input.ok_or(PreprocessingError::NoChannels)?,
        grid: full_grid,
        region_grid,
        full_grid,
        crop: None,
    };
    if let Some(crop) = &preprocessing.crop_foreground {
        prepared.crop_to_foreground(crop)?;
    }
    Ok(prepared)
}

impl Prepared {
    fn crop_to_foreground(&mut self, settings: &ForegroundCrop) -> Result<(), PreprocessingError> {
        let crop = settings
            .bounding_box(self.input.view())
            .ok_or(PreprocessingError::NoForeground)?;
        let mut world_from_voxel = self.full_grid.world_from_voxel();
        world_from_voxel.translation = self.full_grid.world(crop.start.map(|v| v as f64));
        self.grid = Grid::new(crop.size, world_from_voxel)?;
        self.input = crop.cut(self.input.view());
        self.crop = Some(crop);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Voxels;
    use glam::{DAffine3, DMat3, DVec3};
    use ndarray::Array3;

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
            orientation: ModelOrientation::ras(),
            spacing_mm: None,
            intensity: Intensity::Range {
                from: unit,
                to: unit,
                clip: false,
            },
            crop_foreground: None,
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
