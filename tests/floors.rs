//! The floors of the crate (see `src/lib.rs`): a module uses only what lies below it.

use std::path::{Path, PathBuf};

/// Each floor's module with the crate modules it may name, besides itself.
const FLOORS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("volume", &["base"]),
    ("io", &["base", "volume"]),
    ("model", &["base", "volume"]),
    ("report", &["base", "volume", "io"]),
    ("gpu", &["base", "volume"]),
    ("explain", &["base", "volume"]),
    (
        "engine",
        &["base", "volume", "io", "model", "report", "gpu", "explain"],
    ),
    (
        "cli",
        &[
            "base", "volume", "io", "model", "report", "gpu", "explain", "engine",
        ],
    ),
    (
        "ui",
        &["base", "volume", "report", "gpu", "explain", "engine"],
    ),
];

/// Packages that only the named modules may use.
const PACKAGES: &[(&str, &[&str])] = &[
    ("burn", &["model"]),
    ("egui", &["ui"]),
    ("eframe", &["ui"]),
    ("egui_wgpu", &["ui"]),
    ("rfd", &["ui"]),
    ("clap", &["cli"]),
    ("anyhow", &["cli"]),
    ("wgpu", &["gpu", "model", "engine", "ui"]),
];

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Whether a line of code names `word` as the head of a path, as in `word::thing`.
fn names_path(line: &str, prefix: &str, word: &str) -> bool {
    let needle = format!("{prefix}{word}");
    line.match_indices(&needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + needle.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            && (prefix.is_empty() && line[at + needle.len()..].starts_with("::")
                || !prefix.is_empty() && !after.is_some_and(|c| c.is_alphanumeric() || c == '_'))
    })
}

/// The crate modules that a file names: `crate::module`, also inside braces.
fn crate_modules(code: &str) -> Vec<&'static str> {
    FLOORS
        .iter()
        .map(|(module, _)| *module)
        .filter(|module| {
            code.lines().any(|line| names_path(line, "crate::", module))
                || code.split("use crate::{").skip(1).any(|rest| {
                    rest.split_once("};").is_some_and(|(list, _)| {
                        list.split([',', '\n', ' '])
                            .any(|item| item == *module || item.starts_with(&format!("{module}::")))
                    })
                })
        })
        .collect()
}

#[test]
fn every_module_uses_only_lower_floors() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut breaches = Vec::new();
    for (module, allowed) in FLOORS {
        let mut files = Vec::new();
        source_files(&src.join(module), &mut files);
        assert!(!files.is_empty(), "the floor {module} has no files");
        for file in files {
            let code: String = std::fs::read_to_string(&file)
                .unwrap()
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(|line| format!("{line}\n"))
                .collect();
            let name = file.strip_prefix(&src).unwrap().display().to_string();
            for used in crate_modules(&code) {
                if used != *module && !allowed.contains(&used) {
                    breaches.push(format!("{name} uses {used}"));
                }
            }
            for (package, users) in PACKAGES {
                if !users.contains(module) && code.lines().any(|line| names_path(line, "", package))
                {
                    breaches.push(format!("{name} uses the package {package}"));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn the_reader_of_use_lines_sees_them() {
    assert_eq!(crate_modules("use crate::base::Grid;"), ["base"]);
    assert_eq!(
        crate_modules("use crate::{io, volume::Volume};"),
        ["volume", "io"]
    );
    assert_eq!(crate_modules("let x = crate::engine::run();"), ["engine"]);
    assert_eq!(
        crate_modules("use crate::baseline::Mean;"),
        Vec::<&str>::new()
    );
    assert!(names_path("let t: burn::tensor::Tensor<3>;", "", "burn"));
    assert!(!names_path("mod heartburn::x", "", "burn"));
}

#[test]
fn no_file_is_too_long_to_read() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    let long: Vec<_> = files
        .iter()
        .filter_map(|file| {
            let lines = std::fs::read_to_string(file).unwrap().lines().count();
            (lines > 500).then(|| format!("{}: {lines} lines", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "split these files: {long:?}");
}
