//! Lengths that were measured on slices.

use egui::{Align2, Painter, Stroke, Vec2};
use glam::DVec3;

use crate::base::Plane;
use crate::ui::panes::marks;
use crate::ui::plane::PlaneView;
use crate::ui::state::{Facts, Look};
use crate::ui::theme;

/// A length on a slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ruler {
    pub plane: Plane,
    pub from_mm: DVec3,
    pub to_mm: DVec3,
}

impl Ruler {
    pub fn length_mm(&self) -> f64 {
        self.from_mm.distance(self.to_mm)
    }
}

/// Draws the lengths that were measured in a plane and lie in the slice that is shown.
pub fn draw(painter: &Painter, view: &PlaneView, plane: Plane, facts: &Facts, look: &Look) {
    let Some(study) = &facts.study else { return };
    let half_slice = study
        .first_channel()
        .grid()
        .spacing_mm()
        .into_iter()
        .fold(0.5, f64::max)
        / 2.0;
    let normal = view.right.cross(view.up);
    let here = |ruler: &&Ruler| {
        let off = (ruler.from_mm - view.center_mm).dot(normal).abs();
        ruler.plane == plane && off <= half_slice
    };
    for ruler in look.rulers.iter().chain(&look.new_ruler).filter(here) {
        let ends = [view.point(ruler.from_mm), view.point(ruler.to_mm)];
        painter.line_segment(ends, Stroke::new(3.5, egui::Color32::from_black_alpha(160)));
        painter.line_segment(ends, Stroke::new(1.5, theme::CAUTION));
        for end in ends {
            painter.circle_filled(end, 3.0, theme::CAUTION);
        }
        let middle = ends[0] + (ends[1] - ends[0]) / 2.0;
        marks::patched_text(
            painter,
            middle + Vec2::new(0.0, -8.0),
            Align2::CENTER_BOTTOM,
            &in_words(ruler.length_mm()),
            theme::small(),
            theme::CAUTION,
        );
    }
}

/// A length with its unit.
pub fn in_words(length_mm: f64) -> String {
    format!("{length_mm:.1} mm")
}
