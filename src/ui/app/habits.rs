//! What the window does for its user besides the study: settings, recent scans, sheets,
//! undo, keys and dropped files.

use std::path::{Path, PathBuf};

use super::Viewer;
use crate::engine::{ModelSource, assets};
use crate::ui::capture::{self, Destination};
use crate::ui::command::{Command, Shot, ShotOf, Situation, keys_by_precision};
use crate::ui::history::Stance;
use crate::ui::settings::{RecentScan, Sides, TEXT_SCALES};
use crate::ui::sheets::{self, Sheet};
use crate::ui::state::{Job, Message, MessageKind};
use crate::ui::theme;

/// Factor of one step of larger or smaller text.
const TEXT_STEP: f32 = 1.1;

impl Viewer {
    /// What commands depend on.
    pub fn situation(&self) -> Situation {
        let facts = &self.facts;
        Situation {
            scan: facts.study.is_some(),
            segmented: facts.segmentation.is_some(),
            supervoxels: facts.players.is_some(),
            working: matches!(self.job, Job::Working(_)),
            explaining: self.job == Job::Explaining,
            finished_explanation: facts.explanation.is_some(),
            message: self.message.is_some(),
            undo: self.history.undo_label(),
            redo: self.history.redo_label(),
            recent_files: !self.settings.recent.is_empty(),
        }
    }

