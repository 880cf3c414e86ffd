//! The network in burn's own operations, on any burn device: what the kernels are held
//! against.
//!
//! Images are N×C×D×H×W, tokens are rows of a matrix. Tests run it on
//! [`burn::tensor::Device::flex`]; the program does not run it at all.

pub mod attention;
pub mod block;
pub mod convolution;
mod encoder;
pub mod layers;

use burn::tensor::{Device, Tensor};

use crate::model::swin_unetr::NetworkConfig;
use crate::model::{ModelError, Weights};
use convolution::{Convolution, ResidualBlock, UpBlock};
use encoder::SwinEncoder;

/// The network with its weights on a burn device.
#[derive(Debug)]
pub struct PlainNetwork {
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

impl PlainNetwork {
    /// Builds the network from weights that were checked against `config`.
    pub fn new(
        config: NetworkConfig,
        weights: &Weights,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let c = config.feature_size;
        let residual = |name: &str, widths| {
            ResidualBlock::load(weights, &format!("{name}.layer"), widths, device)
        };
        let up = |name: &str, widths| UpBlock::load(weights, name, widths, device);
        Ok(Self {
            encoder: SwinEncoder::load(weights, &config, device)?,
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
            out: Convolution::load(
                weights,
                "out.conv",
                [c, config.out_channels, 1],
                true,
                device,
            )?,
        })
    }

    /// Logits N×out_channels×D×H×W for an input N×in_channels×D×H×W that
    /// [`check_input`](NetworkConfig::check_input) lets pass. No activation.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let features = self.forward_features(x.clone());
        let [_, _, _, hidden3, _] = features.hidden;
        let d3 = self.decoder5.forward(features.encoder10, hidden3);
        let d2 = self.decoder4.forward(d3, features.encoder4);
        let d1 = self.decoder3.forward(d2, features.encoder3);
        let d0 = self.decoder2.forward(d1, features.encoder2);
        let full = self.decoder1.forward(d0, self.encoder1.forward(x));
        self.out.forward(full)
    }

    /// The maps of the contracting path, for an input as in [`forward`](Self::forward).
    pub fn forward_features(&self, x: Tensor<5>) -> Features {
        let hidden = self.encoder.forward(x);
        let [h0, h1, h2, _, h4] = hidden.clone();
        Features {
            hidden,
            encoder2: self.encoder2.forward(h0),
            encoder3: self.encoder3.forward(h1),
            encoder4: self.encoder4.forward(h2),
            encoder10: self.encoder10.forward(h4),
        }
    }
}
