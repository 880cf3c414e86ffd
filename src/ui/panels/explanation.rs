//! The explanation: supervoxels, effort, progress, the heatmap and the mask.

use egui::{Button, ProgressBar, RichText, Ui, Vec2};

use crate::engine::{Budget, Part};
use crate::explain::ValueFunction;
use crate::ui::command::Command;
use crate::ui::panels::{counted, duration, millilitres, section, slider_row};
use crate::ui::state::{Choices, Facts, Job, Look, mask_statistics, mask_threshold};
use crate::ui::theme;

/// The efforts offered.
const EFFORTS: [(&str, Budget); 3] = [
    ("Quick", Budget::PerPlayer(2.0)),
    ("Standard", Budget::PerPlayer(6.0)),
    ("Until decided", Budget::UntilDecided),
];

/// Fewest and most supervoxels the slider offers.
const COUNTS: std::ops::RangeInclusive<usize> = 20..=600;

pub fn supervoxels(ui: &mut Ui, facts: &Facts, choices: &mut Choices, commands: &mut Vec<Command>) {
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
        let mut count = choices.supervoxel_count as f32;
        let range = *COUNTS.start() as f32..=*COUNTS.end() as f32;
        if slider_row(ui, "Supervoxel count", &found, &mut count, range).changed() {
            commands.push(Command::SetSupervoxelCount(count.round() as usize));
        }
    });
}

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
        let class = study.class_name(choices.class);
        ui.horizontal(|ui| {
            ui.label(
                RichText::new("Effort")
                    .font(theme::small())
                    .color(theme::TEXT_QUIET),
            );
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
        measured_by(ui, choices, commands);
        ui.add_space(2.0);
        match job {
            Job::Explaining => running(ui, facts, paused, commands),
            Job::Working(_) => {
                ui.add_enabled(false, wide(ui, "Explain"));
            }
            Job::Idle => {
                let ready = facts.players.is_some();
                let label = format!("Explain {class}");
                let button = wide(ui, &label).fill(theme::ACCENT_FILL);
                if ui.add_enabled(ready, button).clicked() {
                    commands.push(Command::Explain);
                }
            }
        }
        if let Some(snapshot) = facts.shown() {
            ui.add_space(4.0);
            part(ui, facts, choices, look, commands);
            sentence(ui, facts, study.class_name(snapshot.class()), snapshot);
        }
    });
}

/// Which number of the network's output is explained.
fn measured_by(ui: &mut Ui, choices: &Choices, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        let label = ui.label(
            RichText::new("Measured by")
                .font(theme::small())
                .color(theme::TEXT_QUIET),
        );
        let mut chosen = choices.value_function;
        egui::ComboBox::from_id_salt("value function")
            .width(ui.available_width())
            .selected_text(chosen.label())
            .show_ui(ui, |ui| {
                for value_function in ValueFunction::ALL {
                    ui.selectable_value(&mut chosen, value_function, value_function.label());
                }
            })
            .response
            .labelled_by(label.id);
        if chosen != choices.value_function {
            commands.push(Command::SelectValueFunction(chosen));
        }
    });
}

/// Which part is asked about, and how to ask about another.
fn part(ui: &mut Ui, facts: &Facts, choices: &Choices, look: &Look, commands: &mut Vec<Command>) {
    let Some(snapshot) = facts.shown() else {
        return;
    };
    ui.horizontal_wrapped(|ui| {
        if choices.part != Part::Whole && ui.button("The whole structure").clicked() {
            commands.push(Command::AskAbout(Part::Whole));
        }
        if let Some(player) = look.selected_player {
            let asked = Part::Players(vec![player]);
            let text = format!("Why here? (supervoxel {})", player + 1);
            let button = ui.add_enabled(choices.part != asked, Button::new(text));
            if button
                .on_hover_text("Explain what the network sees in the chosen supervoxel")
                .clicked()
            {
                commands.push(Command::AskAbout(asked));
            }
        }
    });
    if let Some(text) = snapshot.answer.part_in_words() {
        ui.label(
            RichText::new(text)
                .font(theme::small())
                .color(theme::ACCENT),
        );
    }
}

