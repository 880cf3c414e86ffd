//! The relevance mask: the rule that cuts it, and how large it is.

use egui::{RichText, Ui};

use crate::engine::{MaskStatistics, evidence_of};
use crate::explain::relevance_mask::{MaskRule, MaskSign, RelevanceMask, SignedMaskRule};
use crate::ui::command::Command;
use crate::ui::mask_rule::{RuleKind, SIGNS, sign_label};
use crate::ui::panels::{counted, millilitres, named_choice, quiet, section, slider_row};
use crate::ui::state::{Facts, Look, relevance_mask};
use crate::ui::theme;
use crate::ui::view_command::ViewCommand;

pub fn show(ui: &mut Ui, facts: &Facts, look: &mut Look, commands: &mut Vec<Command>) {
    section(ui, "Relevance mask", |ui| {
        if facts.heat_scale().is_none() {
            ui.label(quiet("The heatmap fills in while the explanation runs."));
            return;
        }
        let Some(mask) = relevance_mask(facts, look.mask) else {
            return;
        };
        let kind = RuleKind::of(look.mask.rule);
        let mut cut = |mask| commands.push(Command::View(ViewCommand::CutMask(mask)));
        if let Some(sign) = named_choice(ui, "Holds", look.mask.sign, &SIGNS, |sign| {
            sign_label(sign).to_owned()
        }) {
            cut(SignedMaskRule { sign, ..look.mask });
        }
        let chosen = named_choice(ui, "Rule", kind, &RuleKind::ALL, |kind| {
            kind.label().to_owned()
        });
        if let Some(kind) = chosen {
            cut(SignedMaskRule {
                rule: kind.rule(),
                ..look.mask
            });
        }
        ui.scope(|ui| number(ui, facts, &mut look.mask, &mask))
            .response
            .on_hover_text(kind.explanation());
        let text = sentence(facts, look.mask, &mask);
        ui.label(RichText::new(text).font(theme::small()));
    });
}

/// The slider of a rule that has a number; else how large a value must be.
fn number(ui: &mut Ui, facts: &Facts, chosen: &mut SignedMaskRule, mask: &RelevanceMask) {
    const NAME: &str = "Mask threshold";
    let least = least_value(chosen.sign, mask);
    let share = |ui: &mut Ui, share: &mut f64, text: String| {
        let mut shown = *share as f32;
        let response = slider_row(ui, NAME, &text, &mut shown, 0.01..=1.0);
        if response.changed() {
            *share = f64::from(shown);
        }
    };
    let percent = |share: f64, of: &str| format!("{:.0} % of {of}", share * 100.0);
    match &mut chosen.rule {
        MaskRule::ShareOfLargest(part) => share(ui, part, least),
        MaskRule::TopVolume(part) => {
            let text = percent(*part, "the volume");
            share(ui, part, text);
        }
        MaskRule::CumulativePositive(part) => {
            let text = percent(*part, "the evidence");
            share(ui, part, text);
        }
        MaskRule::TopPlayers(count) => {
            let most = facts.players.as_ref().map_or(1, |players| players.count);
            let mut shown = *count as f32;
            let text = counted(*count, "supervoxel");
            let range = 1.0..=(most.max(1) as f32);
            if slider_row(ui, NAME, &text, &mut shown, range).changed() {
                *count = (shown.round() as usize).max(1);
            }
        }
        MaskRule::IntervalAboveZero | MaskRule::Otsu => {
            ui.horizontal(|ui| {
                ui.label(quiet(NAME));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.label(RichText::new(least).font(theme::small()));
                });
            });
        }
    }
}

/// The weakest value in a mask, in words.
fn least_value(sign: MaskSign, mask: &RelevanceMask) -> String {
    match (mask.threshold, sign) {
        (None, _) => "nothing in it".to_owned(),
        (Some(least), MaskSign::Positive) => format!("value ≥ {least:.4}"),
        (Some(least), MaskSign::Negative) => format!("value ≤ −{least:.4}"),
        (Some(least), MaskSign::Absolute) => format!("size ≥ {least:.4}"),
    }
}

fn sentence(facts: &Facts, rule: SignedMaskRule, mask: &RelevanceMask) -> String {
    let (Some(snapshot), Some(players)) = (facts.shown(), &facts.players) else {
        return String::new();
    };
    let estimate = snapshot.estimate();
    let size = MaskStatistics::of(estimate, &players.facts, mask);
    if size.players == 0 {
        return match (rule.rule, rule.sign) {
            (MaskRule::IntervalAboveZero, _) => {
                "The mask is empty: no supervoxel is decided that way yet."
            }
            (MaskRule::TopVolume(_), _) => {
                "The mask is empty: the strongest supervoxel is larger than this share."
            }
            (_, MaskSign::Positive) => "The mask is empty: no supervoxel speaks for it.",
            (_, MaskSign::Negative) => "The mask is empty: no supervoxel speaks against it.",
            (_, MaskSign::Absolute) => "The mask is empty: all values are zero.",
        }
        .to_owned();
    }
    let shape = mask.statistics(estimate, &players.volumes_mm3(), &players.adjacency);
    let pieces = shape.as_ref().map_or(String::new(), |shape| {
        format!(" in {}", counted(shape.pieces, "piece"))
    });
    let undecided =
        shape
            .ok()
            .and_then(|shape| shape.undecided_share)
            .map_or(String::new(), |share| {
                format!(
                    " {:.0} % of the region could still fall in or out.",
                    share * 100.0
                )
            });
    format!(
        "Relevance mask: {}{pieces}, {} ({:.0} % of the region), {:.0} % of {}.{undecided}",
        counted(size.players, "supervoxel"),
        millilitres(size.volume_mm3 / 1000.0),
        size.volume_share * 100.0,
        size.evidence_share * 100.0,
        evidence_of(rule.sign),
    )
}
