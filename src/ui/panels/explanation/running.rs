//! A run that is under way: how far it is, how sure it is by now, and how to hold it.

use egui::{Button, ProgressBar, RichText, Ui, Vec2};

use crate::ui::command::Command;
use crate::ui::panels::duration;
use crate::ui::state::Facts;
use crate::ui::theme;

pub fn show(ui: &mut Ui, facts: &Facts, paused: bool, commands: &mut Vec<Command>) {
    let (fraction, text) = match facts.shown() {
        Some(snapshot) => {
            let left = snapshot.remaining_s.map_or(String::new(), |s| {
                if paused {
                    ", paused".to_owned()
                } else {
                    format!(", {} left", duration(s))
                }
            });
            let channels = facts
                .study
                .as_ref()
                .map_or(1, |study| study.scan.channels.len());
            // Runs come in pairs.
            let all_made = snapshot.evaluations + 2 > snapshot.budget;
            let text = if all_made && channels > 1 {
                "All runs made; sharing the values among the channels…".to_owned()
            } else {
                format!("{} of {} runs{left}", snapshot.evaluations, snapshot.budget)
            };
            (
                snapshot.evaluations as f32 / snapshot.budget.max(1) as f32,
                text,
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
            .color(theme::of(ui).quiet),
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
