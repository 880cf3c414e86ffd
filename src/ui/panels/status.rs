//! The bar at the bottom: what is under the pointer, and what this program is not.

use egui::{Align, Layout, RichText, Ui};

use crate::base::RESEARCH_USE;
use crate::ui::panes::pointer;
use crate::ui::state::{Facts, Look};
use crate::ui::theme;

pub fn show(ui: &mut Ui, facts: &Facts, look: Option<&Look>) {
    let caution = theme::of(ui).caution;
    let fixed = |text: &str| RichText::new(text).font(theme::small()).color(caution);
    // The right end first: what is under the pointer takes the room that is left.
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.label(fixed(RESEARCH_USE));
        let Some(look) = look else { return };
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.label(fixed(look.convention.label()));
            ui.separator();
            let text = readout(facts, look);
            // What is cut off is shown in full by a hand that rests on it.
            ui.add(egui::Label::new(RichText::new(text).font(theme::small())).truncate());
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
