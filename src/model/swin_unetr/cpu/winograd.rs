//! The 3×3×3 convolution by Winograd's minimal filtering F(2, 3) along all three axes.
//!
//! Cells of 2×2×2 outputs are made of 4×4×4 inputs. Inputs and weights are transformed,
//! multiplied place by place (64 products of matrices, where the plain sum over taps
//! has 27 for each of the 8 outputs), and transformed back: 3.4 times fewer
//! multiplications. Along depth the four places are taken one after the other, so that
//! what one step works on stays in the nearest caches.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.

use super::map::{Map, Shared};
use super::matrix::{Finish, PackedMatrix, Rows};
use super::norm::Moments;
use super::simd::kernel;
use super::simd::{InstructionSet, MAX_LANES, Simd};
use rayon::prelude::*;

/// Cells of one step, at least.
const CELLS: usize = 32;

/// Transformed places of a cell along height and width.
const PLACES: usize = 16;

/// Weights of a 3×3×3 convolution with stride 1 and padding 1, transformed.
#[derive(Debug, Clone)]
pub struct Winograd {
    inputs: usize,
    outputs: usize,
    /// For each of the 4 places along depth, 4 along height and 4 along width, the
    /// matrix inputs × outputs.
    matrices: Vec<PackedMatrix>,
}

impl Winograd {
    /// `weights` is `outputs × inputs × 3 × 3 × 3`.
    pub fn new(set: InstructionSet, weights: &[f32], inputs: usize, outputs: usize) -> Self {
        let mut transformed = vec![0.0_f32; 64 * inputs * outputs];
        for output in 0..outputs {
            for input in 0..inputs {
                let from = &weights[(output * inputs + input) * 27..][..27];
                for (place, value) in transform_weights(from).into_iter().enumerate() {
                    transformed[(place * inputs + input) * outputs + output] = value;
                }
            }
        }
        let matrices = transformed
            .chunks_exact(inputs * outputs)
            .map(|matrix| {
                PackedMatrix::new(set, inputs, outputs, |i, o| matrix[i * outputs + o], None)
            })
            .collect();
        Self {
            inputs,
            outputs,
            matrices,
        }
    }

    /// From a map with a border of one voxel and even dimensions to a map without a
    /// border, and the moments of each output channel.
    pub fn forward(&self, set: InstructionSet, from: &Map, to: &mut Map) -> Vec<Moments> {
        assert!(from.border == 1 && from.channels == self.inputs && to.border == 0);
        assert!(to.channels == self.outputs && to.dims == from.dims);
        assert!(from.dims.iter().all(|n| n % 2 == 0));
        let [d, h, w] = from.dims;
        // Rows of cells that are taken together.
        let rows = CELLS.div_ceil(w / 2).min(h / 2);
        let groups = (h / 2).div_ceil(rows);
        let target = to.shared();
        let moments: Vec<Vec<Moments>> = (0..d / 2 * groups)
            .into_par_iter()
            .map_init(Vec::new, |scratch, task| {
                let group = Group {
                    depth: task / groups,
                    first_row: task % groups * rows,
                    rows: rows.min(h / 2 - task % groups * rows),
                };
                let mut moments = vec![Moments::default(); self.outputs];
                // SAFETY: the maps have the sizes asserted above, and each group writes
                // its own rows.
                unsafe { convolve(set, self, from, target, group, scratch, &mut moments) };
                moments
            })
            .collect();
        Moments::joined(moments, self.outputs)
    }
}

/// Cells that one task computes: some rows of one layer.
#[derive(Debug, Clone, Copy)]
struct Group {
    depth: usize,
    first_row: usize,
    rows: usize,
}

