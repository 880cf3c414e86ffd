//! How the region is cut into supervoxels.

use egui::Ui;

use crate::explain::supervoxels::Method;
use crate::ui::command::Command;
use crate::ui::panels::{millilitres, named_choice, section, slider_row};
use crate::ui::state::{Choices, Facts};

/// Fewest and most supervoxels the slider offers.
const COUNTS: std::ops::RangeInclusive<usize> = 20..=600;

pub fn show(ui: &mut Ui, facts: &Facts, choices: &mut Choices, commands: &mut Vec<Command>) {
    section(ui, "Supervoxels", |ui| {
        let found = facts.players.as_ref().map_or_else(
            || format!("{}", choices.supervoxel_count),
            |players| {
                let volume = players.labels.grid().voxel_volume_mm3()
                    * players.labels.grid().voxel_count() as f64
                    / 1000.0;
                let mean = millilitres(volume / players.count.max(1) as f64);
                format!("{} of about {mean}", players.count)
            },
        );
        let method = named_choice(
            ui,
            "Cut by",
            choices.supervoxel_method,
            &Method::ALL,
            |method| method.label().to_owned(),
        );
        if let Some(method) = method {
            commands.push(Command::SelectSupervoxelMethod(method));
        }
        let mut count = choices.supervoxel_count as f32;
        let range = *COUNTS.start() as f32..=*COUNTS.end() as f32;
        if slider_row(ui, "Supervoxel count", &found, &mut count, range).changed() {
            commands.push(Command::SetSupervoxelCount(count.round() as usize));
        }
    });
}