fn wide<'a>(ui: &Ui, text: &'a str) -> Button<'a> {
    Button::new(text).min_size(Vec2::new(ui.available_width(), 30.0))
}

fn running(ui: &mut Ui, facts: &Facts, paused: bool, commands: &mut Vec<Command>) {
    let (fraction, text) = match facts.shown() {
        Some(snapshot) => {
            let left = snapshot.remaining_s.map_or(String::new(), |s| {
                if paused {
                    ", paused".to_owned()
                } else {
                    format!(", {} left", duration(s))
                }
            });
            (
                snapshot.evaluations as f32 / snapshot.budget.max(1) as f32,
                format!("{} of {} runs{left}", snapshot.evaluations, snapshot.budget),
            )
        }
        None => (0.0, "First runs of the network…".to_owned()),
    };
    ui.add(
        ProgressBar::new(fraction)
            .desired_height(8.0)
            .corner_radius(4.0),
    );
    ui.label(
        RichText::new(text)
            .font(theme::small())
            .color(theme::TEXT_QUIET),
    );
    ui.horizontal(|ui| {
        let size = Vec2::new((ui.available_width() - theme::GAP) / 2.0, 28.0);
        let label = if paused { "Resume" } else { "Pause" };
        if ui.add(Button::new(label).min_size(size)).clicked() {
            commands.push(Command::PauseOrResume);
        }
        if ui.add(Button::new("Cancel").min_size(size)).clicked() {
            commands.push(Command::Cancel);
        }
    });
}

/// What the map says so far, with its uncertainty, in words.
fn sentence(ui: &mut Ui, facts: &Facts, class: &str, snapshot: &crate::engine::Snapshot) {
    let estimate = snapshot.estimate();
    let visited = estimate.visited();
    if visited < 1.0 {
        let text = format!(
            "First pass: {:.0} % of the supervoxels have a value.",
            visited * 100.0
        );
        ui.label(RichText::new(text).color(theme::TEXT_QUIET));
        return;
    }
    let strongest = crate::engine::ranked(estimate).into_iter().next();
    if let Some(player) = strongest
        && let Some(known) = estimate.players.get(player)
    {
        let interval = known
            .standard_error
            .map(|error| format!(" ± {:.3}", error * estimate.interval_factor))
            .unwrap_or_default();
        ui.label(format!(
            "Showing supervoxel {} to the network changes {} of {class} by {:+.3}{interval} on average.",
            player + 1,
            snapshot.answer.question.value_function.in_sentence(),
            known.shap_value,
        ));
    }
    ui.label(
        RichText::new(format!(
            "With nothing of the region shown it is {:.2}, with all of it {:.2}.",
            estimate.value_empty, estimate.value_full
        ))
        .font(theme::small())
        .color(theme::TEXT_QUIET),
    );
    if let Some(forecast) = snapshot.forecast() {
        let (text, colour) = if forecast.reached() {
            (
                "The values are precise to 5 % of their range.".to_owned(),
                theme::GOOD,
            )
        } else {
            let text = format!(
                "Precise to 5 % of the range after about {} runs (now {:.0} %).",
                forecast.evaluations_needed,
                forecast.ratio * 100.0
            );
            (text, theme::TEXT_QUIET)
        };
        ui.label(RichText::new(text).font(theme::small()).color(colour));
    }
    let undecided = facts.undecided_players();
    if undecided > 0 {
        let text = format!(
            "{undecided} of {} supervoxels are undecided (hatched).",
            estimate.players.len()
        );
        ui.label(
            RichText::new(text)
                .font(theme::small())
                .color(theme::CAUTION),
        );
    }
}

pub fn heatmap(ui: &mut Ui, facts: &Facts, look: &mut Look) {
    section(ui, "Heatmap and relevance mask", |ui| {
        if facts.heat_scale().is_none() {
            ui.label(
                RichText::new("The heatmap fills in while the explanation runs.")
                    .font(theme::small())
                    .color(theme::TEXT_QUIET),
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
