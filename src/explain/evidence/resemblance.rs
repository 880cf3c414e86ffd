//! Do masked inputs still look like scans?
//!
//! A network that is shown something it never saw may answer anything, and a value made
//! of such answers says little. The gauge is plain: how many voxels of a masked input have a
//! local statistic that the original scan hardly has. It sees sharp cuts, flat areas and
//! unusual brightness; it does not see an implausible anatomy.

use rayon::prelude::*;
use serde::Serialize;

use crate::explain::ExplainError;
use crate::explain::error::check_voxels;
use crate::explain::maps::{box_sums, check_spacing};

/// The usual range of a statistic: between the 1 % and the 99 % point over the scan.
const TAIL: f64 = 0.01;
/// Bins of the brightness histogram between its 1 % and 99 % points; two more hold the rest.
const BINS: usize = 64;

/// What one channel of the original scan is usually like, in the region of the players.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanRange {
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    include: Option<Vec<bool>>,
    brightness: Usual,
    gradient: Usual,
    deviation: Usual,
    histogram: Vec<f64>,
}

/// The range of one statistic, and how much of the original itself lies outside it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Usual {
    low: f32,
    high: f32,
    outside: f64,
}

/// How far a masked input is from the original. Each share is the part of the region's
/// voxels outside the original's usual range beyond what the original itself has there:
/// 0 for the original, 1 if no voxel is usual.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Resemblance {
    pub brightness: f64,
    /// Length of the gradient by central differences, per mm: sharp new edges.
    pub gradient: f64,
    /// Standard deviation over 3³ voxels: areas that are too smooth or too rough.
    pub deviation: f64,
    /// Half of the sum of the differences of the two brightness histograms, in 0..=1.
    pub histogram_distance: f64,
}

impl Resemblance {
    /// The largest of the three shares: the gauge.
    pub fn unusual_share(&self) -> f64 {
        self.brightness.max(self.gradient).max(self.deviation)
    }
}

impl ScanRange {
    /// Measures a channel of the original scan, x fastest, over the voxels of `include`.
    pub fn of(
        scan: &[f32],
        dims: [usize; 3],
        spacing_mm: [f64; 3],
        include: Option<&[bool]>,
    ) -> Result<Self, ExplainError> {
        let count = dims.iter().product();
        check_voxels("the scan", scan.len(), count)?;
        check_voxels("the region", include.map_or(count, <[bool]>::len), count)?;
        check_spacing(spacing_mm)?;
        let mut range = Self {
            dims,
            spacing_mm,
            include: include.map(<[bool]>::to_vec),
            brightness: Usual::NOTHING,
            gradient: Usual::NOTHING,
            deviation: Usual::NOTHING,
            histogram: Vec::new(),
        };
        let usual = |values: Vec<f32>| Usual::of(range.included(values));
        let brightness = usual(scan.to_vec()).ok_or(ExplainError::EmptyRegion)?;
        let gradient = usual(gradients(scan, dims, spacing_mm)).unwrap_or(Usual::NOTHING);
        let deviation = usual(deviations(scan, dims)).unwrap_or(Usual::NOTHING);
        (range.brightness, range.gradient, range.deviation) = (brightness, gradient, deviation);
        range.histogram = range.histogram_of(scan);
        Ok(range)
    }

    /// Compares the same channel of a masked input, on the same grid.
    pub fn compare(&self, masked: &[f32]) -> Result<Resemblance, ExplainError> {
        check_voxels("the masked input", masked.len(), self.dims.iter().product())?;
        let excess = |usual: Usual, values: Vec<f32>| usual.excess(&self.included(values));
        let histogram = self.histogram_of(masked);
        let differences = histogram.iter().zip(&self.histogram);
        Ok(Resemblance {
            brightness: excess(self.brightness, masked.to_vec()),
            gradient: excess(self.gradient, gradients(masked, self.dims, self.spacing_mm)),
            deviation: excess(self.deviation, deviations(masked, self.dims)),
            histogram_distance: 0.5 * differences.map(|(a, b)| (a - b).abs()).sum::<f64>(),
        })
    }

