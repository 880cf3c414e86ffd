//! A network from weights under MONAI's names, packed for an instruction set.

use std::sync::Mutex;

use super::CpuNetwork;
use super::Stage;
use super::attention::WindowAttention;
use super::matrix::PackedMatrix;
use super::norm::LayerNorm;
use super::residual::{Convolution, ResidualBlock, UpBlock};
use super::simd::InstructionSet;
use super::transformer::{PatchEmbedding, PatchMerging, SwinBlock};
use crate::model::swin_unetr::{BLOCKS_PER_STAGE, HEADS, MLP_RATIO, NetworkConfig, POSITIONS};
use crate::model::{ModelError, Weights};

impl CpuNetwork {
    /// Builds the network from weights that were checked against `config`, for this
    /// processor.
    pub fn new(config: NetworkConfig, weights: &Weights) -> Result<Self, ModelError> {
        Self::for_instruction_set(config, weights, InstructionSet::detect())
    }

    /// [`new`](Self::new) for an instruction set, if the processor has it, else for the widest
    /// that it has.
    pub fn for_instruction_set(
        config: NetworkConfig,
        weights: &Weights,
        set: InstructionSet,
    ) -> Result<Self, ModelError> {
        let set = if InstructionSet::available().contains(&set) {
            set
        } else {
            InstructionSet::detect()
        };
        let loader = Loader { set, weights };
        let c = config.feature_size;
        let stages = (0..HEADS.len())
            .map(|stage| loader.stage(&config, stage))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            config,
            set,
            embedding: loader.embedding(config.in_channels, c)?,
            stages,
            encoder1: loader.residual("encoder1.layer", [config.in_channels, c], Size::Large)?,
            encoders: [
                loader.residual("encoder2.layer", [c, c], Size::Large)?,
                loader.residual("encoder3.layer", [2 * c, 2 * c], Size::Large)?,
                loader.residual("encoder4.layer", [4 * c, 4 * c], Size::Large)?,
            ],
            encoder10: loader.residual("encoder10.layer", [16 * c, 16 * c], Size::Small)?,
            decoders: [
                loader.up("decoder2", [2 * c, c], Size::Large)?,
                loader.up("decoder3", [4 * c, 2 * c], Size::Large)?,
                loader.up("decoder4", [8 * c, 4 * c], Size::Large)?,
                loader.up("decoder5", [16 * c, 8 * c], Size::Small)?,
            ],
            decoder1: loader.up("decoder1", [c, c], Size::Large)?,
            out: loader.point("out.conv", [c, config.out_channels], true)?,
            pools: Mutex::default(),
            threads: super::threads()?,
        })
    }
}

/// Whether a layer's maps have at least an eighth of the image's size along each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Large,
    Small,
}

struct Loader<'a> {
    set: InstructionSet,
    weights: &'a Weights,
}

