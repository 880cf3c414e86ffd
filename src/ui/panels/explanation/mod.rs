//! The explanation: supervoxels, effort, progress and the mask.

mod convergence;
pub mod mask;
mod reading;
mod running;
mod setup;
pub mod supervoxels;

use egui::{Button, Response, Ui, Vec2};

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
                wide(ui, false, Button::new("Explain"));
            }
            Job::Idle => {
                let label = format!("Explain {}", study.class_name(choices.class));
                let button = Button::new(label).fill(theme::of(ui).accent_fill);
                if wide(ui, facts.players.is_some(), button).clicked() {
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
    if wide(ui, true, Button::new(label))
        .on_hover_text("Makes as many runs again and counts those that were made")
        .clicked()
    {
        commands.push(Command::GoOn);
    }
}

/// A button over the whole width.
fn wide(ui: &mut Ui, enabled: bool, button: Button<'_>) -> Response {
    let size = Vec2::new(ui.available_width(), 30.0);
    ui.add_enabled_ui(enabled, |ui| ui.add_sized(size, button))
        .inner
}
