//! What the window knows: facts from the engine, and how the user looks at them.

use std::path::PathBuf;
use std::sync::Arc;

use glam::DVec3;

use crate::base::colour::Rgb;
use crate::base::{Convention, Grid, Phase, Plane, Progress, WorldBox};
use crate::engine::evidence::{EvidenceReport, KeepAndDelete};
use crate::engine::{
    Ask, Budget, EarlySlice, ExplainSettings, Explanation, MeasuredPart, ModelSource, Part,
    Players, ScanFile, Segmentation, Snapshot, Study, largest_value, player_samples,
};
use crate::explain::baseline::Baseline;
use crate::explain::relevance_mask::{RelevanceMask, SignedMaskRule};
use crate::explain::supervoxels::{self, SupervoxelSettings};
use crate::explain::{Method, ValueFunction};
use crate::gpu::{Camera, ClassStyle, Interpolation, PlayerSample, Window};
use crate::ui::grey_windows::Unit;
use crate::ui::layers::{Layer, LayerLooks};
use crate::ui::mask_rule;
use crate::ui::overlays::Overlays;
use crate::ui::panes::ruler::Ruler;
use crate::ui::panes::volume::VolumeLook;
use crate::ui::settings::MouseProfile;
use crate::volume::Volume;

/// Facts that came up from the engine for the open study.
#[derive(Default)]
pub struct Facts {
    pub study: Option<Arc<Study>>,
    pub segmentation: Option<Arc<Segmentation>>,
    pub players: Option<Arc<Players>>,
    pub snapshot: Option<Arc<Snapshot>>,
    pub explanation: Option<Arc<Explanation>>,
    /// Label maps and a second scan that were added to the study.
    pub overlays: Overlays,
    /// The newest mask that was put to the test, and whether a newer one is.
    pub mask_test: Option<Arc<KeepAndDelete>>,
    pub mask_test_runs: bool,
    pub evidence: Option<Arc<EvidenceReport>>,
    /// Runs, and the largest standard error over the range of the values after them.
    pub convergence: Vec<[f64; 2]>,
    /// The newest slice of a scan that is being opened.
    pub early_slice: Option<EarlySlice>,
    /// A folder of which one series has to be chosen.
    pub series_to_choose: Option<SeriesChoice>,
    /// The processor that runs the network, once it is known.
    pub network_device: Option<String>,
}

/// The series of a DICOM folder, one line each.
#[derive(Debug, Clone)]
pub struct SeriesChoice {
    pub folder: PathBuf,
    pub series: Vec<String>,
    /// Channels of the model that they may be opened for together.
    pub channels: usize,
    /// Indices of the series that are ticked, in the order of ticking.
    pub ticked: Vec<usize>,
}

/// What runs now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Job {
    Idle,
    /// Opening, loading or segmenting.
    Working(Progress),
    Explaining,
}

impl Job {
    pub fn starting() -> Self {
        Self::Working(Progress {
            phase: Phase::Opening,
            done: 0,
            total: 0,
        })
    }
}

/// A message over the views.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub kind: MessageKind,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    Note,
    Failure,
}

/// What the user chose for the next explanation.
#[derive(Debug, Clone)]
pub struct Choices {
    pub scan: Vec<ScanFile>,
    pub model: ModelSource,
    pub supervoxel_count: usize,
    pub supervoxel_method: supervoxels::Method,
    pub class: usize,
    /// Which part of the class is asked about.
    pub part: Part,
    pub value_function: ValueFunction,
    pub budget: Budget,
    pub baseline: Baseline,
    pub estimator: Method,
    pub measured: MeasuredPart,
    pub seed: u64,
}

impl Choices {
    /// How the next explanation is made.
    pub fn settings(&self) -> ExplainSettings {
        ExplainSettings {
            class: Some(self.class),
            value_function: self.value_function,
            budget: self.budget,
            baseline: self.baseline,
            method: self.estimator,
            measured: self.measured,
            seed: self.seed,
            ..ExplainSettings::default()
        }
    }

