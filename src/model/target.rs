//! What is measured of a masked run: sums over all voxels and over a frozen target.

use burn::tensor::{Device, Tensor, TensorData, activation};
use ndarray::{Array3, Array4, ArrayView4, Axis};
use rayon::prelude::*;

use super::{Activation, ModelError};

/// For each output channel the voxels that the unmasked run gave to it. They stay
/// fixed while parts of the image are removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetMasks {
    /// `[[channel, x, y, z]]`
    masks: Array4<bool>,
}

/// Sums for one output channel c of one run. With softmax probabilities p and logits z,
/// and T the channel's target:
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClassSums {
    /// Σ p over T.
    pub probability_in_target: f64,
    /// Σ p over all voxels.
    pub probability_total: f64,
    /// Σ z over T.
    pub logit_in_target: f64,
    /// Voxels of T that the run gives to the channel (largest logit with softmax, logit
    /// above 0 with sigmoid).
    pub hard_in_target: f64,
    /// All voxels that the run gives to the channel.
    pub hard_total: f64,
}

impl TargetMasks {
    /// Targets from the unmasked run's logits `[[channel, x, y, z]]`. With sigmoid the
    /// targets of different channels may overlap.
    pub fn from_logits(logits: ArrayView4<'_, f32>, activation: Activation) -> Self {
        match activation {
            Activation::Softmax => {
                let labels = activation.labels(logits);
                Self::from_labels(&labels, logits.dim().0, activation)
            }
            Activation::Sigmoid => Self {
                masks: logits.mapv(|logit| logit > 0.0),
            },
        }
    }

    /// Targets from a label map `[[x, y, z]]`, see [`Activation::label_of_channel`].
    pub fn from_labels(labels: &Array3<u16>, channels: usize, activation: Activation) -> Self {
        let (x, y, z) = labels.dim();
        let mut masks = Array4::from_elem((channels, x, y, z), false);
        for (channel, mut mask) in masks.axis_iter_mut(Axis(0)).enumerate() {
            let label = activation.label_of_channel(channel);
            mask.zip_mut_with(labels, |m, &l| *m = usize::from(l) == label);
        }
        Self { masks }
    }

    /// `[[channel, x, y, z]]`
    pub fn masks(&self) -> ArrayView4<'_, bool> {
        self.masks.view()
    }

    /// Voxels in each channel's target.
    pub fn voxel_counts(&self) -> Vec<usize> {
        self.masks
            .outer_iter()
            .map(|mask| mask.iter().filter(|&&m| m).count())
            .collect()
    }

    /// As ones and zeros on a device, 1 × channel × x × y × z.
    pub(super) fn upload(&self, device: &Device) -> Tensor<5> {
        let (c, x, y, z) = self.masks.dim();
        let values: Vec<f32> = self.masks.iter().map(|&m| f32::from(u8::from(m))).collect();
        Tensor::from_data(TensorData::new(values, [1, c, x, y, z]), device)
    }
}

/// Sums of one run from its logits `[[channel, x, y, z]]` on the host, in double
/// precision. The result does not depend on the number of threads.
pub(super) fn class_sums(
    logits: ArrayView4<'_, f32>,
    targets: &TargetMasks,
    activation: Activation,
) -> Vec<ClassSums> {
    let planes: Vec<Vec<ClassSums>> = (0..logits.dim().1)
        .into_par_iter()
        .map(|x| {
            let logits = logits.index_axis(Axis(1), x);
            let masks = targets.masks.index_axis(Axis(1), x);
            let mut sums = vec![ClassSums::default(); logits.dim().0];
            let mut probabilities = vec![0.0; sums.len()];
            for (voxel, mask) in logits.lanes(Axis(0)).into_iter().zip(masks.lanes(Axis(0))) {
                let winner = activation.channel_of_voxel(voxel.iter().copied());
                fill_probabilities(voxel.iter().copied(), activation, &mut probabilities);
                for (channel, sum) in sums.iter_mut().enumerate() {
                    let (logit, p) = (voxel[channel], probabilities[channel]);
                    let hard = match activation {
                        Activation::Softmax => winner == Some(channel),
                        Activation::Sigmoid => logit > 0.0,
                    };
                    sum.probability_total += p;
                    sum.hard_total += f64::from(u8::from(hard));
                    if mask[channel] {
                        sum.probability_in_target += p;
                        sum.logit_in_target += f64::from(logit);
                        sum.hard_in_target += f64::from(u8::from(hard));
                    }
                }
            }
            sums
        })
        .collect();
    let mut total = vec![ClassSums::default(); logits.dim().0];
    for plane in planes {
        for (total, part) in total.iter_mut().zip(plane) {
            total.probability_in_target += part.probability_in_target;
            total.probability_total += part.probability_total;
            total.logit_in_target += part.logit_in_target;
            total.hard_in_target += part.hard_in_target;
            total.hard_total += part.hard_total;
        }
    }
    total
}

