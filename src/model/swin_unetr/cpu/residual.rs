//! The convolutional half: residual blocks, and the decoder's steps up.

use rayon::prelude::*;

use super::direct::Direct;
use super::map::{Map, Pool, Shared};
use super::matrix::{Finish, PackedMatrix, Rows, SLACK};
use super::norm::{InstanceNorm, Moments};
use super::simd::{InstructionSet, Simd, kernel};
use super::winograd::Winograd;
use crate::model::swin_unetr::config::LEAKY_SLOPE;

/// A 3×3×3 convolution without bias, in the way that is faster.
#[derive(Debug)]
pub enum Convolution {
    Direct(Direct),
    Winograd(Winograd),
}

impl Convolution {
    /// `weights` is `outputs × inputs × 3 × 3 × 3`. `large`: for maps of many voxels
    /// with even dimensions.
    pub fn new(
        set: InstructionSet,
        weights: &[f32],
        inputs: usize,
        outputs: usize,
        large: bool,
    ) -> Self {
        if large && inputs >= 8 {
            Self::Winograd(Winograd::new(set, weights, inputs, outputs))
        } else {
            Self::Direct(Direct::new(set, weights, inputs, outputs))
        }
    }

    /// From a map with a border of one voxel to a map without, and its norm.
    fn forward(&self, set: InstructionSet, from: &Map, to: &mut Map) -> InstanceNorm {
        let moments = match self {
            Self::Direct(direct) => {
                direct.forward(set, from, to);
                moments(set, to)
            }
            Self::Winograd(winograd) => winograd.forward(set, from, to),
        };
        InstanceNorm::new(&moments)
    }
}

/// Two 3×3×3 convolutions with instance norms and a shortcut (MONAI's
/// `UnetResBlock`). Where the width changes, the shortcut is a 1×1×1 convolution with
/// its own norm.
#[derive(Debug)]
pub struct ResidualBlock {
    pub set: InstructionSet,
    pub outputs: usize,
    pub conv1: Convolution,
    pub conv2: Convolution,
    pub conv3: Option<PackedMatrix>,
}

/// Where a block's result goes: some channels of a map, or through a last linear layer
/// into rows without a border.
pub enum Target<'a> {
    Channels {
        map: &'a mut Map,
        first: usize,
    },
    Linear {
        matrix: &'a PackedMatrix,
        rows: &'a mut [f32],
    },
}

impl ResidualBlock {
    /// From a map with a border of one voxel.
    pub fn forward(&self, from: &Map, target: Target<'_>, pool: &mut Pool) {
        let (set, dims) = (self.set, from.dims);
        let [d, h, w] = dims;
        let mut first = Map::new(pool, dims, self.outputs, 0);
        let norm1 = self.conv1.forward(set, from, &mut first);
        let mut inner = Map::new(pool, dims, self.outputs, 1);
        {
            let to = inner.shared();
            let (source, map) = (&first, &inner);
            (0..d).into_par_iter().for_each(|z| {
                for y in 0..h {
                    // SAFETY: a row of each map; each task writes its own plane.
                    unsafe {
                        let to = to.pointer().add(map.row(z, y));
                        let from = source.as_ptr().add(source.row(z, y));
                        normalise(set, from, &norm1, to, w, self.outputs);
                    }
                }
            });
        }
        let mut second = first;
        let norm2 = self.conv2.forward(set, &inner, &mut second);
        inner.recycle(pool);
        let shortcut = self.conv3.as_ref().map(|matrix| {
            let mut map = Map::new(pool, dims, self.outputs, 0);
            project(set, from, matrix, &mut map);
            let norm = InstanceNorm::new(&moments(set, &map));
            (map, norm)
        });
        let sum = Sum {
            inner: &second,
            norm: &norm2,
            from,
            shortcut: shortcut.as_ref().map(|(map, norm)| (map, norm)),
            channels: self.outputs,
        };
        match target {
            Target::Channels { map, first } => {
                assert!(map.dims == dims && first + self.outputs <= map.channels);
                let to = map.shared();
                let map = &*map;
                (0..d).into_par_iter().for_each(|z| {
                    for y in 0..h {
                        // SAFETY: a row of the map; each task writes its own plane.
                        unsafe {
                            let to = to.pointer().add(map.row(z, y) + first);
                            add_row(set, &sum, z, y, Rows::new(to, map.channels));
                        }
                    }
                });
            }
            Target::Linear { matrix, rows } => {
                let width = matrix.outputs;
                assert!(rows.len() >= d * h * w * width && matrix.inputs == self.outputs);
                let to = Shared::new(rows);
                (0..d).into_par_iter().for_each_init(
                    || vec![0.0; w * self.outputs + SLACK],
                    |scratch, z| {
                        for y in 0..h {
                            // SAFETY: rows of the result; each task writes its own plane.
                            unsafe {
                                let row = Rows::new(scratch.as_mut_ptr(), self.outputs);
                                add_row(set, &sum, z, y, row);
                                let to = to.pointer().add((z * h + y) * w * width);
                                let row = Rows::new(scratch.as_ptr(), self.outputs);
                                linear(set, matrix, row, Rows::new(to, width), w);
                            }
                        }
                    },
                );
            }
        }
        second.recycle(pool);
        if let Some((map, _)) = shortcut {
            map.recycle(pool);
        }
    }
}

