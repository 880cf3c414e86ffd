//! WGSL's built-in functions where Rust's differ or are missing.

use glam::{IVec3, Vec3};

/// The whole numbers at or below. Many processors that the program must run on have no
/// instruction for this, but all have one that cuts off fractions.
#[inline]
pub fn floor(v: Vec3) -> IVec3 {
    let cut = v.as_ivec3();
    cut - IVec3::select(cut.as_vec3().cmpgt(v), IVec3::ONE, IVec3::ZERO)
}

pub fn fract(x: f32) -> f32 {
    x - x.floor()
}

#[inline]
pub fn mix(a: f32, b: f32, share: f32) -> f32 {
    a * (1.0 - share) + b * share
}

#[inline]
pub fn mix3(a: Vec3, b: Vec3, share: f32) -> Vec3 {
    a * (1.0 - share) + b * share
}

pub fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Components that would divide by zero, moved a hair away from it.
pub fn divisible(v: Vec3) -> Vec3 {
    Vec3::select(v.abs().cmpgt(Vec3::splat(1e-9)), v, Vec3::splat(1e-9))
}
