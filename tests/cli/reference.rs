//! `voxplain segment --reference`: what is printed, and what is refused.

use std::path::{Path, PathBuf};

use tempfile::tempdir;
use voxplain::base::Orientation;
use voxplain::io::nifti::write_values;

use crate::images::label_map;
use crate::orientations::reordered;
use crate::program::{Finished, text, voxplain};
use crate::support::fixture;
use crate::{assert_one_line, image};

fn truth() -> PathBuf {
    fixture("hippocampus_001/label.nii.gz")
}

fn compare(out: &Path, reference: &Path, more: &[&str]) -> Finished {
    let image = image();
    let mut arguments = vec!["segment", text(&image), "--out", text(out)];
    arguments.extend(["--reference", text(reference)]);
    arguments.extend(more);
    voxplain(&arguments)
}

#[test]
fn agreement_is_printed_and_does_not_depend_on_how_the_reference_is_stored() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("out.nii.gz");
    let said = compare(&out, &truth(), &["--json"]).json();
    let found = label_map(&out);
    let known = label_map(&truth());
    for label in [1, 2] {
        let class = &said["classes"][usize::from(label) - 1]["reference"];
        let dice = class["dice"].as_f64().unwrap();
        assert!((dice - found.dice(&known, label).unwrap()).abs() < 1e-12);
        assert_eq!(class["labels"], serde_json::json!([label]));
        let volume_ml = class["volume_ml"].as_f64().unwrap();
        assert!((volume_ml - known.volume_ml(label)).abs() < 1e-12);
        assert!(class["hausdorff_95_mm"].as_f64().unwrap() < 3.0);
        assert!(class["mean_surface_distance_mm"].as_f64().unwrap() < 1.0);
        assert!(class["reason"].is_null());
    }
    assert_eq!(said["reference"]["file"], "label.nii.gz");

    // Floats, in another order of the axes.
    let other = folder.path().join("other.nii");
    let turned = reordered(&known, Orientation::from_letters("PIL").unwrap());
    let values: Vec<f32> = turned.labels().iter().map(|&l| f32::from(l)).collect();
    write_values(&other, turned.grid(), &values).unwrap();
    let again = compare(&out, &other, &["--json"]);
    assert!(
        again.stderr.contains("brought onto the scan's"),
        "{}",
        again.stderr
    );
    assert_eq!(again.json()["classes"], said["classes"]);

    let part = compare(&out, &truth(), &["--reference-classes", "1=anterior"]);
    let lines: Vec<&str> = part.succeeded().stdout.lines().collect();
    assert!(
        lines[0].contains("Dice") && lines[0].contains("HD95"),
        "{}",
        part.stdout
    );
    assert!(
        lines[1].contains("0.89") && lines[1].contains(" mm"),
        "{}",
        part.stdout
    );
    assert!(
        lines[2].contains("(no value of the reference"),
        "{}",
        part.stdout
    );
}

#[test]
fn what_is_no_reference_is_refused_in_one_line() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("out.nii.gz");
    let known = label_map(&truth());
    let halves = folder.path().join("halves.nii");
    let values: Vec<f32> = known.labels().iter().map(|&l| f32::from(l) / 2.0).collect();
    write_values(&halves, known.grid(), &values).unwrap();
    let fractional = compare(&out, &halves, &[]);
    assert_one_line("fractional", &fractional);
    assert!(
        fractional.stderr.contains("value 0.5"),
        "{}",
        fractional.stderr
    );

    let elsewhere = fixture("agreement/oblique_first.nii.gz");
    let apart = compare(&out, &elsewhere, &[]);
    assert_one_line("elsewhere", &apart);
    assert!(apart.stderr.contains("lies elsewhere"), "{}", apart.stderr);

    let class = compare(&out, &truth(), &["--reference-classes", "1=liver"]);
    assert_one_line("class", &class);
    assert_one_line(
        "missing",
        &compare(&out, &folder.path().join("no.nii"), &[]),
    );
    assert!(!out.exists());
    assert_one_line("itself", &compare(&halves, &halves, &[]));
    let usage = compare(&out, &truth(), &["--reference-classes", "anterior"]);
    assert_eq!(usage.code, Some(2), "{}", usage.stderr);
    assert!(
        usage.stderr.contains("as in 1=anterior"),
        "{}",
        usage.stderr
    );
}
