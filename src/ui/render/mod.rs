//! The views' pictures: drawn when something changed, shown by egui.
//!
//! An unchanged view costs nothing: its last picture is shown again. While the camera
//! moves, the volume is drawn coarsely; once it rests, finely.

mod cpu;
mod device;

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::TextureId;
use egui::mutex::RwLock;

use crate::base::Grid;
pub use crate::engine::rendering::DrawOn;
use crate::gpu::transfer::TransferTable;
use crate::gpu::{
    ClassStyle, FRAMES, GpuContext, GpuError, LabelSlot, PlayerSample, Quality, RaycastView,
    SliceView, Tier,
};
use crate::volume::{LabelMap, Volume};

use cpu::CpuPainter;
use device::DevicePainter;

/// How long the view must rest before the volume is drawn finely.
const REST: Duration = Duration::from_millis(150);

/// While the network works on the CPU it needs the cores more than a fine picture that
/// a stream of values outdates at once; the volume then follows it at this pace.
const SOFTWARE_PACE: Duration = Duration::from_secs(12);

/// Draws the views of one window.
pub struct ViewRenderer {
    painter: Painter,
    tier: Tier,
    /// Grows with every change of a layer, so that pictures know they are outdated.
    version: u64,
    /// The same, and with the transfer function, which slices do not show.
    volume_version: u64,
    slices: [Option<(SliceView, u64)>; 3],
    volume: Option<Asked>,
    players: Vec<PlayerSample>,
    classes: Vec<ClassStyle>,
    transfer: Option<TransferTable>,
    label_colours: [Vec<ClassStyle>; 3],
    network_is_busy: bool,
    last_change: Instant,
    last_fine: Option<Instant>,
    wants_refinement: bool,
    failure: Option<String>,
}

enum Painter {
    Device(Box<DevicePainter>),
    Cpu(Box<CpuPainter>),
}

/// The picture of the volume that was asked for last.
struct Asked {
    view: RaycastView,
    version: u64,
    fine: bool,
}

