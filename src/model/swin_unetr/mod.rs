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

use ndarray::{ArrayD, IxDyn};

use super::{ComputeDevice, ModelError, Weights};
use cpu::CpuNetwork;
use device::{DeviceNetwork, Queue};

pub use config::{BLOCKS_PER_STAGE, HEADS, MLP_RATIO, MergeOrder, NetworkConfig, check_input_dims};
pub use device::Precision;
pub use operations::floating_point_operations;
pub use window::{POSITIONS, TokenGrid};

/// The network with its weights where it runs.
#[derive(Debug)]
pub struct SwinUnetr {
    config: NetworkConfig,
    device: ComputeDevice,
    implementation: Implementation,
}

/// How far logits in half precision are from those in single precision.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PrecisionError {
    pub largest: f64,
    pub mean: f64,
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
    /// Maps and weights have the device's [precision](ComputeDevice::precision).
    ///
    /// Errors: settings no network can have; the first missing, unexpected or
    /// misshapen weight; a failing device.
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
            let queue = Queue::new(device, device.precision())?;
            Implementation::Device(Arc::new(DeviceNetwork::new(config, weights, queue)?))
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

    /// The most windows of a size that a graphics device can take together; 0 if it cannot
    /// even bind the maps of one. The processor has no such bound.
    pub fn largest_batch(&self, window: [usize; 3]) -> usize {
        match &self.implementation {
            Implementation::Cpu(_) => usize::MAX,
            Implementation::Device(network) => network.largest_batch(window),
        }
    }

    /// Has everything compiled that a run needs, which takes seconds on a graphics device
    /// at the first use.
    ///
    /// Errors: a failing device.
    pub fn prepare(&self) -> Result<(), ModelError> {
        match &self.implementation {
            Implementation::Cpu(_) => Ok(()),
            Implementation::Device(network) => network.prepare(),
        }
    }

    /// How far the logits of another network of the same weights lie from this one's, for
    /// an input as in [`forward_array`](Self::forward_array): what another precision costs.
    ///
    /// Errors: as there.
    pub fn logit_error(
        &self,
        other: &Self,
        input: &ArrayD<f32>,
    ) -> Result<PrecisionError, ModelError> {
        let own = self.forward_array(input.clone())?;
        let others = other.forward_array(input.clone())?;
        let mut error = PrecisionError::default();
        for (&own, &other) in own.iter().zip(&others) {
            let difference = (f64::from(own) - f64::from(other)).abs();
            error.largest = error.largest.max(difference);
            error.mean += difference;
        }
        error.mean /= own.len().max(1) as f64;
        Ok(error)
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
                let queue = network.queue();
                let images = queue.upload(&values)?;
                let rows = network.rows_of_images(&images, n, [d, h, w])?;
                let logits = network.forward_map(&rows)?;
                let values = queue.read(&logits, n * out * d * h * w)?;
                ArrayD::from_shape_vec(IxDyn(&[n, out, d, h, w]), values).map_err(|e| failed(&e))
            }
        }
    }
}
