//! Opening the real window, and saying in one line why it cannot be opened.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::gpu::device_descriptor;
use crate::ui::settings::SettingsStore;
use crate::ui::{Launch, Viewer};

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error("no display was found (neither DISPLAY nor WAYLAND_DISPLAY is set)")]
    NoDisplay,
    #[error("{0}")]
    NotOpened(String),
    /// The window was open.
    #[error(
        "the window broke ({0}); start the program again, and update the graphics driver if this stays"
    )]
    Broke(String),
}

/// Opens the window and stays in it until the user closes it.
pub fn run(launch: Launch) -> Result<(), WindowError> {
    if cfg!(target_os = "linux") && !has_display() {
        return Err(WindowError::NoDisplay);
    }
    let carried = Carried::default();
    let mut launch = Some(launch);
    loop {
        open(&mut launch, &carried)?;
        if carried.borrow().is_none() {
            return Ok(());
        }
        tracing::warn!("the graphics device was lost; the window is opened again");
    }
}

/// An application on its way from a window whose device was lost to a new one.
type Carried = Rc<RefCell<Option<Viewer>>>;

/// The application in its window. When that closes because its device was lost, the
/// application is carried over into the next.
struct Held {
    viewer: Option<Viewer>,
    carried: Carried,
}

impl eframe::App for Held {
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        if let Some(viewer) = &mut self.viewer {
            viewer.logic(ctx, frame);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        if let Some(viewer) = &mut self.viewer {
            viewer.ui(ui, frame);
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.extreme_bg_color.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self) {
        *self.carried.borrow_mut() = self.viewer.take().filter(Viewer::wants_new_window);
    }
}

/// Opens one window and stays in it until it closes.
fn open(launch: &mut Option<Launch>, carried: &Carried) -> Result<(), WindowError> {
    let size = wanted_size(launch.as_ref(), carried);
    let mut setup = egui_wgpu::WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(device_descriptor);
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("voxplain")
            .with_app_id("voxplain")
            .with_inner_size(size)
            .with_min_inner_size([900.0, 600.0]),
        renderer: eframe::Renderer::Wgpu,
        wgpu_options: egui_wgpu::WgpuConfiguration {
            wgpu_setup: setup.into(),
            // Waiting for the screen holds the device's queue, and a network that shares the
            // device would wait with it.
            surface: egui_wgpu::SurfaceConfig {
                present_mode: wgpu::PresentMode::AutoNoVsync,
                ..egui_wgpu::SurfaceConfig::HIGH_THROUGHPUT
            },
            ..Default::default()
        },
        ..Default::default()
    };
    let opened = AtomicBool::new(false);
    // The windowing library panics where one of its system libraries is missing.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        eframe::run_native(
            "voxplain",
            options,
            Box::new(|creation| {
                let (ctx, state) = (&creation.egui_ctx, creation.wgpu_render_state.as_ref());
                let viewer = match (carried.take(), launch.take()) {
                    (Some(mut viewer), _) => {
                        viewer.move_to(ctx, state)?;
                        Some(viewer)
                    }
                    (None, Some(launch)) => Some(Viewer::new(ctx, state, launch)?),
                    (None, None) => None,
                };
                opened.store(true, Ordering::Release);
                close_on_signals(ctx);
                let carried = Rc::clone(carried);
                Ok(Box::new(Held { viewer, carried }))
            }),
        )
    }));
    let why = match outcome {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => in_short(&error.to_string()),
        Err(_) => "a system library for windows is missing or broken".to_owned(),
    };
    Err(if opened.load(Ordering::Acquire) {
        WindowError::Broke(why)
    } else {
        WindowError::NotOpened(why)
    })
}

/// Closes the window as its own button does when the system ends the program, so that
/// nothing is left that looks like a crash. A second signal ends the program at once.
#[cfg(unix)]
fn close_on_signals(ctx: &egui::Context) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::{flag, low_level::pipe};
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    let install = || -> std::io::Result<()> {
        let (mut told, tell) = UnixStream::pair()?;
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            // The order matters: the first signal finds the switch off and only turns it on.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
            pipe::register(signal, tell.try_clone()?)?;
        }
        let ctx = ctx.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                if told.read_exact(&mut [0]).is_ok() {
                    ctx.send_viewport_cmd(egui::ViewportCommand::Close);
                    ctx.request_repaint();
                }
            })?;
        Ok(())
    };
    if let Err(error) = install() {
        tracing::warn!("a signal ends the program without tidying up: {error}");
    }
}

#[cfg(not(unix))]
fn close_on_signals(_ctx: &egui::Context) {}

/// The size that the window had last.
fn wanted_size(launch: Option<&Launch>, carried: &Carried) -> [f32; 2] {
    let kept = match (&*carried.borrow(), launch) {
        (Some(viewer), _) => viewer.settings.window_size,
        (None, Some(launch)) => SettingsStore::peek(launch.settings_folder.as_deref()).window_size,
        (None, None) => None,
    };
    kept.unwrap_or([1280.0, 800.0])
}

/// The last part of a message that names source lines of the windowing library.
fn in_short(message: &str) -> String {
    match message.rsplit_once(": ") {
        Some((before, reason)) if before.contains(".rs:") => reason.to_owned(),
        _ => message.to_owned(),
    }
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
