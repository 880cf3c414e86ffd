//! The channels of an image on one scale, so that one compactness suits every scan.

use rayon::prelude::*;

use super::domain::Domain;

/// Steps of a scaled value from 0 to 1. Sums of multiples of 1/STEPS are exact in
/// floating point, so they do not depend on their order: that of 512 values in f32, of
/// any image in f64.
pub(super) const STEPS: f32 = 16_384.0;

/// One vector a channel, one value a voxel.
pub(super) struct Features(pub Vec<Vec<f32>>);

impl Features {
    pub fn of(channels: &[&[f32]], domain: &Domain) -> Self {
        let share = 1.0 / (channels.len().max(1) as f32).sqrt();
        let scaled = channels
            .iter()
            .map(|channel| scaled(channel, domain, share));
        Self(scaled.collect())
    }

    /// No channels: nothing is known of the voxels but where they are.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    pub fn channels(&self) -> usize {
        self.0.len()
    }
}

/// A channel so that its 1st to 99th percentile inside the region is 0 to `share`, cut
/// off well outside and rounded to 1/STEPS. What is not a number counts as 0; a
/// constant channel is 0.
fn scaled(channel: &[f32], domain: &Domain, share: f32) -> Vec<f32> {
    let Some((low, high)) = range(channel, domain) else {
        return vec![0.0; channel.len()];
    };
    // Halved, because the range of f32 numbers may be too large for one.
    let (low, half_range) = (low, high / 2.0 - low / 2.0);
    let scale = |value: f32| {
        let t = (value / 2.0 - low / 2.0) / half_range;
        // max and min also turn NaN into a number.
        let t = if t.is_nan() { 0.0 } else { t.clamp(-1.0, 2.0) };
        round(t * share * STEPS) / STEPS
    };
    let mut values = vec![0.0; channel.len()];
    values
        .par_chunks_mut(1 << 16)
        .zip(channel.par_chunks(1 << 16))
        .for_each(|(to, from)| {
            for (to, &from) in to.iter_mut().zip(from) {
                *to = scale(from);
            }
        });
    values
}

/// Nearest whole number of a small one, ties to even: adding 1.5·2²³ leaves no room for
/// a fraction. The standard rounding is a call for each value on many processors.
fn round(value: f32) -> f32 {
    const NO_ROOM: f32 = 12_582_912.0;
    (value + NO_ROOM) - NO_ROOM
}

/// The 1st and 99th percentile of an even sample inside the region; the extremes where
/// those are equal; `None` for a constant channel.
fn range(channel: &[f32], domain: &Domain) -> Option<(f32, f32)> {
    const SAMPLE: usize = 1 << 17;
    // An odd step meets all columns of images with even sides, which are most.
    let step = (domain.voxels / SAMPLE).max(1) | 1;
    let mut sample: Vec<f32> = channel
        .iter()
        .zip(&domain.inside)
        .step_by(step)
        .filter(|(value, inside)| **inside && value.is_finite())
        .map(|(&value, _)| value)
        .collect();
    let mut percentile = |share: f64| {
        let last = sample.len().checked_sub(1)?;
        let at = (share * last as f64).round() as usize;
        Some(*sample.select_nth_unstable_by(at, f32::total_cmp).1)
    };
    let (low, high) = (percentile(0.01)?, percentile(0.99)?);
    if high > low {
        return Some((low, high));
    }
    // An image that is constant but for a few voxels still has those.
    let inside = || {
        let pairs = channel.iter().zip(&domain.inside);
        pairs
            .filter(|(value, inside)| **inside && value.is_finite())
            .map(|(&value, _)| value)
    };
    let (low, high) = (inside().fold(low, f32::min), inside().fold(high, f32::max));
    (high > low).then_some((low, high))
}
