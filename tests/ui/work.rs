//! From an open scan to its explanation, by the controls of the side panel.

use std::sync::Arc;
use std::time::Duration;

use egui::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use voxplain::ui::command::Command;
use voxplain::ui::state::Job;

use crate::desk::{
    Window, click, has_button, image, launch, make_quick, rest, set_count, settle, slider, text,
    wait, wait_until_ready, window,
};

fn evaluations(window: &Window) -> usize {
    let snapshot = window.state().facts.snapshot.as_ref();
    snapshot.map_or(0, |snapshot| snapshot.evaluations)
}

#[test]
fn a_scan_is_segmented_and_explained_by_hand() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    for class in ["anterior hippocampus", "posterior hippocampus"] {
        assert!(has_button(&window, class), "{class}");
        let show = format!("Show {class}");
        assert!(
            window
                .query_by_role_and_label(Role::CheckBox, &show)
                .is_some()
        );
    }
    let volumes = window.state().facts.segmentation.clone().unwrap();
    for volume in &volumes.volumes_ml[1..] {
        assert!(text(&window, &format!("{volume:.2} mL")).is_some());
    }
    assert!(text(&window, "Network: CPU").is_some());

    // Supervoxels follow the slider.
    set_count(&mut window, 150);
    let many = window.state().facts.players.as_ref().unwrap().count;
    assert!(text(&window, &format!("{many} of about")).is_some());
    make_quick(&mut window);
    set_count(&mut window, 20);
    let few = window.state().facts.players.as_ref().unwrap().count;
    assert!(few < many && (15..=25).contains(&few), "{few} {many}");
    assert!(text(&window, &format!("{few} of about")).is_some());
    window.check_accessibility();

    explain_with_a_pause(&mut window);
    look_at_the_result(&mut window, few);
    cancel_another(&mut window);
}

fn explain_with_a_pause(window: &mut Window) {
    click(window, "Quick");
    assert!(text(window, "Most relevant supervoxels").is_none());
    click(window, "Explain anterior hippocampus");
    wait(window, "progress", |window| {
        text(window, "of 40 runs").is_some()
    });
    assert!(!has_button(window, "Explain anterior hippocampus"));
    click(window, "Pause");
    assert!(has_button(window, "Resume"));
    // The pair of runs that is under way ends; long enough after it, nothing has moved.
    rest(window, Duration::from_secs(2));
    let before = evaluations(window);
    assert!(before < 40, "the pause came too late to be seen");
    rest(window, Duration::from_secs(3));
    assert_eq!(evaluations(window), before, "paused");
    assert!(text(window, "paused").is_some());
    click(window, "Resume");
    wait(window, "the explanation", |window| {
        window.state().facts.explanation.is_some() && window.state().job == Job::Idle
    });
    settle(window);
}

fn look_at_the_result(window: &mut Window, players: usize) {
    assert!(text(window, "Most relevant supervoxels").is_some());
    // The end of the stream is shown, not one of the last steps before it.
    assert_eq!(evaluations(window), 40);
    assert_eq!(text(window, "First pass"), None);
    let sentence = |window: &Window| text(window, "Showing supervoxel").unwrap();
    let anterior = sentence(window);
    assert!(
        anterior.contains("anterior hippocampus") && anterior.contains('±'),
        "{anterior}"
    );
    let estimate = window.state().facts.snapshot.clone().unwrap();
    assert_eq!(estimate.estimate().players.len(), players);
    assert!(estimate.estimate().completeness_residual().abs() < 1e-9);

    // The threshold changes what is said of the mask, and runs nothing.
    let mask = |window: &Window| text(window, "Relevance mask:").unwrap();
    slider(window, "Mask threshold", 0.9);
    let strict = mask(window);
    slider(window, "Mask threshold", 0.02);
    let loose = mask(window);
    let count = |text: &str| -> usize {
        let number = text.split(' ').nth(2).unwrap();
        number.parse().unwrap()
    };
    assert!(count(&strict) < count(&loose), "{strict} {loose}");

    // A row leads to its supervoxel.
    let strongest = voxplain::engine::ranked(estimate.estimate())[0];
    let row = format!("Supervoxel {}: ", strongest + 1);
    window
        .query_all_by_role(Role::Button)
        .find(|node| {
            let label = node.accesskit_node().label();
            label.is_some_and(|label| label.starts_with(&row))
        })
        .unwrap()
        .click_accesskit();
    settle(window);
    let viewer = window.state();
    let look = viewer.look.as_ref().unwrap();
    let centroid = viewer.facts.players.as_ref().unwrap().facts[strongest].centroid_mm;
    assert_eq!(look.crosshair_mm.to_array(), centroid);
    assert_eq!(look.selected_player, Some(strongest));
    let place = text(window, "supervoxel").unwrap();
    assert!(!place.is_empty());

    // Another class is another sentence from the same log.
    let log = Arc::as_ptr(window.state().facts.explanation.as_ref().unwrap());
    click(window, "posterior hippocampus");
    wait(window, "the other answer", |window| {
        sentence(window).contains("posterior hippocampus")
    });
    let posterior = sentence(window);
    assert_ne!(posterior, anterior);
    assert_eq!(window.state().job, Job::Idle);
    assert_eq!(
        Arc::as_ptr(window.state().facts.explanation.as_ref().unwrap()),
        log
    );
    click(window, "anterior hippocampus");
    wait(window, "the first answer", |window| {
        sentence(window) == anterior
    });

    // A place is asked about, and the whole structure again.
    let button = format!("Why here? (supervoxel {})", strongest + 1);
    click(window, &button);
    wait(window, "the place", |window| {
        text(
            window,
            &format!("About the place of supervoxel {}.", strongest + 1),
        )
        .is_some()
    });
    assert!(sentence(window).contains("the mean probability"));
    click(window, "The whole structure");
    wait(window, "all of it", |window| sentence(window) == anterior);

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("explanation");
    window.state_mut().send(Command::Save(out.clone()));
    wait(window, "the note that it was saved", |window| {
        text(window, "was saved in the folder explanation").is_some()
    });
    assert!(out.join("report.html").is_file());
    click(window, "Dismiss");
    wait(window, "rest", |window| window.state().job == Job::Idle);
}

fn cancel_another(window: &mut Window) {
    click(window, "Standard");
    click(window, "posterior hippocampus");
    click(window, "Explain posterior hippocampus");
    wait(window, "progress", |window| {
        text(window, "of 120 runs").is_some()
    });
    click(window, "Cancel");
    wait(window, "the end", |window| window.state().job == Job::Idle);
    window.step();
    assert!(evaluations(window) < 120);
    assert!(window.state().facts.explanation.is_none());
    assert!(has_button(window, "Explain posterior hippocampus"));
}

#[test]
fn values_never_belong_to_other_supervoxels_than_those_shown() {
    let mut window = window(launch(vec![image()]));
    make_quick(&mut window);
    for round in 0..3 {
        set_count(&mut window, 20);
        window.state_mut().send(Command::Explain);
        wait(&mut window, "values", |window| evaluations(window) > 0);
        rest(&mut window, Duration::from_millis(37 * round));
        set_count(&mut window, 60);
        wait(&mut window, "the end", |window| {
            window.state().job == Job::Idle
        });
        let facts = &window.state().facts;
        let players = facts.players.as_ref().unwrap().count;
        let values = facts.snapshot.as_ref();
        assert!(
            values.is_none_or(|values| values.estimate().players.len() == players),
            "values of supervoxels that are gone"
        );
        assert!(facts.explanation.is_none());
    }
}
