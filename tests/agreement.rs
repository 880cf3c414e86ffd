//! Agreement of label maps against MONAI and SimpleITK, and label maps that meet on
//! grids of other orientations.

#[path = "support/images.rs"]
mod images;
#[path = "support/orientations.rs"]
mod orientations;

use std::path::{Path, PathBuf};

use glam::{DAffine3, DMat3, DVec3};
use images::{label_map, volume};
use orientations::{all_orientations, reordered};
use voxplain::base::{Grid, Orientation};
use voxplain::volume::{Agreement, LabelMap, Undefined, Volume, coverage, resample_labels_nearest};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/agreement")
        .join(name)
}

#[test]
fn overlap_and_distances_are_monais() {
    let expected = std::fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let mut compared = 0;
    for (name, by_label) in expected.as_object().unwrap() {
        let first = label_map(&fixture(&format!("{name}_first.nii.gz")));
        let reference = label_map(&fixture(&format!("{name}_reference.nii.gz")));
        for (label, expected) in by_label.as_object().unwrap() {
            let found = Agreement::of_label(&first, &reference, label.parse().unwrap()).unwrap();
            let found = serde_json::to_value(found).unwrap();
            for (key, wanted) in expected.as_object().unwrap() {
                let (found, wanted) = (found[key].as_f64(), wanted.as_f64());
                let close = match (found, wanted) {
                    // MONAI computes distances in single precision.
                    (Some(found), Some(wanted)) => (found - wanted).abs() <= 2e-6 * wanted.max(1.0),
                    (found, wanted) => found == wanted,
                };
                assert!(close, "{name} {label} {key}: {found:?} {wanted:?}");
                compared += usize::from(wanted.is_some_and(|wanted| wanted > 0.0));
            }
        }
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn what_is_missing_has_its_reason() {
    let first = label_map(&fixture("single_voxels_first.nii.gz"));
    let reference = label_map(&fixture("single_voxels_reference.nii.gz"));
    let of = |label| Agreement::of_label(&first, &reference, label).unwrap();
    assert_eq!(of(1).undefined, None);
    for (label, dice, undefined) in [
        (2, Some(0.0), Undefined::NotInReference),
        (3, Some(0.0), Undefined::NotFound),
        (4, None, Undefined::BothEmpty),
    ] {
        let found = of(label);
        assert_eq!((found.dice, found.undefined), (dice, Some(undefined)));
        assert_eq!(found.hausdorff_95_mm, None);
        assert_eq!(found.mean_surface_distance_mm, None);
    }
    // A structure agrees with itself without any distance.
    let same = Agreement::of_label(&first, &first, 1).unwrap();
    assert_eq!(same.dice, Some(1.0));
    assert_eq!(same.hausdorff_95_mm, Some(0.0));
    assert_eq!(same.mean_surface_distance_mm, Some(0.0));
    assert!(
        Agreement::of_label(&first, &label_map(&fixture("oblique_first.nii.gz")), 1).is_none(),
        "maps on different grids are not compared voxel by voxel"
    );
}

#[test]
fn sheared_voxels_have_an_overlap_and_no_distance() {
    let mut matrix3 = DMat3::from_diagonal(DVec3::new(1.0, 1.0, 4.0));
    matrix3.z_axis.y = 1.0;
    let grid = Grid::new([6, 6, 6], DAffine3::from_mat3(matrix3)).unwrap();
    let found = Agreement::of(&grid, |index| index < 100, |index| index < 108);
    assert_eq!(found.dice, Some(200.0 / 208.0));
    assert_eq!(found.hausdorff_95_mm, None);
    assert_eq!(found.undefined, Some(Undefined::Sheared));
    assert!(
        found
            .undefined
            .unwrap()
            .to_string()
            .contains("right angles")
    );
}

/// Each map on the grid of each other is the other, voxel for voxel.
fn assert_all_meet(maps: &[(String, LabelMap)]) {
    for (from_name, from) in maps {
        for (to_name, to) in maps {
            let met = resample_labels_nearest(from, to.grid());
            assert!(met.labels() == to.labels(), "{from_name} on {to_name}");
        }
        assert_eq!(coverage(from.grid(), maps[0].1.grid()), 1.0);
    }
}

/// What is compared on one grid compares alike on any.
fn assert_all_compare_alike(maps: &[(String, LabelMap)]) {
    for (from_name, from) in maps {
        let (moved, still) = (shifted(from), shifted(&maps[0].1));
        let here = Agreement::of_label(from, &moved, 1).unwrap();
        let there = Agreement::of_label(&maps[0].1, &still, 1).unwrap();
        for (here, there) in [
            (here.dice, there.dice),
            (here.hausdorff_95_mm, there.hausdorff_95_mm),
            (
                here.mean_surface_distance_mm,
                there.mean_surface_distance_mm,
            ),
        ] {
            assert!((here.unwrap() - there.unwrap()).abs() < 1e-6, "{from_name}");
        }
    }
}

/// The map moved a little in the world, on its own grid.
fn shifted(map: &LabelMap) -> LabelMap {
    let mut moved = map.grid().world_from_voxel();
    moved.translation += DVec3::new(3.0, -2.0, 4.0);
    let moved = Grid::new(map.grid().dims(), moved).unwrap();
    let moved = LabelMap::new(moved, map.labels().to_vec()).unwrap();
    resample_labels_nearest(&moved, map.grid())
}

#[test]
fn maps_in_all_48_orientations_meet_in_the_world() {
    let turned = DMat3::from_rotation_z(0.2) * DMat3::from_rotation_x(-0.1);
    let affine = DAffine3 {
        matrix3: turned * DMat3::from_diagonal(DVec3::new(-1.5, 0.8, 3.0)),
        translation: DVec3::new(40.0, -70.0, 15.0),
    };
    let grid = Grid::new([7, 6, 5], affine).unwrap();
    // Different at every voxel, so that no symmetry hides a flip.
    let numbered = LabelMap::new(grid, (1..=210).collect()).unwrap();
    let maps: Vec<(String, LabelMap)> = all_orientations()
        .into_iter()
        .map(|orientation| (orientation.letters(), reordered(&numbered, orientation)))
        .collect();
    assert_eq!(maps.len(), 48);
    for (letters, map) in &maps {
        assert_eq!(&Orientation::of(map.grid()).letters(), letters);
    }
    assert_all_meet(&maps);
    let few = |map: &LabelMap| {
        let labels = map.labels().iter().map(|&label| label % 3).collect();
        LabelMap::new(*map.grid(), labels).unwrap()
    };
    let few: Vec<_> = maps
        .iter()
        .map(|(name, map)| (name.clone(), few(map)))
        .collect();
    assert_all_compare_alike(&few);
    // By array index hardly anything would meet.
    let by_index = maps
        .iter()
        .filter(|(_, map)| map.labels() == numbered.labels());
    assert_eq!(by_index.count(), 1);
}

/// A scan as two labels: its bright and its middle values.
fn two_labels(scan: &Volume) -> LabelMap {
    let values = scan.to_f32();
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let label = |value: f32| match value / largest {
        share if share > 0.6 => 2,
        share if share > 0.25 => 1,
        _ => 0,
    };
    LabelMap::new(*scan.grid(), values.into_iter().map(label).collect()).unwrap()
}

#[test]
#[ignore = "reads the larger samples beside the project"]
fn one_head_in_48_orientations_meets_in_the_world() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples/hostile/orientations");
    let mut maps: Vec<(String, LabelMap)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, two_labels(&volume(&path)))
        })
        .collect();
    maps.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(maps.len(), 48);
    assert_all_meet(&maps);
    assert_all_compare_alike(&maps);
}