    /// Carries out a command of this part of the application; gives others back.
    pub(super) fn carry_out_habit(
        &mut self,
        ctx: &egui::Context,
        command: Command,
    ) -> Option<Command> {
        match command {
            Command::ShowPalette => self.toggle(Sheet::palette()),
            Command::ShowShortcuts => self.toggle(Sheet::Shortcuts),
            Command::ShowSettings => self.toggle(Sheet::Settings),
            Command::CloseSheet => self.sheet = None,
            Command::ShowScreenshot => self.toggle(Sheet::Screenshot(Shot {
                of: ShotOf::Views,
                scale: 1,
            })),
            Command::ChooseScreenshotFile(shot) => self.dialogs.choose_picture_file(shot),
            Command::SaveScreenshot(path, shot) => {
                self.take_picture(ctx, shot, Destination::File(path));
            }
            Command::CopyScreenshot(shot) => self.take_picture(ctx, shot, Destination::Clipboard),
            Command::RestartRenderer => {
                if let Err(error) = self.restart_renderer(ctx) {
                    self.fail(&error.to_string());
                }
            }
            Command::StartAsUsual => self.start_as_usual(ctx),
            Command::CloseHint => self.settings.hint_was_read = true,
            Command::Undo => {
                let stance = self.history.undo();
                self.go_to(stance);
            }
            Command::Redo => {
                let stance = self.history.redo();
                self.go_to(stance);
            }
            Command::SetTheme(choice) => {
                self.settings.theme = choice;
                theme::choose(ctx, choice);
                // What was drawn in the old colours before this is drawn again.
                ctx.request_repaint();
            }
            Command::LargerText => self.scale_text(ctx, self.settings.text_scale * TEXT_STEP),
            Command::SmallerText => self.scale_text(ctx, self.settings.text_scale / TEXT_STEP),
            Command::NormalText => self.scale_text(ctx, 1.0),
            Command::FullScreen => {
                let full = ctx.input(|input| input.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            Command::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            Command::OpenRecent(scan) => {
                self.commands.push(Command::OpenModel(scan.model()));
                return Some(Command::OpenScan(scan.scan()));
            }
            Command::ForgetRecentFiles => self.settings.recent.clear(),
            Command::SwitchConvention => {
                let other = self.settings.sides.convention().other();
                self.settings.sides = Sides::from(other);
                if let Some(look) = &mut self.look {
                    look.convention = other;
                }
            }
            other => return Some(other),
        }
        None
    }

    fn take_picture(&mut self, ctx: &egui::Context, shot: Shot, destination: Destination) {
        self.sheet = None;
        let convention = self.settings.sides.convention();
        capture::Request {
            shot,
            destination,
            views: self.views,
            pixels_per_point: ctx.pixels_per_point(),
            convention,
            outcome: self.picture.clone(),
        }
        .send(ctx);
    }

    /// After a run that did not end well the user has decided to go on as ever.
    fn start_as_usual(&mut self, ctx: &egui::Context) {
        self.sheet = None;
        let Some((draw_on, first)) = self.held_back.take() else {
            return;
        };
        self.draw_on = draw_on;
        if let Err(error) = self.restart_renderer(ctx) {
            self.fail(&error.to_string());
        }
        self.commands.extend(first);
    }

    /// Answers of dialogs, and of pictures that were asked for.
    pub(super) fn take_answers(&mut self) {
        if let Some(command) = self.dialogs.take_answer() {
            let chosen = match &command {
                Command::OpenScan(files) => files.first().map(|file| file.path.as_path()),
                Command::OpenModel(model) => Some(model.path.as_path()),
                Command::Save(path) | Command::SaveScreenshot(path, _) => Some(path.as_path()),
                _ => None,
            };
            if let Some(folder) = chosen.and_then(Path::parent) {
                self.settings.last_folder = Some(folder.to_owned());
            }
            self.commands.push(command);
        }
        self.dialogs.folder.clone_from(&self.settings.last_folder);
        match self.picture.take() {
            Some(Ok(said)) => self.note(&said),
            Some(Err(why)) => self.fail(&why),
            None => {}
        }
    }

    /// Seconds that the phase under way still takes, once that can be told.
    pub(super) fn remaining_s(&self) -> Option<f64> {
        let (Job::Working(progress), Some((phase, pace))) = (self.job, &self.pace) else {
            return None;
        };
        (*phase == progress.phase && pace.elapsed_s() > 2.0)
            .then(|| pace.remaining_s(progress.done, progress.total))
            .flatten()
    }

    /// Whether the first hint is still of use. Where nothing is kept it would never go.
    pub(super) fn shows_hint(&self) -> bool {
        !self.settings.hint_was_read && self.store.place().is_some() && self.message.is_none()
    }

    fn fail(&mut self, why: &str) {
        self.message = Some(Message {
            kind: MessageKind::Failure,
            text: why.to_owned(),
        });
    }

    fn toggle(&mut self, sheet: Sheet) {
        let same = self
            .sheet
            .as_ref()
            .is_some_and(|open| std::mem::discriminant(open) == std::mem::discriminant(&sheet));
        self.sheet = (!same).then_some(sheet);
    }

    fn scale_text(&mut self, ctx: &egui::Context, scale: f32) {
        // Steps up and down meet at the same sizes.
        let scale = (scale * 100.0).round() / 100.0;
        self.settings.text_scale = scale.clamp(*TEXT_SCALES.start(), *TEXT_SCALES.end());
        ctx.set_zoom_factor(self.settings.text_scale);
    }

    fn go_to(&mut self, stance: Option<Stance>) {
        let (Some(stance), Some(look), Some(study)) = (stance, &mut self.look, &self.facts.study)
        else {
            return;
        };
        stance.restore(look);
        self.settings.sides = Sides::from(look.convention);
        if stance.region() != study.region {
            self.commands.push(Command::MoveRegion(stance.region()));
        }
    }

    /// Takes notice of what the user did since the last frame.
    pub(super) fn remember(&mut self, ctx: &egui::Context) {
        if let (Some(look), Some(study)) = (&self.look, &self.facts.study) {
            let (down, time_s) = ctx.input(|input| (input.pointer.any_down(), input.time));
            self.history.observe(Stance::of(look, study), down, time_s);
        }
        theme::choose(ctx, self.settings.theme);
        if let Some(look) = &mut self.look {
            look.mouse = self.settings.mouse;
        }
        self.settings.value_function = self.choices.value_function;
        self.settings.budget = self.choices.budget.to_string();
        if self.kept_layout.as_ref() != Some(&self.layout) {
            self.settings.layout = serde_json::to_value(&self.layout).ok();
            self.kept_layout = Some(self.layout.clone());
        }
        let (down, size) = ctx.input(|input| {
            let viewport = input.viewport();
            let usual = viewport.fullscreen != Some(true) && viewport.maximized != Some(true);
            let size = viewport
                .inner_rect
                .filter(|_| usual)
                .map(|rect| rect.size());
            (input.pointer.any_down(), size)
        });
        if let Some(size) = size {
            // In points of the system, whatever the size of text.
            let size = size * ctx.zoom_factor();
            self.settings.window_size = Some([size.x.round(), size.y.round()]);
        }
        if !down && let Err(why) = self.store.keep(&self.settings) {
            self.note(&why);
        }
    }

    /// Puts an opened scan at the head of the recent ones.
    pub(super) fn remember_scan(&mut self) {
        let demonstration = assets::demonstration_scan();
        let scan = &self.choices.scan;
        if scan.iter().all(|file| file.path != demonstration) {
            let recent = RecentScan::new(scan, &self.choices.model);
            self.settings.remember(recent);
        }
    }

    /// Says something, besides what is already said.
    pub(super) fn note(&mut self, text: &str) {
        let said = self.message.take().filter(|m| m.kind == MessageKind::Note);
        let mut lines: Vec<String> = said.into_iter().map(|message| message.text).collect();
        if !lines.iter().any(|line| line.contains(text)) {
            lines.push(text.to_owned());
        }
        self.message = Some(Message {
            kind: MessageKind::Note,
            text: lines.join("\n"),
        });
    }

    /// Draws the sheet that is open.
    pub(super) fn show_sheet(&mut self, ui: &egui::Ui) {
        let Some(mut sheet) = self.sheet.take() else {
            return;
        };
        let now = self.situation();
        let commands = &mut self.commands;
        match &mut sheet {
            Sheet::Palette(palette) => {
                sheets::palette::show(ui, palette, &now, &self.settings.recent, commands);
            }
            Sheet::Shortcuts => sheets::shortcuts::show(ui, self.settings.mouse, commands),
            Sheet::Screenshot(shot) => {
                let points = |of| match of {
                    ShotOf::Views => self.views.size(),
                    ShotOf::Window => ui.ctx().content_rect().size(),
                };
                let pixels_per_point = ui.ctx().pixels_per_point();
                let size_px = |of| {
                    let size = points(of) * pixels_per_point;
                    [size.x.round() as u32, size.y.round() as u32]
                };
                sheets::screenshot::show(ui, shot, size_px, commands);
            }
            Sheet::AfterCrash => sheets::after_crash::show(ui, commands),
            Sheet::Settings => {
                sheets::settings::show(ui, &mut self.settings, self.store.place(), commands);
            }
        }
        self.sheet = Some(sheet);
    }

    /// Draws a ring around the control that keys act on, once keys have moved there.
    pub(super) fn show_focus(&mut self, ui: &egui::Ui) {
        let (tab, pressed) = ui.input(|input| {
            (
                input.key_pressed(egui::Key::Tab),
                input.pointer.any_pressed(),
            )
        });
        self.focus_by_keys = (self.focus_by_keys || tab) && !pressed;
        let ctx = ui.ctx();
        if !self.focus_by_keys || ctx.text_edit_focused() {
            return;
        }
        let focused = ctx.memory(|memory| memory.focused());
        let Some(response) = focused.and_then(|id| ctx.read_response(id)) else {
            return;
        };
        if response.interact_rect.is_positive() {
            let layer = egui::LayerId::new(egui::Order::Tooltip, egui::Id::unique("focus ring"));
            ctx.layer_painter(layer).rect_stroke(
                response.interact_rect.expand(2.0),
                6.0,
                egui::Stroke::new(2.0, theme::of(ui).accent),
                egui::StrokeKind::Outside,
            );
        }
    }

    pub(super) fn take_dropped_files(&mut self, ctx: &egui::Context) {
        let dropped: Vec<PathBuf> = ctx.input(|input| {
            input
                .raw
                .dropped_files
                .iter()
                .map(|file| file.path().to_owned())
                .collect()
        });
        if let [path] = dropped.as_slice()
            && ModelSource::is_model(path)
        {
            self.commands.push(Command::OpenModel(path.clone().into()));
        } else if !dropped.is_empty() {
            let scans = dropped.into_iter().map(Into::into).collect();
            self.commands.push(Command::OpenScan(scans));
        }
    }

    /// Keys become commands, unless they belong to a control that has the focus.
    pub(super) fn take_shortcuts(&mut self, ctx: &egui::Context) {
        let typing = ctx.text_edit_focused();
        let focused = ctx.egui_wants_keyboard_input();
        for (key, entry) in keys_by_precision() {
            let belongs_to_control = typing && is_for_text(&key)
                || focused && is_for_controls(key.logical_key) && key.modifiers.is_none();
            // A sheet is in front of everything but what closes it or takes its place.
            let behind_sheet = self.sheet.is_some() && !opens_sheet(&entry.command);
            if belongs_to_control || behind_sheet {
                continue;
            }
            if ctx.input_mut(|input| input.consume_shortcut(&key)) {
                // Escape and its like say nothing where there is nothing to leave.
                let leaves = matches!(entry.command, Command::Cancel | Command::DismissMessage);
                if !leaves || entry.need.missing(&self.situation()).is_none() {
                    self.commands.push(entry.command.clone());
                }
            }
        }
    }
}

fn opens_sheet(command: &Command) -> bool {
    matches!(
        command,
        Command::ShowPalette | Command::ShowShortcuts | Command::ShowSettings | Command::Quit
    )
}

/// Whether a key writes or edits where text is typed.
fn is_for_text(key: &egui::KeyboardShortcut) -> bool {
    use egui::Key;
    let edits = [Key::Z, Key::Y, Key::A, Key::X, Key::C, Key::V];
    key.conflicts_with_text_editing() && !is_function_key(key.logical_key)
        || edits.contains(&key.logical_key)
}

fn is_function_key(key: egui::Key) -> bool {
    use egui::Key;
    matches!(
        key,
        Key::F1 | Key::F2 | Key::F3 | Key::F4 | Key::F11 | Key::F12
    )
}

/// Whether a button or slider that has the focus uses a key itself.
fn is_for_controls(key: egui::Key) -> bool {
    use egui::Key;
    matches!(
        key,
        Key::Space | Key::Enter | Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown
    )
}
