//! The views' pictures: drawn into textures when something changed, shown by egui.
//!
//! An unchanged view costs nothing: its last picture is shown again. While the camera
//! moves, the volume is drawn coarsely; once it rests, finely.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::TextureId;
use egui::mutex::RwLock;

use crate::base::Grid;
use crate::gpu::{
    ClassStyle, GpuContext, GpuError, PlayerSample, Quality, RaycastPass, RaycastView, Scene,
    SlicePass, SliceView, Target, Tier,
};
use crate::volume::{LabelMap, Volume};

/// How long the camera must rest before the volume is drawn finely.
const REST: Duration = Duration::from_millis(150);

/// On a software adapter the network needs the cores more than a fine picture that a
/// stream of values outdates at once; the volume then follows it at this pace.
const SOFTWARE_PACE: Duration = Duration::from_secs(4);

/// Draws the views of one window.
pub struct ViewRenderer {
    gpu: GpuContext,
    egui: Arc<RwLock<egui_wgpu::Renderer>>,
    scene: Scene,
    slice_pass: SlicePass,
    raycast_pass: RaycastPass,
    slices: [Option<Shown<SliceView>>; 3],
    volume: Option<Shown<RaycastView>>,
    /// Grows with every change of a layer, so that pictures know they are outdated.
    version: u64,
    players: Vec<PlayerSample>,
    classes: Vec<ClassStyle>,
    /// When the camera or the look last changed.
    last_change: Instant,
    last_fine: Option<Instant>,
    wants_refinement: bool,
    /// What went wrong last, for the window to tell once.
    failure: Option<String>,
}

/// A picture and what it shows.
struct Shown<V> {
    target: Target,
    id: TextureId,
    view: V,
    version: u64,
    fine: bool,
}

impl ViewRenderer {
    pub fn new(gpu: GpuContext, egui: Arc<RwLock<egui_wgpu::Renderer>>) -> Result<Self, GpuError> {
        Ok(Self {
            scene: Scene::new(&gpu)?,
            slice_pass: SlicePass::new(&gpu)?,
            raycast_pass: RaycastPass::new(&gpu)?,
            gpu,
            egui,
            slices: [None, None, None],
            volume: None,
            version: 0,
            players: Vec::new(),
            classes: Vec::new(),
            last_change: Instant::now(),
            last_fine: None,
            wants_refinement: false,
            failure: None,
        })
    }

    /// A failure to draw that has not been told yet.
    pub fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    /// Bytes sent to the device for layers and tables.
    pub fn uploaded_bytes(&self) -> u64 {
        self.scene.uploaded_bytes()
    }

    pub fn set_scan(&mut self, scan: &Volume) {
        self.forget_overlays();
        let outcome = self.scene.set_scan(Some(scan));
        self.changed(outcome);
    }

    pub fn set_segmentation(&mut self, labels: &LabelMap) {
        let outcome = self.scene.set_segmentation(Some(labels));
        self.changed(outcome);
    }

    pub fn set_supervoxels(&mut self, labels: &LabelMap) {
        self.players.clear();
        let outcome = self.scene.set_supervoxels(Some(labels));
        self.changed(outcome);
    }

    /// Shows the scan alone.
    pub fn forget_overlays(&mut self) {
        self.players.clear();
        let outcome = self
            .scene
            .set_segmentation(None)
            .and_then(|()| self.scene.set_supervoxels(None));
        self.changed(outcome);
    }

    /// The values of the players: a few bytes each, sent only when they changed.
    pub fn set_players(&mut self, players: &[PlayerSample]) {
        if self.players != players {
            self.players = players.to_vec();
            let outcome = self.scene.update_players(players);
            self.changed(outcome);
        }
    }

    pub fn set_classes(&mut self, classes: &[ClassStyle]) {
        if self.classes != classes {
            self.classes = classes.to_vec();
            let outcome = self.scene.set_classes(classes);
            self.changed(outcome);
        }
    }

