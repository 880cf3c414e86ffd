//! What the map says, in words, with its uncertainty.

use egui::{Button, RichText, Ui};

use crate::engine::{Part, Snapshot};
use crate::ui::command::Command;
use crate::ui::panels::quiet;
use crate::ui::state::{Choices, Facts, Look};
use crate::ui::theme;

/// Which part is asked about, and how to ask about another.
pub fn part(
    ui: &mut Ui,
    facts: &Facts,
    choices: &Choices,
    look: &Look,
    commands: &mut Vec<Command>,
) {
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
            region(ui, choices, player, commands);
        }
    });
    if let Some(text) = snapshot.answer.part_in_words() {
        ui.label(
            RichText::new(text)
                .font(theme::small())
                .color(theme::of(ui).accent),
        );
    }
}

/// Where a region of supervoxels is asked about: the chosen one into it, or out of it.
fn region(ui: &mut Ui, choices: &Choices, player: usize, commands: &mut Vec<Command>) {
    let Part::Players(players) = &choices.part else {
        return;
    };
    let words = match players.as_slice() {
        [only] if *only == player => return,
        players if players.contains(&player) => "Leave out",
        _ => "Add",
    };
    let button = ui.button(format!("{words} supervoxel {}", player + 1));
    let button = button.on_hover_text(
        "Ask about several supervoxels together; Shift and a click in a slice does the same",
    );
    if button.clicked() {
        commands.push(Command::ToggleInRegion(player));
    }
}

/// What the map says so far, with its uncertainty, in words.
pub fn sentence(ui: &mut Ui, facts: &Facts, class: &str, snapshot: &Snapshot) {
    let estimate = snapshot.estimate();
    let visited = estimate.visited();
    if visited < 1.0 {
        let text = format!(
            "First pass: {:.0} % of the supervoxels have a value.",
            visited * 100.0
        );
        ui.label(RichText::new(text).color(theme::of(ui).quiet));
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
            "Showing supervoxel {} to the network changes {} by {:+.3}{interval} on average.",
            player + 1,
            snapshot.answer.question.value_function.in_sentence(class),
            known.shap_value,
        ));
    }
    ui.label(
        RichText::new(format!(
            "With nothing of the region shown it is {:.2}, with all of it {:.2}.",
            estimate.value_empty, estimate.value_full
        ))
        .font(theme::small())
        .color(theme::of(ui).quiet),
    );
    if let Some(forecast) = snapshot.forecast() {
        let (text, colour) = if forecast.reached() {
            (
                "The values are precise to 5 % of their range.".to_owned(),
                theme::of(ui).good,
            )
        } else {
            let text = format!(
                "Precise to 5 % of the range after about {} runs (now {:.0} %).",
                forecast.evaluations_needed,
                forecast.ratio * 100.0
            );
            (text, theme::of(ui).quiet)
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
                .color(theme::of(ui).caution),
        );
    }
}

/// What each channel contributes, where there are several: to the whole, and to the
/// chosen supervoxel.
pub fn channels(ui: &mut Ui, facts: &Facts, look: &Look) {
    let (Some(snapshot), Some(explanation)) = (facts.shown(), &facts.explanation) else {
        return;
    };
    let found = explanation
        .modalities
        .iter()
        .find(|modalities| modalities.class == snapshot.class());
    let Some(modalities) = found else { return };
    ui.add_space(4.0);
    ui.label(RichText::new("Channels").strong());
    bars(ui, &modalities.channels, &modalities.values);
    for shared in &modalities.supervoxels {
        if look.selected_player == Some(shared.player) {
            ui.label(quiet(format!("Of supervoxel {}", shared.player + 1)));
            bars(ui, &modalities.channels, &shared.shares);
        }
    }
}

/// Signed bars with names and numbers, on one scale.
fn bars(ui: &mut Ui, names: &[String], values: &[f64]) {
    let largest = values
        .iter()
        .fold(0.0_f64, |most, value| most.max(value.abs()));
    for (name, &value) in names.iter().zip(values) {
        ui.horizontal(|ui| {
            ui.add_sized(
                [72.0, 18.0],
                egui::Label::new(quiet(name.as_str())).truncate(),
            );
            let width = (ui.available_width() - 70.0).max(20.0);
            let (rect, response) =
                ui.allocate_exact_size(egui::vec2(width, 12.0), egui::Sense::hover());
            let words = format!("{name}: {value:+.4}");
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
            let middle = rect.center().x;
            let share = if largest > 0.0 { value / largest } else { 0.0 };
            let end = middle + share as f32 * rect.width() / 2.0;
            let bar =
                egui::Rect::from_x_y_ranges(middle.min(end)..=middle.max(end), rect.y_range());
            let crate::base::colour::Rgb([r, g, b]) =
                crate::base::colour::diverging(share.signum() * 0.6);
            ui.painter()
                .rect_filled(bar, 2.0, egui::Color32::from_rgb(r, g, b));
            ui.painter().vline(
                middle,
                rect.y_range(),
                egui::Stroke::new(1.0, theme::of(ui).line),
            );
            ui.label(RichText::new(format!("{value:+.4}")).monospace());
        });
    }
}
