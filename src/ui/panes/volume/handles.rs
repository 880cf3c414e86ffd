//! The handles of crop box and clip plane.

use egui::{
    Color32, CursorIcon, EventFilter, Id, Key, Painter, Pos2, Rect, Sense, Stroke, Ui, Vec2,
};
use glam::DVec3;

use super::VolumeCommand;
use super::look::VolumeLook;
use super::screen::Screen;
use crate::base::WorldBox;
use crate::gpu::ClipPlane;
use crate::gpu::StandardView;
use crate::ui::command::Command;
use crate::ui::theme;

/// Half the size of a handle, and how far around it a press still counts.
const HALF_HANDLE: f32 = 5.0;
const REACH: f32 = 5.0;

/// How far an arrow key moves a handle.
const NUDGE_MM: f64 = 1.0;

pub fn show(ui: &mut Ui, screen: &Screen, look: &VolumeLook, commands: &mut Vec<Command>) {
    if let Some(crop) = look.crop {
        crop_box(ui, screen, crop, commands);
    }
    if let Some(plane) = look.clip {
        clip_plane(ui, screen, plane, commands);
    }
}

/// The box with a handle on each of its faces.
fn crop_box(ui: &mut Ui, screen: &Screen, crop: WorldBox, commands: &mut Vec<Command>) {
    let painter = ui.painter_at(screen.rect);
    edges(&painter, screen, &crop);
    for view in StandardView::ALL {
        let outward = view.toward_viewer();
        let half = crop.size_mm() / 2.0;
        let place = crop.center_mm() + outward * half.dot(outward.abs());
        let name = format!("Crop box, {} face", view.label());
        let Some(by_mm) = handle(ui, screen, place, outward, &name) else {
            continue;
        };
        let mut moved = crop;
        for axis in 0..3 {
            // The face on this axis, on the side of its outward direction.
            if outward[axis] > 0.0 {
                moved.max[axis] = (moved.max[axis] + by_mm).max(moved.min[axis]);
            } else if outward[axis] < 0.0 {
                moved.min[axis] = (moved.min[axis] - by_mm).min(moved.max[axis]);
            }
        }
        commands.push(Command::Volume(VolumeCommand::Crop(moved)));
    }
}

/// The twelve edges, those behind the box fainter.
fn edges(painter: &Painter, screen: &Screen, crop: &WorldBox) {
    let corners = crop.corners();
    let forward = screen.camera.forward();
    let middle = crop.center_mm();
    for (i, &a) in corners.iter().enumerate() {
        for &b in &corners[i + 1..] {
            let differing = (0..3).filter(|&axis| a[axis] != b[axis]).count();
            let (Some(from), Some(to)) = (screen.point(a), screen.point(b)) else {
                continue;
            };
            if differing == 1 {
                let behind = ((a + b) / 2.0 - middle).dot(forward) > 0.0;
                let strength = if behind { 0.25 } else { 0.8 };
                let stroke = Stroke::new(1.0, theme::ACCENT.gamma_multiply(strength));
                painter.line_segment([from, to], stroke);
            }
        }
    }
}

/// A grip in the plane with a stalk into the part that is taken away.
fn clip_plane(ui: &mut Ui, screen: &Screen, plane: ClipPlane, commands: &mut Vec<Command>) {
    let painter = ui.painter_at(screen.rect);
    if let (Some(from), Some(to)) = (
        screen.point(plane.point_mm),
        screen.point(plane.point_mm + plane.normal * 15.0),
    ) && from.distance(to) > 2.0
    {
        painter.arrow(from, to - from, Stroke::new(1.5, theme::ACCENT));
    }
    if let Some(by_mm) = handle(ui, screen, plane.point_mm, plane.normal, "Clip plane") {
        let moved = ClipPlane {
            point_mm: plane.point_mm + plane.normal * by_mm,
            ..plane
        };
        commands.push(Command::Volume(VolumeCommand::Clip(moved)));
    }
}

/// A handle that moves along a direction, by the pointer or the arrow keys. Gives how far,
/// in mm, if it moves now.
fn handle(
    ui: &mut Ui,
    screen: &Screen,
    place_mm: DVec3,
    direction: DVec3,
    name: &str,
) -> Option<f64> {
    let at = screen.point(place_mm)?;
    // In the pane also where the place is not, so that there is always a handle.
    let at: Pos2 = screen.rect.shrink(HALF_HANDLE + 2.0).clamp(at);
    let rect = Rect::from_center_size(at, Vec2::splat(2.0 * HALF_HANDLE));
    let response = ui
        .interact(
            rect.expand(REACH),
            ui.scope_id().with(("volume handle", name)),
            Sense::click_and_drag(),
        )
        .on_hover_cursor(CursorIcon::Grab)
        .on_hover_text(format!("{name}: drag, or use the arrow keys"));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    let active = response.hovered() || response.dragged() || response.has_focus();
    let painter = ui.painter_at(screen.rect);
    let fill = if active { theme::TEXT } else { theme::ACCENT };
    painter.circle(
        at,
        HALF_HANDLE,
        fill,
        Stroke::new(1.5, Color32::from_black_alpha(200)),
    );
    if response.dragged() && response.drag_delta() != Vec2::ZERO {
        return Some(screen.drag_mm(place_mm, direction, response.drag_delta()));
    }
    if response.clicked() {
        response.request_focus();
    }
    if !response.has_focus() {
        return None;
    }
    keep_arrow_keys(ui, response.id);
    nudge(ui)
}

/// Arrow keys go to the focused widget rather than to the next one.
pub fn keep_arrow_keys(ui: &Ui, focused: Id) {
    let filter = EventFilter {
        horizontal_arrows: true,
        vertical_arrows: true,
        ..EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(focused, filter));
}

/// What an arrow key that is pressed now moves the focused handle by.
fn nudge(ui: &Ui) -> Option<f64> {
    ui.input(|input| {
        let outward = input.key_pressed(Key::ArrowUp) || input.key_pressed(Key::ArrowRight);
        let inward = input.key_pressed(Key::ArrowDown) || input.key_pressed(Key::ArrowLeft);
        match (outward, inward) {
            (true, false) => Some(NUDGE_MM),
            (false, true) => Some(-NUDGE_MM),
            _ => None,
        }
    })
}
