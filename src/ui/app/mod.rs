//! The window's application: its state, its logic and how it is laid out.

mod evidence;
mod graphics;
mod habits;
mod logic;
mod view;
mod views;

use std::path::PathBuf;
use std::sync::Arc;

use egui::mutex::RwLock;

use crate::base::{Pace, Phase};
use crate::engine::{
    Compute, ComputeOptions, DeviceChoice, Engine, ExplainSettings, FIRST_SUPERVOXELS, ModelSource,
    OverlayLoader, Part, ScanFile, Slot, assets,
};
use crate::gpu::{GpuContext, GpuError, Tier};
use crate::ui::capture;
use crate::ui::command::Command;
use crate::ui::dialogs::Dialogs;
use crate::ui::history::History;
use crate::ui::panes::layout::Layout;
use crate::ui::render::{DrawOn, RenderError, ViewRenderer};
use crate::ui::settings::{Settings, SettingsStore, settings_folder};
use crate::ui::sheets::Sheet;
use crate::ui::state::{Appearance, Choices, Facts, Job, Look, Message, MessageKind};
use crate::ui::theme;

use graphics::Graphics;

/// What the window opens with.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Scans to open; empty opens the demonstration.
    pub scan: Vec<ScanFile>,
    pub model: Option<ModelSource>,
    pub device: DeviceChoice,
    pub compute: ComputeOptions,
    /// Start an explanation as soon as the scan is segmented.
    pub explain_at_once: bool,
    /// Open nothing: for the empty state and tests.
    pub empty: bool,
    pub draw_on: DrawOn,
    /// Where settings are kept; nowhere in tests.
    pub settings_folder: Option<PathBuf>,
}

impl Launch {
    pub fn demonstration(device: DeviceChoice) -> Self {
        Self {
            scan: Vec::new(),
            model: None,
            device,
            compute: ComputeOptions::default(),
            explain_at_once: true,
            empty: false,
            draw_on: DrawOn::Automatic,
            settings_folder: settings_folder(),
        }
    }
}

/// The application behind the window.
pub struct Viewer {
    pub facts: Facts,
    pub look: Option<Look>,
    pub choices: Choices,
    pub job: Job,
    pub settings: Settings,
    store: SettingsStore,
    history: History,
    /// What lies over the window.
    sheet: Option<Sheet>,
    /// How the views share the window. Belongs to no study, so it can be kept.
    pub layout: Layout,
    message: Option<Message>,
    engine: Engine,
    overlay_loader: OverlayLoader,
    renderer: Option<ViewRenderer>,
    view_device: String,
    graphics: Option<Graphics>,
    draw_on: DrawOn,
    /// How often the graphics device was lost.
    losses: usize,
    wants_new_window: bool,
    /// The window that facts wake.
    waking: Arc<RwLock<egui::Context>>,
    /// Where the views were last drawn, in points.
    views: egui::Rect,
    /// What became of the last picture that was asked for.
    picture: Slot<capture::Outcome>,
    /// When the phase that is shown began.
    pace: Option<(Phase, Pace)>,
    /// The layout that the settings hold.
    kept_layout: Option<Layout>,
    /// Whether keys rather than the mouse moved the focus last.
    focus_by_keys: bool,
    /// What waits for the user's answer after a run that did not end well.
    held_back: Option<(DrawOn, Option<Command>)>,
    dialogs: Dialogs,
    commands: Vec<Command>,
    explain_when_ready: bool,
    mask_watch: evidence::MaskWatch,
    /// Whether another scan is being opened, which a drag must not end.
    opening: bool,
    /// How the user looked at the study in the last frame.
    appearance: Option<Appearance>,
}