    /// Whether an explanation that was made so would be made otherwise now.
    pub fn differ_from(&self, made: &ExplainSettings) -> bool {
        (self.baseline, self.estimator, self.measured, self.seed)
            != (made.baseline, made.method, made.measured, made.seed)
    }

    /// How the region is divided.
    pub fn division(&self) -> SupervoxelSettings {
        SupervoxelSettings {
            count: self.supervoxel_count,
            method: self.supervoxel_method,
            leave_out_air: true,
            ..SupervoxelSettings::default()
        }
    }

    /// What is asked about the chosen class.
    pub fn ask(&self) -> Ask {
        Ask {
            class: Some(self.class),
            part: self.part.clone(),
            value_function: self.value_function,
        }
    }
}

/// How the user looks at the study.
#[derive(Debug, Clone)]
pub struct Look {
    pub crosshair_mm: DVec3,
    pub window: Window,
    pub convention: Convention,
    /// Zoom and world point in the middle of each slice view, in the order of `Plane::ALL`.
    pub zoom: [f64; 3],
    pub center_mm: [DVec3; 3],
    pub camera: Camera,
    /// Index of the channel of the scan that is shown, and its values' unit.
    pub channel: usize,
    pub unit: Unit,
    pub interpolation: Interpolation,
    /// White for small values, on slices.
    pub inverted: bool,
    /// The slice view that was looked at last: keys act on it.
    pub plane: Plane,
    /// What the buttons of the mouse do.
    pub mouse: MouseProfile,
    /// Whether drags in slices measure lengths.
    pub measuring: bool,
    pub rulers: Vec<Ruler>,
    /// The length that is being measured.
    pub new_ruler: Option<Ruler>,
    /// The place that the menu of a slice view is about.
    pub menu_mm: Option<DVec3>,
    pub layers: LayerLooks,
    /// Scale of each slice view at a zoom of 1, and pixels of the screen a point, as last
    /// drawn.
    pub fit_mm_per_point: [f64; 3],
    pub pixels_per_point: f64,
    /// Windows of the channels that were looked at and are not now.
    pub(super) channel_windows: Vec<(usize, Window)>,
    pub segmentation_opacity: f32,
    pub boundary_opacity: f32,
    pub heatmap_opacity: f32,
    pub class_visible: Vec<bool>,
    /// The rule by which a supervoxel is in the relevance mask.
    pub mask: SignedMaskRule,
    /// Whether the network is asked about the mask as it changes.
    pub test_mask: bool,
    pub cut_away: bool,
    /// Colours, opacity and cuts of the volume view.
    pub volume: VolumeLook,
    pub selected_player: Option<usize>,
    pub hovered_player: Option<usize>,
    pub rank_by: RankBy,
    /// The chosen supervoxel that the ranking has brought into sight.
    pub ranking_shows: Option<usize>,
    /// The region while it is being dragged.
    pub dragged_region: Option<WorldBox>,
    /// Wheel movement of each slice view that is not yet a whole step.
    wheel: [f32; 3],
    /// World point under the pointer, if it is over a slice.
    pub pointer_mm: Option<DVec3>,
}

/// What the ranking of supervoxels is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankBy {
    For,
    Against,
    Size,
    Doubt,
}

impl RankBy {
    pub const ALL: [Self; 4] = [Self::For, Self::Against, Self::Size, Self::Doubt];

    pub fn label(self) -> &'static str {
        match self {
            Self::For => "Evidence for",
            Self::Against => "Evidence against",
            Self::Size => "Largest either way",
            Self::Doubt => "Least certain",
        }
    }
}

