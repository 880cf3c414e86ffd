//! What the window does for its user besides the study: settings, recent scans, sheets,
//! undo, keys and dropped files.

use std::path::PathBuf;

use super::Viewer;
use crate::engine::{ModelSource, assets};
use crate::ui::command::{Command, Situation, keys_by_precision};
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
            device_lost: self.device_is_lost(),
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
        self.settings.value_function = self.choices.value_function;
        self.settings.budget = self.choices.budget.to_string();
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
            Sheet::Settings => {
                sheets::settings::show(ui, &mut self.settings, self.store.place(), commands);
            }
        }
        self.sheet = Some(sheet);
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
                self.commands.push(entry.command.clone());
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
