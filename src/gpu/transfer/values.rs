//! What has to be known of a scan's values before they can be given colours.

use crate::gpu::view::Window;
use crate::volume::{SortedSample, Volume};

/// Bins of the histogram.
pub const BINS: usize = 256;

/// Values that are looked at; more tell nothing new and take time in the window.
const MOST_SAMPLES: usize = 1 << 20;

/// The values of a scan in short.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanValues {
    /// Whether the values are Hounsfield units (CT).
    pub is_hounsfield: bool,
    /// The middle 99 % of what is brighter than the air around.
    pub tissue: Window,
    /// Almost all values: from the smallest to the brightest but one in two thousand.
    pub range: Window,
    /// How many of the values looked at lie in each of [`BINS`] equal parts of `range`.
    pub histogram: Vec<u32>,
}

impl ScanValues {
    pub fn of(scan: &Volume) -> Self {
        let (slope, intercept) = scan.value_scale();
        let voxels = scan.voxels();
        // An odd step meets all columns of images with even sides, which are most.
        let step = voxels.len().div_ceil(MOST_SAMPLES).max(1) | 1;
        let values: Vec<f32> = (0..voxels.len())
            .step_by(step)
            .filter_map(|index| voxels.get(index))
            .map(|stored| (stored * slope + intercept) as f32)
            .filter(|value| value.is_finite())
            .collect();
        let sample = SortedSample::of(&values);
        let (low, high) = sample.tissue_window();
        let tissue = Window { low, high };
        let range = range(&sample);
        Self {
            is_hounsfield: sample.is_hounsfield(),
            tissue,
            range,
            histogram: histogram(&values, range),
        }
    }
}

fn range(sample: &SortedSample) -> Window {
    match (sample.percentile(0.0), sample.percentile(99.95)) {
        (Some(low), Some(high)) if low < high => Window { low, high },
        (Some(low), _) => Window {
            low: low - 0.5,
            high: low + 0.5,
        },
        _ => Window {
            low: 0.0,
            high: 1.0,
        },
    }
}

fn histogram(values: &[f32], range: Window) -> Vec<u32> {
    let mut bins = vec![0; BINS];
    let scale = BINS as f64 / (range.high - range.low);
    for &value in values {
        let at = (f64::from(value) - range.low) * scale;
        // The few values outside belong to the bins at the ends.
        let at = (at.max(0.0) as usize).min(BINS - 1);
        if let Some(bin) = bins.get_mut(at) {
            *bin += 1;
        }
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Grid;
    use crate::volume::Voxels;
    use glam::DAffine3;

    fn values(values: Vec<f32>, scale: (f64, f64)) -> ScanValues {
        let grid = Grid::new([values.len(), 1, 1], DAffine3::IDENTITY).unwrap();
        ScanValues::of(&Volume::new(grid, Voxels::F32(values), scale, "any").unwrap())
    }

    #[test]
    fn values_are_those_of_the_scan_and_not_of_the_file() {
        let stored = (0..2000).map(|i| i as f32).collect();
        let found = values(stored, (2.0, -1000.0));
        assert!(found.is_hounsfield);
        assert_eq!(found.range.low, -1000.0);
        assert!((found.range.high - 2997.0).abs() < 2.0, "{:?}", found.range);
        assert_eq!(found.histogram.iter().sum::<u32>(), 2000);
        assert!(found.histogram.iter().all(|&n| (6..=9).contains(&n)));
    }

    #[test]
    fn scans_without_numbers_have_a_range() {
        for stored in [vec![f32::NAN; 4], vec![3.0; 4]] {
            let found = values(stored, (1.0, 0.0));
            assert!(found.range.low < found.range.high && found.tissue.low < found.tissue.high);
            assert!(!found.is_hounsfield);
        }
    }
}
