//! The one place where our kernels meet burn and cubecl: buffers on a burn device, the
//! work sent to it, and what becomes of its failures.
//!
//! Work is queued and runs in order. A launch cannot fail at once; what went wrong is found
//! when numbers are read back, as cubecl marks every buffer that was not written.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::backend::DispatchDevice;
use burn::tensor::{Device, Tensor};
use burn_cubecl::Cube;
use burn_cubecl::tensor::CubeTensor;
use bytemuck::Pod;
use cubecl::bytes::Bytes;
use cubecl::future;
use cubecl::prelude::{BufferIOAttr, Client, CubeCount};
use cubecl::server::{Handle, IoError, KernelArguments, MetadataBindingInfo, ServerError};

use super::pace::Pace;
use super::program::{Precision, Program};
use crate::model::watch::{DeviceWatch, in_one_line};
use crate::model::{ComputeDevice, ModelError};

/// A piece of a device's memory. Clones share it; it is given back with the last.
#[derive(Debug, Clone)]
pub struct Buffer {
    handle: Arc<Handle>,
    bytes: usize,
}

impl Buffer {
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What a kernel does with a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    ReadWrite,
}

/// Work that was sent to a device since its queue was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    pub launches: u64,
    /// Bytes of the buffers that launches read and wrote, each counted once a launch.
    pub bytes: u64,
}

/// Sends work to a device. Clones share it.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    device: Device,
    precision: Precision,
    watch: DeviceWatch,
    work: Arc<Counters>,
    pace: Arc<Pace>,
}

#[derive(Default)]
struct Counters {
    launches: AtomicU64,
    bytes: AtomicU64,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("precision", &self.precision)
            .field("work", &self.work())
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// Work on a device, with maps in a precision.
    ///
    /// Errors: a device that is no graphics adapter, or has not this precision.
    pub fn new(device: &ComputeDevice, precision: Precision) -> Result<Self, ModelError> {
        if precision == Precision::Half && !device.has_half_precision() {
            return Err(ModelError::Device(format!(
                "{} has no half precision",
                device.label()
            )));
        }
        match device.burn().as_dispatch() {
            DispatchDevice::Cube(cube) => {
                let pace = Pace::default();
                pace.keep(device.shares_view());
                Ok(Self {
                    client: guarded(|| Ok(cube.client()))?,
                    device: device.burn().clone(),
                    precision,
                    watch: device.watch().clone(),
                    work: Arc::default(),
                    pace: Arc::new(pace),
                })
            }
            _ => Err(ModelError::Device(
                "the network's kernels run on graphics adapters only".to_owned(),
            )),
        }
    }

    /// The burn device that this sends work to.
    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The same queue for maps in single precision.
    pub fn in_single_precision(&self) -> Self {
        Self {
            precision: Precision::Single,
            ..self.clone()
        }
    }

