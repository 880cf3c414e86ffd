//! The layers of a study as textures: uploaded once, then only looked at.
//!
//! The scan, the segmentation and the supervoxel ids are 3D textures. What changes
//! while the user looks is small: the players table and the palette. [`Scene`] counts
//! the bytes it sends, so a test can hold it to that.

use super::device::GpuContext;
use super::error::GpuError;
use super::matter::MatterStage;
use super::plane_layers::LabelSlot;
use super::tables::{CLASS_COLOURS, PlayerEntry, palette, spread};
use super::texels::{LabelTexels, LayerFacts, ScanTexels, half_bits};
use super::transfer::TransferTable;
use super::uniform::{ScanFacts, SceneFacts};
use super::view::{ClassStyle, PlayerSample};
use crate::volume::{LabelMap, Volume};

/// Textures are written in pieces of about this size, so that the staging memory stays
/// small.
const PIECE_BYTES: usize = 64 << 20;

/// Layers that slices alone show; see [`super::plane_layers`].
#[derive(Debug)]
struct PlaneResources {
    labels: [wgpu::TextureView; 3],
    second_scan: wgpu::TextureView,
    colours: wgpu::Buffer,
    styles: [Vec<ClassStyle>; 3],
}

/// Layers on the graphics device. Any of them may be absent.
#[derive(Debug)]
pub struct Scene {
    gpu: GpuContext,
    scan: wgpu::TextureView,
    matter: MatterStage,
    segmentation: wgpu::TextureView,
    supervoxels: wgpu::TextureView,
    sampler: wgpu::Sampler,
    palette: wgpu::Buffer,
    players: wgpu::Buffer,
    plane: PlaneResources,
    bind_group: wgpu::BindGroup,
    facts: SceneFacts,
    uploaded_bytes: u64,
}

impl Scene {
    /// A scene without layers.
    pub fn new(gpu: &GpuContext) -> Result<Self, GpuError> {
        let empty = |format, what| volume_texture(gpu, [1; 3], format, what).map(|t| whole(&t));
        let scan = empty(gpu.scan_format(), "an empty scan")?;
        let matter = MatterStage::new(gpu, &TransferTable::default())?;
        let segmentation = empty(wgpu::TextureFormat::R8Uint, "an empty segmentation")?;
        let supervoxels = empty(wgpu::TextureFormat::R8Uint, "an empty supervoxel map")?;
        let sampler = gpu.device.create_sampler(&wgpu::SamplerDescriptor {
            label: Some("scan"),
            mag_filter: wgpu::FilterMode::Linear,
            min_filter: wgpu::FilterMode::Linear,
            ..wgpu::SamplerDescriptor::default()
        });
        let palette = table(gpu, "palette", size_of_val(palette(&[]).as_slice()))?;
        let players = table(gpu, "players", size_of::<PlayerEntry>())?;
        let labels = || empty(wgpu::TextureFormat::R8Uint, "an empty label map");
        let plane = PlaneResources {
            labels: [labels()?, labels()?, labels()?],
            second_scan: empty(gpu.scan_format(), "an empty scan")?,
            colours: table(gpu, "label colours", size_of::<[f32; 4]>())?,
            styles: Default::default(),
        };
        let bind_group = bind(
            gpu,
            [&scan, &segmentation, &supervoxels],
            &sampler,
            [&palette, &players],
            &plane,
        );
        let mut scene = Self {
            gpu: gpu.clone(),
            scan,
            matter,
            segmentation,
            supervoxels,
            sampler,
            palette,
            players,
            plane,
            bind_group,
            facts: SceneFacts::default(),
            uploaded_bytes: 0,
        };
        scene.set_classes(&[])?;
        scene.update_matter()?;
        Ok(scene)
    }

    /// Facts about the layers for the uniform blocks.
    pub fn facts(&self) -> SceneFacts {
        self.facts
    }

    /// Bytes sent to the device for layers and tables since the scene was made.
    pub fn uploaded_bytes(&self) -> u64 {
        self.uploaded_bytes
    }

