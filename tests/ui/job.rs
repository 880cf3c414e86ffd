//! The whole job by names, clicks and sliders: open, segment, choose supervoxels, explain,
//! cut a mask and see it tested, gather evidence, save. With a graphics device and without.

use std::path::{Path, PathBuf};

use egui::Role;
use egui_kittest::kittest::Queryable as _;
use voxplain::engine::evidence::KeepAndDelete;
use voxplain::explain::relevance_mask::MaskSign;
use voxplain::ui::command::Command;
use voxplain::ui::state::Job;
use voxplain::ui::{DrawOn, Launch};

use crate::desk::{
    Window, click, device_window, has_button, image, launch, make_quick, set_count, settle, slider,
    text, wait, window_of_size,
};

/// All of the side panel is in sight.
const TALL: [f32; 2] = [1280.0, 1900.0];

#[test]
fn the_whole_job_without_a_graphics_device() {
    do_it_all(window_of_size(launch(Vec::new()), TALL));
}

#[test]
fn the_whole_job_with_a_graphics_device() {
    let launch = Launch {
        draw_on: DrawOn::Device,
        ..launch(Vec::new())
    };
    if let Some(window) = device_window(launch, TALL) {
        do_it_all(window);
    }
}

/// A file that is dropped on the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("a path is all that the window asks for".to_owned())
    }
}

fn do_it_all(mut window: Window) {
    let window = &mut window;
    // A scan is dropped on the empty window, and segmented by itself.
    window.run_steps(2);
    assert!(has_button(window, "Open scan…"));
    let dropped = std::sync::Arc::new(Dropped(image()));
    window.input_mut().dropped_files.push(dropped);
    make_quick(window);
    assert!(has_button(window, "anterior hippocampus"));

    set_count(window, 24);
    let players = window.state().facts.players.clone().unwrap().count;
    assert!((20..=28).contains(&players), "{players}");
    click(window, "Quick");
    click(window, "Explain anterior hippocampus");
    wait(window, "the explanation", |window| {
        window.state().facts.explanation.is_some() && window.state().job == Job::Idle
    });
    settle(window);
    assert!(text(window, "Most relevant supervoxels").is_some());

    let found = test_masks(window);
    assert_eq!(found.mask.len(), players);
    gather_quick_evidence(window);

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("explanation");
    window.state_mut().send(Command::Save(out.clone()));
    wait(window, "the note that it was saved", |window| {
        text(window, "was saved in the folder explanation").is_some()
    });
    check_folder(&out, players);
}

/// Waits until the mask on screen has been put to the test.
fn tested(window: &mut Window, inside: impl Fn(usize) -> bool) -> std::sync::Arc<KeepAndDelete> {
    wait(window, "the mask's test", |window| {
        let facts = &window.state().facts;
        let test = facts.mask_test.as_ref();
        !facts.mask_test_runs
            && test.is_some_and(|test| inside(test.mask.iter().filter(|&&held| held).count()))
    });
    settle(window);
    assert!(text(window, "Only the mask").is_some());
    window.state().facts.mask_test.clone().unwrap()
}

/// Cuts masks by slider, rule and sign. What the last one holds is returned.
fn test_masks(window: &mut Window) -> std::sync::Arc<KeepAndDelete> {
    let players = window.state().facts.players.clone().unwrap().count;
    slider(window, "Mask threshold", 1.0);
    assert!(text(window, "Relevance mask: 1 supervoxel in 1 piece").is_some());
    tested(window, |held| held == 1);

    choose(window, "Rule", "Number of supervoxels");
    slider(window, "Mask threshold", players as f64);
    assert!(text(window, "100 % of the positive evidence").is_some());
    let estimate = window.state().facts.snapshot.clone().unwrap();
    let values = &estimate.estimate().players;
    let speak_for = values.iter().filter(|p| p.shap_value > 0.0).count();
    let all_for = tested(window, |held| held == speak_for);

    // The other sign holds the others.
    choose(window, "Holds", "What speaks against it");
    let look = window.state().look.clone().unwrap();
    assert_eq!(look.mask.sign, MaskSign::Negative);
    assert!(text(window, "100 % of the negative evidence").is_some());
    let speak_against = values.iter().filter(|p| p.shap_value < 0.0).count();
    let all_against = tested(window, |held| held == speak_against);
    let both = all_for.mask.iter().zip(&all_against.mask);
    assert!(both.clone().all(|(&a, &b)| !(a && b)));
    let class = estimate.class();
    let kept = |test: &KeepAndDelete| test.kept.class(class).unwrap().dice.unwrap_or(0.0);
    assert!(
        kept(&all_for) > kept(&all_against),
        "what speaks for it keeps more of it"
    );

    // Each step can be undone.
    window.state_mut().send(Command::Undo);
    settle(window);
    let look = window.state().look.as_ref().unwrap();
    assert_eq!(look.mask.sign, MaskSign::Positive);
    tested(window, |held| held == speak_for)
}

/// Chooses an entry of a list by its name.
fn choose(window: &mut Window, list: &str, entry: &str) {
    window.get_by_role_and_label(Role::ComboBox, list).click();
    settle(window);
    window
        .get_by_role_and_label(Role::Button, entry)
        .click_accesskit();
    settle(window);
}

fn gather_quick_evidence(window: &mut Window) {
    click(window, "Gather evidence: Quick");
    wait(window, "the evidence", |window| {
        let report = window.state().facts.evidence.as_ref();
        window.state().job == Job::Idle && report.is_some_and(|report| report.next.is_none())
    });
    settle(window);
    let report = window.state().facts.evidence.clone().unwrap();
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    assert!(text(window, "runs of the network in").is_some());
}

fn check_folder(out: &Path, players: usize) {
    for name in [
        "segmentation.nii.gz",
        "supervoxels.nii.gz",
        "attribution.nii.gz",
        "standard_error.nii.gz",
        "mask.nii.gz",
        "picture.png",
        "report.html",
    ] {
        assert!(out.join(name).is_file(), "{name}");
    }
    let record = std::fs::read_to_string(out.join("explanation.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let rule = record["parameters"]["mask_rule"].as_str().unwrap();
    assert_eq!(rule, format!("players:{players}"));
}