    fn included(&self, values: Vec<f32>) -> Vec<f32> {
        match &self.include {
            None => values,
            Some(include) => {
                let pairs = values.into_iter().zip(include);
                pairs.filter(|&(_, &i)| i).map(|(value, _)| value).collect()
            }
        }
    }

    /// Shares of the region's voxels in each bin of brightness.
    fn histogram_of(&self, values: &[f32]) -> Vec<f64> {
        let values = self.included(values.to_vec());
        let Usual { low, high, .. } = self.brightness;
        let mut bins = vec![0_usize; BINS + 2];
        for &value in &values {
            let bin = if value < low {
                0
            } else if value > high {
                BINS + 1
            } else {
                let place = f64::from(value - low) / f64::from(high - low).max(f64::MIN_POSITIVE);
                1 + ((place * BINS as f64) as usize).min(BINS - 1)
            };
            if let Some(bin) = bins.get_mut(bin) {
                *bin += 1;
            }
        }
        let count = values.len().max(1) as f64;
        bins.into_iter().map(|bin| bin as f64 / count).collect()
    }
}

impl Usual {
    const NOTHING: Self = Self {
        low: 0.0,
        high: 0.0,
        outside: 0.0,
    };

    fn of(mut values: Vec<f32>) -> Option<Self> {
        values.retain(|value| value.is_finite());
        let last = values.len().checked_sub(1)?;
        let low_at = (last as f64 * TAIL).round() as usize;
        let mut at = |rank: usize| *values.select_nth_unstable_by(rank, f32::total_cmp).1;
        let mut usual = Self {
            low: at(low_at),
            high: at(last - low_at),
            outside: 0.0,
        };
        usual.outside = usual.share_outside(&values);
        Some(usual)
    }

    /// Values that are not finite are outside of everything.
    fn share_outside(&self, values: &[f32]) -> f64 {
        let inside = values
            .par_iter()
            .filter(|&&value| value >= self.low && value <= self.high)
            .count();
        1.0 - inside as f64 / values.len().max(1) as f64
    }

    fn excess(&self, values: &[f32]) -> f64 {
        let usually_inside = 1.0 - self.outside;
        if usually_inside <= 0.0 {
            return 0.0;
        }
        ((self.share_outside(values) - self.outside) / usually_inside).clamp(0.0, 1.0)
    }
}

/// Length of the gradient by central differences, one-sided at the border, per mm.
fn gradients(values: &[f32], dims: [usize; 3], spacing_mm: [f64; 3]) -> Vec<f32> {
    let [nx, ny, _] = dims;
    let strides = [1, nx, nx * ny];
    let along = |index: usize, position: usize, axis: usize| {
        let back = usize::from(position > 0);
        let ahead = usize::from(position + 1 < dims[axis]);
        let steps = back + ahead;
        let value = |at: usize| f64::from(values.get(at).copied().unwrap_or(0.0));
        let rise = value(index + ahead * strides[axis]) - value(index - back * strides[axis]);
        rise / (steps.max(1) as f64 * spacing_mm[axis])
    };
    (0..values.len())
        .into_par_iter()
        .map(|index| {
            let at = [index % nx, index / nx % ny, index / (nx * ny)];
            let squares = (0..3).map(|axis| along(index, at[axis], axis).powi(2));
            squares.sum::<f64>().sqrt() as f32
        })
        .collect()
}

/// Standard deviation over the voxels of a 3³ box that lie in the image.
fn deviations(values: &[f32], dims: [usize; 3]) -> Vec<f32> {
    let sums = |value: &dyn Fn(f64) -> f64| {
        let mut sums: Vec<f64> = values.iter().map(|&v| value(f64::from(v))).collect();
        box_sums(&mut sums, dims, [1; 3]);
        sums
    };
    let (counts, sums, squares) = (sums(&|_| 1.0), sums(&|v| v), sums(&|v| v * v));
    let both = sums.iter().zip(&squares).zip(&counts);
    both.map(|((sum, square), count)| {
        let mean = sum / count;
        let variance = square / count - mean * mean;
        // What is left of a constant area after rounding is nothing.
        let floor = 1e-12 * (square / count);
        if variance > floor {
            variance.sqrt() as f32
        } else {
            0.0
        }
    })
    .collect()
}

