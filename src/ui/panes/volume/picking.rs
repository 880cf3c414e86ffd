//! What the pointer touches in the volume view.

use egui::{PointerButton, Response, Ui};

use super::screen::Screen;
use crate::gpu::pick::{Pickable, Picked, pick};
use crate::gpu::{ClassStyle, PlayerSample, RaycastView};
use crate::ui::command::Command;
use crate::ui::state::{Facts, Look};

/// Moves the crosshair to what is clicked, and names what is under the pointer.
pub fn gestures(
    ui: &Ui,
    response: &Response,
    screen: &Screen,
    view: &RaycastView,
    facts: &Facts,
    look: &mut Look,
    commands: &mut Vec<Command>,
) {
    let clicked = response.clicked_by(PointerButton::Primary);
    // A body that turns passes under the pointer and is not meant.
    if !clicked && ui.input(|input| input.pointer.any_down()) {
        return;
    }
    let pointer = if clicked {
        response.interact_pointer_pos()
    } else {
        response.hover_pos()
    };
    let Some(found) = pointer.and_then(|at| find(screen, view, facts, look, at)) else {
        return;
    };
    let player = facts
        .players
        .as_ref()
        .and_then(|players| players.player_at(found.place_mm));
    look.pointer_mm = Some(found.place_mm);
    look.hovered_player = player;
    if clicked {
        commands.push(Command::MoveCrosshair(found.place_mm));
        look.selected_player = player;
    }
}

fn find(
    screen: &Screen,
    view: &RaycastView,
    facts: &Facts,
    look: &Look,
    at: egui::Pos2,
) -> Option<Picked> {
    let study = facts.study.as_ref()?;
    let classes: Vec<ClassStyle> = look.class_styles(study);
    let players: Vec<PlayerSample> = facts.player_samples();
    let segmentation = facts.segmentation.as_ref();
    let layers = Pickable {
        scan: study.first_channel(),
        segmentation: segmentation.map(|found| &found.labels),
        classes: &classes,
        supervoxels: facts.players.as_ref().map(|players| &players.labels),
        players: &players,
    };
    let transfer = look.volume.table();
    let view = RaycastView {
        size_px: screen.size_px,
        ..*view
    };
    pick(&layers, &view, &transfer, screen.pixel(at))
}
