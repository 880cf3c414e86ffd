//! Vectors of floats as wide as the processor has them.
//!
//! A kernel is written once over [`Simd`] and compiled for each instruction set; which
//! one runs is asked of the processor once. This file and the kernels are the only
//! places with raw pointers.

/// The instruction sets that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// Any processor; the compiler makes what it can of arrays.
    Portable,
}

impl InstructionSet {
    /// The widest that this processor has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// All that this processor has, the widest first.
    pub fn available() -> Vec<Self> {
        let all = [Self::Avx512, Self::Avx2, Self::Portable];
        let widest = Self::detect();
        all.into_iter().skip_while(|&set| set != widest).collect()
    }

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2",
            Self::Portable => "portable",
        }
    }

    /// Floats in a vector.
    pub fn lanes(self) -> usize {
        match self {
            Self::Avx512 => 16,
            Self::Avx2 | Self::Portable => 8,
        }
    }
}

/// Floats of one vector at most.
pub const MAX_LANES: usize = 16;

/// Operations on vectors of `LANES` floats.
///
/// # Safety
///
/// Every method may only be called on a processor that has the instruction set.
/// Pointers must be valid for the floats that are read or written: `LANES`, or `count`.
pub unsafe trait Simd: Copy {
    type Vector: Copy;
    const LANES: usize;
    /// Vector registers, which bounds how much a kernel keeps in them.
    const REGISTERS: usize;

