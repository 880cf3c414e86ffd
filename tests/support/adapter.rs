//! The graphics device of tests that need one.

use voxplain::gpu::GpuContext;

/// A device, or `None` with a line that says what was left out. Where the tests run
/// unattended (`CI` is set) a missing adapter is a failure.
pub fn adapter() -> Option<GpuContext> {
    match GpuContext::headless() {
        Ok(gpu) => Some(gpu),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => {
            println!("left out: needs a graphics adapter ({error})");
            None
        }
    }
}