/// Why views cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error(transparent)]
    Gpu(#[from] GpuError),
    #[error("the threads that draw could not be started: {0}")]
    Threads(#[from] std::io::Error),
}

impl ViewRenderer {
    pub fn new(
        ctx: &egui::Context,
        gpu: GpuContext,
        egui: Arc<RwLock<egui_wgpu::Renderer>>,
        draw_on: DrawOn,
    ) -> Result<Self, RenderError> {
        let tier = gpu.tier;
        let on_cpu = tier.draws_on_cpu() && draw_on == DrawOn::Automatic;
        if on_cpu || draw_on == DrawOn::Cpu {
            return Self::on_cpu(ctx);
        }
        let painter = Painter::Device(Box::new(DevicePainter::new(gpu, egui)?));
        Ok(Self::with(painter, tier))
    }

    /// Draws without a graphics device.
    pub fn on_cpu(ctx: &egui::Context) -> Result<Self, RenderError> {
        let painter = Painter::Cpu(Box::new(CpuPainter::new(ctx)?));
        Ok(Self::with(painter, Tier::Software))
    }

    fn with(painter: Painter, tier: Tier) -> Self {
        Self {
            painter,
            tier,
            version: 0,
            volume_version: 0,
            slices: [None; 3],
            volume: None,
            players: Vec::new(),
            classes: Vec::new(),
            transfer: None,
            label_colours: Default::default(),
            network_is_busy: false,
            last_change: Instant::now(),
            last_fine: None,
            wants_refinement: false,
            failure: None,
        }
    }

    /// A failure to draw that has not been told yet.
    pub fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    /// Bytes sent to the graphics device for layers and tables; 0 where the CPU draws.
    pub fn uploaded_bytes(&self) -> u64 {
        match &self.painter {
            Painter::Device(painter) => painter.uploaded_bytes(),
            Painter::Cpu(_) => 0,
        }
    }

    pub fn set_scan(&mut self, scan: &Volume) {
        self.forget_overlays();
        self.show_channel(scan);
    }

    /// Shows another channel of the scan under the layers that are there.
    pub fn show_channel(&mut self, channel: &Volume) {
        let outcome = match &mut self.painter {
            Painter::Device(painter) => painter.set_scan(channel),
            Painter::Cpu(painter) => {
                painter.set_scan(channel);
                Ok(())
            }
        };
        self.changed(outcome);
    }

    /// Shows a second scan on slices, or none.
    pub fn set_second_scan(&mut self, scan: Option<&Volume>) {
        let outcome = match &mut self.painter {
            Painter::Device(painter) => painter.set_second_scan(scan),
            Painter::Cpu(painter) => {
                painter.set_second_scan(scan);
                Ok(())
            }
        };
        self.changed(outcome);
    }

    /// Shows a label map beside the segmentation on slices, or none.
    pub fn set_labels(&mut self, slot: LabelSlot, labels: Option<&LabelMap>) {
        let outcome = match &mut self.painter {
            Painter::Device(painter) => painter.set_labels(slot, labels),
            Painter::Cpu(painter) => {
                painter.set_labels(slot, labels);
                Ok(())
            }
        };
        self.changed(outcome);
    }

    /// Colours of a label map's labels, sent only when they changed.
    pub fn set_label_colours(&mut self, slot: LabelSlot, styles: &[ClassStyle]) {
        let known = &mut self.label_colours[slot.index()];
        if known == styles {
            return;
        }
        *known = styles.to_vec();
        let outcome = match &mut self.painter {
            Painter::Device(painter) => painter.set_label_colours(slot, styles),
            Painter::Cpu(painter) => {
                painter.set_label_colours(slot, styles);
                Ok(())
            }
        };
        self.changed(outcome);
    }

    pub fn set_segmentation(&mut self, labels: Option<&LabelMap>) {
        let outcome = match &mut self.painter {
            Painter::Device(painter) => painter.set_segmentation(labels),
            Painter::Cpu(painter) => {
                painter.set_segmentation(labels);
                Ok(())
            }
        };
        self.changed(outcome);
    }

    pub fn set_supervoxels(&mut self, labels: Option<&LabelMap>) {
        self.set_players(&[]);
        let outcome = match &mut self.painter {
            Painter::Device(painter) => painter.set_supervoxels(labels),
            Painter::Cpu(painter) => {
                painter.set_supervoxels(labels);
                Ok(())
            }
        };
        self.changed(outcome);
    }

    /// Shows the scan alone.
    pub fn forget_overlays(&mut self) {
        self.set_segmentation(None);
        self.set_supervoxels(None);
    }

    /// The values of the players: a few bytes each, sent only when they changed.
    pub fn set_players(&mut self, players: &[PlayerSample]) {
        if self.players == players {
            return;
        }
        self.players = players.to_vec();
        let outcome = match &mut self.painter {
            Painter::Device(painter) => painter.set_players(players),
            Painter::Cpu(painter) => {
                painter.set_players(players);
                Ok(())
            }
        };
        self.changed(outcome);
    }

    pub fn set_classes(&mut self, classes: &[ClassStyle]) {
        if self.classes == classes {
            return;
        }
        self.classes = classes.to_vec();
        let outcome = match &mut self.painter {
            Painter::Device(painter) => painter.set_classes(classes),
            Painter::Cpu(painter) => {
                painter.set_classes(classes);
                Ok(())
            }
        };
        self.changed(outcome);
    }

    /// Colours and opacities of the scan in the volume: some kilobytes, sent only when
    /// they changed.
    pub fn set_transfer(&mut self, table: &TransferTable) {
        if self.transfer.as_ref() == Some(table) {
            return;
        }
        self.transfer = Some(*table);
        let outcome = match &mut self.painter {
            Painter::Device(painter) => painter.set_transfer(table),
            Painter::Cpu(painter) => {
                painter.set_transfer(table);
                Ok(())
            }
        };
        self.note(outcome);
        self.volume_version += 1;
    }

    fn changed(&mut self, outcome: Result<(), GpuError>) {
        self.version += 1;
        self.volume_version += 1;
        self.note(outcome);
    }

    fn note(&mut self, outcome: Result<(), GpuError>) {
        if let Err(error) = outcome {
            self.failure = Some(error.to_string());
        }
    }

    /// What a viewer must know about pictures of the volume: a scan that was thinned out
    /// to fit the device, and drawing without one.
    pub fn volume_notes(&self, grid: &Grid) -> Vec<String> {
        let mut notes = Vec::new();
        if let Painter::Device(painter) = &self.painter {
            let side = painter.largest_volume_side().max(1);
            let thinned = grid.dims().map(|n| n.div_ceil(side));
            if let Some(most) = thinned.into_iter().max().filter(|&most| most > 1) {
                notes.push(format!("3D thinned by {most}"));
            }
        }
        if self.tier == Tier::Software {
            notes.push("software rendering".to_owned());
        }
        notes
    }

    /// Tells whether an explanation runs.
    pub fn set_network_busy(&mut self, busy: bool) {
        self.network_is_busy = busy;
    }

    /// Whether a finer picture of the volume waits for the view to rest.
    pub fn wants_refinement(&self) -> bool {
        self.wants_refinement
    }

    /// The picture of a slice.
    pub fn slice(&mut self, index: usize, view: &SliceView) -> Option<TextureId> {
        let asked = self.slices.get_mut(index)?;
        if *asked != Some((*view, self.version)) {
            *asked = Some((*view, self.version));
            let outcome = match &mut self.painter {
                Painter::Device(painter) => painter.draw_slice(index, view),
                Painter::Cpu(painter) => {
                    painter.draw_slice(index, view);
                    Ok(())
                }
            };
            self.note(outcome);
        }
        match &mut self.painter {
            Painter::Device(painter) => painter.slice(index),
            Painter::Cpu(painter) => painter.slice(index),
        }
    }

    /// The picture of the volume, and whether it is a fine one. `view_at` says what to
    /// draw at a quality; `moving` whether the user is changing the view right now.
    pub fn volume(
        &mut self,
        grid: &Grid,
        moving: bool,
        view_at: impl Fn(Quality) -> RaycastView,
    ) -> Option<(TextureId, bool)> {
        if moving {
            self.last_change = Instant::now();
        }
        let coarse = view_at(Quality::moving(self.tier, grid));
        let fine = view_at(Quality::at_rest(self.tier, grid));
        let current = self
            .volume
            .as_ref()
            .filter(|asked| {
                asked.version == self.volume_version
                    && asked.view == if asked.fine { fine } else { coarse }
            })
            .map(|asked| asked.fine);
        let resting = self.last_change.elapsed() >= REST && self.may_refine();
        self.wants_refinement = false;
        // New values without a hand on the controls do not ask for a coarse picture:
        // the last fine one stays until the next.
        let coarse_first = moving || self.volume.is_none();
        match current {
            Some(true) => {}
            None if self.tier == Tier::Full => self.ask_volume(fine, true),
            None if coarse_first => {
                self.ask_volume(coarse, false);
                self.wants_refinement = true;
            }
            _ if resting => self.ask_volume(fine, true),
            _ => self.wants_refinement = true,
        }
        match &mut self.painter {
            Painter::Device(painter) => painter.volume(),
            Painter::Cpu(painter) => painter.volume(),
        }
    }

    fn may_refine(&self) -> bool {
        self.tier != Tier::Software
            || !self.network_is_busy
            || self
                .last_fine
                .is_none_or(|at| at.elapsed() >= SOFTWARE_PACE)
    }

    fn ask_volume(&mut self, view: RaycastView, fine: bool) {
        self.volume = Some(Asked {
            view,
            version: self.volume_version,
            fine,
        });
        if fine {
            self.last_fine = Some(Instant::now());
        }
        let outcome = match &mut self.painter {
            Painter::Device(painter) => painter.draw_volume(&view, fine),
            Painter::Cpu(painter) => {
                // While the network works on the same cores one fine picture must do.
                let frames = if self.network_is_busy { 1 } else { FRAMES };
                painter.draw_volume(&view, fine, frames);
                Ok(())
            }
        };
        self.note(outcome);
    }
}
