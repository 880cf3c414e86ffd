//! [`Simd`] on x86-64: AVX-512, and AVX2 with FMA.

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
