//! The bar at the top: menus, what is open, and which processor does what.

use egui::{Align, Button, Layout, RichText, Ui};

use crate::ui::command::{Command, Entry, Menu, Situation, all_commands, key_in_words};
use crate::ui::settings::RecentScan;
use crate::ui::state::Facts;
use crate::ui::theme;

/// Width beside the menus from which the size of the scan is shown there.
const ROOM_FOR_SIZE: f32 = 560.0;

/// What the bar shows besides the facts.
pub struct Bar<'a> {
    pub view_device: &'a str,
    /// The views are drawn by a program instead of a graphics card.
    pub software: bool,
    pub recent: &'a [RecentScan],
}

pub fn show(
    ui: &mut Ui,
    facts: &Facts,
    bar: &Bar<'_>,
    now: &Situation,
    commands: &mut Vec<Command>,
) {
    ui.horizontal_centered(|ui| {
        ui.label(
            RichText::new("voxplain")
                .font(theme::heading())
                .strong()
                .color(theme::of(ui).accent),
        );
        ui.add_space(4.0);
        for menu in Menu::ALL {
            ui.menu_button(menu.label(), |ui| {
                ui.set_min_width(230.0);
                contents(ui, menu, bar, now, commands);
            });
        }
        ui.add_space(8.0);
        if let Some(study) = &facts.study {
            let volume = study.first_channel();
            let [nx, ny, nz] = volume.grid().dims();
            let [sx, sy, sz] = volume.grid().spacing_mm();
            let size = format!("{nx} × {ny} × {nz}, {sx:.2} × {sy:.2} × {sz:.2} mm");
            // What draws and computes comes first where there is not room for all.
            let has_room = ui.available_width() > ROOM_FOR_SIZE;
            let name = egui::Label::new(RichText::new(volume.name()).strong()).truncate();
            ui.add(name).on_hover_text(size.as_str());
            if has_room {
                quiet(ui, &size);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(device) = &facts.network_device {
                quiet(ui, &format!("Network: {device}"));
            }
            view_device(ui, bar);
        });
    });
}

fn contents(ui: &mut Ui, menu: Menu, bar: &Bar<'_>, now: &Situation, commands: &mut Vec<Command>) {
    for entry in all_commands().filter(|entry| entry.menu == menu) {
        if entry.starts_group {
            ui.separator();
        }
        item(ui, entry, now, commands);
        if entry.command == Command::OpenDemonstration {
            recent(ui, bar.recent, commands);
        }
    }
}

fn item(ui: &mut Ui, entry: &Entry, now: &Situation, commands: &mut Vec<Command>) {
    let mut button = Button::new(entry.label_in(now));
    if let Some(key) = entry.key() {
        button = button.shortcut_text(key_in_words(ui.ctx(), &key));
    }
    let missing = entry.need.missing(now);
    let response = ui.add_enabled(missing.is_none(), button);
    if response.clicked() {
        commands.push(entry.command.clone());
        ui.close();
    }
    if let Some(why) = missing {
        response.on_disabled_hover_text(why);
    }
}

fn recent(ui: &mut Ui, recent: &[RecentScan], commands: &mut Vec<Command>) {
    ui.add_enabled_ui(!recent.is_empty(), |ui| {
        ui.menu_button("Open recent", |ui| {
            for scan in recent {
                let response = ui.button(scan.label()).on_hover_text(scan.folder());
                if response.clicked() {
                    commands.push(Command::OpenRecent(scan.clone()));
                    ui.close();
                }
            }
        });
    });
}

/// The processor that draws; a caution where it is software, because that is slow.
fn view_device(ui: &mut Ui, bar: &Bar<'_>) {
    let text = format!("View: {}", bar.view_device);
    if !bar.software {
        return quiet(ui, &text);
    }
    let colour = theme::of(ui).caution;
    let label = egui::Label::new(RichText::new(text).font(theme::small()).color(colour));
    ui.add(label.truncate()).on_hover_text(
        "No graphics card draws the views, so the 3D view is slow and comes in two steps. Everything it shows is the same.",
    );
}

fn quiet(ui: &mut Ui, text: &str) {
    let colour = theme::of(ui).quiet;
    ui.add(egui::Label::new(RichText::new(text).font(theme::small()).color(colour)).truncate());
}
