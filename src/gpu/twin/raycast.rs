//! `shaders/raycast.wgsl` on the CPU.

use glam::{Vec2, Vec3, Vec4};

use super::TwinScene;
use super::layers::{BRICK_EDGE, Layer, Layers, nearest_texel};
use super::maths::{floor, mix, mix3, smoothstep};
use super::rays::{
    FAR, Ray, Span, along_face, along_surface, box_span, brick_end, in_texels, jitter, label_span,
    layer_span,
};
use super::surfaces::{facing, gradient, lit};
use crate::gpu::uniform::RaycastUniform;

const OPAQUE: f32 = 0.98;
/// A picked place is where a ray has become this opaque.
const SOLID: f32 = 0.5;

pub struct RaycastShader<'a> {
    layers: Layers<'a>,
    view: &'a RaycastUniform,
}

fn xyz(v: [f32; 4]) -> Vec3 {
    Vec4::from(v).truncate()
}

fn over(front: Vec4, colour: Vec3, opacity: f32) -> Vec4 {
    let seen = (1.0 - front.w) * opacity;
    front + (colour * seen).extend(seen)
}

impl<'a> RaycastShader<'a> {
    pub fn new(scene: &'a TwinScene, view: &'a RaycastUniform) -> Self {
        Self {
            layers: Layers::new(scene, &view.scene),
            view,
        }
    }

    pub fn colour(&self, pixel: Vec2) -> Vec3 {
        let seen = self.march(&self.ray_through(pixel), |_, _| true);
        let down = pixel.y / self.view.size_px[1];
        let background = mix3(
            xyz(self.view.background_top),
            xyz(self.view.background_bottom),
            down,
        );
        let share = if seen.w > OPAQUE { 1.0 } else { seen.w };
        seen.truncate() * (share / seen.w.max(1e-6)) + background * (1.0 - share)
    }

    /// How far along the ray of a pixel the picture becomes solid, in mm.
    pub fn first_solid(&self, pixel: Vec2) -> Option<f32> {
        let mut depth_mm = None;
        self.march(&self.ray_through(pixel), |t, seen| {
            if seen.w >= SOLID {
                depth_mm = Some(t);
            }
            depth_mm.is_none()
        });
        depth_mm
    }

    fn ray_through(&self, pixel: Vec2) -> Ray {
        let view = self.view;
        let x = 2.0 * pixel.x / view.size_px[0] - 1.0;
        let y = 1.0 - 2.0 * pixel.y / view.size_px[1];
        let across = xyz(view.right) * (x * view.right[3]) + xyz(view.up) * (y * view.up[3]);
        let (eye, forward) = (xyz(view.eye), xyz(view.forward));
        if view.orthographic != 0 {
            Ray {
                origin: eye + across,
                direction: forward,
                pixel,
            }
        } else {
            Ray {
                origin: eye,
                direction: (forward + across).normalize_or(forward),
                pixel,
            }
        }
    }

    fn pixel_size(&self, t: f32) -> f32 {
        self.view.pixel_mm * if self.view.orthographic != 0 { 1.0 } else { t }
    }

    fn cut_of(&self, ray: &Ray) -> (Span, Vec3) {
        let nowhere = (Span::NOWHERE, -ray.direction);
        let count = self.view.cut_point[3] as usize;
        if count == 0 {
            return nowhere;
        }
        let (mut span, mut face) = (
            Span {
                enter: 0.0,
                leave: FAR,
            },
            -ray.direction,
        );
        for normal in self.view.cut_normals.into_iter().take(count).map(xyz) {
            let height = normal.dot(ray.origin - xyz(self.view.cut_point));
            let climb = normal.dot(ray.direction);
            if climb.abs() < 1e-6 {
                if height <= 0.0 {
                    return nowhere;
                }
            } else if climb > 0.0 {
                span.enter = span.enter.max(-height / climb);
            } else if -height / climb < span.leave {
                span.leave = -height / climb;
                face = normal;
            }
        }
        if span.enter >= span.leave {
            nowhere
        } else {
            (span, face)
        }
    }

    fn ramp_sum(&self, value: f32, width: f32) -> f32 {
        let above = (value - self.view.empty_below).max(0.0);
        let in_ramp = above.min(width);
        in_ramp * in_ramp / (2.0 * width) + (above - in_ramp)
    }

    fn mean_density(&self, before: f32, here: f32) -> f32 {
        let width = (self.view.full_above - self.view.empty_below).max(1e-6);
        if (here - before).abs() < 1e-3 * width {
            return ((here - self.view.empty_below) / width).clamp(0.0, 1.0);
        }
        (self.ramp_sum(here, width) - self.ramp_sum(before, width)) / (here - before)
    }

