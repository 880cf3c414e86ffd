//! What can be asked of one log, and how a run that ended goes on.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{Finished, text, voxplain};
use crate::support::fixture;

/// A part of the scan that goes through the network in one window, for quick runs.
const QUICK: [&str; 6] = [
    "--region",
    "1.5,1.5,1.5,32.5,50,32.5",
    "--supervoxels",
    "12",
    "--class",
    "anterior hippocampus",
];

fn run(out: &Path, more: &[&str]) -> Finished {
    let image = fixture("hippocampus_001/image.nii.gz");
    let mut arguments = vec!["explain", text(&image), "--out", text(out), "--json"];
    arguments.extend(QUICK);
    arguments.extend(more);
    voxplain(&arguments)
}

fn shap_values(printed: &Value) -> Vec<f64> {
    let values = printed["classes"][0]["shap_values"].as_array().unwrap();
    values.iter().map(|value| value.as_f64().unwrap()).collect()
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("log.voxlog")
}

#[test]
fn a_run_that_ended_or_crashed_goes_on_as_if_it_had_not() {
    let folder = tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let expected = run(&whole, &["--budget", "60"]).json();
    assert_eq!(expected["evaluations"], 60);
    let bytes = std::fs::read(log_of(&whole)).unwrap();

    // Extended.
    run(&parts, &["--budget", "30"]).succeeded();
    let first = std::fs::read(log_of(&parts)).unwrap();
    assert!(bytes.starts_with(&first) && first.len() < bytes.len());
    let extended = run(&parts, &["--budget", "60", "--resume"]).json();
    assert_eq!(std::fs::read(log_of(&parts)).unwrap(), bytes);
    assert_eq!(shap_values(&extended), shap_values(&expected));

    // Cut off inside a record, as by a crash.
    std::fs::write(log_of(&parts), &bytes[..first.len() - 100]).unwrap();
    let resumed = run(&parts, &["--budget", "60", "--resume"]).json();
    assert_eq!(std::fs::read(log_of(&parts)).unwrap(), bytes);
    assert_eq!(shap_values(&resumed), shap_values(&expected));

    // Another game's runs are not used.
    for other in [
        ["--seed", "3"],
        ["--baseline", "mean"],
        ["--supervoxels", "9"],
    ] {
        let image = fixture("hippocampus_001/image.nii.gz");
        let mut arguments = vec!["explain", text(&image), "--out", text(&parts), "--resume"];
        arguments.extend(
            QUICK
                .iter()
                .filter(|a| **a != "--supervoxels" && **a != "12"),
        );
        arguments.extend(["--budget", "60"]);
        if other[0] != "--supervoxels" {
            arguments.extend(["--supervoxels", "12"]);
        }
        arguments.extend(other);
        let refused = voxplain(&arguments);
        assert_eq!(refused.code, Some(1), "{other:?}");
        assert!(
            refused.stderr.contains("belong to another explanation"),
            "{}",
            refused.stderr
        );
        assert_eq!(
            std::fs::read(log_of(&parts)).unwrap(),
            bytes,
            "nothing is lost"
        );
    }
}

#[test]
fn values_parts_and_places_are_asked_of_the_same_runs() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("out");
    let whole = run(&out, &["--budget", "60", "--value", "mean-probability"]).json();
    let answer = &whole["classes"][0];
    assert_eq!(answer["value_function"], "mean-probability");
    assert_eq!(answer["target"]["class"], 1);

    // The same runs again: none is made, since they are all there.
    let ask = |more: &[&str]| {
        let mut arguments = vec!["--budget", "60", "--resume"];
        arguments.extend(more);
        let printed = run(&out, &arguments).json();
        assert_eq!(printed["windows_run"], 0, "{more:?}");
        printed
    };
    let largest = ask(&["--component", "1", "--value", "mean-probability"]);
    assert!(largest["classes"][0]["target"]["component"].is_u64());
    // The structure is one piece, so its largest part is all of it.
    assert_eq!(shap_values(&largest), shap_values(&whole));
    let margin = ask(&["--value", "margin"]);
    assert!(shap_values(&margin) != shap_values(&whole));
    for value in [
        "hard-dice",
        "mean-logit",
        "true-positive-ml",
        "false-positive-ml",
        "volume-ml",
    ] {
        let printed = ask(&["--value", value]);
        assert_eq!(printed["classes"][0]["value_function"], value);
    }
    // A place outside of the structure: its mean probability stands in for the overlap.
    let place = ask(&["--at", "5,5,5"]);
    assert_eq!(place["classes"][0]["value_function"], "mean-probability");
    assert!(place["classes"][0]["target"]["places"]["players"].is_array());

    let missing = run(&out, &["--budget", "60", "--component", "9"]);
    assert_eq!(missing.code, Some(1));
    assert!(
        missing.stderr.contains("1 connected part"),
        "{}",
        missing.stderr
    );
    let outside = run(&out, &["--budget", "60", "--at", "500,0,0"]);
    assert!(
        outside.stderr.contains("point at the explained region"),
        "{}",
        outside.stderr
    );
}

#[test]
fn a_reference_is_explained_in_place_of_what_was_found() {
    let folder = tempdir().unwrap();
    let label = fixture("hippocampus_001/label.nii.gz");
    let found = run(&folder.path().join("a"), &["--budget", "30"]).json();
    let truth = run(
        &folder.path().join("b"),
        &["--budget", "30", "--reference", text(&label)],
    )
    .json();
    // v(N) is the soft Dice with the reference, which the network does not quite reach.
    let full = |printed: &Value| printed["classes"][0]["value_full"].as_f64().unwrap();
    assert!(full(&truth) < full(&found) && full(&truth) > 0.7);
}

#[test]
fn ends_of_what_can_be_asked_are_clear() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("out");
    // One supervoxel carries everything.
    let image = fixture("hippocampus_001/image.nii.gz");
    let one = voxplain(&[
        "explain",
        text(&image),
        "--out",
        text(&out),
        "--json",
        "--region",
        QUICK[1],
        "--supervoxels",
        "1",
        "--class",
        QUICK[5],
        "--keep-air",
    ])
    .json();
    let answer = &one["classes"][0];
    let difference =
        answer["value_full"].as_f64().unwrap() - answer["value_empty"].as_f64().unwrap();
    assert!((shap_values(&one)[0] - difference).abs() < 1e-12);
}

#[test]
fn what_the_network_sees_can_be_looked_at() {
    let folder = tempdir().unwrap();
    let image = fixture("hippocampus_001/image.nii.gz");
    let see = |name: &str, keep: &str| -> Vec<f32> {
        let out = folder.path().join(name);
        let mut arguments = vec!["debug", "masked", text(&image), "--out", text(&out)];
        arguments.extend(["--supervoxels", "4", "--baseline", "zero", "--keep-air"]);
        arguments.extend(["--region", QUICK[1]]);
        if !keep.is_empty() {
            arguments.extend(["--keep", keep]);
        }
        voxplain(&arguments).succeeded();
        crate::images::volume(&out).to_f32()
    };
    let (all, none) = (see("all.nii.gz", "1,2,3,4"), see("none.nii.gz", ""));
    assert!(none.iter().all(|&value| value == 0.0));
    let one = see("one.nii.gz", "2");
    let kept = one
        .iter()
        .zip(&all)
        .filter(|(one, all)| **one == **all && **all != 0.0);
    let share = kept.count() as f64 / all.len() as f64;
    assert!((0.05..0.6).contains(&share), "{share}");
    assert!(
        one.iter()
            .zip(&all)
            .all(|(one, all)| *one == 0.0 || one == all)
    );
}
