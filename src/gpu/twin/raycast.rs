//! `shaders/raycast.wgsl` on the CPU.

use glam::{Vec2, Vec3, Vec4};

use super::TwinScene;
use super::layers::{Layers, nearest_texel};
use super::maths::{fract, mix3};
use super::matter::{Place, Stretch};
use super::objects::{CROSSHAIR, Passing, over};
use super::rays::{
    FAR, Ray, Span, around, box_span, brick_end, in_texels, jitter, label_span, layer_span,
};
use crate::gpu::matter::{CALM, Composite};
use crate::gpu::uniform::RaycastUniform;

const OPAQUE: f32 = 0.98;
/// A picked place is where a ray has become this opaque.
const SOLID: f32 = 0.5;

/// The work that rays took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Values read of the scan along rays; those for light and shade are not counted.
    pub samples: u64,
    /// Leaps over empty blocks.
    pub leaps: u64,
    /// Samples that the leaps and the longer steps in calm matter made unnecessary.
    pub spared: u64,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.samples += other.samples;
        self.leaps += other.leaps;
        self.spared += other.spared;
    }
}

pub struct RaycastShader<'a> {
    pub(super) layers: Layers<'a>,
    pub(super) view: &'a RaycastUniform,
}

pub(super) fn xyz(v: [f32; 4]) -> Vec3 {
    Vec4::from(v).truncate()
}

/// The part of the scan that is kept by crop box and clip planes, and the normal of the
/// face if one of them is where a ray enters.
struct Kept {
    span: Span,
    face: Option<Vec3>,
}

impl<'a> RaycastShader<'a> {
    pub fn new(scene: &'a TwinScene, view: &'a RaycastUniform) -> Self {
        Self {
            layers: Layers::new(scene, &view.scene),
            view,
        }
    }

    /// The colour of a pixel, and the work it was.
    pub fn colour(&self, pixel: Vec2, work: &mut Work) -> Vec3 {
        let ray = self.ray_through(pixel + Vec2::from(self.view.pixel_shift));
        let (seen, hidden_line) = self.march(&ray, work, |_, _| true);
        let down = pixel.y / self.view.size_px[1];
        let background = mix3(
            xyz(self.view.background_top),
            xyz(self.view.background_bottom),
            down,
        );
        let share = if seen.w > OPAQUE { 1.0 } else { seen.w };
        let colour = seen.truncate() * (share / seen.w.max(1e-6)) + background * (1.0 - share);
        mix3(colour, CROSSHAIR, 0.3 * hidden_line.max(0.0))
    }

    /// How far along the ray of a pixel the picture becomes solid, in mm.
    pub fn first_solid(&self, pixel: Vec2) -> Option<f32> {
        let mut depth_mm = None;
        self.march(&self.ray_through(pixel), &mut Work::default(), |t, seen| {
            if seen.w >= SOLID {
                depth_mm = Some(t);
            }
            depth_mm.is_none()
        });
        depth_mm
    }

