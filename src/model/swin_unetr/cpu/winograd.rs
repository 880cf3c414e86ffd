//! The 3×3×3 convolution by Winograd's minimal filtering F(2, 3) along all three axes.
//!
//! Cells of 2×2×2 outputs are made of 4×4×4 inputs. Inputs and weights are transformed,
//! multiplied place by place (64 products of matrices, where the plain sum over taps
//! has 27 for each of the 8 outputs), and transformed back: 3.4 times fewer
//! multiplications. Along depth the four places are taken one after the other, so that
//! what one step works on stays in the nearest caches.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.

use super::map::{Map, Target};
use super::matrix::{PackedMatrix, Rows};
use super::norm::{Moments, RunningMoments};
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

    /// From a map with a border of one voxel and even dimensions to a map with any
    /// border, and the moments of each output channel.
    pub fn forward(&self, set: InstructionSet, from: &Map, to: &mut Map) -> Vec<Moments> {
        assert!(from.border == 1 && from.channels == self.inputs);
        assert!(to.channels == self.outputs && to.dims == from.dims);
        assert!(from.dims.iter().all(|n| n % 2 == 0));
        let [d, h, w] = from.dims;
        // Rows of cells that are taken together.
        let rows = CELLS.div_ceil(w / 2).min(h / 2);
        let groups = (h / 2).div_ceil(rows);
        let target = to.target();
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
    /// `from` has a border of one voxel, both maps have the channels of the weights and
    /// the same even dimensions; no other thread uses the group's rows of
    /// `to`. The weights were packed for the set.
    unsafe fn convolve<S>(
        weights: &Winograd,
        from: &Map,
        to: Target,
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
        let (input_place, output_place) = (place_stride(cells * inputs), place_stride(cells * outputs));
        let (transformed, products) = (PLACES * input_place, PLACES * output_place);
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
                    let rows = transformed_at.add(place * input_place).cast_const();
                    let result = products_at.add(place * output_place);
                    let (rows, result) = (Rows::new(rows, inputs), Rows::new(result, outputs));
                    matrix.multiply_padded::<S>(rows, result, cells);
                }
                match step {
                    0 => add_outputs::<S, 0>(products_at, sums_at, cells, outputs),
                    1 => add_outputs::<S, 1>(products_at, sums_at, cells, outputs),
                    2 => add_outputs::<S, 2>(products_at, sums_at, cells, outputs),
                    // The group's rows are this task's own.
                    _ => finish_outputs::<S>(products_at, sums_at, from.dims[2] / 2, group, to, moments),
                }
            }
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
    let place = place_stride(group.rows * across * inputs);
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
                            S::store(to.add((4 * y + x) * place), value);
                        }
                    }
                    (a, b) = (c, d);
                    to = to.add(inputs);
                }
            }
        }
    }
}

/// Floats from one place of all cells to the next: an odd number of cache lines, so that
/// the places of one cell do not meet in the same sets of the nearest cache.
fn place_stride(floats: usize) -> usize {
    floats.next_multiple_of(32) + 16
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

/// The 2×2 outputs of a cell from the products at one place along depth, for a vector
/// of channels.
#[inline(always)]
unsafe fn cell_outputs<S: Simd>(products: *const f32, place: usize) -> [S::Vector; 4] {
    // SAFETY: the caller vouches for the places of the cell.
    unsafe {
        let mut rows = [[S::splat(0.0); 2]; 4];
        for (y, row) in rows.iter_mut().enumerate() {
            let at = products.add(4 * y * place);
            *row = restored::<S>([
                S::load(at),
                S::load(at.add(place)),
                S::load(at.add(2 * place)),
                S::load(at.add(3 * place)),
            ]);
        }
        let left = restored::<S>([rows[0][0], rows[1][0], rows[2][0], rows[3][0]]);
        let right = restored::<S>([rows[0][1], rows[1][1], rows[2][1], rows[3][1]]);
        [left[0], right[0], left[1], right[1]]
    }
}

/// Adds the outputs of one of the first three places along depth to the sums: for the
/// near and the far layer cells × (2×2) × outputs.
#[inline(always)]
unsafe fn add_outputs<S: Simd, const STEP: usize>(
    products: *const f32,
    sums: *mut f32,
    cells: usize,
    outputs: usize,
) {
    let place = place_stride(cells * outputs);
    for cell in 0..cells {
        for channel in (0..outputs).step_by(S::LANES) {
            // SAFETY: `products` has PLACES places of cells × outputs floats, and `sums`
            // twice 4 × cells × outputs.
            unsafe {
                let values = cell_outputs::<S>(products.add(cell * outputs + channel), place);
                let near = sums.add(4 * cell * outputs + channel);
                let far = near.add(4 * cells * outputs);
                for (index, value) in values.iter().enumerate() {
                    let (near, far) = (near.add(index * outputs), far.add(index * outputs));
                    if STEP > 0 {
                        S::store(near, S::add(S::load(near), *value));
                    } else {
                        S::store(near, *value);
                    }
                    if STEP == 1 {
                        S::store(far, *value);
                    } else if STEP == 2 {
                        S::store(far, S::sub(S::load(far), *value));
                    }
                }
            }
        }
    }
}

/// Adds the outputs of the last place along depth, puts all where they belong in a map,
/// and joins them to the moments.
#[inline(always)]
unsafe fn finish_outputs<S: Simd>(
    products: *const f32,
    sums: *const f32,
    across: usize,
    group: Group,
    to: Target,
    moments: &mut [Moments],
) {
    let channels = moments.len();
    let cells = group.rows * across;
    let outputs = channels.next_multiple_of(S::LANES);
    let place = place_stride(cells * outputs);
    let [plane, row, voxel] = to.strides;
    for (index, moments) in moments.chunks_mut(S::LANES).enumerate() {
        let channel = index * S::LANES;
        let count = moments.len();
        // SAFETY: as of `add_outputs`; the rows of the group are inside the map.
        unsafe {
            let mut gathered =
                RunningMoments::<S>::new(S::load(sums.add(4 * (cells / 2) * outputs + channel)));
            for cell_row in 0..group.rows {
                let y = 2 * (group.first_row + cell_row);
                let mut to = to.voxel(2 * group.depth, y, 0).add(channel);
                for cell in cell_row * across..(cell_row + 1) * across {
                    let values = cell_outputs::<S>(products.add(cell * outputs + channel), place);
                    let near = sums.add(4 * cell * outputs + channel);
                    let far = near.add(4 * cells * outputs);
                    for y in 0..2 {
                        for x in 0..2 {
                            let at = (2 * y + x) * outputs;
                            let near = S::load(near.add(at));
                            let far = S::sub(S::load(far.add(at)), values[2 * y + x]);
                            let to = to.add(y * row + x * voxel);
                            S::store_first(to, near, count);
                            S::store_first(to.add(plane), far, count);
                            gathered.add(near);
                            gathered.add(far);
                        }
                    }
                    to = to.add(2 * voxel);
                }
            }
            gathered.join(8 * cells, moments);
        }
    }
}
