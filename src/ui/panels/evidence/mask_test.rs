//! What the network segments with only the mask kept, and with only it removed.

use egui::{Grid, Ui};

use crate::engine::evidence::{KeepAndDelete, MaskedSegmentation};
use crate::ui::command::Command;
use crate::ui::panels::{counted, millilitres, quiet};
use crate::ui::state::{Facts, Look};
use crate::ui::theme;

pub fn show(ui: &mut Ui, facts: &Facts, look: &Look, commands: &mut Vec<Command>) {
    let mut tested = look.test_mask;
    let response = ui.checkbox(&mut tested, "Test the mask as it changes");
    if response.changed() {
        commands.push(Command::ToggleMaskTest);
    }
    response.on_hover_text(
        "Segments the scan with only the relevance mask kept, and with only it removed, as soon \
         as the mask rests",
    );
    if !look.test_mask {
        return;
    }
    let Some(test) = &facts.mask_test else {
        ui.label(quiet(
            "The test starts when the explanation is finished or the mask is changed.",
        ));
        return;
    };
    if facts.mask_test_runs {
        ui.label(quiet("Testing the newest mask…"));
    }
    let Some(class) = facts.shown().map(|snapshot| snapshot.class()) else {
        return;
    };
    table(ui, test, class);
    sentence(ui, test, class);
}

fn table(ui: &mut Ui, test: &KeepAndDelete, class: usize) {
    let with_reference = [&test.kept, &test.removed].iter().any(|found| {
        found
            .class(class)
            .is_some_and(|c| c.reference_dice.is_some())
    });
    Grid::new("mask test")
        .striped(true)
        .spacing([10.0, 3.0])
        .show(ui, |ui| {
            for title in ["", "Overlap", "Volume", "False"] {
                ui.label(quiet(title));
            }
            if with_reference {
                ui.label(quiet("Reference"));
            }
            ui.end_row();
            for (name, found) in [
                ("Only the mask", &test.kept),
                ("Mask removed", &test.removed),
            ] {
                row(ui, name, found, class, with_reference);
            }
        });
}

fn row(ui: &mut Ui, name: &str, found: &MaskedSegmentation, class: usize, with_reference: bool) {
    let Some(class) = found.class(class) else {
        return;
    };
    let ratio = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |v| format!("{v:.2}"));
    ui.label(name);
    ui.label(ratio(class.dice));
    ui.label(millilitres(class.volume_ml));
    ui.label(millilitres(class.false_positive_ml))
        .on_hover_text(format!(
            "Given to the structure here but not in the whole scan; {} apart from it",
            counted(class.new_parts, "new part")
        ));
    if with_reference {
        ui.label(ratio(class.reference_dice));
    }
    ui.end_row();
}

/// Below this overlap a structure counts as lost, above [`HELD`] as found again.
const LOST: f64 = 0.5;
const HELD: f64 = 0.8;

fn sentence(ui: &mut Ui, test: &KeepAndDelete, class: usize) {
    let dice = |found: &MaskedSegmentation| found.class(class).and_then(|c| c.dice).unwrap_or(0.0);
    let (kept, removed) = (dice(&test.kept), dice(&test.removed));
    let colours = theme::of(ui);
    let (word, colour, text) = match (kept >= HELD, removed <= LOST) {
        (true, true) => (
            "Supported",
            colours.good,
            "The mask alone is enough, and without it the structure is lost.",
        ),
        (true, false) => (
            "Doubtful",
            colours.caution,
            "The mask alone is enough, but the network also finds the structure without it.",
        ),
        (false, true) => (
            "Doubtful",
            colours.caution,
            "Without the mask the structure is lost, but the mask alone is not enough.",
        ),
        (false, false) => (
            "Refuted",
            colours.bad,
            "The mask is neither enough nor needed for the structure.",
        ),
    };
    ui.horizontal_wrapped(|ui| {
        ui.label(egui::RichText::new(word).strong().color(colour));
        ui.label(text);
    });
}
