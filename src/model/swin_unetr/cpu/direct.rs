//! The 3×3×3 convolution as a sum over taps: for few input channels, and for the small
//! maps deep in the network, where reading the weights is what takes the time.

use rayon::prelude::*;

use super::map::{Map, Target};
use super::matrix::{PackedMatrix, Panel};
use super::simd::{InstructionSet, Simd, kernel};

/// Taps of the kernel.
const TAPS: usize = 27;

/// Voxels summed together.
const VOXELS: usize = 8;

/// Bytes of weights that stay in a near cache while they are used for many voxels.
const CACHED_BYTES: usize = 192 << 10;

/// Voxels of one task, at least.
const VOXELS_PER_TASK: usize = 64;

/// Weights of a 3×3×3 convolution with stride 1 and padding 1.
#[derive(Debug, Clone)]
pub struct Direct {
    inputs: usize,
    /// (27 · inputs) × outputs, tap by tap.
    matrix: PackedMatrix,
}

impl Direct {
    /// `weights` is `outputs × inputs × 3 × 3 × 3`.
    pub fn new(set: InstructionSet, weights: &[f32], inputs: usize, outputs: usize) -> Self {
        let value = |row: usize, output: usize| {
            weights[(output * inputs + row % inputs) * TAPS + row / inputs]
        };
        Self {
            inputs,
            matrix: PackedMatrix::new(set, TAPS * inputs, outputs, value, None),
        }
    }

    /// From a map with a border of one voxel to a map with any border.
    pub fn forward(&self, set: InstructionSet, from: &Map, to: &mut Map) {
        assert!(from.border == 1 && from.channels == self.inputs);
        assert!(to.channels == self.matrix.outputs && to.dims == from.dims);
        let [d, h, w] = from.dims;
        let planes = VOXELS_PER_TASK.div_ceil(h * w);
        let groups = d.div_ceil(planes);
        let target = to.target();
        (0..groups * self.matrix.panels.len())
            .into_par_iter()
            .for_each(|task| {
                let panel = self.matrix.panels[task / groups];
                let first = task % groups * planes;
                let last = (first + planes).min(d);
                // SAFETY: the maps have the sizes asserted above; each task writes the
                // columns of its panel in its own planes.
                unsafe { convolve(set, self, from, target, panel, first * h * w, last * h * w) };
            });
    }
}

kernel! {
    /// Computes the outputs of one panel for the voxels from `first` to `last`.
    ///
    /// # Safety
    ///
    /// `from` has a border of one voxel, and both maps have the channels of the weights and
    /// the same dimensions. The weights were packed for the set. No other thread
    /// uses the panel's columns of these voxels.
    unsafe fn convolve<S>(
        weights: &Direct,
        from: &Map,
        to: Target,
        panel: Panel,
        first: usize,
        last: usize,
    ) {
        // SAFETY: the caller's contract.
        unsafe {
            match panel.vectors {
                1 => convolve_panel::<S, 1>(weights, from, to, panel, first, last),
                2 => convolve_panel::<S, 2>(weights, from, to, panel, first, last),
                _ => convolve_panel::<S, 3>(weights, from, to, panel, first, last),
            }
        }
    }
}

#[inline(always)]
unsafe fn convolve_panel<S: Simd, const V: usize>(
    weights: &Direct,
    from: &Map,
    to: Target,
    panel: Panel,
    first: usize,
    last: usize,
) {
    let tap_bytes = weights.inputs * V * S::LANES * size_of::<f32>();
    let taps_at_once = (CACHED_BYTES / tap_bytes).clamp(1, TAPS);
    for taps in (0..TAPS).step_by(taps_at_once) {
        let taps = taps..(taps + taps_at_once).min(TAPS);
        let mut block = Block {
            weights,
            from,
            panel,
            taps,
            voxel: first,
        };
        // SAFETY: voxels stay below `last`.
        unsafe {
            if S::REGISTERS >= 32 || V == 1 {
                while block.voxel + VOXELS <= last {
                    block.sum::<S, VOXELS, V>(to);
                    block.voxel += VOXELS;
                }
            }
            while block.voxel + 4 <= last {
                block.sum::<S, 4, V>(to);
                block.voxel += 4;
            }
            while block.voxel < last {
                block.sum::<S, 1, V>(to);
                block.voxel += 1;
            }
        }
    }
}

/// Neighbouring voxels and the taps that are summed for them.
struct Block<'a> {
    weights: &'a Direct,
    from: &'a Map,
    panel: Panel,
    taps: std::ops::Range<usize>,
    voxel: usize,
}

impl Block<'_> {
    #[inline(always)]
    unsafe fn sum<S: Simd, const R: usize, const V: usize>(&self, to: Target) {
        let [_, h, w] = self.from.dims;
        let [plane, row, channels] = self.from.strides();
        // SAFETY: a voxel's 27 neighbours are inside the map with its border.
        unsafe {
            let mut rows = [self.from.as_ptr(); R];
            let mut results = [std::ptr::null_mut::<f32>(); R];
            for (r, (row_start, result)) in rows.iter_mut().zip(&mut results).enumerate() {
                let voxel = self.voxel + r;
                let (z, y, x) = (voxel / (h * w), voxel / w % h, voxel % w);
                *row_start = row_start.add(z * plane + y * row + x * channels);
                *result = to.voxel(z, y, x).add(self.panel.first_column);
            }
            let left = |v: usize| {
                self.panel
                    .columns
                    .saturating_sub(v * S::LANES)
                    .min(S::LANES)
            };
            let mut sums = [[S::splat(0.0); V]; R];
            if self.taps.start > 0 {
                for (r, sums) in sums.iter_mut().enumerate() {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = S::load_first(results[r].add(v * S::LANES), left(v));
                    }
                }
            }
            let inputs = self.weights.inputs;
            let mut weights = self
                .weights
                .matrix
                .panel_values(&self.panel)
                .add(self.taps.start * inputs * V * S::LANES);
            for tap in self.taps.clone() {
                let offset = tap / 9 * plane + tap / 3 % 3 * row + tap % 3 * channels;
                for input in 0..inputs {
                    let mut line = [S::splat(0.0); V];
                    for (v, line) in line.iter_mut().enumerate() {
                        *line = S::load(weights.add(v * S::LANES));
                    }
                    for (row, sums) in rows.iter().zip(&mut sums) {
                        let value = S::splat(*row.add(offset + input));
                        for (sum, line) in sums.iter_mut().zip(line) {
                            *sum = S::mul_add(value, line, *sum);
                        }
                    }
                    weights = weights.add(V * S::LANES);
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    S::store_first(results[r].add(v * S::LANES), sum, left(v));
                }
            }
        }
    }
}
