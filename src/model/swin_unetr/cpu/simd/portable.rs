//! [`Simd`] on any processor: arrays, of which the compiler makes what it can.

use super::{EXP2, Simd};

/// Arrays, for processors without a set of their own here.
#[derive(Debug, Clone, Copy)]
pub struct Portable;

/// Whether a multiplication and an addition are one instruction without asking.
const FUSED: bool = cfg!(target_arch = "aarch64");

// SAFETY: plain arithmetic.
unsafe impl Simd for Portable {
    type Vector = [f32; 8];
    const LANES: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 8] {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 8] {
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: [f32; 8]) {
        unsafe { to.cast::<[f32; 8]>().write_unaligned(vector) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> [f32; 8] {
        let mut lanes = [0.0; 8];
        unsafe { std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count.min(8)) };
        lanes
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, vector: [f32; 8], count: usize) {
        unsafe { std::ptr::copy_nonoverlapping(vector.as_ptr(), to, count.min(8)) }
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn div(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] / b[i])
    }
    #[inline(always)]
    unsafe fn mul_add(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| {
            if FUSED {
                a[i].mul_add(b[i], c[i])
            } else {
                a[i] * b[i] + c[i]
            }
        })
    }
    #[inline(always)]
    unsafe fn max(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn abs(a: [f32; 8]) -> [f32; 8] {
        a.map(f32::abs)
    }
    #[inline(always)]
    unsafe fn with_sign(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i].copysign(b[i]))
    }
    #[inline(always)]
    unsafe fn exp2(a: [f32; 8]) -> [f32; 8] {
        /// Adding this number rounds to an integer, which is then in the low bits.
        const ROUND: f32 = 12_582_912.0;
        a.map(|a| {
            let a = a.max(-127.0);
            let rounded = a + ROUND;
            let k = rounded - ROUND;
            let r = a - k;
            let mut p = EXP2[0];
            for coefficient in &EXP2[1..] {
                p = p * r + coefficient;
            }
            p = p * r + 1.0;
            let power = f32::from_bits(rounded.to_bits().wrapping_add(127).wrapping_shl(23));
            if k >= -126.0 { p * power } else { 0.0 }
        })
    }
    #[inline(always)]
    unsafe fn keep_first(a: [f32; 8], count: usize) -> [f32; 8] {
        std::array::from_fn(|i| if i < count { a[i] } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn sum(a: [f32; 8]) -> f32 {
        ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
    }
    #[inline(always)]
    unsafe fn largest(a: [f32; 8]) -> f32 {
        a.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}