    fn scan_matter(&self, texel: Vec3, before: f32, value: f32, direction: Vec3) -> Vec4 {
        let view = self.view;
        let extinction = self.mean_density(before, value) * view.density_per_mm;
        let shade = self.layers.windowed(0.5 * (before + value));
        let colour = mix3(
            Vec3::new(0.42, 0.40, 0.42),
            Vec3::new(1.0, 0.97, 0.93),
            shade,
        );
        let flat = view.lighting == 0.0 && view.edge_emphasis == 0.0;
        if extinction * view.step_mm < 0.002 || flat {
            return colour.extend(extinction);
        }
        let gradient = gradient(0.75, |d| self.layers.scan_interpolated(texel + d));
        let steepness = gradient.length() * view.edge_scale / 3.0;
        let normal = facing(-self.layers.scan.world_gradient(gradient), -direction);
        let grazing = 1.0 - normal.dot(direction).abs();
        let edge = smoothstep(0.02, 0.30, steepness) * (0.06 + 0.94 * grazing * grazing);
        let extinction = extinction * mix(1.0, edge, view.edge_emphasis);
        let glass = mix3(
            colour,
            Vec3::new(0.62, 0.74, 0.90),
            0.65 * view.edge_emphasis,
        );
        let shaded = self.lit(glass, normal, direction, 0.16);
        let shaped = view.lighting * smoothstep(0.0, 0.06, steepness);
        mix3(glass, shaded, shaped).extend(extinction)
    }

    fn lit(&self, albedo: Vec3, normal: Vec3, direction: Vec3, shine: f32) -> Vec3 {
        lit(albedo, normal, xyz(self.view.light), -direction, shine)
    }