    /// Shows a scan, or none. A scan longer than the device's textures along an axis is
    /// thinned out; `facts().scan` then says by how much.
    pub fn set_scan(&mut self, scan: Option<&Volume>) -> Result<(), GpuError> {
        let Some(scan) = scan else {
            self.facts.scan = None;
            self.matter.set_scan(None);
            return self.update_matter();
        };
        let texels = ScanTexels::new(scan, self.gpu.largest_volume_side());
        self.scan = self.upload_scan("the scan", &texels)?;
        let facts = ScanFacts::from(&texels);
        self.facts.scan = Some(facts);
        self.rebind();
        self.matter.set_scan(Some((texels.bricks, facts)));
        self.update_matter()
    }

    fn upload_scan(
        &mut self,
        what: &'static str,
        texels: &ScanTexels,
    ) -> Result<wgpu::TextureView, GpuError> {
        let format = self.gpu.scan_format();
        let bytes = if format == wgpu::TextureFormat::R16Float {
            texels
                .texels
                .iter()
                .flat_map(|&t| half_bits(t).to_ne_bytes())
                .collect()
        } else {
            bytemuck::cast_slice(&texels.texels).to_vec()
        };
        self.upload(what, texels.facts.dims, format, &bytes)
    }

    /// Shows a second scan on slices, or none.
    pub fn set_second_scan(&mut self, scan: Option<&Volume>) -> Result<(), GpuError> {
        self.facts.plane.second_scan = None;
        if let Some(scan) = scan {
            let texels = ScanTexels::new(scan, self.gpu.largest_volume_side());
            self.plane.second_scan = self.upload_scan("the second scan", &texels)?;
            self.facts.plane.second_scan = Some(ScanFacts::from(&texels));
            self.rebind();
        }
        Ok(())
    }

    /// Shows a label map beside the segmentation on slices, or none.
    pub fn set_labels(
        &mut self,
        slot: LabelSlot,
        labels: Option<&LabelMap>,
    ) -> Result<(), GpuError> {
        self.facts.plane.labels[slot.index()] = None;
        if let Some(labels) = labels {
            let (texture, facts) = self.upload_labels("a label map", labels)?;
            self.plane.labels[slot.index()] = texture;
            self.facts.plane.labels[slot.index()] = Some(facts);
            self.rebind();
        }
        Ok(())
    }

    /// Sets the styles of a label map's labels; index 0 is never drawn.
    pub fn set_label_colours(
        &mut self,
        slot: LabelSlot,
        styles: &[ClassStyle],
    ) -> Result<(), GpuError> {
        self.plane.styles[slot.index()] = styles.to_vec();
        let (colours, spans) = spread(&self.plane.styles);
        let buffer = self.plane.colours.clone();
        let bytes = bytemuck::cast_slice(&colours);
        self.plane.colours = self.write_table("label colours", bytes, buffer)?;
        self.facts.plane.colours = spans;
        self.rebind();
        Ok(())
    }

    /// Shows the scan in the volume by other colours and opacities.
    pub fn set_transfer(&mut self, table: &TransferTable) -> Result<(), GpuError> {
        self.matter.set_table(table);
        self.update_matter()
    }

    fn update_matter(&mut self) -> Result<(), GpuError> {
        self.uploaded_bytes += self.matter.update(&self.gpu)?;
        Ok(())
    }

    /// Shows a segmentation, or none.
    pub fn set_segmentation(&mut self, labels: Option<&LabelMap>) -> Result<(), GpuError> {
        self.facts.segmentation = None;
        if let Some(labels) = labels {
            let (texture, facts) = self.upload_labels("the segmentation", labels)?;
            self.segmentation = texture;
            self.facts.segmentation = Some(facts);
            self.rebind();
        }
        Ok(())
    }

    /// Shows supervoxels, or none. Their players are unknown until
    /// [`Scene::update_players`].
    pub fn set_supervoxels(&mut self, ids: Option<&LabelMap>) -> Result<(), GpuError> {
        self.facts.supervoxels = None;
        self.facts.player_count = 0;
        if let Some(ids) = ids {
            let (texture, facts) = self.upload_labels("the supervoxels", ids)?;
            self.supervoxels = texture;
            self.facts.supervoxels = Some(facts);
            self.rebind();
        }
        Ok(())
    }

