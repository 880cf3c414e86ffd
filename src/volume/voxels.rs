//! A scan: voxels in their native type, a value scale, and a place in the world.

use rayon::prelude::*;

use crate::base::{Grid, VoxelBox};

/// Voxel values in the type of their file, x fastest.
#[derive(Debug, Clone, PartialEq)]
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

/// Runs the same expression on whatever vector a [`Voxels`] holds.
macro_rules! with_voxels {
    ($voxels:expr, $vec:ident => $body:expr) => {
        match $voxels {
            Voxels::U8($vec) => $body,
            Voxels::I8($vec) => $body,
            Voxels::U16($vec) => $body,
            Voxels::I16($vec) => $body,
            Voxels::U32($vec) => $body,
            Voxels::I32($vec) => $body,
            Voxels::U64($vec) => $body,
            Voxels::I64($vec) => $body,
            Voxels::F32($vec) => $body,
            Voxels::F64($vec) => $body,
        }
    };
}

impl Voxels {
    pub fn len(&self) -> usize {
        with_voxels!(self, v => v.len())
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
        }
    }

    /// The stored number at an index, before slope and intercept.
    #[allow(
        clippy::unnecessary_cast,
        reason = "the cast is one only for some of the types"
    )]
    pub fn get(&self, index: usize) -> Option<f64> {
        with_voxels!(self, v => v.get(index).map(|&value| value as f64))
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
    #[allow(
        clippy::unnecessary_cast,
        reason = "the cast is one only for some of the types"
    )]
    pub fn to_f32(&self) -> Vec<f32> {
        let (slope, intercept) = (self.slope, self.intercept);
        if slope == 1.0 && intercept == 0.0 {
            // Exact for types that fit, and never rounded twice for the others.
            return with_voxels!(&self.voxels, v => v.par_iter().map(|&x| x as f32).collect());
        }
        with_voxels!(&self.voxels, v => v
            .par_iter()
            .map(|&x| (x as f64 * slope + intercept) as f32)
            .collect())
    }

    /// The values inside a box of voxels as `f32`, x fastest.
    pub fn crop_to_f32(&self, part: &VoxelBox) -> Vec<f32> {
        let dims = self.grid.dims();
        if part.start == [0; 3] && part.size == dims {
            return self.to_f32();
        }
        let mut values = Vec::with_capacity(part.voxel_count());
        let [sx, sy, sz] = part.start;
        for z in sz..(sz + part.size[2]).min(dims[2]) {
            for y in sy..(sy + part.size[1]).min(dims[1]) {
                let first = self.grid.index([sx, y, z]);
                for index in first..first + part.size[0].min(dims[0] - sx) {
                    let stored = self.voxels.get(index).unwrap_or(0.0);
                    values.push((stored * self.slope + self.intercept) as f32);
                }
            }
        }
        values
    }
}
