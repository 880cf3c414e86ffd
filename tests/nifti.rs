//! NIfTI reading and writing, against nibabel's reading of the same files.

use std::path::{Path, PathBuf};

use glam::{DAffine3, DMat3, DVec3};
use voxplain::base::{CancelToken, Grid, Orientation, Progress};
use voxplain::io::nifti::{write_labels, write_value_frames, write_values, write_volume};
use voxplain::io::{GeometryWarning, IoError, Opened, PlacedBy, open_channels, open_volume};
use voxplain::volume::{LabelMap, Volume, Voxels};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/nifti")
        .join(name)
}

fn open(path: &Path) -> Result<Opened, IoError> {
    open_volume(path, &mut |_| {}, &CancelToken::new())
}

fn channels(path: &Path) -> Vec<Opened> {
    open_channels(path, &mut |_| {}, &CancelToken::new()).unwrap()
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

#[test]
fn every_fixture_reads_as_nibabel_reads_it() {
    let expected = std::fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(expected.as_object().unwrap().len(), 10);
    for (name, expected) in expected.as_object().unwrap() {
        let opened = open(&fixture(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let grid = opened.volume.grid();
        let shape = numbers(&expected["shape"]);
        assert_eq!(
            grid.dims().map(|n| n as f64).as_slice(),
            &shape[..3],
            "{name}"
        );

        let to_mm = if name.starts_with("metres") {
            1000.0
        } else {
            1.0
        };
        for (row, wanted) in expected["affine"]
            .as_array()
            .unwrap()
            .iter()
            .take(3)
            .enumerate()
        {
            let affine = grid.world_from_voxel();
            let m = affine.matrix3.row(row);
            let found = [m.x, m.y, m.z, affine.translation[row]];
            for (found, wanted) in found.into_iter().zip(numbers(wanted)) {
                assert!(
                    (found - wanted * to_mm).abs() < 1e-6,
                    "{name}: {found} {wanted}"
                );
            }
        }
        let letters = expected["ornt"].as_str().unwrap();
        assert_eq!(opened.summary.orientation, letters, "{name}");
        let (raw, values) = (numbers(&expected["raw"]), numbers(&expected["values"]));
        for index in 0..grid.voxel_count() {
            assert_eq!(
                opened.volume.voxels().get(index),
                Some(raw[index]),
                "{name} {index}"
            );
            let value = opened.volume.value(grid.position(index)).unwrap();
            assert!((value - values[index]).abs() < 1e-9, "{name} {index}");
        }
    }
}

#[test]
fn doubts_about_the_place_are_told() {
    let warnings = |name| open(&fixture(name)).unwrap().warnings;
    assert_eq!(warnings("sform_and_qform_f32_big.nii"), []);
    assert_eq!(warnings("qform_left_handed_i16.nii.gz"), []);
    assert!(matches!(
        warnings("forms_disagree_u8.nii.gz")[..],
        [GeometryWarning::FormsDisagree { distance_mm }, ..] if distance_mm > 10.0
    ));
    assert_eq!(
        warnings("no_form_u16.nii.gz"),
        [GeometryWarning::OrientationUnknown]
    );
    assert!(matches!(
        warnings("sheared_u32.nii.gz")[..],
        [.., GeometryWarning::Sheared { degrees }] if degrees > 5.0
    ));
    assert_eq!(
        warnings("metres_i8.nii.gz"),
        [GeometryWarning::UnitsConverted { unit: "metres" }]
    );
    assert_eq!(
        warnings("four_d_i32.nii.gz"),
        [GeometryWarning::FirstFrameOnly { frames: 2 }]
    );
    let source = |name| open(&fixture(name)).unwrap().summary.placed_by;
    assert_eq!(source("sform_and_qform_f32_big.nii"), PlacedBy::Sform);
    assert_eq!(source("nifti2_qform_f64.nii"), PlacedBy::Qform);
    assert_eq!(source("no_form_u16.nii.gz"), PlacedBy::Spacing);
}

#[test]
fn frames_become_channels_in_order() {
    let frames = channels(&fixture("four_d_i32.nii.gz"));
    assert_eq!(frames.len(), 2);
    let first = open(&fixture("four_d_i32.nii.gz")).unwrap().volume;
    assert_eq!(frames[0].volume.voxels(), first.voxels());
    assert_ne!(frames[1].volume.voxels(), first.voxels());
    assert_eq!(frames[1].volume.name(), "four_d_i32 2");
    assert!(frames[0].warnings.is_empty());
    // A 3D image is one channel.
    assert_eq!(channels(&fixture("no_form_u16.nii.gz")).len(), 1);
}

/// Numbers with a sign, an exponent, and different bytes, in every voxel type.
fn one_of_each_type() -> Vec<Voxels> {
    let n = 4 * 3 * 5;
    vec![
        Voxels::U8((0..n).map(|i| (i * 4) as u8).collect()),
        Voxels::I8((0..n).map(|i| (i * 2 - 60) as i8).collect()),
        Voxels::U16((0..n).map(|i| (i * 1000) as u16).collect()),
        Voxels::I16((0..n).map(|i| (i * 1000 - 30_000) as i16).collect()),
        Voxels::U32((0..n).map(|i| i as u32 * 70_000_001).collect()),
        Voxels::I32((0..n).map(|i| i * 70_000_001 - 2_000_000_000).collect()),
        Voxels::U64((0..n).map(|i| i as u64 * 0x12_3456_789a_bcde).collect()),
        Voxels::I64(
            (0..n)
                .map(|i| i64::from(i - 30) * 0x12_3456_789a_bcde)
                .collect(),
        ),
        Voxels::F32((0..n).map(|i| ((i as f32) - 7.5) * 1.1e-7).collect()),
        Voxels::F64((0..n).map(|i| (f64::from(i) - 7.5) * 1.1e-70).collect()),
    ]
}

fn oblique(dims: [usize; 3]) -> Grid {
    let rotation = DMat3::from_rotation_z(0.4) * DMat3::from_rotation_x(-0.3);
    let matrix3 = rotation * DMat3::from_diagonal(DVec3::new(-0.5, 1.25, 3.0));
    // As a file holds it, so that the comparison can be exact.
    let matrix3 = DMat3::from_cols_array(&matrix3.to_cols_array().map(|v| f64::from(v as f32)));
    Grid::new(
        dims,
        DAffine3 {
            matrix3,
            translation: DVec3::new(12.5, -7.25, 100.0),
        },
    )
    .unwrap()
}

#[test]
fn every_voxel_type_comes_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    for (voxels, extension) in one_of_each_type()
        .into_iter()
        .flat_map(|v| [(v.clone(), "nii"), (v, "nii.gz")])
    {
        let path = folder
            .path()
            .join(format!("{:?}.{extension}", voxels.voxel_type()));
        let grid = oblique([4, 3, 5]);
        let volume = Volume::new(grid, voxels, (0.5, -1024.0), "any").unwrap();
        write_volume(&path, &volume).unwrap();
        let opened = open(&path).unwrap();
        assert_eq!(opened.volume.voxels(), volume.voxels());
        assert_eq!(opened.volume.value_scale(), (0.5, -1024.0));
        assert_eq!(
            opened.volume.grid().world_from_voxel(),
            grid.world_from_voxel()
        );
        assert_eq!(opened.warnings, []);
        assert_eq!(opened.summary.compressed, extension == "nii.gz");
    }
}

#[test]
fn the_written_qform_says_what_the_sform_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.nii");
    for sign in [1.0, -1.0] {
        let grid = oblique([9, 8, 7]);
        let flipped = DAffine3 {
            matrix3: grid.world_from_voxel().matrix3
                * DMat3::from_diagonal(DVec3::new(1.0, 1.0, sign)),
            translation: grid.world_from_voxel().translation,
        };
        let grid = Grid::new([9, 8, 7], flipped).unwrap();
        write_values(&path, &grid, &vec![1.5; 9 * 8 * 7]).unwrap();
        // Without the sform, a reader must end up in the same place.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[254..256].copy_from_slice(&0_i16.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let opened = open(&path).unwrap();
        assert_eq!(opened.summary.placed_by, PlacedBy::Qform);
        assert!(opened.volume.grid().same_place(&grid));
    }
    // A sheared image has no qform, and so no contradiction.
    let sheared = DMat3::from_cols(DVec3::X, DVec3::new(0.3, 1.0, 0.0), DVec3::Z);
    let grid = Grid::new(
        [2; 3],
        DAffine3 {
            matrix3: sheared,
            translation: DVec3::ZERO,
        },
    )
    .unwrap();
    write_values(&path, &grid, &[0.0; 8]).unwrap();
    assert_eq!(std::fs::read(&path).unwrap()[252..254], [0, 0]);
    assert!(matches!(
        open(&path).unwrap().warnings[..],
        [GeometryWarning::Sheared { .. }]
    ));
}

#[test]
fn label_maps_take_the_smallest_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.nii.gz");
    let grid = oblique([2, 2, 2]);
    for (labels, wanted) in [
        (
            vec![0, 1, 2, 3, 4, 5, 6, 255],
            Voxels::U8(vec![0, 1, 2, 3, 4, 5, 6, 255]),
        ),
        (
            vec![0, 0, 0, 0, 0, 0, 0, 256],
            Voxels::U16(vec![0, 0, 0, 0, 0, 0, 0, 256]),
        ),
    ] {
        write_labels(&path, &LabelMap::new(grid, labels).unwrap()).unwrap();
        assert_eq!(open(&path).unwrap().volume.voxels(), &wanted);
    }
}

