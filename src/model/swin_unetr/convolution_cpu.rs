//! The 3×3×3 convolution on the CPU, straight from a padded copy of the input.
//!
//! Six output channels at sixteen neighbouring voxels are summed in registers over all
//! input channels and taps, so nothing is unfolded into a larger matrix first.

use rayon::prelude::*;

/// Output channels summed together.
const CHANNELS: usize = 6;

/// Voxels summed together.
const LANES: usize = 16;

/// Taps of the kernel.
const TAPS: usize = 27;

/// Weights of a 3×3×3 convolution with stride 1 and padding 1, without bias, in the
/// order they are used.
#[derive(Debug)]
pub struct CpuConvolution {
    inputs: usize,
    outputs: usize,
    /// For each block of output channels, input channel and tap: one weight for each
    /// channel of the block, zero beyond the last channel.
    weights: Vec<[f32; CHANNELS]>,
}

impl CpuConvolution {
    /// `weights` is `outputs × inputs × 3 × 3 × 3`.
    pub fn new(weights: &[f32], inputs: usize, outputs: usize) -> Self {
        let blocks = outputs.div_ceil(CHANNELS);
        let mut ordered = vec![[0.0; CHANNELS]; blocks * inputs * TAPS];
        for (output, weights) in weights.chunks_exact(inputs * TAPS).enumerate() {
            let block = &mut ordered[output / CHANNELS * inputs * TAPS..][..inputs * TAPS];
            for (ordered, &weight) in block.iter_mut().zip(weights) {
                ordered[output % CHANNELS] = weight;
            }
        }
        Self {
            inputs,
            outputs,
            weights: ordered,
        }
    }

    /// N×in×D×H×W to N×out×D×H×W, as flat lists.
    pub fn forward(&self, x: &[f32], batch: usize, dims: [usize; 3]) -> Vec<f32> {
        let [d, h, w] = dims;
        let padded = Padded::new(x, dims);
        let mut result = vec![0.0; batch * self.outputs * d * h * w];
        // The planes a task writes lie apart; each is handed to the one task it is for.
        let mut planes: Vec<Option<&mut [f32]>> =
            result.chunks_exact_mut(h * w).map(Some).collect();
        let mut tasks = Vec::new();
        for image in 0..batch {
            for (block, weights) in self.weights.chunks_exact(self.inputs * TAPS).enumerate() {
                for depth in 0..d {
                    let channels = block * CHANNELS..self.outputs.min((block + 1) * CHANNELS);
                    let own: Vec<_> = channels
                        .filter_map(|c| planes[(image * self.outputs + c) * d + depth].take())
                        .collect();
                    tasks.push((image, depth, weights, own));
                }
            }
        }
        tasks
            .into_par_iter()
            .for_each_init(Vec::new, |sums, (image, depth, weights, own)| {
                padded.sum_plane(image * self.inputs, depth, weights, sums);
                for (channel, plane) in own.into_iter().enumerate() {
                    for (y, row) in plane.chunks_exact_mut(w).enumerate() {
                        // The last two columns of a padded row are sums across its border.
                        for (x, value) in row.iter_mut().enumerate() {
                            let at = y * (w + 2) + x;
                            *value = sums[at / LANES][channel][at % LANES];
                        }
                    }
                }
            });
        result
    }
}

/// Images with a border of one zero voxel.
struct Padded {
    values: Vec<f32>,
    dims: [usize; 3],
}

impl Padded {
    /// From any number of images (of one channel each).
    fn new(x: &[f32], dims: [usize; 3]) -> Self {
        let [d, h, w] = dims;
        let image = (d + 2) * (h + 2) * (w + 2);
        let count = x.len() / (d * h * w);
        // The last window of lanes may begin anywhere in the last row.
        let mut values = vec![0.0; count * image + LANES];
        values
            .par_chunks_exact_mut(image)
            .zip(x.par_chunks_exact(d * h * w))
            .for_each(|(padded, image)| {
                for (row, values) in image.chunks_exact(w).enumerate() {
                    let at = ((row / h + 1) * (h + 2) + row % h + 1) * (w + 2) + 1;
                    padded[at..at + w].copy_from_slice(values);
                }
            });
        Self { values, dims }
    }

