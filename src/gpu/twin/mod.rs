//! The shaders again, on the CPU: pictures for computers without a graphics adapter,
//! and what the shaders are tested against.
//!
//! Each file follows its shader function by function, in `f32` and from the same
//! uniform blocks: `layers`, `overlay`, `plane_layers`, `rays` and `surfaces` are `shaders/lib`, `slice`
//! and `raycast` their namesakes. Change both or neither.

mod layers;
mod maths;
mod overlay;
mod plane_layers;
mod raycast;
mod rays;
mod scene;
mod slice;
mod surfaces;

pub use scene::TwinScene;

use glam::{DVec2, DVec3, Vec2, Vec3};
use rayon::prelude::*;

use super::picture::Picture;
use super::plane_layers::SliceUniform;
use super::uniform::RaycastUniform;
use super::view::{RaycastView, SliceView};

/// Draws a slice.
pub fn render_slice(scene: &TwinScene, view: &SliceView) -> Picture {
    let uniform = SliceUniform::new(view, &scene.facts());
    let shader = slice::SliceShader::new(scene, &uniform);
    render(view.size_px, |pixel| shader.colour(pixel))
}

/// Draws the volume.
pub fn render_raycast(scene: &TwinScene, view: &RaycastView) -> Picture {
    let uniform = RaycastUniform::new(view, &scene.facts());
    let shader = raycast::RaycastShader::new(scene, &uniform);
    render(view.size_px, |pixel| shader.colour(pixel))
}

/// The place in the world that a pixel of a volume rendering shows: where its ray has
/// become mostly opaque. `None` where it sees the background.
pub fn pick(scene: &TwinScene, view: &RaycastView, pixel: DVec2) -> Option<DVec3> {
    let uniform = RaycastUniform::new(view, &scene.facts());
    let shader = raycast::RaycastShader::new(scene, &uniform);
    let depth_mm = shader.first_solid(pixel.as_vec2())?;
    let (origin, direction) = view.camera.ray(pixel, view.size_px);
    Some(origin + direction * f64::from(depth_mm))
}

/// Colours every pixel from its centre, rows in parallel.
fn render(size_px: [u32; 2], colour: impl Fn(Vec2) -> Vec3 + Sync) -> Picture {
    let mut picture = Picture::new(size_px);
    let row_bytes = size_px[0] as usize * 4;
    if row_bytes > 0 {
        picture
            .rgba
            .par_chunks_exact_mut(row_bytes)
            .enumerate()
            .for_each(|(y, row)| {
                for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
                    let rgb = colour(Vec2::new(x as f32 + 0.5, y as f32 + 0.5));
                    let rgb = (rgb.clamp(Vec3::ZERO, Vec3::ONE) * 255.0).round();
                    pixel.copy_from_slice(&[rgb.x as u8, rgb.y as u8, rgb.z as u8, 255]);
                }
            });
    }
    picture
}
