//! What an explanation is made with: effort, measure, and for those who want it, more.

use egui::{RichText, Ui};

use crate::engine::{Budget, MeasuredPart};
use crate::explain::baseline::Baseline;
use crate::explain::{Method, ValueFunction};
use crate::ui::command::Command;
use crate::ui::panels::{named_choice, quiet};
use crate::ui::state::{Choices, Facts};
use crate::ui::theme;

/// The efforts offered.
const EFFORTS: [(&str, Budget); 3] = [
    ("Quick", Budget::PerPlayer(2.0)),
    ("Standard", Budget::PerPlayer(6.0)),
    ("Until decided", Budget::UntilDecided),
];

pub fn show(ui: &mut Ui, facts: &Facts, choices: &mut Choices, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.label(quiet("Effort"));
        for (name, budget) in EFFORTS {
            let evaluations = budget.evaluations(choices.supervoxel_count);
            let hint = match budget {
                Budget::UntilDecided => format!(
                    "Until another run would rank the supervoxels alike; at most {evaluations} \
                     runs of the network"
                ),
                _ => format!("About {evaluations} runs of the network"),
            };
            ui.selectable_value(&mut choices.budget, budget, name)
                .on_hover_text(hint);
        }
    });
    let chosen = named_choice(
        ui,
        "Measured by",
        choices.value_function,
        &ValueFunction::ALL,
        |value| value.label().to_owned(),
    );
    if let Some(value_function) = chosen {
        commands.push(Command::SelectValueFunction(value_function));
    }
    egui::CollapsingHeader::new(quiet("More choices"))
        .id_salt("explanation choices")
        .show(ui, |ui| more(ui, facts, choices));
}

/// For those who compare methods; what is chosen counts from the next explanation on.
fn more(ui: &mut Ui, facts: &Facts, choices: &mut Choices) {
    let baseline = named_choice(
        ui,
        "Removed parts become",
        choices.baseline,
        &Baseline::ALL,
        |baseline| baseline.label().to_owned(),
    );
    choices.baseline = baseline.unwrap_or(choices.baseline);
    ui.label(quiet(choices.baseline.pitfall()));
    let estimator = named_choice(ui, "Estimator", choices.estimator, &Method::ALL, |method| {
        method.label().to_owned()
    });
    choices.estimator = estimator.unwrap_or(choices.estimator);
    let measured = named_choice(
        ui,
        "Looked at",
        choices.measured,
        &[MeasuredPart::Region, MeasuredPart::Target],
        |part| match part {
            MeasuredPart::Region => "All of the region".to_owned(),
            MeasuredPart::Target => "A box around the structure".to_owned(),
        },
    );
    choices.measured = measured.unwrap_or(choices.measured);
    ui.horizontal(|ui| {
        let label = ui.label(quiet("Seed"));
        ui.add(egui::DragValue::new(&mut choices.seed).range(0..=u64::from(u32::MAX)))
            .labelled_by(label.id)
            .on_hover_text("The same seed gives the same runs and the same values");
    });
    if let Some(explanation) = &facts.explanation
        && choices.differ_from(&explanation.settings)
    {
        ui.label(
            RichText::new("The map shown was made with other choices. Explain again to use these.")
                .font(theme::small())
                .color(theme::of(ui).caution),
        );
    }
}
