//! The empty window, its menus, and what it says when something fails.

use egui::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use voxplain::ui::command::{Command, Entry, Menu, Pane, all_commands, key_in_words};
use voxplain::ui::state::Job;

use crate::desk::{
    Window, click, has_button, image, launch, settle, text, wait, wait_until_ready, window,
};
use crate::support::fixture;

#[test]
fn an_empty_window_says_what_to_do() {
    let mut window = window(launch(Vec::new()));
    window.run_steps(3);
    assert!(has_button(&window, "Open scan…"));
    assert!(has_button(&window, "Open the demonstration"));
    assert!(text(&window, "NIfTI").is_some());
    assert!(text(&window, voxplain::base::RESEARCH_USE).is_some());
    assert!(text(&window, "View: none").is_some());
    window.check_accessibility();

    // The button does what it says: the demonstration opens.
    click(&mut window, "Open the demonstration");
    wait(&mut window, "the demonstration", |window| {
        window.state().facts.study.is_some()
    });
    assert!(text(&window, "197 × 233 × 189").is_some());
    assert!(!has_button(&window, "Open the demonstration"));
}

#[test]
fn a_scan_that_is_not_there_is_named_until_dismissed() {
    let mut window = window(launch(vec![fixture("hippocampus_001/missing.nii.gz")]));
    wait(&mut window, "the failure", |window| {
        text(window, "This did not work").is_some()
    });
    let why = text(&window, "missing.nii.gz").unwrap();
    assert!(why.contains("no such file"), "{why}");
    assert!(has_button(&window, "Copy details"));
    click(&mut window, "Dismiss");
    assert_eq!(text(&window, "This did not work"), None);
    assert_eq!(text(&window, "missing.nii.gz"), None);

    // The window is as it was: another scan can be opened.
    wait(&mut window, "the rest", |window| {
        window.state().job == Job::Idle
    });
    window.step();
    assert!(has_button(&window, "Open scan…"));
    window
        .state_mut()
        .send(Command::OpenScan(vec![image().into()]));
    wait_until_ready(&mut window);
}

#[test]
fn every_command_is_in_its_menu() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    for menu in Menu::ALL {
        click(&mut window, menu.label());
        for entry in all_commands() {
            let found = buttons(&window, entry).len();
            assert_eq!(found, usize::from(entry.menu == menu), "{}", entry.label);
        }
        click(&mut window, menu.label());
    }
}

/// The buttons with the name of a menu's entry, which ends in its key.
fn buttons<'w>(window: &'w Window, entry: &Entry) -> Vec<egui_kittest::Node<'w>> {
    let shortcut = entry.key().map_or_else(String::new, |shortcut| {
        format!(" {}", key_in_words(&window.ctx, &shortcut))
    });
    let name = format!("{}{shortcut}", entry.label);
    window
        .query_all_by_role(Role::Button)
        .filter(|node| node.accesskit_node().label().as_deref() == Some(name.as_str()))
        .collect()
}

/// Chooses an entry from its menu with the mouse.
fn choose(window: &mut Window, label: &str) {
    let entry = all_commands().find(|entry| entry.label == label).unwrap();
    click(window, entry.menu.label());
    let found = buttons(window, entry);
    assert_eq!(found.len(), 1, "{label}");
    found[0].click();
    drop(found);
    settle(window);
}

#[test]
fn menus_and_keys_do_what_they_say() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    let enlarged = |window: &Window| window.state().layout.enlarged;
    let before = window.state().look.clone().unwrap();
    choose(&mut window, "Enlarge 3D");
    assert_eq!(enlarged(&window), Some(Pane::Volume));
    assert!(window.query_by_label("Axial view").is_none());
    choose(&mut window, "Reset views");
    assert_eq!(enlarged(&window), None);
    for pane in ["Axial view", "Coronal view", "Sagittal view", "3D view"] {
        assert!(window.query_by_label(pane).is_some(), "{pane}");
    }
    choose(&mut window, "Swap left and right of the screen");
    let look = window.state().look.clone().unwrap();
    assert_ne!(look.convention, before.convention);
    assert!(text(&window, look.convention.label()).is_some());
    choose(&mut window, "Cut away the front in 3D");
    assert_eq!(
        window.state().look.as_ref().unwrap().cut_away,
        !before.cut_away
    );

    window.key_press(egui::Key::F1);
    settle(&mut window);
    assert_eq!(enlarged(&window), Some(Pane::ALL[0]));
    window.key_press(egui::Key::L);
    settle(&mut window);
    assert_eq!(
        window.state().look.as_ref().unwrap().convention,
        before.convention
    );

    // What cannot be done is grey in its menu, and says why when a test sends it.
    click(&mut window, "File");
    assert!(!has_button(&window, "Save explanation… Ctrl+S"));
    click(&mut window, "File");
    window.state_mut().send(Command::ChooseSaveFolder);
    settle(&mut window);
    assert!(text(&window, "no finished explanation").is_some());
    click(&mut window, "Dismiss");
}
