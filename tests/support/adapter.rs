//! The graphics device of tests that need one, and what happens where there is none.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::io::Write as _;

use voxplain::gpu::GpuContext;

/// Every test that draws or computes on a graphics adapter, by its full name.
pub const NEED_ADAPTER: [&str; 23] = [
    "drawn::views_are_drawn_by_whoever_is_quicker",
    "drawn::views_are_drawn_on_the_device_and_follow_the_values_with_few_bytes",
    "kernels::a_forward_pass_is_few_launches",
    "kernels::a_lost_device_is_an_error",
    "kernels::kernels_on_an_adapter",
    "networks::every_large_case_on_wgpu",
    "network::derivatives_on_an_adapter_are_those_of_the_processor",
    "networks::one_device_serves_view_and_network",
    "networks::parity_on_wgpu",
    "on_device::several_channels_go_to_an_adapter",
    "on_device::supervoxels_on_an_adapter_are_those_of_the_processor",
    "players::players_by_channel_on_an_adapter",
    "worker::a_lost_device_is_a_message_and_the_study_stays_open",
    "an_empty_scene_draws_its_background",
    "job::the_whole_job_with_a_graphics_device",
    "lines_lie_where_ids_change_at_any_zoom",
    "looking_uploads_nothing_and_a_tick_a_few_kilobytes",
    "slices_match_their_twin",
    "snapshots::the_empty_window_the_keys_and_the_settings_look_as_they_did",
    "states::a_lost_graphics_device_is_replaced_and_nothing_is_lost",
    "volumes_match_their_twin",
    "voxels_lie_half_a_voxel_around_their_centres",
    "voxels_lie_half_a_voxel_around_their_centres_in_the_volume",
];

/// A device for the running test; see [`needed`].
pub fn adapter() -> Option<GpuContext> {
    needed(GpuContext::headless().map_err(|error| error.to_string()))
}

/// What the running test needs of a graphics adapter, or `None` with a line that says
/// what was left out. Where the tests run unattended (`CI` is set) a missing adapter is
/// a failure.
pub fn needed<T>(found: Result<T, String>) -> Option<T> {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("main");
    assert!(
        test == "main" || NEED_ADAPTER.contains(&test),
        "add {test} to NEED_ADAPTER"
    );
    match found {
        Ok(found) => Some(found),
        Err(reason) if std::env::var_os("CI").is_some() => panic!("{reason}"),
        Err(reason) => {
            say(&format!(
                "left out: {test} needs a graphics adapter ({reason})"
            ));
            None
        }
    }
}

/// Writes a line that the test harness does not hold back.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
