//! The network in burn's own operations, on any burn device: what the kernels are held
//! against, and what gradients are taken of, since burn can differentiate it.
//!
//! Images are N×C×D×H×W, tokens are rows of a matrix. Weights and whatever depends on
//! the shape of the input alone are constants, on the device without differentiation.

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

/// A map inside the network, from the bottom up; its resolution is a fraction of the
/// input's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DecoderMap {
    /// 1/32, before the decoder.
    Bottleneck,
    /// 1/16, what the first step of the decoder gives.
    Sixteenth,
    Eighth,
    Quarter,
    Half,
    Full,
}

impl DecoderMap {
    /// Voxels of the input along an edge of one of the map's.
    pub fn scale(self) -> usize {
        match self {
            Self::Bottleneck => 32,
            Self::Sixteenth => 16,
            Self::Eighth => 8,
            Self::Quarter => 4,
            Self::Half => 2,
            Self::Full => 1,
        }
    }
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
        self.forward_through(x, &mut |_, map| map)
    }

    /// As [`forward`](Self::forward), with each map of the decoder given to `tap`, and
    /// going on with what it gives back.
    pub fn forward_through(
        &self,
        x: Tensor<5>,
        tap: &mut dyn FnMut(DecoderMap, Tensor<5>) -> Tensor<5>,
    ) -> Tensor<5> {
        let features = self.forward_features(x.clone());
        let [_, _, _, hidden3, _] = features.hidden;
        let map = tap(DecoderMap::Bottleneck, features.encoder10);
        let map = tap(DecoderMap::Sixteenth, self.decoder5.forward(map, hidden3));
        let map = tap(
            DecoderMap::Eighth,
            self.decoder4.forward(map, features.encoder4),
        );
        let map = tap(
            DecoderMap::Quarter,
            self.decoder3.forward(map, features.encoder3),
        );
        let map = tap(
            DecoderMap::Half,
            self.decoder2.forward(map, features.encoder2),
        );
        let map = self.decoder1.forward(map, self.encoder1.forward(x));
        self.out.forward(tap(DecoderMap::Full, map))
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
