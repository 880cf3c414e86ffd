//! How well a structure in two label maps agrees: overlap, distances of the surfaces,
//! volumes.
//!
//! Surfaces are the voxels of a structure with a face neighbour outside it or at the
//! border of the image, and distances run from centre to centre: the definitions of
//! MONAI's `compute_hausdorff_distance` and `compute_average_surface_distance`. The
//! 95th percentile is taken in each direction, with linear interpolation, and the
//! larger of the two counts (Maier-Hein et al., Metrics reloaded, Nature Methods 21,
//! 2024). medpy takes one percentile of both directions together, and DeepMind's
//! surface-distance weighs by area: their numbers differ a little.

use std::fmt;

use rayon::prelude::*;
use serde::Serialize;

use super::LabelMap;
use super::distance::distances_mm;
use crate::base::{Grid, VoxelBox};

/// Angles between voxel axes that are off a right one by more have no distances.
const MOST_SHEAR_DEGREES: f64 = 0.1;

/// Agreement of one structure in two maps. What cannot be computed is `None`, and
/// `undefined` says why.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// 2·|A∩B| / (|A|+|B|), 0 to 1.
    pub dice: Option<f64>,
    /// 95 % of the surface, in the worse direction, lies no farther from the other.
    pub hausdorff_95_mm: Option<f64>,
    /// Mean distance to the other surface, over the voxels of both surfaces.
    pub mean_surface_distance_mm: Option<f64>,
    /// Volume in the first map, in millilitres.
    pub volume_ml: f64,
    /// Volume in the second, the reference.
    pub reference_volume_ml: f64,
    /// Why a number is missing, if one is.
    pub undefined: Option<Undefined>,
}

/// Why a number about two structures cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undefined {
    /// There is nothing to compare.
    BothEmpty,
    /// Only the reference has it, so Dice is 0.
    NotFound,
    /// Only the first map has it, so Dice is 0.
    NotInReference,
    /// The passes of the distance transform need right angles.
    Sheared,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BothEmpty => "neither the segmentation nor the reference has it",
            Self::NotFound => "the segmentation does not have it, so it has no surface distance",
            Self::NotInReference => "the reference does not have it, so it has no surface distance",
            Self::Sheared => {
                "the voxel axes are not at right angles, so surface distances are not computed"
            }
        })
    }
}

impl Serialize for Undefined {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Agreement {
    /// Compares the voxels for which two functions of their index are true.
    pub fn of(
        grid: &Grid,
        first: impl Fn(usize) -> bool + Sync,
        reference: impl Fn(usize) -> bool + Sync,
    ) -> Self {
        let counts = Counts::of(grid, &first, &reference);
        let volume_ml = |count: usize| count as f64 * grid.voxel_volume_mm3() / 1000.0;
        let total = counts.first + counts.reference;
        let mut agreement = Self {
            dice: (total > 0).then(|| 2.0 * counts.both as f64 / total as f64),
            hausdorff_95_mm: None,
            mean_surface_distance_mm: None,
            volume_ml: volume_ml(counts.first),
            reference_volume_ml: volume_ml(counts.reference),
            undefined: None,
        };
        agreement.undefined = match (counts.first, counts.reference) {
            (0, 0) => Some(Undefined::BothEmpty),
            (0, _) => Some(Undefined::NotFound),
            (_, 0) => Some(Undefined::NotInReference),
            _ if shear_degrees(grid) > MOST_SHEAR_DEGREES => Some(Undefined::Sheared),
            _ => None,
        };
        if agreement.undefined.is_none()
            && let Some(part) = counts.bounding_box()
            && let Some(distances) = SurfaceDistances::of(grid, &part, &first, &reference)
        {
            agreement.hausdorff_95_mm = distances.percentile_95();
            agreement.mean_surface_distance_mm = distances.mean();
        }
        agreement
    }

    /// Compares one label of two maps on grids of one size and place. `None` for others.
    pub fn of_label(first: &LabelMap, reference: &LabelMap, label: u16) -> Option<Self> {
        if !first.grid().same_place(reference.grid()) {
            return None;
        }
        let has = |map: &LabelMap, index: usize| map.labels().get(index) == Some(&label);
        Some(Self::of(
            first.grid(),
            |index| has(first, index),
            |index| has(reference, index),
        ))
    }
}

/// The largest deviation of two voxel axes from a right angle.
fn shear_degrees(grid: &Grid) -> f64 {
    let m = grid.world_from_voxel().matrix3;
    let axes = [m.x_axis, m.y_axis, m.z_axis].map(glam::DVec3::normalize);
    [(0, 1), (0, 2), (1, 2)]
        .map(|(i, j): (usize, usize)| axes[i].dot(axes[j]).clamp(-1.0, 1.0).asin().abs())
        .into_iter()
        .fold(0.0, f64::max)
        .to_degrees()
}

/// Voxels of two structures, and the smallest box around both.
#[derive(Debug, Clone, Copy)]
struct Counts {
    first: usize,
    reference: usize,
    both: usize,
    low: [usize; 3],
    high: [usize; 3],
}

impl Counts {
    const NONE: Self = Self {
        first: 0,
        reference: 0,
        both: 0,
        low: [usize::MAX; 3],
        high: [0; 3],
    };

