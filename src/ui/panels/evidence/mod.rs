//! Evidence for and against the map: the mask put to the test, curves, smallest sets,
//! and checks that end in a sentence and a verdict.

mod curves;
mod mask_test;
mod verdicts;

use egui::{Button, Ui, Vec2};

use crate::engine::evidence::Evidence;
use crate::ui::command::{Command, EvidenceScope};
use crate::ui::panels::{quiet, section};
use crate::ui::state::{Facts, Job, Look};

pub fn show(ui: &mut Ui, facts: &Facts, look: &Look, job: Job, commands: &mut Vec<Command>) {
    if facts.shown().is_none() {
        return;
    }
    section(ui, "Evidence", |ui| {
        mask_test::show(ui, facts, look, commands);
        if facts.explanation.is_none() {
            ui.label(quiet(
                "More evidence can be gathered when the explanation is finished.",
            ));
            return;
        }
        ui.add_space(4.0);
        buttons(ui, job, commands);
        let Some(report) = &facts.evidence else {
            return;
        };
        if let Some(next) = report.next {
            ui.label(quiet(format!("Under way: {}", next.label())));
        }
        if let Some(found) = shown(facts) {
            curves::show(ui, found);
            smallest_sets(ui, found);
            verdicts::show(ui, found);
        }
        for (part, why) in &report.failed {
            ui.label(quiet(format!(
                "{} could not be gathered: {why}",
                part.label()
            )));
        }
        ui.label(quiet(format!(
            "{} runs of the network in {:.0} s, besides those of the explanation",
            report.runs, report.seconds
        )));
    });
}

/// The evidence for the answer that is shown.
fn shown(facts: &Facts) -> Option<&Evidence> {
    let class = facts.shown()?.class();
    let answers = &facts.evidence.as_ref()?.answers;
    answers.iter().find(|evidence| evidence.class == class)
}

fn buttons(ui: &mut Ui, job: Job, commands: &mut Vec<Command>) {
    let idle = job == Job::Idle;
    let width = (ui.available_width() - 2.0 * ui.spacing().item_spacing.x) / 3.0;
    ui.horizontal(|ui| {
        for scope in EvidenceScope::ALL {
            let label = scope.label();
            let response = ui
                .add_enabled_ui(idle, |ui| {
                    ui.add_sized(Vec2::new(width, 28.0), Button::new(label))
                })
                .inner;
            let name = format!("Gather evidence: {label}");
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, idle, &name));
            if response.on_hover_text(scope.hint()).clicked() {
                commands.push(Command::GatherEvidence(scope));
            }
        }
    });
}

/// How little suffices, and how little is necessary.
fn smallest_sets(ui: &mut Ui, found: &Evidence) {
    let Some(minimal) = &found.minimal else {
        return;
    };
    if let Some(set) = &minimal.sufficient {
        ui.label(format!(
            "{} of {} supervoxels alone keep an overlap of {:.2}.",
            set.count,
            set.players.len(),
            set.score
        ));
    }
    if let Some(set) = &minimal.necessary {
        ui.label(format!(
            "Without {} of them it falls to {:.2}.",
            set.count, set.score
        ));
    }
    for note in &minimal.notes {
        ui.label(quiet(note.as_str()));
    }
}
