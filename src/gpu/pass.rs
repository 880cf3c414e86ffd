//! Drawing a whole picture with one shader: the pipeline, its uniform block, and the
//! texture it draws into.

use super::device::GpuContext;
use super::error::GpuError;
use super::scene::Scene;
use super::shaders::{Shader, VERTEX_ENTRY};

/// Pictures hold sRGB bytes in a format that does not convert: the window's renderer
/// takes native textures as they are, and a capture reads what was written.
pub const TARGET_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// A texture that pictures are drawn into.
#[derive(Debug)]
pub struct Target {
    pub(super) texture: wgpu::Texture,
    view: wgpu::TextureView,
}

impl Target {
    /// A target of at least one pixel and at most what the device can draw.
    pub fn new(gpu: &GpuContext, size_px: [u32; 2]) -> Result<Self, GpuError> {
        let [width, height] = possible_size(gpu, size_px);
        let bytes = u64::from(width) * u64::from(height) * 4;
        let texture = gpu.checked("a picture", bytes, || {
            gpu.device.create_texture(&wgpu::TextureDescriptor {
                label: Some("picture"),
                size: wgpu::Extent3d {
                    width,
                    height,
                    depth_or_array_layers: 1,
                },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: TARGET_FORMAT,
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT
                    | wgpu::TextureUsages::TEXTURE_BINDING
                    | wgpu::TextureUsages::COPY_SRC,
                view_formats: &[],
            })
        })?;
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Ok(Self { texture, view })
    }

    pub fn size_px(&self) -> [u32; 2] {
        [self.texture.width(), self.texture.height()]
    }

    /// The texture, for a window to show.
    pub fn view(&self) -> &wgpu::TextureView {
        &self.view
    }

    /// Makes the target this size. Returns whether there is a new texture, which a
    /// window has to be told.
    pub fn resize(&mut self, gpu: &GpuContext, size_px: [u32; 2]) -> Result<bool, GpuError> {
        if possible_size(gpu, size_px) == self.size_px() {
            return Ok(false);
        }
        *self = Self::new(gpu, size_px)?;
        Ok(true)
    }
}

fn possible_size(gpu: &GpuContext, size_px: [u32; 2]) -> [u32; 2] {
    size_px.map(|n| n.clamp(1, gpu.largest_picture_side()))
}

/// One shader and its uniform block.
#[derive(Debug)]
pub(super) struct PicturePass {
    name: &'static str,
    pipeline: wgpu::RenderPipeline,
    uniform: wgpu::Buffer,
    uniform_group: wgpu::BindGroup,
}

impl PicturePass {
    /// `more` are the layouts of what the shader reads beside the scene's layers and
    /// its own uniform block.
    pub fn new(
        gpu: &GpuContext,
        shader: Shader,
        uniform_bytes: usize,
        more: &[&wgpu::BindGroupLayout],
    ) -> Result<Self, GpuError> {
        gpu.checked("a shader", uniform_bytes as u64, || {
            Self::build(gpu, shader, uniform_bytes, more)
        })
    }

    fn build(
        gpu: &GpuContext,
        shader: Shader,
        uniform_bytes: usize,
        more: &[&wgpu::BindGroupLayout],
    ) -> Self {
        let device = &gpu.device;
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(shader.name),
            source: wgpu::ShaderSource::Wgsl(shader.source.into()),
        });
        let uniform_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("view"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::FRAGMENT,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            }],
        });
        let scene_layout = Scene::layout(device);
        let layouts: Vec<_> = [&scene_layout, &uniform_layout]
            .into_iter()
            .chain(more.iter().copied())
            .map(Some)
            .collect();
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(shader.name),
            bind_group_layouts: &layouts,
            immediate_size: 0,
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some(shader.name),
            layout: Some(&layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some(VERTEX_ENTRY),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some(shader.fragment_entry),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(TARGET_FORMAT.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(shader.name),
            size: uniform_bytes as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let uniform_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(shader.name),
            layout: &uniform_layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: uniform.as_entire_binding(),
            }],
        });
        Self {
            name: shader.name,
            pipeline,
            uniform,
            uniform_group,
        }
    }

    /// Draws and submits. Each picture is a submission of its own, so that one uniform
    /// block can serve several pictures of a frame, and each is short.
    pub fn draw(
        &self,
        gpu: &GpuContext,
        scene: &Scene,
        uniform: &[u8],
        more: Option<&wgpu::BindGroup>,
        target: &Target,
    ) {
        gpu.queue.write_buffer(&self.uniform, 0, uniform);
        let mut encoder = gpu
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor {
                label: Some(self.name),
            });
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some(self.name),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target.view(),
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                    store: wgpu::StoreOp::Store,
                },
            })],
            depth_stencil_attachment: None,
            timestamp_writes: None,
            occlusion_query_set: None,
            multiview_mask: None,
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, scene.bind_group(), &[]);
        pass.set_bind_group(1, &self.uniform_group, &[]);
        if let Some(more) = more {
            pass.set_bind_group(2, more, &[]);
        }
        pass.draw(0..3, 0..1);
        drop(pass);
        gpu.queue.submit([encoder.finish()]);
    }
}
