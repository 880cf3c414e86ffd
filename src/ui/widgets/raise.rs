//! An arrowhead that lifts a layer over the one above it. Drawn here, as the window's font
//! has no arrows.

use egui::{Pos2, Sense, Shape, Stroke, Ui, Vec2};

use crate::ui::theme;

/// Shows the arrowhead. Whether it was clicked; the name says what it lifts.
pub fn show(ui: &mut Ui, enabled: bool, name: &str) -> bool {
    let sense = if enabled {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(Vec2::new(16.0, 18.0), sense);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, enabled, name));
    let colour = match enabled {
        false => theme::of(ui).line,
        true if response.hovered() || response.has_focus() => theme::of(ui).accent,
        true => theme::of(ui).quiet,
    };
    let corner = |x: f32, y: f32| -> Pos2 { rect.center() + Vec2::new(x, y) };
    let corners = vec![corner(-4.0, 2.5), corner(0.0, -2.5), corner(4.0, 2.5)];
    ui.painter()
        .add(Shape::line(corners, Stroke::new(1.5, colour)));
    response
        .on_hover_text("Draw over the layer above")
        .clicked()
}
