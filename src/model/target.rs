//! What is measured of a masked run: sums over all voxels, over a frozen target and its
//! connected parts, and over each player's voxels.

use std::ops::Range;

use ndarray::{Array3, Array4, ArrayView4, Axis};

use super::Activation;
use crate::volume::{Components, Connectivity};

/// Components that are told apart in a channel; the smallest of more count as one, so
/// that noise does not make a record of a run long.
pub const MOST_COMPONENTS: usize = 64;

/// For each output channel the voxels that the unmasked run gave to it, in connected
/// parts. They stay fixed while parts of the image are removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetMasks {
    /// `[[channel, x, y, z]]`: 0, or the number of the component, from 1 on and over all
    /// channels. Beyond [`MOST_COMPONENTS`] of a channel the small ones share a number.
    components: Array4<u32>,
    /// Channel of each component, in ascending order.
    channel_of_component: Vec<usize>,
    /// Voxels of each component.
    sizes: Vec<usize>,
    /// The part of the image, x y z, whose voxels are measured.
    measured: [Range<usize>; 3],
}

/// Sums for one output channel c of one run, over the measured part. With softmax probabilities p and logits z,
/// and T the channel's target:
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClassSums {
    /// Σ p over T.
    pub probability_in_target: f64,
    /// Σ p over all voxels.
    pub probability_total: f64,
    /// Σ z over T.
    pub logit_in_target: f64,
    /// Σ m over T, with the margin m = z − the largest logit of another channel (z itself
    /// with sigmoid).
    pub margin_in_target: f64,
    /// Voxels of T that the run gives to the channel (largest logit with softmax, logit
    /// above 0 with sigmoid).
    pub hard_in_target: f64,
    /// All voxels that the run gives to the channel.
    pub hard_total: f64,
}

/// Sums over a set of voxels for one output channel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RegionSums {
    /// Σ p.
    pub probability: f64,
    /// Σ z.
    pub logit: f64,
    /// Σ m, see [`ClassSums::margin_in_target`].
    pub margin: f64,
    /// Voxels that the run gives to the channel.
    pub hard: f64,
}

impl std::ops::AddAssign for RegionSums {
    fn add_assign(&mut self, other: Self) {
        self.probability += other.probability;
        self.logit += other.logit;
        self.margin += other.margin;
        self.hard += other.hard;
    }
}

/// Everything that is kept of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunSums {
    /// One for each output channel.
    pub classes: Vec<ClassSums>,
    /// One for each component of the targets, for the component's channel.
    pub components: Vec<RegionSums>,
    /// For each output channel: one for the voxels of no player, then one for each
    /// player.
    pub players: Vec<RegionSums>,
}

