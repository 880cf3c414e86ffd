//! `voxplain supervoxels` and its measurement: methods, organs, and what is refused.

use serde_json::json;
use tempfile::tempdir;

use crate::image;
use crate::images::label_map;
use crate::program::{text, voxplain};
use crate::support::fixture;

#[test]
fn every_method_cuts_the_scan() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("supervoxels.nii.gz");
    let scan = image();
    let classes = fixture("hippocampus_001/label.nii.gz");
    for method in ["slic", "cubes", "fcc", "organs", "organ-hybrid"] {
        let mut arguments = vec!["supervoxels", text(&scan), "--count", "40"];
        arguments.extend(["--method", method, "--json", "--out", text(&out)]);
        if method.starts_with("organ") {
            arguments.extend(["--labels", text(&classes)]);
        }
        let said = voxplain(&arguments).json();
        assert_eq!(said["method"], method);
        assert_eq!(said["air_voxels"], 0, "{method}");
        let count = said["supervoxels"].as_u64().unwrap();
        assert!((36..=44).contains(&count), "{method}: {count}");
        let map = label_map(&out);
        assert_eq!(map.counts().len() as u64, count + 1, "{method}");
        assert_eq!(map.counts()[0], 0, "{method}");
        let (least, most) = (&said["size_mm3"]["least"], &said["size_mm3"]["most"]);
        assert!(least.as_f64().unwrap() > 0.0 && most.as_f64() >= least.as_f64());
    }
}

#[test]
fn organs_need_a_segmentation_of_the_scan() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("supervoxels.nii.gz");
    let scan = image();
    let cut = |more: &[&str]| {
        let mut arguments = vec!["supervoxels", text(&scan), "--out", text(&out)];
        arguments.extend(more);
        voxplain(&arguments)
    };
    let none = cut(&["--method", "organs"]);
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("segment first"), "{}", none.stderr);
    let intensities = cut(&[
        "--method",
        "organs",
        "--labels",
        text(&fixture("nifti/no_form_u16.nii.gz")),
    ]);
    assert_eq!(intensities.code, Some(1));
    assert!(
        intensities.stderr.contains("grid"),
        "{}",
        intensities.stderr
    );
    assert_eq!(cut(&["--method", "spheres"]).code, Some(2));
    assert_eq!(cut(&["--cells", "organs"]).code, Some(2));
    assert!(!out.exists());
}

#[test]
fn cutting_is_measured() {
    let folder = tempdir().unwrap();
    let head = folder.path().join("head.npy");
    let said = voxplain(&[
        "bench",
        "supervoxels",
        "--size",
        "40x30x20",
        "--count",
        "30",
        "--runs",
        "2",
        "--threads",
        "1",
        "--save-image",
        text(&head),
        "--json",
    ])
    .json();
    assert_eq!(said["size"], json!([40, 30, 20]));
    assert_eq!(said["supervoxels"], 30);
    assert_eq!(said["threads"], 1);
    assert_eq!(said["milliseconds"].as_array().unwrap().len(), 2);
    let values = voxplain::io::npy::read_f32(&head).unwrap();
    assert_eq!(values.shape(), [20, 30, 40]);
    let organs = voxplain(&["bench", "supervoxels", "--method", "organs"]);
    assert_eq!(organs.code, Some(1));
}
