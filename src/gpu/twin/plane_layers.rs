//! `shaders/lib/plane_layers.wgsl` on the CPU.

use glam::{BVec3, IVec3, Vec2, Vec3, Vec4};

use super::layers::{Layer, Layers, label, nearest_texel, stored_value};
use super::maths::{floor, fract, mix3};
use super::overlay::{is_near, neighbours};
use crate::gpu::plane_layers::{LabelLayerUniform, SecondScanUniform};

/// A label map's uniform block with its layer ready for use.
#[derive(Debug, Clone, Copy)]
pub struct LabelLayer {
    layer: Layer,
    block: LabelLayerUniform,
}

impl From<&LabelLayerUniform> for LabelLayer {
    fn from(block: &LabelLayerUniform) -> Self {
        Self {
            layer: Layer::from(&block.layer),
            block: *block,
        }
    }
}

/// The second scan's, likewise.
#[derive(Debug, Clone, Copy)]
pub struct SecondScan {
    layer: Layer,
    window: [f32; 4],
}

impl From<&SecondScanUniform> for SecondScan {
    fn from(block: &SecondScanUniform) -> Self {
        Self {
            layer: Layer::from(&block.layer),
            window: block.window,
        }
    }
}

impl Layers<'_> {
    fn plane_label(&self, map: &LabelLayer, place: Vec3) -> u32 {
        let slot = self.scene.labels.get(map.block.slot as usize);
        let texels = slot.and_then(Option::as_deref);
        label(texels, nearest_texel(map.layer.texel_at(place)))
    }

    fn plane_label_colour(&self, map: &LabelLayer, label: u32) -> Vec4 {
        if label == 0 || label >= map.block.colour_count {
            return Vec4::ZERO;
        }
        let index = (map.block.first_colour + label) as usize;
        let colour = self.scene.label_colours.get(index);
        colour.map_or(Vec4::ZERO, |&entry| entry.into())
    }

    pub fn with_label_map(
        &self,
        base: Vec3,
        map: &LabelLayer,
        place: Vec3,
        right_step: Vec3,
        down_step: Vec3,
        pixel: Vec2,
    ) -> Vec3 {
        if !is_near(&map.layer, place, right_step, down_step) {
            return base;
        }
        let label = self.plane_label(map, place);
        let here = self.plane_label_colour(map, label);
        let c = mix3(base, here.truncate(), here.w * map.block.fill);
        if map.block.outline <= 0.0 {
            return c;
        }
        let mut line = here.truncate().extend(0.0);
        for (step, strength) in neighbours(right_step, down_step) {
            let other = self.plane_label(map, place + step);
            if other == label {
                continue;
            }
            let beyond = self.plane_label_colour(map, other);
            let strength = strength * here.w.max(beyond.w);
            if here.w == 0.0 && strength > line.w {
                line = beyond.truncate().extend(line.w);
            }
            line.w = line.w.max(strength);
        }
        let share = line.w * map.block.outline * dash(map.block.dash_px, pixel);
        mix3(c, line.truncate(), share)
    }

    fn second_scan_texel(&self, texel: IVec3) -> f32 {
        self.scene
            .second_scan
            .as_deref()
            .map_or(0.0, |scan| stored_value(scan, texel))
    }

    pub fn with_second_scan(&self, base: Vec3, map: &SecondScan, place: Vec3) -> Vec3 {
        let texel = map.layer.texel_at(place);
        if !map.layer.inside(texel) {
            return base;
        }
        let b = floor(texel);
        let f = texel - b.as_vec3();
        let mut value = 0.0;
        for corner in 0..8 {
            let step = IVec3::new(corner & 1, (corner >> 1) & 1, corner >> 2);
            let far: BVec3 = step.cmpeq(IVec3::ONE);
            let weights = Vec3::select(far, f, Vec3::ONE - f);
            value += weights.x * weights.y * weights.z * self.second_scan_texel(b + step);
        }
        let [low, high, opacity, _] = map.window;
        let grey = ((value - low) / (high - low).max(1e-9)).clamp(0.0, 1.0);
        mix3(base, Vec3::splat(grey), opacity)
    }
}

fn dash(dash_px: f32, pixel: Vec2) -> f32 {
    if dash_px <= 0.0 {
        return 1.0;
    }
    let inside = |at: f32| fract(at / dash_px) < 0.5;
    if inside(pixel.x) == inside(pixel.y) {
        1.0
    } else {
        0.0
    }
}