    /// Most bytes a kernel can see of one buffer.
    pub fn largest_buffer(&self) -> usize {
        let bytes = self.client.properties().memory.max_page_size;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    pub fn work(&self) -> Work {
        Work {
            launches: self.work.launches.load(Ordering::Relaxed),
            bytes: self.work.bytes.load(Ordering::Relaxed),
        }
    }

    /// Memory with anything in it.
    ///
    /// Errors: more than a kernel can see of one buffer.
    pub fn empty(&self, bytes: usize) -> Result<Buffer, ModelError> {
        // An empty binding is not allowed, and kernels read whole vectors.
        let bytes = bytes.max(16);
        if bytes > self.largest_buffer() {
            return Err(ModelError::OutOfMemory(format!(
                "a map of {} MiB where the device binds {} MiB",
                bytes >> 20,
                self.largest_buffer() >> 20
            )));
        }
        guarded(|| {
            Ok(Buffer {
                handle: Arc::new(self.client.empty(bytes)),
                bytes,
            })
        })
    }

    /// Memory for `count` numbers of a map.
    pub fn stored(&self, count: usize) -> Result<Buffer, ModelError> {
        self.empty(count.saturating_mul(self.precision.bytes()))
    }

    /// Memory for `count` numbers in single precision.
    pub fn single(&self, count: usize) -> Result<Buffer, ModelError> {
        self.empty(count.saturating_mul(size_of::<f32>()))
    }

    /// Brings numbers to the device as they are.
    pub fn upload<T: Pod>(&self, values: &[T]) -> Result<Buffer, ModelError> {
        let mut bytes = bytemuck::cast_slice(values).to_vec();
        // Kernels read whole vectors.
        bytes.resize(bytes.len().max(16).next_multiple_of(16), 0);
        let length = bytes.len();
        if length > self.largest_buffer() {
            return Err(ModelError::OutOfMemory(format!(
                "an array of {} MiB where the device binds {} MiB",
                length >> 20,
                self.largest_buffer() >> 20
            )));
        }
        guarded(|| {
            Ok(Buffer {
                handle: Arc::new(self.client.create(Bytes::from_bytes_vec(bytes))),
                bytes: length,
            })
        })
    }

    /// Brings numbers to the device in the precision of maps.
    pub fn upload_stored(&self, values: &[f32]) -> Result<Buffer, ModelError> {
        match self.precision {
            Precision::Single => self.upload(values),
            Precision::Half => {
                let halves: Vec<u16> = values
                    .iter()
                    .map(|&value| burn::tensor::f16::from_f32(value).to_bits())
                    .collect();
                self.upload(&halves)
            }
        }
    }

    /// A tensor's numbers, which must be f32 and on this device, without a copy where they
    /// lie row by row.
    pub fn of_tensor<const D: usize>(&self, tensor: Tensor<D>) -> Result<Buffer, ModelError> {
        guarded(|| {
            let tensor: CubeTensor = tensor
                .try_into_primitive::<Cube>()
                .map_err(|error| ModelError::Device(format!("{error:?}")))?;
            let tensor = burn_cubecl::kernel::into_contiguous(tensor);
            let bytes = tensor.meta.shape().num_elements() * size_of::<f32>();
            Ok(Buffer {
                handle: Arc::new(tensor.handle),
                bytes,
            })
        })
    }

    /// A tensor of these dimensions for kernels to write, and its numbers.
    pub fn new_tensor<const D: usize>(
        &self,
        shape: [usize; D],
    ) -> Result<(Tensor<D>, Buffer), ModelError> {
        let tensor = guarded(|| Ok(Tensor::empty(shape, &self.device)))?;
        let buffer = self.of_tensor(tensor.clone())?;
        Ok((tensor, buffer))
    }

    /// Has work queued in slices of a few milliseconds, so that a view that shares the
    /// device need not wait for a whole pass. Numbers do not depend on it.
    pub fn keep_pace(&self, kept: bool) {
        self.pace.keep(kept);
    }

    /// Most operations that one launch should have.
    pub fn largest_launch(&self) -> f64 {
        self.pace.largest_launch()
    }

    /// Queues a kernel that moves more than it computes. `buffers` are bound in this order, `parameters` after them.
    ///
    /// Errors: more workgroups along an axis than devices take.
    pub fn launch<P: Pod>(
        &self,
        program: &Program,
        workgroups: [usize; 3],
        buffers: &[(&Buffer, Access)],
        parameters: &P,
    ) -> Result<(), ModelError> {
        /// What a device computes while it moves a byte, roughly.
        const OPERATIONS_PER_BYTE: f64 = 8.0;
        let bytes: usize = buffers.iter().map(|(buffer, _)| buffer.bytes).sum();
        let operations = OPERATIONS_PER_BYTE * bytes as f64;
        self.launch_costing(program, workgroups, buffers, parameters, operations)
    }

    /// [`launch`](Self::launch) for a kernel that does this many operations.
    pub fn launch_costing<P: Pod>(
        &self,
        program: &Program,
        workgroups: [usize; 3],
        buffers: &[(&Buffer, Access)],
        parameters: &P,
        operations: f64,
    ) -> Result<(), ModelError> {
        const MOST: usize = 65_535;
        if workgroups.iter().any(|&count| count > MOST) {
            return Err(ModelError::OutOfMemory(format!(
                "{workgroups:?} workgroups at once"
            )));
        }
        if workgroups.contains(&0) {
            return Ok(());
        }
        let mut words = vec![0_u64; size_of::<P>().div_ceil(size_of::<u64>())];
        let bytes = bytemuck::bytes_of(parameters);
        if let Some(front) = bytemuck::cast_slice_mut::<u64, u8>(&mut words).get_mut(..bytes.len())
        {
            front.copy_from_slice(bytes);
        }
        let mut arguments = KernelArguments {
            info: MetadataBindingInfo::custom(words),
            ..KernelArguments::default()
        };
        let mut moved = 0;
        for (buffer, access) in buffers {
            let io = match access {
                Access::Read => BufferIOAttr::ReadOnly,
                Access::Write => BufferIOAttr::WriteOnly,
                Access::ReadWrite => BufferIOAttr::ReadWrite,
            };
            moved += buffer.bytes;
            arguments = arguments.with_buffer_io(Handle::clone(&buffer.handle).binding(), io);
        }
        self.work.launches.fetch_add(1, Ordering::Relaxed);
        self.work.bytes.fetch_add(moved as u64, Ordering::Relaxed);
        let [x, y, z] = workgroups.map(|count| count as u32);
        let count = CubeCount::Static(x, y, z);
        guarded(|| {
            self.client
                .launch(Box::new(program.clone()), count, arguments);
            Ok(())
        })?;
        if self.pace.count(operations) {
            self.wait()?;
            self.pace.done();
        }
        Ok(())
    }

    /// Brings numbers in single precision back, after everything queued before.
    ///
    /// Errors: the device is gone, or any of the work behind the numbers failed.
    pub fn read(&self, buffer: &Buffer, count: usize) -> Result<Vec<f32>, ModelError> {
        Ok(self.read_all(&[(buffer, count)])?.pop().unwrap_or_default())
    }

    /// [`read`](Self::read) for several buffers at once.
    pub fn read_all(&self, wanted: &[(&Buffer, usize)]) -> Result<Vec<Vec<f32>>, ModelError> {
        let handles = wanted
            .iter()
            .map(|(buffer, _)| Handle::clone(&buffer.handle));
        let handles: Vec<Handle> = handles.collect();
        let read = guarded(|| self.client.read(handles).map_err(|error| failure(&error)));
        // What the device itself reports says more than what became of it.
        self.watch.check(read.is_err())?;
        let read = read?;
        let numbers = |(bytes, &(_, count)): (&Bytes, &(&Buffer, usize))| {
            let (values, _) = bytes.as_chunks::<4>();
            match values.get(..count) {
                Some(values) => Ok(values.iter().map(|&v| f32::from_le_bytes(v)).collect()),
                None => Err(ModelError::Device(format!(
                    "the device gave {} of {count} numbers",
                    values.len()
                ))),
            }
        };
        read.iter().zip(wanted).map(numbers).collect()
    }

    /// [`read`](Self::read) for numbers in the precision of maps.
    pub fn read_stored(&self, buffer: &Buffer, count: usize) -> Result<Vec<f32>, ModelError> {
        match self.precision {
            Precision::Single => self.read(buffer, count),
            Precision::Half => {
                // Two numbers in the place of one.
                let words = self.read(buffer, count.div_ceil(2))?;
                let halves = words.into_iter().flat_map(|word| {
                    let bits = word.to_bits();
                    [bits as u16, (bits >> 16) as u16]
                });
                let single = |bits| burn::tensor::f16::from_bits(bits).to_f32();
                Ok(halves.take(count).map(single).collect())
            }
        }
    }

    /// Gives memory that no buffer uses back to the device. Where that fails, the next
    /// piece of work will fail too, and say why.
    pub fn free_unused(&self) {
        let freed = guarded(|| self.client.memory_cleanup().map_err(|e| failure(&e)));
        if let Err(error) = freed {
            tracing::debug!("memory was not given back: {error}");
        }
    }

    /// Waits until everything queued is done.
    pub fn wait(&self) -> Result<(), ModelError> {
        let done = guarded(|| future::block_on(self.client.sync()).map_err(|e| failure(&e)));
        self.watch.check(done.is_err())?;
        done
    }
}

/// Workgroups of `size` threads for `count` threads in all, on as many axes as it takes.
/// The kernel finds its number as `y · (workgroups along x) · size + x`.
pub fn spread(count: usize, size: usize) -> [usize; 3] {
    const MOST: usize = 65_535;
    let groups = count.div_ceil(size);
    let rows = groups.div_ceil(MOST).max(1);
    [groups.div_ceil(rows), rows, 1]
}

/// Runs calls into burn and cubecl, whose threads pass their panics on to the caller.
fn guarded<T>(work: impl FnOnce() -> Result<T, ModelError>) -> Result<T, ModelError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(ModelError::Device(panic_message(panic.as_ref()))))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it gave no reason".to_owned())
}

fn failure(error: &ServerError) -> ModelError {
    // cubecl's messages go on with where they were raised.
    let text = error.to_string();
    let reason = in_one_line(text.split("Backtrace:").next().unwrap_or_default());
    if is_memory(error) {
        ModelError::OutOfMemory(reason)
    } else {
        ModelError::Device(reason)
    }
}

/// Whether a failure goes back to memory that could not be had.
fn is_memory(error: &ServerError) -> bool {
    match error {
        ServerError::Io(error) => matches!(
            error,
            IoError::BufferTooBig { .. }
                | IoError::OutOfMemory { .. }
                | IoError::PageSizesExhausted { .. }
        ),
        ServerError::Unwritten { root, .. } => is_memory(root),
        ServerError::Several { errors, .. } => errors.iter().any(is_memory),
        _ => false,
    }
}
