//! Asked where the last window did not close as windows do.

use egui::{Button, Ui, Vec2};

use super::Place;
use crate::ui::command::Command;
use crate::ui::theme;

pub fn show(ui: &Ui, commands: &mut Vec<Command>) {
    let mut answer = Vec::new();
    super::show(
        ui,
        "The last run did not end well",
        Place::Middle,
        460.0,
        &mut answer,
        |ui, answer| {
            ui.label(
                "The window was closed by force or broke. Often a graphics driver is the reason. In a safe start the processor draws the views instead of the graphics card, and nothing is opened by itself.",
            );
            ui.add_space(10.0);
            ui.horizontal(|ui| {
                let size = Vec2::new(150.0, 30.0);
                let safe = Button::new("Safe start").fill(theme::of(ui).accent_fill);
                if ui.add(safe.min_size(size)).clicked() {
                    answer.push(Command::CloseSheet);
                }
                if ui.add(Button::new("Usual start").min_size(size)).clicked() {
                    answer.push(Command::StartAsUsual);
                }
            });
        },
    );
    commands.append(&mut answer);
}
