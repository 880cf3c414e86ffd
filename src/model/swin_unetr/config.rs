//! What distinguishes one Swin UNETR from another.

use serde::{Deserialize, Serialize};

use crate::model::ModelError;

/// Attention heads of the four stages. The width of a head is `feature_size / 3`
/// in every stage.
pub const HEADS: [usize; 4] = [3, 6, 12, 24];

/// Swin blocks in a stage; the second of them shifts its windows.
pub const BLOCKS_PER_STAGE: usize = 2;

/// Hidden width of a block's feed-forward layer, as a multiple of its width.
pub const MLP_RATIO: usize = 4;

/// Added to variances before the root, in every norm of the network.
pub const EPSILON: f32 = 1e-5;

/// Slope of the leaky rectifier for negative values.
pub const LEAKY_SLOPE: f32 = 0.01;

/// The order in which patch merging stacks the eight sub-grids of a 2×2×2 cell.
///
/// MONAI changed it twice without changing any weight's name or shape, so it
/// cannot be told from a weights file, and the wrong one gives plausible but
/// different logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeOrder {
    /// MONAI 0.9 to 1.4 with `downsample="merging"`: repeats two sub-grids and never
    /// uses two others. All published BTCV and BraTS21 weights were trained so.
    Legacy,
    /// MONAI 1.5 and later with `downsample="merging"`.
    Merging,
    /// `downsample="mergingv2"`.
    MergingV2,
}

impl MergeOrder {
    /// Offsets (d, h, w) of the eight sub-grids, in the order they are stacked.
    pub fn offsets(self) -> [[usize; 3]; 8] {
        match self {
            Self::Legacy => [
                [0, 0, 0],
                [1, 0, 0],
                [0, 1, 0],
                [0, 0, 1],
                [1, 0, 1],
                [0, 1, 0],
                [0, 0, 1],
                [1, 1, 1],
            ],
            Self::Merging => [
                [0, 0, 0],
                [1, 0, 0],
                [0, 1, 0],
                [0, 0, 1],
                [1, 1, 0],
                [1, 0, 1],
                [0, 1, 1],
                [1, 1, 1],
            ],
            Self::MergingV2 => [
                [0, 0, 0],
                [0, 0, 1],
                [0, 1, 0],
                [0, 1, 1],
                [1, 0, 0],
                [1, 0, 1],
                [1, 1, 0],
                [1, 1, 1],
            ],
        }
    }
}

/// The settings that fix every weight's shape, and the merge order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    pub in_channels: usize,
    pub out_channels: usize,
    /// Channels after patch embedding; a multiple of 12.
    pub feature_size: usize,
    /// Whether each stage starts with a residual convolution block (SwinUNETR-V2).
    pub use_v2: bool,
    pub merge_order: MergeOrder,
}

impl NetworkConfig {
    /// An error that names the first setting no network can have.
    pub fn validate(&self) -> Result<(), ModelError> {
        let problem = if !(1..=64).contains(&self.in_channels) {
            format!("in_channels is {}, it must be 1 to 64", self.in_channels)
        } else if !(1..=1024).contains(&self.out_channels) {
            format!(
                "out_channels is {}, it must be 1 to 1024",
                self.out_channels
            )
        } else if !(12..=384).contains(&self.feature_size) || !self.feature_size.is_multiple_of(12)
        {
            format!(
                "feature_size is {}, it must be a multiple of 12 from 12 to 384",
                self.feature_size
            )
        } else {
            return Ok(());
        };
        Err(ModelError::Settings(problem))
    }

    /// An error unless the network can take an input of these channels and dimensions.
    pub fn check_input(&self, channels: usize, dims: [usize; 3]) -> Result<(), ModelError> {
        if channels != self.in_channels {
            return Err(ModelError::InputChannels {
                expected: self.in_channels,
                actual: channels,
            });
        }
        check_input_dims(dims)
    }

    /// Channels of stage `stage` (0 to 3) of the Swin encoder.
    pub fn stage_width(&self, stage: usize) -> usize {
        self.feature_size << stage
    }
}

/// An error unless the network can take an input of these dimensions: multiples of
/// 32, and more than one voxel left in the bottleneck, whose variance the instance
/// norm needs (MONAI refuses 32×32×32 as well).
pub fn check_input_dims(dims: [usize; 3]) -> Result<(), ModelError> {
    let [d, h, w] = dims;
    let fits = dims.iter().all(|&n| n > 0 && n.is_multiple_of(32));
    if fits && dims.iter().any(|&n| n >= 64) {
        Ok(())
    } else {
        Err(ModelError::InputSize(d, h, w))
    }
}
