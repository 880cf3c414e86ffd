//! One slice view: the picture, its marks, and what the mouse does in it.

use egui::{CursorIcon, PointerButton, Rect, Sense, Stroke, StrokeKind, Ui, Vec2};
use glam::DVec3;

use crate::base::{Plane, side_letter};
use crate::gpu::{Interpolation, SliceView};
use crate::ui::command::{Command, Pane};
use crate::ui::panes::{Shown, marks};
use crate::ui::plane::PlaneView;
use crate::ui::render::ViewRenderer;
use crate::ui::state::{Facts, Look};
use crate::ui::theme;

/// Shows a slice and turns gestures into commands.
pub fn show(
    ui: &mut Ui,
    rect: Rect,
    plane: Plane,
    shown: &Shown<'_>,
    look: &mut Look,
    renderer: Option<&mut ViewRenderer>,
    commands: &mut Vec<Command>,
) {
    let Some(study) = &shown.facts.study else {
        return;
    };
    let grid = study.first_channel().grid();
    let index = plane as usize;
    let view = PlaneView::fit(
        rect,
        plane,
        look.convention,
        &grid.world_bounds(),
        look.crosshair_mm,
        look.zoom[index],
        look.center_mm[index],
    );
    let response = ui.interact(
        rect,
        ui.scope_id().with(("slice", index)),
        Sense::click_and_drag(),
    );
    let name = format!("{} view", plane.label());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &name));

    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, theme::VIEW);
    if let Some(renderer) = renderer {
        let pixels_per_point = f64::from(ui.pixels_per_point());
        let size_px = [rect.width(), rect.height()]
            .map(|points| (f64::from(points) * pixels_per_point).round().max(1.0) as u32);
        let slice = SliceView {
            center_mm: view.center_mm,
            right: view.right,
            up: view.up,
            mm_per_pixel: view.mm_per_point / pixels_per_point,
            size_px,
            window: look.window,
            interpolation: Interpolation::Linear,
            overlay: shown.overlay,
            region: Some(look.dragged_region.unwrap_or(study.region)),
            dim_outside_region: 0.0,
            background: crate::base::colour::Rgb([
                theme::VIEW.r(),
                theme::VIEW.g(),
                theme::VIEW.b(),
            ]),
        };
        if let Some(texture) = renderer.slice(index, &slice) {
            painter.image(texture, rect, marks::WHOLE_PICTURE, egui::Color32::WHITE);
        }
    }

    region_box(ui, &view, study.region, look, commands, index);
    marks::crosshair(&painter, rect, view.point(look.crosshair_mm));
    let axis = plane.normal().index();
    let millimetres = look.crosshair_mm.to_array()[axis];
    marks::title(
        &painter,
        rect,
        plane.label(),
        &format!("{} {millimetres:.1} mm", ["x", "y", "z"][axis]),
    );
    marks::side_letters(
        &painter,
        rect,
        [-view.right, view.right, view.up, -view.up].map(side_letter),
    );
    marks::scale_bar(&painter, rect, view.mm_per_point);
    gestures(ui, &response, &view, plane, shown.facts, look, commands);
}

/// The region's outline with a grip that moves it.
fn region_box(
    ui: &mut Ui,
    view: &PlaneView,
    region: crate::base::WorldBox,
    look: &mut Look,
    commands: &mut Vec<Command>,
    index: usize,
) {
    let shown = look.dragged_region.unwrap_or(region);
    let Some(cut) = view.cut(&shown) else { return };
    let painter = ui.painter_at(view.rect);
    painter.rect_stroke(
        cut,
        2.0,
        Stroke::new(1.0, theme::REGION.gamma_multiply(0.9)),
        StrokeKind::Outside,
    );

    // In the view also where the corner is not, so that there is always a grip.
    let corner = view.rect.shrink(8.0).clamp(cut.left_top());
    let grip = Rect::from_center_size(corner, Vec2::splat(10.0));
    let response = ui
        .interact(
            grip.expand(5.0),
            ui.scope_id().with(("region grip", index)),
            Sense::drag(),
        )
        .on_hover_cursor(CursorIcon::Move)
        .on_hover_text("Drag to move the region that is segmented and explained");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Move the region"));
    let fill = if response.hovered() || response.dragged() {
        theme::TEXT
    } else {
        theme::REGION
    };
    painter.rect_filled(grip, 2.0, fill);
    if response.dragged() {
        let delta = response.drag_delta();
        let by = view.right * (f64::from(delta.x) * view.mm_per_point)
            - view.up * (f64::from(delta.y) * view.mm_per_point);
        look.dragged_region = Some(shown.translated(by));
    }
    if response.drag_stopped()
        && let Some(moved) = look.dragged_region
    {
        // The preview stays until the engine answers, so that the box does not jump back.
        commands.push(Command::MoveRegion(moved));
    }
}

fn gestures(
    ui: &Ui,
    response: &egui::Response,
    view: &PlaneView,
    plane: Plane,
    facts: &Facts,
    look: &mut Look,
    commands: &mut Vec<Command>,
) {
    let index = plane as usize;
    if response.double_clicked() {
        commands.push(Command::Enlarge(Pane::Slice(plane)));
    }
    if let Some(point) = response.interact_pointer_pos()
        && (response.clicked() || response.dragged_by(PointerButton::Primary))
    {
        commands.push(Command::MoveCrosshair(view.world(point)));
        if response.clicked() {
            look.selected_player = facts
                .players
                .as_ref()
                .and_then(|players| players.player_at(view.world(point)));
        }
    }
    let delta = response.drag_delta();
    if response.dragged_by(PointerButton::Middle) {
        look.center_mm[index] += view.up * (f64::from(delta.y) * view.mm_per_point)
            - view.right * (f64::from(delta.x) * view.mm_per_point);
    }
    if response.dragged_by(PointerButton::Secondary) && delta != Vec2::ZERO {
        // Across for contrast, down for brightness; 300 points are one whole window.
        let width = look.window.high - look.window.low;
        let per_point = width / 300.0;
        let middle = (look.window.high + look.window.low) / 2.0 + f64::from(delta.y) * per_point;
        let width = (width + f64::from(delta.x) * 2.0 * per_point).max(width * 0.02);
        commands.push(Command::SetWindow {
            low: middle - width / 2.0,
            high: middle + width / 2.0,
        });
    }
    let Some(pointer) = response.hover_pos() else {
        return;
    };
    let world_mm: DVec3 = view.world(pointer);
    look.pointer_mm = Some(world_mm);
    look.hovered_player = facts
        .players
        .as_ref()
        .and_then(|players| players.player_at(world_mm));
    let (scroll, zoom) = ui.input(|input| (input.smooth_scroll_delta.y, input.zoom_delta()));
    if (zoom - 1.0).abs() > 1e-4 {
        look.zoom[index] = (look.zoom[index] * f64::from(zoom)).clamp(0.5, 40.0);
    } else if scroll != 0.0 {
        let steps = look.scroll_steps(index, scroll);
        if steps != 0 {
            commands.push(Command::Scrub(plane, steps));
        }
    }
}