impl Loader<'_> {
    fn embedding(&self, inputs: usize, width: usize) -> Result<PatchEmbedding, ModelError> {
        let key = "swinViT.patch_embed.proj";
        let shape = [width, inputs, 2, 2, 2];
        let weight = self.weights.take(&format!("{key}.weight"), shape)?;
        let bias = self.weights.take(&format!("{key}.bias"), [width])?;
        let rows = 8 * inputs;
        Ok(PatchEmbedding {
            set: self.set,
            inputs,
            matrix: PackedMatrix::new(
                self.set,
                rows,
                width,
                |i, o| weight[o * rows + i],
                Some(&bias),
            ),
        })
    }

    fn stage(&self, config: &NetworkConfig, stage: usize) -> Result<Stage, ModelError> {
        let width = config.stage_width(stage);
        let prefix = format!("swinViT.layers{}", stage + 1);
        let size = if stage + 1 < HEADS.len() {
            Size::Large
        } else {
            Size::Small
        };
        let convolution = config
            .use_v2
            .then(|| self.residual(&format!("{prefix}c.0.layer"), [width, width], size))
            .transpose()?;
        let blocks = (0..BLOCKS_PER_STAGE)
            .map(|block| {
                let prefix = format!("{prefix}.0.blocks.{block}");
                self.block(&prefix, width, HEADS[stage], block % 2 == 1)
            })
            .collect::<Result<_, _>>()?;
        let downsample = format!("{prefix}.0.downsample");
        let merging = PatchMerging {
            set: self.set,
            width,
            norm: self.norm(&format!("{downsample}.norm"), 8 * width)?,
            reduction: self.linear(
                &format!("{downsample}.reduction"),
                [8 * width, 2 * width],
                false,
            )?,
            offsets: config.merge_order.offsets(),
        };
        Ok(Stage {
            convolution,
            blocks,
            merging,
        })
    }

    fn block(
        &self,
        prefix: &str,
        width: usize,
        heads: usize,
        shifted: bool,
    ) -> Result<SwinBlock, ModelError> {
        let hidden = MLP_RATIO * width;
        let table = format!("{prefix}.attn.relative_position_bias_table");
        let table = self.weights.take(&table, [POSITIONS, heads])?;
        Ok(SwinBlock {
            set: self.set,
            width,
            norm1: self.norm(&format!("{prefix}.norm1"), width)?,
            qkv: self.linear(&format!("{prefix}.attn.qkv"), [width, 3 * width], true)?,
            attention: WindowAttention::new(self.set, table, heads, width, shifted),
            projection: self.linear(&format!("{prefix}.attn.proj"), [width, width], true)?,
            norm2: self.norm(&format!("{prefix}.norm2"), width)?,
            expand: self.linear(&format!("{prefix}.mlp.linear1"), [width, hidden], true)?,
            contract: self.linear(&format!("{prefix}.mlp.linear2"), [hidden, width], true)?,
        })
    }

    fn norm(&self, prefix: &str, width: usize) -> Result<LayerNorm, ModelError> {
        Ok(LayerNorm::new(
            self.weights.take(&format!("{prefix}.weight"), [width])?,
            self.weights.take(&format!("{prefix}.bias"), [width])?,
        ))
    }

    /// A linear layer, whose file holds outputs × inputs.
    fn linear(
        &self,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
        bias: bool,
    ) -> Result<PackedMatrix, ModelError> {
        let key = format!("{prefix}.weight");
        let weight = self.weights.take(&key, [outputs, inputs])?;
        self.matrix(&weight, prefix, [inputs, outputs], bias)
    }

    /// A 1×1×1 convolution.
    fn point(
        &self,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
        bias: bool,
    ) -> Result<PackedMatrix, ModelError> {
        let prefix = format!("{prefix}.conv");
        let shape = [outputs, inputs, 1, 1, 1];
        let weight = self.weights.take(&format!("{prefix}.weight"), shape)?;
        self.matrix(&weight, &prefix, [inputs, outputs], bias)
    }

    fn matrix(
        &self,
        weight: &[f32],
        prefix: &str,
        [inputs, outputs]: [usize; 2],
        bias: bool,
    ) -> Result<PackedMatrix, ModelError> {
        let bias = bias
            .then(|| self.weights.take(&format!("{prefix}.bias"), [outputs]))
            .transpose()?;
        let value = |input: usize, output: usize| weight[output * inputs + input];
        Ok(PackedMatrix::new(
            self.set,
            inputs,
            outputs,
            value,
            bias.as_deref(),
        ))
    }

    fn convolution(
        &self,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
        size: Size,
    ) -> Result<Convolution, ModelError> {
        let shape = [outputs, inputs, 3, 3, 3];
        let weight = self.weights.take(&format!("{prefix}.conv.weight"), shape)?;
        let large = size == Size::Large;
        Ok(Convolution::new(self.set, &weight, inputs, outputs, large))
    }

    fn residual(
        &self,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
        size: Size,
    ) -> Result<ResidualBlock, ModelError> {
        Ok(ResidualBlock {
            set: self.set,
            outputs,
            conv1: self.convolution(&format!("{prefix}.conv1"), [inputs, outputs], size)?,
            conv2: self.convolution(&format!("{prefix}.conv2"), [outputs, outputs], size)?,
            conv3: (inputs != outputs)
                .then(|| self.point(&format!("{prefix}.conv3"), [inputs, outputs], false))
                .transpose()?,
        })
    }

    fn up(
        &self,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
        size: Size,
    ) -> Result<UpBlock, ModelError> {
        let shape = [inputs, outputs, 2, 2, 2];
        let key = format!("{prefix}.transp_conv.conv.weight");
        let weight = self.weights.take(&key, shape)?;
        let expand = (0..8)
            .map(|corner| {
                let value = |i: usize, o: usize| weight[(i * outputs + o) * 8 + corner];
                PackedMatrix::new(self.set, inputs, outputs, value, None)
            })
            .collect();
        Ok(UpBlock {
            set: self.set,
            outputs,
            expand,
            refine: self.residual(
                &format!("{prefix}.conv_block"),
                [2 * outputs, outputs],
                size,
            )?,
        })
    }
}
