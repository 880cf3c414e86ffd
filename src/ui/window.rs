//! Opening the real window, and saying in one line why it cannot be opened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::gpu::device_descriptor;
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
    let mut setup = egui_wgpu::WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(device_descriptor);
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("voxplain")
            .with_app_id("voxplain")
            .with_inner_size([1280.0, 800.0])
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
                let viewer = Viewer::new(
                    &creation.egui_ctx,
                    creation.wgpu_render_state.as_ref(),
                    launch,
                )?;
                opened.store(true, Ordering::Release);
                Ok(Box::new(viewer))
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