/// See [`Look::appearance`].
#[derive(Debug, Clone, PartialEq)]
pub struct Appearance {
    crosshair_mm: DVec3,
    window: Window,
    camera: Camera,
    opacities: [f32; 3],
    layers: LayerLooks,
    mask: SignedMaskRule,
    cut_away: bool,
    volume: VolumeLook,
    class_visible: Vec<bool>,
    dragged_region: Option<WorldBox>,
}

impl Look {
    /// The first look at a study: the crosshair in the middle of the region.
    pub fn at(study: &Study, window: Window) -> Self {
        Self {
            crosshair_mm: study.region.center_mm(),
            window,
            convention: Convention::default(),
            zoom: [region_zoom(study); 3],
            center_mm: [study.region.center_mm(); 3],
            camera: camera_toward_region(study),
            channel: 0,
            unit: Unit::of(study.first_channel()),
            interpolation: Interpolation::Linear,
            inverted: false,
            plane: Plane::Axial,
            mouse: MouseProfile::default(),
            measuring: false,
            rulers: Vec::new(),
            new_ruler: None,
            menu_mm: None,
            layers: LayerLooks::default(),
            fit_mm_per_point: [1.0; 3],
            pixels_per_point: 1.0,
            channel_windows: Vec::new(),
            segmentation_opacity: 0.35,
            boundary_opacity: 0.35,
            heatmap_opacity: 0.75,
            class_visible: vec![true; study.classes().len()],
            mask: mask_rule::FIRST,
            test_mask: true,
            cut_away: true,
            volume: VolumeLook::of(study.first_channel()),
            selected_player: None,
            hovered_player: None,
            rank_by: RankBy::For,
            ranking_shows: None,
            dragged_region: None,
            wheel: [0.0; 3],
            pointer_mm: None,
        }
    }

    /// What the volume's picture depends on and the user can change. Values that
    /// stream in are not part of it.
    pub fn appearance(&self) -> Appearance {
        Appearance {
            crosshair_mm: self.crosshair_mm,
            window: self.window,
            camera: self.camera,
            opacities: [
                self.segmentation_opacity,
                self.boundary_opacity,
                self.heatmap_opacity,
            ],
            layers: self.layers.clone(),
            mask: self.mask,
            cut_away: self.cut_away,
            volume: self.volume.clone(),
            class_visible: self.class_visible.clone(),
            dragged_region: self.dragged_region,
        }
    }

    /// Whole steps of scrubbing in wheel movement; the rest is kept for the next.
    pub fn scroll_steps(&mut self, view: usize, points: f32) -> i32 {
        /// Points that one notch of a common wheel gives.
        const POINTS_PER_STEP: f32 = 40.0;
        let Some(wheel) = self.wheel.get_mut(view) else {
            return 0;
        };
        *wheel += points;
        let steps = (*wheel / POINTS_PER_STEP).trunc();
        *wheel -= steps * POINTS_PER_STEP;
        steps as i32
    }

    /// How each label of the segmentation is drawn: its class's colour, and whether
    /// its eye is open. Label 0 is never drawn.
    pub fn class_styles(&self, study: &Study) -> Vec<ClassStyle> {
        let seen = |label: usize| {
            let class = u16::try_from(label)
                .ok()
                .and_then(|label| study.class_of_label(label));
            class
                .and_then(|class| self.class_visible.get(class))
                .copied()
                .unwrap_or(true)
        };
        study
            .label_colours()
            .into_iter()
            .enumerate()
            .map(|(label, colour)| ClassStyle {
                colour: colour.unwrap_or(Rgb([0; 3])),
                opacity: 1.0,
                visible: colour.is_some() && seen(label),
            })
            .collect()
    }

    /// Moves the crosshair, but never out of the scan.
    pub fn move_crosshair(&mut self, to_mm: DVec3, grid: &Grid) {
        if to_mm.is_finite() {
            let bounds = grid.world_bounds();
            self.crosshair_mm = to_mm.clamp(DVec3::from(bounds.min), DVec3::from(bounds.max));
        }
    }
}

