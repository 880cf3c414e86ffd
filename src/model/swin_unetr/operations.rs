//! How much arithmetic a forward pass is.
//!
//! Counted from the network's structure, not from what a program does: the same number
//! for every program that runs the network, so that operations per second compare.

use super::config::{BLOCKS_PER_STAGE, HEADS, MLP_RATIO, NetworkConfig};
use super::window::WINDOW;

/// Weights of a 3×3×3 kernel for one input and one output channel.
const KERNEL: u64 = 27;

/// Weights of a 2×2×2 kernel for one input and one output channel.
const CELL: u64 = 8;

/// Floating-point operations of a forward pass over one input of `dims` voxels: a
/// multiplication and an addition for each weight of each matrix product and
/// convolution.
///
/// As PyTorch's `FlopCounterMode` counts MONAI's network: tokens that pad a window to
/// 7×7×7 take part in attention and count, zeros around a convolution count, norms,
/// activations and softmax do not.
pub fn floating_point_operations(config: &NetworkConfig, dims: [usize; 3]) -> u64 {
    let c = config.feature_size as u64;
    // Voxels of the maps whose edges are a fraction of the input's.
    let voxels = |fraction: usize| count(dims.map(|n| n / fraction));
    let inputs = config.in_channels as u64;

    let embedding = voxels(2) * CELL * inputs * c;
    let stages: u64 = (0..HEADS.len())
        .map(|stage| encoder_stage(config, stage, dims.map(|n| n >> (stage + 1))))
        .sum();
    let encoders = residual_block(voxels(1), inputs, c)
        + residual_block(voxels(2), c, c)
        + residual_block(voxels(4), 2 * c, 2 * c)
        + residual_block(voxels(8), 4 * c, 4 * c)
        + residual_block(voxels(32), 16 * c, 16 * c);
    let decoders: u64 = [
        (32, 16 * c, 8 * c),
        (16, 8 * c, 4 * c),
        (8, 4 * c, 2 * c),
        (4, 2 * c, c),
        (2, c, c),
    ]
    .into_iter()
    .map(|(fraction, from, to)| {
        let enlarging = voxels(fraction) * CELL * from * to;
        enlarging + residual_block(voxels(fraction / 2), 2 * to, to)
    })
    .sum();
    let head = voxels(1) * c * config.out_channels as u64;
    2 * (embedding + stages + encoders + decoders + head)
}

/// Multiplications of two Swin blocks and the patch merging after them, on a grid of
/// tokens.
fn encoder_stage(config: &NetworkConfig, stage: usize, grid: [usize; 3]) -> u64 {
    let width = config.stage_width(stage) as u64;
    let window = grid.map(|n| n.min(WINDOW));
    let tokens = count(grid);
    let padded: u64 = grid
        .iter()
        .zip(&window)
        .map(|(n, window)| n.next_multiple_of(*window) as u64)
        .product();
    let queries_keys_values = padded * width * 3 * width;
    // Scores and their use, in all heads together: each token with each of its window.
    let attention = 2 * padded * count(window) * width;
    let projection = padded * width * width;
    let feed_forward = 2 * tokens * width * MLP_RATIO as u64 * width;
    let block = queries_keys_values + attention + projection + feed_forward;
    let merging = count(grid.map(|n| n.div_ceil(2))) * (8 * width) * (2 * width);
    let convolutions = if config.use_v2 {
        residual_block(tokens, width, width)
    } else {
        0
    };
    convolutions + BLOCKS_PER_STAGE as u64 * block + merging
}

/// Multiplications of two convolutions, and of the 1×1×1 one that fits the shortcut to
/// another number of channels.
fn residual_block(voxels: u64, from: u64, to: u64) -> u64 {
    let shortcut = if from == to { 0 } else { from * to };
    voxels * (KERNEL * from * to + KERNEL * to * to + shortcut)
}

fn count(dims: [usize; 3]) -> u64 {
    dims.iter().map(|&n| n as u64).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MergeOrder;

    /// What PyTorch's counter says about MONAI's network.
    #[test]
    fn counts_are_those_of_pytorch() {
        for (feature_size, edge, expected) in [
            (12, 64, 14.0),
            (12, 96, 44.6),
            (24, 64, 50.9),
            (24, 96, 165.4),
            (48, 64, 193.1),
            (48, 96, 636.1),
        ] {
            let config = NetworkConfig {
                in_channels: 1,
                out_channels: 3,
                feature_size,
                use_v2: false,
                merge_order: MergeOrder::Merging,
            };
            let counted = floating_point_operations(&config, [edge; 3]) as f64 / 1e9;
            assert!(
                (counted - expected).abs() < 0.05,
                "{feature_size}, {edge}: {counted}"
            );
        }
    }

    #[test]
    fn the_blocks_of_v2_add_to_it() {
        let plain = NetworkConfig {
            in_channels: 1,
            out_channels: 3,
            feature_size: 12,
            use_v2: false,
            merge_order: MergeOrder::Merging,
        };
        let with_blocks = NetworkConfig {
            use_v2: true,
            ..plain
        };
        let dims = [64, 32, 32];
        // Two 3×3×3 convolutions of 12, 24, 48 and 96 channels.
        let added: u64 = [
            (32 * 16 * 16, 12),
            (16 * 8 * 8, 24),
            (8 * 4 * 4, 48),
            (4 * 2 * 2, 96),
        ]
        .map(|(tokens, width): (u64, u64)| 2 * 2 * 27 * width * width * tokens)
        .iter()
        .sum();
        assert_eq!(
            floating_point_operations(&with_blocks, dims),
            floating_point_operations(&plain, dims) + added
        );
    }
}
