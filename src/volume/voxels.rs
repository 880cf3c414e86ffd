//! A scan: voxels in their native type, a value scale, and a place in the world.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::base::{Grid, VoxelBox};

/// Voxel values in the type of their file, x fastest.
///
/// Equal where type and values are equal, wherever they are kept.
#[derive(Debug, Clone)]
pub enum Voxels {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    /// Numbers that stay in memory which is not ours, such as a mapped file.
    Shared(SharedVoxels),
}

/// Borrowed voxels: one slice of the type that [`Voxels`] hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum VoxelSlice<'a> {
    U8(&'a [u8]),
    I8(&'a [i8]),
    U16(&'a [u16]),
    I16(&'a [i16]),
    U32(&'a [u32]),
    I32(&'a [i32]),
    U64(&'a [u64]),
    I64(&'a [i64]),
    F32(&'a [f32]),
    F64(&'a [f64]),
}

/// Memory that several owners may read.
type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Voxels inside bytes that several owners share, in this machine's byte order.
/// Clones share the bytes.
#[derive(Clone)]
pub struct SharedVoxels {
    bytes: SharedBytes,
    range: Range<usize>,
    voxel_type: VoxelType,
}

impl SharedVoxels {
    /// The voxels in a range of bytes. `None` if the range leaves the bytes, holds a
    /// part of a voxel, or begins where a number of this type may not begin.
    pub fn new(bytes: SharedBytes, range: Range<usize>, voxel_type: VoxelType) -> Option<Self> {
        let part = (*bytes).as_ref().get(range.clone())?;
        let size = voxel_type.size_bytes();
        // A number's alignment is its size on every machine the program is built for.
        (part.len().is_multiple_of(size) && part.as_ptr().addr().is_multiple_of(size)).then_some(
            Self {
                bytes,
                range,
                voxel_type,
            },
        )
    }

    fn as_slice(&self) -> VoxelSlice<'_> {
        let bytes = (*self.bytes)
            .as_ref()
            .get(self.range.clone())
            .unwrap_or_default();
        match self.voxel_type {
            VoxelType::U8 => VoxelSlice::U8(bytes),
            VoxelType::I8 => VoxelSlice::I8(numbers(bytes)),
            VoxelType::U16 => VoxelSlice::U16(numbers(bytes)),
            VoxelType::I16 => VoxelSlice::I16(numbers(bytes)),
            VoxelType::U32 => VoxelSlice::U32(numbers(bytes)),
            VoxelType::I32 => VoxelSlice::I32(numbers(bytes)),
            VoxelType::U64 => VoxelSlice::U64(numbers(bytes)),
            VoxelType::I64 => VoxelSlice::I64(numbers(bytes)),
            VoxelType::F32 => VoxelSlice::F32(numbers(bytes)),
            VoxelType::F64 => VoxelSlice::F64(numbers(bytes)),
        }
    }
}

/// Bytes as numbers; `new` has checked size and alignment.
fn numbers<T: bytemuck::Pod>(bytes: &[u8]) -> &[T] {
    bytemuck::try_cast_slice(bytes).unwrap_or_default()
}

impl fmt::Debug for SharedVoxels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedVoxels")
            .field("range", &self.range)
            .field("voxel_type", &self.voxel_type)
            .finish_non_exhaustive()
    }
}

/// The type of one stored voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VoxelType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl VoxelType {
    pub fn size_bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The type in words, for example `16-bit integer`.
    pub fn label(self) -> &'static str {
        match self {
            Self::U8 => "8-bit unsigned integer",
            Self::I8 => "8-bit integer",
            Self::U16 => "16-bit unsigned integer",
            Self::I16 => "16-bit integer",
            Self::U32 => "32-bit unsigned integer",
            Self::I32 => "32-bit integer",
            Self::U64 => "64-bit unsigned integer",
            Self::I64 => "64-bit integer",
            Self::F32 => "32-bit float",
            Self::F64 => "64-bit float",
        }
    }
}

/// Runs the same expression on whatever slice a [`VoxelSlice`] is.
macro_rules! with_voxels {
    ($voxels:expr, $vec:ident => $body:expr) => {
        match $voxels {
            VoxelSlice::U8($vec) => $body,
            VoxelSlice::I8($vec) => $body,
            VoxelSlice::U16($vec) => $body,
            VoxelSlice::I16($vec) => $body,
            VoxelSlice::U32($vec) => $body,
            VoxelSlice::I32($vec) => $body,
            VoxelSlice::U64($vec) => $body,
            VoxelSlice::I64($vec) => $body,
            VoxelSlice::F32($vec) => $body,
            VoxelSlice::F64($vec) => $body,
        }
    };
}

impl Voxels {
    /// All voxels as one slice of their type.
    pub fn as_slice(&self) -> VoxelSlice<'_> {
        match self {
            Self::U8(v) => VoxelSlice::U8(v),
            Self::I8(v) => VoxelSlice::I8(v),
            Self::U16(v) => VoxelSlice::U16(v),
            Self::I16(v) => VoxelSlice::I16(v),
            Self::U32(v) => VoxelSlice::U32(v),
            Self::I32(v) => VoxelSlice::I32(v),
            Self::U64(v) => VoxelSlice::U64(v),
            Self::I64(v) => VoxelSlice::I64(v),
            Self::F32(v) => VoxelSlice::F32(v),
            Self::F64(v) => VoxelSlice::F64(v),
            Self::Shared(shared) => shared.as_slice(),
        }
    }

    pub fn len(&self) -> usize {
        with_voxels!(self.as_slice(), v => v.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn voxel_type(&self) -> VoxelType {
        match self {
            Self::U8(_) => VoxelType::U8,
            Self::I8(_) => VoxelType::I8,
            Self::U16(_) => VoxelType::U16,
            Self::I16(_) => VoxelType::I16,
            Self::U32(_) => VoxelType::U32,
            Self::I32(_) => VoxelType::I32,
            Self::U64(_) => VoxelType::U64,
            Self::I64(_) => VoxelType::I64,
            Self::F32(_) => VoxelType::F32,
            Self::F64(_) => VoxelType::F64,
            Self::Shared(shared) => shared.voxel_type,
        }
    }

    /// The stored number at an index, before slope and intercept.
    #[allow(
        clippy::unnecessary_cast,
        reason = "the cast is one only for some of the types"
    )]
    pub fn get(&self, index: usize) -> Option<f64> {
        with_voxels!(self.as_slice(), v => v.get(index).map(|&value| value as f64))
    }

    /// Every so many voxels of a box inside data of `dims`, x fastest, in the same
    /// type. `None` if the data has another size or the picks leave it.
    pub fn pick(
        &self,
        dims: [usize; 3],
        picks: &[Range<usize>; 3],
        stride: [usize; 3],
    ) -> Option<Self> {
        fn pick<T: Copy>(
            all: &[T],
            dims: [usize; 3],
            [xs, ys, zs]: &[Range<usize>; 3],
            [nx, ny, nz]: [usize; 3],
        ) -> Option<Vec<T>> {
            let count = |range: &Range<usize>, n: usize| range.len().div_ceil(n);
            let mut out = Vec::with_capacity(count(xs, nx) * count(ys, ny) * count(zs, nz));
            for z in zs.clone().step_by(nz) {
                for y in ys.clone().step_by(ny) {
                    let row = dims[0] * (y + dims[1] * z);
                    let row = all.get(row + xs.start..row + xs.end)?;
                    out.extend(row.iter().step_by(nx));
                }
            }
            Some(out)
        }
        let whole = dims
            .iter()
            .try_fold(1_usize, |n, &size| n.checked_mul(size))?;
        let inside = (0..3).all(|axis| picks[axis].end <= dims[axis] && stride[axis] > 0);
        if whole != self.len() || !inside {
            return None;
        }
        Some(match self.as_slice() {
            VoxelSlice::U8(v) => Self::U8(pick(v, dims, picks, stride)?),
            VoxelSlice::I8(v) => Self::I8(pick(v, dims, picks, stride)?),
            VoxelSlice::U16(v) => Self::U16(pick(v, dims, picks, stride)?),
            VoxelSlice::I16(v) => Self::I16(pick(v, dims, picks, stride)?),
            VoxelSlice::U32(v) => Self::U32(pick(v, dims, picks, stride)?),
            VoxelSlice::I32(v) => Self::I32(pick(v, dims, picks, stride)?),
            VoxelSlice::U64(v) => Self::U64(pick(v, dims, picks, stride)?),
            VoxelSlice::I64(v) => Self::I64(pick(v, dims, picks, stride)?),
            VoxelSlice::F32(v) => Self::F32(pick(v, dims, picks, stride)?),
            VoxelSlice::F64(v) => Self::F64(pick(v, dims, picks, stride)?),
        })
    }
}

impl PartialEq for Voxels {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

/// A scalar 3D image with its place in the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    grid: Grid,
    voxels: Voxels,
    slope: f64,
    intercept: f64,
    name: String,
}

impl Volume {
    /// A volume of `grid.voxel_count()` voxels whose values are
    /// `stored * slope + intercept`. `None` if the number of voxels disagrees.
    pub fn new(
        grid: Grid,
        voxels: Voxels,
        (slope, intercept): (f64, f64),
        name: impl Into<String>,
    ) -> Option<Self> {
        (voxels.len() == grid.voxel_count()).then(|| Self {
            grid,
            voxels,
            slope,
            intercept,
            name: name.into(),
        })
    }

    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    pub fn voxels(&self) -> &Voxels {
        &self.voxels
    }

    /// The name shown to the user: the file's name without folders and extension.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Slope and intercept that turn stored numbers into values.
    pub fn value_scale(&self) -> (f64, f64) {
        (self.slope, self.intercept)
    }

    /// The value of a voxel, from the data itself.
    pub fn value(&self, voxel: [usize; 3]) -> Option<f64> {
        let dims = self.grid.dims();
        if (0..3).any(|axis| voxel[axis] >= dims[axis]) {
            return None;
        }
        self.voxels
            .get(self.grid.index(voxel))
            .map(|stored| stored * self.slope + self.intercept)
    }

    /// All values as `f32`, x fastest.
    pub fn to_f32(&self) -> Vec<f32> {
        to_f32(self.voxels.as_slice(), self.value_scale())
    }

    /// The values inside a box of voxels as `f32`, x fastest.
    pub fn crop_to_f32(&self, part: &VoxelBox) -> Vec<f32> {
        let dims = self.grid.dims();
        if part.start == [0; 3] && part.size == dims {
            return self.to_f32();
        }
        let picks = std::array::from_fn(|axis| {
            part.start[axis]..(part.start[axis] + part.size[axis]).min(dims[axis])
        });
        let Some(voxels) = self.voxels.pick(dims, &picks, [1; 3]) else {
            return Vec::new();
        };
        to_f32(voxels.as_slice(), self.value_scale())
    }
}

#[allow(
    clippy::unnecessary_cast,
    reason = "the cast is one only for some of the types"
)]
fn to_f32(voxels: VoxelSlice<'_>, (slope, intercept): (f64, f64)) -> Vec<f32> {
    if slope == 1.0 && intercept == 0.0 {
        // Exact for types that fit, and never rounded twice for the others.
        return with_voxels!(voxels, v => v.par_iter().map(|&x| x as f32).collect());
    }
    with_voxels!(voxels, v => v
        .par_iter()
        .map(|&x| (x as f64 * slope + intercept) as f32)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DAffine3;

    #[test]
    fn shared_voxels_equal_their_own_and_refuse_what_is_not_whole() {
        let own: Vec<i16> = (-4..8).collect();
        // 64-bit numbers, so that the first byte is aligned for every type.
        let mut words = vec![0_u64; 4];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[8..]
            .copy_from_slice(bytemuck::cast_slice(&own));
        struct Words(Vec<u64>);
        impl AsRef<[u8]> for Words {
            fn as_ref(&self) -> &[u8] {
                bytemuck::cast_slice(&self.0)
            }
        }
        let bytes: SharedBytes = Arc::new(Words(words));
        let shared = |range, t| SharedVoxels::new(bytes.clone(), range, t);
        let voxels = Voxels::Shared(shared(8..32, VoxelType::I16).unwrap());
        assert_eq!(voxels, Voxels::I16(own.clone()));
        assert_ne!(voxels, Voxels::U16(own.iter().map(|&v| v as u16).collect()));
        assert_eq!((voxels.len(), voxels.get(1)), (12, Some(-3.0)));
        assert!(shared(9..31, VoxelType::I16).is_none());
        assert!(shared(8..31, VoxelType::I16).is_none());
        assert!(shared(8..34, VoxelType::I16).is_none());
        assert!(shared(4..12, VoxelType::F64).is_none());

        let grid = Grid::new([3, 2, 2], DAffine3::IDENTITY).unwrap();
        let volume = Volume::new(grid, voxels, (2.0, 1.0), "shared").unwrap();
        assert_eq!(volume.value([2, 1, 1]), Some(15.0));
        let part = VoxelBox {
            start: [1, 0, 1],
            size: [2, 2, 1],
        };
        assert_eq!(volume.crop_to_f32(&part), [7.0, 9.0, 13.0, 15.0]);
    }

    #[test]
    fn picks_take_every_so_many_voxels_of_a_box() {
        let voxels = Voxels::U8((0..60).collect());
        let picked = voxels.pick([5, 4, 3], &[1..5, 0..3, 1..3], [3, 2, 2]);
        assert_eq!(picked, Some(Voxels::U8(vec![21, 24, 31, 34])));
        assert_eq!(voxels.pick([5, 4, 3], &[1..6, 0..3, 1..3], [1; 3]), None);
        assert_eq!(voxels.pick([5, 4, 4], &[0..5, 0..4, 0..4], [1; 3]), None);
        assert_eq!(voxels.pick([5, 4, 3], &[0..5, 0..4, 0..3], [0; 3]), None);
    }
}
