//! What the mouse does in a slice view.
//!
//! Left: crosshair and choice of a supervoxel, or a length while measuring. Middle, or
//! left with Shift: pan. Right: grey window by dragging, a menu by clicking. Wheel:
//! slices, with Ctrl zoom. Double click: enlarge.

use egui::{CursorIcon, Key, PointerButton, Response, Ui, Vec2};
use glam::DVec3;

use crate::base::Plane;
use crate::engine::Part;
use crate::ui::command::{Command, Pane};
use crate::ui::panes::ruler::Ruler;
use crate::ui::panes::slice::focused_keys;
use crate::ui::plane::PlaneView;
use crate::ui::settings::Drag;
use crate::ui::state::{Facts, Look};
use crate::ui::view_command::ViewCommand;

pub fn of_slice(
    ui: &Ui,
    response: &Response,
    view: &PlaneView,
    plane: Plane,
    facts: &Facts,
    look: &mut Look,
    commands: &mut Vec<Command>,
) {
    if response.double_clicked() {
        commands.push(Command::Enlarge(Pane::Slice(plane)));
    }
    if response.clicked() || response.drag_started() || response.secondary_clicked() {
        look.plane = plane;
    }
    let shift = ui.input(|input| input.modifiers.shift);
    let delta = response.drag_delta();
    let panning = dragging(response, look, shift, Drag::Pan)
        || (shift && response.dragged_by(PointerButton::Primary));
    if panning {
        look.center_mm[plane as usize] += along(view, -delta);
    } else if look.measuring {
        measure(response, view, plane, look);
    } else {
        move_crosshair(response, view, facts, look, commands);
    }
    if dragging(response, look, shift, Drag::Window) && delta != Vec2::ZERO {
        change_window(delta, look, commands);
    }
    if dragging(response, look, shift, Drag::Zoom) && delta != Vec2::ZERO {
        let factor = (-f64::from(delta.y) * 0.01).exp();
        look.set_zoom(plane, look.zoom[plane as usize] * factor, look.crosshair_mm);
    }
    menu(response, view, facts, look, commands);
    keyboard(ui, response, plane, look, commands);
    hover(ui, response, view, plane, facts, look, commands);
}

/// Whether a button is dragged that the user's mouse profile gives this meaning. With
/// Shift, or while lengths are measured, the left button has its own.
fn dragging(response: &Response, look: &Look, shift: bool, wanted: Drag) -> bool {
    use PointerButton::{Middle, Primary, Secondary};
    [Primary, Middle, Secondary].into_iter().any(|button| {
        let taken = button == Primary && (shift || look.measuring);
        !taken && response.dragged_by(button) && look.mouse.drag(button) == Some(wanted)
    })
}

/// A movement on the screen as one in the world.
fn along(view: &PlaneView, delta: Vec2) -> DVec3 {
    view.right * (f64::from(delta.x) * view.mm_per_point)
        - view.up * (f64::from(delta.y) * view.mm_per_point)
}

fn move_crosshair(
    response: &Response,
    view: &PlaneView,
    facts: &Facts,
    look: &mut Look,
    commands: &mut Vec<Command>,
) {
    let Some(point) = response.interact_pointer_pos() else {
        return;
    };
    let dragged = dragging(response, look, false, Drag::Crosshair);
    if !(response.clicked() || dragged) {
        return;
    }
    commands.push(Command::MoveCrosshair(view.world(point)));
    if response.clicked() {
        look.selected_player = facts
            .players
            .as_ref()
            .and_then(|players| players.player_at(view.world(point)));
        let extends = response.ctx.input(|input| input.modifiers.shift);
        if let Some(player) = look.selected_player.filter(|_| extends) {
            commands.push(Command::ToggleInRegion(player));
        }
    }
}

fn measure(response: &Response, view: &PlaneView, plane: Plane, look: &mut Look) {
    // The pointer has already moved a little when a press turns out to be a drag.
    let pressed_at = response.ctx.input(|input| input.pointer.press_origin());
    if response.drag_started_by(PointerButton::Primary)
        && let Some(start) = pressed_at
    {
        let start = view.world(start);
        look.new_ruler = Some(Ruler {
            plane,
            from_mm: start,
            to_mm: start,
        });
    }
    let Some(ruler) = look.new_ruler.as_mut().filter(|ruler| ruler.plane == plane) else {
        return;
    };
    if let Some(at) = response.interact_pointer_pos() {
        ruler.to_mm = view.world(at);
    }
    if response.drag_stopped()
        && let Some(ruler) = look.new_ruler.take()
        && ruler.length_mm() > 0.0
    {
        look.rulers.push(ruler);
    }
}

