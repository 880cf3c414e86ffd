//! The graphics device, and every decision that depends on what it can do.
//!
//! One device serves the window, the pictures and the network. The network's compiler
//! chooses its kernels by what the *adapter* offers, so [`device_descriptor`] asks for
//! all of it; experimental features are left out, as nothing here uses them and they
//! may be unsound.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::GpuError;

/// How much may be asked of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// An adapter that is a program on the CPU: draw small while the user drags, and
    /// run the network without it.
    Software,
    /// A graphics processor that shares the computer's memory, or an old interface.
    Reduced,
    /// A graphics card.
    Full,
}

impl Tier {
    /// Whether the CPU twins draw faster than the device does. A software adapter runs
    /// every branch of a shader for every sample, which the twins do not: on llvmpipe
    /// they took a quarter to a twelfth of its time for volumes, and a third for slices.
    pub fn draws_on_cpu(self) -> bool {
        self == Self::Software
    }
}

/// Whether an adapter is a graphics processor or a program that imitates one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdapterKind {
    Real,
    Software,
}

/// One adapter of this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterFacts {
    pub name: String,
    /// The interface it is driven through, for example `vulkan`.
    pub backend: String,
    pub kind: AdapterKind,
    pub driver: String,
}

impl AdapterFacts {
    fn of(info: &wgpu::AdapterInfo) -> Self {
        let driver = [info.driver.as_str(), info.driver_info.as_str()];
        Self {
            name: info.name.clone(),
            backend: info.backend.to_string(),
            kind: match info.device_type {
                wgpu::DeviceType::Cpu => AdapterKind::Software,
                _ => AdapterKind::Real,
            },
            driver: driver.join(" ").trim().to_owned(),
        }
    }
}

/// The tier of an adapter.
fn tier_of(info: &wgpu::AdapterInfo, limits: &wgpu::Limits) -> Tier {
    match info.device_type {
        wgpu::DeviceType::Cpu => Tier::Software,
        wgpu::DeviceType::DiscreteGpu
            if info.backend != wgpu::Backend::Gl && limits.max_texture_dimension_3d >= 2048 =>
        {
            Tier::Full
        }
        _ => Tier::Reduced,
    }
}

/// What a device must offer for the shaders of this floor: two storage buffers that a
/// fragment shader can read, five textures, and 3D textures of a useful size.
fn missing(limits: &wgpu::Limits) -> Option<&'static str> {
    if limits.max_storage_buffers_per_shader_stage < 2 {
        Some("its shaders cannot read storage buffers")
    } else if limits.max_sampled_textures_per_shader_stage < 4 {
        Some("its shaders can read too few textures")
    } else if limits.max_texture_dimension_3d < 128 {
        Some("its 3D textures are too small")
    } else {
        None
    }
}

/// The device to ask an adapter for, so that window, pictures and network can share it.
pub fn device_descriptor(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
    // Buffers that are both mapped and used by the device are slow on graphics cards.
    let unwanted =
        wgpu::Features::MAPPABLE_PRIMARY_BUFFERS.union(wgpu::Features::all_experimental_mask());
    wgpu::DeviceDescriptor {
        label: Some("voxplain"),
        required_features: adapter.features().difference(unwanted),
        required_limits: adapter.limits(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        experimental_features: wgpu::ExperimentalFeatures::disabled(),
        trace: wgpu::Trace::Off,
    }
}

/// What has gone wrong on a device since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceHealth {
    /// Why the device is gone, if it is; nothing can be drawn any more.
    pub lost: Option<String>,
    /// Different errors, oldest first, at most [`DeviceHealth::MAX_ERRORS`].
    pub errors: Vec<String>,
}

impl DeviceHealth {
    pub const MAX_ERRORS: usize = 32;

    fn note(&mut self, error: String) {
        if self.errors.len() < Self::MAX_ERRORS && !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }
}

