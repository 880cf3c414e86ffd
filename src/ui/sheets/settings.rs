//! The settings, to be looked at and changed. Every change is kept at once.

use egui::{ComboBox, Grid, RichText, Ui};

use super::Place;
use crate::ui::command::Command;
use crate::ui::settings::{MouseProfile, Settings, Sides, TEXT_SCALES, ThemeChoice};
use crate::ui::theme;

pub fn show(
    ui: &Ui,
    settings: &mut Settings,
    kept_in: Option<String>,
    commands: &mut Vec<Command>,
) {
    super::show(
        ui,
        "Settings",
        Place::Middle,
        520.0,
        commands,
        |ui, commands| {
            Grid::new("settings")
                .num_columns(2)
                .spacing([20.0, 12.0])
                .min_col_width(130.0)
                .show(ui, |ui| {
                    row(ui, "Colours", |ui| {
                        let mut theme = settings.theme;
                        for choice in ThemeChoice::ALL {
                            ui.selectable_value(&mut theme, choice, choice.label());
                        }
                        if theme != settings.theme {
                            commands.push(Command::SetTheme(theme));
                        }
                    });
                    row(ui, "Size of text and controls", |ui| {
                        text_size(ui, settings, commands)
                    });
                    row(ui, "Patient's left", |ui| {
                        let mut sides = settings.sides;
                        for (choice, label) in [
                            (Sides::Radiological, "On screen right (radiological)"),
                            (Sides::Neurological, "On screen left (neurological)"),
                        ] {
                            ui.selectable_value(&mut sides, choice, label);
                        }
                        if sides != settings.sides {
                            commands.push(Command::SwitchConvention);
                        }
                    });
                    row(ui, "Mouse", |ui| mouse(ui, settings));
                });
            ui.add_space(8.0);
            let place = kept_in.map_or_else(
                || "Settings are not kept: there is no folder for them.".to_owned(),
                |folder| format!("Kept in {folder}"),
            );
            ui.label(
                RichText::new(place)
                    .font(theme::small())
                    .color(theme::of(ui).quiet),
            );
        },
    );
}

fn row(ui: &mut Ui, name: &str, contents: impl FnOnce(&mut Ui)) {
    ui.label(name);
    ui.vertical(|ui| ui.horizontal_wrapped(contents));
    ui.end_row();
}

fn text_size(ui: &mut Ui, settings: &Settings, commands: &mut Vec<Command>) {
    let smaller = ui.add_enabled(
        settings.text_scale > *TEXT_SCALES.start(),
        egui::Button::new("Smaller"),
    );
    if smaller.clicked() {
        commands.push(Command::SmallerText);
    }
    ui.label(format!("{:.0} %", settings.text_scale * 100.0));
    let larger = ui.add_enabled(
        settings.text_scale < *TEXT_SCALES.end(),
        egui::Button::new("Larger"),
    );
    if larger.clicked() {
        commands.push(Command::LargerText);
    }
    if ui.button("Normal").clicked() {
        commands.push(Command::NormalText);
    }
}

fn mouse(ui: &mut Ui, settings: &mut Settings) {
    use egui::PointerButton::{Middle, Primary, Secondary};
    ui.vertical(|ui| {
        let response = ComboBox::from_id_salt("mouse profile")
            .selected_text(settings.mouse.label())
            .show_ui(ui, |ui| {
                for profile in MouseProfile::ALL {
                    ui.selectable_value(&mut settings.mouse, profile, profile.label());
                }
            })
            .response;
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, "Mouse profile"));
        for (button, name) in [(Primary, "Left"), (Middle, "Middle"), (Secondary, "Right")] {
            if let Some(drag) = settings.mouse.drag(button) {
                let text = format!("{name} drag: {}", drag.label());
                ui.label(
                    RichText::new(text)
                        .font(theme::small())
                        .color(theme::of(ui).quiet),
                );
            }
        }
    });
}