fn fill_probabilities(
    logits: impl Iterator<Item = f32> + Clone,
    activation: Activation,
    probabilities: &mut [f64],
) {
    match activation {
        Activation::Softmax => {
            let largest = logits.clone().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for (p, logit) in probabilities.iter_mut().zip(logits) {
                *p = f64::from(logit - largest).exp();
                sum += *p;
            }
            for p in probabilities {
                *p /= sum;
            }
        }
        Activation::Sigmoid => {
            for (p, logit) in probabilities.iter_mut().zip(logits) {
                *p = 1.0 / (1.0 + (-f64::from(logit)).exp());
            }
        }
    }
}

/// Sums of one run from its logits (1 × channel × x × y × z) on their device. Only a
/// sum for each channel and x leaves it; those are added in double precision.
pub(super) fn class_sums_on_device(
    logits: Tensor<5>,
    targets: &Tensor<5>,
    activation: Activation,
) -> Result<Vec<ClassSums>, ModelError> {
    let [_, channels, x, y, z] = logits.dims();
    let device = logits.device();
    let (probability, hard) = match activation {
        Activation::Softmax => {
            let numbers: Vec<i64> = (0..channels as i64).collect();
            let numbers = Tensor::<5, burn::tensor::Int>::from_data(
                TensorData::new(numbers, [1, channels, 1, 1, 1]),
                &device,
            );
            let winner = logits.clone().argmax(1).expand([1, channels, x, y, z]);
            let hard = winner.equal(numbers.expand([1, channels, x, y, z])).float();
            (activation::softmax(logits.clone(), 1), hard)
        }
        Activation::Sigmoid => (
            activation::sigmoid(logits.clone()),
            logits.clone().greater_scalar(0.0).float(),
        ),
    };
    // Short sums first: a device may add up numbers one by one in single precision.
    let planes = |values: Tensor<5>| values.sum_dim(4).sum_dim(3).reshape([channels, x, 1]);
    let sums = Tensor::cat(
        vec![
            planes(probability.clone() * targets.clone()),
            planes(probability),
            planes(logits * targets.clone()),
            planes(hard.clone() * targets.clone()),
            planes(hard),
        ],
        2,
    );
    let sums = sums
        .try_into_vec_as::<f32>()
        .map_err(|e| ModelError::Device(e.to_string()))?;
    Ok(sums
        .chunks(5 * x)
        .map(|planes| {
            let column = |i: usize| {
                planes
                    .iter()
                    .skip(i)
                    .step_by(5)
                    .map(|&v| f64::from(v))
                    .sum()
            };
            ClassSums {
                probability_in_target: column(0),
                probability_total: column(1),
                logit_in_target: column(2),
                hard_in_target: column(3),
                hard_total: column(4),
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two voxels, two channels; the first voxel is channel 1's, the second channel 0's.
    fn logits() -> Array4<f32> {
        Array4::from_shape_vec((2, 2, 1, 1), vec![0.0, 3.0, 1.0, -2.0]).unwrap()
    }

    #[test]
    fn sums_are_those_of_the_formulas() {
        let logits = logits();
        let targets = TargetMasks::from_logits(logits.view(), Activation::Softmax);
        assert_eq!(targets.voxel_counts(), [1, 1]);
        let sums = class_sums(logits.view(), &targets, Activation::Softmax);
        let p = |a: f64, b: f64| 1.0 / (1.0 + (b - a).exp());
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(sums[0].probability_in_target, p(3.0, -2.0));
        close(sums[0].probability_total, p(3.0, -2.0) + p(0.0, 1.0));
        close(sums[0].logit_in_target, 3.0);
        close(sums[1].probability_in_target, p(1.0, 0.0));
        close(sums[1].hard_in_target, 1.0);
        close(sums[1].hard_total, 1.0);

        let targets = TargetMasks::from_logits(logits.view(), Activation::Sigmoid);
        let sums = class_sums(logits.view(), &targets, Activation::Sigmoid);
        close(sums[1].probability_total, p(1.0, 0.0) + p(-2.0, 0.0));
        close(sums[1].hard_total, 1.0);
    }

    #[test]
    fn device_sums_equal_host_sums() {
        let mut state = 1_u32;
        let values: Vec<f32> = (0..3 * 6 * 5 * 4)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 22) as f32 - 2.0
            })
            .collect();
        let logits = Array4::from_shape_vec((3, 6, 5, 4), values.clone()).unwrap();
        let device = Device::flex();
        let tensor = Tensor::<5>::from_data(TensorData::new(values, [1, 3, 6, 5, 4]), &device);
        for activation in [Activation::Softmax, Activation::Sigmoid] {
            // A target of other logits, so that target and run differ.
            let other = logits.mapv(|v| (v * 7.0).sin());
            let targets = TargetMasks::from_logits(other.view(), activation);
            let host = class_sums(logits.view(), &targets, activation);
            let on_device =
                class_sums_on_device(tensor.clone(), &targets.upload(&device), activation).unwrap();
            for (a, b) in host.iter().zip(&on_device) {
                assert!((a.probability_in_target - b.probability_in_target).abs() < 1e-4);
                assert!((a.probability_total - b.probability_total).abs() < 1e-4);
                assert!((a.logit_in_target - b.logit_in_target).abs() < 1e-4);
                assert_eq!(a.hard_in_target, b.hard_in_target);
                assert_eq!(a.hard_total, b.hard_total);
            }
        }
    }
}