/// A graphics device and where it came from. Clones share the device.
#[derive(Debug, Clone)]
pub struct GpuContext {
    pub instance: wgpu::Instance,
    pub adapter: wgpu::Adapter,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub tier: Tier,
    /// The adapter's name.
    pub name: String,
    health: Arc<Mutex<DeviceHealth>>,
}

impl GpuContext {
    /// Uses a device that was opened elsewhere, for example by the window. From now on
    /// its errors are recorded here instead of ending the program.
    pub fn from_parts(
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        if let Some(missing) = missing(&device.limits()) {
            return Err(GpuError::TooLimited {
                name: info.name,
                missing: missing.to_owned(),
            });
        }
        let health = Arc::new(Mutex::new(DeviceHealth::default()));
        let errors = Arc::clone(&health);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&errors).note(error.to_string());
        }));
        let losses = Arc::clone(&health);
        device.set_device_lost_callback(move |reason, message| {
            lock(&losses).lost = Some(format!("{reason:?}: {message}"));
        });
        let tier = tier_of(&info, &device.limits());
        Ok(Self {
            instance,
            adapter,
            device,
            queue,
            tier,
            name: info.name,
            health,
        })
    }

    /// Opens the best adapter of this computer without a window: graphics cards first,
    /// then shared-memory processors, then software; modern interfaces before GL.
    pub fn headless() -> Result<Self, GpuError> {
        let mut tried = Vec::new();
        // GL is loaded only where nothing else serves: its libraries complain on
        // standard error when there is no display.
        for backends in [wgpu::Backends::PRIMARY, wgpu::Backends::GL] {
            let instance = new_instance(backends);
            let mut adapters = pollster::block_on(instance.enumerate_adapters(backends));
            adapters.sort_by_key(|adapter| rank(&adapter.get_info()));
            for adapter in adapters {
                match Self::open(&instance, adapter) {
                    Ok(context) => return Ok(context),
                    Err(error) => tried.push(error.to_string()),
                }
            }
        }
        let tried = if tried.is_empty() {
            "none listed".to_owned()
        } else {
            tried.join("; ")
        };
        Err(GpuError::NoAdapter { tried })
    }

    fn open(instance: &wgpu::Instance, adapter: wgpu::Adapter) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        if let Some(missing) = missing(&adapter.limits()) {
            return Err(GpuError::TooLimited {
                name: info.name,
                missing: missing.to_owned(),
            });
        }
        let (device, queue) = pollster::block_on(
            adapter.request_device(&device_descriptor(&adapter)),
        )
        .map_err(|error| GpuError::Device {
            name: info.name,
            reason: error.to_string(),
        })?;
        Self::from_parts(instance.clone(), adapter, device, queue)
    }

    /// Records an error that whoever shares the device was told of.
    pub fn note_error(&self, error: &str) {
        lock(&self.health).note(error.to_owned());
    }

    /// Records that the device is gone.
    pub fn note_loss(&self, reason: &str) {
        lock(&self.health).lost = Some(reason.to_owned());
    }

    /// What has gone wrong so far.
    pub fn health(&self) -> DeviceHealth {
        lock(&self.health).clone()
    }

    pub fn facts(&self) -> AdapterFacts {
        AdapterFacts::of(&self.adapter.get_info())
    }

    /// Waits until the device has done all that it was given.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.device
            .poll(wgpu::PollType::wait_indefinitely())
            .map(|_| ())
            .map_err(|error| GpuError::Capture(error.to_string()))
    }

    /// Longest side of a 3D texture, in texels.
    pub fn largest_volume_side(&self) -> usize {
        self.device.limits().max_texture_dimension_3d as usize
    }

    /// Longest side of a picture, in pixels.
    pub fn largest_picture_side(&self) -> u32 {
        self.device.limits().max_texture_dimension_2d
    }

    /// Most bytes a shader can see of one storage buffer.
    pub fn largest_storage_binding(&self) -> u64 {
        self.device.limits().max_storage_buffer_binding_size
    }

    /// How the scan's 16-bit fractions are stored: as they are where the device can
    /// interpolate them, else as half floats, which every device can.
    pub(super) fn scan_format(&self) -> wgpu::TextureFormat {
        let format = wgpu::TextureFormat::R16Unorm;
        let features = self.adapter.get_texture_format_features(format);
        let usable = self
            .device
            .features()
            .contains(wgpu::Features::TEXTURE_FORMAT_16BIT_NORM)
            && features
                .flags
                .contains(wgpu::TextureFormatFeatureFlags::FILTERABLE)
            && features
                .allowed_usages
                .contains(wgpu::TextureUsages::TEXTURE_BINDING);
        if usable {
            format
        } else {
            wgpu::TextureFormat::R16Float
        }
    }

    /// Runs something that allocates, and turns a refusal into an error.
    pub(super) fn checked<T>(
        &self,
        what: &'static str,
        size_bytes: u64,
        make: impl FnOnce() -> T,
    ) -> Result<T, GpuError> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let made = make();
        let refused = pollster::block_on(validation.pop());
        let exhausted = pollster::block_on(memory.pop());
        if exhausted.is_some() {
            return Err(GpuError::OutOfMemory {
                what,
                size_mib: size_bytes.div_ceil(1 << 20),
            });
        }
        match refused {
            Some(error) => Err(GpuError::Refused {
                what,
                reason: error.to_string(),
            }),
            None => Ok(made),
        }
    }
}

