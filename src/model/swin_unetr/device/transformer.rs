//! The Swin transformer on kernels: blocks, patch merging, and the stages they form.
//!
//! Scale and shift of every layer norm are folded into the linear layer behind it when
//! weights are loaded, so that kernels know one kind of norm.

use super::attention::attention;
use super::convolution::{ResidualBlock, by_place, stored_channels};
use super::norm::{normalised_rows, row_statistics};
use super::product::{After, Map, Matrix, Norm, Places, product};
use super::queue::{Buffer, Queue};
use crate::model::swin_unetr::config::{
    BLOCKS_PER_STAGE, HEADS, MLP_RATIO, MergeOrder, NetworkConfig,
};
use crate::model::swin_unetr::window::POSITIONS;
use crate::model::{ModelError, Weights};

/// Learned scale and shift of a layer norm, one each a channel.
struct Affine {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Affine {
    fn load(weights: &Weights, prefix: &str, width: usize) -> Result<Self, ModelError> {
        Ok(Self {
            scale: weights.take(&format!("{prefix}.weight"), [width])?,
            shift: weights.take(&format!("{prefix}.bias"), [width])?,
        })
    }
}

/// A linear layer on rows, with the norm before it folded in.
fn linear(
    queue: &Queue,
    weights: &Weights,
    prefix: &str,
    [inputs, outputs]: [usize; 2],
    bias: bool,
    norm: Option<&Affine>,
    places: Places,
) -> Result<Matrix, ModelError> {
    let weight = weights.take(&format!("{prefix}.weight"), [outputs, inputs])?;
    let mut sums = match bias {
        true => weights.take(&format!("{prefix}.bias"), [outputs])?,
        false => vec![0.0; outputs],
    };
    let mut folded = vec![0.0; inputs * outputs];
    for (output, (row, sum)) in weight.chunks(inputs).zip(&mut sums).enumerate() {
        let mut shifted = f64::from(*sum);
        for (input, &weight) in row.iter().enumerate() {
            let (scale, shift) = norm
                .and_then(|norm| Some((norm.scale.get(input)?, norm.shift.get(input)?)))
                .unwrap_or((&1.0, &0.0));
            shifted += f64::from(weight) * f64::from(*shift);
            if let Some(value) = folded.get_mut(input * outputs + output) {
                *value = weight * scale;
            }
        }
        *sum = shifted as f32;
    }
    let channels = inputs / places.count();
    let sums = (bias || norm.is_some()).then_some(sums);
    Matrix::new(queue, places, &folded, sums.as_deref(), channels)
}

/// Norm, window attention, norm, feed-forward (MONAI's `SwinTransformerBlock`).
#[derive(Debug)]
pub struct SwinBlock {
    project: Matrix,
    /// What padding projects to, without the norm's shift: padding comes after the norm.
    padding: Buffer,
    /// Heads × relative positions.
    table: Buffer,
    heads: usize,
    shifted: bool,
    output: Matrix,
    expand: Matrix,
    contract: Matrix,
}

impl SwinBlock {
    pub fn load(
        queue: &Queue,
        weights: &Weights,
        prefix: &str,
        width: usize,
        heads: usize,
        shifted: bool,
    ) -> Result<Self, ModelError> {
        let norm1 = Affine::load(weights, &format!("{prefix}.norm1"), width)?;
        let norm2 = Affine::load(weights, &format!("{prefix}.norm2"), width)?;
        let layer = |name: &str, shape, norm| {
            let prefix = format!("{prefix}.{name}");
            linear(queue, weights, &prefix, shape, true, norm, Places::own())
        };
        let padding = weights.take(&format!("{prefix}.attn.qkv.bias"), [3 * width])?;
        let key = format!("{prefix}.attn.relative_position_bias_table");
        let table = weights.take(&key, [POSITIONS, heads])?;
        let table: Vec<f32> = (0..heads)
            .flat_map(|head| table.iter().copied().skip(head).step_by(heads))
            .collect();
        let hidden = MLP_RATIO * width;
        Ok(Self {
            project: layer("attn.qkv", [width, 3 * width], Some(&norm1))?,
            padding: queue.upload(&padding)?,
            table: queue.upload(&table)?,
            heads,
            shifted,
            output: layer("attn.proj", [width, width], None)?,
            expand: layer("mlp.linear1", [width, hidden], Some(&norm2))?,
            contract: layer("mlp.linear2", [hidden, width], None)?,
        })
    }

