//! One version of each package whose types cross our own boundaries.

use std::collections::BTreeMap;

#[test]
fn shared_packages_have_one_version() {
    let lock = include_str!("../Cargo.lock");
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(value) = line.strip_prefix("name = ") {
            name = value.trim_matches('"');
        } else if let Some(value) = line.strip_prefix("version = ") {
            versions
                .entry(name)
                .or_default()
                .push(value.trim_matches('"'));
        }
    }
    for package in [
        "wgpu",
        "wgpu-core",
        "naga",
        "egui",
        "eframe",
        "egui-wgpu",
        "ndarray",
        "burn",
    ] {
        let found = versions
            .get(package)
            .unwrap_or_else(|| panic!("{package} is not locked"));
        assert_eq!(found.len(), 1, "{package} is locked at {found:?}");
    }
}
