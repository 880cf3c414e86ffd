//! The Swin transformer that gives the decoder its five maps.

use burn::tensor::{Device, Tensor};

use super::block::Stage;
use super::convolution::ResidualBlock;
use super::layers::{LayerNorm, image_from_tokens, tokens_from_image, transposed, upload};
use crate::model::swin_unetr::config::{HEADS, NetworkConfig};
use crate::model::swin_unetr::window::TokenGrid;
use crate::model::{ModelError, Weights};

/// MONAI's `SwinTransformer`.
#[derive(Debug)]
pub struct SwinEncoder {
    /// (in · 8) × C: a convolution with kernel and stride 2.
    embedding: Tensor<2>,
    embedding_bias: Tensor<1>,
    stages: Vec<EncoderStage>,
    /// Norms of the five maps, over channels, without learned parameters.
    norms: Vec<LayerNorm>,
}

#[derive(Debug)]
struct EncoderStage {
    /// The convolution block of SwinUNETR-V2.
    convolution: Option<ResidualBlock>,
    stage: Stage,
}

impl SwinEncoder {
    pub fn load(
        weights: &Weights,
        config: &NetworkConfig,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let (inputs, c) = (config.in_channels, config.feature_size);
        let key = "swinViT.patch_embed.proj";
        let embedding = weights.take(&format!("{key}.weight"), [c, inputs, 2, 2, 2])?;
        let embedding_bias = weights.take(&format!("{key}.bias"), [c])?;
        let stages = (0..HEADS.len())
            .map(|index| {
                let prefix = format!("swinViT.layers{}", index + 1);
                let width = config.stage_width(index);
                let convolution = config
                    .use_v2
                    .then(|| {
                        let prefix = format!("{prefix}c.0.layer");
                        ResidualBlock::load(weights, &prefix, [width, width], device)
                    })
                    .transpose()?;
                let prefix = format!("{prefix}.0");
                let order = config.merge_order;
                let stage = Stage::load(weights, &prefix, index, width, order, device)?;
                Ok(EncoderStage { convolution, stage })
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Self {
            embedding: upload(
                transposed(&embedding, c, 8 * inputs),
                [8 * inputs, c],
                device,
            ),
            embedding_bias: upload(embedding_bias, [c], device),
            stages,
            norms: (0..=HEADS.len())
                .map(|index| LayerNorm::plain(config.stage_width(index), device))
                .collect(),
        })
    }

    /// N×C×D×H×W to five normalised maps, with C·2^i channels at 1/2^(i+1) of the size.
    pub fn forward(&self, x: Tensor<5>) -> [Tensor<5>; 5] {
        let (mut grid, mut tokens) = self.embed(x);
        std::array::from_fn(|map| {
            if map > 0 {
                (grid, tokens) = self.stages[map - 1].forward(tokens.clone(), grid);
            }
            image_from_tokens(self.norms[map].forward(tokens.clone()), grid)
        })
    }

    /// Cuts the image into 2×2×2 cells and projects each to a token.
    fn embed(&self, x: Tensor<5>) -> (TokenGrid, Tensor<2>) {
        let [n, c, d, h, w] = x.dims();
        let grid = TokenGrid {
            batch: n,
            dims: [d / 2, h / 2, w / 2],
        };
        let cells = x
            .reshape([n, c, d / 2, 2, h / 2, 2, w / 2, 2])
            .permute([0, 2, 4, 6, 1, 3, 5, 7])
            .reshape([grid.tokens(), 8 * c]);
        (
            grid,
            cells.matmul(self.embedding.clone()) + self.embedding_bias.clone().unsqueeze(),
        )
    }
}

impl EncoderStage {
    fn forward(&self, tokens: Tensor<2>, grid: TokenGrid) -> (TokenGrid, Tensor<2>) {
        let (grid, tokens) = match &self.convolution {
            Some(block) => tokens_from_image(block.forward(image_from_tokens(tokens, grid))),
            None => (grid, tokens),
        };
        self.stage.forward(tokens, grid)
    }
}
