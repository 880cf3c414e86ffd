//! What is asked of the views and layers, carried out; and the overlays that come in.

use std::sync::Arc;

use super::Viewer;
use crate::base::{Grid, Orientation, Plane};
use crate::engine::{Overlay, OverlayFound, ScanFile};
use crate::gpu::{Interpolation, LabelSlot, Window};
use crate::ui::command::Command;
use crate::ui::layers::Layer;
use crate::ui::mask_rule::{self, RuleKind};
use crate::ui::render::ViewRenderer;
use crate::ui::state::{Message, MessageKind};
use crate::ui::view_command::{Larger, ViewCommand};
use crate::volume::LabelMap;

impl Viewer {
    /// Takes up the overlays that were read or compared since the last frame.
    pub(super) fn take_overlays(&mut self) {
        while let Some(found) = self.overlay_loader.take() {
            match found {
                OverlayFound::Overlay(overlay) => self.show_overlay(overlay),
                OverlayFound::Compared(comparison) => {
                    let study = self.facts.study.as_ref();
                    if study.is_some_and(|study| Arc::ptr_eq(study, &comparison.study)) {
                        self.facts.overlays.comparison = Some(comparison);
                        self.colour_reference();
                    }
                }
                OverlayFound::Failed(text) => {
                    self.facts.overlays.opening = None;
                    self.message = Some(Message {
                        kind: MessageKind::Failure,
                        text,
                    });
                }
            }
        }
    }

    fn show_overlay(&mut self, overlay: Overlay) {
        let overlays = &mut self.facts.overlays;
        // A file that was asked for over another scan is no longer wanted.
        if overlays.opening.take().is_none() {
            return;
        }
        let (layer, apart) = match overlay {
            Overlay::Labels(labels) => {
                if let Some(renderer) = &mut self.renderer {
                    renderer.set_labels(LabelSlot::Reference, Some(&labels.file.map));
                }
                let apart = labels.apart.clone();
                overlays.comparison = None;
                overlays.reference = Some(labels);
                self.colour_reference();
                self.compare_reference();
                (Layer::Reference, apart)
            }
            Overlay::Scan(scan) => {
                if let Some(renderer) = &mut self.renderer {
                    renderer.set_second_scan(Some(&scan.volume));
                }
                if let Some(look) = &mut self.look {
                    let (low, high) = scan.window;
                    look.layers.second_scan_window = Window { low, high };
                }
                let apart = scan.apart.clone();
                overlays.second_scan = Some(scan);
                (Layer::SecondScan, apart)
            }
        };
        if let Some(look) = &mut self.look {
            look.layers.of_mut(layer).visible = true;
        }
        if let Some(text) = apart {
            self.message = Some(Message {
                kind: MessageKind::Note,
                text,
            });
        }
    }

    pub(super) fn colour_reference(&mut self) {
        if let (Some(renderer), Some(study)) = (&mut self.renderer, &self.facts.study) {
            let styles = self.facts.overlays.reference_styles(study);
            renderer.set_label_colours(LabelSlot::Reference, &styles);
        }
    }

    /// Holds the reference against what is segmented now.
    pub(super) fn compare_reference(&mut self) {
        if let (Some(overlay), Some(study)) = (&self.facts.overlays.reference, &self.facts.study) {
            let segmentation = self.facts.segmentation.as_ref();
            self.overlay_loader.compare(overlay, study, segmentation);
        }
    }

    /// Overlays belong to the scan that they were laid over.
    pub(super) fn forget_added_layers(&mut self) {
        for layer in [
            Layer::Reference,
            Layer::SecondScan,
            Layer::Kept,
            Layer::Removed,
        ] {
            self.remove_overlay(layer);
        }
        self.facts.overlays.opening = None;
    }

    /// Shows what the network segments with the mask kept or removed, or no longer.
    pub fn show_masked(&mut self, layer: Layer, labels: Option<Arc<LabelMap>>) {
        let Some(slot) = layer.slot() else { return };
        if let Some(renderer) = &mut self.renderer {
            renderer.set_labels(slot, labels.as_deref());
        }
        match layer {
            Layer::Kept => self.facts.overlays.kept = labels,
            Layer::Removed => self.facts.overlays.removed = labels,
            _ => {}
        }
    }

    pub(super) fn show_geometry(&mut self) {
        let (Some(study), Some(look)) = (&self.facts.study, &self.look) else {
            return;
        };
        let cards = study.scan.cards.iter().map(|card| {
            let mut lines = vec![card.name.clone()];
            lines.extend(card.lines(look.convention));
            lines.extend(
                card.remarks
                    .iter()
                    .map(|remark| format!("Doubtful: {remark}")),
            );
            lines.join("\n")
        });
        self.message = Some(Message {
            kind: MessageKind::Note,
            text: cards.collect::<Vec<_>>().join("\n\n"),
        });
    }

    fn remove_overlay(&mut self, layer: Layer) {
        if let (Some(renderer), Some(slot)) = (&mut self.renderer, layer.slot()) {
            renderer.set_labels(slot, None);
        }
        let overlays = &mut self.facts.overlays;
        match layer {
            Layer::Reference => {
                overlays.reference = None;
                overlays.comparison = None;
            }
            Layer::SecondScan => {
                overlays.second_scan = None;
                if let Some(renderer) = &mut self.renderer {
                    renderer.set_second_scan(None);
                }
            }
            Layer::Kept => overlays.kept = None,
            Layer::Removed => overlays.removed = None,
            _ => {}
        }
        if let Some(look) = &mut self.look
            && look.layers.solo == Some(layer)
        {
            look.layers.solo = None;
        }
    }

