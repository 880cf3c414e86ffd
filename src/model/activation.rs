//! From logits to probabilities and labels.

use ndarray::{Array3, ArrayView4, Axis};
use serde::{Deserialize, Serialize};

/// What a network's logits mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Channels exclude each other; channel 0 is the background.
    Softmax,
    /// Each channel is a yes or no of its own; structures may overlap.
    Sigmoid,
}

impl Activation {
    /// The label that stands for an output channel in a label map. With softmax the
    /// channel itself; with sigmoid the channel plus 1, for 0 means none.
    pub fn label_of_channel(self, channel: usize) -> usize {
        match self {
            Self::Softmax => channel,
            Self::Sigmoid => channel + 1,
        }
    }

    /// The channel a voxel is given by its logits, if any: with softmax the largest
    /// (the first of equals), with sigmoid the largest that is above 0, which is a
    /// probability above one half.
    pub fn channel_of_voxel(self, logits: impl IntoIterator<Item = f32>) -> Option<usize> {
        let mut best = None;
        let mut largest = match self {
            Self::Softmax => f32::NEG_INFINITY,
            Self::Sigmoid => 0.0,
        };
        for (channel, logit) in logits.into_iter().enumerate() {
            if logit > largest {
                largest = logit;
                best = Some(channel);
            }
        }
        best
    }

    /// One label a voxel from logits `[[c, x, y, z]]`, by
    /// [`channel_of_voxel`](Self::channel_of_voxel) and
    /// [`label_of_channel`](Self::label_of_channel). Where sigmoid structures overlap,
    /// the most probable one is shown.
    pub fn labels(self, logits: ArrayView4<'_, f32>) -> Array3<u16> {
        logits.map_axis(Axis(0), |channels| {
            let channel = self.channel_of_voxel(channels.iter().copied());
            let label = channel.map_or(0, |channel| self.label_of_channel(channel));
            u16::try_from(label).unwrap_or(u16::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;

    #[test]
    fn labels_of_both_kinds() {
        // Channels × voxels: three voxels.
        let logits =
            Array4::from_shape_vec((2, 3, 1, 1), vec![1.0, -1.0, 2.0, 0.5, -2.0, 3.0]).unwrap();
        let flat = |activation: Activation| activation.labels(logits.view()).into_iter().collect();
        let softmax: Vec<u16> = flat(Activation::Softmax);
        let sigmoid: Vec<u16> = flat(Activation::Sigmoid);
        assert_eq!(softmax, [0, 0, 1]);
        assert_eq!(sigmoid, [1, 0, 2]);
    }
}