    fn changed(&mut self, outcome: Result<(), GpuError>) {
        self.version += 1;
        if let Err(error) = outcome {
            self.failure = Some(error.to_string());
        }
    }

    /// Whether a finer picture of the volume waits for the view to rest.
    pub fn wants_refinement(&self) -> bool {
        self.wants_refinement
    }

    /// The picture of a slice.
    pub fn slice(&mut self, index: usize, view: &SliceView) -> Option<TextureId> {
        let shown = self.slices.get_mut(index)?;
        let outdated = shown
            .as_ref()
            .is_none_or(|shown| shown.view != *view || shown.version != self.version);
        if outdated {
            let target = prepare(&self.gpu, &self.egui, shown, *view, view.size_px);
            match target {
                Ok(shown) => {
                    self.slice_pass
                        .draw(&self.gpu, &self.scene, view, &shown.target);
                    shown.version = self.version;
                }
                Err(error) => self.failure = Some(error.to_string()),
            }
        }
        shown.as_ref().map(|shown| shown.id)
    }

    /// The picture of the volume, drawn by `view_at` for a quality, and whether it is
    /// a fine one.
    pub fn volume(
        &mut self,
        grid: &Grid,
        moving: bool,
        view_at: impl Fn(Quality) -> RaycastView,
    ) -> Option<(TextureId, bool)> {
        if moving {
            self.last_change = Instant::now();
        }
        let coarse = view_at(Quality::moving(self.gpu.tier, grid));
        let fine = view_at(Quality::at_rest(self.gpu.tier, grid));
        let current = self.volume.as_ref().filter(|shown| {
            shown.version == self.version && shown.view == if shown.fine { fine } else { coarse }
        });
        let resting = self.last_change.elapsed() >= REST && self.may_refine();
        self.wants_refinement = false;
        match current.map(|shown| shown.fine) {
            Some(true) => {}
            _ if resting && current.is_some() => self.draw_volume(&fine, true),
            Some(false) => self.wants_refinement = true,
            None => {
                // What changed may change again in the next frame.
                self.last_change = Instant::now();
                let fine_at_once = self.gpu.tier == Tier::Full;
                self.draw_volume(if fine_at_once { &fine } else { &coarse }, fine_at_once);
                self.wants_refinement = !fine_at_once;
            }
        }
        self.volume.as_ref().map(|shown| (shown.id, shown.fine))
    }

    fn may_refine(&self) -> bool {
        self.gpu.tier != Tier::Software
            || self
                .last_fine
                .is_none_or(|at| at.elapsed() >= SOFTWARE_PACE)
    }

    fn draw_volume(&mut self, view: &RaycastView, fine: bool) {
        match prepare(&self.gpu, &self.egui, &mut self.volume, *view, view.size_px) {
            Ok(shown) => {
                self.raycast_pass
                    .draw(&self.gpu, &self.scene, view, &shown.target);
                shown.version = self.version;
                shown.fine = fine;
                if fine {
                    self.last_fine = Some(Instant::now());
                }
            }
            Err(error) => self.failure = Some(error.to_string()),
        }
    }
}

/// A target of the right size that egui knows, in the given place.
fn prepare<'s, V>(
    gpu: &GpuContext,
    egui: &RwLock<egui_wgpu::Renderer>,
    place: &'s mut Option<Shown<V>>,
    view: V,
    size_px: [u32; 2],
) -> Result<&'s mut Shown<V>, GpuError> {
    let filter = wgpu::FilterMode::Linear;
    match place {
        Some(shown) => {
            if shown.target.resize(gpu, size_px)? {
                egui.write().update_egui_texture_from_wgpu_texture(
                    &gpu.device,
                    shown.target.view(),
                    filter,
                    shown.id,
                );
            }
            shown.view = view;
            Ok(shown)
        }
        None => {
            let target = Target::new(gpu, size_px)?;
            let id = egui
                .write()
                .register_native_texture(&gpu.device, target.view(), filter);
            Ok(place.insert(Shown {
                target,
                id,
                view,
                version: 0,
                fine: false,
            }))
        }
    }
}