    /// Carries out a wish about the views and layers.
    pub(super) fn change_views(&mut self, command: ViewCommand) {
        match command {
            ViewCommand::Arrange(arrangement) => self.layout.arrange(arrangement),
            ViewCommand::ChooseOverlay if self.facts.study.is_some() => {
                self.dialogs.choose_overlay();
            }
            ViewCommand::OpenOverlay(file) => self.open_overlay(file),
            ViewCommand::RemoveOverlay(layer) => self.remove_overlay(layer),
            ViewCommand::ShowChannel(channel) => self.show_channel(channel),
            ViewCommand::NextChannel => {
                let study = self.facts.study.as_ref();
                let count = study.map_or(1, |study| study.scan.channels.len().max(1));
                let now = self.look.as_ref().map_or(0, |look| look.channel);
                self.show_channel((now + 1) % count);
            }
            ViewCommand::ShowFrame(frame) => {
                if let [file] = self.choices.scan.as_slice() {
                    let file = ScanFile {
                        frame: Some(frame),
                        ..file.clone()
                    };
                    self.commands.push(Command::OpenScan(vec![file]));
                }
            }
            other => self.change_looks(other),
        }
    }

    fn open_overlay(&mut self, file: ScanFile) {
        let Some(study) = &self.facts.study else {
            return;
        };
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        self.facts.overlays.opening = Some(name.into_owned());
        self.overlay_loader.open(file, study.first_channel().grid());
    }

    fn show_channel(&mut self, channel: usize) {
        let (Some(study), Some(look)) = (&self.facts.study, &mut self.look) else {
            return;
        };
        let Some(volume) = study.scan.channels.get(channel) else {
            return;
        };
        if channel != look.channel {
            look.show_channel(channel, volume);
            if let Some(renderer) = &mut self.renderer {
                ViewRenderer::show_channel(renderer, volume);
            }
        }
    }

    fn change_looks(&mut self, command: ViewCommand) {
        let (Some(study), Some(look)) = (&self.facts.study, &mut self.look) else {
            return;
        };
        let (plane, index) = (look.plane, look.plane as usize);
        match command {
            ViewCommand::Scrub(steps) => self.commands.push(Command::Scrub(plane, steps)),
            ViewCommand::Fit => {
                look.zoom[index] = 1.0;
                look.center_mm[index] = study.first_channel().grid().world_bounds().center_mm();
            }
            ViewCommand::OneToOne => {
                let spacing = study.first_channel().grid().spacing_mm();
                let voxel_mm = spacing.into_iter().fold(f64::INFINITY, f64::min);
                let wanted = voxel_mm * look.pixels_per_point;
                let zoom = look.fit_mm_per_point[index] / wanted.max(1e-6);
                let fixed = look.crosshair_mm;
                look.set_zoom(plane, zoom, fixed);
                look.center_mm[index] = fixed;
            }
            ViewCommand::Zoom(larger) => {
                let factor = match larger {
                    Larger::In => 1.25,
                    Larger::Out => 0.8,
                };
                let fixed = look.pointer_mm.unwrap_or(look.crosshair_mm);
                look.set_zoom(plane, look.zoom[index] * factor, fixed);
            }
            ViewCommand::GreyWindow(number) => {
                let channel = study.scan.channels.get(look.channel);
                let preset = look.unit.windows().get(number);
                if let (Some(channel), Some(preset)) = (channel, preset)
                    && let Some(window) = preset.on(channel)
                {
                    look.window = window;
                }
            }
            ViewCommand::Invert => look.inverted = !look.inverted,
            ViewCommand::Interpolate(interpolation) => look.interpolation = interpolation,
            ViewCommand::NextInterpolation => {
                look.interpolation = match look.interpolation {
                    Interpolation::Nearest => Interpolation::Linear,
                    Interpolation::Linear => Interpolation::Cubic,
                    Interpolation::Cubic => Interpolation::Nearest,
                };
            }
            ViewCommand::MeasureLengths => {
                look.measuring = !look.measuring;
                look.new_ruler = None;
            }
            ViewCommand::RemoveRulers => look.rulers.clear(),
            ViewCommand::RemoveRuler(number) if number < look.rulers.len() => {
                look.rulers.remove(number);
            }
            ViewCommand::CutMask(mask) => look.mask = mask,
            ViewCommand::NextMaskRule => {
                let kind = RuleKind::of(look.mask.rule);
                look.mask.rule = mask_rule::next(&RuleKind::ALL, kind).rule();
            }
            ViewCommand::NextMaskSign => {
                look.mask.sign = mask_rule::next(&mask_rule::SIGNS, look.mask.sign);
            }
            ViewCommand::Toggle(layer) => look.layers.toggle(layer),
            ViewCommand::Solo(layer) => look.layers.toggle_solo(layer),
            ViewCommand::Raise(layer) => {
                let facts = &self.facts;
                look.layers.raise(layer, |other| facts.has(other));
            }
            ViewCommand::ShowHeat(heat) => look.layers.heat = heat,
            _ => {}
        }
    }
}

/// One step of scrubbing: the distance between voxels along the world axis that is
/// closest to one of the scan's.
pub(super) fn scrub_step_mm(grid: &Grid, plane: Plane) -> f64 {
    let orientation = Orientation::of(grid);
    let spacing = grid.spacing_mm();
    orientation
        .0
        .iter()
        .zip(spacing)
        .find(|(direction, _)| direction.axis == plane.normal())
        .map_or(1.0, |(_, spacing)| spacing)
}
