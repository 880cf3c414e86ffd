//! Which processor runs the network.

use crate::base::MemoryLimit;
use crate::engine::{DeviceChoice, EngineError};
use crate::gpu::{GpuContext, Tier};
use crate::model::{ComputeDevice, DeviceEvent};

/// The choice of a processor, with the graphics device that the view already uses.
#[derive(Clone)]
pub struct Compute {
    choice: DeviceChoice,
    graphics: Option<GpuContext>,
    memory_limit: MemoryLimit,
}

impl Compute {
    /// `graphics` is the device to share with the view, if there is one.
    pub fn new(choice: DeviceChoice, graphics: Option<GpuContext>) -> Self {
        Self {
            choice,
            graphics,
            memory_limit: MemoryLimit::default(),
        }
    }

    /// The same, where no run may use more memory.
    #[must_use]
    pub fn with_memory_limit(self, memory_limit: MemoryLimit) -> Self {
        Self {
            memory_limit,
            ..self
        }
    }

    /// A choice without a view to share a device with.
    pub fn alone(choice: DeviceChoice) -> Self {
        Self::new(choice, None)
    }

    /// The device for burn. Automatically a graphics card, and the CPU where the
    /// adapter is software: burn on software Vulkan is an order of magnitude slower
    /// than its CPU backend.
    pub fn device(&self) -> Result<ComputeDevice, EngineError> {
        let graphics = match (self.choice, &self.graphics) {
            (DeviceChoice::Cpu, _) => None,
            (DeviceChoice::Automatic, known) => known
                .clone()
                .or_else(|| GpuContext::headless().ok())
                .filter(|context| context.tier != Tier::Software),
            (DeviceChoice::Gpu, Some(known)) => Some(known.clone()),
            (DeviceChoice::Gpu, None) => {
                Some(GpuContext::headless().map_err(|error| EngineError::NoGpu {
                    why: error.to_string(),
                })?)
            }
        };
        let device = match graphics {
            None => ComputeDevice::cpu(),
            Some(context) => {
                let device = ComputeDevice::from_wgpu(
                    context.instance.clone(),
                    context.adapter.clone(),
                    context.device.clone(),
                    context.queue.clone(),
                )?;
                // The network now hears of the device's failures first.
                device.listen(move |event| match event {
                    DeviceEvent::Lost(reason) => context.note_loss(reason),
                    DeviceEvent::Error(error) => context.note_error(error),
                });
                match &self.graphics {
                    Some(_) => device.sharing_view(),
                    None => device,
                }
            }
        };
        Ok(device.with_memory_limit(self.memory_limit))
    }
}
