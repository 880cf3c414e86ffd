//! The command line as scripts see it: results, exit codes and what is said on failure.

#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/evaluate.rs"]
mod evaluate;
#[path = "support/images.rs"]
mod images;
#[path = "cli/maps.rs"]
mod maps;
#[path = "support/orientations.rs"]
mod orientations;
#[path = "support/program.rs"]
mod program;
#[path = "cli/reference.rs"]
mod reference;
#[path = "cli/render.rs"]
mod render;
#[path = "cli/supervoxels.rs"]
mod supervoxels;
mod support;

use std::path::{Path, PathBuf};

use images::{assert_same_grid, label_map, volume};
use ndarray::ArrayD;
use program::{Finished, text, voxplain, voxplain_in};
use support::{config, difference, fixture, npy, recipe_tensor};
use tempfile::{TempDir, tempdir};
use voxplain::model::{MergeOrder, expected_tensors};

fn image() -> PathBuf {
    fixture("hippocampus_001/image.nii.gz")
}

fn asset(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets")
        .join(name)
}

fn values(array: ArrayD<f32>) -> Vec<f32> {
    array.into_iter().collect()
}

#[test]
fn info_says_where_the_demonstration_lies() {
    let scan = asset("demo/mni152_2009a_t1.nii.gz");
    let said = voxplain(&["info", text(&scan), "--json"]).json();
    let facts = &said[0];
    assert_eq!(facts["dims"], serde_json::json!([197, 233, 189]));
    assert_eq!(facts["orientation"], "RAS");
    assert_eq!(facts["spacing_mm"], serde_json::json!([1.0, 1.0, 1.0]));
    assert_eq!(facts["world_from_voxel"][0][3], -98.0);
    assert_eq!(
        facts["screen"],
        "Patient left on screen right (radiological)"
    );
    let card = &facts["geometry"];
    assert_eq!(card["axes"][0]["toward"], "the patient's right");
    assert_eq!(card["placed_by"], "the sform");
    assert_eq!(card["bounds_mm"], facts["bounds_mm"]);
    let hash = facts["hash"].as_str().unwrap();
    assert_eq!(hash, voxplain::io::file_hash(&scan).unwrap());

    // Options that every subcommand takes may also stand before it.
    let before = voxplain(&["--json", "info", text(&scan)]).json();
    assert_eq!(before, said);
    let lines = &voxplain(&["info", text(&scan)]).stdout;
    for said in [
        "197 × 233 × 189",
        "voxel x runs to the patient's right, y to the front, z to the head",
        "Patient left on screen right (radiological)",
    ] {
        assert!(lines.contains(said), "{lines}");
    }
}

#[test]
fn segments_as_monai_does() {
    let folder = tempdir().unwrap();
    let (out, logits) = (
        folder.path().join("labels.nii.gz"),
        folder.path().join("logits.npy"),
    );
    let said = voxplain(&[
        "segment",
        text(&image()),
        "--model",
        text(&asset("models/hippocampus")),
        "--out",
        text(&out),
        "--logits",
        text(&logits),
        "--json",
    ])
    .json();

    let found = label_map(&out);
    assert_same_grid("segmentation", found.grid(), volume(&image()).grid());
    let truth = label_map(&fixture("hippocampus_001/label.nii.gz"));
    for (label, expected) in [(1, 0.89), (2, 0.87)] {
        let dice = found.dice(&truth, label).unwrap();
        assert!((dice - expected).abs() <= 0.01, "label {label}: {dice}");
        let class = &said["classes"][usize::from(label) - 1];
        let volume_ml = class["volume_ml"].as_f64().unwrap();
        assert_eq!(class["label"], label);
        assert!((volume_ml - found.volume_ml(label)).abs() < 1e-9);
    }

    let (found, expected) = (
        npy::<f32>(logits),
        npy::<f32>(fixture("hippocampus_001/logits.npy")),
    );
    assert_eq!(found.shape(), expected.shape());
    let (largest, _) = difference(&values(found), &values(expected));
    assert!(largest <= 1e-3, "{largest}");
}

