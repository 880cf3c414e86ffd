//! `shaders/lib/layers.wgsl` on the CPU.

use glam::{IVec3, Mat4, Vec3, Vec4};

use super::TwinScene;
use super::maths::{floor, mix};
use crate::gpu::texels::{BRICK, LabelTexels, ScanTexels};
use crate::gpu::uniform::{LayerUniform, OverlayUniform, SceneUniform};

/// A layer's uniform block with its matrix ready for use.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    pub texel_from_world: Mat4,
    pub dims: Vec3,
    pub present: bool,
    pub occupied_low: Vec3,
    pub occupied_high: Vec3,
}

impl From<&LayerUniform> for Layer {
    fn from(block: &LayerUniform) -> Self {
        let corner = |corner: [f32; 4]| Vec4::from(corner).truncate();
        Self {
            texel_from_world: Mat4::from_cols_array_2d(&block.texel_from_world),
            dims: corner(block.dims),
            present: block.dims[3] > 0.0,
            occupied_low: corner(block.occupied_low),
            occupied_high: corner(block.occupied_high),
        }
    }
}

impl Layer {
    pub fn texel_at(&self, place: Vec3) -> Vec3 {
        self.texel_from_world.transform_point3(place)
    }

    pub fn texel_direction(&self, direction: Vec3) -> Vec3 {
        self.texel_from_world.transform_vector3(direction)
    }

    pub fn world_gradient(&self, gradient: Vec3) -> Vec3 {
        self.texel_from_world
            .transpose()
            .transform_vector3(gradient)
    }

    pub fn inside(&self, texel: Vec3) -> bool {
        self.present && texel.cmpge(Vec3::splat(-0.5)).all() && texel.cmplt(self.dims - 0.5).all()
    }
}

/// The scene as a shader reads it.
pub struct Layers<'a> {
    pub scan: Layer,
    pub segmentation: Layer,
    pub supervoxels: Layer,
    pub overlay: OverlayUniform,
    window: [f32; 4],
    pub scene: &'a TwinScene,
}

pub fn nearest_texel(texel: Vec3) -> IVec3 {
    floor(texel + 0.5)
}

impl<'a> Layers<'a> {
    pub fn new(scene: &'a TwinScene, block: &SceneUniform) -> Self {
        Self {
            scan: Layer::from(&block.scan),
            segmentation: Layer::from(&block.segmentation),
            supervoxels: Layer::from(&block.supervoxels),
            overlay: block.overlay,
            window: block.window,
            scene,
        }
    }

    pub fn segmentation_label(&self, texel: IVec3) -> u32 {
        label(self.scene.segmentation.as_deref(), texel)
    }

    pub fn supervoxel_id(&self, texel: IVec3) -> u32 {
        label(self.scene.supervoxels.as_deref(), texel)
    }

    pub fn segmentation_label_at(&self, place: Vec3) -> u32 {
        self.segmentation_label(nearest_texel(self.segmentation.texel_at(place)))
    }

    pub fn supervoxel_id_at(&self, place: Vec3) -> u32 {
        self.supervoxel_id(nearest_texel(self.supervoxels.texel_at(place)))
    }

    /// The value of a texel, from 0 to 1; at the rim its values go on outward.
    pub fn scan_texel(&self, texel: IVec3) -> f32 {
        let scan = self.scene.scan.as_deref();
        scan.map_or(0.0, |scan| stored_value(scan, texel))
    }

    /// Interpolated by curves through the nearest four texels of each axis.
    pub fn scan_cubic(&self, texel: Vec3) -> f32 {
        let b = floor(texel);
        let f = texel - b.as_vec3();
        let (wx, wy, wz) = (cubic_weights(f.x), cubic_weights(f.y), cubic_weights(f.z));
        let mut value = 0.0;
        for (z, wz) in (-1..).zip(wz) {
            for (y, wy) in (-1..).zip(wy) {
                let mut row = 0.0;
                for (x, wx) in (-1..).zip(wx) {
                    row += wx * self.scan_texel(b + IVec3::new(x, y, z));
                }
                value += row * wy * wz;
            }
        }
        value
    }