impl RunSums {
    /// From sums over components and players; the classes' are sums of those.
    pub(super) fn new(
        components: Vec<RegionSums>,
        players: Vec<RegionSums>,
        channel_of_component: &[usize],
        channels: usize,
    ) -> Self {
        let mut classes = vec![ClassSums::default(); channels];
        let per_channel = (players.len() / channels.max(1)).max(1);
        for (class, players) in classes.iter_mut().zip(players.chunks(per_channel)) {
            for sums in players {
                class.probability_total += sums.probability;
                class.hard_total += sums.hard;
            }
        }
        for (sums, &channel) in components.iter().zip(channel_of_component) {
            if let Some(class) = classes.get_mut(channel) {
                class.probability_in_target += sums.probability;
                class.logit_in_target += sums.logit;
                class.margin_in_target += sums.margin;
                class.hard_in_target += sums.hard;
            }
        }
        Self {
            classes,
            components,
            players,
        }
    }
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
            Activation::Sigmoid => Self::from_masks(&logits.mapv(|logit| logit > 0.0)),
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
        Self::from_masks(&masks)
    }

    /// Targets from `[[channel, x, y, z]]`.
    pub fn from_masks(masks: &Array4<bool>) -> Self {
        let (_, x, y, z) = masks.dim();
        let mut components = Array4::zeros(masks.dim());
        let mut channel_of_component = Vec::new();
        let mut sizes = Vec::new();
        for (channel, mask) in masks.outer_iter().enumerate() {
            let voxels: Vec<bool> = mask.iter().copied().collect();
            let parts =
                Components::of_voxels(voxels.into_iter(), [z, y, x], Connectivity::Corners26);
            // A count over 2^32 would need at least as many voxels.
            let before = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
            let mut own = components.index_axis_mut(Axis(0), channel);
            for (own, &id) in own.iter_mut().zip(parts.ids()) {
                // Components are numbered from the largest on.
                *own = match id.min(MOST_COMPONENTS as u32) {
                    0 => 0,
                    id => before + id,
                };
            }
            let told_apart = parts.sizes().len().min(MOST_COMPONENTS);
            channel_of_component.extend(std::iter::repeat_n(channel, told_apart));
            let (large, small) = parts.sizes().split_at(told_apart);
            sizes.extend(large);
            if let Some(last) = sizes.last_mut() {
                *last += small.iter().sum::<usize>();
            }
        }
        Self {
            components,
            channel_of_component,
            sizes,
            measured: [0..x, 0..y, 0..z],
        }
    }

    /// The same targets, where nothing is measured but the smallest box around those of
    /// some channels, grown by `margin` voxels on each side. Runs then need no windows
    /// but those that reach into it.
    ///
    /// Components of other channels are cut where they leave the box.
    #[must_use]
    pub fn measured_around(mut self, channels: &[usize], margin: usize) -> Self {
        let mut found: Option<[Range<usize>; 3]> = None;
        for ((channel, x, y, z), &component) in self.components.indexed_iter() {
            if component == 0 || !channels.contains(&channel) {
                continue;
            }
            let voxel = [x, y, z];
            let part = found.get_or_insert_with(|| voxel.map(|v| v..v + 1));
            for (range, v) in part.iter_mut().zip(voxel) {
                *range = range.start.min(v)..range.end.max(v + 1);
            }
        }
        if let Some(part) = found {
            let (_, x, y, z) = self.components.dim();
            for ((own, range), size) in self.measured.iter_mut().zip(part).zip([x, y, z]) {
                *own = range.start.saturating_sub(margin)..(range.end + margin).min(size);
            }
        }
        self
    }

    /// The part of the image, x y z, whose voxels are measured.
    pub fn measured(&self) -> &[Range<usize>; 3] {
        &self.measured
    }

    /// Whether a voxel is measured.
    pub fn is_measured(&self, voxel: [usize; 3]) -> bool {
        let mut ranges = self.measured.iter().zip(voxel);
        ranges.all(|(range, v)| range.contains(&v))
    }

    /// `[[channel, x, y, z]]`: 0 outside the channel's target, inside it the number of
    /// the connected part, from 1 on, over all channels.
    pub fn components(&self) -> ArrayView4<'_, u32> {
        self.components.view()
    }

    /// The output channel of each component, which are numbered channel by channel and
    /// in each of them from the largest to the smallest.
    pub fn channel_of_component(&self) -> &[usize] {
        &self.channel_of_component
    }

    /// Voxels of each component.
    pub fn component_sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Voxels in each channel's target.
    pub fn voxel_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.components.dim().0];
        for (&channel, &size) in self.channel_of_component.iter().zip(&self.sizes) {
            if let Some(count) = counts.get_mut(channel) {
                *count += size;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> TargetMasks {
        let mut labels = Array3::zeros((6, 5, 4));
        for voxel in [[1, 1, 1], [2, 2, 2], [5, 4, 0]] {
            labels[voxel] = 1;
        }
        labels[[0, 4, 3]] = 2;
        TargetMasks::from_labels(&labels, 3, Activation::Softmax)
    }

    #[test]
    fn components_are_numbered_over_all_channels() {
        let targets = targets();
        assert_eq!(targets.voxel_counts(), [116, 3, 1]);
        assert_eq!(targets.component_sizes(), [116, 2, 1, 1]);
        assert_eq!(targets.channel_of_component(), [0, 1, 1, 2]);
        let components = targets.components();
        assert_eq!(components[[1, 2, 2, 2]], 2);
        assert_eq!(components[[1, 5, 4, 0]], 3);
        assert_eq!(components[[2, 0, 4, 3]], 4);
        assert_eq!(components[[1, 0, 4, 3]], 0);
    }

    #[test]
    fn specks_beyond_the_most_components_count_as_one() {
        let mut masks = Array4::from_elem((1, 200, 3, 1), false);
        for speck in 0..MOST_COMPONENTS + 10 {
            masks[[0, 2 * speck, 0, 0]] = true;
        }
        masks[[0, 0, 1, 0]] = true;
        let targets = TargetMasks::from_masks(&masks);
        let sizes = targets.component_sizes();
        assert_eq!((sizes.len(), sizes[0], sizes[63]), (MOST_COMPONENTS, 2, 11));
        assert_eq!(targets.components().iter().max(), Some(&64));
        assert_eq!(targets.voxel_counts(), [MOST_COMPONENTS + 11]);
    }

    #[test]
    fn the_measured_part_is_a_box_around_the_targets() {
        assert_eq!(targets().measured(), &[0..6, 0..5, 0..4]);
        let around = targets().measured_around(&[2], 1);
        assert_eq!(around.measured(), &[0..2, 3..5, 2..4]);
        let around = targets().measured_around(&[1, 2], 0);
        assert_eq!(around.measured(), &[0..6, 1..5, 0..4]);
        // Nothing to be around: everything is measured.
        assert_eq!(targets().measured_around(&[7], 1), targets());
    }
}