/// What a block's result is made of.
pub struct Sum<'a> {
    inner: &'a Map,
    norm: &'a InstanceNorm,
    /// The block's input, and what stands for it where the width changes.
    from: &'a Map,
    shortcut: Option<(&'a Map, &'a InstanceNorm)>,
    channels: usize,
}

kernel! {
    /// One row of a block's result.
    ///
    /// # Safety
    ///
    /// `z` and `y` are inside the maps, and `to` is valid for a row of voxels.
    unsafe fn add_row<S>(sum: &Sum, z: usize, y: usize, to: Rows<*mut f32>) {
        let channels = sum.channels;
        let inner = sum.inner.values()[sum.inner.row(z, y)..].as_ptr();
        let (other, stride) = match sum.shortcut {
            Some((map, _)) => (map.values()[map.row(z, y)..].as_ptr(), channels),
            None => (sum.from.values()[sum.from.row(z, y)..].as_ptr(), sum.from.channels),
        };
        for first in (0..channels).step_by(S::LANES) {
            // SAFETY: rows of maps with slack; norms are filled up to whole vectors.
            unsafe {
                let scale = S::load(sum.norm.scale.as_ptr().add(first));
                let mut shift = S::load(sum.norm.shift.as_ptr().add(first));
                let mut other_scale = S::splat(1.0);
                if let Some((_, norm)) = sum.shortcut {
                    other_scale = S::load(norm.scale.as_ptr().add(first));
                    shift = S::add(shift, S::load(norm.shift.as_ptr().add(first)));
                }
                for x in 0..sum.inner.dims[2] {
                    let inner = S::load(inner.add(x * channels + first));
                    let other = S::load(other.add(x * stride + first));
                    let value = S::mul_add(inner, scale, S::mul_add(other, other_scale, shift));
                    S::store_first(to.first.add(x * to.stride + first), leaky::<S>(value), channels - first);
                }
            }
        }
    }
}