/// A poisoned lock only means that a thread died while noting an error.
fn lock(health: &Mutex<DeviceHealth>) -> std::sync::MutexGuard<'_, DeviceHealth> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An instance with some interfaces; `WGPU_BACKEND` leaves fewer.
fn new_instance(backends: wgpu::Backends) -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends &= backends;
    wgpu::Instance::new(descriptor)
}

/// The order in which adapters are tried, best first.
fn rank(info: &wgpu::AdapterInfo) -> (u8, u8) {
    let device = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    (device, u8::from(info.backend == wgpu::Backend::Gl))
}

/// All adapters of this computer, in the order in which they are tried.
pub fn list_adapters() -> Vec<AdapterFacts> {
    let adapters = pollster::block_on(
        new_instance(wgpu::Backends::all()).enumerate_adapters(wgpu::Backends::all()),
    );
    let mut infos: Vec<_> = adapters.iter().map(wgpu::Adapter::get_info).collect();
    infos.sort_by_key(rank);
    infos.iter().map(AdapterFacts::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(device_type: wgpu::DeviceType, backend: wgpu::Backend) -> wgpu::AdapterInfo {
        wgpu::AdapterInfo::new(device_type, backend)
    }

    #[test]
    fn software_is_the_last_choice_and_never_the_full_tier() {
        let limits = wgpu::Limits::default();
        let card = info(wgpu::DeviceType::DiscreteGpu, wgpu::Backend::Vulkan);
        let card_by_gl = info(wgpu::DeviceType::DiscreteGpu, wgpu::Backend::Gl);
        let shared = info(wgpu::DeviceType::IntegratedGpu, wgpu::Backend::Metal);
        let software = info(wgpu::DeviceType::Cpu, wgpu::Backend::Vulkan);
        assert_eq!(tier_of(&card, &limits), Tier::Full);
        assert_eq!(tier_of(&card_by_gl, &limits), Tier::Reduced);
        assert_eq!(tier_of(&shared, &limits), Tier::Reduced);
        assert_eq!(tier_of(&software, &limits), Tier::Software);
        let mut infos = [&software, &shared, &card_by_gl, &card];
        infos.sort_by_key(|info| rank(info));
        assert_eq!(infos, [&card, &card_by_gl, &shared, &software]);
    }

    #[test]
    fn errors_are_kept_once_and_not_without_end() {
        let mut health = DeviceHealth::default();
        for n in 0..100 {
            health.note("the same".to_owned());
            health.note(format!("number {n}"));
        }
        assert_eq!(health.errors.len(), DeviceHealth::MAX_ERRORS);
        assert_eq!(health.errors.iter().filter(|e| *e == "the same").count(), 1);
    }
}