impl Viewer {
    /// Sets up the application in a window or a test. `render_state` is the device
    /// that egui draws with; without one the views stay empty.
    pub fn new(
        ctx: &egui::Context,
        render_state: Option<&egui_wgpu::RenderState>,
        launch: Launch,
    ) -> Result<Self, ViewerError> {
        theme::apply(ctx);
        let (store, settings, note) = SettingsStore::open(launch.settings_folder);
        theme::choose(ctx, settings.theme);
        ctx.set_zoom_factor(settings.text_scale);
        let graphics = Graphics::of(render_state)?;
        let broke = store.begin_run();
        let draw_on = if broke { DrawOn::Cpu } else { launch.draw_on };
        let waking = Arc::new(RwLock::new(ctx.clone()));
        let waker = {
            let waking = Arc::clone(&waking);
            Arc::new(move || waking.read().request_repaint())
        };
        let context = graphics.as_ref().map(|graphics| graphics.context.clone());
        let overlay_loader = OverlayLoader::start(Arc::clone(&waker) as _)?;
        let compute = Compute::new(launch.device, context, launch.compute);
        let engine = Engine::start(compute, waker)?;
        let renderer = Graphics::renderer(graphics.as_ref(), ctx, draw_on)?;
        let defaults = ExplainSettings::default();
        let mut viewer = Self {
            facts: Facts::default(),
            look: None,
            choices: Choices {
                scan: Vec::new(),
                model: launch
                    .model
                    .unwrap_or_else(|| assets::demonstration_bundle().into()),
                supervoxel_count: FIRST_SUPERVOXELS,
                supervoxel_method: Default::default(),
                class: 1,
                part: Part::default(),
                value_function: settings.value_function,
                budget: settings.budget(),
                baseline: defaults.baseline,
                estimator: defaults.method,
                measured: defaults.measured,
                seed: defaults.seed,
            },
            job: Job::Idle,
            layout: settings.kept_layout(),
            settings,
            store,
            history: History::default(),
            sheet: None,
            message: note.map(|text| Message {
                kind: MessageKind::Note,
                text,
            }),
            engine,
            overlay_loader,
            renderer,
            view_device: graphics::name(graphics.as_ref(), draw_on),
            graphics,
            draw_on,
            losses: 0,
            wants_new_window: false,
            waking,
            views: egui::Rect::ZERO,
            picture: Slot::default(),
            pace: None,
            kept_layout: None,
            focus_by_keys: false,
            held_back: None,
            dialogs: Dialogs::new(ctx),
            commands: Vec::new(),
            explain_when_ready: launch.explain_at_once,
            mask_watch: evidence::MaskWatch::default(),
            opening: false,
            appearance: None,
        };
        let first = match (launch.empty, launch.scan) {
            (true, _) => None,
            (false, scan) if scan.is_empty() => Some(Command::OpenDemonstration),
            (false, scan) => Some(Command::OpenScan(scan)),
        };
        if broke {
            viewer.sheet = Some(Sheet::AfterCrash);
            viewer.held_back = Some((launch.draw_on, first));
        } else if let Some(first) = first {
            viewer.send(first);
        }
        Ok(viewer)
    }

    /// Bytes sent to the graphics device for the views' layers and tables.
    pub fn uploaded_bytes(&self) -> u64 {
        self.renderer
            .as_ref()
            .map_or(0, ViewRenderer::uploaded_bytes)
    }

    /// What draws the views.
    pub fn view_device(&self) -> &str {
        &self.view_device
    }

    /// Asks for something, as a menu or a key would.
    pub fn send(&mut self, command: Command) {
        self.commands.push(command);
    }
}

/// Why the application cannot start in a window that is open.
#[derive(Debug, thiserror::Error)]
pub enum ViewerError {
    #[error("the threads for the work could not be started: {0}")]
    Threads(#[from] std::io::Error),
    #[error(transparent)]
    Gpu(#[from] GpuError),
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// The adapter's name, and whether it is software: the user should know.
fn device_name(gpu: &GpuContext) -> String {
    match gpu.tier {
        Tier::Software => {
            let name = gpu.name.split(" (").next().unwrap_or_default();
            format!("software rendering ({name})")
        }
        Tier::Full | Tier::Reduced => gpu.name.clone(),
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // The last words of a run: settings, and that it ended well.
        let _ = self.store.finish();
        let _ = self.store.keep(&self.settings);
        let _ = self.store.finish();
        if !std::thread::panicking() {
            self.store.end_run();
        }
    }
}

impl eframe::App for Viewer {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.update(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.extreme_bg_color.to_normalized_gamma_f32()
    }
}
