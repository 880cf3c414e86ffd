//! Colour bars with their units: for a signed map centred on zero, and for sizes.

use egui::{Align2, Color32, Rect, Sense, Stroke, StrokeKind, Ui, Vec2};

use crate::base::colour::{Rgb, diverging, sequential};
use crate::ui::theme;

const HEIGHT: f32 = 14.0;

/// A bar from −`scale` to +`scale`.
pub fn signed(ui: &mut Ui, scale: f64, unit: &str) {
    let label = format!("Colour bar from {:.3} to {scale:.3}, {unit}", -scale);
    let marks = [
        format!("{:.3} against", -scale),
        "0".to_owned(),
        format!("for +{scale:.3}"),
    ];
    bar(ui, unit, &label, marks, |t| diverging(t * 2.0 - 1.0));
}

/// A bar from 0 to `largest`.
pub fn sizes(ui: &mut Ui, largest: f64, unit: &str) {
    let label = format!("Colour bar from 0 to {largest:.4}, {unit}");
    let marks = ["0".to_owned(), String::new(), format!("{largest:.4}")];
    bar(ui, unit, &label, marks, sequential);
}

/// A bar with marks at its start, middle and end. `colour` is asked from 0 to 1.
fn bar(ui: &mut Ui, unit: &str, label: &str, marks: [String; 3], colour: impl Fn(f64) -> Rgb) {
    ui.label(
        egui::RichText::new(unit)
            .font(theme::small())
            .color(theme::of(ui).quiet),
    );
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, HEIGHT + 18.0), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, label));
    let bar = Rect::from_min_size(rect.min, Vec2::new(width, HEIGHT));
    let painter = ui.painter();
    let mut mesh = egui::Mesh::default();
    const STEPS: u32 = 64;
    for step in 0..=STEPS {
        let t = step as f32 / STEPS as f32;
        let Rgb([r, g, b]) = colour(f64::from(t));
        let x = bar.left() + t * bar.width();
        for y in [bar.top(), bar.bottom()] {
            mesh.colored_vertex(egui::pos2(x, y), Color32::from_rgb(r, g, b));
        }
        if step > 0 {
            let first = 2 * (step - 1);
            mesh.add_triangle(first, first + 1, first + 2);
            mesh.add_triangle(first + 1, first + 3, first + 2);
        }
    }
    painter.add(mesh);
    painter.rect_stroke(
        bar,
        2.0,
        Stroke::new(1.0, theme::of(ui).line),
        StrokeKind::Outside,
    );
    let places = [
        (bar.left(), Align2::LEFT_TOP),
        (bar.center().x, Align2::CENTER_TOP),
        (bar.right(), Align2::RIGHT_TOP),
    ];
    for ((x, anchor), text) in places.into_iter().zip(marks) {
        painter.text(
            egui::pos2(x, bar.bottom() + 3.0),
            anchor,
            text,
            theme::small(),
            theme::of(ui).quiet,
        );
    }
}