    pub fn scan_interpolated(&self, texel: Vec3) -> f32 {
        let b = floor(texel);
        let f = texel - b.as_vec3();
        if let Some([a00, a10, a01, a11]) = self.scan_cell(b) {
            let along_x = |[a, b]: [u16; 2]| mix(f32::from(a), f32::from(b), f.x);
            let near = mix(along_x(a00), along_x(a10), f.y);
            let far = mix(along_x(a01), along_x(a11), f.y);
            return mix(near, far, f.z) / 65535.0;
        }
        let at = |x, y, z| self.scan_texel(b + IVec3::new(x, y, z));
        let x00 = mix(at(0, 0, 0), at(1, 0, 0), f.x);
        let x10 = mix(at(0, 1, 0), at(1, 1, 0), f.x);
        let x01 = mix(at(0, 0, 1), at(1, 0, 1), f.x);
        let x11 = mix(at(0, 1, 1), at(1, 1, 1), f.x);
        mix(mix(x00, x10, f.y), mix(x01, x11, f.y), f.z)
    }

    /// The eight stored values of a cell that is not at the rim, by pairs along x. Most
    /// samples are of this kind, and this is where a picture's time goes.
    fn scan_cell(&self, base: IVec3) -> Option<[[u16; 2]; 4]> {
        let scan = self.scene.scan.as_ref()?;
        let [nx, ny, nz] = scan.facts.dims;
        let below =
            |coordinate: i32, n: usize| usize::try_from(coordinate).ok().filter(|&c| c + 1 < n);
        let (x, y, z) = (below(base.x, nx)?, below(base.y, ny)?, below(base.z, nz)?);
        let pair = |start: usize| scan.texels.get(start..start + 2)?.try_into().ok();
        let start = x + nx * (y + ny * z);
        let plane = start + nx * ny;
        Some([
            pair(start)?,
            pair(start + nx)?,
            pair(plane)?,
            pair(plane + nx)?,
        ])
    }

    pub fn windowed(&self, value: f32) -> f32 {
        let [low, high, ..] = self.window;
        if high - low == 0.0 {
            return if value >= low { 1.0 } else { 0.0 };
        }
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    }
}

/// A scan's texel as a fraction; at the rim its values go on outward.
pub fn stored_value(scan: &ScanTexels, texel: IVec3) -> f32 {
    let [nx, ny, nz] = scan.facts.dims;
    let clamped = |coordinate: i32, n: usize| usize::try_from(coordinate).unwrap_or(0).min(n - 1);
    let (x, y, z) = (
        clamped(texel.x, nx),
        clamped(texel.y, ny),
        clamped(texel.z, nz),
    );
    let stored = scan.texels.get(x + nx * (y + ny * z)).copied().unwrap_or(0);
    f32::from(stored) / 65535.0
}

/// Weights of four neighbours in a row, of which the place lies a fraction `f` after the
/// second.
fn cubic_weights(f: f32) -> [f32; 4] {
    let (f2, f3) = (f * f, f * f * f);
    [
        -0.5 * f3 + f2 - 0.5 * f,
        1.5 * f3 - 2.5 * f2 + 1.0,
        -1.5 * f3 + 2.0 * f2 + 0.5 * f,
        0.5 * f3 - 0.5 * f2,
    ]
}

/// Edge of a brick in texels, as shaders have it.
pub const BRICK_EDGE: f32 = BRICK as f32;

pub fn label(layer: Option<&LabelTexels>, texel: IVec3) -> u32 {
    layer
        .and_then(|layer| layer.texels.get(index_in(texel, layer.facts.dims)?))
        .map_or(0, |&label| u32::from(label))
}

fn index_in(texel: IVec3, [nx, ny, nz]: [usize; 3]) -> Option<usize> {
    let x = usize::try_from(texel.x).ok().filter(|&x| x < nx)?;
    let y = usize::try_from(texel.y).ok().filter(|&y| y < ny)?;
    let z = usize::try_from(texel.z).ok().filter(|&z| z < nz)?;
    Some(x + nx * (y + ny * z))
}