kernel! {
    /// Norm and leaky rectifier of a row of voxels.
    ///
    /// # Safety
    ///
    /// `from` is valid for the row and slack, `to` for the row.
    unsafe fn normalise<S>(
        from: *const f32,
        norm: &InstanceNorm,
        to: *mut f32,
        voxels: usize,
        channels: usize,
    ) {
        for first in (0..channels).step_by(S::LANES) {
            // SAFETY: the caller's contract; norms are filled up to whole vectors.
            unsafe {
                let scale = S::load(norm.scale.as_ptr().add(first));
                let shift = S::load(norm.shift.as_ptr().add(first));
                for voxel in 0..voxels {
                    let at = voxel * channels + first;
                    let value = S::mul_add(S::load(from.add(at)), scale, shift);
                    S::store_first(to.add(at), leaky::<S>(value), channels - first);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn leaky<S: Simd>(value: S::Vector) -> S::Vector {
    // SAFETY: arithmetic alone.
    unsafe { S::max(value, S::mul(value, S::splat(LEAKY_SLOPE))) }
}

kernel! {
    /// A linear layer on rows.
    ///
    /// # Safety
    ///
    /// As of [`PackedMatrix::multiply`].
    unsafe fn linear<S>(
        matrix: &PackedMatrix,
        from: Rows<*const f32>,
        to: Rows<*mut f32>,
        rows: usize,
    ) {
        // SAFETY: the caller's contract.
        unsafe { matrix.multiply::<S>(from, to, rows, Finish::Store) };
    }
}

/// A 1×1×1 convolution of all voxels of a map into a map without border.
fn project(set: InstructionSet, from: &Map, matrix: &PackedMatrix, to: &mut Map) {
    let [d, h, w] = from.dims;
    assert!(to.dims == from.dims && to.border == 0);
    assert!(from.channels == matrix.inputs && to.channels == matrix.outputs);
    let target = to.shared();
    let to = &*to;
    (0..d).into_par_iter().for_each(|z| {
        for y in 0..h {
            // SAFETY: a row of each map; each task writes its own plane.
            unsafe {
                let from = Rows::new(from.as_ptr().add(from.row(z, y)), from.channels);
                let to = Rows::new(target.pointer().add(to.row(z, y)), to.channels);
                linear(set, matrix, from, to, w);
            }
        }
    });
}

/// The moments of each channel of a map without border.
fn moments(set: InstructionSet, map: &Map) -> Vec<Moments> {
    let [d, h, w] = map.dims;
    assert_eq!(map.border, 0);
    let planes = (0..d)
        .into_par_iter()
        .map(|z| {
            let mut moments = vec![Moments::default(); map.channels];
            // SAFETY: a plane of the map; the map has slack after it.
            unsafe {
                let plane = map.as_ptr().add(map.row(z, 0));
                add_moments(set, &mut moments, plane, h * w, map.channels);
            }
            moments
        })
        .collect();
    Moments::joined(planes, map.channels)
}

kernel! {
    /// Joins rows of channels to moments.
    ///
    /// # Safety
    ///
    /// `rows` is valid for `count` rows of as many floats as there are moments, and
    /// a vector more.
    unsafe fn add_moments<S>(
        moments: &mut [Moments],
        rows: *const f32,
        count: usize,
        stride: usize,
    ) {
        // SAFETY: the caller's contract.
        unsafe { Moments::add_rows::<S>(moments, rows, count, stride) };
    }
}

/// Doubles the size with a transposed convolution, puts the skip connection's channels
/// after its own, and refines both (MONAI's `UnetrUpBlock`).
#[derive(Debug)]
pub struct UpBlock {
    pub set: InstructionSet,
    pub outputs: usize,
    /// For each voxel of a 2×2×2 cell: inputs × outputs. A stride of 2 and a kernel of 2
    /// do not overlap, so that each is a linear layer of its own.
    pub expand: Vec<PackedMatrix>,
    pub refine: ResidualBlock,
}

impl UpBlock {
    /// A map for both halves of the refinement's input. The skip connection belongs in
    /// its second half of channels.
    pub fn joined_map(&self, dims: [usize; 3], pool: &mut Pool) -> Map {
        Map::new(pool, dims, 2 * self.outputs, 1)
    }

    /// Refines a map of half the size and the skip connection in `joined`.
    pub fn forward(&self, from: &Map, mut joined: Map, target: Target<'_>, pool: &mut Pool) {
        let [d, h, w] = from.dims;
        assert!(joined.dims == from.dims.map(|n| 2 * n) && joined.channels == 2 * self.outputs);
        {
            let to = joined.shared();
            let joined = &joined;
            (0..d).into_par_iter().for_each(|z| {
                for y in 0..h {
                    for (corner, matrix) in self.expand.iter().enumerate() {
                        let (i, j, k) = (corner / 4, corner / 2 % 2, corner % 2);
                        // SAFETY: every second voxel of a row of the larger map; each
                        // task writes its own two planes.
                        unsafe {
                            let from = Rows::new(from.as_ptr().add(from.row(z, y)), from.channels);
                            let to = to
                                .pointer()
                                .add(joined.row(2 * z + i, 2 * y + j) + k * joined.channels);
                            linear(
                                self.set,
                                matrix,
                                from,
                                Rows::new(to, 2 * joined.channels),
                                w,
                            );
                        }
                    }
                }
            });
        }
        self.refine.forward(&joined, target, pool);
        joined.recycle(pool);
    }
}
