//! How the window is laid out.

use egui::{Frame, Margin, Rect, Ui};

use super::Viewer;
use crate::engine::{mask_cut, undecided_players};
use crate::gpu::{LabelSlot, OverlayStyle, Tier};
use crate::ui::cards::{banner, busy, choose_series, empty_state, hint};
use crate::ui::command::Pane;
use crate::ui::layers::{HeatShown, Layer};
use crate::ui::panels;
use crate::ui::panes;
use crate::ui::state::{Facts, Job, Look, relevance_mask};
use crate::ui::theme;
use crate::ui::widgets;

impl Viewer {
    /// Draws one frame.
    pub fn show(&mut self, ui: &mut Ui) {
        let colours = theme::of(ui);
        let now = self.situation();
        let bar = Frame::new()
            .fill(colours.panel)
            .inner_margin(Margin::symmetric(12, 4));
        egui::Panel::top("menu")
            .exact_size(36.0)
            .frame(bar)
            .show(ui, |ui| {
                let bar = panels::menu::Bar {
                    view_device: &self.view_device,
                    software: self.renderer.is_some() && self.draws_in_software(),
                    recent: &self.settings.recent,
                };
                panels::menu::show(ui, &self.facts, &bar, &now, &mut self.commands);
            });
        egui::Panel::bottom("status")
            .exact_size(28.0)
            .frame(bar)
            .show(ui, |ui| {
                panels::status::show(ui, &self.facts, self.look.as_ref());
            });
        let pointer_before = self.look.as_ref().and_then(|look| look.pointer_mm);
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
                        .fill(colours.panel)
                        .inner_margin(Margin::symmetric(14, 6)),
                )
                .show(ui, |ui| {
                    egui::ScrollArea::vertical()
                        .auto_shrink(false)
                        .show(ui, |ui| self.side(ui));
                });
        }
        egui::CentralPanel::no_frame()
            .frame(Frame::new().fill(colours.window))
            .show(ui, |ui| self.views(ui));
        // The bar at the bottom was drawn before the views knew where the pointer is.
        if self.look.as_ref().and_then(|look| look.pointer_mm) != pointer_before {
            ui.ctx().request_repaint();
        }
        self.show_sheet(ui);
        self.show_focus(ui);
    }

    /// Whether a program imitates the graphics card.
    fn draws_in_software(&self) -> bool {
        self.graphics
            .as_ref()
            .is_none_or(|graphics| graphics.context.tier == Tier::Software)
    }

    fn side(&mut self, ui: &mut Ui) {
        let Some(look) = &mut self.look else { return };
        let (facts, commands) = (&self.facts, &mut self.commands);
        panels::layers::show(ui, facts, &self.choices, look, commands);
        panels::explanation::supervoxels::show(ui, facts, &mut self.choices, commands);
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
        panels::explanation::mask::show(ui, facts, look, commands);
        panels::ranking::show(ui, facts, look, commands);
        panels::evidence::show(ui, facts, look, self.job, commands);
    }

    fn views(&mut self, ui: &mut Ui) {
        let space = ui.available_rect_before_wrap();
        self.views = space;
        let left_s = self.remaining_s();
        ui.allocate_rect(space, egui::Sense::hover());
        if let Some(choice) = &mut self.facts.series_to_choose {
            choose_series(ui, space, choice, &mut self.commands);
        } else if let Some(slice) = &self.facts.early_slice
            && self.opening
        {
            widgets::early_slice::show(ui, space, slice);
            busy(ui, space, self.job, left_s, &mut self.commands);
        } else if self.facts.study.is_none() {
            match self.job {
                Job::Idle => {
                    empty_state(ui, space, &self.settings.recent, &mut self.commands);
                }
                _ => busy(ui, space, self.job, left_s, &mut self.commands),
            }
        } else if let Some(mut look) = self.look.take() {
            self.draw_panes(ui, space, &mut look);
            self.look = Some(look);
            if let Job::Working(_) = self.job {
                busy(ui, space, self.job, left_s, &mut self.commands);
            } else if self.shows_hint() {
                hint(ui, space, &mut self.commands);
            }
        }
        if let Some(message) = &self.message {
            banner(ui, space, message, &mut self.commands);
        }
    }

    fn draw_panes(&mut self, ui: &mut Ui, space: Rect, look: &mut Look) {
        if let (Some(renderer), Some(study)) = (&mut self.renderer, &self.facts.study) {
            let classes = look.class_styles(study);
            for slot in [LabelSlot::Kept, LabelSlot::Removed] {
                renderer.set_label_colours(slot, &classes);
            }
            renderer.set_classes(&classes);
            renderer.set_players(&self.facts.player_samples());
            renderer.set_network_busy(self.job == Job::Explaining);
        }
        let appearance = look.appearance();
        let shown = panes::Shown {
            facts: &self.facts,
            overlay: overlay(&self.facts, look),
            look_changed: self.appearance.as_ref() != Some(&appearance),
        };
        let (renderer, commands) = (&mut self.renderer, &mut self.commands);
        self.layout.show(ui, space, &mut |ui, pane, rect| {
            let renderer = renderer.as_mut();
            match pane {
                Pane::Slice(plane) => {
                    panes::slice::show(ui, rect, plane, &shown, look, renderer, commands);
                }
                Pane::Volume => panes::volume::show(ui, rect, &shown, look, renderer, commands),
            }
        });
        panels::volume_look::show(ui.ctx(), &mut look.volume, &mut self.commands);
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
    let layers = &look.layers;
    let shows_error = layers.heat == HeatShown::StandardError;
    let scale = if shows_error {
        facts.error_scale().map(|(_, half_width)| half_width)
    } else {
        facts.heat_scale()
    };
    let strength = |layer, opacity: f32| if layers.shows(layer) { opacity } else { 0.0 };
    let segmentation = strength(Layer::Segmentation, look.segmentation_opacity);
    let (segmentation_fill, segmentation_outline) =
        layers.of(Layer::Segmentation).drawn.parts(segmentation);
    let mask = layers.of(Layer::Mask);
    let (mask_fill, mask_outline) = mask.drawn.parts(strength(Layer::Mask, mask.opacity));
    let supervoxel = |player: Option<usize>| player.and_then(|p| u16::try_from(p + 1).ok());
    OverlayStyle {
        segmentation_fill,
        segmentation_outline,
        boundary_opacity: strength(Layer::Supervoxels, look.boundary_opacity),
        heatmap_opacity: strength(Layer::Heatmap, look.heatmap_opacity),
        heat_scale: scale.unwrap_or(1.0) as f32,
        mask: relevance_mask(facts, look.mask)
            .filter(|_| layers.shows(Layer::Mask))
            .and_then(|mask| mask_cut(look.mask, &mask)),
        hatch_undecided: !shows_error,
        mask_fill: mask_fill * 0.5,
        mask_outline,
        heat_shows_error: shows_error,
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
