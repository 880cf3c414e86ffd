//! `voxplain explain --maps`: what the further maps add up to.

use tempfile::tempdir;

use crate::image;
use crate::images::frames;
use crate::program::{text, voxplain};

#[test]
fn further_maps_keep_the_sum_of_the_values() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("explanation");
    let image = image();
    let printed = voxplain(&[
        "explain",
        text(&image),
        "--region",
        "1.5,1.5,1.5,32.5,50,32.5",
        "--supervoxels",
        "8",
        "--budget",
        "2M",
        "--class",
        "anterior hippocampus",
        "--maps",
        "density,average:2,refined:1,smoothed:4,occlusion",
        "--json",
        "--out",
        text(&out),
    ])
    .json();
    let class = &printed["classes"][0];
    let (full, empty) = (&class["value_full"], &class["value_empty"]);
    let whole = full.as_f64().unwrap() - empty.as_f64().unwrap();

    let map = |name: &str| {
        let [map] = <[_; 1]>::try_from(frames(&out.join(name))).unwrap();
        let voxel_mm3 = map.grid().voxel_volume_mm3();
        let values: Vec<f64> = (0..map.grid().voxel_count())
            .map(|voxel| map.value(map.grid().position(voxel)).unwrap())
            .collect();
        assert!(values.iter().all(|value| value.is_finite()), "{name}");
        (values, voxel_mm3)
    };
    // Densities add up to what there is to share, whatever the cells are.
    for name in ["density.nii.gz", "average.nii.gz", "refined.nii.gz"] {
        let (values, voxel_mm3) = map(name);
        let sum = values.iter().sum::<f64>() * voxel_mm3;
        // The divisions of an average leave out a little more or less air.
        let slack = if name == "average.nii.gz" { 0.01 } else { 1e-4 };
        assert!((sum - whole).abs() < slack, "{name}: {sum} {whole}");
    }
    // Two divisions differ somewhere, and a split cell is no longer of one density.
    let distinct = |name: &str| {
        let mut values: Vec<u64> = map(name).0.iter().map(|v| v.to_bits()).collect();
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    assert!(map("average_deviation.nii.gz").0.iter().any(|&v| v > 0.0));
    assert!(distinct("refined.nii.gz") > distinct("density.nii.gz"));
    // The smoothed map keeps the sum of the map it is a picture of.
    let sum = |name: &str| map(name).0.iter().sum::<f64>();
    let (smoothed, plain) = (sum("smoothed.nii.gz"), sum("attribution.nii.gz"));
    assert!(
        (smoothed - plain).abs() < 1e-3 * plain.abs(),
        "{smoothed} {plain}"
    );

    // The last run of a permutation takes one player away from all: occlusion knows it.
    let made = printed["maps"].as_array().unwrap();
    let names: Vec<&str> = made
        .iter()
        .map(|map| map["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "density",
            "average",
            "average_deviation",
            "refined",
            "smoothed",
            "occlusion"
        ]
    );
    let runs = |name: &str| {
        let of = made.iter().find(|map| map["name"] == name).unwrap();
        of["evaluations"].as_u64().unwrap()
    };
    assert_eq!((runs("density"), runs("smoothed")), (0, 0));
    let players = printed["supervoxels"].as_u64().unwrap();
    assert!(
        runs("occlusion") < players,
        "one of its runs was in the log"
    );
    assert!(out.join("maps.json").is_file());
}

#[test]
fn a_map_that_does_not_exist_is_refused_in_one_line() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("explanation");
    let image = image();
    let refused = voxplain(&[
        "explain",
        text(&image),
        "--maps",
        "average:1",
        "--out",
        text(&out),
    ]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("2 to 10 divisions"),
        "{}",
        refused.stderr
    );
    assert!(!out.exists());
}
