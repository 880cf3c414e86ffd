//! Cards over the views: nothing open, a choice to make, work under way, a message.

use egui::{Align2, Button, Color32, Frame, Margin, ProgressBar, Rect, RichText, Stroke, Ui, Vec2};

use crate::base::{Phase, Progress};
use crate::engine::series_path;
use crate::ui::command::Command;
use crate::ui::panels::duration;
use crate::ui::settings::RecentScan;
use crate::ui::state::{Job, Message, MessageKind, SeriesChoice};
use crate::ui::theme;
use crate::ui::widgets;

/// A card in the middle of the views.
fn card(ui: &mut Ui, space: Rect, width: f32, contents: impl FnOnce(&mut Ui)) {
    let colours = theme::of(ui);
    let width = width.min(space.width() - 24.0);
    egui::Area::new(ui.scope_id().with("card"))
        .order(egui::Order::Middle)
        .pivot(Align2::CENTER_CENTER)
        .fixed_pos(space.center())
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(colours.panel)
                .stroke(Stroke::new(1.0, colours.line))
                .corner_radius(10)
                .inner_margin(Margin::same(20))
                .show(ui, |ui| {
                    ui.set_width(width);
                    contents(ui);
                });
        });
}

pub fn empty_state(ui: &mut Ui, space: Rect, recent: &[RecentScan], commands: &mut Vec<Command>) {
    card(ui, space, 420.0, |ui| {
        ui.vertical_centered(|ui| {
            ui.label(RichText::new("See why the network drew what it drew").size(20.0).strong());
            ui.add_space(6.0);
            ui.label(
                RichText::new(
                    "Open a scan to segment it and watch which parts of it the network relies on. You can also drop a file (NIfTI, NRRD, MetaImage, DICOM) or a DICOM folder here.",
                )
                .color(theme::of(ui).quiet),
            );
            ui.add_space(14.0);
            let size = Vec2::new(240.0, 32.0);
            if ui.add(Button::new("Open scan…").fill(theme::of(ui).accent_fill).min_size(size)).clicked() {
                commands.push(Command::ChooseScan);
            }
            ui.add_space(4.0);
            if ui.add(Button::new("Open the demonstration").min_size(size)).clicked() {
                commands.push(Command::OpenDemonstration);
            }
        });
        if !recent.is_empty() {
            ui.add_space(14.0);
            ui.label(
                RichText::new("Recent scans")
                    .font(theme::heading())
                    .strong(),
            );
        }
        for scan in recent.iter().take(5) {
            let size = Vec2::new(ui.available_width(), 26.0);
            let button = Button::new(scan.label()).min_size(size).truncate();
            if ui.add(button).on_hover_text(scan.folder()).clicked() {
                commands.push(Command::OpenRecent(scan.clone()));
            }
        }
    });
}

/// Said once, on the first study that is shown.
pub fn hint(ui: &mut Ui, space: Rect, commands: &mut Vec<Command>) {
    let colours = theme::of(ui);
    at_the_bottom(ui, space, "hint", colours.accent, |ui| {
        ui.label("Click in a slice to look somewhere else, and drag the corner of the yellow box to explain another place. Ctrl+K finds every command, ? shows all keys.");
        if ui.button("Got it").clicked() {
            commands.push(Command::CloseHint);
        }
    });
}

/// A low card over the bottom of the views.
fn at_the_bottom(ui: &Ui, space: Rect, name: &str, line: Color32, contents: impl FnOnce(&mut Ui)) {
    egui::Area::new(ui.scope_id().with(name))
        .order(egui::Order::Middle)
        .pivot(Align2::CENTER_BOTTOM)
        .fixed_pos(space.center_bottom() - Vec2::new(0.0, 16.0))
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(theme::of(ui).panel)
                .stroke(Stroke::new(1.0, line))
                .corner_radius(8)
                .inner_margin(Margin::symmetric(16, 10))
                .show(ui, |ui| {
                    ui.set_width(430.0_f32.min(space.width() - 40.0));
                    contents(ui);
                });
        });
}

/// The series of a folder: one is to be opened, or as many together as the model has
/// channels.
pub fn choose_series(
    ui: &mut Ui,
    space: Rect,
    choice: &mut SeriesChoice,
    commands: &mut Vec<Command>,
) {
    card(ui, space, 560.0, |ui| {
        ui.label(RichText::new("Which series?").size(20.0).strong());
        let name = choice.folder.file_name().unwrap_or_default();
        let together = choice.channels > 1;
        let what = if together {
            format!(
                "Tick {} of them for the channels of the model, or open one.",
                choice.channels
            )
        } else {
            "Choose the one to open.".to_owned()
        };
        ui.label(
            RichText::new(format!(
                "The folder {} holds {} series of images. {what}",
                name.to_string_lossy(),
                choice.series.len()
            ))
            .color(theme::of(ui).quiet),
        );
        ui.add_space(8.0);
        egui::ScrollArea::vertical()
            .max_height(space.height() * 0.5)
            .show(ui, |ui| {
                for index in 0..choice.series.len() {
                    series_row(ui, choice, index, together, commands);
                }
            });
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            if together {
                let ticked = choice.ticked.len();
                let ready = ticked == choice.channels;
                let text = format!("Open {ticked} of {} as channels", choice.channels);
                let button = Button::new(text).fill(theme::of(ui).accent_fill);
                if ui.add_enabled(ready, button).clicked() {
                    let series = choice.ticked.iter();
                    let paths = series.map(|index| series_path(&choice.folder, index + 1).into());
                    commands.push(Command::OpenScan(paths.collect()));
                }
            }
            if ui.button("Open none").clicked() {
                commands.push(Command::DismissMessage);
            }
        });
    });
}

