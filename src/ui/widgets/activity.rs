//! A turning arc: something is being done.

use std::f32::consts::TAU;
use std::time::Duration;

use egui::epaint::PathShape;
use egui::{Pos2, Rect, Sense, Shape, Stroke, Ui, Vec2};

use crate::ui::theme;

/// Pictures come this far apart. Egui's own spinner asks for one after the other without a
/// pause, and each of them holds up a network that shares the graphics device.
const BETWEEN_PICTURES: Duration = Duration::from_millis(100);

const TURNS_PER_SECOND: f64 = 0.8;

/// Shows the arc, of the height of a line.
pub fn show(ui: &mut Ui) {
    let size = ui.text_style_height(&egui::TextStyle::Body);
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(size), Sense::hover());
    if !ui.is_rect_visible(rect) {
        return;
    }
    let turn = (ui.input(|input| input.time) * TURNS_PER_SECOND).fract() as f32;
    let stroke = Stroke::new(2.0, theme::of(ui).text);
    ui.painter().add(arc(rect, turn, stroke));
    ui.ctx().request_repaint_after(BETWEEN_PICTURES);
}

/// Three quarters of a circle that starts at a share of a turn.
fn arc(rect: Rect, turn: f32, stroke: Stroke) -> Shape {
    let radius = rect.width() / 2.0 - 2.0;
    let points: Vec<Pos2> = (0..=24)
        .map(|step| {
            let angle = (turn + 0.75 * step as f32 / 24.0) * TAU;
            rect.center() + radius * Vec2::angled(angle)
        })
        .collect();
    PathShape::line(points, stroke).into()
}
