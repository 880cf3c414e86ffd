//! The small layers everything else is made of.

use burn::tensor::{Device, Tensor, TensorData, module};

use crate::model::swin_unetr::TokenGrid;
use crate::model::swin_unetr::config::EPSILON;
use crate::model::{ModelError, Weights};

/// A tensor on the device from row-major values.
pub fn upload<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// `y = x · weight + bias` on rows.
#[derive(Debug)]
pub struct Linear {
    /// (inputs, outputs): the transpose of what the file holds.
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
}

impl Linear {
    /// Reads `{prefix}.weight` (outputs, inputs) and, if there is one, `{prefix}.bias`.
    pub fn load(
        weights: &Weights,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
        bias: bool,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let weight = weights.take(&format!("{prefix}.weight"), [outputs, inputs])?;
        let bias = bias
            .then(|| weights.take(&format!("{prefix}.bias"), [outputs]))
            .transpose()?;
        Ok(Self {
            weight: upload(
                transposed(&weight, outputs, inputs),
                [inputs, outputs],
                device,
            ),
            bias: bias.map(|values| upload(values, [outputs], device)),
        })
    }

    pub fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        module::linear(rows, self.weight.clone(), self.bias.clone())
    }
}

/// The transpose of a row-major matrix.
pub fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut result = Vec::with_capacity(values.len());
    for column in 0..columns {
        result.extend((0..rows).map(|row| values[row * columns + column]));
    }
    result
}

/// Layer normalisation of rows.
#[derive(Debug)]
pub struct LayerNorm {
    scale: Tensor<1>,
    shift: Option<Tensor<1>>,
}

impl LayerNorm {
    pub fn load(
        weights: &Weights,
        prefix: &str,
        width: usize,
        device: &Device,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            scale: upload(
                weights.take(&format!("{prefix}.weight"), [width])?,
                [width],
                device,
            ),
            shift: Some(upload(
                weights.take(&format!("{prefix}.bias"), [width])?,
                [width],
                device,
            )),
        })
    }

    /// One without learned scale and shift.
    pub fn plain(width: usize, device: &Device) -> Self {
        Self {
            scale: Tensor::ones([width], device),
            shift: None,
        }
    }

    pub fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        module::layer_norm(
            rows,
            self.scale.clone(),
            self.shift.clone(),
            f64::from(EPSILON),
        )
    }
}

/// Instance normalisation of N×C×D×H×W without learned scale, with the biased
/// variance of each channel's own voxels.
pub fn instance_norm(x: Tensor<5>) -> Tensor<5> {
    // A graphics device may add up a row of numbers one by one, which loses three
    // digits over a whole volume. Means of means of equal rows lose none.
    let mean = |x: Tensor<5>| x.mean_dim(4).mean_dim(3).mean_dim(2);
    let centred = x.clone() - mean(x);
    let variance = mean(centred.clone().square());
    centred / (variance + EPSILON).sqrt()
}

/// Rows of tokens (tokens × C) as an image N×C×D×H×W.
pub fn image_from_tokens(tokens: Tensor<2>, grid: TokenGrid) -> Tensor<5> {
    let [_, channels] = tokens.dims();
    let [d, h, w] = grid.dims;
    tokens
        .reshape([grid.batch, grid.tokens_per_image(), channels])
        .swap_dims(1, 2)
        .reshape([grid.batch, channels, d, h, w])
}

/// An image N×C×D×H×W as rows of tokens (tokens × C).
pub fn tokens_from_image(image: Tensor<5>) -> (TokenGrid, Tensor<2>) {
    let [batch, channels, d, h, w] = image.dims();
    let grid = TokenGrid {
        batch,
        dims: [d, h, w],
    };
    let tokens = image
        .reshape([batch, channels, grid.tokens_per_image()])
        .swap_dims(1, 2)
        .reshape([grid.tokens(), channels]);
    (grid, tokens)
}
