//! The convolutional half: residual blocks, and the decoder's steps up.

use rayon::prelude::*;

use super::direct::Direct;
use super::map::{Map, Pool};
use super::matrix::{Finish, PackedMatrix, Rows};
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

    /// From a map with a border of one voxel to a map, and its norm.
    fn forward(&self, set: InstructionSet, from: &Map, to: &mut Map) -> InstanceNorm {
        let moments = match self {
            Self::Direct(direct) => {
                direct.forward(set, from, to);
                let to = &*to;
                moments_of_rows(to.dims, to.channels, |z, y, moments| {
                    // SAFETY: a row of the map, which nobody writes now.
                    unsafe { add_moments(set, moments, to.read_row(z, y), to.dims[2]) };
                })
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
pub enum Destination<'a> {
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
    pub fn forward(&self, from: &Map, destination: Destination<'_>, pool: &mut Pool) {
        let (set, dims) = (self.set, from.dims);
        let mut inner = Map::new(pool, dims, self.outputs, 1);
        let norm1 = self.conv1.forward(set, from, &mut inner);
        let target = inner.target();
        for_rows(dims, |z, y| {
            // SAFETY: a row of the map; each task changes its own plane.
            unsafe { normalise(set, target.row(z, y), &norm1, dims[2]) };
        });
        let mut second = Map::new(pool, dims, self.outputs, 0);
        let norm2 = self.conv2.forward(set, &inner, &mut second);
        inner.recycle(pool);
        let shortcut = self.conv3.as_ref().map(|matrix| {
            let mut map = Map::new(pool, dims, self.outputs, 0);
            let norm = project(set, from, matrix, &mut map);
            (map, norm)
        });
        let sum = Sum {
            inner: &second,
            norm: &norm2,
            from,
            shortcut: shortcut.as_ref().map(|(map, norm)| (map, norm)),
            channels: self.outputs,
        };
        sum.write(set, destination);
        second.recycle(pool);
        if let Some((map, _)) = shortcut {
            map.recycle(pool);
        }
    }
}

/// Calls `row` for each row (z, y) of voxels, the planes in parallel.
fn for_rows([d, h, _]: [usize; 3], row: impl Fn(usize, usize) + Sync) {
    (0..d).into_par_iter().for_each(|z| {
        for y in 0..h {
            row(z, y);
        }
    });
}

/// The moments of each channel from those that `row` joins for each row (z, y), the
/// planes in parallel. The order in which they are joined does not depend on the threads.
fn moments_of_rows(
    [d, h, _]: [usize; 3],
    channels: usize,
    row: impl Fn(usize, usize, &mut [Moments]) + Sync,
) -> Vec<Moments> {
    let planes = (0..d)
        .into_par_iter()
        .map(|z| {
            let mut moments = vec![Moments::default(); channels];
            for y in 0..h {
                row(z, y, &mut moments);
            }
            moments
        })
        .collect();
    Moments::joined(planes, channels)
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

impl Sum<'_> {
    fn write(&self, set: InstructionSet, destination: Destination<'_>) {
        let dims = self.inner.dims;
        let [_, h, w] = dims;
        match destination {
            Destination::Channels { map, first } => {
                assert!(map.dims == dims && first + self.channels <= map.channels);
                let target = map.target();
                for_rows(dims, |z, y| {
                    // SAFETY: a row of the map; each task writes its own plane.
                    unsafe {
                        let mut to = target.row(z, y);
                        to.first = to.first.add(first);
                        add_row(set, self, z, y, to);
                    }
                });
            }
            Destination::Linear { matrix, rows } => {
                let width = matrix.outputs;
                assert_eq!(matrix.inputs, self.channels);
                rows.par_chunks_mut(h * w * width)
                    .enumerate()
                    .take(dims[0])
                    .for_each_init(
                        || vec![0.0; w * self.channels],
                        |scratch, (z, plane)| {
                            for (y, row) in plane.chunks_exact_mut(w * width).enumerate() {
                                let to = Rows::new(row.as_mut_ptr(), width);
                                let own = Rows::new(scratch.as_mut_ptr(), self.channels);
                                let read = Rows::new(scratch.as_ptr(), self.channels);
                                // SAFETY: rows of w voxels, of the scratch and the result.
                                unsafe {
                                    add_row(set, self, z, y, own);
                                    linear(set, matrix, read, to, w);
                                }
                            }
                        },
                    );
            }
        }
    }
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
    /// Norm and leaky rectifier of a row of voxels, in place.
    ///
    /// # Safety
    ///
    /// The row is valid for the voxels, and no other thread uses it.
    unsafe fn normalise<S>(row: Rows<*mut f32>, norm: &InstanceNorm, voxels: usize) {
        let channels = norm.channels;
        for first in (0..channels).step_by(S::LANES) {
            // SAFETY: the caller's contract; norms are filled up to whole vectors.
            unsafe {
                let scale = S::load(norm.scale.as_ptr().add(first));
                let shift = S::load(norm.shift.as_ptr().add(first));
                for voxel in 0..voxels {
                    let at = row.first.add(voxel * row.stride + first);
                    let value = S::load_first(at, channels - first);
                    let value = leaky::<S>(S::mul_add(value, scale, shift));
                    S::store_first(at, value, channels - first);
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

/// A 1×1×1 convolution of all voxels of a map into another, and its norm.
fn project(set: InstructionSet, from: &Map, matrix: &PackedMatrix, to: &mut Map) -> InstanceNorm {
    assert!(to.dims == from.dims);
    assert!(from.channels == matrix.inputs && to.channels == matrix.outputs);
    let target = to.target();
    let voxels = from.dims[2];
    let moments = moments_of_rows(from.dims, matrix.outputs, |z, y, moments| {
        // SAFETY: a row of each map; each task writes its own plane.
        unsafe {
            let to = target.row(z, y);
            linear(set, matrix, from.read_row(z, y), to, voxels);
            add_moments(
                set,
                moments,
                Rows::new(to.first.cast_const(), to.stride),
                voxels,
            );
        }
    });
    InstanceNorm::new(&moments)
}

kernel! {
    /// Joins rows of channels to moments.
    ///
    /// # Safety
    ///
    /// `rows` is valid for `count` rows of as many floats as there are moments, which no
    /// other thread writes.
    unsafe fn add_moments<S>(moments: &mut [Moments], rows: Rows<*const f32>, count: usize) {
        // SAFETY: the caller's contract.
        unsafe { Moments::add_rows::<S>(moments, rows, count) };
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
    pub fn forward(
        &self,
        from: &Map,
        mut joined: Map,
        destination: Destination<'_>,
        pool: &mut Pool,
    ) {
        let w = from.dims[2];
        assert!(joined.dims == from.dims.map(|n| 2 * n) && joined.channels == 2 * self.outputs);
        let target = joined.target();
        for_rows(from.dims, |z, y| {
            for (corner, matrix) in self.expand.iter().enumerate() {
                let (i, j, k) = (corner / 4, corner / 2 % 2, corner % 2);
                // SAFETY: every second voxel of a row of the larger map; each task writes
                // its own two planes.
                unsafe {
                    let to = target.voxel(2 * z + i, 2 * y + j, k);
                    let to = Rows::new(to, 2 * target.strides[2]);
                    linear(self.set, matrix, from.read_row(z, y), to, w);
                }
            }
        });
        self.refine.forward(&joined, destination, pool);
        joined.recycle(pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::swin_unetr::cpu::test_numbers;

    /// A map with numbers inside its border.
    fn map(dims: [usize; 3], channels: usize, border: usize, pool: &mut Pool) -> Map {
        let mut map = Map::new(pool, dims, channels, border);
        let [d, h, w] = dims;
        let numbers = test_numbers(d * h * w * channels, 5);
        for (index, row) in numbers.chunks_exact(w * channels).enumerate() {
            let at = map.row(index / h, index % h);
            map.values_mut()[at..at + row.len()].copy_from_slice(row);
        }
        map
    }

    #[test]
    fn both_convolutions_equal_the_definition() {
        for set in InstructionSet::available() {
            for (inputs, outputs, dims) in [
                (1, 12, [2, 4, 2]),
                (12, 12, [4, 2, 6]),
                (9, 20, [2, 6, 34]),
                (16, 52, [6, 4, 4]),
            ] {
                let weights = test_numbers(outputs * inputs * 27, 6);
                for large in [false, true] {
                    let mut pool = Pool::default();
                    let from = map(dims, inputs, 1, &mut pool);
                    // A buffer that was used before, so that nothing relies on zeros.
                    let mut used = Map::new(&mut pool, dims, outputs, 1);
                    used.values_mut().fill(f32::NAN);
                    used.recycle(&mut pool);
                    let mut to = Map::new(&mut pool, dims, outputs, 1);
                    let convolution = Convolution::new(set, &weights, inputs, outputs, large);
                    let norm = convolution.forward(set, &from, &mut to);
                    check(&from, &weights, &to, &norm);
                }
            }
        }
    }

    fn check(from: &Map, weights: &[f32], to: &Map, norm: &InstanceNorm) {
        let [d, h, w] = from.dims;
        let (inputs, outputs) = (from.channels, to.channels);
        let [plane, row, voxel] = from.strides();
        for output in 0..outputs {
            let mut all = Vec::new();
            for z in 0..d {
                for y in 0..h {
                    for x in 0..w {
                        let mut sum = 0.0;
                        for tap in 0..27 {
                            let at = (z + tap / 9) * plane
                                + (y + tap / 3 % 3) * row
                                + (x + tap % 3) * voxel;
                            for input in 0..inputs {
                                sum += f64::from(from.values()[at + input])
                                    * f64::from(weights[(output * inputs + input) * 27 + tap]);
                            }
                        }
                        let actual = to.values()[to.row(z, y) + x * outputs + output];
                        assert!((f64::from(actual) - sum).abs() < 2e-5, "{actual} {sum}");
                        all.push(sum);
                    }
                }
            }
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
            let scale = 1.0 / (variance + 1e-5).sqrt();
            assert!((f64::from(norm.scale[output]) / scale - 1.0).abs() < 1e-5);
            assert!((f64::from(norm.shift[output]) + mean * scale).abs() < 2e-5);
        }
        // The border is as it was made.
        let total: f32 = to.values()[..to.origin()].iter().map(|v| v.abs()).sum();
        assert_eq!(total, 0.0);
    }
}
