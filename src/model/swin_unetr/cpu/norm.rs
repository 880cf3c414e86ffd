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

    /// Joins rows of floats, one a channel.
    ///
    /// # Safety
    ///
    /// `rows` must be valid for `count` rows of as many floats as there are moments.
    #[inline(always)]
    pub unsafe fn add_rows<S: Simd>(moments: &mut [Self], rows: Rows<*const f32>, count: usize) {
        if count == 0 {
            return;
        }
        for (index, moments) in moments.chunks_mut(S::LANES).enumerate() {
            // SAFETY: vectors of rows that the caller vouches for.
            unsafe {
                let first = rows.first.add(index * S::LANES);
                let pivot = S::load_first(first.add(count / 2 * rows.stride), moments.len());
                let mut gathered = RunningMoments::<S>::new(pivot);
                for row in 0..count {
                    let at = first.add(row * rows.stride);
                    gathered.add(S::load_first(at, moments.len()));
                }
                gathered.join(count, moments);
            }
        }
    }
}

/// Moments of a vector of channels while their numbers are read: sums of deviations from
/// a pivot, in single precision, which loses nothing over a few thousand numbers.
pub struct RunningMoments<S: Simd> {
    pivot: S::Vector,
    sum: S::Vector,
    squares: S::Vector,
}

impl<S: Simd> RunningMoments<S> {
    /// The pivot should be one of the numbers, and not of the image's edge, where a
    /// convolution sees its border: where all other numbers are equal, nothing is then
    /// rounded.
    ///
    /// # Safety
    ///
    /// This and the other methods need the processor to have the instruction set.
    #[inline(always)]
    pub unsafe fn new(pivot: S::Vector) -> Self {
        // SAFETY: the caller's contract.
        unsafe {
            Self {
                pivot,
                sum: S::splat(0.0),
                squares: S::splat(0.0),
            }
        }
    }

    /// # Safety
    ///
    /// As of [`new`](Self::new).
    #[inline(always)]
    pub unsafe fn add(&mut self, value: S::Vector) {
        // SAFETY: the caller's contract.
        unsafe {
            let difference = S::sub(value, self.pivot);
            self.sum = S::add(self.sum, difference);
            self.squares = S::mul_add(difference, difference, self.squares);
        }
    }

    /// Joins what was gathered over `count` vectors to the moments of the channels.
    ///
    /// # Safety
    ///
    /// As of [`new`](Self::new).
    #[inline(always)]
    pub unsafe fn join(self, count: usize, moments: &mut [Moments]) {
        let mut lanes = [[0.0; MAX_LANES]; 3];
        // SAFETY: arrays of at least a vector.
        unsafe {
            S::store(lanes[0].as_mut_ptr(), self.pivot);
            S::store(lanes[1].as_mut_ptr(), self.sum);
            S::store(lanes[2].as_mut_ptr(), self.squares);
        }
        let n = count as f64;
        for (lane, moments) in moments.iter_mut().enumerate() {
            let [pivot, sum, squares] = lanes.map(|lanes| f64::from(lanes[lane]));
            moments.join(&Moments {
                count: n,
                mean: pivot + sum / n,
                squares: (squares - sum * sum / n).max(0.0),
            });
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
    pub channels: usize,
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
        Self {
            channels: moments.len(),
            scale,
            shift,
        }
    }
}
