//! What a user keeps from one window to the next, and how one works without a mouse.

use std::path::Path;

use egui::{Key, Modifiers, Role};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glam::DVec3;
use voxplain::ui::Launch;
use voxplain::ui::command::{Command, Need, Shot, ShotOf, all_commands};
use voxplain::ui::settings::{Sides, ThemeChoice};

use crate::desk::{
    Window, click, has_button, image, launch, rest, settle, text, wait, wait_until_ready, window,
};

/// A window that keeps its settings in a folder.
fn keeping(folder: &Path, launch: Launch) -> Window {
    window(Launch {
        settings_folder: Some(folder.to_owned()),
        ..launch
    })
}

fn press(window: &mut Window, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    settle(window);
}

fn type_text(window: &mut Window, text: &str) {
    window
        .input_mut()
        .events
        .push(egui::Event::Text(text.to_owned()));
    settle(window);
}

#[test]
fn whoever_asks_for_what_cannot_be_done_hears_why() {
    let mut window = window(launch(Vec::new()));
    window.run_steps(2);
    let now = window.state().situation();
    let mut refused = 0;
    for entry in all_commands() {
        let Some(why) = entry.need.missing(&now) else {
            continue;
        };
        window.state_mut().send(entry.command.clone());
        settle(&mut window);
        assert!(text(&window, why).is_some(), "{}: {why}", entry.label);
        window.state_mut().send(Command::DismissMessage);
        settle(&mut window);
        refused += 1;
    }
    let need_something = all_commands().filter(|entry| entry.need != Need::Nothing);
    assert_eq!(refused, need_something.count());
}

#[test]
fn a_command_is_found_and_sent_without_a_mouse() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    let before = window.state().look.as_ref().unwrap().convention;
    press(&mut window, Modifiers::COMMAND, Key::K);
    assert!(text(&window, "Find a command").is_some());
    window.check_accessibility();

    // Letters go into the field and are no keys of the window.
    type_text(&mut window, "neuro");
    press(&mut window, Modifiers::NONE, Key::L);
    assert_eq!(window.state().look.as_ref().unwrap().convention, before);
    press(&mut window, Modifiers::NONE, Key::Enter);
    assert!(text(&window, "Find a command").is_none(), "it closes");
    assert_ne!(window.state().look.as_ref().unwrap().convention, before);

    // Escape closes it and nothing else; the other key opens it too.
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    assert!(text(&window, "Find a command").is_some());
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(text(&window, "Find a command").is_none());

    // The arrows choose another line.
    press(&mut window, Modifiers::COMMAND, Key::K);
    type_text(&mut window, "enlarge");
    press(&mut window, Modifiers::NONE, Key::ArrowDown);
    press(&mut window, Modifiers::NONE, Key::Enter);
    let enlarged = window.state().layout.enlarged;
    assert_eq!(enlarged.unwrap().label(), "Coronal");
}

#[test]
fn the_sheet_of_keys_names_every_key() {
    let mut window = window(launch(Vec::new()));
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::Questionmark);
    for entry in all_commands().filter(|entry| !entry.keys.is_empty()) {
        let name = entry.label.trim_end_matches('…');
        assert!(text(&window, name).is_some(), "{name}");
        let key = window.ctx.format_shortcut(&entry.keys[0]);
        assert!(text(&window, &key).is_some(), "{key}");
    }
    window.check_accessibility();
    click(&mut window, "Close");
    assert!(text(&window, "Keys and mouse").is_none());
}

#[test]
fn settings_and_recent_scans_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = keeping(folder.path(), launch(vec![image()]));
    wait_until_ready(&mut first);
    press(&mut first, Modifiers::COMMAND, Key::Comma);
    first.check_accessibility();
    click(&mut first, "Light");
    click(&mut first, "Larger");
    click(&mut first, "On screen left (neurological)");
    assert!(!first.ctx.global_style().visuals.dark_mode);
    press(&mut first, Modifiers::NONE, Key::Escape);
    click(&mut first, "Got it");
    assert!(!has_button(&first, "Got it"));
    drop(first);

    let mut second = keeping(folder.path(), launch(Vec::new()));
    second.run_steps(3);
    let settings = second.state().settings.clone();
    assert_eq!(settings.theme, ThemeChoice::Light);
    assert_eq!(settings.sides, Sides::Neurological);
    assert!(settings.text_scale > 1.05);
    assert!((second.ctx.zoom_factor() - settings.text_scale).abs() < 1e-6);
    assert!(!second.ctx.global_style().visuals.dark_mode);

    // The scan is offered, opens with its model, and looks as the settings say.
    click(&mut second, "image.nii.gz");
    wait_until_ready(&mut second);
    let look = second.state().look.as_ref().unwrap();
    assert_eq!(look.convention, Sides::Neurological.convention());
    assert!(!has_button(&second, "Got it"), "the hint never comes back");
    second.state_mut().send(Command::ForgetRecentFiles);
    settle(&mut second);
    assert!(second.state().settings.recent.is_empty());
}

