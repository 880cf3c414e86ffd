//! The convolutional half: residual blocks, and the decoder's steps up.

use burn::tensor::activation::leaky_relu;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, module};

use super::layers::{instance_norm, transposed, upload};
use crate::model::swin_unetr::config::LEAKY_SLOPE;
use crate::model::{ModelError, Weights};

/// A convolution with stride 1 that keeps the size.
#[derive(Debug)]
pub struct Convolution {
    /// out × in × k × k × k.
    weight: Tensor<5>,
    bias: Option<Tensor<1>>,
    padding: usize,
}

impl Convolution {
    /// Reads `{prefix}.conv.weight` and, if there is one, `{prefix}.conv.bias`.
    pub fn load(
        weights: &Weights,
        prefix: &str,
        [inputs, outputs, size]: [usize; 3],
        bias: bool,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let shape = [outputs, inputs, size, size, size];
        let weight = weights.take(&format!("{prefix}.conv.weight"), shape)?;
        let key = format!("{prefix}.conv.bias");
        let bias = bias.then(|| weights.take(&key, [outputs])).transpose()?;
        Ok(Self {
            weight: upload(weight, shape, device),
            bias: bias.map(|values| upload(values, [outputs], device)),
            padding: size / 2,
        })
    }

    /// N×in×D×H×W to N×out×D×H×W.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let options = ConvOptions::new([1; 3], [self.padding; 3], [1; 3], 1);
        module::conv3d(x, self.weight.clone(), self.bias.clone(), options)
    }
}

/// Two 3×3×3 convolutions with instance norms and a shortcut (MONAI's
/// `UnetResBlock`). Where the width changes, the shortcut is a 1×1×1 convolution
/// with its own norm.
#[derive(Debug)]
pub struct ResidualBlock {
    conv1: Convolution,
    conv2: Convolution,
    conv3: Option<Convolution>,
}

impl ResidualBlock {
    pub fn load(
        weights: &Weights,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
        device: &Device,
    ) -> Result<Self, ModelError> {
        let conv = |name: &str, shape| {
            Convolution::load(weights, &format!("{prefix}.{name}"), shape, false, device)
        };
        Ok(Self {
            conv1: conv("conv1", [inputs, outputs, 3])?,
            conv2: conv("conv2", [outputs, outputs, 3])?,
            conv3: (inputs != outputs)
                .then(|| conv("conv3", [inputs, outputs, 1]))
                .transpose()?,
        })
    }

    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let slope = f64::from(LEAKY_SLOPE);
        let inner = leaky_relu(instance_norm(self.conv1.forward(x.clone())), slope);
        let inner = instance_norm(self.conv2.forward(inner));
        let shortcut = match &self.conv3 {
            Some(conv) => instance_norm(conv.forward(x)),
            None => x,
        };
        leaky_relu(inner + shortcut, slope)
    }
}

/// Doubles the size with a transposed convolution, puts the skip connection's
/// channels after its own, and refines both (MONAI's `UnetrUpBlock`).
#[derive(Debug)]
pub struct UpBlock {
    /// (8 · out) × in: for each output channel the 2×2×2 voxels of a cell.
    expand: Tensor<3>,
    refine: ResidualBlock,
}

impl UpBlock {
    pub fn load(
        weights: &Weights,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
        device: &Device,
    ) -> Result<Self, ModelError> {
        let shape = [inputs, outputs, 2, 2, 2];
        let weight = weights.take(&format!("{prefix}.transp_conv.conv.weight"), shape)?;
        let weight = transposed(&weight, inputs, 8 * outputs);
        Ok(Self {
            expand: upload(weight, [1, 8 * outputs, inputs], device),
            refine: ResidualBlock::load(
                weights,
                &format!("{prefix}.conv_block"),
                [2 * outputs, outputs],
                device,
            )?,
        })
    }

    /// `x` N×in×D×H×W and `skip` N×out×2D×2H×2W to N×out×2D×2H×2W.
    pub fn forward(&self, x: Tensor<5>, skip: Tensor<5>) -> Tensor<5> {
        self.refine
            .forward(Tensor::cat(vec![self.upsample(x), skip], 1))
    }

    /// A stride of 2 and a kernel of 2 do not overlap, so the transposed convolution is
    /// one matrix product for all voxels, whose rows are then dealt out to their cells.
    fn upsample(&self, x: Tensor<5>) -> Tensor<5> {
        let [n, inputs, d, h, w] = x.dims();
        let outputs = self.expand.dims()[1] / 8;
        self.expand
            .clone()
            .matmul(x.reshape([n, inputs, d * h * w]))
            .reshape([n, outputs, 2, 2, 2, d, h, w])
            .permute([0, 1, 5, 2, 6, 3, 7, 4])
            .reshape([n, outputs, 2 * d, 2 * h, 2 * w])
    }
}
