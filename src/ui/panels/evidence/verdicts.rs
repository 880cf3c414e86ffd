//! The checks, each with its verdict as a word and a sentence.

use egui::{RichText, Ui};

use crate::engine::evidence::Evidence;
use crate::explain::evidence::Verdict;
use crate::ui::panels::quiet;
use crate::ui::theme;

pub fn show(ui: &mut Ui, found: &Evidence) {
    let checks = found.checks();
    if checks.is_empty() {
        return;
    }
    let colours = theme::of(ui);
    let [supported, doubtful, refuted] = found.counts();
    ui.add_space(4.0);
    ui.label(format!(
        "{supported} checks support the map, {doubtful} leave doubt, {refuted} refute it."
    ));
    for check in &checks {
        let (word, colour) = match check.verdict {
            Verdict::Supported => ("Supported", colours.good),
            Verdict::Doubtful => ("Doubtful", colours.caution),
            Verdict::Refuted => ("Refuted", colours.bad),
            Verdict::NotComputed => ("Not computed", colours.quiet),
        };
        ui.add_space(2.0);
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(word).strong().color(colour));
            let mut letters = check.name.chars();
            let name: String = letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect())
                .unwrap_or_default();
            ui.label(RichText::new(name).strong());
        });
        ui.label(quiet(check.sentence.as_str()));
    }
}
