//! `shaders/slice.wgsl` on the CPU.

use glam::{Vec2, Vec3, Vec4};

use super::TwinScene;
use super::layers::{Layers, nearest_texel};
use super::plane_layers::{LabelLayer, SecondScan};
use crate::gpu::plane_layers::{SliceLayer, SliceUniform};

pub struct SliceShader<'a> {
    layers: Layers<'a>,
    labels: [LabelLayer; 3],
    second_scan: SecondScan,
    view: &'a SliceUniform,
}

impl<'a> SliceShader<'a> {
    pub fn new(scene: &'a TwinScene, view: &'a SliceUniform) -> Self {
        Self {
            layers: Layers::new(scene, &view.scene),
            labels: view.labels.each_ref().map(LabelLayer::from),
            second_scan: SecondScan::from(&view.second_scan),
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
            let value = match self.view.interpolate {
                2 => self.layers.scan_cubic(texel),
                1 => self.layers.scan_interpolated(texel),
                _ => self.layers.scan_texel(nearest_texel(texel)),
            };
            c = Vec3::splat(self.layers.windowed(value));
        }
        let layers = &self.layers;
        let at = layers.plane_place(place, right_step, down_step, pixel);
        for code in self.view.order.as_flattened() {
            let layer = SliceLayer::ALL.into_iter().nth(*code as usize);
            c = match layer {
                Some(SliceLayer::SecondScan) => {
                    layers.with_second_scan(c, &self.second_scan, place)
                }
                Some(SliceLayer::Labels(slot)) => {
                    let map = &self.labels[slot.index()];
                    layers.with_label_map(c, map, place, right_step, down_step, pixel)
                }
                Some(layer) => layers.with_plane_layer(c, layer, &at),
                None => c,
            };
        }
        c = layers.with_marks(c, &at);

        let in_region = place.cmpge(xyz(self.view.region_low)).all()
            && place.cmple(xyz(self.view.region_high)).all();
        if self.view.region_low[3] > 0.0 && !in_region {
            c *= 1.0 - self.view.dim_outside_region;
        }
        c
    }
}
