//! The relevance mask's threshold. How the heatmap is drawn is with the layers.

use egui::{RichText, Ui};

use crate::ui::panels::{counted, millilitres, section, slider_row};
use crate::ui::state::{Facts, Look, mask_statistics, mask_threshold};
use crate::ui::theme;

pub fn show(ui: &mut Ui, facts: &Facts, look: &mut Look) {
    section(ui, "Relevance mask", |ui| {
        if facts.heat_scale().is_none() {
            ui.label(
                RichText::new("The heatmap fills in while the explanation runs.")
                    .font(theme::small())
                    .color(theme::of(ui).quiet),
            );
            return;
        }
        let Some(threshold) = mask_threshold(facts, look.mask_share) else {
            return;
        };
        let text = format!("value ≥ {threshold:.4}");
        slider_row(
            ui,
            "Mask threshold",
            &text,
            &mut look.mask_share,
            0.01..=1.0,
        );
        if let Some(mask) = mask_statistics(facts, threshold) {
            ui.label(
                RichText::new(format!(
                    "Relevance mask: {}, {} ({:.0} % of the region), {:.0} % of the positive evidence.",
                    counted(mask.players, "supervoxel"),
                    millilitres(mask.volume_mm3 / 1000.0),
                    mask.volume_share * 100.0,
                    mask.positive_share * 100.0,
                ))
                .font(theme::small()),
            );
        }
    });
}
