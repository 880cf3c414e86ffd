//! A colour bar with its unit, for a signed map centred on zero.

use egui::{Align2, Color32, Rect, Sense, Stroke, StrokeKind, Ui, Vec2};

use crate::base::colour::{Rgb, diverging};
use crate::ui::theme;

const HEIGHT: f32 = 14.0;

/// A bar from −`scale` to +`scale`.
pub fn signed(ui: &mut Ui, scale: f64, unit: &str) {
    ui.label(
        egui::RichText::new(unit)
            .font(theme::small())
            .color(theme::TEXT_QUIET),
    );
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, HEIGHT + 18.0), Sense::hover());
    let label = format!("Colour bar from {:.3} to {scale:.3}, {unit}", -scale);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &label));
    let bar = Rect::from_min_size(rect.min, Vec2::new(width, HEIGHT));
    let painter = ui.painter();
    let mut mesh = egui::Mesh::default();
    const STEPS: u32 = 64;
    for step in 0..=STEPS {
        let t = step as f32 / STEPS as f32;
        let Rgb([r, g, b]) = diverging(f64::from(t) * 2.0 - 1.0);
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
    painter.rect_stroke(bar, 2.0, Stroke::new(1.0, theme::LINE), StrokeKind::Outside);
    let ticks = [
        (
            bar.left(),
            Align2::LEFT_TOP,
            format!("{:.3} against", -scale),
        ),
        (bar.center().x, Align2::CENTER_TOP, "0".to_owned()),
        (bar.right(), Align2::RIGHT_TOP, format!("for +{scale:.3}")),
    ];
    for (x, anchor, text) in ticks {
        painter.text(
            egui::pos2(x, bar.bottom() + 3.0),
            anchor,
            text,
            theme::small(),
            theme::TEXT_QUIET,
        );
    }
}
