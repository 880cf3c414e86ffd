//! The states in between: nothing to do, a device that is gone.

use std::cell::Cell;
use std::time::Duration;

use voxplain::ui::command::Command;
use voxplain::ui::state::Job;
use voxplain::ui::{DrawOn, Launch};

use crate::desk::{
    SIZE, Window, image, launch, make_quick, render_state, rest, set_count, settle, text, wait,
    wait_until_ready, window, window_and_device,
};

/// The shortest wait for the next frame that the window asks for.
fn asks_for_frame_in(window: &Window) -> Duration {
    let outputs = window.output().viewport_output.values();
    outputs
        .map(|output| output.repaint_delay)
        .min()
        .unwrap_or(Duration::MAX)
}

#[test]
fn a_window_that_nothing_happens_in_draws_no_frames() {
    for scan in [Vec::new(), vec![image()]] {
        let has_scan = !scan.is_empty();
        let mut window = window(Launch {
            draw_on: DrawOn::Cpu,
            ..launch(scan)
        });
        if has_scan {
            wait_until_ready(&mut window);
        }
        // The last news from the worker may come late; then nothing asks for a frame.
        let restful = Cell::new(0);
        wait(&mut window, "rest", |window| {
            let rests = asks_for_frame_in(window) > Duration::from_secs(3600);
            restful.set(if rests { restful.get() + 1 } else { 0 });
            restful.get() == 50
        });
    }
}

#[test]
fn nothing_is_lost_with_the_graphics_device() {
    let mut window = window(launch(vec![image()]));
    make_quick(&mut window);
    set_count(&mut window, 20);
    window.state_mut().send(Command::Explain);
    wait(&mut window, "the explanation", |window| {
        window.state().facts.explanation.is_some()
    });
    let before = window.state().look.clone().unwrap();
    let log = window.state().facts.explanation.clone().unwrap();

    // Another window takes the application over.
    let ctx = window.ctx.clone();
    window.state_mut().move_to(&ctx, None).unwrap();
    rest(&mut window, Duration::from_millis(50));
    settle(&mut window);
    let facts = &window.state().facts;
    assert!(facts.segmentation.is_some() && facts.players.is_some());
    assert!(std::sync::Arc::ptr_eq(
        facts.explanation.as_ref().unwrap(),
        &log
    ));
    let look = window.state().look.as_ref().unwrap();
    assert_eq!(look.crosshair_mm, before.crosshair_mm);
    assert!(text(&window, "Most relevant supervoxels").is_some());

    // And work goes on in it.
    window.state_mut().send(Command::Explain);
    wait(&mut window, "another explanation", |window| {
        let explanation = window.state().facts.explanation.as_ref();
        explanation.is_some_and(|explanation| !std::sync::Arc::ptr_eq(explanation, &log))
    });
}

#[test]
fn a_lost_graphics_device_is_replaced_and_nothing_is_lost() {
    let launch = Launch {
        draw_on: DrawOn::Device,
        ..launch(vec![image()])
    };
    let Some((mut window, state)) = window_and_device(launch, SIZE) else {
        return;
    };
    make_quick(&mut window);
    set_count(&mut window, 20);
    window.state_mut().send(Command::Explain);
    wait(&mut window, "the explanation", |window| {
        window.state().facts.explanation.is_some() && window.state().job == Job::Idle
    });
    let log = window.state().facts.explanation.clone().unwrap();
    assert!(!window.state().device_is_lost());

    // The driver takes the device away.
    state.device.destroy();
    wait(&mut window, "the loss", |window| {
        // What drawing the window does many times a second.
        let _ = state.device.poll(egui_wgpu::wgpu::PollType::Poll);
        window.state().wants_new_window()
    });
    let closes = window
        .output()
        .viewport_output
        .values()
        .any(|output| output.commands.contains(&egui::ViewportCommand::Close));
    assert!(closes, "the window of the lost device is closed");

    // The application moves into the next window, on a new device.
    let ctx = window.ctx.clone();
    let fresh = render_state();
    window.state_mut().move_to(&ctx, Some(&fresh)).unwrap();
    settle(&mut window);
    assert!(text(&window, "was started again. Nothing was lost.").is_some());
    assert!(!window.state().device_is_lost() && !window.state().wants_new_window());
    assert!(std::sync::Arc::ptr_eq(
        window.state().facts.explanation.as_ref().unwrap(),
        &log
    ));
    assert!(text(&window, "Most relevant supervoxels").is_some());
    assert!(
        window.state().uploaded_bytes() > 0,
        "the new device has the scan"
    );
}
