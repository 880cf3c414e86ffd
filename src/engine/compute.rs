//! Which processor runs the network, and how.

use std::sync::{Arc, Mutex, PoisonError};

use crate::base::MemoryLimit;
use crate::engine::{DeviceChoice, EngineError};
use crate::gpu::{GpuContext, Tier};
use crate::model::{ComputeDevice, DeviceEvent, Precision};

/// What is asked of the processor besides its kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ComputeOptions {
    /// The most memory that a run may use.
    pub memory_limit: MemoryLimit,
    pub precision: Precision,
}

/// The choice of a processor, with the graphics device that the view already uses.
/// Clones share the device that was made.
#[derive(Clone)]
pub struct Compute {
    choice: DeviceChoice,
    graphics: Option<GpuContext>,
    options: ComputeOptions,
    /// Made once: burn takes a graphics device over.
    made: Arc<Mutex<Option<ComputeDevice>>>,
}

impl Compute {
    /// `graphics` is the device to share with the view, if there is one.
    pub fn new(
        choice: DeviceChoice,
        graphics: Option<GpuContext>,
        options: ComputeOptions,
    ) -> Self {
        Self {
            choice,
            graphics,
            options,
            made: Arc::default(),
        }
    }

    /// A choice without a view to share a device with.
    pub fn alone(choice: DeviceChoice, options: ComputeOptions) -> Self {
        Self::new(choice, None, options)
    }

    /// The device for burn. Automatically a graphics card, and the CPU where the
    /// adapter is software: the network on software Vulkan is an order of magnitude slower
    /// than our own on the processor. Where a graphics device was lost the network goes on
    /// on the CPU, unless a card was asked for.
    ///
    /// Errors: a graphics card or half precision was asked for and is not there.
    pub fn device(&self) -> Result<ComputeDevice, EngineError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let was_lost = match made.as_ref() {
            Some(device) if !device.is_lost() => return Ok(device.clone()),
            known => known.is_some(),
        };
        let graphics = match (self.choice, was_lost) {
            (DeviceChoice::Cpu, _) | (DeviceChoice::Automatic, true) => None,
            (DeviceChoice::Gpu, true) => {
                let why = "it stopped working; start the program again".to_owned();
                return Err(EngineError::NoGpu { why });
            }
            (DeviceChoice::Automatic, false) => self
                .graphics
                .clone()
                .or_else(|| GpuContext::headless().ok())
                .filter(|context| context.tier != Tier::Software),
            (DeviceChoice::Gpu, false) => Some(match &self.graphics {
                Some(known) => known.clone(),
                None => GpuContext::headless().map_err(|error| EngineError::NoGpu {
                    why: error.to_string(),
                })?,
            }),
        };
        let device = match graphics {
            None => ComputeDevice::cpu(),
            Some(context) => self.on_graphics(context)?,
        };
        let device = device
            .with_memory_limit(self.options.memory_limit)
            .with_precision(self.options.precision)?;
        *made = Some(device.clone());
        Ok(device)
    }

    /// The graphics device that the view uses.
    pub fn graphics(&self) -> Option<&GpuContext> {
        self.graphics.as_ref()
    }

    fn on_graphics(&self, context: GpuContext) -> Result<ComputeDevice, EngineError> {
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
        Ok(match &self.graphics {
            Some(_) => device.sharing_view(),
            None => device,
        })
    }
}