    pub(super) fn ray_through(&self, pixel: Vec2) -> Ray {
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

    pub(super) fn pixel_size(&self, t: f32) -> f32 {
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

    fn kept_of(&self, ray: &Ray) -> Kept {
        let view = self.view;
        let mut span = layer_span(&self.layers.scan, ray);
        let mut face = None;
        if view.crop_low[3] > 0.0 {
            let crop = box_span(
                ray.origin,
                ray.direction,
                xyz(view.crop_low),
                xyz(view.crop_high),
            );
            if crop.enter > span.enter {
                span.enter = crop.enter;
                face = Some(self.face_normal(ray, crop.enter));
            }
            span.leave = span.leave.min(crop.leave);
        }
        for plane in view.clip_planes {
            let normal = xyz(plane);
            let climb = normal.dot(ray.direction);
            let height = normal.dot(ray.origin) - plane[3];
            if climb.abs() < 1e-6 {
                if height > 0.0 {
                    span = Span::NOWHERE;
                }
            } else if climb > 0.0 {
                span.leave = span.leave.min(-height / climb);
            } else if -height / climb > span.enter {
                span.enter = -height / climb;
                face = Some(normal);
            }
        }
        if span.enter >= span.leave {
            return Kept {
                span: Span::NOWHERE,
                face: None,
            };
        }
        Kept { span, face }
    }

    /// Colour and opacity along a ray, colour multiplied by opacity, and how much of the
    /// crosshair is hidden. `go_on` sees the depth and what was gathered after each
    /// sample, and may end the march.
    pub(super) fn march(
        &self,
        ray: &Ray,
        work: &mut Work,
        mut go_on: impl FnMut(f32, Vec4) -> bool,
    ) -> (Vec4, f32) {
        let (view, layers, overlay) = (self.view, &self.layers, &self.layers.overlay);
        let matter = &layers.scene.matter;
        let composite = matter.block.compositing;
        let front_to_back = composite == Composite::FrontToBack as u32;
        let maximum = composite == Composite::Maximum as u32;
        let step = view.step_mm;
        let start = fract(jitter(ray.pixel) + view.step_shift);

        let kept = self.kept_of(ray);
        let (cut, cut_normal) = self.cut_of(ray);
        let [mut span, mut rest] = around(kept.span, cut);
        let shown = |is_shown: bool, span: Span| if is_shown { span } else { Span::NOWHERE };
        let labels = shown(
            overlay.segmentation_fill > 0.0 || view.tint > 0.0,
            label_span(&layers.segmentation, ray),
        );
        let heat = shown(
            overlay.heatmap_opacity > 0.0,
            label_span(&layers.supervoxels, ray),
        );
        let lines = shown(
            view.region_low[3] > 0.0,
            box_span(
                ray.origin,
                ray.direction,
                xyz(view.region_low),
                xyz(view.region_high),
            ),
        );
        let cross: [Passing; 3] = std::array::from_fn(|axis| self.crosshair_line(ray, axis));
        let cross_first = cross.iter().map(|c| c.t).fold(FAR, f32::min);
        let passings = cross.iter().map(|c| if c.t < FAR { c.t } else { -FAR });
        let cross_last = passings.fold(-FAR, f32::max);
        let spans = [kept.span, labels, heat, lines];
        let enter = spans
            .into_iter()
            .map(|span| span.enter)
            .fold(cross_first, f32::min);
        let leave = spans
            .into_iter()
            .map(|span| span.leave)
            .fold(cross_last, f32::max);

        let (scan_origin, scan_direction) = in_texels(&layers.scan, ray);
        let (label_origin, label_direction) = in_texels(&layers.segmentation, ray);
        let (heat_origin, heat_direction) = in_texels(&layers.supervoxels, ray);
        let light = xyz(view.light);
        let events = [
            lines.enter,
            lines.leave,
            kept.span.enter,
            cut.leave,
            labels.enter,
            heat.enter,
            cross[0].t,
            cross[1].t,
            cross[2].t,
        ];

        let mut seen = Vec4::ZERO;
        let mut line_shown = 0.0_f32;
        let mut index = (enter / step - start).ceil();
        let mut before = enter - step;
        let mut label = 0;
        let mut in_surface = false;
        let mut known = false;
        let mut reached = enter;
        let mut place_before = Place::default();
        let mut found = if maximum { -FAR } else { FAR };
        let mut pending = FAR;
        // Nothing but matter of the block that the ray is in happens before this.
        let mut alone_until = -FAR;
        let mut alone_stride = 1.0;
        for _ in 0..view.max_steps {
            if before > leave || seen.w > OPAQUE {
                break;
            }
            let t = (index + start) * step;
            if t < alone_until && known {
                let texel = scan_origin + scan_direction * t;
                let place = matter.place(layers.scan_interpolated(texel));
                work.samples += 1;
                let stretch = Stretch {
                    texel,
                    before: &place_before,
                    here: &place,
                    length_mm: t - reached,
                    hidden: seen.w,
                    tint: Vec4::ZERO,
                    direction: ray.direction,
                };
                let stuff = layers.scan_matter(&stretch, light);
                seen = over(seen, stuff.truncate(), stuff.w);
                place_before = place;
                reached = t;
                if !go_on(t, seen) {
                    break;
                }
                before = t;
                index += alone_stride;
                continue;
            }
            alone_until = -FAR;
            let passed = |event: f32| event > before && event <= t;

            // Flat things passed since the last sample.
            for edge in [lines.enter, lines.leave] {
                if passed(edge) {
                    seen = self.with_box_edge(seen, ray, edge);
                }
            }
            if let Some(normal) = kept.face
                && passed(kept.span.enter)
                && !cut.contains(kept.span.enter)
            {
                seen = self.with_face(seen, ray, kept.span.enter, normal);
            }
            if passed(cut.leave) && kept.span.contains(cut.leave) {
                seen = self.with_face(seen, ray, cut.leave, cut_normal);
            }
            if cross_first <= t && cross_last > before {
                for line in cross.into_iter().filter(|line| passed(line.t)) {
                    line_shown = line_shown.max((1.0 - seen.w) * line.share);
                    seen = over(seen, CROSSHAIR, line.share);
                }
            }

            // Surfaces passed since the last sample.
            let busy = labels.contains(t) || heat.contains(t);
            let mut nearest_label = 0;
            if busy || label != 0 || in_surface {
                let mut label_t = FAR;
                if labels.contains(t) {
                    let texel = label_origin + label_direction * t;
                    nearest_label = layers.segmentation_label(nearest_texel(texel));
                }
                if nearest_label != label {
                    let mut reached_label = nearest_label;
                    if overlay.segmentation_fill > 0.0 && layers.class_colour(nearest_label).w > 0.0
                    {
                        reached_label = layers.dominant_label(label_origin + label_direction * t);
                        if reached_label != label && layers.class_colour(reached_label).w > 0.0 {
                            label_t = self.label_hit(ray, reached_label, t);
                        }
                    }
                    label = reached_label;
                }
                let mut mask_t = FAR;
                let mut mask_id = 0;
                if heat.contains(t) {
                    let texel = heat_origin + heat_direction * t;
                    let id = layers.supervoxel_id(nearest_texel(texel));
                    let has_surface = layers.has_surface(id);
                    if has_surface && !in_surface && layers.surface_membership(texel) >= 0.5 {
                        in_surface = true;
                        mask_t = self.mask_hit(ray, t);
                        mask_id = id;
                    }
                    in_surface &= has_surface;
                    let hazy = !has_surface || view.shell > 0.0;
                    if hazy && view.haze_per_mm > 0.0 && id != 0 {
                        seen = self.with_haze(seen, id, ray.pixel);
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
            }

            // The scan's matter since the last sample, or how far there is none.
            let mut next = t;
            let mut stride = 1.0;
            if t > span.enter {
                let here = t.min(span.leave);
                let last = if known {
                    reached
                } else {
                    (t - step).max(span.enter)
                };
                let texel = scan_origin + scan_direction * here;
                let (brick, [cell, largest]) = matter.cell(texel);
                let is_empty = cell > 0 && cell < CALM;
                let is_lower = maximum && f32::from(largest) / 255.0 <= found;
                if (is_empty && !known) || is_lower {
                    let blocks = if is_empty { f32::from(cell) } else { 1.0 };
                    next = brick_end(scan_origin, scan_direction, brick, blocks);
                    known = false;
                    work.leaps += 1;
                } else {
                    let value = layers.scan_interpolated(texel);
                    work.samples += 1;
                    let place = matter.place(value);
                    if front_to_back {
                        if !known {
                            let texel = scan_origin + scan_direction * last;
                            place_before = matter.place(layers.scan_interpolated(texel));
                            work.samples += 1;
                        }
                        let mut tint = Vec4::ZERO;
                        if view.tint > 0.0 && nearest_label != 0 {
                            tint = layers.class_colour(nearest_label);
                            tint.w *= view.tint;
                        }
                        let stretch = Stretch {
                            texel,
                            before: &place_before,
                            here: &place,
                            length_mm: here - last,
                            hidden: seen.w,
                            tint,
                            direction: ray.direction,
                        };
                        let stuff = layers.scan_matter(&stretch, light);
                        seen = over(seen, stuff.truncate(), stuff.w);
                        if cell == CALM && !busy {
                            stride = 2.0;
                        }
                        if !is_empty && !busy && label == 0 && !in_surface {
                            alone_until = brick_end(scan_origin, scan_direction, brick, 1.0)
                                .min(span.leave)
                                .min(ahead(events, t));
                            alone_stride = stride;
                        }
                    } else if maximum {
                        found = found.max(value);
                    } else if place.position > 0.0 {
                        pending = pending.min(value);
                        if place.position > 127.5 {
                            found = found.min(pending);
                            pending = FAR;
                        }
                    }
                    place_before = place;
                    known = !is_empty;
                    reached = here;
                }
                if t >= span.leave {
                    span = rest;
                    rest = Span::NOWHERE;
                    known = false;
                    next = t;
                    stride = 1.0;
                }
            } else {
                next = span.enter;
                known = false;
            }
            if busy {
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
            if next <= t {
                index += stride;
                continue;
            }
            let following = (index + stride).max((next / step - start).ceil());
            if t > span.enter {
                let last = (span.leave / step - start).ceil();
                work.spared += (following.min(last) - index - 1.0).max(0.0) as u64;
            }
            index = following;
        }
        if !front_to_back && found.abs() < FAR {
            let shown = matter.projected(found);
            seen = over(seen, shown.truncate(), shown.w);
        }
        let most = cross.iter().map(|line| line.share).fold(0.0, f32::max);
        (seen, most - line_shown)
    }
}

/// The first of several depths that is beyond another.
fn ahead(events: [f32; 9], t: f32) -> f32 {
    let later = |event: f32| if event > t { event } else { FAR };
    events.into_iter().map(later).fold(FAR, f32::min)
}