fn series_row(
    ui: &mut Ui,
    choice: &mut SeriesChoice,
    index: usize,
    together: bool,
    commands: &mut Vec<Command>,
) {
    let Some(label) = choice.series.get(index).cloned() else {
        return;
    };
    ui.horizontal(|ui| {
        if together {
            let mut ticked = choice.ticked.contains(&index);
            let full = choice.ticked.len() >= choice.channels && !ticked;
            let response = ui.add_enabled(!full, egui::Checkbox::without_text(&mut ticked));
            let name = format!("Take series {}", index + 1);
            response.widget_info(|| {
                egui::WidgetInfo::selected(egui::Role::CheckBox, !full, ticked, &name)
            });
            if response.changed() {
                choice.ticked.retain(|other| *other != index);
                if ticked {
                    choice.ticked.push(index);
                }
            }
        }
        let size = Vec2::new(ui.available_width(), 30.0);
        if ui
            .add(Button::new(label).min_size(size).truncate())
            .clicked()
        {
            let path = series_path(&choice.folder, index + 1);
            commands.push(Command::OpenScan(vec![path.into()]));
        }
    });
}

/// What is being done, how far it is, and a way out.
pub fn busy(
    ui: &mut Ui,
    space: Rect,
    job: Job,
    remaining_s: Option<f64>,
    commands: &mut Vec<Command>,
) {
    let colours = theme::of(ui);
    let Job::Working(progress) = job else { return };
    at_the_bottom(ui, space, "busy", colours.line, |ui| {
        ui.horizontal(|ui| {
            widgets::activity::show(ui);
            ui.label(format!("{}…", progress.phase.label()));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.small_button("Cancel").clicked() {
                    commands.push(Command::Cancel);
                }
                if progress.total > 0 {
                    let text = progress_text(progress, remaining_s);
                    ui.label(
                        RichText::new(text)
                            .font(theme::small())
                            .color(theme::of(ui).quiet),
                    );
                }
            });
        });
        if let Some(fraction) = progress.fraction() {
            ui.add(ProgressBar::new(fraction as f32).desired_height(6.0));
        }
    });
}

/// How far it is, in MB while a file is read, and how long it will take.
fn progress_text(progress: Progress, remaining_s: Option<f64>) -> String {
    let text = match progress.phase {
        Phase::Opening if progress.total > 1_000_000 => format!(
            "{:.1} of {:.1} MB",
            progress.done as f64 / 1e6,
            progress.total as f64 / 1e6
        ),
        _ => format!("{} of {}", progress.done, progress.total),
    };
    match remaining_s {
        Some(left) => format!("{text}, {} left", duration(left)),
        None => text,
    }
}

/// A message with what to do about it.
pub fn banner(ui: &mut Ui, space: Rect, message: &Message, commands: &mut Vec<Command>) {
    let colours = theme::of(ui);
    let (line, title) = match message.kind {
        MessageKind::Note => (colours.accent, "Note"),
        MessageKind::Failure => (colours.bad, "This did not work"),
    };
    egui::Area::new(ui.scope_id().with("message"))
        .order(egui::Order::Foreground)
        .pivot(Align2::CENTER_TOP)
        .fixed_pos(space.center_top() + Vec2::new(0.0, 14.0))
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(colours.panel)
                .stroke(Stroke::new(1.0, line))
                .corner_radius(8)
                .inner_margin(Margin::same(14))
                .shadow(theme::shadow())
                .show(ui, |ui| {
                    ui.set_width(520.0_f32.min(space.width() - 40.0));
                    ui.label(RichText::new(title).strong().color(line));
                    egui::ScrollArea::vertical()
                        .max_height(space.height() * 0.5)
                        .show(ui, |ui| ui.label(sentence_case(&message.text)));
                    ui.add_space(4.0);
                    ui.horizontal(|ui| {
                        if ui.button("Dismiss").clicked() {
                            commands.push(Command::DismissMessage);
                        }
                        if message.kind == MessageKind::Failure
                            && ui.button("Copy details").clicked()
                        {
                            ui.ctx().copy_text(message.text.clone());
                        }
                    });
                });
        });
}

/// An error's words as a sentence: they come without a capital, as errors do.
fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
