//! Means and variances, and what is made of them: instance norm and layer norm.

use super::matrix::Rows;
use super::simd::{MAX_LANES, Simd};
use crate::model::swin_unetr::config::EPSILON;

/// Count, mean and sum of squared deviations of numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moments {
    pub count: f64,
    pub mean: f64,
    pub squares: f64,
}

impl Moments {
    /// Joins the moments of two sets (Chan, Golub and LeVeque, 1979).
    fn join(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        let count = self.count + other.count;
        let difference = other.mean - self.mean;
        self.mean += difference * other.count / count;
        self.squares += other.squares + difference * difference * self.count * other.count / count;
        self.count = count;
    }

    /// The moments of each channel from those of parts, in the order of the parts.
    pub fn joined(parts: Vec<Vec<Self>>, channels: usize) -> Vec<Self> {
        let mut all = vec![Self::default(); channels];
        for part in parts {
            for (all, part) in all.iter_mut().zip(&part) {
                all.join(part);
            }
        }
        all
    }

    /// Factor and offset that give numbers mean 0 and (biased) variance 1.
    pub fn scale_and_shift(&self) -> (f32, f32) {
        let variance = self.squares / self.count.max(1.0);
        let scale = 1.0 / (variance + f64::from(EPSILON)).sqrt();
        (scale as f32, (-self.mean * scale) as f32)
    }

    /// Joins rows of floats, one a channel, filled up to whole vectors.
    ///
    /// Deviations from the first row are summed in single precision, which loses nothing
    /// over the few thousand rows of a task.
    ///
    /// # Safety
    ///
    /// `rows` must be valid for `count` rows of `stride` floats; `stride` is at least
    /// the number of moments, and a multiple of the vector.
    #[inline(always)]
    pub unsafe fn add_rows<S: Simd>(
        moments: &mut [Self],
        rows: *const f32,
        count: usize,
        stride: usize,
    ) {
        if count == 0 {
            return;
        }
        for (index, moments) in moments.chunks_mut(S::LANES).enumerate() {
            let (mut pivots, mut sums, mut squares) = ([0.0; 16], [0.0; 16], [0.0; 16]);
            // SAFETY: whole vectors of rows that the caller vouches for.
            unsafe {
                let first = rows.add(index * S::LANES);
                let pivot = S::load(first);
                let mut sum = [S::splat(0.0); 2];
                let mut square = [S::splat(0.0); 2];
                for row in 0..count {
                    let difference = S::sub(S::load(first.add(row * stride)), pivot);
                    sum[row % 2] = S::add(sum[row % 2], difference);
                    square[row % 2] = S::mul_add(difference, difference, square[row % 2]);
                }
                S::store(pivots.as_mut_ptr(), pivot);
                S::store(sums.as_mut_ptr(), S::add(sum[0], sum[1]));
                S::store(squares.as_mut_ptr(), S::add(square[0], square[1]));
            }
            for (lane, moments) in moments.iter_mut().enumerate() {
                let n = count as f64;
                let mean = f64::from(sums[lane]) / n;
                moments.join(&Self {
                    count: n,
                    mean: f64::from(pivots[lane]) + mean,
                    squares: (f64::from(squares[lane]) - n * mean * mean).max(0.0),
                });
            }
        }
    }
}

/// Layer norm of rows over their channels.
#[derive(Debug, Clone, Default)]
pub struct LayerNorm {
    /// Factor and offset of each channel, filled up to whole vectors; empty for none.
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl LayerNorm {
    /// A norm without learned factors.
    pub fn plain() -> Self {
        Self::default()
    }

    pub fn new(mut scale: Vec<f32>, mut shift: Vec<f32>) -> Self {
        let length = scale.len().next_multiple_of(MAX_LANES);
        scale.resize(length, 0.0);
        shift.resize(length, 0.0);
        Self { scale, shift }
    }

    /// Normalises rows of `width` floats, which may be done in place.
    ///
    /// # Safety
    ///
    /// `from` and `to` must be valid for the rows; a norm with factors has `width` of
    /// them.
    #[inline(always)]
    pub unsafe fn rows<S: Simd>(
        &self,
        from: Rows<*const f32>,
        to: Rows<*mut f32>,
        rows: usize,
        width: usize,
    ) {
        let share = 1.0 / width as f32;
        for row in 0..rows {
            // SAFETY: the caller's contract.
            unsafe {
                let (from, to) = (from.at(row).first, to.at(row).first);
                let mut sum = S::splat(0.0);
                for first in (0..width).step_by(S::LANES) {
                    sum = S::add(sum, S::load_first(from.add(first), width - first));
                }
                let mean = S::splat(S::sum(sum) * share);
                let mut squares = S::splat(0.0);
                for first in (0..width).step_by(S::LANES) {
                    let difference = S::sub(S::load_first(from.add(first), width - first), mean);
                    let difference = S::keep_first(difference, width - first);
                    squares = S::mul_add(difference, difference, squares);
                }
                let variance = S::sum(squares) * share;
                let factor = S::splat(1.0 / (variance + EPSILON).sqrt());
                for first in (0..width).step_by(S::LANES) {
                    let mut value = S::load_first(from.add(first), width - first);
                    value = S::mul(S::sub(value, mean), factor);
                    if !self.scale.is_empty() {
                        let scale = S::load(self.scale.as_ptr().add(first));
                        let shift = S::load(self.shift.as_ptr().add(first));
                        value = S::mul_add(value, scale, shift);
                    }
                    S::store_first(to.add(first), value, width - first);
                }
            }
        }
    }
}

/// What an instance norm does to each channel: a factor and an offset, filled up to
/// whole vectors.
#[derive(Debug, Clone, Default)]
pub struct InstanceNorm {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl InstanceNorm {
    pub fn new(moments: &[Moments]) -> Self {
        let (mut scale, mut shift): (Vec<f32>, Vec<f32>) =
            moments.iter().map(Moments::scale_and_shift).unzip();
        let length = scale.len().next_multiple_of(MAX_LANES);
        scale.resize(length, 0.0);
        shift.resize(length, 0.0);
        Self { scale, shift }
    }
}
