//! What the march reads of the matter, on the graphics device.

use super::{CellMap, MatterUniform};
use crate::gpu::device::GpuContext;
use crate::gpu::error::GpuError;
use crate::gpu::scene::volume_texture;
use crate::gpu::texels::Bricks;
use crate::gpu::transfer::TransferTable;
use crate::gpu::uniform::ScanFacts;

/// The bindings of `shaders/lib/matter.wgsl` and what they are made from.
#[derive(Debug)]
pub struct MatterStage {
    table: TransferTable,
    /// Of the scan, to find its empty blocks anew for another table.
    bricks: Option<(Bricks, ScanFacts)>,
    uniform: wgpu::Buffer,
    cells: wgpu::Texture,
    bind_group: wgpu::BindGroup,
    is_current: bool,
}

impl MatterStage {
    pub fn new(gpu: &GpuContext, table: &TransferTable) -> Result<Self, GpuError> {
        let bytes = size_of::<MatterUniform>() as u64;
        let uniform = gpu.checked("a transfer function", bytes, || {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("matter"),
                size: bytes,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })?;
        let cells = cell_texture(gpu, [1; 3])?;
        Ok(Self {
            table: *table,
            bricks: None,
            bind_group: bind(gpu, &uniform, &cells),
            uniform,
            cells,
            is_current: false,
        })
    }

    pub fn set_table(&mut self, table: &TransferTable) {
        self.is_current &= self.table == *table;
        self.table = *table;
    }

    pub fn set_scan(&mut self, bricks: Option<(Bricks, ScanFacts)>) {
        self.bricks = bricks;
        self.is_current = false;
    }

    /// Sends what has changed. Gives the bytes that took.
    pub fn update(&mut self, gpu: &GpuContext) -> Result<u64, GpuError> {
        if self.is_current {
            return Ok(0);
        }
        let facts = self.bricks.as_ref().map(|(_, facts)| facts);
        let matter = MatterUniform::new(&self.table, facts);
        gpu.queue
            .write_buffer(&self.uniform, 0, bytemuck::bytes_of(&matter));
        let mut bytes = size_of::<MatterUniform>() as u64;
        if let Some((bricks, _)) = &self.bricks {
            let map = CellMap::new(bricks, &matter);
            bytes += self.send(gpu, &map)?;
        }
        self.is_current = true;
        Ok(bytes)
    }

    fn send(&mut self, gpu: &GpuContext, map: &CellMap) -> Result<u64, GpuError> {
        let [width, height, depth_or_array_layers] = sides(map.dims);
        let size = wgpu::Extent3d {
            width,
            height,
            depth_or_array_layers,
        };
        if self.cells.size() != size {
            self.cells = cell_texture(gpu, map.dims)?;
            self.bind_group = bind(gpu, &self.uniform, &self.cells);
        }
        let bytes: &[u8] = bytemuck::cast_slice(&map.cells);
        gpu.checked("the scan", bytes.len() as u64, || {
            gpu.queue.write_texture(
                self.cells.as_image_copy(),
                bytes,
                wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(2 * width),
                    rows_per_image: Some(height),
                },
                size,
            );
        })?;
        Ok(bytes.len() as u64)
    }

    pub fn bind_group(&self) -> &wgpu::BindGroup {
        &self.bind_group
    }

    pub fn layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty,
            count: None,
        };
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("matter"),
            entries: &[
                entry(
                    0,
                    wgpu::BindingType::Buffer {
                        ty: wgpu::BufferBindingType::Uniform,
                        has_dynamic_offset: false,
                        min_binding_size: None,
                    },
                ),
                entry(
                    1,
                    wgpu::BindingType::Texture {
                        sample_type: wgpu::TextureSampleType::Uint,
                        view_dimension: wgpu::TextureViewDimension::D3,
                        multisampled: false,
                    },
                ),
            ],
        })
    }
}

fn sides(dims: [usize; 3]) -> [u32; 3] {
    dims.map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

fn cell_texture(gpu: &GpuContext, dims: [usize; 3]) -> Result<wgpu::Texture, GpuError> {
    volume_texture(gpu, dims, wgpu::TextureFormat::Rg8Uint, "the scan")
}

fn bind(gpu: &GpuContext, uniform: &wgpu::Buffer, cells: &wgpu::Texture) -> wgpu::BindGroup {
    let cells = cells.create_view(&wgpu::TextureViewDescriptor::default());
    gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("matter"),
        layout: &MatterStage::layout(&gpu.device),
        entries: &[
            wgpu::BindGroupEntry {
                binding: 0,
                resource: uniform.as_entire_binding(),
            },
            wgpu::BindGroupEntry {
                binding: 1,
                resource: wgpu::BindingResource::TextureView(&cells),
            },
        ],
    })
}