/// A zoom at which the region fills about half of a view that fits the whole scan.
fn region_zoom(study: &Study) -> f64 {
    let scan = study.first_channel().grid().world_bounds().size_mm();
    let region = study.region.size_mm().max(DVec3::splat(1e-3));
    ((scan / region).min_element() * 0.5).clamp(1.0, 8.0)
}

/// A camera that looks at the scan from the side on which the region lies, and from
/// near enough to tell what is in it.
fn camera_toward_region(study: &Study) -> Camera {
    let grid = study.first_channel().grid();
    let mut camera = Camera::framing(grid);
    let toward = study.region.center_mm() - grid.center_mm();
    if toward.x < 0.0 {
        camera.yaw = -camera.yaw;
    }
    if region_zoom(study) > 1.0 {
        camera.target_mm += toward * 0.5;
        camera.distance_mm *= 0.75;
    }
    camera
}

impl Facts {
    /// Forgets all that belonged to a study or region that is no longer shown.
    pub fn forget_explanation(&mut self) {
        self.snapshot = None;
        self.explanation = None;
        self.convergence.clear();
        self.mask_test = None;
        self.mask_test_runs = false;
        self.evidence = None;
    }

    /// The newest attribution, streaming or finished, if it is of the supervoxels shown.
    pub fn shown(&self) -> Option<&Snapshot> {
        let players = self.players.as_ref()?;
        self.snapshot
            .as_deref()
            .filter(|snapshot| Arc::ptr_eq(&snapshot.players, players))
    }

    /// Takes in the newest values of a stream.
    pub fn take_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        if let Some(forecast) = snapshot.forecast() {
            let runs = snapshot.evaluations as f64;
            // Another question asked of the same runs is another course.
            self.convergence.retain(|point| point[0] < runs);
            self.convergence.push([runs, forecast.ratio]);
        }
        self.snapshot = Some(snapshot);
    }

    /// What the views draw for each player.
    pub fn player_samples(&self) -> Vec<PlayerSample> {
        self.shown()
            .map(|snapshot| player_samples(snapshot.estimate()))
            .unwrap_or_default()
    }

    /// The largest |SHAP value| known, which the colours are scaled to.
    pub fn heat_scale(&self) -> Option<f64> {
        largest_value(self.shown()?.estimate())
    }

    /// The largest standard error known, and the half-width of its interval.
    pub fn error_scale(&self) -> Option<(f64, f64)> {
        let estimate = self.shown()?.estimate();
        let errors = estimate.players.iter().filter_map(|p| p.standard_error);
        let largest = errors.fold(0.0, f64::max);
        (largest > 0.0).then_some((largest, largest * estimate.interval_factor))
    }

    /// The channel of the scan that is shown.
    pub fn channel(&self, look: &Look) -> Option<&Arc<Volume>> {
        let study = self.study.as_ref()?;
        study
            .scan
            .channels
            .get(look.channel)
            .or_else(|| study.scan.channels.first())
    }

    /// Whether there is something to show of a layer.
    pub fn has(&self, layer: Layer) -> bool {
        match layer {
            Layer::SecondScan => self.overlays.second_scan.is_some(),
            Layer::Supervoxels => self.players.is_some(),
            Layer::Heatmap | Layer::Mask => self.shown().is_some(),
            Layer::Segmentation => self.segmentation.is_some(),
            Layer::Reference => self.overlays.reference.is_some(),
            Layer::Kept => self.overlays.kept.is_some(),
            Layer::Removed => self.overlays.removed.is_some(),
        }
    }
}

/// The relevance mask of the values shown; `None` before there are any.
pub fn relevance_mask(facts: &Facts, rule: SignedMaskRule) -> Option<RelevanceMask> {
    let (snapshot, players) = (facts.shown()?, facts.players.as_ref()?);
    players.mask(rule, snapshot.estimate()).ok()
}