    unsafe fn splat(value: f32) -> Self::Vector;
    unsafe fn load(from: *const f32) -> Self::Vector;
    unsafe fn store(to: *mut f32, vector: Self::Vector);
    /// The first `count` floats, zeros after them.
    unsafe fn load_first(from: *const f32, count: usize) -> Self::Vector;
    /// Stores the first `count` lanes.
    unsafe fn store_first(to: *mut f32, vector: Self::Vector, count: usize);
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn div(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a · b + c
    unsafe fn mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    unsafe fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn abs(a: Self::Vector) -> Self::Vector;
    /// The magnitude of `a` with the sign of `b`.
    unsafe fn with_sign(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// 2 to the power of each lane, which is at most 0. Below −126 the result is 0.
    unsafe fn exp2(a: Self::Vector) -> Self::Vector;
    /// The first `count` lanes, zeros after them.
    unsafe fn keep_first(a: Self::Vector, count: usize) -> Self::Vector;
    unsafe fn sum(a: Self::Vector) -> f32;
    unsafe fn largest(a: Self::Vector) -> f32;
}

/// Coefficients of 2^r for |r| ≤ ½, from r⁶ down to r¹ (interpolated at Chebyshev nodes;
/// relative error 1e-8 before rounding). The constant term is 1.
const EXP2: [f32; 6] = [
    1.545_316_3e-4,
    1.339_086_3e-3,
    9.618_083e-3,
    5.550_357e-2,
    2.402_265e-1,
    6.931_472e-1,
];

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{EXP2, Simd};
    use std::arch::x86_64::*;

    #[derive(Debug, Clone, Copy)]
    pub struct Avx512;

    // SAFETY: each method needs nothing but AVX-512 F and DQ.
    unsafe impl Simd for Avx512 {
        type Vector = __m512;
        const LANES: usize = 16;
        const REGISTERS: usize = 32;

        #[inline(always)]
        unsafe fn splat(value: f32) -> __m512 {
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, vector: __m512) {
            unsafe { _mm512_storeu_ps(to, vector) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> __m512 {
            unsafe { _mm512_maskz_loadu_ps(first(count), from) }
        }
        #[inline(always)]
        unsafe fn store_first(to: *mut f32, vector: __m512, count: usize) {
            unsafe { _mm512_mask_storeu_ps(to, first(count), vector) }
        }
        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn div(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_div_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn max(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn abs(a: __m512) -> __m512 {
            unsafe { _mm512_abs_ps(a) }
        }
        #[inline(always)]
        unsafe fn with_sign(a: __m512, b: __m512) -> __m512 {
            unsafe {
                let sign = _mm512_set1_ps(-0.0);
                _mm512_or_ps(_mm512_andnot_ps(sign, a), _mm512_and_ps(sign, b))
            }
        }
        #[inline(always)]
        unsafe fn exp2(a: __m512) -> __m512 {
            unsafe {
                // The lanes minus their nearest integers, and the integers.
                let r = _mm512_reduce_ps::<8>(a);
                let k = _mm512_sub_ps(a, r);
                let mut p = _mm512_set1_ps(EXP2[0]);
                for coefficient in &EXP2[1..] {
                    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(*coefficient));
                }
                p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0));
                let small = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(k, _mm512_set1_ps(-126.0));
                _mm512_maskz_scalef_ps(small, p, k)
            }
        }
        #[inline(always)]
        unsafe fn keep_first(a: __m512, count: usize) -> __m512 {
            unsafe { _mm512_maskz_mov_ps(first(count), a) }
        }
        #[inline(always)]
        unsafe fn sum(a: __m512) -> f32 {
            unsafe { _mm512_reduce_add_ps(a) }
        }
        #[inline(always)]
        unsafe fn largest(a: __m512) -> f32 {
            unsafe { _mm512_reduce_max_ps(a) }
        }
    }

    #[inline(always)]
    fn first(count: usize) -> __mmask16 {
        if count >= 16 {
            u16::MAX
        } else {
            (1 << count) - 1
        }
    }

    #[derive(Debug, Clone, Copy)]
    pub struct Avx2;

    // SAFETY: each method needs nothing but AVX2 and FMA.
    unsafe impl Simd for Avx2 {
        type Vector = __m256;
        const LANES: usize = 8;
        const REGISTERS: usize = 16;

        #[inline(always)]
        unsafe fn splat(value: f32) -> __m256 {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, vector: __m256) {
            unsafe { _mm256_storeu_ps(to, vector) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> __m256 {
            unsafe {
                if count >= 8 {
                    return _mm256_loadu_ps(from);
                }
                if count == 4 {
                    return _mm256_zextps128_ps256(_mm_loadu_ps(from));
                }
                let mut lanes = [0.0; 8];
                std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
                _mm256_loadu_ps(lanes.as_ptr())
            }
        }
        #[inline(always)]
        unsafe fn store_first(to: *mut f32, vector: __m256, count: usize) {
            unsafe {
                if count >= 8 {
                    return _mm256_storeu_ps(to, vector);
                }
                if count == 4 {
                    return _mm_storeu_ps(to, _mm256_castps256_ps128(vector));
                }
                let mut lanes = [0.0; 8];
                _mm256_storeu_ps(lanes.as_mut_ptr(), vector);
                std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
            }
        }
        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn div(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_div_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn max(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn abs(a: __m256) -> __m256 {
            unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), a) }
        }
        #[inline(always)]
        unsafe fn with_sign(a: __m256, b: __m256) -> __m256 {
            unsafe {
                let sign = _mm256_set1_ps(-0.0);
                _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, b))
            }
        }
        #[inline(always)]
        unsafe fn exp2(a: __m256) -> __m256 {
            unsafe {
                let k = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
                let r = _mm256_sub_ps(a, k);
                let mut p = _mm256_set1_ps(EXP2[0]);
                for coefficient in &EXP2[1..] {
                    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(*coefficient));
                }
                p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0));
                let small = _mm256_cmp_ps::<_CMP_GE_OQ>(k, _mm256_set1_ps(-126.0));
                // The exponent's bits, for an integer in −126..=0.
                let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127));
                let power = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent));
                _mm256_and_ps(small, _mm256_mul_ps(p, power))
            }
        }
        #[inline(always)]
        unsafe fn keep_first(a: __m256, count: usize) -> __m256 {
            unsafe {
                let numbers = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
                let count = _mm256_set1_epi32(count.min(8) as i32);
                let kept = _mm256_cmpgt_epi32(count, numbers);
                _mm256_and_ps(a, _mm256_castsi256_ps(kept))
            }
        }
        #[inline(always)]
        unsafe fn sum(a: __m256) -> f32 {
            unsafe {
                let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
                let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
                _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)))
            }
        }
        #[inline(always)]
        unsafe fn largest(a: __m256) -> f32 {
            unsafe {
                let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
                let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
                _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)))
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

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

