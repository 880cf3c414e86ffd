//! The volume view: the whole scan, seen from somewhere.

use egui::{Align2, PointerButton, Rect, Sense, Ui};
use glam::{DVec2, DVec3};

use crate::base::side_letter;
use crate::gpu::{Cutaway, RaycastView, RegionView, ScanStyle};
use crate::ui::command::{Command, Pane};
use crate::ui::panes::{Shown, marks};
use crate::ui::render::ViewRenderer;
use crate::ui::state::Look;
use crate::ui::theme;

/// Shows the volume rendering and turns gestures into a new camera or commands.
pub fn show(
    ui: &mut Ui,
    rect: Rect,
    shown: &Shown<'_>,
    look: &mut Look,
    renderer: Option<&mut ViewRenderer>,
    commands: &mut Vec<Command>,
) {
    let Some(study) = &shown.facts.study else {
        return;
    };
    let response = ui.interact(rect, ui.scope_id().with("volume"), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "3D view"));
    let camera_moves = gestures(ui, &response, rect, look, commands);
    let moving = camera_moves || shown.look_changed || ui.input(|input| input.pointer.any_down());

    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, theme::VIEW);
    let pixels_per_point = ui.pixels_per_point();
    let size_px = [rect.width(), rect.height()]
        .map(|points| (points * pixels_per_point).round().max(1.0) as u32);
    let mut note = "";
    if let Some(renderer) = renderer {
        let grid = study.first_channel().grid();
        let picture = renderer.volume(grid, moving, |quality| {
            let mut view = RaycastView::of(grid, look.window, size_px, quality);
            view.camera = look.camera;
            view.overlay = shown.overlay;
            view.region = Some(RegionView {
                bounds: look.dragged_region.unwrap_or(study.region),
                clip_scan: false,
                line_opacity: 0.8,
            });
            if look.cut_away {
                view.scan = ScanStyle::solid(look.window);
                view.cutaway = Some(Cutaway::toward(
                    &look.camera,
                    look.crosshair_mm,
                    [true, true, false],
                ));
            }
            view
        });
        if let Some((texture, fine)) = picture {
            painter.image(texture, rect, marks::WHOLE_PICTURE, egui::Color32::WHITE);
            if !fine {
                note = "coarse while it changes";
            }
        }
    }
    marks::title(&painter, rect, "3D", note);
    orientation_marks(&painter, rect, look);
}

/// Letters of the six body sides around a small ball of axes in the lower right.
fn orientation_marks(painter: &egui::Painter, rect: Rect, look: &Look) {
    const REACH: f32 = 22.0;
    let center = rect.right_bottom() - egui::Vec2::splat(40.0);
    let (right, up, forward) = (look.camera.right(), look.camera.up(), look.camera.forward());
    let mut sides: Vec<(DVec3, f64)> = [DVec3::X, DVec3::Y, DVec3::Z]
        .into_iter()
        .flat_map(|axis| [axis, -axis])
        .map(|axis| (axis, axis.dot(forward)))
        .collect();
    // Far sides first, so that near letters lie over them.
    sides.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (axis, depth) in sides {
        let at = center + egui::Vec2::new(axis.dot(right) as f32, -axis.dot(up) as f32) * REACH;
        let strength = (0.75 - 0.35 * depth as f32).clamp(0.3, 1.0);
        let colour = theme::CAUTION.gamma_multiply(strength);
        painter.line_segment(
            [center, at],
            egui::Stroke::new(1.0, colour.gamma_multiply(0.5)),
        );
        marks::patched_text(
            painter,
            at,
            Align2::CENTER_CENTER,
            &side_letter(axis).to_string(),
            theme::small(),
            colour,
        );
    }
}

/// Whether the camera moves now.
fn gestures(
    ui: &Ui,
    response: &egui::Response,
    rect: Rect,
    look: &mut Look,
    commands: &mut Vec<Command>,
) -> bool {
    if response.double_clicked() {
        commands.push(Command::Enlarge(Pane::Volume));
    }
    let delta = response.drag_delta();
    let shift = ui.input(|input| input.modifiers.shift);
    let panning = response.dragged_by(PointerButton::Middle)
        || response.dragged_by(PointerButton::Primary) && shift;
    if panning {
        let by = DVec2::new(f64::from(delta.x), f64::from(delta.y));
        look.camera.pan(by, rect.height().max(1.0) as u32);
    } else if response.dragged_by(PointerButton::Primary) {
        look.camera
            .orbit(f64::from(-delta.x) * 0.008, f64::from(delta.y) * 0.008);
    }
    let mut moving = response.dragged() && delta != egui::Vec2::ZERO;
    if response.hovered() {
        let (scroll, zoom) = ui.input(|input| (input.smooth_scroll_delta.y, input.zoom_delta()));
        let factor = f64::from(zoom) * (f64::from(scroll) * 0.002).exp();
        if (factor - 1.0).abs() > 1e-4 {
            look.camera.zoom(factor);
            moving = true;
        }
    }
    moving
}