/// The 64 places of a filter of 3×3×3.
fn transform_weights(filter: &[f32]) -> [f32; 64] {
    let line = |g: [f64; 3]| {
        [
            g[0],
            (g[0] + g[1] + g[2]) / 2.0,
            (g[0] - g[1] + g[2]) / 2.0,
            g[2],
        ]
    };
    // 3×3×3 → 3×3×4 → 3×4×4 → 4×4×4
    let mut a = [[[0.0_f64; 4]; 3]; 3];
    for (i, plane) in a.iter_mut().enumerate() {
        for (j, row) in plane.iter_mut().enumerate() {
            *row = line(std::array::from_fn(|k| {
                f64::from(filter[(i * 3 + j) * 3 + k])
            }));
        }
    }
    let mut b = [[[0.0_f64; 4]; 4]; 3];
    for (i, plane) in b.iter_mut().enumerate() {
        for k in 0..4 {
            let column = line([a[i][0][k], a[i][1][k], a[i][2][k]]);
            for (j, value) in column.into_iter().enumerate() {
                plane[j][k] = value;
            }
        }
    }
    let mut result = [0.0; 64];
    for j in 0..4 {
        for k in 0..4 {
            for (i, value) in line([b[0][j][k], b[1][j][k], b[2][j][k]])
                .into_iter()
                .enumerate()
            {
                result[(i * 4 + j) * 4 + k] = value as f32;
            }
        }
    }
    result
}

kernel! {
    /// Computes a group of cells.
    ///
    /// # Safety
    ///
    /// `from` has a border of one voxel and `to` none, both have the channels of the
    /// weights and the same even dimensions; no other thread uses the group's rows of
    /// `to`. The weights were packed for the set.
    unsafe fn convolve<S>(
        weights: &Winograd,
        from: &Map,
        to: Shared,
        group: Group,
        scratch: &mut Vec<f32>,
        moments: &mut [Moments],
    ) {
        let across = from.dims[2] / 2;
        let cells = group.rows * across;
        let (inputs, outputs) = (
            weights.inputs.next_multiple_of(S::LANES),
            weights.outputs.next_multiple_of(S::LANES),
        );
        let (transformed, products) = (PLACES * cells * inputs, PLACES * cells * outputs);
        let sums = 8 * cells * outputs;
        scratch.resize(transformed + products + sums + MAX_LANES, 0.0);
        let transformed_at = scratch.as_mut_ptr();
        // SAFETY: three parts of one buffer that was just made large enough.
        let (products_at, sums_at) = unsafe {
            let products_at = transformed_at.add(transformed);
            (products_at, products_at.add(products))
        };
        for step in 0..4 {
            // SAFETY: the buffers are as large as each function says, and what they read
            // of the maps is inside them.
            unsafe {
                transform_inputs::<S>(from, group, step, transformed_at);
                for (place, matrix) in weights.matrices[16 * step..16 * step + 16].iter().enumerate() {
                    let rows = transformed_at.add(place * cells * inputs).cast_const();
                    let result = products_at.add(place * cells * outputs);
                    matrix.multiply::<S>(
                        Rows::new(rows, inputs),
                        Rows::new(result, outputs),
                        cells,
                        Finish::Store,
                    );
                }
                transform_outputs::<S>(products_at, sums_at, cells, outputs, step);
            }
        }
        // SAFETY: as above; the group's rows are this task's own.
        unsafe {
            write_outputs::<S>(sums_at, from.dims, group, weights.outputs, to.pointer());
            Moments::add_rows::<S>(moments, sums_at, 8 * cells, outputs);
        }
    }
}

/// Writes the transformed inputs of a group for one of the four places along depth:
/// `PLACES × cells × inputs`, inputs filled up to whole vectors.
#[inline(always)]
unsafe fn transform_inputs<S: Simd>(from: &Map, group: Group, step: usize, to: *mut f32) {
    let [plane, row, voxel] = from.strides();
    let across = from.dims[2] / 2;
    let inputs = from.channels.next_multiple_of(S::LANES);
    let cells = group.rows * across;
    // The two planes that the place is made of, and whether the second is taken away.
    let (first, second, minus) = [(0, 2, true), (1, 2, false), (2, 1, true), (1, 3, true)][step];
    let sign = if minus { -1.0 } else { 1.0 };
    for channel in (0..from.channels).step_by(S::LANES) {
        for cell_row in 0..group.rows {
            // SAFETY: a cell's inputs are the 4×4×4 voxels from twice its place on, in
            // the map with its border; a whole vector may reach into the slack.
            unsafe {
                let base = from.as_ptr().add(
                    2 * group.depth * plane + 2 * (group.first_row + cell_row) * row + channel,
                );
                let sign = S::splat(sign);
                // One column of four voxels, transformed along height.
                let column = |x: usize| {
                    let values: [S::Vector; 4] = std::array::from_fn(|y| {
                        let at = base.add(y * row + x * voxel);
                        S::mul_add(
                            sign,
                            S::load(at.add(second * plane)),
                            S::load(at.add(first * plane)),
                        )
                    });
                    transformed::<S>(values)
                };
                let (mut a, mut b) = (column(0), column(1));
                let mut to = to.add(cell_row * across * inputs + channel);
                for cell in 0..across {
                    let (c, d) = (column(2 * cell + 2), column(2 * cell + 3));
                    for y in 0..4 {
                        let line = transformed::<S>([a[y], b[y], c[y], d[y]]);
                        for (x, value) in line.into_iter().enumerate() {
                            S::store(to.add((4 * y + x) * cells * inputs), value);
                        }
                    }
                    (a, b) = (c, d);
                    to = to.add(inputs);
                }
            }
        }
    }
}