#[test]
fn supervoxels_are_numbered_without_gaps_on_the_scans_grid() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("supervoxels.nii.gz");
    let said = voxplain(&[
        "supervoxels",
        text(&image()),
        "--count",
        "50",
        "--out",
        text(&out),
        "--json",
    ])
    .json();
    let map = label_map(&out);
    assert_same_grid("supervoxels", map.grid(), volume(&image()).grid());
    let counts = map.counts();
    let count = counts.len() - 1;
    assert_eq!(said["supervoxels"], count);
    assert!((40..=60).contains(&count), "{count}");
    assert!(counts[1..].iter().all(|&voxels| voxels > 0));
    assert_eq!(counts[0], 0, "the whole scan is divided");
}

/// The weights of the reference recipe as a .safetensors file.
fn write_recipe_weights(path: &Path) {
    let config = config(12, 3, MergeOrder::Merging);
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (key, shape) in expected_tensors(&config) {
        let start = data.len();
        for value in recipe_tensor(&key, &shape, 1) {
            data.extend(value.to_le_bytes());
        }
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert(key, entry);
    }
    let mut header = serde_json::to_vec(&header).unwrap();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn the_bare_network_is_monais_in_every_merge_order() {
    let folder = tempdir().unwrap();
    let weights = folder.path().join("weights.safetensors");
    write_recipe_weights(&weights);
    for order in ["legacy", "merging", "mergingv2"] {
        let out = folder.path().join(format!("{order}.npy"));
        let said = voxplain(&[
            "debug",
            "forward",
            "--weights",
            text(&weights),
            "--input",
            text(&fixture("swin_unetr/v1_f12/in_64x32x32.npy")),
            "--output",
            text(&out),
            "--merge-order",
            order,
            "--json",
        ])
        .json();
        let expected = fixture(&format!("swin_unetr/v1_f12/out_64x32x32_{order}.npy"));
        let (found, expected) = (npy::<f32>(out), npy::<f32>(expected));
        assert_eq!(found.shape(), expected.shape());
        assert_eq!(said["shape"], serde_json::json!(expected.shape()));
        let (largest, _) = difference(&values(found), &values(expected));
        assert!(largest <= 1e-3, "{order}: {largest}");
    }
}

fn shapley(method: &str, budget: &str) -> serde_json::Value {
    voxplain(&[
        "debug",
        "shapley",
        "--values",
        text(&fixture("games/mix_M12_v.npy")),
        "--budget",
        budget,
        "--method",
        method,
        "--json",
    ])
    .json()
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn shapley_values_of_a_table() {
    let known = std::fs::read(fixture("games/exact_M12.json")).unwrap();
    let known: serde_json::Value = serde_json::from_slice(&known).unwrap();
    let known = numbers(&known["mix"]["shapley"]);
    let exact = shapley("exact", "4096");
    for (found, known) in numbers(&exact["shapley"]).iter().zip(&known) {
        assert!((found - known).abs() <= 1e-9, "{found} {known}");
    }
    assert_eq!(exact["method"], "exact");
    assert_eq!(exact["evaluations"], 4096);

    for method in [
        "automatic",
        "permutation",
        "least-squares",
        "odd-kernel",
        "kernel-shap",
    ] {
        let said = shapley(method, "1500");
        assert_eq!(said["method"], method);
        let evaluations = said["evaluations"].as_u64().unwrap();
        assert!((1000..=1500).contains(&evaluations), "{evaluations}");
        let (found, errors) = (numbers(&said["shapley"]), numbers(&said["standard_error"]));
        assert_eq!((found.len(), errors.len()), (12, 12), "{method}");
        for ((found, error), known) in found.iter().zip(&errors).zip(&known) {
            let apart = (found - known).abs();
            assert!(
                apart <= 5.0 * error + 1e-9,
                "{method}: {found} ± {error}, {known}"
            );
        }
        let sum: f64 = found.iter().sum();
        assert!(
            (sum - known.iter().sum::<f64>()).abs() < 1e-9,
            "{method}: {sum}"
        );
    }
}

/// One clear line, besides notes and progress, and no trace of the program's insides.
fn assert_one_line(what: &str, finished: &Finished) {
    let Finished {
        code,
        stdout,
        stderr,
    } = finished;
    assert_eq!(*code, Some(1), "{what}: {stderr}");
    assert_eq!(stdout, "", "{what}");
    assert!(!stderr.contains("panicked"), "{what}: {stderr}");
    let said: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("voxplain: "))
        .collect();
    assert_eq!(said.len(), 1, "{what}: {stderr}");
    assert_eq!(stderr.lines().last(), said.last().copied(), "{what}");
    assert!(
        said[0].len() > 20 && said[0].len() < 400,
        "{what}: {stderr}"
    );
    let progress = ["Opening the scan", "Loading the model", "Segmenting"];
    for line in stderr.lines() {
        assert!(
            line.starts_with("voxplain: ")
                || line.starts_with("note: ")
                || progress.iter().any(|phase| line.starts_with(phase)),
            "{what}: {stderr}"
        );
    }
}

/// Segments a file into a folder.
fn segment(folder: &TempDir, scan: &Path) -> Finished {
    let out = folder.path().join("out.nii.gz");
    let finished = voxplain(&["segment", text(scan), "--out", text(&out)]);
    assert!(!out.exists());
    finished
}

#[test]
fn bad_scans_are_refused_in_one_line() {
    let folder = tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = std::fs::read(image()).unwrap();
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";
    let scans = [
        folder.path().join("missing.nii.gz"),
        folder.path().to_owned(),
        file("truncated.nii.gz", &whole[..whole.len() / 2]),
        file("tiny.nii.gz", &whole[..20]),
        file("empty.nii", b""),
        file("picture.png", png),
        file("picture.nii.gz", png),
        file("notes.nii", b"These are notes, not a scan.\n"),
    ];
    for scan in scans {
        let finished = segment(&folder, &scan);
        assert_one_line(text(&scan), &finished);
        // The line names the file, so that one of many can be found.
        let name = scan.file_name().unwrap().to_str().unwrap();
        assert!(finished.stderr.contains(name), "{}", finished.stderr);
        assert_one_line(text(&scan), &voxplain(&["info", text(&scan)]));
    }
}

#[test]
fn bad_wishes_are_refused_in_one_line() {
    let folder = tempdir().unwrap();
    let image = image();
    let out = folder.path().join("out");
    let explain = |more: &[&str]| {
        let mut arguments = vec!["explain", text(&image), "--supervoxels", "8"];
        arguments.extend(["--budget", "2", "--out", text(&out)]);
        arguments.extend(more);
        voxplain(&arguments)
    };
    let no_class = explain(&["--class", "liver"]);
    assert_one_line("class", &no_class);
    assert!(
        no_class.stderr.contains("posterior hippocampus"),
        "it names the classes there are: {}",
        no_class.stderr
    );
    assert_one_line("background", &explain(&["--class", "background"]));
    assert_one_line("class number", &explain(&["--class", "99"]));
    let no_memory = explain(&["--memory-limit", "1M"]);
    assert_one_line("memory", &no_memory);
    assert!(
        no_memory.stderr.contains("may be used"),
        "{}",
        no_memory.stderr
    );
    let half = explain(&["--precision", "half", "--device", "cpu"]);
    assert_one_line("precision", &half);
    assert!(half.stderr.contains("half precision"), "{}", half.stderr);
    let no_model = folder.path().join("no model");
    assert_one_line("model", &explain(&["--model", text(&no_model)]));
    assert_one_line("empty model", &explain(&["--model", text(folder.path())]));
    let elsewhere = "900,900,900,950,950,950";
    assert_one_line("region", &explain(&["--region", elsewhere]));
    assert_one_line("channels", &explain(&[text(&image)]));
    assert!(!out.exists(), "nothing is written");

    let nowhere = folder.path().join("missing").join("out.nii.gz");
    let finished = voxplain(&["segment", text(&image), "--out", text(&nowhere)]);
    assert_one_line("output", &finished);

    let table = fixture("games/linear_M12_v.npy");
    let finished = voxplain(&[
        "debug",
        "forward",
        "--weights",
        text(&asset("models/hippocampus/weights.safetensors")),
        "--input",
        text(&table),
        "--output",
        text(&folder.path().join("y.npy")),
    ]);
    assert_one_line("array", &finished);
}

#[test]
fn wrong_usage_is_explained_and_has_its_own_code() {
    let image = image();
    let with = |arguments: &[&str]| {
        let mut all = vec!["explain", text(&image), "--out", "unused"];
        all.extend(arguments);
        voxplain(&all)
    };
    for (arguments, helps) in [
        (["--budget", "lots"], "such as 4M"),
        (["--budget", "0"], "such as 4M"),
        (["--region", "1,2,3"], "x0,y0,z0,x1,y1,z1"),
        (["--mask", "half"], "top:"),
        (["--baseline", "grey"], "blur"),
        (["--threads", "0"], "--threads"),
        (["--colour", "red"], "--colour"),
    ] {
        let finished = with(&arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}");
        assert!(finished.stderr.contains(helps), "{}", finished.stderr);
        assert!(!finished.stderr.contains("panicked"));
    }
    assert_eq!(voxplain(&["segment"]).code, Some(2));
    assert_eq!(voxplain(&["--help"]).code, Some(0));
    assert!(voxplain(&["--version"]).stdout.starts_with("voxplain "));
}

#[test]
fn a_scan_that_cannot_be_shown_is_refused_where_there_is_no_window() {
    let folder = tempdir().unwrap();
    let finished = voxplain_in(folder.path(), &["missing.nii.gz"]);
    assert_eq!(finished.code, Some(1));
    let lines: Vec<&str> = finished.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", finished.stderr);
    assert!(lines[0].contains("mesa-vulkan-drivers"), "{}", lines[0]);
    assert!(lines[1].starts_with("voxplain: ") && lines[1].contains("missing.nii.gz"));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_job_with_its_own_code_and_keeps_its_runs() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let folder = tempdir().unwrap();
    let out = folder.path().join("out");
    let mut child = Command::new(env!("CARGO_BIN_EXE_voxplain"))
        .args(["explain", text(&image()), "--out", text(&out)])
        .args(["--device", "cpu", "--budget", "2000"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let mut interrupted = None;
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.starts_with("Explaining") && interrupted.is_none() {
            let id = child.id().to_string();
            let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
            assert!(sent.success());
            interrupted = Some(Instant::now());
        }
        said.push(line);
    }
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{said:?}");
    assert_eq!(
        said.last().map(String::as_str),
        Some("voxplain: cancelled"),
        "{said:?}"
    );
    assert!(interrupted.unwrap().elapsed() < Duration::from_secs(10));
    // The runs that were made are kept, and nothing else.
    let left: Vec<_> = std::fs::read_dir(&out).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(out.join("log.voxlog").exists());
    assert!(
        said.iter().any(|line| line.contains("--resume")),
        "{said:?}"
    );
}

#[test]
#[ignore = "takes a minute: the whole demonstration"]
fn without_a_display_the_demonstration_is_explained_into_a_folder() {
    let folder = tempdir().unwrap();
    let finished = voxplain_in::<&str>(folder.path(), &[]);
    finished.succeeded();
    let lines: Vec<&str> = finished
        .stderr
        .lines()
        .filter(|line| line.starts_with("voxplain: "))
        .collect();
    assert_eq!(lines.len(), 1, "{}", finished.stderr);
    assert!(lines[0].contains("libvulkan1"), "{}", lines[0]);
    let out = folder.path().join("voxplain-demonstration");
    for name in program::FOLDER_FILES {
        let size = std::fs::metadata(out.join(name)).map(|file| file.len());
        assert!(size.is_ok_and(|size| size > 0), "{name}");
    }
}
