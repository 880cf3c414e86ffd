//! The bar at the top: menus, what is open, and which processor does what.

use egui::{Align, Layout, RichText, Ui};

use crate::ui::command::{Command, MENUS, key_in_words, menu_entries};
use crate::ui::state::Facts;
use crate::ui::theme;

pub fn show(ui: &mut Ui, facts: &Facts, view_device: &str, commands: &mut Vec<Command>) {
    ui.horizontal_centered(|ui| {
        ui.label(
            RichText::new("voxplain")
                .font(theme::heading())
                .strong()
                .color(theme::ACCENT),
        );
        ui.add_space(4.0);
        for menu in MENUS {
            ui.menu_button(menu, |ui| {
                for entry in menu_entries()
                    .into_iter()
                    .filter(|entry| entry.menu == menu)
                {
                    let mut button = egui::Button::new(entry.label);
                    if let Some(shortcut) = entry.shortcut {
                        button = button.shortcut_text(key_in_words(ui.ctx(), &shortcut));
                    }
                    if ui.add(button).clicked() {
                        commands.push(entry.command);
                        ui.close();
                    }
                }
            });
        }
        ui.add_space(8.0);
        if let Some(study) = &facts.study {
            let volume = study.first_channel();
            let [nx, ny, nz] = volume.grid().dims();
            let [sx, sy, sz] = volume.grid().spacing_mm();
            ui.add(egui::Label::new(RichText::new(volume.name()).strong()).truncate());
            quiet(
                ui,
                &format!("{nx} × {ny} × {nz}, {sx:.2} × {sy:.2} × {sz:.2} mm"),
            );
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(device) = &facts.network_device {
                quiet(ui, &format!("Network: {device}"));
            }
            quiet(ui, &format!("View: {view_device}"));
        });
    });
}

fn quiet(ui: &mut Ui, text: &str) {
    ui.add(
        egui::Label::new(
            RichText::new(text)
                .font(theme::small())
                .color(theme::TEXT_QUIET),
        )
        .truncate(),
    );
}
