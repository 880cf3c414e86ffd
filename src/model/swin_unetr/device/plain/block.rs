//! Swin transformer blocks, patch merging, and the stages they form.

use burn::tensor::activation::gelu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::attention::WindowAttention;
use super::layers::{LayerNorm, Linear};
use crate::model::swin_unetr::config::{BLOCKS_PER_STAGE, HEADS, MLP_RATIO, MergeOrder};
use crate::model::swin_unetr::window::TokenGrid;
use crate::model::{ModelError, Weights};

/// Norm, window attention, norm, feed-forward, each of the two with a shortcut
/// (MONAI's `SwinTransformerBlock`).
#[derive(Debug)]
pub struct SwinBlock {
    norm1: LayerNorm,
    attention: WindowAttention,
    norm2: LayerNorm,
    expand: Linear,
    contract: Linear,
}

impl SwinBlock {
    pub fn load(
        weights: &Weights,
        prefix: &str,
        width: usize,
        heads: usize,
        shifted: bool,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let hidden = MLP_RATIO * width;
        let linear = |name: &str, shape| {
            Linear::load(
                weights,
                &format!("{prefix}.mlp.{name}"),
                shape,
                true,
                device,
            )
        };
        Ok(Self {
            norm1: LayerNorm::load(weights, &format!("{prefix}.norm1"), width, device)?,
            attention: WindowAttention::load(
                weights,
                &format!("{prefix}.attn"),
                width,
                heads,
                shifted,
                device,
            )?,
            norm2: LayerNorm::load(weights, &format!("{prefix}.norm2"), width, device)?,
            expand: linear("linear1", [width, hidden])?,
            contract: linear("linear2", [hidden, width])?,
        })
    }

    /// Tokens × width in and out.
    pub fn forward(&self, tokens: Tensor<2>, grid: TokenGrid) -> Tensor<2> {
        let attended = self
            .attention
            .forward(self.norm1.forward(tokens.clone()), grid);
        let tokens = tokens + attended;
        let hidden = gelu(self.expand.forward(self.norm2.forward(tokens.clone())));
        tokens + self.contract.forward(hidden)
    }
}

/// Halves the grid: stacks the tokens of each 2×2×2 cell, norm, linear to twice the
/// width (MONAI's `PatchMerging` and `PatchMergingV2`). Odd axes are padded with
/// zeros at the far end.
#[derive(Debug)]
pub struct PatchMerging {
    norm: LayerNorm,
    reduction: Linear,
    offsets: [[usize; 3]; 8],
    /// For each shape of input: the rows to stack.
    rows: Mutex<BTreeMap<TokenGrid, Tensor<1, Int>>>,
}

impl PatchMerging {
    pub fn load(
        weights: &Weights,
        prefix: &str,
        width: usize,
        order: MergeOrder,
        device: &Device,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            norm: LayerNorm::load(weights, &format!("{prefix}.norm"), 8 * width, device)?,
            reduction: Linear::load(
                weights,
                &format!("{prefix}.reduction"),
                [8 * width, 2 * width],
                false,
                device,
            )?,
            offsets: order.offsets(),
            rows: Mutex::default(),
        })
    }

    /// Tokens × width to (tokens of the halved grid) × 2 width.
    pub fn forward(&self, tokens: Tensor<2>, grid: TokenGrid) -> (TokenGrid, Tensor<2>) {
        let device = tokens.device();
        let [_, width] = tokens.dims();
        let merged = TokenGrid {
            batch: grid.batch,
            dims: grid.dims.map(|n| n.div_ceil(2)),
        };
        let tokens = if grid.dims.iter().any(|n| !n.is_multiple_of(2)) {
            Tensor::cat(vec![tokens, Tensor::zeros([1, width], &device)], 0)
        } else {
            tokens
        };
        let rows = {
            let mut cache = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            cache
                .entry(grid)
                .or_insert_with(|| self.make_rows(grid, merged, &device.without_autodiff()))
                .clone()
        };
        let stacked = tokens.select(0, rows).reshape([merged.tokens(), 8 * width]);
        (merged, self.reduction.forward(self.norm.forward(stacked)))
    }

    fn make_rows(&self, grid: TokenGrid, merged: TokenGrid, device: &Device) -> Tensor<1, Int> {
        let mut rows: Vec<i64> = Vec::with_capacity(8 * merged.tokens());
        for image in 0..grid.batch {
            for d in 0..merged.dims[0] {
                for h in 0..merged.dims[1] {
                    for w in 0..merged.dims[2] {
                        for [i, j, k] in self.offsets {
                            let at = [2 * d + i, 2 * h + j, 2 * w + k];
                            let row = if (0..3).all(|axis| at[axis] < grid.dims[axis]) {
                                image * grid.tokens_per_image()
                                    + (at[0] * grid.dims[1] + at[1]) * grid.dims[2]
                                    + at[2]
                            } else {
                                grid.tokens()
                            };
                            rows.push(row as i64);
                        }
                    }
                }
            }
        }
        let count = rows.len();
        Tensor::from_data(TensorData::new(rows, [count]), device)
    }
}

/// Two blocks and a merging (MONAI's `BasicLayer`).
#[derive(Debug)]
pub struct Stage {
    blocks: Vec<SwinBlock>,
    merging: PatchMerging,
}

impl Stage {
    /// Stage `stage` (0 to 3) of the encoder, whose keys start with `prefix`.
    pub fn load(
        weights: &Weights,
        prefix: &str,
        stage: usize,
        width: usize,
        order: MergeOrder,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let blocks = (0..BLOCKS_PER_STAGE)
            .map(|block| {
                let prefix = format!("{prefix}.blocks.{block}");
                SwinBlock::load(
                    weights,
                    &prefix,
                    width,
                    HEADS[stage],
                    block % 2 == 1,
                    device,
                )
            })
            .collect::<Result<_, _>>()?;
        let merging = PatchMerging::load(
            weights,
            &format!("{prefix}.downsample"),
            width,
            order,
            device,
        )?;
        Ok(Self { blocks, merging })
    }

    pub fn forward(&self, tokens: Tensor<2>, grid: TokenGrid) -> (TokenGrid, Tensor<2>) {
        let tokens = self
            .blocks
            .iter()
            .fold(tokens, |tokens, block| block.forward(tokens, grid));
        self.merging.forward(tokens, grid)
    }
}
