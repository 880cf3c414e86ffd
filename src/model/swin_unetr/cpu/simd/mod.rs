//! Vectors of floats as wide as the processor has them.
//!
//! A kernel is written once over [`Simd`] and compiled for each instruction set; which
//! one runs is asked of the processor once. This file and the kernels are the only
//! places with raw pointers.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

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