    /// Sets the classes' styles by label; index 0 is the background, never drawn.
    pub fn set_classes(&mut self, classes: &[ClassStyle]) -> Result<(), GpuError> {
        let entries = palette(classes);
        let buffer = self.palette.clone();
        self.palette = self.write_table("palette", bytemuck::cast_slice(&entries), buffer)?;
        self.facts.class_count = count(entries.len() - CLASS_COLOURS);
        self.rebind();
        Ok(())
    }

    /// Sets the players' samples by supervoxel id minus one: all that a step of an
    /// attribution sends.
    pub fn update_players(&mut self, players: &[PlayerSample]) -> Result<(), GpuError> {
        let entries: Vec<PlayerEntry> = players.iter().map(PlayerEntry::from).collect();
        let buffer = self.players.clone();
        self.players = self.write_table("players", bytemuck::cast_slice(&entries), buffer)?;
        self.facts.player_count = count(entries.len());
        self.rebind();
        Ok(())
    }

    pub(super) fn bind_group(&self) -> &wgpu::BindGroup {
        &self.bind_group
    }

    /// The bindings of `shaders/lib/matter.wgsl`.
    pub(super) fn matter(&self) -> &wgpu::BindGroup {
        self.matter.bind_group()
    }

    /// The bindings of `shaders/lib/layers.wgsl`.
    pub(super) fn layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
        use wgpu::TextureSampleType::{Float, Uint};
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty,
            count: None,
        };
        let texture = |sample_type| wgpu::BindingType::Texture {
            sample_type,
            view_dimension: wgpu::TextureViewDimension::D3,
            multisampled: false,
        };
        let table = wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: true },
            has_dynamic_offset: false,
            min_binding_size: None,
        };
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("scene"),
            entries: &[
                entry(0, texture(Float { filterable: true })),
                entry(
                    1,
                    wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
                ),
                entry(3, texture(Uint)),
                entry(4, texture(Uint)),
                entry(5, table),
                entry(6, table),
                entry(20, texture(Uint)),
                entry(21, texture(Uint)),
                entry(22, texture(Uint)),
                entry(23, texture(Float { filterable: true })),
                entry(24, table),
            ],
        })
    }

    fn rebind(&mut self) {
        self.bind_group = bind(
            &self.gpu,
            [&self.scan, &self.segmentation, &self.supervoxels],
            &self.sampler,
            [&self.palette, &self.players],
            &self.plane,
        );
    }

    fn upload_labels(
        &mut self,
        what: &'static str,
        labels: &LabelMap,
    ) -> Result<(wgpu::TextureView, LayerFacts), GpuError> {
        let texels = LabelTexels::new(labels, self.gpu.largest_volume_side());
        let texture = if texels.largest <= u16::from(u8::MAX) {
            let bytes: Vec<u8> = texels.texels.iter().map(|&label| label as u8).collect();
            self.upload(what, texels.facts.dims, wgpu::TextureFormat::R8Uint, &bytes)?
        } else {
            let bytes = bytemuck::cast_slice(&texels.texels);
            self.upload(what, texels.facts.dims, wgpu::TextureFormat::R16Uint, bytes)?
        };
        Ok((texture, texels.facts))
    }

    /// Makes a 3D texture and fills it, some planes at a time.
    fn upload(
        &mut self,
        what: &'static str,
        dims: [usize; 3],
        format: wgpu::TextureFormat,
        bytes: &[u8],
    ) -> Result<wgpu::TextureView, GpuError> {
        let texture = volume_texture(&self.gpu, dims, format, what)?;
        let [width, height, depth] = dims.map(count);
        let row_bytes = bytes.len() / (dims[1] * dims[2]);
        let plane_bytes = row_bytes * dims[1];
        let planes = (PIECE_BYTES / plane_bytes).clamp(1, dims[2]);
        self.gpu.checked(what, bytes.len() as u64, || {
            for (z, piece) in (0..depth)
                .step_by(planes)
                .zip(bytes.chunks(plane_bytes * planes))
            {
                self.gpu.queue.write_texture(
                    wgpu::TexelCopyTextureInfo {
                        origin: wgpu::Origin3d { x: 0, y: 0, z },
                        ..texture.as_image_copy()
                    },
                    piece,
                    wgpu::TexelCopyBufferLayout {
                        offset: 0,
                        bytes_per_row: Some(count(row_bytes)),
                        rows_per_image: Some(height),
                    },
                    wgpu::Extent3d {
                        width,
                        height,
                        depth_or_array_layers: count(planes).min(depth - z),
                    },
                );
                // Hands the piece over, so that its staging memory can be used again.
                self.gpu.queue.submit([]);
            }
        })?;
        self.uploaded_bytes += bytes.len() as u64;
        Ok(whole(&texture))
    }

    /// Writes a table into its buffer, or into a new one where it has grown.
    fn write_table(
        &mut self,
        what: &'static str,
        bytes: &[u8],
        buffer: wgpu::Buffer,
    ) -> Result<wgpu::Buffer, GpuError> {
        let limit = self.gpu.largest_storage_binding();
        if bytes.len() as u64 > limit {
            let reason = format!("{} bytes where {limit} are possible", bytes.len());
            return Err(GpuError::Refused { what, reason });
        }
        let buffer = if buffer.size() < bytes.len() as u64 {
            table(&self.gpu, what, bytes.len())?
        } else {
            buffer
        };
        if !bytes.is_empty() {
            self.gpu.queue.write_buffer(&buffer, 0, bytes);
        }
        self.uploaded_bytes += bytes.len() as u64;
        Ok(buffer)
    }
}