#[test]
fn maps_of_several_classes_are_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("maps.nii.gz");
    let grid = oblique([2, 2, 2]);
    let (a, b) = ([0.25_f32; 8], [-1.0_f32; 8]);
    write_value_frames(&path, &grid, &[&a, &b]).unwrap();
    let frames = channels(&path);
    assert_eq!(frames[0].volume.voxels(), &Voxels::F32(a.to_vec()));
    assert_eq!(frames[1].volume.voxels(), &Voxels::F32(b.to_vec()));
    assert!(matches!(
        write_value_frames(&path, &grid, &[&a, &b[..7]]),
        Err(IoError::CannotStore { .. })
    ));
    let message = write_values(&folder.path().join("a.mha"), &grid, &a)
        .unwrap_err()
        .to_string();
    assert!(message.contains(".nii or .nii.gz"), "{message}");
    assert!(!folder.path().join("a.mha").exists());
}

#[test]
fn one_body_in_48_orientations_is_one_body() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turned.nii");
    let base = Grid::new(
        [5, 6, 7],
        DAffine3 {
            matrix3: DMat3::from_diagonal(DVec3::new(2.0, 1.5, 3.0)),
            translation: DVec3::new(-4.0, 10.0, 2.5),
        },
    )
    .unwrap();
    let value = |[x, y, z]: [usize; 3]| (x + 10 * y + 100 * z) as i16;
    let permutations = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let mut seen = std::collections::BTreeSet::new();
    for permutation in permutations {
        for flips in 0..8_usize {
            // Voxel axis i of the turned image runs along axis permutation[i] of the base.
            let dims = permutation.map(|axis| base.dims()[axis]);
            let from_turned = |v: [usize; 3]| {
                let mut original = [0; 3];
                for i in 0..3 {
                    let flipped = flips >> i & 1 == 1;
                    original[permutation[i]] = if flipped { dims[i] - 1 - v[i] } else { v[i] };
                }
                original
            };
            let world = |v| base.world(from_turned(v).map(|x| x as f64));
            let origin = world([0, 0, 0]);
            let axis = |v| world(v) - origin;
            let matrix3 = DMat3::from_cols(axis([1, 0, 0]), axis([0, 1, 0]), axis([0, 0, 1]));
            let grid = Grid::new(
                dims,
                DAffine3 {
                    matrix3,
                    translation: origin,
                },
            )
            .unwrap();
            let voxels = (0..grid.voxel_count()).map(|i| value(from_turned(grid.position(i))));
            let volume =
                Volume::new(grid, Voxels::I16(voxels.collect()), (1.0, 0.0), "turned").unwrap();
            write_volume(&path, &volume).unwrap();

            let opened = open(&path).unwrap();
            seen.insert(Orientation::of(opened.volume.grid()).letters());
            for point in [
                [-4.0, 10.0, 2.5],
                [0.0, 13.0, 11.5],
                [4.0, 17.5, 20.5],
                [2.0, 10.0, 8.5],
            ] {
                let voxel = opened.volume.grid().nearest_voxel(point.into()).unwrap();
                let at_base = base.nearest_voxel(point.into()).unwrap();
                assert_eq!(opened.volume.value(voxel), Some(f64::from(value(at_base))));
            }
        }
    }
    assert_eq!(seen.len(), 48);
}

