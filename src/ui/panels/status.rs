//! The bar at the bottom: what is under the pointer, and what this program is not.

use egui::{Align, Layout, RichText, Ui};

use crate::base::RESEARCH_USE;
use crate::ui::panes::pointer;
use crate::ui::state::{Facts, Look};
use crate::ui::theme;

pub fn show(ui: &mut Ui, facts: &Facts, look: Option<&Look>) {
    ui.horizontal_centered(|ui| {
        if let Some(look) = look {
            ui.label(
                RichText::new(look.convention.label())
                    .font(theme::small())
                    .color(theme::of(ui).caution),
            );
            ui.separator();
            let text = readout(facts, look);
            ui.add(egui::Label::new(RichText::new(text).font(theme::small())).truncate());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(
                RichText::new(RESEARCH_USE)
                    .font(theme::small())
                    .color(theme::of(ui).caution),
            );
        });
    });
}

/// Place, voxel and every layer's value, read from the data itself.
fn readout(facts: &Facts, look: &Look) -> String {
    let at = look.pointer_mm.unwrap_or(look.crosshair_mm);
    let mut text = pointer::place(facts, look, at);
    for reading in pointer::readings(facts, look, at) {
        text += &format!("   {} {}", reading.name, reading.value);
    }
    text
}
