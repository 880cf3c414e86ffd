//! Numbers about a scan's values, and the grey window to show it in.

use super::Volume;

/// Summary of the values that are finite numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// How many values are finite.
    pub count: usize,
    /// How many are NaN or infinite.
    pub not_finite: usize,
    pub minimum: f64,
    pub maximum: f64,
    pub mean: f64,
    /// Population standard deviation (divisor n).
    pub standard_deviation: f64,
}

impl Statistics {
    /// `None` if no value is finite.
    pub fn of(values: &[f32]) -> Option<Self> {
        let (mut count, mut minimum, mut maximum) = (0_usize, f64::INFINITY, f64::NEG_INFINITY);
        let mut sum = 0.0;
        for value in finite(values) {
            count += 1;
            minimum = minimum.min(value);
            maximum = maximum.max(value);
            sum += value;
        }
        if count == 0 {
            return None;
        }
        let mean = sum / count as f64;
        // A second pass, because the difference of two large sums would be noise.
        let squares: f64 = finite(values).map(|value| (value - mean).powi(2)).sum();
        Some(Self {
            count,
            not_finite: values.len() - count,
            minimum,
            maximum,
            mean,
            standard_deviation: (squares / count as f64).sqrt(),
        })
    }
}

fn finite(values: &[f32]) -> impl Iterator<Item = f64> {
    values
        .iter()
        .filter(|v| v.is_finite())
        .map(|&v| f64::from(v))
}

/// Finite values in ascending order, for percentiles. Of large images an even sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SortedSample(Vec<f32>);

/// Percentiles of a million values are as good as of all for a window.
const MOST_SAMPLES: usize = 1 << 20;

impl SortedSample {
    pub fn of(values: &[f32]) -> Self {
        // An odd step meets all columns of images with even sides, which are most.
        let step = values.len().div_ceil(MOST_SAMPLES).max(1) | 1;
        let mut sample: Vec<f32> = values
            .iter()
            .step_by(step)
            .copied()
            .filter(|v| v.is_finite())
            .collect();
        sample.sort_unstable_by(f32::total_cmp);
        Self(sample)
    }

    /// The value below which `percent` of the sample lie, linearly between
    /// neighbours (NumPy's default). `None` of an empty sample.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        let at = percent.clamp(0.0, 100.0) / 100.0 * last as f64;
        let low = f64::from(*self.0.get(at.floor() as usize)?);
        let high = f64::from(*self.0.get(at.ceil() as usize)?);
        Some(low + (high - low) * at.fract())
    }

    /// Share of the sample below a value.
    pub fn share_below(&self, value: f32) -> f64 {
        let below = self.0.partition_point(|&v| v < value);
        below as f64 / self.0.len().max(1) as f64
    }

    /// Whether the values are Hounsfield units: more than stray voxels below -500 are
    /// lung, bowel gas or the air around, and an MR scan has no such numbers.
    pub fn is_hounsfield(&self) -> bool {
        let darkest = self.percentile(2.0);
        self.share_below(-500.0) > 0.001 && darkest.is_some_and(|value| value >= -10_000.0)
    }

    /// The middle 99 % of what is brighter than the air around the head or body; the
    /// first number is less than the second. From 0 to 1 for an empty sample.
    pub fn tissue_window(&self) -> (f64, f64) {
        let (Some(low), Some(high)) = (self.percentile(2.0), self.percentile(98.0)) else {
            return (0.0, 1.0);
        };
        // A tenth of the robust range parts air from tissue well enough (Smith 2002,
        // Fast robust automated brain extraction, finds the head by the same rule).
        let tissue = self.above(low + 0.1 * (high - low));
        match (tissue.percentile(0.5), tissue.percentile(99.5)) {
            (Some(low), Some(high)) if low < high => (low, high),
            _ => {
                // One value, or a mask with a few voxels of another one.
                let low = self.percentile(0.0).unwrap_or(0.0);
                let high = self.percentile(100.0).unwrap_or(1.0);
                if low < high {
                    (low, high)
                } else {
                    (low - 0.5, high + 0.5)
                }
            }
        }
    }

    fn above(&self, value: f64) -> Self {
        Self(
            self.0
                .iter()
                .copied()
                .filter(|&v| f64::from(v) > value)
                .collect(),
        )
    }
}