#[test]
fn opening_reports_progress_and_can_be_stopped() {
    let path = fixture("../../../assets/demo/mni152_2009a_t1.nii.gz");
    let mut steps: Vec<Progress> = Vec::new();
    open_volume(&path, &mut |p| steps.push(p), &CancelToken::new()).unwrap();
    assert!(steps.len() > 4 && steps.windows(2).all(|w| w[0].done < w[1].done));
    assert_eq!(steps.last().unwrap().done, 197 * 233 * 189);
    assert_eq!(steps.last().unwrap().fraction(), Some(1.0));

    let cancel = CancelToken::new();
    let switch = cancel.clone();
    let result = open_volume(&path, &mut |_| switch.cancel(), &cancel);
    assert!(matches!(result, Err(IoError::Cancelled(_))));
}

/// Figures of nibabel 5.4.2 for the same file.
#[test]
fn the_demonstration_scan_is_where_nibabel_sees_it() {
    let path = fixture("../../../assets/demo/mni152_2009a_t1.nii.gz");
    let Opened {
        volume,
        warnings,
        summary,
    } = open(&path).unwrap();
    let grid = volume.grid();
    assert_eq!(grid.dims(), [197, 233, 189]);
    assert_eq!(grid.world_from_voxel().matrix3, DMat3::IDENTITY);
    assert_eq!(
        grid.world_from_voxel().translation,
        DVec3::new(-98.0, -134.0, -72.0)
    );
    assert_eq!((summary.orientation.as_str(), warnings.len()), ("RAS", 0));
    for (point, value) in [
        ([0.0, 0.0, 0.0], 71.0),
        ([30.0, -20.0, 10.0], 218.0),
        ([45.0, -60.0, 30.0], 156.0),
        ([-24.0, -18.0, -18.0], 162.0),
        ([0.0, 80.0, 0.0], 0.0),
        ([10.0, 10.0, 60.0], 218.0),
        ([-60.0, -20.0, -20.0], 182.0),
    ] {
        let voxel = grid.nearest_voxel(point.into()).unwrap();
        assert_eq!(volume.value(voxel), Some(value), "{point:?}");
    }
    let values = volume.to_f32();
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
    assert!((mean - 38.438_930_276_559_08).abs() < 1e-9);
}
