//! Grey windows with a key: by Hounsfield units where the scan has them, else by
//! percentiles of what is in it.

use crate::gpu::Window;
use crate::volume::{SortedSample, Volume};

/// A window that a number key sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GreyWindow {
    /// Centre and width in Hounsfield units.
    Hounsfield {
        name: &'static str,
        level: f64,
        width: f64,
    },
    /// Percentiles of the scan's values.
    Percentiles {
        name: &'static str,
        low: f64,
        high: f64,
    },
}

/// How many keys there are.
pub const COUNT: usize = 5;

const CT: [GreyWindow; COUNT] = [
    hounsfield("Brain", 40.0, 80.0),
    hounsfield("Lung", -600.0, 1500.0),
    hounsfield("Bone", 500.0, 2000.0),
    hounsfield("Soft tissue", 40.0, 400.0),
    hounsfield("Liver", 90.0, 150.0),
];

const OTHER: [GreyWindow; COUNT] = [
    percentiles("1 to 99 %", 1.0, 99.0),
    percentiles("5 to 95 %", 5.0, 95.0),
    percentiles("20 to 99.5 %", 20.0, 99.5),
    percentiles("50 to 99.9 %", 50.0, 99.9),
    percentiles("Whole range", 0.0, 100.0),
];

const fn hounsfield(name: &'static str, level: f64, width: f64) -> GreyWindow {
    GreyWindow::Hounsfield { name, level, width }
}

const fn percentiles(name: &'static str, low: f64, high: f64) -> GreyWindow {
    GreyWindow::Percentiles { name, low, high }
}

/// What a scan's values are measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Hounsfield,
    /// Numbers that mean something only in this scan, as in MR.
    Relative,
}

impl Unit {
    /// By the values: only CT has air, lung or gas at -500 and below.
    pub fn of(volume: &Volume) -> Self {
        let sample = SortedSample::of(&volume.to_f32());
        let plausible = sample.percentile(1.0).is_some_and(|low| low >= -10_000.0);
        if plausible && sample.share_below(-500.0) > 0.001 {
            Self::Hounsfield
        } else {
            Self::Relative
        }
    }

    /// The windows of the number keys, from 1.
    pub fn windows(self) -> &'static [GreyWindow; COUNT] {
        match self {
            Self::Hounsfield => &CT,
            Self::Relative => &OTHER,
        }
    }

    /// The unit's sign after a value; empty where there is none.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Hounsfield => " HU",
            Self::Relative => "",
        }
    }
}

impl GreyWindow {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hounsfield { name, .. } | Self::Percentiles { name, .. } => name,
        }
    }

    /// The window on a scan; `None` where its percentiles are one value.
    pub fn on(&self, volume: &Volume) -> Option<Window> {
        let (low, high) = match *self {
            Self::Hounsfield { level, width, .. } => (level - width / 2.0, level + width / 2.0),
            Self::Percentiles { low, high, .. } => {
                let sample = SortedSample::of(&volume.to_f32());
                (sample.percentile(low)?, sample.percentile(high)?)
            }
        };
        (low < high).then_some(Window { low, high })
    }
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
    fn the_values_tell_the_unit() {
        let ct = volume((0..1000).map(|i| i as f32 - 1000.0).collect());
        assert_eq!(Unit::of(&ct), Unit::Hounsfield);
        let brain = Unit::of(&ct).windows()[0].on(&ct).unwrap();
        assert_eq!((brain.low, brain.high), (0.0, 80.0));
        let mr = volume((0..1001).map(|i| i as f32).collect());
        assert_eq!(Unit::of(&mr), Unit::Relative);
        let middle = Unit::of(&mr).windows()[0].on(&mr).unwrap();
        assert_eq!((middle.low, middle.high), (10.0, 990.0));
        let flat = volume(vec![3.0; 10]);
        assert_eq!(Unit::Relative.windows()[0].on(&flat), None);
    }
}