/// How the network's output differs between the original and a masked input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LogitShift {
    /// Difference of the means in standard deviations of the original's logits.
    pub mean: f64,
    /// Natural logarithm of the ratio of the standard deviations.
    pub deviation: f64,
}

/// Compares logits by their first two moments. `None` if either has no spread, no value,
/// or one that is not finite.
pub fn logit_shift(original: &[f32], masked: &[f32]) -> Option<LogitShift> {
    let moments = |values: &[f32]| {
        let count = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2));
        let deviation = (squares.sum::<f64>() / count).sqrt();
        (mean.is_finite() && deviation > 1e-12 * mean.abs()).then_some((mean, deviation))
    };
    let ((mean, deviation), (masked_mean, masked_deviation)) =
        (moments(original)?, moments(masked)?);
    Some(LogitShift {
        mean: (masked_mean - mean) / deviation,
        deviation: (masked_deviation / deviation).ln(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIMS: [usize; 3] = [12, 10, 8];

    /// A smooth scan with some texture.
    fn scan() -> Vec<f32> {
        let value = |i: usize| (i as f32 * 0.05).sin() + 0.3 * (i as f32 * 1.7).cos();
        (0..960).map(value).collect()
    }

    #[test]
    fn the_original_resembles_itself() {
        let range = ScanRange::of(&scan(), DIMS, [1.0, 1.0, 2.0], None).unwrap();
        let same = range.compare(&scan()).unwrap();
        assert_eq!((same.unusual_share(), same.histogram_distance), (0.0, 0.0));
    }

    #[test]
    fn a_flat_or_strange_input_does_not() {
        let range = ScanRange::of(&scan(), DIMS, [1.0; 3], None).unwrap();
        let flat = range.compare(&[0.2; 960]).unwrap();
        assert_eq!((flat.brightness, flat.deviation), (0.0, 1.0));
        assert!(flat.histogram_distance > 0.9);
        let strange = range.compare(&[f32::NAN; 960]).unwrap();
        assert_eq!(strange.unusual_share(), 1.0);
        let half: Vec<f32> = scan()
            .iter()
            .enumerate()
            .map(|(i, &v)| if i < 480 { v } else { 50.0 })
            .collect();
        let half = range.compare(&half).unwrap();
        assert!((half.brightness - 0.5).abs() < 0.02 && half.gradient > 0.09);
    }

    #[test]
    fn the_gradient_of_a_ramp_is_its_slope_up_to_the_border() {
        let ramp: Vec<f32> = (0..960)
            .map(|i| (3 * (i % 12) + 4 * (i / 120)) as f32)
            .collect();
        for slope in gradients(&ramp, DIMS, [1.0, 1.0, 2.0]) {
            assert!((slope - 13.0_f32.sqrt()).abs() < 1e-5, "{slope}");
        }
    }

    #[test]
    fn a_constant_scan_has_no_nan() {
        let range = ScanRange::of(&[0.1; 960], DIMS, [1.0; 3], None).unwrap();
        let same = range.compare(&[0.1; 960]).unwrap();
        assert_eq!(same.unusual_share(), 0.0);
        assert!(ScanRange::of(&[1.0; 960], DIMS, [1.0; 3], Some(&[false; 960])).is_err());
        assert!(ScanRange::of(&[1.0; 959], DIMS, [1.0; 3], None).is_err());
    }

    #[test]
    fn logits_by_their_moments() {
        let shift = logit_shift(&[0.0, 2.0], &[2.0, 6.0]).unwrap();
        assert!((shift.mean - 3.0).abs() < 1e-12);
        assert!((shift.deviation - 2_f64.ln()).abs() < 1e-12);
        assert_eq!(logit_shift(&[1.0, 1.0], &[0.0, 2.0]), None);
        assert_eq!(logit_shift(&[], &[0.0]), None);
        assert_eq!(logit_shift(&[0.0, 1.0], &[f32::NAN, 1.0]), None);
    }
}
