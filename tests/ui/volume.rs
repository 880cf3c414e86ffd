//! The volume view: presets, sides, cuts and picking, by their names.

use egui::{Key, Modifiers, Role};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glam::DVec3;
use voxplain::gpu::StandardView;
use voxplain::gpu::transfer::{Compositing, Preset};
use voxplain::ui::command::{Command, Pane};
use voxplain::ui::state::{Job, Look};

use crate::desk::{Window, click, image, launch, settle, text, wait, window};

/// A window on the hippocampus scan with a large volume view.
fn volume_view() -> Window {
    let mut window = window(launch(vec![image()]));
    wait(&mut window, "the scan", |window| {
        window.state().facts.study.is_some()
    });
    wait(&mut window, "the rest", |window| {
        let viewer = window.state();
        viewer.job == Job::Idle && viewer.facts.players.is_some()
    });
    window.state_mut().send(Command::Enlarge(Pane::Volume));
    settle(&mut window);
    window
}

fn look(window: &Window) -> &Look {
    window.state().look.as_ref().unwrap()
}

fn chip(window: &mut Window, start: &str) {
    let found = window
        .query_all_by_role(Role::Button)
        .find(|node| {
            let label = node.accesskit_node().label();
            label.is_some_and(|label| label.starts_with(start))
        })
        .unwrap_or_else(|| panic!("no chip {start}"));
    found.click();
    settle(window);
}

#[test]
fn a_preset_is_chosen_in_the_view() {
    let mut window = volume_view();
    assert_eq!(look(&window).volume.preset, Some(Preset::BrainMr));
    chip(&mut window, "3D preset: Brain MR");
    // Presets of the other kind of scan are there, and cannot be chosen.
    let bone = window.get_by_role_and_label(Role::Button, "CT bone");
    assert!(bone.accesskit_node().is_disabled());
    click(&mut window, "Maximum intensity");
    let volume = &look(&window).volume;
    assert_eq!(volume.preset, Some(Preset::Maximum));
    assert_eq!(volume.transfer.compositing, Compositing::Maximum);
    chip(&mut window, "3D preset: Maximum intensity");
    assert!(!look(&window).volume.focus);
    window
        .get_by_role_and_label(Role::CheckBox, "Focus on the evidence")
        .click();
    settle(&mut window);
    assert!(look(&window).volume.focus);
    window.check_accessibility();
}

#[test]
fn the_body_is_seen_from_the_side_that_is_asked_for() {
    let mut window = volume_view();
    let now = |window: &Window| look(window).camera.standard_view();
    assert_eq!(now(&window), None);
    for (key, view) in [
        (Key::A, StandardView::Anterior),
        (Key::P, StandardView::Posterior),
        (Key::L, StandardView::Left),
        (Key::R, StandardView::Right),
        (Key::S, StandardView::Superior),
        (Key::I, StandardView::Inferior),
    ] {
        let convention = look(&window).convention;
        window.key_press_modifiers(Modifiers::SHIFT, key);
        settle(&mut window);
        assert_eq!(now(&window), Some(view));
        // The same letter alone means something else.
        assert_eq!(look(&window).convention, convention);
    }
    // The cube shows the side that faces the viewer, and turns to another that is seen.
    assert!(
        window
            .query_by_label("Look from the feet (inferior)")
            .is_some()
    );
    window.key_press_modifiers(Modifiers::SHIFT, Key::A);
    settle(&mut window);
    window
        .state_mut()
        .look
        .as_mut()
        .unwrap()
        .camera
        .orbit(0.6, 0.3);
    settle(&mut window);
    click(&mut window, "Look from the head (superior)");
    assert_eq!(now(&window), Some(StandardView::Superior));
    chip(&mut window, "Look from a side");
    click(&mut window, "L  From the patient's left");
    assert_eq!(now(&window), Some(StandardView::Left));
    window.check_accessibility();
}