/// Defines a function that runs a body, generic over [`Simd`], with the instruction set
/// it is given first.
macro_rules! kernel {
    ($(#[$doc:meta])* $visibility:vis unsafe fn $name:ident<$simd:ident>($($arg:ident: $type:ty),* $(,)?) { $($body:tt)* }) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $visibility unsafe fn $name(set: $crate::model::swin_unetr::cpu::simd::InstructionSet, $($arg: $type),*) {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            unsafe fn generic<$simd: $crate::model::swin_unetr::cpu::simd::Simd>($($arg: $type),*) { $($body)* }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512($($arg: $type),*) {
                unsafe { generic::<$crate::model::swin_unetr::cpu::simd::Avx512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx2($($arg: $type),*) {
                unsafe { generic::<$crate::model::swin_unetr::cpu::simd::Avx2>($($arg),*) }
            }
            // SAFETY: the set was detected, and the caller keeps the kernel's contract.
            unsafe {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    $crate::model::swin_unetr::cpu::simd::InstructionSet::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::model::swin_unetr::cpu::simd::InstructionSet::Avx2 => avx2($($arg),*),
                    _ => generic::<$crate::model::swin_unetr::cpu::simd::Portable>($($arg),*),
                }
            }
        }
    };
}
pub(crate) use kernel;

#[cfg(test)]
mod tests {
    use super::*;

    kernel! {
        /// 2 to the power of numbers.
        ///
        /// # Safety
        ///
        /// Both hold the same whole number of vectors.
        unsafe fn powers<S>(exponents: &[f32], to: &mut [f32]) {
            for first in (0..exponents.len()).step_by(S::LANES) {
                // SAFETY: whole vectors.
                unsafe {
                    let value = S::exp2(S::load(exponents[first..].as_ptr()));
                    S::store(to[first..].as_mut_ptr(), value);
                }
            }
        }
    }

    kernel! {
        /// For each count the first lanes, their sum and the largest lane.
        ///
        /// # Safety
        ///
        /// `from` and `to` hold a vector, and `to` two numbers more.
        unsafe fn first_lanes<S>(from: &[f32], count: usize, to: &mut [f32]) {
            // SAFETY: the caller's contract.
            unsafe {
                let all = S::load(from.as_ptr());
                let kept = S::keep_first(all, count);
                let loaded = S::load_first(from.as_ptr(), count);
                S::store_first(to.as_mut_ptr(), S::mul(S::add(kept, loaded), S::splat(0.5)), count);
                to[MAX_LANES] = S::sum(kept);
                to[MAX_LANES + 1] = S::largest(all);
            }
        }
    }

    #[test]
    fn powers_are_close_over_their_range() {
        let exponents: Vec<f32> = (0..40_000).map(|step| -(step as f32) * 3.2e-3).collect();
        for set in InstructionSet::available() {
            let mut actual = vec![f32::NAN; exponents.len()];
            // SAFETY: a whole number of vectors of any set.
            unsafe { powers(set, &exponents, &mut actual) };
            assert_eq!(actual[0], 1.0, "{set:?}");
            for (&exponent, &actual) in exponents.iter().zip(&actual) {
                let expected = f64::from(exponent).exp2();
                if exponent > -126.0 {
                    let error = (f64::from(actual) - expected).abs();
                    assert!(error <= 1.5e-7 * expected, "{set:?} {exponent} {actual}");
                } else {
                    assert!(
                        actual == 0.0 || exponent > -126.6,
                        "{set:?} {exponent} {actual}"
                    );
                }
            }
            let mut nothing = [f32::NAN; MAX_LANES];
            // SAFETY: whole vectors.
            unsafe { powers(set, &[-1e30; MAX_LANES], &mut nothing) };
            assert!(nothing.iter().all(|&v| v == 0.0), "{set:?}");
        }
    }

    #[test]
    fn first_lanes_are_the_first() {
        let from: Vec<f32> = (1..=MAX_LANES).map(|v| v as f32).collect();
        for set in InstructionSet::available() {
            for count in 0..=set.lanes() {
                let mut to = vec![-1.0; MAX_LANES + 2];
                // SAFETY: a vector of any set, and two numbers more.
                unsafe { first_lanes(set, &from, count, &mut to) };
                assert_eq!(to[..count], from[..count], "{set:?}");
                assert!(to[count..MAX_LANES].iter().all(|&v| v == -1.0), "{set:?}");
                assert_eq!(to[MAX_LANES], from[..count].iter().sum::<f32>(), "{set:?}");
                assert_eq!(to[MAX_LANES + 1], set.lanes() as f32, "{set:?}");
            }
        }
    }
}
