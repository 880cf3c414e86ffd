//! `shaders/lib/rays.wgsl` on the CPU.

use glam::{Vec2, Vec3};

use super::layers::{BRICK_EDGE, Layer};
use super::maths::{divisible, fract};

/// Farther than anything.
pub const FAR: f32 = 1e30;

#[derive(Debug, Clone, Copy)]
pub struct Ray {
    pub origin: Vec3,
    pub direction: Vec3,
    pub pixel: Vec2,
}

impl Ray {
    pub fn at(&self, t: f32) -> Vec3 {
        self.origin + self.direction * t
    }
}

/// Where a ray enters and where it leaves, in mm. Empty if `enter > leave`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    pub enter: f32,
    pub leave: f32,
}

impl Span {
    pub const NOWHERE: Self = Self {
        enter: FAR,
        leave: -FAR,
    };

    pub fn contains(self, t: f32) -> bool {
        t >= self.enter && t <= self.leave
    }

    pub fn ahead(self, t: f32) -> f32 {
        if self.enter > t && self.enter < self.leave {
            self.enter
        } else {
            FAR
        }
    }
}

pub fn box_span(origin: Vec3, direction: Vec3, low: Vec3, high: Vec3) -> Span {
    let along = divisible(direction);
    let (a, b) = ((low - origin) / along, (high - origin) / along);
    let span = Span {
        enter: a.min(b).max_element().max(0.0),
        leave: a.max(b).min_element(),
    };
    if span.enter < span.leave {
        span
    } else {
        Span::NOWHERE
    }
}

pub fn layer_span(layer: &Layer, ray: &Ray) -> Span {
    if !layer.present {
        return Span::NOWHERE;
    }
    box_span(
        layer.texel_at(ray.origin),
        layer.texel_direction(ray.direction),
        layer.occupied_low,
        layer.occupied_high,
    )
}

pub fn label_span(layer: &Layer, ray: &Ray) -> Span {
    if !layer.present || layer.occupied_low.cmpge(layer.occupied_high).any() {
        return Span::NOWHERE;
    }
    box_span(
        layer.texel_at(ray.origin),
        layer.texel_direction(ray.direction),
        layer.occupied_low - 0.5,
        layer.occupied_high + 0.5,
    )
}

pub fn jitter(pixel: Vec2) -> f32 {
    fract(52.982_918 * fract(pixel.dot(Vec2::new(0.067_110_56, 0.005_837_15))))
}

pub fn along_face(step: Vec3, direction: Vec3, normal: Vec3) -> Vec3 {
    let climb = normal.dot(direction);
    let steep = if climb < -0.1 { climb } else { -0.1 };
    step - direction * (normal.dot(step) / steep)
}

pub fn along_surface(step: Vec3, normal: Vec3) -> Vec3 {
    step - normal * normal.dot(step)
}

pub fn brick_end(origin: Vec3, direction: Vec3, brick: Vec3, blocks: f32) -> f32 {
    let along = divisible(direction);
    let low = (brick - (blocks - 1.0)) * BRICK_EDGE - 0.5;
    let high = (brick + blocks) * BRICK_EDGE - 0.5;
    ((low - origin) / along)
        .max((high - origin) / along)
        .min_element()
}

/// A ray's origin and direction in texels of a layer.
pub fn in_texels(layer: &Layer, ray: &Ray) -> (Vec3, Vec3) {
    (
        layer.texel_at(ray.origin),
        layer.texel_direction(ray.direction),
    )
}

/// The parts of a span before and behind what is cut out of it; the first that holds
/// anything comes first.
pub fn around(span: Span, cut: Span) -> [Span; 2] {
    let before = Span {
        enter: span.enter,
        leave: span.leave.min(cut.enter),
    };
    let behind = Span {
        enter: span.enter.max(cut.leave),
        leave: span.leave,
    };
    let full = |span: Span| span.enter < span.leave;
    if cut.enter >= cut.leave {
        return [span, Span::NOWHERE];
    }
    match (full(before), full(behind)) {
        (true, true) => [before, behind],
        (true, false) => [before, Span::NOWHERE],
        (false, true) => [behind, Span::NOWHERE],
        (false, false) => [Span::NOWHERE; 2],
    }
}
