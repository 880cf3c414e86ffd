//! The explanation: supervoxels, effort, progress, the heatmap and the mask.

mod convergence;
pub mod heatmap;
mod reading;
mod running;
mod setup;
pub mod supervoxels;

use egui::{Button, Ui, Vec2};

use crate::ui::command::Command;
use crate::ui::panels::section;
use crate::ui::state::{Choices, Facts, Job, Look};
use crate::ui::theme;

/// The explanation's section: what it is made with, its progress, and what it says.
pub fn run(
    ui: &mut Ui,
    facts: &Facts,
    choices: &mut Choices,
    look: &Look,
    job: Job,
    paused: bool,
    commands: &mut Vec<Command>,
) {
    section(ui, "Explanation", |ui| {
        let Some(study) = &facts.study else { return };
        setup::show(ui, facts, choices, commands);
        ui.add_space(2.0);
        match job {
            Job::Explaining => running::show(ui, facts, paused, commands),
            Job::Working(_) => {
                ui.add_enabled(false, wide(ui, "Explain"));
            }
            Job::Idle => {
                let label = format!("Explain {}", study.class_name(choices.class));
                let button = wide(ui, &label).fill(theme::ACCENT_FILL);
                if ui.add_enabled(facts.players.is_some(), button).clicked() {
                    commands.push(Command::Explain);
                }
                go_on(ui, facts, commands);
            }
        }
        if let Some(snapshot) = facts.shown() {
            convergence::show(ui, facts);
            ui.add_space(4.0);
            reading::part(ui, facts, choices, look, commands);
            reading::sentence(ui, facts, study.class_name(snapshot.class()), snapshot);
            reading::channels(ui, facts, look);
        }
    });
}

/// Twice the runs, where a finished explanation is not certain enough.
fn go_on(ui: &mut Ui, facts: &Facts, commands: &mut Vec<Command>) {
    let Some(explanation) = &facts.explanation else {
        return;
    };
    let runs = explanation.log.records().len();
    let label = format!("Go on to {} runs", 2 * runs);
    let button = wide(ui, &label);
    let button = ui.add(button);
    if button
        .on_hover_text("Makes as many runs again and counts those that were made")
        .clicked()
    {
        commands.push(Command::GoOn);
    }
}

fn wide<'a>(ui: &Ui, text: &'a str) -> Button<'a> {
    Button::new(text).min_size(Vec2::new(ui.available_width(), 30.0))
}
