//! A region of several supervoxels is asked about.

use voxplain::engine::Part;
use voxplain::ui::command::Command;
use voxplain::ui::state::Job;

use crate::desk::{
    Window, click, has_button, image, launch, make_quick, set_count, settle, text, wait, window,
};

fn select(window: &mut Window, player: usize) {
    window.state_mut().look.as_mut().unwrap().selected_player = Some(player);
    settle(window);
}

fn shown_part(window: &Window) -> Option<String> {
    window
        .state()
        .facts
        .snapshot
        .as_ref()?
        .answer
        .part_in_words()
}

#[test]
fn supervoxels_are_taken_into_the_region_asked_about_and_out_of_it() {
    let mut window = window(launch(vec![image()]));
    make_quick(&mut window);
    set_count(&mut window, 20);
    click(&mut window, "Quick");
    window.state_mut().send(Command::Explain);
    wait(&mut window, "the explanation", |window| {
        window.state().facts.explanation.is_some() && window.state().job == Job::Idle
    });
    select(&mut window, 3);
    assert!(!has_button(&window, "Add supervoxel 4"));
    click(&mut window, "Why here? (supervoxel 4)");
    wait(&mut window, "one place", |window| {
        text(window, "About the place of supervoxel 4.").is_some()
    });
    assert!(!has_button(&window, "Leave out supervoxel 4"));
    let one = window.state().facts.snapshot.clone().unwrap();

    select(&mut window, 7);
    click(&mut window, "Add supervoxel 8");
    wait(&mut window, "two places", |window| {
        shown_part(window).is_some_and(|part| part == "About the places of supervoxels 4 and 8.")
    });
    assert_eq!(window.state().choices.part, Part::Players(vec![3, 7]));
    let two = window.state().facts.snapshot.clone().unwrap();
    assert_ne!(one.estimate().value_full, two.estimate().value_full);
    assert!(two.estimate().completeness_residual().abs() < 1e-9);

    // Out again, and with the last of them the structure is whole.
    click(&mut window, "Leave out supervoxel 8");
    wait(&mut window, "one place again", |window| {
        text(window, "About the place of supervoxel 4.").is_some()
    });
    let again = window.state().facts.snapshot.clone().unwrap();
    assert_eq!(again.estimate().value_full, one.estimate().value_full);
    window.state_mut().send(Command::ToggleInRegion(3));
    wait(&mut window, "all of it", |window| {
        shown_part(window).is_none()
    });
    assert_eq!(window.state().choices.part, Part::Whole);
    assert_eq!(window.state().job, Job::Idle, "no run was made");
}
