//! Where voxels are: a grid of samples and its affine into the world.
//!
//! World space is RAS+ in millimetres everywhere in the program: x grows to the
//! patient's right, y to the front, z to the head. Voxel coordinates are
//! continuous, with integers at voxel centres.

use glam::{DAffine3, DVec3};

/// Why a grid cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GridError {
    #[error("the image has an empty dimension ({0} × {1} × {2} voxels)")]
    Empty(usize, usize, usize),
    #[error("the image has more voxels than this computer can address ({0} × {1} × {2})")]
    TooLarge(usize, usize, usize),
    #[error("the image's affine is singular or not finite, so its place in the body is unknown")]
    SingularAffine,
    #[error(
        "the region lies outside the scan; move the region box so that it covers part of the image"
    )]
    OutsideScan,
}

/// Dimensions of a 3D image and the affine that places it in the body.
///
/// Data on a grid is stored with x fastest: the sample at `(x, y, z)` has index
/// `x + dims[0] * (y + dims[1] * z)`, the order of NIfTI files and of GPU textures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    dims: [usize; 3],
    world_from_voxel: DAffine3,
    voxel_from_world: DAffine3,
}

impl Grid {
    /// A grid with at least one voxel along every axis and an invertible affine.
    pub fn new(dims: [usize; 3], world_from_voxel: DAffine3) -> Result<Self, GridError> {
        let [nx, ny, nz] = dims;
        if nx == 0 || ny == 0 || nz == 0 {
            return Err(GridError::Empty(nx, ny, nz));
        }
        nx.checked_mul(ny)
            .and_then(|n| n.checked_mul(nz))
            .filter(|&n| n <= isize::MAX as usize / 16)
            .ok_or(GridError::TooLarge(nx, ny, nz))?;
        let scale = world_from_voxel
            .matrix3
            .to_cols_array()
            .iter()
            .fold(0.0_f64, |a, b| a.max(b.abs()));
        let determinant = world_from_voxel.matrix3.determinant();
        if !world_from_voxel.is_finite()
            || !determinant.is_normal()
            || determinant.abs() < 1e-12 * scale.powi(3)
        {
            return Err(GridError::SingularAffine);
        }
        Ok(Self {
            dims,
            world_from_voxel,
            voxel_from_world: world_from_voxel.inverse(),
        })
    }

    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// Maps voxel coordinates (centres at integers) to RAS+ millimetres.
    pub fn world_from_voxel(&self) -> DAffine3 {
        self.world_from_voxel
    }

    pub fn voxel_from_world(&self) -> DAffine3 {
        self.voxel_from_world
    }

    pub fn voxel_count(&self) -> usize {
        self.dims.iter().product()
    }

    /// Distance between neighbouring voxel centres along each voxel axis, in mm.
    pub fn spacing_mm(&self) -> [f64; 3] {
        let m = self.world_from_voxel.matrix3;
        [m.x_axis.length(), m.y_axis.length(), m.z_axis.length()]
    }

    pub fn voxel_volume_mm3(&self) -> f64 {
        self.world_from_voxel.matrix3.determinant().abs()
    }

