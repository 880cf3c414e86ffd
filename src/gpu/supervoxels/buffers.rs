//! Buffers, the pipeline and the way back of the supervoxel rounds.

use wgpu::util::DeviceExt as _;

use crate::gpu::capture::mapped;
use crate::gpu::device::GpuContext;
use crate::gpu::error::GpuError;
use crate::gpu::shaders::{COMPUTE_ENTRY, SUPERVOXELS};

/// Buffers that last for all rounds.
#[derive(Debug)]
pub(super) struct Static {
    pub features: wgpu::Buffer,
    pub inside: wgpu::Buffer,
    pub labels: wgpu::Buffer,
    /// Workgroups along the two axes of the dispatch.
    pub workgroups: [u32; 2],
}

/// What changes with each round.
pub(super) struct Round<'a> {
    pub uniform: &'a [u8],
    pub centres: &'a [u8],
    pub boxes: &'a [u8],
    /// Words of the sums.
    pub sums: usize,
}

/// A buffer with these contents.
pub(super) fn storage(
    gpu: &GpuContext,
    what: &'static str,
    contents: &[u8],
) -> Result<wgpu::Buffer, GpuError> {
    let size = contents.len() as u64;
    if size > gpu.device.limits().max_storage_buffer_binding_size {
        return Err(GpuError::OutOfMemory {
            what,
            size_mib: size.div_ceil(1 << 20),
        });
    }
    gpu.checked(what, size, || {
        gpu.device
            .create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some(what),
                contents,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
            })
    })
}

pub(super) fn pipeline(gpu: &GpuContext) -> Result<wgpu::ComputePipeline, GpuError> {
    gpu.checked("the supervoxel shader", 0, || {
        let module = gpu
            .device
            .create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(SUPERVOXELS.name),
                source: wgpu::ShaderSource::Wgsl(SUPERVOXELS.source.into()),
            });
        gpu.device
            .create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(SUPERVOXELS.name),
                layout: None,
                module: &module,
                entry_point: Some(COMPUTE_ENTRY),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
    })
}

/// Runs one round and reads its sums.
pub(super) fn run(
    gpu: &GpuContext,
    pipeline: &wgpu::ComputePipeline,
    fixed: &Static,
    round: &Round<'_>,
) -> Result<Vec<u32>, GpuError> {
    let uniform = gpu.checked("supervoxel settings", round.uniform.len() as u64, || {
        gpu.device
            .create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some("supervoxel settings"),
                contents: round.uniform,
                usage: wgpu::BufferUsages::UNIFORM,
            })
    })?;
    let centres = storage(gpu, "supervoxel centres", round.centres)?;
    let boxes = storage(gpu, "supervoxel boxes", round.boxes)?;
    let sums = storage(gpu, "supervoxel sums", &vec![0; round.sums * 4])?;
    gpu.checked("a round of supervoxels", 0, || {
        let buffers = [
            &uniform,
            &fixed.features,
            &fixed.inside,
            &centres,
            &boxes,
            &sums,
            &fixed.labels,
        ];
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(SUPERVOXELS.name),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let mut encoder = gpu
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &group, &[]);
            let [x, y] = fixed.workgroups;
            pass.dispatch_workgroups(x, y, 1);
        }
        gpu.queue.submit([encoder.finish()]);
    })?;
    read(gpu, &sums, round.sums)
}

/// Waits for a buffer and reads its words.
pub(super) fn read(
    gpu: &GpuContext,
    buffer: &wgpu::Buffer,
    words: usize,
) -> Result<Vec<u32>, GpuError> {
    let bytes = words as u64 * 4;
    let failed = |reason: String| GpuError::Refused {
        what: "reading supervoxels",
        reason,
    };
    let copy = gpu.checked("a copy of supervoxels", bytes, || {
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("supervoxel copy"),
            size: bytes,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        })
    })?;
    let mut encoder = gpu
        .device
        .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &copy, 0, bytes);
    let submission = gpu.queue.submit([encoder.finish()]);
    let mapped = mapped(gpu, &copy, submission).map_err(failed)?;
    let words = mapped.chunks_exact(4);
    Ok(words
        .map(|word| word.try_into().map_or(0, u32::from_le_bytes))
        .collect())
}
