//! A transfer function as 256 colours with opacity.

use super::function::{Compositing, TransferFunction};
use crate::gpu::view::Window;

/// Entries of a table.
pub const ENTRIES: usize = 256;

/// What the march reads: entries evenly over a domain of scan values, the first at its
/// low and the last at its high end. Values outside the domain take the entry at its end.
///
/// The domain is that of the control points and independent of the window in which
/// slices are shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransferTable {
    pub domain: Window,
    /// Straight sRGB from 0 to 1, then opacity per mm from 0 to below 1.
    pub entries: [[f32; 4]; ENTRIES],
    pub compositing: Compositing,
    pub lit: bool,
    /// 0 draws matter as it is; 1 draws only its edges and outlines, like glass.
    pub edge_emphasis: f32,
}

impl Default for TransferTable {
    /// Nothing to see.
    fn default() -> Self {
        Self::of(&TransferFunction::new([]))
    }
}

impl TransferTable {
    pub(super) fn of(function: &TransferFunction) -> Self {
        let points = function.points();
        let ends = points.first().zip(points.last());
        let (low, high) = ends.map_or((0.0, 1.0), |(first, last)| (first.value, last.value));
        let domain = Window {
            low,
            // One point, or several at one value, still need a domain of some width.
            high: if high > low { high } else { low + 1.0 },
        };
        let entry = |index: usize| function.at(domain.at(index as f64 / (ENTRIES - 1) as f64));
        Self {
            domain,
            entries: std::array::from_fn(entry),
            compositing: function.compositing,
            lit: function.lit,
            edge_emphasis: function.edge_emphasis,
        }
    }

    /// Colour and opacity per mm of a scan value, linear between entries.
    pub fn at(&self, value: f64) -> [f32; 4] {
        let share = (value - self.domain.low) / (self.domain.high - self.domain.low);
        // A value that is no number is drawn as the smallest.
        let share = if share.is_nan() { 0.0 } else { share };
        let position = share.clamp(0.0, 1.0) * (ENTRIES - 1) as f64;
        let first = position as usize;
        let entry = |index: usize| self.entries[index.min(ENTRIES - 1)];
        let (a, b) = (entry(first), entry(first + 1));
        let share = (position - first as f64) as f32;
        std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::colour::Rgb;
    use crate::gpu::transfer::ControlPoint;

    fn point(value: f64, red: u8, opacity_per_mm: f32) -> ControlPoint {
        ControlPoint {
            value,
            colour: Rgb([red, 0, 0]),
            opacity_per_mm,
        }
    }

    #[test]
    fn entries_lie_on_the_lines_between_points() {
        let function = TransferFunction::new([
            point(300.0, 255, 0.5),
            point(100.0, 0, 0.0),
            point(f64::NAN, 9, 0.9),
            point(200.0, 255, 0.1),
        ]);
        let table = function.table();
        assert_eq!((table.domain.low, table.domain.high), (100.0, 300.0));
        assert_eq!(table.entries[0], [0.0; 4]);
        assert_eq!(table.entries[255], [1.0, 0.0, 0.0, 0.5]);
        let [red, _, _, opacity] = table.entries[51];
        assert!((red - 0.4).abs() < 1e-6 && (opacity - 0.04).abs() < 1e-6);
        // Between entries, and where there is no number.
        assert!((table.at(140.0)[3] - 0.04).abs() < 1e-6);
        assert_eq!(table.at(f64::NAN), table.entries[0]);
        // Beyond the points nothing changes.
        assert_eq!(table.at(1e9), table.entries[255]);
        assert_eq!(function.at(1e9), table.entries[255]);
        assert_eq!(function.at(-1e9), table.entries[0]);
    }

    #[test]
    fn few_points_and_wild_opacities_are_harmless() {
        assert_eq!(
            TransferFunction::new([]).table().entries,
            [[0.0; 4]; ENTRIES]
        );
        let one = TransferFunction::new([point(7.0, 255, f32::INFINITY), point(7.0, 255, 3.0)]);
        let table = one.table();
        assert!(table.domain.high > table.domain.low);
        assert!(
            table
                .entries
                .iter()
                .all(|e| e.iter().all(|v| v.is_finite()))
        );
        assert_eq!(table.entries[255][3], 0.999);
        // A step: two points at one value.
        let step = TransferFunction::new([
            point(0.0, 0, 0.0),
            point(5.0, 0, 0.0),
            point(5.0, 255, 0.9),
            point(10.0, 255, 0.9),
        ]);
        assert_eq!(step.at(4.999)[3], 0.0);
        assert_eq!(step.at(5.0)[3], 0.9);
    }
}