    /// Index of a voxel in the data. The caller keeps the position inside `dims`.
    pub fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        x + self.dims[0] * (y + self.dims[1] * z)
    }

    /// Position of an index in the data.
    pub fn position(&self, index: usize) -> [usize; 3] {
        let [nx, ny, _] = self.dims;
        [index % nx, index / nx % ny, index / (nx * ny)]
    }

    pub fn world(&self, voxel: [f64; 3]) -> DVec3 {
        self.world_from_voxel.transform_point3(DVec3::from(voxel))
    }

    pub fn voxel(&self, world_mm: DVec3) -> DVec3 {
        self.voxel_from_world.transform_point3(world_mm)
    }

    /// The voxel whose cell contains a world point, if the point is in the image.
    pub fn nearest_voxel(&self, world_mm: DVec3) -> Option<[usize; 3]> {
        let v = self.voxel(world_mm).to_array();
        let mut voxel = [0; 3];
        for axis in 0..3 {
            let rounded = (v[axis] + 0.5).floor();
            if !(rounded >= 0.0 && rounded < self.dims[axis] as f64) {
                return None;
            }
            voxel[axis] = rounded as usize;
        }
        Some(voxel)
    }

    /// World position of the middle of the image.
    pub fn center_mm(&self) -> DVec3 {
        self.world(self.dims.map(|n| (n as f64 - 1.0) / 2.0))
    }

    /// The smallest world-aligned box around all voxel cells.
    pub fn world_bounds(&self) -> WorldBox {
        let mut bounds = WorldBox::EMPTY;
        for corner in 0..8 {
            let v = std::array::from_fn(|axis| {
                if corner >> axis & 1 == 0 {
                    -0.5
                } else {
                    self.dims[axis] as f64 - 0.5
                }
            });
            bounds.grow(self.world(v));
        }
        bounds
    }

    /// The voxels whose cells a world box touches with at least half their width,
    /// that is, whose centres lie in the box (bounding range for oblique grids).
    pub fn voxels_in(&self, region: &WorldBox) -> Result<VoxelBox, GridError> {
        let mut low = DVec3::INFINITY;
        let mut high = DVec3::NEG_INFINITY;
        for corner in region.corners() {
            let v = self.voxel(corner);
            low = low.min(v);
            high = high.max(v);
        }
        let (low, high) = (low.to_array(), high.to_array());
        let mut start = [0; 3];
        let mut size = [0; 3];
        for axis in 0..3 {
            let last = self.dims[axis] as f64 - 1.0;
            // A hair of slack keeps a centre that lies exactly on the box inside it.
            let first = (low[axis] - 1e-6).ceil().max(0.0);
            let end = (high[axis] + 1e-6).floor().min(last);
            if first
                .partial_cmp(&end)
                .is_none_or(std::cmp::Ordering::is_gt)
            {
                return Err(GridError::OutsideScan);
            }
            start[axis] = first as usize;
            size[axis] = (end - first) as usize + 1;
        }
        Ok(VoxelBox { start, size })
    }

    /// The grid of a part of this image, in the same place in the world.
    pub fn crop(&self, part: &VoxelBox) -> Result<Grid, GridError> {
        for axis in 0..3 {
            if part.start[axis] + part.size[axis] > self.dims[axis] {
                return Err(GridError::OutsideScan);
            }
        }
        let mut world_from_voxel = self.world_from_voxel;
        world_from_voxel.translation = self.world(part.start.map(|v| v as f64));
        Grid::new(part.size, world_from_voxel)
    }

    /// Whether two grids have the same dimensions and place, to a thousandth of a voxel.
    pub fn same_place(&self, other: &Grid) -> bool {
        let tolerance = 1e-3
            * self
                .spacing_mm()
                .iter()
                .fold(f64::INFINITY, |a, &b| a.min(b));
        self.dims == other.dims
            && (0..8).all(|corner| {
                let v = std::array::from_fn(|axis| {
                    if corner >> axis & 1 == 0 {
                        0.0
                    } else {
                        self.dims[axis] as f64
                    }
                });
                self.world(v).distance(other.world(v)) <= tolerance
            })
    }
}

/// A box of voxels inside a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoxelBox {
    pub start: [usize; 3],
    pub size: [usize; 3],
}

impl VoxelBox {
    /// All voxels of a grid.
    pub fn whole(grid: &Grid) -> Self {
        Self {
            start: [0; 3],
            size: grid.dims(),
        }
    }

    pub fn voxel_count(&self) -> usize {
        self.size.iter().product()
    }
}

/// A box aligned with the world axes, in RAS+ millimetres.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct WorldBox {
    pub min: [f64; 3],
    pub max: [f64; 3],
}

impl WorldBox {
    /// The box that contains nothing and grows to what is added to it.
    pub const EMPTY: Self = Self {
        min: [f64::INFINITY; 3],
        max: [f64::NEG_INFINITY; 3],
    };

