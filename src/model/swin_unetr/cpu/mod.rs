//! The network on the processor.

use burn::tensor::{Device, Tensor, TensorData};

use crate::model::swin_unetr::NetworkConfig;
use crate::model::swin_unetr::device::DeviceNetwork;
use crate::model::{ModelError, Weights};

/// The network with its weights in main memory.
#[derive(Debug)]
pub struct CpuNetwork {
    config: NetworkConfig,
    network: DeviceNetwork,
}

impl CpuNetwork {
    /// Builds the network from weights that were checked against `config`.
    pub fn new(config: NetworkConfig, weights: &Weights) -> Result<Self, ModelError> {
        let network = DeviceNetwork::new(config, weights, &Device::flex())?;
        Ok(Self { config, network })
    }

    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Logits D×H×W×out of an image D×H×W×in that
    /// [`check_input`](NetworkConfig::check_input) lets pass. No activation.
    pub fn forward(&self, image: &[f32], dims: [usize; 3]) -> Result<Vec<f32>, ModelError> {
        let [d, h, w] = dims;
        let shape = [1, d, h, w, self.config.in_channels];
        let image = TensorData::new(image.to_vec(), shape);
        let image = Tensor::<5>::from_data(image, &Device::flex()).permute([0, 4, 1, 2, 3]);
        let logits = self.network.forward(image).permute([0, 2, 3, 4, 1]);
        logits
            .try_into_vec_as::<f32>()
            .map_err(|e| ModelError::Device(e.to_string()))
    }
}
