//! The window's application: its state, its logic and how it is laid out.

mod logic;
mod view;
mod views;

use std::sync::Arc;

use crate::engine::{
    Compute, ComputeOptions, DeviceChoice, Engine, ExplainSettings, FIRST_SUPERVOXELS, ModelSource,
    OverlayLoader, Part, ScanFile, assets,
};
use crate::gpu::{GpuContext, GpuError, Tier};
use crate::ui::command::Command;
use crate::ui::dialogs::Dialogs;
use crate::ui::panes::layout::Layout;
use crate::ui::render::{DrawOn, RenderError, ViewRenderer};
use crate::ui::state::{Appearance, Choices, Facts, Job, Look, Message};
use crate::ui::theme;

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
        }
    }
}

/// The application behind the window.
pub struct Viewer {
    pub facts: Facts,
    pub look: Option<Look>,
    pub choices: Choices,
    pub job: Job,
    /// How the views share the window. Belongs to no study, so it can be kept.
    pub layout: Layout,
    message: Option<Message>,
    engine: Engine,
    overlay_loader: OverlayLoader,
    renderer: Option<ViewRenderer>,
    view_device: String,
    dialogs: Dialogs,
    commands: Vec<Command>,
    explain_when_ready: bool,
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
        let context = render_state
            .map(|state| {
                GpuContext::from_parts(
                    state.instance.clone(),
                    state.adapter.clone(),
                    state.device.clone(),
                    state.queue.clone(),
                )
            })
            .transpose()?;
        let view_device = context
            .as_ref()
            .map_or_else(|| "none".to_owned(), device_name);
        let waker = {
            let ctx = ctx.clone();
            Arc::new(move || ctx.request_repaint())
        };
        let compute = Compute::new(launch.device, context.clone(), launch.compute);
        let overlay_loader = OverlayLoader::start(Arc::clone(&waker) as _)?;
        let engine = Engine::start(compute, waker)?;
        let renderer = match (context, render_state) {
            (Some(context), Some(state)) => Some(ViewRenderer::new(
                ctx,
                context,
                Arc::clone(&state.renderer),
                launch.draw_on,
            )?),
            _ => None,
        };
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
                value_function: defaults.value_function,
                budget: defaults.budget,
                baseline: defaults.baseline,
                estimator: defaults.method,
                measured: defaults.measured,
                seed: defaults.seed,
            },
            job: Job::Idle,
            layout: Layout::default(),
            message: None,
            engine,
            overlay_loader,
            renderer,
            view_device,
            dialogs: Dialogs::new(ctx),
            commands: Vec::new(),
            explain_when_ready: launch.explain_at_once,
            opening: false,
            appearance: None,
        };
        if !launch.empty {
            viewer.send(if launch.scan.is_empty() {
                Command::OpenDemonstration
            } else {
                Command::OpenScan(launch.scan)
            });
        }
        Ok(viewer)
    }

    /// Bytes sent to the graphics device for the views' layers and tables.
    pub fn uploaded_bytes(&self) -> u64 {
        self.renderer
            .as_ref()
            .map_or(0, ViewRenderer::uploaded_bytes)
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

impl eframe::App for Viewer {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.update(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        theme::WINDOW.to_normalized_gamma_f32()
    }
}