/// Across for contrast, down for brightness; 300 points are one whole window.
fn change_window(delta: Vec2, look: &Look, commands: &mut Vec<Command>) {
    let width = look.window.high - look.window.low;
    let per_point = width / 300.0;
    let middle = (look.window.high + look.window.low) / 2.0 + f64::from(delta.y) * per_point;
    let width = (width + f64::from(delta.x) * 2.0 * per_point).max(width * 0.02);
    commands.push(Command::SetWindow {
        low: middle - width / 2.0,
        high: middle + width / 2.0,
    });
}

/// What can be asked about the place that was clicked.
fn menu(
    response: &Response,
    view: &PlaneView,
    facts: &Facts,
    look: &mut Look,
    commands: &mut Vec<Command>,
) {
    if response.secondary_clicked()
        && let Some(point) = response.interact_pointer_pos()
    {
        look.menu_mm = Some(view.world(point));
    }
    let Some(at) = look.menu_mm else { return };
    let menu = response.context_menu(|ui| {
        let player = facts
            .players
            .as_ref()
            .and_then(|players| players.player_at(at));
        if let Some(player) = player {
            let text = format!("Why here? (supervoxel {})", player + 1);
            if ui.button(text).clicked() {
                look.selected_player = Some(player);
                commands.push(Command::AskAbout(Part::Players(vec![player])));
            }
        }
        if let Some((class, name)) = class_at(facts, at) {
            if ui.button(format!("Explain {name}")).clicked() {
                commands.push(Command::SelectClass(class));
            }
            if ui.button(format!("Why this part of {name}?")).clicked() {
                commands.push(Command::SelectClass(class));
                commands.push(Command::AskAbout(Part::At(at)));
            }
        }
        if ui.button("Move the crosshair here").clicked() {
            commands.push(Command::MoveCrosshair(at));
        }
        let words = if look.measuring {
            "Stop measuring lengths"
        } else {
            "Measure lengths"
        };
        if ui.button(words).clicked() {
            commands.push(Command::View(ViewCommand::MeasureLengths));
        }
        if ui.button("Fit the slice").clicked() {
            commands.push(Command::View(ViewCommand::Fit));
        }
    });
    if menu.is_none() && !response.secondary_clicked() {
        look.menu_mm = look.menu_mm.filter(|_| response.context_menu_opened());
    }
}

fn class_at(facts: &Facts, at: DVec3) -> Option<(usize, String)> {
    let (study, segmentation) = (facts.study.as_ref()?, facts.segmentation.as_ref()?);
    let voxel = segmentation.labels.grid().nearest_voxel(at)?;
    let class = study.class_of_label(segmentation.labels.label(voxel)?)?;
    study
        .bundle
        .is_foreground(class)
        .then(|| (class, study.class_name(class).to_owned()))
}

/// A view that has the keyboard keeps the arrows, which otherwise move to a neighbour.
fn keyboard(
    ui: &Ui,
    response: &Response,
    plane: Plane,
    look: &mut Look,
    commands: &mut Vec<Command>,
) {
    if !response.has_focus() {
        return;
    }
    look.plane = plane;
    ui.memory_mut(|memory| {
        memory.set_focus_lock_filter(
            response.id,
            egui::EventFilter {
                horizontal_arrows: true,
                vertical_arrows: true,
                ..egui::EventFilter::default()
            },
        );
    });
    focused_keys(ui, commands);
    if ui.input(|input| input.key_pressed(Key::Enter)) {
        commands.push(Command::Enlarge(Pane::Slice(plane)));
    }
}

fn hover(
    ui: &Ui,
    response: &Response,
    view: &PlaneView,
    plane: Plane,
    facts: &Facts,
    look: &mut Look,
    commands: &mut Vec<Command>,
) {
    let Some(pointer) = response.hover_pos() else {
        return;
    };
    if look.measuring {
        ui.set_cursor_icon(CursorIcon::Crosshair);
    }
    let world_mm = view.world(pointer);
    look.pointer_mm = Some(world_mm);
    look.hovered_player = facts
        .players
        .as_ref()
        .and_then(|players| players.player_at(world_mm));
    let (scroll, zoom) = ui.input(|input| (input.smooth_scroll_delta.y, input.zoom_delta()));
    if (zoom - 1.0).abs() > 1e-4 {
        look.plane = plane;
        let zoom = look.zoom[plane as usize] * f64::from(zoom);
        look.set_zoom(plane, zoom, world_mm);
    } else if scroll != 0.0 {
        look.plane = plane;
        let steps = look.scroll_steps(plane as usize, scroll);
        if steps != 0 {
            commands.push(Command::Scrub(plane, steps));
        }
    }
}