#[test]
fn a_run_that_did_not_end_well_offers_a_safe_start() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("running");
    let open = keeping(folder.path(), launch(Vec::new()));
    assert!(marker.is_file());
    drop(open);
    assert!(!marker.exists(), "a window that closes leaves no marker");

    std::fs::write(&marker, "0").unwrap();
    let mut broken = keeping(folder.path(), launch(vec![image()]));
    broken.run_steps(3);
    assert!(text(&broken, "The last run did not end well").is_some());
    assert!(text(&broken, "View: processor").is_some());
    broken.check_accessibility();
    assert!(broken.state().facts.study.is_none(), "nothing is opened");
    click(&mut broken, "Safe start");
    assert!(has_button(&broken, "Open scan…"));
    drop(broken);

    std::fs::write(&marker, "0").unwrap();
    let mut broken = keeping(folder.path(), launch(vec![image()]));
    broken.run_steps(3);
    click(&mut broken, "Usual start");
    wait_until_ready(&mut broken);
    assert!(text(&broken, "View: none").is_some());
}

#[test]
fn gestures_are_undone_one_at_a_time() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    let look = |window: &Window| window.state().look.clone().unwrap();
    let before = look(&window);
    let to = before.crosshair_mm + DVec3::new(2.0, 3.0, 1.0);
    window.state_mut().send(Command::MoveCrosshair(to));
    settle(&mut window);
    window.state_mut().look.as_mut().unwrap().heatmap_opacity = 0.2;
    settle(&mut window);
    window.state_mut().send(Command::SetWindow {
        low: 10.0,
        high: 90.0,
    });
    settle(&mut window);

    click(&mut window, "Edit");
    let undo = "Undo the change of window and level Ctrl+Z";
    assert!(has_button(&window, undo));
    click(&mut window, undo);
    assert_eq!(look(&window).window, before.window);
    assert!((look(&window).heatmap_opacity - 0.2).abs() < 1e-3);
    press(&mut window, Modifiers::COMMAND, Key::Z);
    assert_eq!(look(&window).heatmap_opacity, before.heatmap_opacity);
    assert_eq!(look(&window).crosshair_mm, to);
    press(&mut window, Modifiers::COMMAND, Key::Z);
    assert_eq!(look(&window).crosshair_mm, before.crosshair_mm);
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(look(&window).crosshair_mm, to);
    press(&mut window, Modifiers::COMMAND, Key::Y);
    assert!((look(&window).heatmap_opacity - 0.2).abs() < 1e-3);
}

#[test]
fn a_moved_region_is_undone() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    let region = |window: &Window| window.state().facts.study.as_ref().unwrap().region;
    let before = region(&window);
    let moved = crate::desk::ONE_WINDOW;
    window.state_mut().send(Command::MoveRegion(moved));
    wait(&mut window, "the new region", |window| {
        region(window) == moved
    });
    wait_until_ready(&mut window);
    let undo = window.state().situation().undo;
    assert_eq!(undo, Some("the move of the region"));
    window.state_mut().send(Command::Undo);
    wait(&mut window, "the old region", |window| {
        region(window) == before
    });
    wait_until_ready(&mut window);
    assert_eq!(window.state().situation().undo, None);
    assert!(window.state().situation().redo.is_some());
}

#[test]
fn a_picture_has_its_line_below_it() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    window.check_accessibility();
    click(&mut window, "2×");
    press(&mut window, Modifiers::NONE, Key::Escape);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("views.png");
    let shot = Shot {
        of: ShotOf::Views,
        scale: 2,
    };
    window
        .state_mut()
        .send(Command::SaveScreenshot(file.clone(), shot));
    window.step();
    answer_screenshot(&window);
    wait(&mut window, "the note", |window| {
        text(window, "The picture was saved as views.png").is_some()
    });
    let picture = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&file).unwrap()));
    let picture = picture.read_info().unwrap();
    let axial = window.get_by_label("Axial view").rect();
    let (width, height) = (picture.info().width, picture.info().height);
    assert!(width as f32 >= 4.0 * axial.width() - 8.0, "{width}");
    assert!(height as f32 >= 4.0 * axial.height(), "{height}");
}

/// Plays the part of the windowing system: gives the picture that was asked for.
fn answer_screenshot(window: &Window) {
    let [width, height] = crate::desk::SIZE.map(|side| side as usize);
    let image = egui::ColorImage::filled([width, height], egui::Color32::DARK_BLUE);
    let commands = window
        .output()
        .viewport_output
        .values()
        .flat_map(|output| &output.commands);
    let asked = commands.filter_map(|command| match command {
        egui::ViewportCommand::Screenshot(callback) => Some(callback.clone()),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    assert_eq!(asked.len(), 1);
    for callback in asked {
        callback.complete(std::sync::Arc::new(image.clone()));
    }
}

#[test]
fn every_control_has_a_name_and_can_be_reached_by_keys() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    rest(&mut window, std::time::Duration::from_millis(100));
    window.check_accessibility();
    let named = [Role::Button, Role::CheckBox, Role::Slider, Role::ComboBox];
    for role in named {
        for node in window.query_all_by_role(role) {
            let label = node.accesskit_node().label();
            assert!(label.is_some_and(|label| !label.is_empty()), "{node:?}");
        }
    }
    // Tab goes round all controls and comes back to the first.
    let mut seen = Vec::new();
    for _ in 0..200 {
        press(&mut window, Modifiers::NONE, Key::Tab);
        let Some(focused) = window.ctx.memory(|memory| memory.focused()) else {
            continue;
        };
        if seen.first() == Some(&focused) {
            break;
        }
        seen.push(focused);
    }
    assert!(seen.len() > 15, "{} controls", seen.len());
}
