//! The rounds of SLIC on the graphics device: which centre each voxel belongs to, and the
//! sums that the centres move by.
//!
//! Plain numbers go in and out. Sums are whole numbers, so the result does not depend on
//! the order in which the device adds. Distances may be rounded otherwise than on the
//! processor (a device may fuse a product and a sum), so that a voxel as near to two centres
//! as makes no difference may go to the other one.

mod buffers;

use super::device::GpuContext;
use super::error::GpuError;
use buffers::{Round, Static, storage};

/// The most channels that the shader keeps at hand.
pub const MOST_CHANNELS: usize = 4;

/// Voxels of a row that an invocation does.
const LANES: usize = 8;

/// Invocations of a workgroup, as in the shader.
const WORKGROUP: u32 = 64;

/// Most workgroups along an axis of a dispatch that every device takes.
const MOST_WORKGROUPS: u32 = 65_535;

/// What stays the same in all rounds. Voxels are x fastest.
#[derive(Debug, Clone, Copy)]
pub struct Division<'a> {
    /// Channel by channel; whole multiples of 1/`steps` from −1 on.
    pub features: &'a [Vec<f32>],
    pub steps: f32,
    /// Whether a voxel is to be given to a centre.
    pub inside: &'a [bool],
    pub dims: [u32; 3],
    pub spacing_mm: [f32; 3],
    /// Voxels of a tile along each axis, eight along x.
    pub tile: [u32; 3],
    pub root_weight: f32,
    pub window_mm: f32,
}

/// The centres of one round.
#[derive(Debug, Clone, Copy)]
pub struct Centres<'a> {
    pub centres_mm: &'a [[f32; 3]],
    /// As many values a centre as there are channels.
    pub values: &'a [f32],
    pub box_edge_mm: f32,
    pub boxes: [u32; 3],
    /// Where each box's labels start, and at last where they end.
    pub box_starts: &'a [u32],
    pub box_labels: &'a [u32],
}

/// What the shader is told besides its buffers, in its layout.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct SupervoxelUniform {
    dims: [u32; 3],
    stride: u32,
    spacing_mm: [f32; 3],
    root_weight: f32,
    tile: [u32; 3],
    channels: u32,
    boxes: [u32; 3],
    workgroups: u32,
    box_edge_mm: f32,
    window_mm: f32,
    steps: f32,
    tiles_x: u32,
}

/// A volume on the device that is divided round by round.
#[derive(Debug)]
pub struct SupervoxelRounds {
    gpu: GpuContext,
    pipeline: wgpu::ComputePipeline,
    fixed: Static,
    uniform: SupervoxelUniform,
    voxels: usize,
    channels: usize,
}

impl SupervoxelRounds {
    /// Brings a volume to the device.
    ///
    /// Errors: more channels or voxels than the shader or the device takes.
    pub fn new(gpu: &GpuContext, division: &Division<'_>) -> Result<Self, GpuError> {
        let refused = |reason: &str| GpuError::Refused {
            what: "supervoxels",
            reason: reason.to_owned(),
        };
        let voxels = division.inside.len();
        let channels = division.features.len();
        let [nx, ny, nz] = division.dims.map(|n| n as usize);
        if channels > MOST_CHANNELS || channels == 0 {
            return Err(refused("it takes one to four channels"));
        }
        let sound = nx * ny * nz == voxels
            && division.tile[0] as usize == LANES
            && division.features.iter().all(|f| f.len() == voxels);
        if !sound {
            return Err(refused("the volume's parts differ in size"));
        }
        let mut bits = vec![0_u32; voxels.div_ceil(32)];
        for (voxel, _) in division.inside.iter().enumerate().filter(|(_, i)| **i) {
            if let Some(word) = bits.get_mut(voxel / 32) {
                *word |= 1 << (voxel % 32);
            }
        }
        let features: Vec<f32> = division.features.concat();
        let tiles_x = division.dims[0].div_ceil(LANES as u32);
        let rows = u64::from(tiles_x) * (ny * nz) as u64;
        let workgroups = rows.div_ceil(u64::from(WORKGROUP));
        let across = u32::try_from(workgroups)
            .map_err(|_| refused("the volume is too large"))?
            .clamp(1, MOST_WORKGROUPS);
        Ok(Self {
            pipeline: buffers::pipeline(gpu)?,
            fixed: Static {
                features: storage(gpu, "supervoxel values", bytemuck::cast_slice(&features))?,
                inside: storage(gpu, "supervoxel region", bytemuck::cast_slice(&bits))?,
                labels: storage(gpu, "supervoxel labels", &vec![0xff; voxels * 4])?,
                workgroups: [across, workgroups.div_ceil(u64::from(across)) as u32],
            },
            uniform: SupervoxelUniform {
                dims: division.dims,
                spacing_mm: division.spacing_mm,
                root_weight: division.root_weight,
                tile: division.tile,
                channels: channels as u32,
                workgroups: across,
                window_mm: division.window_mm,
                steps: division.steps,
                tiles_x,
                ..SupervoxelUniform::default()
            },
            gpu: gpu.clone(),
            voxels,
            channels,
        })
    }

    /// Gives every `stride`th row and slice to the nearest centres. The sums over each
    /// centre's voxels: how many, x, y, z, and each value in steps.
    pub fn assign(&self, centres: &Centres<'_>, stride: u32) -> Result<Vec<i64>, GpuError> {
        let count = centres.centres_mm.len();
        let of_each = 4 + self.channels;
        let values = centres.values.chunks_exact(self.channels);
        let packed: Vec<f32> = centres
            .centres_mm
            .iter()
            .zip(values)
            .flat_map(|(place, values)| place.iter().chain(values).copied())
            .collect();
        let boxes = [centres.box_starts, centres.box_labels].concat();
        let uniform = SupervoxelUniform {
            stride: stride.max(1),
            boxes: centres.boxes,
            box_edge_mm: centres.box_edge_mm,
            ..self.uniform
        };
        let round = Round {
            uniform: bytemuck::bytes_of(&uniform),
            centres: bytemuck::cast_slice(&packed),
            boxes: bytemuck::cast_slice(&boxes),
            sums: count * of_each * 2,
        };
        let words = buffers::run(&self.gpu, &self.pipeline, &self.fixed, &round)?;
        Ok(words
            .chunks_exact(2)
            .map(|pair| match pair {
                &[low, high] => i64::from(high) << 32 | i64::from(low),
                _ => 0,
            })
            .collect::<Vec<i64>>()
            .chunks_exact(of_each)
            .flat_map(|sums| self.without_offset(sums))
            .collect())
    }

    /// Values were counted from −1 on.
    fn without_offset(&self, sums: &[i64]) -> Vec<i64> {
        let count = sums.first().copied().unwrap_or(0);
        let offset = count * self.uniform.steps as i64;
        let own = sums.iter().enumerate();
        own.map(|(at, &sum)| if at < 4 { sum } else { sum - offset })
            .collect()
    }

    /// The centre of each voxel after the last round; `u32::MAX` for none.
    pub fn labels(&self) -> Result<Vec<u32>, GpuError> {
        buffers::read(&self.gpu, &self.fixed.labels, self.voxels)
    }
}