/// The CT window for soft tissue: level 40, width 400 Hounsfield units.
pub const SOFT_TISSUE_WINDOW: (f64, f64) = (-160.0, 240.0);

/// The grey window to show a scan in at first: black at the first number, white at
/// the second, which is larger.
///
/// A scan with air at CT values gets the soft tissue window. Any other gets the
/// middle 99 % of what is brighter than the air around the head or body, so that a
/// dark background does not decide over the contrast inside.
pub fn default_window(volume: &Volume) -> (f64, f64) {
    let sample = SortedSample::of(&volume.to_f32());
    if sample.is_hounsfield() {
        return SOFT_TISSUE_WINDOW;
    }
    sample.tissue_window()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Grid;
    use crate::volume::Voxels;
    use glam::DAffine3;

    fn volume(values: Vec<f32>) -> Volume {
        let grid = Grid::new([values.len(), 1, 1], DAffine3::IDENTITY).unwrap();
        Volume::new(grid, Voxels::F32(values), (1.0, 0.0), "any").unwrap()
    }

    #[test]
    fn statistics_leave_out_what_is_no_number() {
        let s = Statistics::of(&[
            2.0,
            f32::NAN,
            4.0,
            4.0,
            4.0,
            5.0,
            5.0,
            7.0,
            9.0,
            f32::INFINITY,
        ]);
        let s = s.unwrap();
        assert_eq!((s.count, s.not_finite), (8, 2));
        assert_eq!(
            (s.minimum, s.maximum, s.mean, s.standard_deviation),
            (2.0, 9.0, 5.0, 2.0)
        );
        assert_eq!(Statistics::of(&[f32::NAN]), None);
    }

    #[test]
    fn percentiles_are_numpys() {
        let sample = SortedSample::of(&[15.0, 20.0, 35.0, 40.0, 50.0]);
        // numpy.percentile([15, 20, 35, 40, 50], [0, 40, 50, 99, 100])
        let found = [0.0, 40.0, 50.0, 99.0, 100.0].map(|p| sample.percentile(p).unwrap());
        for (found, wanted) in found.into_iter().zip([15.0, 29.0, 35.0, 49.6, 50.0]) {
            assert!((found - wanted).abs() < 1e-9);
        }
        assert_eq!(SortedSample::of(&[]).percentile(50.0), None);
        let many: Vec<f32> = (0..3_000_000).map(|i| i as f32).collect();
        let median = SortedSample::of(&many).percentile(50.0).unwrap();
        assert!((median / 1_500_000.0 - 1.0).abs() < 1e-4);
    }

    #[test]
    fn windows_fit_what_is_shown() {
        // CT: mostly air at -1024.
        let mut ct = vec![-1024.0; 600];
        ct.extend((0..400).map(|i| i as f32 - 100.0));
        assert_eq!(default_window(&volume(ct)), SOFT_TISSUE_WINDOW);
        // MR: noise in the air, tissue between 200 and 1199, one hot voxel.
        let mut mr: Vec<f32> = (0..5000).map(|i| (i % 13) as f32).collect();
        mr.extend((0..5000).map(|i| 200.0 + (i % 1000) as f32));
        mr.push(60_000.0);
        let (low, high) = default_window(&volume(mr));
        assert!(
            (200.0..220.0).contains(&low) && (1180.0..1200.0).contains(&high),
            "{low} {high}"
        );
        // Normalised values around zero keep their dark half out only below the rule.
        let z: Vec<f32> = (0..1000).map(|i| (i as f32 - 500.0) / 100.0).collect();
        let (low, high) = default_window(&volume(z));
        assert!(low < -3.0 && high > 4.0);
        assert_eq!(default_window(&volume(vec![7.0; 9])), (6.5, 7.5));
        assert_eq!(default_window(&volume(vec![f32::NAN; 9])), (0.0, 1.0));
    }
}