    pub fn grow(&mut self, point_mm: DVec3) {
        self.min = DVec3::from(self.min).min(point_mm).to_array();
        self.max = DVec3::from(self.max).max(point_mm).to_array();
    }

    pub fn size_mm(&self) -> DVec3 {
        DVec3::from(self.max) - DVec3::from(self.min)
    }

    pub fn center_mm(&self) -> DVec3 {
        (DVec3::from(self.max) + DVec3::from(self.min)) / 2.0
    }

    pub fn contains(&self, point_mm: DVec3) -> bool {
        let p = point_mm.to_array();
        (0..3).all(|axis| p[axis] >= self.min[axis] && p[axis] <= self.max[axis])
    }

    pub fn corners(&self) -> [DVec3; 8] {
        std::array::from_fn(|corner| {
            DVec3::from(std::array::from_fn::<f64, 3, _>(|axis| {
                if corner >> axis & 1 == 0 {
                    self.min[axis]
                } else {
                    self.max[axis]
                }
            }))
        })
    }

    /// The same box, moved.
    pub fn translated(&self, by_mm: DVec3) -> Self {
        Self {
            min: (DVec3::from(self.min) + by_mm).to_array(),
            max: (DVec3::from(self.max) + by_mm).to_array(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DMat3;

    fn grid() -> Grid {
        let world_from_voxel = DAffine3 {
            matrix3: DMat3::from_diagonal(DVec3::new(-2.0, 1.0, 3.0)),
            translation: DVec3::new(10.0, -5.0, 0.0),
        };
        Grid::new([10, 20, 30], world_from_voxel).unwrap()
    }

    #[test]
    fn crop_keeps_every_voxel_where_it_was() {
        let grid = grid();
        let part = VoxelBox {
            start: [2, 3, 4],
            size: [5, 6, 7],
        };
        let cropped = grid.crop(&part).unwrap();
        assert_eq!(cropped.world([1.0, 1.0, 1.0]), grid.world([3.0, 4.0, 5.0]));
        assert!(
            grid.crop(&VoxelBox {
                start: [9, 0, 0],
                size: [2, 1, 1]
            })
            .is_err()
        );
    }

    #[test]
    fn voxels_in_takes_centres_inside_the_box() {
        // x runs from 10 down to -8 in steps of 2; z from 0 to 87 in steps of 3.
        let region = WorldBox {
            min: [-1.0, -5.0, 2.0],
            max: [4.0, -4.5, 9.0],
        };
        let part = grid().voxels_in(&region).unwrap();
        assert_eq!(
            part,
            VoxelBox {
                start: [3, 0, 1],
                size: [3, 1, 3]
            }
        );
        let outside = region.translated(DVec3::new(0.0, 0.0, 500.0));
        assert_eq!(grid().voxels_in(&outside), Err(GridError::OutsideScan));
    }

    #[test]
    fn nearest_voxel_covers_the_cell_and_no_more() {
        let grid = grid();
        assert_eq!(
            grid.nearest_voxel(DVec3::new(10.9, -5.4, 1.4)),
            Some([0, 0, 0])
        );
        assert_eq!(grid.nearest_voxel(DVec3::new(11.1, -5.0, 0.0)), None);
        assert_eq!(grid.nearest_voxel(DVec3::NAN), None);
    }

    #[test]
    fn bad_grids_are_refused() {
        assert!(matches!(
            Grid::new([0, 1, 1], DAffine3::IDENTITY),
            Err(GridError::Empty(..))
        ));
        let flat = DAffine3::from_scale(DVec3::new(1.0, 1.0, 0.0));
        assert_eq!(Grid::new([1, 1, 1], flat), Err(GridError::SingularAffine));
        assert!(matches!(
            Grid::new([usize::MAX, 2, 2], DAffine3::IDENTITY),
            Err(GridError::TooLarge(..))
        ));
        let tiny = DAffine3::from_scale(DVec3::splat(1e-4));
        assert!(Grid::new([1, 1, 1], tiny).is_ok());
    }
}
