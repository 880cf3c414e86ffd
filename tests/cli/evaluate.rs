//! `voxplain evaluate`: what it finds and keeps, and what it refuses.

use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{Finished, text, voxplain};
use crate::{assert_one_line, image};

const QUICK: [&str; 8] = [
    "--region",
    "1.5,1.5,1.5,32.5,50,32.5",
    "--supervoxels",
    "12",
    "--class",
    "anterior hippocampus",
    "--budget",
    "72",
];

fn explain(out: &Path, seed: &str) {
    let image = image();
    let mut arguments = vec!["explain", text(&image), "--out", text(out)];
    arguments.extend(QUICK);
    arguments.extend(["--seed", seed]);
    voxplain(&arguments).succeeded();
}

fn evaluate(folders: &[&Path], more: &[&str]) -> Finished {
    let image = image();
    let mut arguments = vec!["evaluate"];
    arguments.extend(folders.iter().map(|folder| text(folder)));
    arguments.extend(["--scan", text(&image)]);
    arguments.extend(more);
    voxplain(&arguments)
}

fn assert_without_nan(value: &Value, place: &str) {
    match value {
        Value::Array(all) => all.iter().for_each(|v| assert_without_nan(v, place)),
        Value::Object(all) => all.iter().for_each(|(k, v)| assert_without_nan(v, k)),
        Value::Number(number) => assert!(number.as_f64().unwrap().is_finite(), "{place}"),
        _ => {}
    }
}

#[test]
fn evidence_is_printed_and_kept_and_two_folders_are_compared() {
    let folder = tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    explain(&first, "0");
    explain(&second, "1");
    let printed = evaluate(
        &[&first],
        &["--random-orders", "2", "--steps", "6", "--json"],
    )
    .json();
    assert_without_nan(&printed, "");
    let evidence = &printed["folders"][0]["evidence"];
    let answer = &evidence["answers"][0];
    assert_eq!(answer["class_name"], "anterior hippocampus");
    let [insertion, deletion] = ["insertion", "deletion"].map(|curve| {
        answer["curves"]["areas"][curve]["by_volume"]
            .as_f64()
            .unwrap()
    });
    assert!(insertion > deletion, "{insertion} {deletion}");
    // Dice of the smallest sufficient part, and what the mask keeps.
    let sufficient = &answer["minimal"]["sufficient"];
    assert!(sufficient["score"].as_f64().unwrap() >= 0.9);
    assert!(answer["mask"]["kept"]["classes"][0]["dice"].is_number());
    let checks = answer["checks"].as_array().unwrap();
    assert!(checks.len() >= 10);
    assert!(checks.iter().all(|check| check["sentence"].is_string()));

    // What is in the folder is what was printed, and no run is made twice.
    let kept = std::fs::read_to_string(first.join("evidence.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(&kept, evidence);
    for name in ["evidence.html", "curves.csv", "sufficient.nii.gz"] {
        assert!(first.join(name).is_file(), "{name}");
    }
    let page = std::fs::read_to_string(first.join("evidence.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("Research use only"));
    // Pictures are written in letters, which may spell anything.
    let words = page
        .split("base64,")
        .enumerate()
        .map(|(index, part)| match index {
            0 => part,
            _ => part.split_once('"').map_or("", |(_, rest)| rest),
        });
    let words: String = words.collect();
    assert!(!words.contains("NaN") && !words.contains("http://"));
    let again = evaluate(
        &[&first],
        &["--part", "mask,minimal", "--random-orders", "2", "--json"],
    )
    .json();
    let again = &again["folders"][0]["evidence"];
    assert_eq!(again["runs"], 0);
    assert_eq!(again["answers"][0]["minimal"], answer["minimal"]);
    // What was gathered before is still there, from the runs that were kept.
    assert_eq!(again["answers"][0]["curves"], answer["curves"]);
    let curves = std::fs::read_dir(first.join("evidence_runs")).unwrap();
    assert_eq!(curves.count(), 1);

    // Another seed is explained once.
    let seeded = evaluate(&[&first], &["--part", "seed", "--json"]).json();
    let seeded = &seeded["folders"][0]["evidence"]["answers"][0];
    assert_eq!(seeded["curves"], answer["curves"]);
    let log = first.join("evidence_runs/seed_1.voxlog");
    let written = std::fs::read(&log).unwrap();
    let repeated = evaluate(&[&first], &["--quick", "--json"]).json();
    let repeated = &repeated["folders"][0]["evidence"]["answers"][0];
    assert_eq!(repeated["seed"], seeded["seed"]);
    assert!(seeded["seed"]["comparisons"][0]["agreement"]["spearman"].is_number());
    assert_eq!(std::fs::read(&log).unwrap(), written);

    let both = evaluate(&[&first, &second], &["--quick", "--json"]).json();
    let cohort = &both["cohort"];
    assert_eq!(cohort["folders"], 2);
    let overlap = cohort["masks"][0]["dice"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&overlap));
    assert_eq!(cohort["classes"][0]["folders"], 2);
}

#[test]
fn a_part_of_a_class_is_evaluated_as_the_part_it_is() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("part");
    let image = image();
    let mut arguments = vec!["explain", text(&image), "--out", text(&out)];
    arguments.extend(QUICK);
    // A supervoxel where the class is not: its question is about places.
    arguments.extend(["--at", "5,45,5"]);
    let explained = voxplain(&[&arguments[..], &["--json"]].concat()).json();
    let asked = &explained["classes"][0];
    let found = evaluate(&[&out], &["--part", "fit,mask", "--json"]).json();
    let answer = &found["folders"][0]["evidence"]["answers"][0];
    assert!(answer["part"].is_string(), "{answer}");
    let record = std::fs::read_to_string(out.join("explanation.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["parameters"]["part"], "at 5,45,5");
    assert!(asked["target"].to_string().contains("laces"), "{asked}");

    // Another division has other supervoxels: what would ask it the same is refused.
    let found = evaluate(&[&out], &["--part", "supervoxels", "--json"]).json();
    let failed = &found["folders"][0]["evidence"]["failed"];
    assert!(failed.to_string().contains("this division"), "{failed}");
    arguments.extend(["--resume", "--maps", "average:2"]);
    let refused = voxplain(&arguments);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("this division"),
        "{}",
        refused.stderr
    );
    let maps = ["--maps", "density"];
    arguments.truncate(arguments.len() - 2);
    let made = voxplain(&[&arguments[..], &maps].concat());
    assert!(
        made.succeeded().stdout.contains("probability per mm³"),
        "{}",
        made.stdout
    );
}

#[test]
fn what_cannot_be_evaluated_is_one_line() {
    let folder = tempdir().unwrap();
    let refused = evaluate(&[folder.path()], &[]);
    assert_eq!(refused.code, Some(1));
    assert_one_line("evaluate", &refused);
    assert!(
        refused.stderr.contains("no explanation"),
        "{}",
        refused.stderr
    );

    let out = folder.path().join("out");
    explain(&out, "0");
    let other = crate::support::fixture("hippocampus_001/label.nii.gz");
    let refused = voxplain(&["evaluate", text(&out), "--scan", text(&other)]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("has changed"), "{}", refused.stderr);
    std::fs::remove_file(out.join("log.voxlog")).unwrap();
    let refused = evaluate(&[&out], &[]);
    assert!(refused.stderr.contains("log.voxlog"), "{}", refused.stderr);
}
