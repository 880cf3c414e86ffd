//! The heatmap's opacity and scale, and the relevance mask's threshold.

use egui::{RichText, Ui};

use crate::ui::panels::{counted, millilitres, section, slider_row};
use crate::ui::state::{Facts, Look, mask_statistics, mask_threshold};
use crate::ui::theme;
use crate::ui::widgets::colour_bar;

pub fn show(ui: &mut Ui, facts: &Facts, look: &mut Look) {
    section(ui, "Heatmap and relevance mask", |ui| {
        let percent = format!("{:.0} %", look.heatmap_opacity * 100.0);
        slider_row(
            ui,
            "Heatmap opacity",
            &percent,
            &mut look.heatmap_opacity,
            0.0..=1.0,
        );
        let Some(scale) = facts.heat_scale() else {
            ui.label(
                RichText::new("The heatmap fills in while the explanation runs.")
                    .font(theme::small())
                    .color(theme::TEXT_QUIET),
            );
            return;
        };
        let unit = facts.shown().map_or("", |snapshot| {
            snapshot.answer.question.value_function.unit()
        });
        colour_bar::signed(ui, scale, &format!("SHAP value, {unit}"));
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