    /// Sums of one plane of a block of output channels, for the positions of the padded
    /// plane's first h rows one after the other.
    fn sum_plane(
        &self,
        first_image: usize,
        depth: usize,
        weights: &[[f32; CHANNELS]],
        sums: &mut Vec<[[f32; LANES]; CHANNELS]>,
    ) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has both features, as just asked.
            return unsafe { self.sum_plane_avx2(first_image, depth, weights, sums) };
        }
        const FUSED: bool = cfg!(target_arch = "aarch64");
        self.sum_plane_with::<FUSED>(first_image, depth, weights, sums);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn sum_plane_avx2(
        &self,
        first_image: usize,
        depth: usize,
        weights: &[[f32; CHANNELS]],
        sums: &mut Vec<[[f32; LANES]; CHANNELS]>,
    ) {
        self.sum_plane_with::<true>(first_image, depth, weights, sums);
    }

    /// `FUSED`: the processor multiplies and adds in one instruction.
    #[inline(always)]
    fn sum_plane_with<const FUSED: bool>(
        &self,
        first_image: usize,
        depth: usize,
        weights: &[[f32; CHANNELS]],
        sums: &mut Vec<[[f32; LANES]; CHANNELS]>,
    ) {
        let [d, h, w] = self.dims;
        let (row, plane) = (w + 2, (h + 2) * (w + 2));
        let offsets: [usize; TAPS] =
            std::array::from_fn(|tap| tap / 9 * plane + tap / 3 % 3 * row + tap % 3);
        sums.clear();
        for position in (0..h * row).step_by(LANES) {
            let mut block = [[0.0; LANES]; CHANNELS];
            for (channel, weights) in weights.chunks_exact(TAPS).enumerate() {
                let base = ((first_image + channel) * (d + 2) + depth) * plane + position;
                for (weights, offset) in weights.iter().zip(offsets) {
                    let Some(voxels) = self.values[base + offset..].first_chunk::<LANES>() else {
                        continue;
                    };
                    for (sum, &weight) in block.iter_mut().zip(weights) {
                        for lane in 0..LANES {
                            sum[lane] = if FUSED {
                                weight.mul_add(voxels[lane], sum[lane])
                            } else {
                                weight * voxels[lane] + sum[lane]
                            };
                        }
                    }
                }
            }
            sums.push(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, mut state: u32) -> Vec<f32> {
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    #[test]
    fn equals_the_definition() {
        for (batch, inputs, outputs, dims) in [
            (1, 1, 6, [1, 1, 2]),
            (2, 3, 7, [3, 4, 5]),
            (1, 2, 12, [2, 3, 33]),
        ] {
            let [d, h, w] = dims;
            let x = numbers(batch * inputs * d * h * w, 1);
            let weights = numbers(outputs * inputs * TAPS, 2);
            let actual = CpuConvolution::new(&weights, inputs, outputs).forward(&x, batch, dims);
            assert_eq!(actual.len(), batch * outputs * d * h * w);
            for (index, &actual) in actual.iter().enumerate() {
                let (n, c) = (index / (outputs * d * h * w), index / (d * h * w) % outputs);
                let at = [index / (h * w) % d, index / w % h, index % w];
                let mut expected = 0.0_f64;
                for i in 0..inputs {
                    for tap in 0..TAPS {
                        let from: [Option<usize>; 3] = std::array::from_fn(|a| {
                            let step = [tap / 9, tap / 3 % 3, tap % 3][a];
                            (at[a] + step).checked_sub(1).filter(|&v| v < dims[a])
                        });
                        if let [Some(p), Some(q), Some(r)] = from {
                            let voxel = x[(((n * inputs + i) * d + p) * h + q) * w + r];
                            let weight = weights[(c * inputs + i) * TAPS + tap];
                            expected += f64::from(voxel) * f64::from(weight);
                        }
                    }
                }
                assert!((f64::from(actual) - expected).abs() < 1e-5, "{index}");
            }
        }
    }
}
