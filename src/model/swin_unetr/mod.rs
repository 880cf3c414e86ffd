//! Swin UNETR, as MONAI 1.6.1 defines it.
//!
//! Every name and number follows `monai.networks.nets.SwinUNETR`; the weights keep
//! MONAI's names. Images are N×C×D×H×W (D, H, W are the x, y, z of a volume), the
//! tokens of the transformer are rows of a matrix. Runs on any burn device; on the CPU
//! attention and 3×3×3 convolutions are our own.
//!
//! Hatamizadeh et al., "Swin UNETR: Swin Transformers for Semantic Segmentation of
//! Brain Tumors in MRI Images", 2022; He et al., "SwinUNETR-V2", 2023.

pub mod attention;
mod attention_cpu;
pub mod block;
mod config;
pub mod convolution;
mod convolution_cpu;
mod encoder;
pub mod layers;
mod operations;
pub mod window;

use burn::tensor::{Tensor, TensorData};
use ndarray::ArrayD;

use super::{ComputeDevice, ModelError, Weights};
use convolution::{Convolution, ResidualBlock, UpBlock};
use encoder::SwinEncoder;

pub use config::{BLOCKS_PER_STAGE, HEADS, MLP_RATIO, MergeOrder, NetworkConfig, check_input_dims};
pub use operations::floating_point_operations;
pub use window::POSITIONS;

/// The network with its weights on a device.
#[derive(Debug)]
pub struct SwinUnetr {
    config: NetworkConfig,
    device: ComputeDevice,
    encoder: SwinEncoder,
    encoder1: ResidualBlock,
    encoder2: ResidualBlock,
    encoder3: ResidualBlock,
    encoder4: ResidualBlock,
    encoder10: ResidualBlock,
    decoder5: UpBlock,
    decoder4: UpBlock,
    decoder3: UpBlock,
    decoder2: UpBlock,
    decoder1: UpBlock,
    out: Convolution,
}

/// Intermediate maps of a forward pass, named as in MONAI.
#[derive(Debug, Clone)]
pub struct Features {
    /// The encoder's five maps, `hs0` to `hs4`.
    pub hidden: [Tensor<5>; 5],
    pub encoder2: Tensor<5>,
    pub encoder3: Tensor<5>,
    pub encoder4: Tensor<5>,
    pub encoder10: Tensor<5>,
}

impl SwinUnetr {
    /// Builds the network from weights that are exactly its own.
    ///
    /// Errors: settings no network can have; the first missing, unexpected or
    /// misshapen weight.
    pub fn new(
        config: NetworkConfig,
        weights: &Weights,
        device: &ComputeDevice,
    ) -> Result<Self, ModelError> {
        config.validate()?;
        weights.check(&config)?;
        let c = config.feature_size;
        let burn = device.burn();
        let residual = |name: &str, widths| {
            ResidualBlock::load(weights, &format!("{name}.layer"), widths, burn)
        };
        let up = |name: &str, widths| UpBlock::load(weights, name, widths, burn);
        Ok(Self {
            config,
            device: device.clone(),
            encoder: SwinEncoder::load(weights, &config, burn)?,
            encoder1: residual("encoder1", [config.in_channels, c])?,
            encoder2: residual("encoder2", [c, c])?,
            encoder3: residual("encoder3", [2 * c, 2 * c])?,
            encoder4: residual("encoder4", [4 * c, 4 * c])?,
            encoder10: residual("encoder10", [16 * c, 16 * c])?,
            decoder5: up("decoder5", [16 * c, 8 * c])?,
            decoder4: up("decoder4", [8 * c, 4 * c])?,
            decoder3: up("decoder3", [4 * c, 2 * c])?,
            decoder2: up("decoder2", [2 * c, c])?,
            decoder1: up("decoder1", [c, c])?,
            out: Convolution::load(weights, "out.conv", [c, config.out_channels, 1], true, burn)?,
        })
    }

    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Where the weights are and the network runs.
    pub fn device(&self) -> &ComputeDevice {
        &self.device
    }

    /// Logits N×out_channels×D×H×W for an input N×in_channels×D×H×W on the network's
    /// device. No activation.
    ///
    /// Errors: a channel count or dimensions the network cannot take.
    pub fn forward(&self, x: Tensor<5>) -> Result<Tensor<5>, ModelError> {
        let features = self.forward_features(x.clone())?;
        let [_, _, _, hidden3, _] = features.hidden;
        let d3 = self.decoder5.forward(features.encoder10, hidden3);
        let d2 = self.decoder4.forward(d3, features.encoder4);
        let d1 = self.decoder3.forward(d2, features.encoder3);
        let d0 = self.decoder2.forward(d1, features.encoder2);
        let full = self.decoder1.forward(d0, self.encoder1.forward(x));
        Ok(self.out.forward(full))
    }

    /// [`forward`](Self::forward) for an array that is not on the device yet.
    ///
    /// Errors: also an array that has not five axes, and a failing device.
    pub fn forward_array(&self, input: ArrayD<f32>) -> Result<ArrayD<f32>, ModelError> {
        let actual = input.shape().to_vec();
        let &[n, c, d, h, w] = actual.as_slice() else {
            return Err(ModelError::Shape {
                what: "input (batch, channels, depth, height, width)",
                expected: vec![1, self.config.in_channels, 64, 64, 64],
                actual,
            });
        };
        let values: Vec<f32> = input.iter().copied().collect();
        let data = TensorData::new(values, [n, c, d, h, w]);
        let logits = self.forward(Tensor::from_data(data, self.device.burn()))?;
        let shape = logits.dims();
        let values = logits
            .try_into_vec_as::<f32>()
            .map_err(|error| ModelError::Device(error.to_string()))?;
        ArrayD::from_shape_vec(shape.to_vec(), values)
            .map_err(|error| ModelError::Device(error.to_string()))
    }

    /// The maps of the contracting path, for an input as in [`forward`](Self::forward).
    pub fn forward_features(&self, x: Tensor<5>) -> Result<Features, ModelError> {
        let [_, channels, d, h, w] = x.dims();
        if channels != self.config.in_channels {
            return Err(ModelError::InputChannels {
                expected: self.config.in_channels,
                actual: channels,
            });
        }
        check_input_dims([d, h, w])?;
        let hidden = self.encoder.forward(x);
        let [h0, h1, h2, _, h4] = hidden.clone();
        Ok(Features {
            hidden,
            encoder2: self.encoder2.forward(h0),
            encoder3: self.encoder3.forward(h1),
            encoder4: self.encoder4.forward(h2),
            encoder10: self.encoder10.forward(h4),
        })
    }
}
