//! An eye that shows or hides something: a check box in the form viewers have it.

use egui::{Color32, Pos2, Sense, Shape, Stroke, Ui, Vec2};

use crate::ui::theme;

/// Shows the eye. Whether it was clicked; the name says what it shows.
pub fn show(ui: &mut Ui, open: bool, enabled: bool, name: &str) -> bool {
    let sense = if enabled {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(Vec2::new(20.0, 18.0), sense);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, enabled, open, name));
    let colour = match (enabled, open) {
        (false, _) => theme::of(ui).line,
        (true, _) if response.hovered() || response.has_focus() => theme::of(ui).accent,
        (true, true) => theme::of(ui).text,
        (true, false) => theme::of(ui).quiet,
    };
    let painter = ui.painter();
    let (middle, half) = (rect.center(), Vec2::new(7.5, 4.5));
    let lid = |sign: f32| -> Vec<Pos2> {
        (0..=12)
            .map(|step| {
                let t = step as f32 / 6.0 - 1.0;
                middle + Vec2::new(t * half.x, sign * half.y * (1.0 - t * t))
            })
            .collect()
    };
    let stroke = Stroke::new(1.3, colour);
    painter.add(Shape::line(lid(1.0), stroke));
    if open {
        painter.add(Shape::line(lid(-1.0), stroke));
        painter.circle(middle, 2.4, colour, Stroke::new(0.0, Color32::TRANSPARENT));
    } else {
        // A closed eye: lashes.
        for t in [-0.6_f32, 0.0, 0.6] {
            let root = middle + Vec2::new(t * half.x, half.y * (1.0 - t * t));
            painter.line_segment([root, root + Vec2::new(t * 2.5, 3.0)], stroke);
        }
    }
    response.on_hover_text(name).clicked()
}
