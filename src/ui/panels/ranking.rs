//! The supervoxels that matter most, linked with the views.

use egui::{RichText, Ui};

use crate::ui::command::Command;
use crate::ui::panels::section;
use crate::ui::state::{Facts, Look};
use crate::ui::theme;

/// Rows of the table.
const ROWS: usize = 10;

pub fn show(ui: &mut Ui, facts: &Facts, look: &mut Look, commands: &mut Vec<Command>) {
    let (Some(snapshot), Some(players)) = (facts.shown(), &facts.players) else {
        return;
    };
    let estimate = snapshot.estimate();
    section(ui, "Most relevant supervoxels", |ui| {
        egui::Grid::new("ranking")
            .num_columns(3)
            .striped(true)
            .spacing([12.0, 2.0])
            .show(ui, |ui| {
                for title in ["Supervoxel", "SHAP value, 95 % interval", "Volume"] {
                    ui.label(
                        RichText::new(title)
                            .font(theme::small())
                            .color(theme::TEXT_QUIET),
                    );
                }
                ui.end_row();
                for player in crate::engine::ranked(estimate).into_iter().take(ROWS) {
                    let (Some(known), Some(facts)) =
                        (estimate.players.get(player), players.facts.get(player))
                    else {
                        continue;
                    };
                    let selected = look.selected_player == Some(player);
                    let id = format!("#{}", player + 1);
                    if ui
                        .selectable_label(selected, id)
                        .on_hover_text("Move the crosshair here")
                        .clicked()
                    {
                        look.selected_player = Some(player);
                        commands.push(Command::MoveCrosshair(facts.centroid_mm.into()));
                    }
                    let interval = known.standard_error.map_or_else(
                        || "not known yet".to_owned(),
                        |error| format!("± {:.4}", error * estimate.interval_factor),
                    );
                    ui.label(
                        RichText::new(format!("{:+.4}  {interval}", known.shap_value)).monospace(),
                    );
                    ui.label(format!("{:.2} mL", facts.volume_mm3 / 1000.0));
                    ui.end_row();
                }
            });
    });
}
