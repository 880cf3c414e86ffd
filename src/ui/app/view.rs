//! How the window is laid out.

use egui::{Align2, Button, Color32, Frame, Margin, ProgressBar, Rect, RichText, Stroke, Ui, Vec2};

use super::Viewer;
use crate::engine::{series_path, undecided_players};
use crate::gpu::OverlayStyle;
use crate::ui::command::{Command, Pane};
use crate::ui::panels;
use crate::ui::panes;
use crate::ui::state::{Facts, Job, Look, Message, MessageKind, SeriesChoice, mask_threshold};
use crate::ui::theme;
use crate::ui::widgets;

impl Viewer {
    /// Draws one frame.
    pub fn show(&mut self, ui: &mut Ui) {
        let bar = Frame::new()
            .fill(theme::PANEL)
            .inner_margin(Margin::symmetric(12, 4));
        egui::Panel::top("menu")
            .exact_size(36.0)
            .frame(bar)
            .show(ui, |ui| {
                panels::menu::show(ui, &self.facts, &self.view_device, &mut self.commands);
            });
        egui::Panel::bottom("status")
            .exact_size(28.0)
            .frame(bar)
            .show(ui, |ui| {
                panels::status::show(ui, &self.facts, self.look.as_ref());
            });
        if let Some(look) = &mut self.look {
            look.pointer_mm = None;
            look.hovered_player = None;
        }
        if self.facts.study.is_some() {
            egui::Panel::right("side")
                .exact_size(theme::SIDE_PANEL_WIDTH)
                .resizable(false)
                .frame(
                    Frame::new()
                        .fill(theme::PANEL)
                        .inner_margin(Margin::symmetric(14, 6)),
                )
                .show(ui, |ui| {
                    egui::ScrollArea::vertical()
                        .auto_shrink(false)
                        .show(ui, |ui| self.side(ui));
                });
        }
        egui::CentralPanel::no_frame()
            .frame(Frame::new().fill(theme::WINDOW))
            .show(ui, |ui| self.views(ui));
    }

    fn side(&mut self, ui: &mut Ui) {
        let Some(look) = &mut self.look else { return };
        let (facts, commands) = (&self.facts, &mut self.commands);
        panels::structures::show(ui, facts, &self.choices, look, commands);
        panels::explanation::supervoxels(ui, facts, &mut self.choices, look, commands);
        let paused = self.engine.job().is_paused();
        panels::explanation::run(
            ui,
            facts,
            &mut self.choices,
            look,
            self.job,
            paused,
            commands,
        );
        panels::explanation::heatmap(ui, facts, look);
        panels::ranking::show(ui, facts, look, commands);
    }

    fn views(&mut self, ui: &mut Ui) {
        let space = ui.available_rect_before_wrap();
        ui.allocate_rect(space, egui::Sense::hover());
        if let Some(choice) = &self.facts.series_to_choose {
            choose_series(ui, space, choice, &mut self.commands);
        } else if let Some(slice) = &self.facts.early_slice
            && self.opening
        {
            widgets::early_slice::show(ui, space, slice);
            busy(ui, space, self.job, &mut self.commands);
        } else if self.facts.study.is_none() {
            match self.job {
                Job::Idle => empty_state(ui, space, &mut self.commands),
                _ => busy(ui, space, self.job, &mut self.commands),
            }
        } else if let Some(mut look) = self.look.take() {
            self.draw_panes(ui, space, &mut look);
            self.look = Some(look);
            if let Job::Working(_) = self.job {
                busy(ui, space, self.job, &mut self.commands);
            }
        }
        if let Some(message) = &self.message {
            banner(ui, space, message, &mut self.commands);
        }
    }

    fn draw_panes(&mut self, ui: &mut Ui, space: Rect, look: &mut Look) {
        if let (Some(renderer), Some(study)) = (&mut self.renderer, &self.facts.study) {
            renderer.set_classes(&look.class_styles(study));
            renderer.set_players(&self.facts.player_samples());
            renderer.set_network_busy(self.job == Job::Explaining);
        }
        let appearance = look.appearance();
        let shown = panes::Shown {
            facts: &self.facts,
            overlay: overlay(&self.facts, look),
            look_changed: self.appearance.as_ref() != Some(&appearance),
        };
        for (pane, rect) in panes::layout(space, look.enlarged) {
            let renderer = self.renderer.as_mut();
            let commands = &mut self.commands;
            match pane {
                Pane::Slice(plane) => {
                    panes::slice::show(ui, rect, plane, &shown, look, renderer, commands);
                }
                Pane::Volume => panes::volume::show(ui, rect, &shown, look, renderer, commands),
            }
        }
        self.appearance = Some(appearance);
        if let Some(renderer) = &self.renderer
            && renderer.wants_refinement()
        {
            ui.ctx()
                .request_repaint_after(std::time::Duration::from_millis(120));
        }
    }
}

/// What the sliders of the side panel say about the layers.
fn overlay(facts: &Facts, look: &Look) -> OverlayStyle {
    let scale = facts.heat_scale();
    let supervoxel = |player: Option<usize>| player.and_then(|p| u16::try_from(p + 1).ok());
    OverlayStyle {
        segmentation_fill: look.segmentation_opacity,
        segmentation_outline: (look.segmentation_opacity * 2.0).min(1.0),
        boundary_opacity: look.boundary_opacity,
        heatmap_opacity: look.heatmap_opacity,
        heat_scale: scale.unwrap_or(1.0) as f32,
        mask_threshold: mask_threshold(facts, look.mask_share).map(|threshold| threshold as f32),
        hatch_undecided: true,
        selected_supervoxel: supervoxel(look.selected_player),
        hovered_supervoxel: supervoxel(look.hovered_player),
    }
}

