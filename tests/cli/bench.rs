//! `voxplain bench`: that it measures what it says, in the form in which scripts read it.

use serde_json::json;
use tempfile::tempdir;

use crate::program::{text, voxplain};
use crate::{image, write_recipe_weights};

#[test]
fn a_pass_is_measured_with_made_up_weights() {
    let said = voxplain(&[
        "bench",
        "forward",
        "--feature-size",
        "12",
        "--size",
        "64x32x32",
        "--runs",
        "2",
        "--threads",
        "1",
        "--json",
    ])
    .json();
    assert_eq!(said["threads"], 1);
    assert_eq!(said["runs"], 2);
    assert_eq!(said["failed"], json!([]));
    let measurements = said["measurements"].as_array().unwrap();
    assert_eq!(measurements.len(), 1);
    let measured = &measurements[0];
    assert_eq!(measured["feature_size"], 12);
    assert_eq!(measured["size"], json!([64, 32, 32]));
    let number = |name: &str| measured[name].as_f64().unwrap();
    assert!((number("gflop") - 3.705).abs() < 0.001);
    let milliseconds = measured["milliseconds"].as_array().unwrap();
    assert_eq!(milliseconds.len(), 2);
    assert!(number("first_run_milliseconds") > 0.0);
    assert!(number("minimum_milliseconds") > 0.0);
    assert!(number("minimum_milliseconds") <= number("median_milliseconds"));
    let rate = number("gflop") / number("median_milliseconds") * 1e3;
    assert!((number("gflop_per_second") - rate).abs() < 1e-6 * rate);
    if cfg!(target_os = "linux") {
        // One thread cannot run longer than the clock, but for what is rounded.
        let seconds = number("cpu_seconds");
        let longest = milliseconds
            .iter()
            .filter_map(serde_json::Value::as_f64)
            .fold(0.0, f64::max);
        assert!(
            seconds > 0.0 && seconds <= longest / 1e3 + 0.05,
            "{seconds} {longest}"
        );
        // The logits alone are 1 MiB, and the program is not small either.
        assert!(number("peak_memory_mib") > 10.0);
        assert!(number("peak_memory_mib") >= number("loading_peak_memory_mib"));
    }
}

#[test]
fn several_cases_are_measured_each_in_its_own_process() {
    let folder = tempdir().unwrap();
    let weights = folder.path().join("weights.safetensors");
    write_recipe_weights(&weights);
    let said = voxplain(&[
        "bench",
        "forward",
        "--weights",
        text(&weights),
        "--size",
        "64x32x32,32x64x32",
        "--runs",
        "1",
        "--json",
    ])
    .json();
    let measurements = said["measurements"].as_array().unwrap();
    let sizes: Vec<_> = measurements.iter().map(|m| m["size"].clone()).collect();
    assert_eq!(sizes, [json!([64, 32, 32]), json!([32, 64, 32])]);
    for measured in measurements {
        // Read off the weights.
        assert_eq!(measured["feature_size"], 12);
        assert_eq!(measured["classes"], 3);
    }
}

#[test]
fn cases_that_no_network_can_have_are_refused_before_anything_is_measured() {
    for size in ["33", "32", "64x64", "0"] {
        let finished = voxplain(&["bench", "forward", "--size", size]);
        assert_eq!(finished.code, Some(2), "{size}: {}", finished.stderr);
    }
    let finished = voxplain(&["bench", "forward", "--feature-size", "12,13"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("feature_size is 13"));
    assert!(!finished.stderr.contains("Feature size 12"));
    let missing = voxplain(&["bench", "forward", "--weights", "missing", "--size", "64"]);
    assert_eq!(missing.code, Some(1), "{}", missing.stderr);
}

#[test]
fn a_short_soak_neither_grows_nor_stalls() {
    let said = voxplain(&[
        "bench",
        "soak",
        text(&image()),
        "--supervoxels",
        "12",
        "--evaluations",
        "20",
        "--json",
    ])
    .json();
    assert_eq!(said["evaluations"], 20);
    assert!(said["windows"].as_u64().unwrap() >= 1);
    let tenths = said["tenths"].as_array().unwrap();
    assert_eq!(tenths.len(), 10);
    for tenth in tenths {
        assert_eq!(tenth["evaluations"], 2);
        assert!(tenth["milliseconds_per_evaluation"].as_f64().unwrap() > 0.0);
        assert_eq!(
            tenth["resident_memory_mib"].is_number(),
            cfg!(target_os = "linux")
        );
    }
    assert_eq!(said["verdict"]["stalls"], false);
    assert_ne!(said["verdict"]["memory_grows"], true);
    let few = voxplain(&["bench", "soak", "--evaluations", "5"]);
    assert_eq!(few.code, Some(2));
}

#[test]
fn opening_is_measured_and_leaves_nothing_behind_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    let said = voxplain(&[
        "bench",
        "load",
        "--size",
        "64x48x32",
        "--runs",
        "1",
        "--keep",
        text(folder.path()),
        "--json",
    ])
    .json();
    let case = &said["cases"][0];
    assert_eq!(case["size"], serde_json::json!([64, 48, 32]));
    assert!(case["all_milliseconds"].as_f64() >= case["first_slice_milliseconds"].as_f64());
    assert!(case["hashed_milliseconds"].as_f64().unwrap() > 0.0);
    assert_eq!(
        case["peak_memory_mib"].is_number(),
        cfg!(target_os = "linux")
    );
    assert!(folder.path().join("head_64x48x32.nii.gz").exists());
    let wrong = voxplain(&["bench", "load", "--size", "64"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[test]
fn estimators_are_held_against_exact_values() {
    let folder = tempdir().unwrap();
    let said = voxplain(&[
        "bench",
        "shapley",
        "--players",
        "8",
        "--budgets",
        "2M,256",
        "--methods",
        "automatic,permutation",
        "--games",
        "1",
        "--repetitions",
        "1",
        "--export",
        text(folder.path()),
        "--json",
    ])
    .json();
    // Four families and two measured games, two methods each.
    let rows = said["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 12);
    for row in rows.iter().filter(|row| row["players"] == 8) {
        let errors = row["median_relative_squared_error"].as_array().unwrap();
        assert_eq!(row["evaluations"], json!([16, 256]));
        let last = errors[1].as_f64().unwrap();
        assert!(row["method"] == "permutation" || last < 1e-18, "{row}");
    }
    let written = std::fs::read(folder.path().join("mix_M8_0.json")).unwrap();
    let game: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(game["exact"].as_array().unwrap().len(), 8);
    assert!(game["rule"]["mix"].is_array());
}
