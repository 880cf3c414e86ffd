//! One version of each package whose types cross our own boundaries.
//!
//! Cargo.lock also lists what optional features of dependencies would bring; only what
//! is really built counts, so cargo itself is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

#[test]
fn shared_packages_have_one_version() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none"])
        .args(["--edges", "normal,build,dev", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{stderr}");
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(tree.stdout).unwrap().lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions
                .entry(name.to_owned())
                .or_default()
                .insert(version.to_owned());
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
            .unwrap_or_else(|| panic!("{package} is not used"));
        assert_eq!(
            found.len(),
            1,
            "{package} is built in the versions {found:?}"
        );
    }
}
