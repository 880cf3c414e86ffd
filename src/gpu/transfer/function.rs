//! Control points that give every scan value a colour and an opacity.

use crate::base::colour::Rgb;

use super::table::TransferTable;

/// No millimetre of matter stops all light: its extinction would have no number.
pub const LARGEST_OPACITY_PER_MM: f32 = 0.999;

/// How the samples along a ray become one colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compositing {
    /// Matter in front hides what is behind it.
    #[default]
    Composite,
    /// The largest value on the ray (maximum intensity projection), in its colour.
    Maximum,
    /// The smallest value on the ray (minimum intensity projection), in its colour.
    Minimum,
}

/// The colour and the opacity of one scan value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ControlPoint {
    /// In the units of the scan.
    pub value: f64,
    pub colour: Rgb,
    /// The share of light that one millimetre stops, from 0 to
    /// [`LARGEST_OPACITY_PER_MM`]. A length `L` in mm lets `(1 - opacity_per_mm)^L` through.
    pub opacity_per_mm: f32,
}

/// Colour and opacity of every scan value: linear between control points, and that of
/// the outermost point beyond them.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferFunction {
    points: Vec<ControlPoint>,
    pub compositing: Compositing,
    /// Whether light and shade shape the surfaces.
    pub lit: bool,
    /// 0 draws matter as it is; 1 draws only its edges and outlines, like glass.
    pub edge_emphasis: f32,
}

impl TransferFunction {
    /// A lit, composited function of points in any order; points that are no numbers
    /// are left out.
    pub fn new(points: impl IntoIterator<Item = ControlPoint>) -> Self {
        let mut points: Vec<ControlPoint> = points
            .into_iter()
            .filter(|point| point.value.is_finite())
            .map(possible)
            .collect();
        points.sort_by(|a, b| a.value.total_cmp(&b.value));
        Self {
            points,
            compositing: Compositing::Composite,
            lit: true,
            edge_emphasis: 0.0,
        }
    }

    /// The control points by ascending value.
    pub fn points(&self) -> &[ControlPoint] {
        &self.points
    }

    /// Colour (straight sRGB, 0 to 1) and opacity per mm of a scan value. Clear black
    /// without any points.
    pub fn at(&self, value: f64) -> [f32; 4] {
        let next = self.points.partition_point(|point| point.value <= value);
        let before = next.checked_sub(1).and_then(|i| self.points.get(i));
        match (before, self.points.get(next)) {
            (None, None) => [0.0; 4],
            (Some(only), None) | (None, Some(only)) => rgba(only),
            (Some(a), Some(b)) => {
                let share = ((value - a.value) / (b.value - a.value)) as f32;
                let (a, b) = (rgba(a), rgba(b));
                std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
            }
        }
    }

    /// The function as the march reads it.
    pub fn table(&self) -> TransferTable {
        TransferTable::of(self)
    }
}

/// A point with its opacity in the possible range.
fn possible(point: ControlPoint) -> ControlPoint {
    let opacity = point.opacity_per_mm;
    let opacity_per_mm = if opacity.is_finite() {
        opacity.clamp(0.0, LARGEST_OPACITY_PER_MM)
    } else {
        0.0
    };
    ControlPoint {
        opacity_per_mm,
        ..point
    }
}

fn rgba(point: &ControlPoint) -> [f32; 4] {
    let Rgb(rgb) = point.colour;
    let [r, g, b] = rgb.map(|c| f32::from(c) / 255.0);
    [r, g, b, point.opacity_per_mm]
}
