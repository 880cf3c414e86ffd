//! How many tests were left out for want of a graphics adapter. Runs last, by its name.

use std::path::Path;

#[path = "support/adapter.rs"]
mod adapter;

use voxplain::gpu::GpuContext;

#[test]
fn tests_left_out_are_counted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = [
        "twins.rs",
        "ui/drawn.rs",
        "ui/job.rs",
        "ui/snapshots.rs",
        "ui/states.rs",
        "parity/kernels.rs",
        "parity/networks.rs",
        "parity/players.rs",
        "pipeline/worker.rs",
        "gradients/network.rs",
        "supervoxels/on_device.rs",
    ];
    let source: String = files
        .map(|file| std::fs::read_to_string(folder.join(file)).unwrap())
        .concat();
    for test in adapter::NEED_ADAPTER {
        let name = test.rsplit("::").next().unwrap();
        assert!(
            source.contains(&format!("fn {name}()")),
            "{test} is no longer a test"
        );
    }
    if let Err(reason) = GpuContext::headless() {
        assert!(std::env::var_os("CI").is_none(), "{reason}");
        adapter::say(&format!(
            "{} tests were left out for want of a graphics adapter; the README names the packages that bring one",
            adapter::NEED_ADAPTER.len()
        ));
    }
}