    /// Images × dims × width in and out.
    pub fn forward(&self, queue: &Queue, tokens: &Map) -> Result<Map, ModelError> {
        let statistics = row_statistics(queue, tokens, &Places::own())?;
        let norm = Norm::Rows(&statistics);
        let projected = product(queue, tokens, None, &self.project, norm, After::default())?;
        let attended = attention(
            queue,
            &projected,
            &self.padding,
            &self.table,
            self.heads,
            self.shifted,
        )?;
        drop(projected);
        let after = After {
            residual: Some(tokens),
            ..After::default()
        };
        let tokens = product(queue, &attended, None, &self.output, Norm::None, after)?;
        let statistics = row_statistics(queue, &tokens, &Places::own())?;
        let after = After {
            gelu: true,
            ..After::default()
        };
        let norm = Norm::Rows(&statistics);
        let hidden = product(queue, &tokens, None, &self.expand, norm, after)?;
        let after = After {
            residual: Some(&tokens),
            ..After::default()
        };
        product(queue, &hidden, None, &self.contract, Norm::None, after)
    }
}

/// Halves the grid (MONAI's `PatchMerging` and `PatchMergingV2`).
#[derive(Debug)]
pub struct PatchMerging {
    reduction: Matrix,
}

impl PatchMerging {
    pub fn load(
        queue: &Queue,
        weights: &Weights,
        prefix: &str,
        width: usize,
        order: MergeOrder,
    ) -> Result<Self, ModelError> {
        let norm = Affine::load(weights, &format!("{prefix}.norm"), 8 * width)?;
        let prefix = format!("{prefix}.reduction");
        let shape = [8 * width, 2 * width];
        let places = Places::cell(order.offsets());
        Ok(Self {
            reduction: linear(queue, weights, &prefix, shape, false, Some(&norm), places)?,
        })
    }

    /// Images × dims × width to images × (dims / 2, rounded up) × 2 width.
    pub fn forward(&self, queue: &Queue, tokens: &Map) -> Result<Map, ModelError> {
        let statistics = row_statistics(queue, tokens, self.reduction.places())?;
        let norm = Norm::Rows(&statistics);
        product(queue, tokens, None, &self.reduction, norm, After::default())
    }
}

/// The Swin transformer that gives the decoder its five maps (MONAI's `SwinTransformer`).
#[derive(Debug)]
pub struct Encoder {
    embedding: Matrix,
    stages: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    /// The convolution block of SwinUNETR-V2.
    convolution: Option<ResidualBlock>,
    blocks: Vec<SwinBlock>,
    merging: PatchMerging,
}

impl Encoder {
    pub fn load(
        queue: &Queue,
        weights: &Weights,
        config: &NetworkConfig,
    ) -> Result<Self, ModelError> {
        let (inputs, c) = (config.in_channels, config.feature_size);
        let key = "swinViT.patch_embed.proj";
        let weight = weights.take(&format!("{key}.weight"), [c, inputs, 2, 2, 2])?;
        let bias = weights.take(&format!("{key}.bias"), [c])?;
        let channels = stored_channels(inputs);
        let weight = by_place(&weight, inputs, c, channels);
        let embedding = Matrix::new(queue, Places::raster_cell(), &weight, Some(&bias), channels)?;
        let stages = HEADS
            .into_iter()
            .enumerate()
            .map(|(index, heads)| {
                let prefix = format!("swinViT.layers{}", index + 1);
                let width = config.stage_width(index);
                let block = |number: usize| {
                    let prefix = format!("{prefix}.0.blocks.{number}");
                    SwinBlock::load(queue, weights, &prefix, width, heads, number % 2 == 1)
                };
                let convolution = format!("{prefix}c.0.layer");
                Ok(Stage {
                    convolution: config
                        .use_v2
                        .then(|| ResidualBlock::load(queue, weights, &convolution, [width; 2]))
                        .transpose()?,
                    blocks: (0..BLOCKS_PER_STAGE).map(block).collect::<Result<_, _>>()?,
                    merging: PatchMerging::load(
                        queue,
                        weights,
                        &format!("{prefix}.0.downsample"),
                        width,
                        config.merge_order,
                    )?,
                })
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Self { embedding, stages })
    }

    /// The five maps, normalised, from images of `stored_channels` channels.
    pub fn forward(&self, queue: &Queue, image: &Map) -> Result<Vec<Map>, ModelError> {
        let after = After::default();
        let mut tokens = product(queue, image, None, &self.embedding, Norm::None, after)?;
        let mut maps = vec![normalised_rows(queue, &tokens)?];
        for stage in &self.stages {
            if let Some(block) = &stage.convolution {
                tokens = block.forward(queue, tokens)?;
            }
            for block in &stage.blocks {
                tokens = block.forward(queue, &tokens)?;
            }
            tokens = stage.merging.forward(queue, &tokens)?;
            maps.push(normalised_rows(queue, &tokens)?);
        }
        Ok(maps)
    }
}
