//! The shaders again, on the CPU: pictures for computers without a graphics adapter,
//! and what the shaders are tested against.
//!
//! Each file follows its shader function by function, in `f32` and from the same
//! uniform blocks: `layers`, `overlay`, `plane_layers`, `rays` and `surfaces` are `shaders/lib`, `slice`
//! and `raycast` their namesakes. Change both or neither.

mod layers;
mod maths;
mod matter;
mod objects;
mod overlay;
mod plane_layers;
mod raycast;
mod rays;
mod scene;
mod slice;
mod surfaces;

pub use raycast::Work;
pub use scene::TwinScene;

use std::sync::{Mutex, PoisonError};

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
    render_raycast_counted(scene, view).0
}

/// Draws the volume and counts the work.
pub fn render_raycast_counted(scene: &TwinScene, view: &RaycastView) -> (Picture, Work) {
    let uniform = RaycastUniform::new(view, &scene.facts());
    let shader = raycast::RaycastShader::new(scene, &uniform);
    let total = Mutex::new(Work::default());
    let picture = render_with(
        view.size_px,
        Work::default,
        |pixel, work| shader.colour(pixel, work),
        |work| {
            *total.lock().unwrap_or_else(PoisonError::into_inner) += work;
        },
    );
    let work = *total.lock().unwrap_or_else(PoisonError::into_inner);
    (picture, work)
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

/// Rows of a picture that are drawn together.
const BAND: usize = 8;

/// Colours every pixel from its centre.
fn render(size_px: [u32; 2], colour: impl Fn(Vec2) -> Vec3 + Sync) -> Picture {
    render_with(size_px, || (), |pixel, ()| colour(pixel), |()| ())
}

/// Colours every pixel from its centre, bands of rows in parallel, in small squares so
/// that neighbouring rays find their texels in the processor's cache. Each band counts
/// by itself and hands its count over at the end.
fn render_with<W>(
    size_px: [u32; 2],
    start: impl Fn() -> W + Sync,
    colour: impl Fn(Vec2, &mut W) -> Vec3 + Sync,
    end: impl Fn(W) + Sync,
) -> Picture {
    let mut picture = Picture::new(size_px);
    let row_bytes = size_px[0] as usize * 4;
    if row_bytes == 0 {
        return picture;
    }
    let band = |(number, band): (usize, &mut [u8])| {
        let mut count = start();
        let top = number * BAND;
        for left in (0..size_px[0] as usize).step_by(BAND) {
            for (y, row) in band.chunks_exact_mut(row_bytes).enumerate() {
                let end = (left + BAND) * 4;
                let square = row.get_mut(left * 4..end.min(row_bytes));
                let pixels = square.into_iter().flat_map(|s| s.chunks_exact_mut(4));
                for (x, pixel) in pixels.enumerate() {
                    let place = Vec2::new((left + x) as f32 + 0.5, (top + y) as f32 + 0.5);
                    let rgb = colour(place, &mut count);
                    let rgb = rgb.clamp(Vec3::ZERO, Vec3::ONE) * 255.0 + 0.5;
                    pixel.copy_from_slice(&[rgb.x as u8, rgb.y as u8, rgb.z as u8, 255]);
                }
            }
        }
        end(count);
    };
    picture
        .rgba
        .par_chunks_mut(row_bytes * BAND)
        .enumerate()
        .for_each(band);
    picture
}
