//! What the views show, and what is sent to the graphics device for it.

use std::time::{Duration, Instant};

use egui_kittest::kittest::Queryable as _;
use voxplain::ui::command::Command;
use voxplain::ui::state::Job;
use voxplain::ui::{DrawOn, Launch};

use crate::desk::{Window, device_window, image, launch, make_quick, set_count, settle, slider};

const SIZE: [f32; 2] = [900.0, 640.0];

const PANES: [&str; 4] = ["Axial view", "Coronal view", "Sagittal view", "3D view"];

/// How much of each view's picture is bright, and how much is coloured.
#[derive(Debug, Clone, Copy)]
struct Seen {
    bright: f64,
    coloured: f64,
}

fn look(window: &mut Window) -> [Seen; 4] {
    let picture = window.render().unwrap();
    PANES.map(|pane| {
        let rect = window.get_by_label(pane).rect();
        let [mut all, mut bright, mut coloured] = [0.0, 0.0, 0.0];
        for y in rect.top() as u32..rect.bottom() as u32 {
            for x in rect.left() as u32..rect.right() as u32 {
                let [r, g, b, _] = picture.get_pixel(x, y).0;
                let (least, most) = (r.min(g).min(b), r.max(g).max(b));
                all += 1.0;
                bright += f64::from(u8::from(most > 60));
                coloured += f64::from(u8::from(most - least > 50));
            }
        }
        Seen {
            bright: bright / all,
            coloured: coloured / all,
        }
    })
}

/// Turns the layers over the scan up or down.
fn set_layers(window: &mut Window, segmentation: f32, heatmap: f32) {
    let look = window.state_mut().look.as_mut().unwrap();
    look.segmentation_opacity = segmentation;
    look.heatmap_opacity = heatmap;
    look.boundary_opacity = 0.0;
    settle(window);
}

/// Waits until every view has more colour than it had. The volume may take its time
/// on a software adapter.
fn wait_for_colour(window: &mut Window, before: [Seen; 4], more: f64) {
    let start = Instant::now();
    loop {
        settle(window);
        let now = look(window);
        let coloured = |(now, before): (&Seen, &Seen)| now.coloured > before.coloured + more;
        if now.iter().zip(&before).all(coloured) {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "{PANES:?}: {now:?} {before:?}"
        );
    }
}

/// Opens the hippocampus and waits until every view shows the scan, and then its
/// segmentation. Returns how the scan alone looks.
fn show_scan_and_segmentation(window: &mut Window) -> [Seen; 4] {
    make_quick(window);
    set_count(window, 20);
    set_layers(window, 0.0, 0.0);
    let start = Instant::now();
    let scan = loop {
        settle(window);
        let scan = look(window);
        if scan
            .iter()
            .all(|seen| seen.bright > 0.1 && seen.coloured < 0.05)
        {
            break scan;
        }
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "{PANES:?}: {scan:?}"
        );
    };
    set_layers(window, 1.0, 0.0);
    wait_for_colour(window, scan, 0.005);
    scan
}

#[test]
fn views_are_drawn_by_whoever_is_quicker() {
    if let Some(mut window) = device_window(launch(vec![image()]), SIZE) {
        show_scan_and_segmentation(&mut window);
    }
}

#[test]
fn views_are_drawn_on_the_device_and_follow_the_values_with_few_bytes() {
    let launch = Launch {
        draw_on: DrawOn::Device,
        ..launch(vec![image()])
    };
    let Some(mut window) = device_window(launch, SIZE) else {
        return;
    };
    let scan = show_scan_and_segmentation(&mut window);

    // A step of the explanation sends values, not volumes. The network is not asked about
    // the mask, whose answer is two label maps at a time of its own.
    window.state_mut().send(Command::ToggleMaskTest);
    settle(&mut window);
    window.state_mut().send(Command::Explain);
    let start = Instant::now();
    let mut sent = window.state().uploaded_bytes();
    let before = sent;
    let mut most = 0;
    while window.state().facts.explanation.is_none() || window.state().job != Job::Idle {
        assert!(start.elapsed() < Duration::from_secs(60));
        window.step();
        let now = window.state().uploaded_bytes();
        most = most.max(now - sent);
        sent = now;
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(sent > before, "values were sent");
    assert!(most < 16 * 1024, "{most} bytes in one frame");

    // Red and blue over the scan, in every view.
    set_layers(&mut window, 0.0, 1.0);
    wait_for_colour(&mut window, scan, 0.005);

    // Looking around sends nothing.
    let sent = window.state().uploaded_bytes();
    for share in [0.1, 0.9, 0.4] {
        slider(&mut window, "Mask threshold", share);
    }
    let crosshair = window.state().look.as_ref().unwrap().crosshair_mm;
    for step in 1..4 {
        let to = crosshair + glam::DVec3::splat(f64::from(step));
        window.state_mut().send(Command::MoveCrosshair(to));
        settle(&mut window);
    }
    assert_ne!(
        window.state().look.as_ref().unwrap().crosshair_mm,
        crosshair
    );
    assert_eq!(window.state().uploaded_bytes(), sent);
}
