//! `shaders/lib/objects.wgsl` on the CPU.

use glam::{Vec2, Vec3, Vec4};

use super::layers::Layer;
use super::maths::{mix, mix3, smoothstep};
use super::raycast::{RaycastShader, xyz};
use super::rays::{FAR, Ray, along_face, along_surface, in_texels};
use super::surfaces::lit;

pub const CROSSHAIR: Vec3 = Vec3::new(0.36, 0.86, 0.78);

pub fn over(front: Vec4, colour: Vec3, opacity: f32) -> Vec4 {
    let seen = (1.0 - front.w) * opacity;
    front + (colour * seen).extend(seen)
}

/// Where a ray passes a line, and how much of the line it sees there.
#[derive(Debug, Clone, Copy)]
pub struct Passing {
    pub t: f32,
    pub share: f32,
}

impl Passing {
    pub const NEVER: Self = Self { t: FAR, share: 0.0 };
}

impl RaycastShader<'_> {
    fn lit(&self, albedo: Vec3, normal: Vec3, direction: Vec3, shine: f32) -> Vec3 {
        lit(albedo, normal, xyz(self.view.light), -direction, shine)
    }

    pub(super) fn with_face(&self, front: Vec4, ray: &Ray, t: f32, normal: Vec3) -> Vec4 {
        let view = self.view;
        let place = ray.at(t);
        let value = self
            .layers
            .scan_interpolated(self.layers.scan.texel_at(place));
        let opacity = smoothstep(view.face_clear, view.face_full, value);
        if opacity <= 0.0 {
            return front;
        }
        let size = self.pixel_size(t);
        let right_step = along_face(xyz(view.right) * size, ray.direction, normal);
        let down_step = along_face(xyz(view.up) * -size, ray.direction, normal);
        let grey = Vec3::splat(self.layers.windowed(value)) * 0.94;
        let colour = self
            .layers
            .plane_colour(grey, place, right_step, down_step, ray.pixel);
        over(front, colour, opacity)
    }

    pub(super) fn with_box_edge(&self, front: Vec4, ray: &Ray, t: f32) -> Vec4 {
        let place = ray.at(t);
        let from_faces = (place - xyz(self.view.region_low))
            .abs()
            .min((xyz(self.view.region_high) - place).abs());
        let nearer = from_faces.x.min(from_faces.y);
        let farther = from_faces.x.max(from_faces.y);
        let second = nearer.max(farther.min(from_faces.z));
        let line = (1.5 - second / self.pixel_size(t)).clamp(0.0, 1.0);
        over(
            front,
            Vec3::new(0.93, 0.95, 1.0),
            line * self.view.region_low[3],
        )
    }

    pub(super) fn face_normal(&self, ray: &Ray, t: f32) -> Vec3 {
        let (low, high) = (xyz(self.view.crop_low), xyz(self.view.crop_high));
        let half_size = (0.5 * (high - low)).max(Vec3::splat(1e-6));
        let outward = (ray.at(t) - 0.5 * (low + high)) / half_size;
        let size = outward.abs();
        let sign = outward.signum();
        if size.x >= size.y && size.x >= size.z {
            Vec3::X * sign
        } else if size.y >= size.z {
            Vec3::Y * sign
        } else {
            Vec3::Z * sign
        }
    }

    /// Where, in the step before `t`, a ray enters what holds at `t`.
    fn hit(&self, layer: &Layer, ray: &Ray, t: f32, is_in: impl Fn(Vec3) -> bool) -> f32 {
        let (origin, direction) = in_texels(layer, ray);
        let (mut low, mut high) = (t - self.view.step_mm, t);
        for _ in 0..5 {
            let middle = 0.5 * (low + high);
            if is_in(origin + direction * middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    pub(super) fn label_hit(&self, ray: &Ray, label: u32, t: f32) -> f32 {
        let layers = &self.layers;
        self.hit(&layers.segmentation, ray, t, |texel| {
            layers.dominant_label(texel) == label
        })
    }

    pub(super) fn mask_hit(&self, ray: &Ray, t: f32) -> f32 {
        let layers = &self.layers;
        self.hit(&layers.supervoxels, ray, t, |texel| {
            layers.surface_membership(texel) >= 0.5
        })
    }

    pub(super) fn with_label_surface(&self, front: Vec4, ray: &Ray, label: u32, t: f32) -> Vec4 {
        let texel = self.layers.segmentation.texel_at(ray.at(t));
        let normal = self.layers.label_normal(texel, label, -ray.direction);
        let class_here = self.layers.class_colour(label);
        let colour = self.lit(class_here.truncate(), normal, ray.direction, 0.22);
        let grazing = 1.0 - normal.dot(ray.direction).abs();
        let fill = class_here.w * self.layers.overlay.segmentation_fill;
        over(
            front,
            colour,
            fill + (1.0 - fill) * fill * grazing * grazing,
        )
    }

    pub(super) fn with_mask_surface(&self, front: Vec4, ray: &Ray, inside_id: u32, t: f32) -> Vec4 {
        let overlay = &self.layers.overlay;
        let layer = &self.layers.supervoxels;
        let place = ray.at(t);
        let normal = self
            .layers
            .surface_normal(layer.texel_at(place), -ray.direction);
        let below = place - normal * (0.75 / layer.texel_direction(normal).length().max(1e-6));
        let id_below = self.layers.supervoxel_id_at(below);
        let id = if self.layers.has_surface(id_below) {
            id_below
        } else {
            inside_id
        };
        let heat = self.layers.heat_colour(id);
        let rgb = heat.truncate();
        let mut colour = mix3(rgb * 0.55, rgb, self.layers.hatching(id, ray.pixel));
        if heat.w == 0.0 {
            colour = Vec3::splat(0.75);
        }
        colour = self.lit(colour, normal, ray.direction, 0.22);
        let size = self.pixel_size(t);
        let right_step = along_surface(xyz(self.view.right) * size, normal);
        let down_step = along_surface(xyz(self.view.up) * -size, normal);
        let lines = self
            .layers
            .supervoxel_lines(id, below, right_step, down_step);
        colour = mix3(
            colour,
            colour * 0.3,
            lines.within_mask * overlay.boundary_opacity,
        );
        colour = mix3(colour, Vec3::ONE, lines.selected.max(0.6 * lines.hovered));
        let grazing = 1.0 - normal.dot(ray.direction).abs();
        let solid = mix(1.0, 0.10 + 0.80 * grazing * grazing, self.view.shell);
        over(front, colour, overlay.heatmap_opacity * solid)
    }

    pub(super) fn with_haze(&self, front: Vec4, id: u32, pixel: Vec2) -> Vec4 {
        let heat = self.layers.heat_colour(id);
        if heat.w == 0.0 {
            return front;
        }
        let extinction = heat.w * self.view.haze_per_mm * self.layers.overlay.heatmap_opacity;
        let opacity = 1.0 - (-extinction * self.view.step_mm).exp();
        over(
            front,
            heat.truncate(),
            opacity * self.layers.hatching(id, pixel),
        )
    }

    pub(super) fn crosshair_line(&self, ray: &Ray, axis: usize) -> Passing {
        let view = self.view;
        let along = Vec3::AXES[axis];
        let from_middle = ray.origin - xyz(view.crosshair);
        let slant = ray.direction[axis];
        let across = 1.0 - slant * slant;
        if view.crosshair[3] <= 0.0 || across < 1e-6 {
            return Passing::NEVER;
        }
        let depth = ray.direction.dot(from_middle);
        let height = from_middle[axis];
        let t = (slant * height - depth) / across;
        let s = (height - slant * depth) / across;
        let distance = (from_middle + ray.direction * t - along * s).length();
        let reach = view.crosshair_reach;
        if t <= 0.0 || s.abs() > reach || s.abs() < 0.08 * reach {
            return Passing::NEVER;
        }
        let line = (1.4 - distance / self.pixel_size(t)).clamp(0.0, 1.0);
        Passing {
            t: if line > 0.0 { t } else { FAR },
            share: line * view.crosshair[3],
        }
    }
}
