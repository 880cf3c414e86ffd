//! Where the network runs: the CPU, or a graphics adapter through wgpu.

use burn::tensor::Device;
use burn::tensor::wgpu::WgpuSetup;

use super::ModelError;
use super::swin_unetr::Precision;
use super::watch::{DeviceEvent, DeviceWatch};
use crate::base::MemoryLimit;

/// A device for networks. Clones share it.
#[derive(Debug, Clone)]
pub struct ComputeDevice {
    burn: Device,
    label: String,
    is_cpu: bool,
    has_half_precision: bool,
    shares_view: bool,
    watch: DeviceWatch,
    memory_limit: MemoryLimit,
    precision: Precision,
}

impl ComputeDevice {
    /// The CPU, with all threads of rayon's global pool.
    pub fn cpu() -> Self {
        let threads = rayon::current_num_threads();
        let unit = if threads == 1 { "thread" } else { "threads" };
        Self {
            burn: Device::flex(),
            label: format!("CPU ({threads} {unit})"),
            is_cpu: true,
            has_half_precision: false,
            shares_view: false,
            watch: DeviceWatch::default(),
            memory_limit: MemoryLimit::default(),
            precision: Precision::Single,
        }
    }

    /// A device of its own on the system's preferred adapter, for work without a window.
    ///
    /// Errors: no adapter, or the driver refuses a device on it.
    pub fn wgpu() -> Result<Self, ModelError> {
        let instance =
            wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = pollster::block_on(instance.request_adapter(&options))
            .map_err(|e| ModelError::NoAdapter(e.to_string()))?;
        let (device, queue) = pollster::block_on(adapter.request_device(&everything(&adapter)))
            .map_err(|e| ModelError::NoAdapter(e.to_string()))?;
        Self::from_wgpu(instance, adapter, device, queue)
    }

    /// The device and queue a window already draws with, so that both share memory.
    ///
    /// The device must have been requested with every feature and limit of its adapter
    /// (except mappable primary buffers and experimental ones): kernels are chosen by what the adapter offers.
    /// Call once for a device and clone the result. From then on the device's failures are
    /// noted here, and told to whoever [`listen`](Self::listen)s, in place of any handler
    /// that was there before.
    pub fn from_wgpu(
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Result<Self, ModelError> {
        let info = adapter.get_info();
        let missing = wanted_features(&adapter).difference(device.features());
        if !missing.is_empty() {
            return Err(ModelError::NoAdapter(format!(
                "the device of {} was made without {missing:?}",
                info.name
            )));
        }
        let has_half_precision = device.features().contains(wgpu::Features::SHADER_F16);
        let setup = WgpuSetup {
            instance,
            adapter,
            device: device.clone(),
            queue,
            backend: info.backend,
        };
        let burn = Device::wgpu_options()
            .setup(setup)
            .init()
            .map_err(|e| ModelError::NoAdapter(e.to_string()))?;
        // After burn, which has handlers of its own that panic.
        let watch = DeviceWatch::of(&device);
        Ok(Self {
            burn,
            label: format!("{} ({:?})", info.name, info.backend),
            is_cpu: false,
            has_half_precision,
            shares_view: false,
            watch,
            memory_limit: MemoryLimit::default(),
            precision: Precision::Single,
        })
    }

    /// The same device, on which no run may use more memory.
    #[must_use]
    pub fn with_memory_limit(self, memory_limit: MemoryLimit) -> Self {
        Self {
            memory_limit,
            ..self
        }
    }

    /// The same device, on which networks keep their numbers in a precision.
    ///
    /// Errors: the device does not have it.
    pub fn with_precision(self, precision: Precision) -> Result<Self, ModelError> {
        if precision == Precision::Half && !self.has_half_precision {
            return Err(ModelError::NoHalfPrecision(self.label));
        }
        Ok(Self { precision, ..self })
    }

    /// The device in words with what is unusual about its networks.
    pub fn description(&self) -> String {
        match self.precision {
            Precision::Single => self.label.clone(),
            Precision::Half => format!("{}, half precision", self.label),
        }
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether the device is gone, so that nothing can be computed on it any more.
    pub fn is_lost(&self) -> bool {
        self.watch.is_lost()
    }

    /// Bytes that a run may use, if known: of a graphics device only what was asked for.
    pub fn memory_limit_bytes(&self) -> Option<u64> {
        if self.is_cpu {
            self.memory_limit.main_memory_bytes()
        } else {
            self.memory_limit.bytes()
        }
    }

    /// The device in words, for example `NVIDIA H200 (Vulkan)` or `CPU (8 threads)`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether this is the CPU itself, not a graphics adapter.
    pub fn is_cpu(&self) -> bool {
        self.is_cpu
    }

    /// For a device that a view draws with: networks made on it leave time for pictures.
    pub fn sharing_view(mut self) -> Self {
        self.shares_view = true;
        self
    }

    /// Whether networks leave time for pictures.
    pub(super) fn shares_view(&self) -> bool {
        self.shares_view
    }

    /// Whether the network can keep its numbers in half precision here.
    pub fn has_half_precision(&self) -> bool {
        self.has_half_precision
    }

    /// Has failures of the device told to `listener` too, for a view that shares it. It is
    /// called on any thread and must not use the device.
    pub fn listen(&self, listener: impl Fn(DeviceEvent<'_>) + Send + 'static) {
        self.watch.listen(listener);
    }

    /// What has gone wrong on the device.
    pub(super) fn watch(&self) -> &DeviceWatch {
        &self.watch
    }

    /// The burn device, to put tensors on.
    pub fn burn(&self) -> &Device {
        &self.burn
    }
}

/// All an adapter offers but memory that the host maps directly, which slows down
/// discrete adapters, and what wgpu calls experimental, which no kernel here uses.
fn wanted_features(adapter: &wgpu::Adapter) -> wgpu::Features {
    adapter
        .features()
        .difference(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS)
        .difference(wgpu::Features::all_experimental_mask())
}

fn everything(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
    wgpu::DeviceDescriptor {
        label: Some("network"),
        required_features: wanted_features(adapter),
        required_limits: adapter.limits(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        experimental_features: wgpu::ExperimentalFeatures::disabled(),
        trace: wgpu::Trace::Off,
    }
}