impl Facts {
    /// Players whose interval holds zero or is not known.
    pub fn undecided_players(&self) -> usize {
        self.shown()
            .map_or(0, |snapshot| undecided_players(snapshot.estimate()).len())
    }
}

/// A card in the middle of the views.
fn card(ui: &mut Ui, space: Rect, width: f32, contents: impl FnOnce(&mut Ui)) {
    let width = width.min(space.width() - 24.0);
    egui::Area::new(ui.scope_id().with("card"))
        .order(egui::Order::Middle)
        .pivot(Align2::CENTER_CENTER)
        .fixed_pos(space.center())
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(theme::PANEL.gamma_multiply(0.97))
                .stroke(Stroke::new(1.0, theme::LINE))
                .corner_radius(10)
                .inner_margin(Margin::same(20))
                .show(ui, |ui| {
                    ui.set_width(width);
                    contents(ui);
                });
        });
}

fn empty_state(ui: &mut Ui, space: Rect, commands: &mut Vec<Command>) {
    card(ui, space, 420.0, |ui| {
        ui.vertical_centered(|ui| {
            ui.label(RichText::new("See why the network drew what it drew").size(20.0).strong());
            ui.add_space(6.0);
            ui.label(
                RichText::new(
                    "Open a scan to segment it and watch which parts of it the network relies on. You can also drop a file (NIfTI, NRRD, MetaImage, DICOM) or a DICOM folder here.",
                )
                .color(theme::TEXT_QUIET),
            );
            ui.add_space(14.0);
            let size = Vec2::new(240.0, 32.0);
            if ui.add(Button::new("Open scan…").fill(theme::ACCENT_FILL).min_size(size)).clicked() {
                commands.push(Command::ChooseScan);
            }
            ui.add_space(4.0);
            if ui.add(Button::new("Open the demonstration").min_size(size)).clicked() {
                commands.push(Command::OpenDemonstration);
            }
        });
    });
}

/// The series of a folder, one of which is to be opened.
fn choose_series(ui: &mut Ui, space: Rect, choice: &SeriesChoice, commands: &mut Vec<Command>) {
    card(ui, space, 560.0, |ui| {
        ui.label(RichText::new("Which series?").size(20.0).strong());
        let name = choice.folder.file_name().unwrap_or_default();
        ui.label(
            RichText::new(format!(
                "The folder {} holds {} series of images. Choose the one to open.",
                name.to_string_lossy(),
                choice.series.len()
            ))
            .color(theme::TEXT_QUIET),
        );
        ui.add_space(8.0);
        egui::ScrollArea::vertical()
            .max_height(space.height() * 0.5)
            .show(ui, |ui| {
                for (number, label) in (1..).zip(&choice.series) {
                    let size = Vec2::new(ui.available_width(), 30.0);
                    if ui
                        .add(Button::new(label).min_size(size).truncate())
                        .clicked()
                    {
                        let path = series_path(&choice.folder, number);
                        commands.push(Command::OpenScan(vec![path.into()]));
                    }
                }
            });
        ui.add_space(8.0);
        if ui.button("Open none").clicked() {
            commands.push(Command::DismissMessage);
        }
    });
}

/// What is being done, how far it is, and a way out.
fn busy(ui: &mut Ui, space: Rect, job: Job, commands: &mut Vec<Command>) {
    let Job::Working(progress) = job else { return };
    egui::Area::new(ui.scope_id().with("busy"))
        .order(egui::Order::Middle)
        .pivot(Align2::CENTER_BOTTOM)
        .fixed_pos(space.center_bottom() - Vec2::new(0.0, 16.0))
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(theme::PANEL.gamma_multiply(0.97))
                .stroke(Stroke::new(1.0, theme::LINE))
                .corner_radius(8)
                .inner_margin(Margin::symmetric(16, 10))
                .show(ui, |ui| {
                    ui.set_width(330.0_f32.min(space.width() - 40.0));
                    ui.horizontal(|ui| {
                        widgets::activity::show(ui);
                        ui.label(format!("{}…", progress.phase.label()));
                        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                            if ui.small_button("Cancel").clicked() {
                                commands.push(Command::Cancel);
                            }
                            if progress.total > 0 {
                                let text = format!("{} of {}", progress.done, progress.total);
                                ui.label(
                                    RichText::new(text)
                                        .font(theme::small())
                                        .color(theme::TEXT_QUIET),
                                );
                            }
                        });
                    });
                    if let Some(fraction) = progress.fraction() {
                        ui.add(ProgressBar::new(fraction as f32).desired_height(6.0));
                    }
                });
        });
}

/// A message with what to do about it.
fn banner(ui: &mut Ui, space: Rect, message: &Message, commands: &mut Vec<Command>) {
    let (line, title) = match message.kind {
        MessageKind::Note => (theme::ACCENT, "Note"),
        MessageKind::Failure => (theme::BAD, "This did not work"),
    };
    egui::Area::new(ui.scope_id().with("message"))
        .order(egui::Order::Foreground)
        .pivot(Align2::CENTER_TOP)
        .fixed_pos(space.center_top() + Vec2::new(0.0, 14.0))
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(theme::PANEL)
                .stroke(Stroke::new(1.0, line))
                .corner_radius(8)
                .inner_margin(Margin::same(14))
                .shadow(egui::Shadow {
                    offset: [0, 4],
                    blur: 16,
                    spread: 0,
                    color: Color32::from_black_alpha(120),
                })
                .show(ui, |ui| {
                    ui.set_width(520.0_f32.min(space.width() - 40.0));
                    ui.label(RichText::new(title).strong().color(line));
                    ui.label(sentence_case(&message.text));
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