/// Four inputs of a line as the four places that are multiplied.
#[inline(always)]
unsafe fn transformed<S: Simd>(d: [S::Vector; 4]) -> [S::Vector; 4] {
    // SAFETY: arithmetic alone.
    unsafe {
        [
            S::sub(d[0], d[2]),
            S::add(d[1], d[2]),
            S::sub(d[2], d[1]),
            S::sub(d[1], d[3]),
        ]
    }
}

/// Two outputs of a line from the four products.
#[inline(always)]
unsafe fn restored<S: Simd>(m: [S::Vector; 4]) -> [S::Vector; 2] {
    // SAFETY: arithmetic alone.
    unsafe {
        let (sum, difference) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        [S::add(m[0], sum), S::sub(difference, m[3])]
    }
}

/// Adds the products of one place along depth to the sums: 2 × cells × (2×2) × outputs.
#[inline(always)]
unsafe fn transform_outputs<S: Simd>(
    products: *const f32,
    sums: *mut f32,
    cells: usize,
    outputs: usize,
    step: usize,
) {
    for cell in 0..cells {
        for channel in (0..outputs).step_by(S::LANES) {
            // SAFETY: `products` has PLACES × cells × outputs floats and `sums` twice
            // 4 × cells × outputs.
            unsafe {
                let from = products.add(cell * outputs + channel);
                let rows: [[S::Vector; 2]; 4] = std::array::from_fn(|y| {
                    restored::<S>(std::array::from_fn(|x| {
                        S::load(from.add((4 * y + x) * cells * outputs))
                    }))
                });
                for x in 0..2 {
                    let column = restored::<S>(std::array::from_fn(|y| rows[y][x]));
                    for (y, value) in column.into_iter().enumerate() {
                        let near = sums.add((4 * cell + 2 * y + x) * outputs + channel);
                        let far = near.add(4 * cells * outputs);
                        match step {
                            0 => S::store(near, value),
                            1 => {
                                S::store(near, S::add(S::load(near), value));
                                S::store(far, value);
                            }
                            2 => {
                                S::store(near, S::add(S::load(near), value));
                                S::store(far, S::sub(S::load(far), value));
                            }
                            _ => S::store(far, S::sub(S::load(far), value)),
                        }
                    }
                }
            }
        }
    }
}

/// Puts the sums of a group where they belong in a map of `channels` without a border.
#[inline(always)]
unsafe fn write_outputs<S: Simd>(
    sums: *const f32,
    dims: [usize; 3],
    group: Group,
    channels: usize,
    to: *mut f32,
) {
    let [_, h, w] = dims;
    let across = w / 2;
    let cells = group.rows * across;
    let stride = channels.next_multiple_of(S::LANES);
    for z in 0..2 {
        for cell_row in 0..group.rows {
            for y in 0..2 {
                // SAFETY: the rows of the group, inside the map.
                unsafe {
                    let line = 2 * (group.first_row + cell_row) + y;
                    let mut to = to.add(((2 * group.depth + z) * h + line) * w * channels);
                    for cell in 0..across {
                        let from =
                            sums.add((4 * (z * cells + cell_row * across + cell) + 2 * y) * stride);
                        for x in 0..2 {
                            copy::<S>(from.add(x * stride), to, channels);
                            to = to.add(channels);
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn copy<S: Simd>(from: *const f32, to: *mut f32, count: usize) {
    for first in (0..count).step_by(S::LANES) {
        // SAFETY: `from` is filled up to whole vectors; `to` is written up to `count`.
        unsafe { S::store_first(to.add(first), S::load(from.add(first)), count - first) };
    }
}
