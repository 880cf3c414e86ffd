//! The bar at the bottom: what is under the pointer, and what this program is not.

use egui::{Align, Layout, RichText, Ui};

use crate::base::{AnatomicalAxis, RESEARCH_USE};
use crate::ui::state::{Facts, Look};
use crate::ui::theme;

pub fn show(ui: &mut Ui, facts: &Facts, look: Option<&Look>) {
    ui.horizontal_centered(|ui| {
        if let Some(look) = look {
            ui.label(
                RichText::new(look.convention.label())
                    .font(theme::small())
                    .color(theme::CAUTION),
            );
            ui.separator();
            let text = readout(facts, look);
            ui.add(egui::Label::new(RichText::new(text).font(theme::small())).truncate());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(
                RichText::new(RESEARCH_USE)
                    .font(theme::small())
                    .color(theme::CAUTION),
            );
        });
    });
}

/// Place, voxel and every layer's value, read from the data itself.
fn readout(facts: &Facts, look: &Look) -> String {
    let Some(study) = &facts.study else {
        return String::new();
    };
    let at = look.pointer_mm.unwrap_or(look.crosshair_mm);
    let place: Vec<String> = at
        .to_array()
        .into_iter()
        .zip(AnatomicalAxis::ALL)
        .map(|(mm, axis)| format!("{:.1} {}", mm.abs(), axis.letters()[usize::from(mm >= 0.0)]))
        .collect();
    let mut text = format!("{} mm", place.join(", "));
    let volume = study.first_channel();
    let Some(voxel) = volume.grid().nearest_voxel(at) else {
        return format!("{text}, outside the scan");
    };
    text += &format!("   voxel {}, {}, {}", voxel[0], voxel[1], voxel[2]);
    for channel in &study.scan.channels {
        if let Some(value) = channel.value(voxel) {
            text += format!("   {} {value:.4}", channel.name())
                .trim_end_matches('0')
                .trim_end_matches('.');
        }
    }
    if let Some(segmentation) = &facts.segmentation
        && let Some(voxel) = segmentation.labels.grid().nearest_voxel(at)
        && let Some(label) = segmentation.labels.label(voxel)
        && let Some(class) = study.class_of_label(label)
    {
        text += &format!("   {}", study.class_name(class));
    }
    if let Some(player) = facts
        .players
        .as_ref()
        .and_then(|players| players.player_at(at))
    {
        text += &format!("   supervoxel {}", player + 1);
        if let Some(snapshot) = facts.shown()
            && let Some(known) = snapshot.estimate().players.get(player)
            && known.samples > 0
        {
            text += &format!(": {:+.4}", known.shap_value);
            if let Some(error) = known.standard_error {
                text += &format!(" ± {:.4}", error * snapshot.estimate().interval_factor);
            }
        }
    }
    text
}
