//! What a picture shows, how large it is, and where it goes.

use egui::{Grid, RichText, Ui};

use super::Place;
use crate::ui::command::{Command, Shot, ShotOf};
use crate::ui::theme;

/// Pixels of a picture for one of the screen.
const SCALES: [u8; 4] = [1, 2, 3, 4];

pub fn show(
    ui: &Ui,
    shot: &mut Shot,
    size_px: impl Fn(ShotOf) -> [u32; 2],
    commands: &mut Vec<Command>,
) {
    super::show(
        ui,
        "Save a picture",
        Place::Middle,
        460.0,
        commands,
        |ui, commands| {
            Grid::new("picture")
                .num_columns(2)
                .spacing([20.0, 10.0])
                .show(ui, |ui| {
                    ui.label("Show");
                    ui.horizontal(|ui| {
                        ui.selectable_value(&mut shot.of, ShotOf::Views, "The views");
                        ui.selectable_value(&mut shot.of, ShotOf::Window, "The whole window");
                    });
                    ui.end_row();
                    ui.label("Size");
                    ui.horizontal(|ui| {
                        for scale in SCALES {
                            ui.selectable_value(&mut shot.scale, scale, format!("{scale}×"));
                        }
                    });
                    ui.end_row();
                });
            let [width, height] = size_px(shot.of).map(|side| side * u32::from(shot.scale));
            let text = format!(
                "{width} × {height} pixels and a line that says what the picture is not for. Sizes above 1× enlarge what is on the screen.",
            );
            ui.label(
                RichText::new(text)
                    .font(theme::small())
                    .color(theme::of(ui).quiet),
            );
            ui.add_space(8.0);
            ui.horizontal(|ui| {
                let save = egui::Button::new("Save as PNG…").fill(theme::of(ui).accent_fill);
                if ui.add(save).clicked() {
                    commands.push(Command::ChooseScreenshotFile(*shot));
                }
                if ui.button("Copy").clicked() {
                    commands.push(Command::CopyScreenshot(*shot));
                }
            });
        },
    );
}
