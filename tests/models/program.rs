//! What the program says of models and channels on the command line.

use std::path::{Path, PathBuf};

use glam::DAffine3;
use voxplain::base::{CancelToken, Grid};
use voxplain::io;
use voxplain::io::nifti::write_value_frames;
use voxplain::model::{MergeOrder, NetworkConfig, Preset};

use crate::files::{Precision, dict, network, write_zip};
use crate::program::{text, voxplain};
use crate::support::config;

fn write_weights(path: &Path, inputs: usize, outputs: usize) {
    let config = NetworkConfig {
        in_channels: inputs,
        ..config(12, outputs, MergeOrder::Legacy)
    };
    let tensors = network(&config, 1, "module.", Precision::F16);
    write_zip(path, &dict([("state_dict", tensors)]));
}

/// The BraTS preset as a bundle with a small network, small windows and no word on the
/// merge order.
fn brats_bundle(folder: &Path) -> PathBuf {
    let mut description = Preset::named("brats21").unwrap().description;
    description.network.feature_size = 12;
    description.inference.window = [32, 64, 32];
    description.weights = "model.pt".into();
    let mut json = serde_json::to_value(&description).unwrap();
    json["network"]
        .as_object_mut()
        .unwrap()
        .remove("merge_order");
    let bundle = folder.join("bundle");
    std::fs::create_dir(&bundle).unwrap();
    std::fs::write(bundle.join("bundle.json"), json.to_string()).unwrap();
    write_weights(&bundle.join("model.pt"), 4, 3);
    bundle
}

fn write_scan(path: &Path, hole: bool) {
    let grid = Grid::new([30, 40, 28], DAffine3::IDENTITY).unwrap();
    let mut values: Vec<f32> = (0..grid.voxel_count())
        .map(|i| ((i * 7919) % 251) as f32)
        .collect();
    if hole {
        values[777] = f32::NAN;
    }
    write_value_frames(path, &grid, &[&values]).unwrap();
}

#[test]
fn a_model_is_described_with_what_was_assumed() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("swin.pt");
    write_weights(&weights, 1, 14);
    let bare = voxplain(&["info", "--model", text(&weights)]);
    assert_eq!(bare.code, Some(1));
    assert!(bare.stderr.contains("say --preset btcv"), "{}", bare.stderr);
    assert_eq!(bare.stderr.trim_end().lines().count(), 1, "{}", bare.stderr);

    let arguments = ["info", "--model", text(&weights), "--preset", "btcv"];
    let said = voxplain(&arguments);
    let lines = &said.succeeded().stdout;
    for part in [
        "patch merging legacy",
        "16-bit floats",
        "under state_dict.module",
        "note: patch merging",
    ] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
    let json = voxplain(&[&arguments[..], &["--json"]].concat()).json();
    let model = &json["model"];
    assert_eq!(model["merge_order"], "legacy");
    assert_eq!(model["description"]["network"]["feature_size"], 12);
    assert_eq!(model["notes"].as_array().unwrap().len(), 1);
    assert_eq!(model["weights_blake3"], io::file_hash(&weights).unwrap());
}

#[test]
fn channels_and_labels_of_a_brats_model() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = brats_bundle(folder.path());
    let scan = |name: &str| {
        let path = folder.path().join(name);
        write_scan(&path, false);
        path
    };
    let (t1, t2, odd, flair) = (
        scan("a_t1.nii"),
        scan("a_t2.nii"),
        scan("x.nii"),
        scan("a_flair.nii"),
    );
    let out = folder.path().join("labels.nii.gz");
    let said = voxplain(&[
        "segment",
        text(&t2),
        text(&flair),
        text(&t1),
        "--channel",
        &format!("t1ce={}", text(&odd)),
        "--model",
        text(&bundle),
        "--out",
        text(&out),
        "--json",
    ]);
    let json = said.json();
    let channels =
        "channels: FLAIR is a_flair.nii, T1 post contrast is x.nii, T1 is a_t1.nii, T2 is a_t2.nii";
    assert!(said.stderr.contains(channels), "{}", said.stderr);
    let notes: Vec<&str> = json["notes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|n| n.as_str())
        .collect();
    assert!(notes.contains(&channels), "{notes:?}");
    assert!(notes.iter().any(|n| n.contains("legacy")), "{notes:?}");
    assert_eq!(json["merge_order"], "legacy");
    let labels: Vec<i64> = json["classes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|c| c["label"].as_i64())
        .collect();
    assert_eq!(labels, [1, 2, 4]);
    let map = io::open_volume(&out, &mut |_| {}, &CancelToken::new()).unwrap();
    let values = map.volume.to_f32();
    assert!(values.iter().all(|v| [0.0, 1.0, 2.0, 4.0].contains(v)));
    assert!(values.iter().any(|&v| v > 0.0));
    // A structure that another covers keeps its own volume.
    let shown = |label: f32| values.iter().filter(|&&v| v == label).count() as f64 / 1000.0;
    for class in json["classes"].as_array().unwrap() {
        let volume_ml = class["volume_ml"].as_f64().unwrap();
        let label = class["label"].as_f64().unwrap() as f32;
        assert!(
            volume_ml + 1e-9 >= shown(label),
            "{class}: {}",
            shown(label)
        );
    }

    let wrong = voxplain(&[
        "segment",
        "--channel",
        "CT=a.nii",
        "--model",
        text(&bundle),
        "--out",
        text(&out),
    ]);
    assert_eq!(wrong.code, Some(1));
    let twice = voxplain(&[
        "segment",
        "--channel",
        "T1",
        "--model",
        text(&bundle),
        "--out",
        text(&out),
    ]);
    assert_eq!(twice.code, Some(2));
}

#[test]
fn an_explanation_stores_what_was_assumed() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = brats_bundle(folder.path());
    let names = ["a_flair.nii", "a_t1ce.nii", "a_t1.nii", "a_t2.nii"];
    let scans: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
    scans.iter().for_each(|scan| write_scan(scan, false));
    let out = folder.path().join("explanation");
    let mut arguments = vec!["explain"];
    arguments.extend(scans.iter().map(|scan| text(scan)));
    arguments.extend(["--model", text(&bundle), "--count", "4", "--budget", "8"]);
    arguments.extend(["--class", "whole tumour", "--out", text(&out), "--json"]);
    voxplain(&arguments).json();
    let provenance = std::fs::read_to_string(out.join("explanation.json")).unwrap();
    let provenance: serde_json::Value = serde_json::from_str(&provenance).unwrap();
    let notes = provenance["notes"].as_array().unwrap();
    assert!(
        notes.iter().any(|n| n.as_str().unwrap().contains("legacy")),
        "{notes:?}"
    );
    let network = &provenance["bundle"]["description"]["network"];
    assert_eq!(network["merge_order"], "legacy");
}

#[test]
fn voxels_that_are_no_numbers_are_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let scan = folder.path().join("holes.nii");
    write_scan(&scan, true);
    let out = folder.path().join("labels.nii");
    let said = voxplain(&["segment", text(&scan), "--out", text(&out)]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("\"holes\"") && said.stderr.contains("NaN"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
    assert!(!out.exists());
    let folder = folder.path().join("explanation");
    let said = voxplain(&["explain", text(&scan), "--out", text(&folder)]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("NaN") && !folder.exists(),
        "{}",
        said.stderr
    );
    // What the header and the finite voxels say can still be shown.
    voxplain(&["info", text(&scan)]).succeeded();
}