#[test]
fn a_crop_box_has_handles_for_pointer_and_keys() {
    let mut window = volume_view();
    window.key_press_modifiers(Modifiers::SHIFT, Key::A);
    chip(&mut window, "Cut and mark the volume");
    window
        .get_by_role_and_label(Role::CheckBox, "Crop box")
        .click();
    settle(&mut window);
    let study = window.state().facts.study.clone().unwrap();
    let whole = study.first_channel().grid().world_bounds();
    assert_eq!(look(&window).volume.crop, Some(whole));
    assert!(text(&window, "cropped").is_none(), "painted, not a widget");
    window.key_press(Key::Escape);
    settle(&mut window);

    let handle = window.get_by_role_and_label(Role::Button, "Crop box, superior face");
    handle.focus();
    settle(&mut window);
    for _ in 0..3 {
        window.key_press(Key::ArrowDown);
        settle(&mut window);
    }
    let crop = look(&window).volume.crop.unwrap();
    assert!((whole.max[2] - crop.max[2] - 3.0).abs() < 1e-6, "{crop:?}");
    assert_eq!(crop.min, whole.min);

    // The same by dragging: the patient's right is on the left of the screen.
    let at = window
        .get_by_role_and_label(Role::Button, "Crop box, right face")
        .rect()
        .center();
    window.drag_at(at);
    window.step();
    window.hover_at(at + egui::vec2(20.0, 0.0));
    window.step();
    window.hover_at(at + egui::vec2(40.0, 0.0));
    window.step();
    window.drop_at(at + egui::vec2(40.0, 0.0));
    settle(&mut window);
    let crop = look(&window).volume.crop.unwrap();
    assert!(crop.max[0] < whole.max[0] - 1.0, "{crop:?}");
    assert!(crop.max[0] > crop.min[0]);
    window.check_accessibility();
}

#[test]
fn a_click_in_3d_moves_the_crosshair_to_what_is_seen() {
    let mut window = volume_view();
    window.state_mut().look.as_mut().unwrap().cut_away = false;
    window.key_press_modifiers(Modifiers::SHIFT, Key::A);
    settle(&mut window);
    let study = window.state().facts.study.clone().unwrap();
    let bounds = study.first_channel().grid().world_bounds();
    let middle = window.get_by_label("3D view").rect().center();
    window.hover_at(middle);
    window.step();
    let pointed = look(&window).pointer_mm.expect("a place under the pointer");
    window.drag_at(middle);
    window.step();
    window.drop_at(middle);
    settle(&mut window);
    let crosshair = look(&window).crosshair_mm;
    assert!(crosshair.distance(pointed) < 1e-6, "{crosshair} {pointed}");
    assert!(bounds.contains(crosshair));
    // From the front the first matter is near the front, and in the middle of the pane
    // in the middle of the scan.
    assert!(crosshair.y > bounds.center_mm().y, "{crosshair}");
    let aside = (crosshair - bounds.center_mm()) * DVec3::new(1.0, 0.0, 1.0);
    assert!(aside.length() < 6.0, "{aside}");
    let player = window
        .state()
        .facts
        .players
        .as_ref()
        .unwrap()
        .player_at(crosshair);
    assert_eq!(look(&window).selected_player, player);
}

#[test]
fn control_points_are_moved_added_and_removed() {
    let mut window = volume_view();
    window.key_press_modifiers(Modifiers::SHIFT, Key::T);
    settle(&mut window);
    settle(&mut window);
    let points = |window: &Window| look(window).volume.transfer.points().to_vec();
    let before = points(&window);
    let name = |index: usize| format!("Control point {}: ", index + 1);
    let focus = |window: &mut Window, index: usize| {
        window.get_by_label_contains(&name(index)).focus();
        settle(window);
    };
    focus(&mut window, 3);
    window.key_press(Key::ArrowUp);
    settle(&mut window);
    let after = points(&window);
    assert!(after[3].opacity_per_mm > before[3].opacity_per_mm);
    assert_eq!(after[3].value, before[3].value);
    assert_eq!(look(&window).volume.preset, None, "it is the user's own");
    window.key_press(Key::ArrowRight);
    settle(&mut window);
    assert!(points(&window)[3].value > before[3].value);
    window.key_press(Key::Delete);
    settle(&mut window);
    assert_eq!(points(&window).len(), before.len() - 1);

    let canvas = window.get_by_label("Histogram with control points").rect();
    let at = canvas.lerp_inside(egui::vec2(0.5, 0.12));
    // A frame of the test takes a quarter of a second.
    window
        .ctx
        .options_mut(|options| options.input_options.max_double_click_delay = 2.0);
    for _ in 0..2 {
        window.drag_at(at);
        window.drop_at(at);
    }
    settle(&mut window);
    let added = points(&window);
    assert_eq!(added.len(), before.len());
    let highest = added
        .iter()
        .map(|point| point.opacity_per_mm)
        .fold(0.0, f32::max);
    assert!(highest > 0.5, "{added:?}");
    window.check_accessibility();
}