    fn of(
        grid: &Grid,
        first: &(impl Fn(usize) -> bool + Sync),
        reference: &(impl Fn(usize) -> bool + Sync),
    ) -> Self {
        let [nx, ny, nz] = grid.dims();
        (0..ny * nz)
            .into_par_iter()
            .map(|row| {
                let mut counts = Self::NONE;
                for x in 0..nx {
                    let (a, b) = (first(row * nx + x), reference(row * nx + x));
                    if a || b {
                        counts.first += usize::from(a);
                        counts.reference += usize::from(b);
                        counts.both += usize::from(a && b);
                        counts = counts.grown([x, row % ny, row / ny]);
                    }
                }
                counts
            })
            .reduce(|| Self::NONE, Self::joined)
    }

    fn grown(mut self, voxel: [usize; 3]) -> Self {
        for (axis, v) in voxel.into_iter().enumerate() {
            self.low[axis] = self.low[axis].min(v);
            self.high[axis] = self.high[axis].max(v);
        }
        self
    }

    fn joined(self, other: Self) -> Self {
        Self {
            first: self.first + other.first,
            reference: self.reference + other.reference,
            both: self.both + other.both,
            low: std::array::from_fn(|axis| self.low[axis].min(other.low[axis])),
            high: std::array::from_fn(|axis| self.high[axis].max(other.high[axis])),
        }
    }

    fn bounding_box(&self) -> Option<VoxelBox> {
        (self.first + self.reference > 0).then(|| VoxelBox {
            start: self.low,
            size: std::array::from_fn(|axis| self.high[axis] - self.low[axis] + 1),
        })
    }
}

/// Distances in mm from each voxel of a surface to the other surface, ascending.
struct SurfaceDistances {
    to_reference: Vec<f64>,
    from_reference: Vec<f64>,
}

impl SurfaceDistances {
    /// Of two structures that lie in a part of a grid.
    fn of(
        grid: &Grid,
        part: &VoxelBox,
        first: &(impl Fn(usize) -> bool + Sync),
        reference: &(impl Fn(usize) -> bool + Sync),
    ) -> Option<Self> {
        let (first, reference) = (surface(grid, part, first), surface(grid, part, reference));
        let sorted = |queries: &[bool], sources: &[bool]| {
            let mut distances = distances_mm(queries, sources, part.size, grid.spacing_mm())?;
            distances.par_sort_unstable_by(f64::total_cmp);
            Some(distances)
        };
        Some(Self {
            to_reference: sorted(&first, &reference)?,
            from_reference: sorted(&reference, &first)?,
        })
    }

    fn percentile_95(&self) -> Option<f64> {
        let there = percentile(&self.to_reference, 0.95)?;
        let back = percentile(&self.from_reference, 0.95)?;
        Some(there.max(back))
    }

    fn mean(&self) -> Option<f64> {
        let count = self.to_reference.len() + self.from_reference.len();
        let sum = self.to_reference.iter().sum::<f64>() + self.from_reference.iter().sum::<f64>();
        (count > 0).then(|| sum / count as f64)
    }
}

/// The value below which a share of sorted numbers lies, linearly between neighbours.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let at = share * sorted.len().checked_sub(1)? as f64;
    let low = *sorted.get(at.floor() as usize)?;
    let high = *sorted.get(at.ceil() as usize)?;
    Some(low + (high - low) * at.fract())
}

/// The voxels of a structure that have a face neighbour outside it. All of it lies in
/// the part, so that what is beyond the part is outside too.
fn surface(grid: &Grid, part: &VoxelBox, structure: &(impl Fn(usize) -> bool + Sync)) -> Vec<bool> {
    let [nx, ny, nz] = part.size;
    let [sx, sy, sz] = part.start;
    let inside: Vec<bool> = (0..ny * nz)
        .into_par_iter()
        .flat_map_iter(|row| {
            let start = grid.index([sx, sy + row % ny, sz + row / ny]);
            (start..start + nx).map(structure)
        })
        .collect();
    let is_inside = |index: usize| inside.get(index).copied().unwrap_or(false);
    (0..inside.len())
        .into_par_iter()
        .map(|index| {
            let voxel = [index % nx, index / nx % ny, index / (nx * ny)];
            let strides = [1, nx, nx * ny];
            let surrounded =
                voxel
                    .into_iter()
                    .zip(part.size)
                    .zip(strides)
                    .all(|((v, size), stride)| {
                        v > 0
                            && v + 1 < size
                            && is_inside(index - stride)
                            && is_inside(index + stride)
                    });
            is_inside(index) && !surrounded
        })
        .collect()
}