    fn with_face(&self, front: Vec4, ray: &Ray, t: f32, normal: Vec3) -> Vec4 {
        let view = self.view;
        let place = ray.at(t);
        let value = self
            .layers
            .scan_interpolated(self.layers.scan.texel_at(place));
        let ramp = (view.full_above - view.empty_below).max(1e-6);
        let opacity = smoothstep(view.empty_below - 0.35 * ramp, view.empty_below, value);
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

    fn with_box_edge(&self, front: Vec4, ray: &Ray, t: f32) -> Vec4 {
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

    fn face_normal(&self, ray: &Ray, t: f32) -> Vec3 {
        let (low, high) = (xyz(self.view.region_low), xyz(self.view.region_high));
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

    fn label_hit(&self, ray: &Ray, label: u32, t: f32) -> f32 {
        let layers = &self.layers;
        self.hit(&layers.segmentation, ray, t, |texel| {
            layers.dominant_label(texel) == label
        })
    }

    fn mask_hit(&self, ray: &Ray, t: f32) -> f32 {
        let layers = &self.layers;
        self.hit(&layers.supervoxels, ray, t, |texel| {
            layers.surface_membership(texel) >= 0.5
        })
    }

    fn with_label_surface(&self, front: Vec4, ray: &Ray, label: u32, t: f32) -> Vec4 {
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

    fn with_mask_surface(&self, front: Vec4, ray: &Ray, inside_id: u32, t: f32) -> Vec4 {
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
        over(front, colour, overlay.heatmap_opacity)
    }

    fn with_haze(&self, front: Vec4, id: u32, pixel: Vec2) -> Vec4 {
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

    /// Colour and opacity along a ray, colour multiplied by opacity. `go_on` sees the
    /// depth and what was gathered after each sample, and may end the march.
    fn march(&self, ray: &Ray, mut go_on: impl FnMut(f32, Vec4) -> bool) -> Vec4 {
        let (view, layers, overlay) = (self.view, &self.layers, &self.layers.overlay);
        let step = view.step_mm;
        let start = jitter(ray.pixel);

        let region = box_span(
            ray.origin,
            ray.direction,
            xyz(view.region_low),
            xyz(view.region_high),
        );
        let clipped = view.region_high[3] > 0.0;
        let mut scan = layer_span(&layers.scan, ray);
        if clipped {
            scan.enter = scan.enter.max(region.enter);
            scan.leave = scan.leave.min(region.leave);
        }
        let (cut, cut_normal) = self.cut_of(ray);
        let shown = |is_shown: bool, span: Span| if is_shown { span } else { Span::NOWHERE };
        let labels = shown(
            overlay.segmentation_fill > 0.0,
            label_span(&layers.segmentation, ray),
        );
        let heat = shown(
            overlay.heatmap_opacity > 0.0,
            label_span(&layers.supervoxels, ray),
        );
        let lines = shown(view.region_low[3] > 0.0, region);
        let spans = [scan, labels, heat, lines];
        let enter = spans.into_iter().map(|span| span.enter).fold(FAR, f32::min);
        let leave = spans
            .into_iter()
            .map(|span| span.leave)
            .fold(-FAR, f32::max);

        let (scan_origin, scan_direction) = in_texels(&layers.scan, ray);
        let (label_origin, label_direction) = in_texels(&layers.segmentation, ray);
        let (heat_origin, heat_direction) = in_texels(&layers.supervoxels, ray);

        let mut seen = Vec4::ZERO;
        let mut index = (enter / step - start).ceil();
        let mut before = enter - step;
        let mut label = 0;
        let mut in_surface = false;
        let mut value_before = FAR;
        for _ in 0..view.max_steps {
            if before > leave || seen.w > OPAQUE {
                break;
            }
            let t = (index + start) * step;
            let passed = |event: f32| event > before && event <= t;

            // Flat things passed since the last sample.
            for edge in [lines.enter, lines.leave] {
                if passed(edge) {
                    seen = self.with_box_edge(seen, ray, edge);
                }
            }
            if clipped
                && passed(scan.enter)
                && scan.enter < scan.leave
                && scan.enter == region.enter
                && !cut.contains(scan.enter)
            {
                seen = self.with_face(seen, ray, scan.enter, self.face_normal(ray, scan.enter));
            }
            if passed(cut.leave) && scan.contains(cut.leave) {
                seen = self.with_face(seen, ray, cut.leave, cut_normal);
            }

            // Surfaces passed since the last sample.
            let mut label_t = FAR;
            let mut nearest_label = 0;
            if labels.contains(t) {
                let texel = label_origin + label_direction * t;
                nearest_label = layers.segmentation_label(nearest_texel(texel));
            }
            if nearest_label != label {
                let mut reached = nearest_label;
                if layers.class_colour(nearest_label).w > 0.0 {
                    reached = layers.dominant_label(label_origin + label_direction * t);
                    if reached != label && layers.class_colour(reached).w > 0.0 {
                        label_t = self.label_hit(ray, reached, t);
                    }
                }
                label = reached;
            }
            let mut mask_t = FAR;
            let mut mask_id = 0;
            if heat.contains(t) {
                let texel = heat_origin + heat_direction * t;
                let id = layers.supervoxel_id(nearest_texel(texel));
                if layers.has_surface(id) {
                    if !in_surface && layers.surface_membership(texel) >= 0.5 {
                        in_surface = true;
                        mask_t = self.mask_hit(ray, t);
                        mask_id = id;
                    }
                } else {
                    in_surface = false;
                    if view.haze_per_mm > 0.0 && id != 0 {
                        seen = self.with_haze(seen, id, ray.pixel);
                    }
                }
            } else {
                in_surface = false;
            }
            if mask_t < label_t {
                seen = self.with_mask_surface(seen, ray, mask_id, mask_t);
            }
            if label_t < FAR {
                seen = self.with_label_surface(seen, ray, label, label_t);
            }
            if mask_t < FAR && mask_t >= label_t {
                seen = self.with_mask_surface(seen, ray, mask_id, mask_t);
            }

            // The scan, and how far there is nothing of it.
            let mut next = t;
            let mut value = FAR;
            if scan.contains(t) && !cut.contains(t) {
                let texel = scan_origin + scan_direction * t;
                let brick = floor((texel + 0.5) / BRICK_EDGE);
                if layers.scan_brick(brick) <= view.empty_below {
                    next = brick_end(scan_origin, scan_direction, brick.as_vec3());
                    value = view.empty_below;
                } else {
                    value = layers.scan_interpolated(texel);
                    let last = if value_before < FAR {
                        value_before
                    } else {
                        value
                    };
                    let matter = self.scan_matter(texel, last, value, ray.direction);
                    seen = over(seen, matter.truncate(), 1.0 - (-matter.w * step).exp());
                }
            } else if t < scan.enter {
                next = scan.ahead(t);
            } else if cut.contains(t) {
                next = cut.leave.min(leave);
            } else {
                next = leave;
            }
            value_before = value;
            if labels.contains(t) || heat.contains(t) {
                next = t;
            }
            next = next
                .min(labels.ahead(t))
                .min(heat.ahead(t))
                .min(leave + step);
            if !go_on(t, seen) {
                break;
            }
            before = t;
            index = (index + 1.0).max((next / step - start).ceil());
        }
        seen
    }
}
