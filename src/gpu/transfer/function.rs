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

    /// Moves a point, but not past its neighbours. Gives it as it is now.
    pub fn set_point(&mut self, index: usize, point: ControlPoint) -> Option<ControlPoint> {
        let before = index.checked_sub(1).and_then(|i| self.points.get(i));
        let least = before.map_or(f64::MIN, |point| point.value);
        let most = self
            .points
            .get(index + 1)
            .map_or(f64::MAX, |point| point.value);
        let slot = self.points.get_mut(index)?;
        if point.value.is_finite() {
            *slot = possible(ControlPoint {
                value: point.value.clamp(least, most),
                ..point
            });
        }
        Some(*slot)
    }

    /// Adds a point at a value, where the function does not change by it. Gives its index.
    pub fn insert(&mut self, value: f64) -> Option<usize> {
        if !value.is_finite() {
            return None;
        }
        let [r, g, b, opacity_per_mm] = self.at(value);
        let index = self.points.partition_point(|point| point.value <= value);
        let colour = Rgb([r, g, b].map(|c| (c * 255.0).round() as u8));
        self.points.insert(
            index,
            ControlPoint {
                value,
                colour,
                opacity_per_mm,
            },
        );
        Some(index)
    }

    /// Takes a point away. Two stay: fewer are no function. Whether it is gone.
    pub fn remove(&mut self, index: usize) -> bool {
        let goes = self.points.len() > 2 && index < self.points.len();
        if goes {
            self.points.remove(index);
        }
        goes
    }

    /// The same matter as clear glass around what is inside it: only edges, and none that
    /// hides much.
    pub fn as_glass(&self) -> Self {
        /// The share of light that a millimetre of glass may stop.
        const MOST: f32 = 0.18;
        let mut glass = self.clone();
        for point in &mut glass.points {
            point.opacity_per_mm = point.opacity_per_mm.min(MOST);
        }
        glass.edge_emphasis = 1.0;
        glass
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

#[cfg(test)]
mod tests {
    use super::*;

    fn point(value: f64, opacity_per_mm: f32) -> ControlPoint {
        ControlPoint {
            value,
            colour: Rgb([10, 20, 30]),
            opacity_per_mm,
        }
    }

    #[test]
    fn points_move_between_their_neighbours() {
        let mut function =
            TransferFunction::new([point(0.0, 0.0), point(5.0, 0.2), point(9.0, 0.4)]);
        let moved = function.set_point(1, point(20.0, 7.0));
        assert_eq!(moved, Some(point(9.0, LARGEST_OPACITY_PER_MM)));
        assert_eq!(
            function.set_point(0, point(-80.0, 0.1)),
            Some(point(-80.0, 0.1))
        );
        assert_eq!(function.set_point(3, point(0.0, 0.0)), None);
        let before = function.clone();
        function.set_point(1, point(f64::NAN, 0.0));
        assert_eq!(function, before);
    }

    #[test]
    fn points_come_without_a_change_and_go_but_for_two() {
        let mut function = TransferFunction::new([point(0.0, 0.0), point(10.0, 0.5)]);
        let before = function.clone();
        assert_eq!(function.insert(4.0), Some(1));
        for value in 0..=10 {
            let [now, then] = [&function, &before].map(|f| f.at(f64::from(value))[3]);
            assert!((now - then).abs() < 1e-6);
        }
        assert_eq!(function.insert(f64::INFINITY), None);
        assert!(!function.remove(3));
        assert!(function.remove(1));
        assert!(!function.remove(0) && !function.remove(1));
        assert_eq!(function, before);
    }

    #[test]
    fn glass_hides_little() {
        let solid = TransferFunction::new([point(0.0, 0.0), point(10.0, 0.9)]);
        let glass = solid.as_glass();
        assert!(glass.at(10.0)[3] < 0.2 && glass.edge_emphasis == 1.0);
        assert_eq!(glass.at(0.0)[3], 0.0);
    }
}
