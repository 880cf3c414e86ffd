//! Baselines without anatomy: one value for each channel or supervoxel, and noise.

use ndarray::{Array4, ArrayView4};
use rayon::prelude::*;

use super::regions::Regions;
use crate::explain::random::{keyed, unit};

/// Numbers about the finite values of a channel; all are 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Statistics {
    pub mean: f64,
    /// Population standard deviation.
    pub deviation: f64,
    pub minimum: f64,
    pub all_finite: bool,
}

impl Statistics {
    pub fn of_channels(image: ArrayView4<'_, f32>) -> Vec<Self> {
        image
            .outer_iter()
            .map(|channel| {
                let values: Vec<f32> = channel.iter().copied().collect();
                let found = crate::volume::Statistics::of(&values);
                Self {
                    mean: found.map_or(0.0, |s| s.mean),
                    deviation: found.map_or(0.0, |s| s.standard_deviation),
                    minimum: found.map_or(0.0, |s| s.minimum),
                    all_finite: found.is_some_and(|s| s.not_finite == 0),
                }
            })
            .collect()
    }
}

/// The same value everywhere in a channel.
pub(super) fn of_channel(image: &Array4<f32>, value: impl Fn(usize) -> f64) -> Array4<f32> {
    let mut flat = Array4::zeros(image.raw_dim());
    for (channel, mut values) in flat.outer_iter_mut().enumerate() {
        values.fill(value(channel) as f32);
    }
    flat
}

/// Gaussian noise with each channel's mean and deviation, independent from voxel to
/// voxel (Box & Muller 1958). The same seed gives the same noise.
pub(super) fn noise(image: &Array4<f32>, statistics: &[Statistics], seed: u64) -> Array4<f32> {
    let mut noise = Array4::zeros(image.raw_dim());
    for (channel, (mut values, statistics)) in noise.outer_iter_mut().zip(statistics).enumerate() {
        // From the far end, where no pass of an estimator draws its orders.
        let mut random = keyed(seed, u64::MAX - channel as u64);
        for value in &mut values {
            // In 0..=1 without 0, whose logarithm is not finite.
            let radius = (-2.0 * (1.0 - unit(&mut random)).ln()).sqrt();
            let angle = std::f64::consts::TAU * unit(&mut random);
            *value = (statistics.mean + statistics.deviation * radius * angle.cos()) as f32;
        }
    }
    noise
}

/// The mean of each player's voxels. Voxels of no player keep their value.
pub(super) fn player_means(channels: &[&[f32]], regions: &Regions) -> Vec<Vec<f32>> {
    channels
        .par_iter()
        .map(|values| {
            let mut filled = values.to_vec();
            for player in 1..=regions.players() {
                let voxels = regions.voxels_of(player);
                let sum: f64 = voxels.iter().map(|&voxel| f64::from(values[voxel])).sum();
                for &voxel in voxels {
                    filled[voxel] = (sum / voxels.len() as f64) as f32;
                }
            }
            filled
        })
        .collect()
}