/// Sizes here are bounded by the device's limits, which are 32-bit numbers.
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn whole(texture: &wgpu::Texture) -> wgpu::TextureView {
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}

/// A 3D texture that is written and sampled, within what the device holds.
pub(super) fn volume_texture(
    gpu: &GpuContext,
    dims: [usize; 3],
    format: wgpu::TextureFormat,
    what: &'static str,
) -> Result<wgpu::Texture, GpuError> {
    let [width, height, depth_or_array_layers] = dims.map(count);
    let texel_bytes = u64::from(format.block_copy_size(None).unwrap_or(1));
    let bytes = dims
        .iter()
        .fold(texel_bytes, |bytes, &n| bytes.saturating_mul(n as u64));
    gpu.checked(what, bytes, || {
        gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some(what),
            size: wgpu::Extent3d {
                width,
                height,
                depth_or_array_layers,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D3,
            format,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        })
    })
}

fn table(gpu: &GpuContext, what: &'static str, bytes: usize) -> Result<wgpu::Buffer, GpuError> {
    gpu.checked(what, bytes as u64, || {
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size: bytes as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    })
}

fn bind(
    gpu: &GpuContext,
    [scan, segmentation, supervoxels]: [&wgpu::TextureView; 3],
    sampler: &wgpu::Sampler,
    [palette, players]: [&wgpu::Buffer; 2],
    plane: &PlaneResources,
) -> wgpu::BindGroup {
    let [reference, kept, removed] = &plane.labels;
    use wgpu::BindingResource::{Sampler, TextureView};
    let entry = |binding, resource| wgpu::BindGroupEntry { binding, resource };
    gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("scene"),
        layout: &Scene::layout(&gpu.device),
        entries: &[
            entry(0, TextureView(scan)),
            entry(1, Sampler(sampler)),
            entry(3, TextureView(segmentation)),
            entry(4, TextureView(supervoxels)),
            entry(5, palette.as_entire_binding()),
            entry(6, players.as_entire_binding()),
            entry(20, TextureView(reference)),
            entry(21, TextureView(kept)),
            entry(22, TextureView(removed)),
            entry(23, TextureView(&plane.second_scan)),
            entry(24, plane.colours.as_entire_binding()),
        ],
    })
}
