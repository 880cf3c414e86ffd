//! A window on a test's desk.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state};

use voxplain::base::WorldBox;
use voxplain::engine::{ComputeOptions, DeviceChoice};
use voxplain::gpu::device_descriptor;
use voxplain::ui::command::Command;
use voxplain::ui::state::Job;
use voxplain::ui::{DrawOn, Launch, Viewer};

use crate::support::adapter::adapter;
use crate::support::fixture;

pub type Window = Harness<'static, Viewer>;

pub const SIZE: [f32; 2] = [1280.0, 800.0];

/// A part of the hippocampus scan that goes through the network in one window.
pub const ONE_WINDOW: WorldBox = WorldBox {
    min: [1.5, 1.5, 1.5],
    max: [32.5, 50.0, 32.5],
};

/// What a launch of the tests says: scans to open, the network on the CPU.
pub fn launch(scan: Vec<PathBuf>) -> Launch {
    Launch {
        empty: scan.is_empty(),
        scan: scan.into_iter().map(Into::into).collect(),
        model: None,
        device: DeviceChoice::Cpu,
        compute: ComputeOptions::default(),
        explain_at_once: false,
        draw_on: DrawOn::Automatic,
        settings_folder: None,
    }
}

pub fn image() -> PathBuf {
    fixture("hippocampus_001/image.nii.gz")
}

/// A window without a graphics device.
pub fn window(launch: Launch) -> Window {
    window_of_size(launch, SIZE)
}

pub fn window_of_size(launch: Launch, size: [f32; 2]) -> Window {
    Harness::builder()
        .with_size(size)
        .build_eframe(|creation| Viewer::new(&creation.egui_ctx, None, launch).unwrap())
}

/// A window that draws on the graphics device, if there is one.
pub fn device_window(launch: Launch, size: [f32; 2]) -> Option<Window> {
    window_and_device(launch, size).map(|(window, _)| window)
}

/// The same, and what it draws with.
pub fn window_and_device(
    launch: Launch,
    size: [f32; 2],
) -> Option<(Window, egui_wgpu::RenderState)> {
    adapter()?;
    let state = render_state();
    let window = Harness::builder()
        .with_size(size)
        .renderer(WgpuTestRenderer::from_render_state(state.clone()))
        .build_eframe(|creation| {
            let state = creation.wgpu_render_state.clone();
            Viewer::new(&creation.egui_ctx, state.as_ref(), launch).unwrap()
        });
    Some((window, state))
}

/// A graphics device as the real window opens one.
pub fn render_state() -> egui_wgpu::RenderState {
    let mut setup = egui_wgpu::WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(device_descriptor);
    create_render_state(setup.into(), egui_wgpu::RendererOptions::PREDICTABLE)
}

/// Draws frames until something is so.
pub fn wait(window: &mut Window, what: &str, so: impl Fn(&Window) -> bool) {
    let start = Instant::now();
    loop {
        window.step();
        if so(window) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what}: never");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Draws frames for some time.
pub fn rest(window: &mut Window, duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        window.step();
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn wait_until_ready(window: &mut Window) {
    wait(window, "segmentation and supervoxels", |window| {
        let viewer = window.state();
        viewer.facts.segmentation.is_some()
            && viewer.facts.players.is_some()
            && viewer.job == Job::Idle
    });
    window.step();
}

/// Opens the hippocampus and moves the region to where the network is quick.
pub fn make_quick(window: &mut Window) {
    wait_until_ready(window);
    window.state_mut().send(Command::MoveRegion(ONE_WINDOW));
    wait(window, "the new region", |window| {
        let study = window.state().facts.study.as_ref();
        study.is_some_and(|study| study.region == ONE_WINDOW)
    });
    wait_until_ready(window);
}

/// Asks for a number of supervoxels with the slider.
pub fn set_count(window: &mut Window, count: usize) {
    slider(window, "Supervoxel count", count as f64);
    wait(window, "the supervoxels asked for", |window| {
        let players = window.state().facts.players.as_ref();
        players.is_some_and(|players| players.settings.count == count)
    });
    window.step();
}

/// Sets a slider as a screen reader does.
pub fn slider(window: &mut Window, name: &str, value: f64) {
    window
        .get_by_role_and_label(Role::Slider, name)
        .set_value_accesskit(value);
    settle(window);
}

/// Clicks the only button of this name with the mouse.
pub fn click(window: &mut Window, name: &str) {
    let button = window.get_by_role_and_label(Role::Button, name);
    // What a panel has scrolled out of sight is reached as a screen reader does.
    let bars = 40.0..SIZE[1] - 32.0;
    if bars.contains(&button.rect().center().y) {
        button.click();
    } else {
        button.click_accesskit();
    }
    settle(window);
}

/// Draws the frames until a click shows: the click itself, its command, and what the
/// command opens, whose first frame only measures it.
pub fn settle(window: &mut Window) {
    window.run_steps(4);
}

pub fn has_button(window: &Window, name: &str) -> bool {
    window
        .query_by_role_and_label(Role::Button, name)
        .is_some_and(|button| !button.accesskit_node().is_disabled())
}

/// The first text in the window that contains these words.
pub fn text(window: &Window, words: &str) -> Option<String> {
    window
        .query_all_by_label_contains(words)
        .filter(|node| node.accesskit_node().role() == Role::Label)
        .find_map(|node| node.value())
}
