//! Pictures of parts of the window that hold still, against pictures that were looked at.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --release --test ui snapshots` draws them anew.

use egui_kittest::SnapshotOptions;
use voxplain::ui::command::Command;
use voxplain::ui::settings::ThemeChoice;
use voxplain::ui::{DrawOn, Launch};

use crate::desk::{Window, device_window, launch, settle};

/// The window at its smallest.
const SMALL: [f32; 2] = [900.0, 600.0];

fn assert_looks_like(window: &mut Window, name: &str) {
    // Drivers round the edges of letters in their own ways; a line that is elsewhere is
    // thousands of pixels.
    let options = SnapshotOptions::new()
        .output_path("tests/fixtures/window")
        .threshold(2.0)
        .max_failed_pixels(60);
    window.snapshot_options(name, &options);
}

#[test]
fn the_empty_window_the_keys_and_the_settings_look_as_they_did() {
    // Drawn by the processor, so that no driver's name is in the picture.
    let launch = Launch {
        draw_on: DrawOn::Cpu,
        ..launch(Vec::new())
    };
    let Some(mut window) = device_window(launch, SMALL) else {
        return;
    };
    settle(&mut window);
    assert_looks_like(&mut window, "empty");
    window.state_mut().send(Command::ShowShortcuts);
    settle(&mut window);
    assert_looks_like(&mut window, "keys");
    window.state_mut().send(Command::ShowSettings);
    window
        .state_mut()
        .send(Command::SetTheme(ThemeChoice::Light));
    settle(&mut window);
    assert_looks_like(&mut window, "settings");
}
