//! `shaders/slice.wgsl` on the CPU.

use glam::{Vec2, Vec3, Vec4};

use super::TwinScene;
use super::layers::{Layers, nearest_texel};
use crate::gpu::uniform::SliceUniform;

pub struct SliceShader<'a> {
    layers: Layers<'a>,
    view: &'a SliceUniform,
}

impl<'a> SliceShader<'a> {
    pub fn new(scene: &'a TwinScene, view: &'a SliceUniform) -> Self {
        Self {
            layers: Layers::new(scene, &view.scene),
            view,
        }
    }

    pub fn colour(&self, pixel: Vec2) -> Vec3 {
        let xyz = |v: [f32; 4]| Vec4::from(v).truncate();
        let (right_step, down_step) = (xyz(self.view.right_step), xyz(self.view.down_step));
        let from_middle = pixel - Vec2::from(self.view.size_px) * 0.5;
        let place = xyz(self.view.center) + right_step * from_middle.x + down_step * from_middle.y;

        let mut c = xyz(self.view.background);
        let texel = self.layers.scan.texel_at(place);
        if self.layers.scan.inside(texel) {
            let value = if self.view.interpolate != 0 {
                self.layers.scan_interpolated(texel)
            } else {
                self.layers.scan_texel(nearest_texel(texel))
            };
            c = Vec3::splat(self.layers.windowed(value));
        }
        c = self
            .layers
            .plane_colour(c, place, right_step, down_step, pixel);

        let in_region = place.cmpge(xyz(self.view.region_low)).all()
            && place.cmple(xyz(self.view.region_high)).all();
        if self.view.region_low[3] > 0.0 && !in_region {
            c *= 1.0 - self.view.dim_outside_region;
        }
        c
    }
}
