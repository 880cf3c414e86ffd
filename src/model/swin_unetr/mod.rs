//! Swin UNETR, as MONAI 1.6.1 defines it.
//!
//! Every name and number follows `monai.networks.nets.SwinUNETR`; the weights keep
//! MONAI's names. There are two implementations of the same network: `device`, burn
//! tensors for a graphics card, and `cpu`, our own for the processor, which is several
//! times faster there. What both agree on (settings, windows, masks) is beside them.
//!
//! Hatamizadeh et al., "Swin UNETR: Swin Transformers for Semantic Segmentation of
//! Brain Tumors in MRI Images", 2022; He et al., "SwinUNETR-V2", 2023.

mod config;
pub mod cpu;
pub mod device;
mod operations;
pub mod window;

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use ndarray::{ArrayD, IxDyn};

use super::{ComputeDevice, ModelError, Weights};
use cpu::CpuNetwork;
use device::DeviceNetwork;

pub use config::{BLOCKS_PER_STAGE, HEADS, MLP_RATIO, MergeOrder, NetworkConfig, check_input_dims};
pub use operations::floating_point_operations;
pub use window::{POSITIONS, TokenGrid};

/// The network with its weights where it runs.
#[derive(Debug)]
pub struct SwinUnetr {
    config: NetworkConfig,
    device: ComputeDevice,
    implementation: Implementation,
}

/// The two implementations.
#[derive(Debug, Clone)]
pub enum Implementation {
    Cpu(Arc<CpuNetwork>),
    Device(Arc<DeviceNetwork>),
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
        let implementation = if device.is_cpu() {
            Implementation::Cpu(Arc::new(CpuNetwork::new(config, weights)?))
        } else {
            Implementation::Device(Arc::new(DeviceNetwork::new(
                config,
                weights,
                device.burn(),
            )?))
        };
        Ok(Self {
            config,
            device: device.clone(),
            implementation,
        })
    }

    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Where the weights are and the network runs.
    pub fn device(&self) -> &ComputeDevice {
        &self.device
    }

    pub fn implementation(&self) -> &Implementation {
        &self.implementation
    }

    /// Logits N×out_channels×D×H×W for an input N×in_channels×D×H×W. No activation.
    ///
    /// Errors: an array that has not five axes, a channel count or dimensions that the
    /// network cannot take, and a failing device.
    pub fn forward_array(&self, input: ArrayD<f32>) -> Result<ArrayD<f32>, ModelError> {
        let actual = input.shape().to_vec();
        let &[n, c, d, h, w] = actual.as_slice() else {
            return Err(ModelError::Shape {
                what: "input (batch, channels, depth, height, width)",
                expected: vec![1, self.config.in_channels, 64, 64, 64],
                actual,
            });
        };
        self.config.check_input(c, [d, h, w])?;
        let failed = |error: &dyn std::fmt::Display| ModelError::Device(error.to_string());
        let out = self.config.out_channels;
        match &self.implementation {
            Implementation::Cpu(network) => {
                let mut logits = ArrayD::zeros(IxDyn(&[n, out, d, h, w]));
                for (image, mut logits) in input.outer_iter().zip(logits.outer_iter_mut()) {
                    let image = image.permuted_axes(IxDyn(&[1, 2, 3, 0]));
                    let image: Vec<f32> = image.iter().copied().collect();
                    let result = network.forward(&image, [d, h, w])?;
                    let result = ArrayD::from_shape_vec(IxDyn(&[d, h, w, out]), result)
                        .map_err(|e| failed(&e))?;
                    logits.assign(&result.permuted_axes(IxDyn(&[3, 0, 1, 2])));
                }
                Ok(logits)
            }
            Implementation::Device(network) => {
                let values: Vec<f32> = input.iter().copied().collect();
                let data = TensorData::new(values, [n, c, d, h, w]);
                let logits = network.forward(Tensor::from_data(data, self.device.burn()));
                let values = logits.try_into_vec_as::<f32>().map_err(|e| failed(&e))?;
                ArrayD::from_shape_vec(IxDyn(&[n, out, d, h, w]), values).map_err(|e| failed(&e))
            }
        }
    }
}
