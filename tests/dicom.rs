//! DICOM reading, against pydicom's and SimpleITK's reading of the same files.

use std::path::{Path, PathBuf};

use serde_json::Value;
use voxplain::base::{CancelToken, Progress};
use voxplain::io::dicom::{self, SeriesList};
use voxplain::io::{
    EarlySlice, Format, IoError, Opened, PlacedBy, Reading, Request, file_hash, open,
    open_channels, open_volume,
};
use voxplain::volume::{Volume, VoxelType};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/dicom")
        .join(name)
}

fn channels(path: &Path) -> Result<Vec<Opened>, IoError> {
    open_channels(path, &mut |_| {}, &CancelToken::new())
}

fn list(path: &Path) -> Result<SeriesList, IoError> {
    dicom::series_in(path, &CancelToken::new())
}

fn expected() -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(fixture("expected.json")).unwrap();
    let Value::Object(cases) = serde_json::from_str(&text).unwrap() else {
        panic!("no cases")
    };
    assert!(cases.len() > 25);
    cases
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|v| v.as_f64().unwrap()).collect()
}

fn type_of(name: &Value) -> VoxelType {
    match name.as_str().unwrap() {
        "uint8" => VoxelType::U8,
        "uint16" => VoxelType::U16,
        "int16" => VoxelType::I16,
        "uint32" => VoxelType::U32,
        "float32" => VoxelType::F32,
        other => panic!("{other}"),
    }
}

fn stored(volume: &Volume) -> Vec<f64> {
    let voxels = volume.voxels();
    (0..voxels.len()).map(|i| voxels.get(i).unwrap()).collect()
}

/// The largest distance between the places that two affines give the same voxel.
fn farthest(volume: &Volume, rows: &Value) -> f64 {
    let rows: Vec<Vec<f64>> = rows.as_array().unwrap().iter().map(numbers).collect();
    let grid = volume.grid();
    let corners = (0..8).map(|corner| {
        let voxel: [f64; 3] = std::array::from_fn(|axis| {
            f64::from(corner >> axis & 1) * (grid.dims()[axis] as f64 - 1.0)
        });
        let world = grid.world(voxel).to_array();
        let off = (0..3).map(|i| {
            let row = &rows[i];
            let wanted = row[0] * voxel[0] + row[1] * voxel[1] + row[2] * voxel[2] + row[3];
            (world[i] - wanted).abs()
        });
        off.fold(0.0, f64::max)
    });
    corners.fold(0.0, f64::max)
}

#[test]
fn every_fixture_reads_as_pydicom_reads_it() {
    for (name, case) in expected() {
        let path = fixture(case["path"].as_str().unwrap());
        let opened = channels(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let frames = case["frames"].as_array().unwrap();
        assert_eq!(opened.len(), frames.len(), "{name}");
        let tolerance = case["tolerance"].as_f64().unwrap_or(0.0);
        for (frame, (opened, wanted)) in opened.iter().zip(frames).enumerate() {
            let (volume, summary) = (&opened.volume, &opened.summary);
            let dims: Vec<f64> = volume.grid().dims().map(|n| n as f64).into();
            assert_eq!(dims, numbers(&case["dims"]), "{name}");
            assert_eq!(summary.voxel_type, type_of(&case["dtype"]), "{name}");
            assert_eq!(volume.voxels().voxel_type(), summary.voxel_type, "{name}");
            let wrong = stored(volume)
                .into_iter()
                .zip(numbers(wanted))
                .position(|(found, wanted)| (found - wanted).abs() > tolerance);
            assert_eq!(wrong, None, "{name}: voxel of frame {frame}");
            let scale = (case["slope"].as_f64(), case["intercept"].as_f64());
            let (slope, intercept) = volume.value_scale();
            assert_eq!((Some(slope), Some(intercept)), scale, "{name}");
            let distance = farthest(volume, &case["world_from_voxel"]);
            assert!(distance < 1e-5, "{name}: {distance} mm off");
            assert_eq!((summary.frame, summary.frames), (frame, frames.len()));
            assert_eq!(summary.format, Format::Dicom);
            let flag = |field: &str| case[field].as_bool().unwrap_or(false);
            assert_eq!(summary.big_endian, flag("big_endian"), "{name}");
            if case.get("compressed").is_some() {
                assert!(summary.compressed, "{name}");
            }
            let said: Vec<String> = opened.warnings.iter().map(ToString::to_string).collect();
            let wanted = case["warnings"].as_array().unwrap();
            assert_eq!(said.len(), wanted.len(), "{name}: {said:?}");
            for words in wanted {
                let words = words.as_str().unwrap();
                assert!(
                    said.iter().any(|line| line.contains(words)),
                    "{name}: {said:?}"
                );
            }
        }
    }
}

#[test]
fn one_file_opens_its_whole_series_in_the_same_place() {
    let folder = channels(&fixture("shuffled")).unwrap().remove(0);
    let file = channels(&fixture("shuffled/03.dcm")).unwrap().remove(0);
    assert_eq!(folder.volume.grid(), file.volume.grid());
    assert_eq!(folder.volume.voxels(), file.volume.voxels());
    assert_eq!(folder.summary.placed_by, PlacedBy::Directions);
    assert_eq!(folder.summary.description, "Phantom 3.0");
    assert_eq!(folder.volume.name(), "shuffled");
}

#[test]
fn a_folder_with_several_series_lists_them_and_takes_a_choice() {
    let folder = fixture("two_series");
    let found = list(&folder).unwrap();
    assert_eq!((found.other_files, found.unreadable_files), (1, 0));
    let facts = |i: usize| (found.series[i].description.as_str(), found.series[i].number);
    assert_eq!(found.series.len(), 2);
    assert_eq!(facts(0), ("Schädel", Some(1)));
    assert_eq!(facts(1), ("Phantom 3.0", Some(7)));
    assert_eq!(found.series[1].dims, [7, 5, 4]);
    assert!(
        found.series[0]
            .label()
            .starts_with("CT 7 × 5 × 4, 1.250 × 0.750 × 2.500 mm")
    );
    let error = channels(&folder).unwrap_err();
    let IoError::SeveralSeries { series, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(series, &found.series);
    let line = error.to_string();
    assert!(line.contains("holds 2 series (#1 CT 7 × 5 × 4") && line.ends_with("two_series"));
    for (number, series) in found.series.iter().enumerate() {
        let by_number = channels(&dicom::series_path(&folder, number + 1)).unwrap();
        let mut by_uid = folder.clone().into_os_string();
        by_uid.push(format!("#{}", series.uid));
        let by_uid = channels(Path::new(&by_uid)).unwrap();
        assert_eq!(by_number[0].volume.voxels(), by_uid[0].volume.voxels());
        assert_eq!(by_number[0].summary.description, series.description);
    }
    for wrong in ["#0", "#3", "#x"] {
        let mut path = folder.clone().into_os_string();
        path.push(wrong);
        let error = channels(Path::new(&path)).unwrap_err();
        assert!(matches!(error, IoError::NoSuchSeries { .. }), "{error}");
    }
}

#[test]
fn what_is_not_read_is_named_in_one_line() {
    let line = |name: &str| channels(&fixture(name)).unwrap_err().to_string();
    assert!(line("jpeg_ls").contains("JPEG-LS") && line("jpeg_ls").contains("gdcmconv"));
    assert!(line("rgb").contains("colours (RGB, 3 samples)"));
    assert!(line("expected.json").lines().count() == 1);
    let empty = tempfile::tempdir().unwrap();
    let error = channels(empty.path()).unwrap_err();
    assert!(matches!(error, IoError::NoImages { .. }), "{error}");
    std::fs::write(empty.path().join("notes.txt"), "hello").unwrap();
    assert!(matches!(
        channels(empty.path()),
        Err(IoError::NoImages { .. })
    ));
    let missing = channels(&empty.path().join("none")).unwrap_err();
    assert!(matches!(missing, IoError::Missing { .. }), "{missing}");
}

#[test]
fn a_slice_that_cannot_be_read_is_not_lost_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    for number in ["00", "01", "02", "03"] {
        let name = format!("{number}.dcm");
        std::fs::copy(fixture("shuffled").join(&name), folder.path().join(&name)).unwrap();
    }
    let last = folder.path().join("01.dcm");
    let whole = std::fs::read(&last).unwrap();
    std::fs::write(&last, &whole[..whole.len() / 2]).unwrap();
    let opened = open_volume(folder.path(), &mut |_| {}, &CancelToken::new()).unwrap();
    let said: Vec<String> = opened.warnings.iter().map(ToString::to_string).collect();
    assert!(
        said[0].contains("1 DICOM file(s) beside these could not be read"),
        "{said:?}"
    );
    assert!(channels(&last).unwrap_err().to_string().contains("cut off"));
}

#[test]
fn slices_come_early_and_progress_ends() {
    let path = fixture("shuffled");
    let mut slices: Vec<EarlySlice> = Vec::new();
    let mut last = None;
    let cancel = CancelToken::new();
    let mut reading = Reading {
        progress: &mut |progress: Progress| last = Some(progress),
        slice: &mut |slice| slices.push(slice),
        cancel: &cancel,
    };
    let opened = open(&path, &Request::default(), &mut reading)
        .unwrap()
        .remove(0);
    assert_eq!(last.map(|p| (p.done, p.total)), Some((4, 4)));
    assert_eq!(slices[0].index, 2);
    let all = stored(&opened.volume);
    for slice in &slices {
        assert_eq!(slice.dims, [7, 5, 4]);
        assert_eq!(slice.value_scale, (1.0, -1024.0));
        let own: Vec<f64> = (0..35).map(|i| slice.voxels.get(i).unwrap()).collect();
        assert_eq!(own, all[slice.index * 35..][..35]);
    }
    cancel.cancel();
    let mut reading = Reading {
        progress: &mut |_| {},
        slice: &mut |_| {},
        cancel: &cancel,
    };
    let stopped = open(&path, &Request::default(), &mut reading);
    assert!(matches!(stopped, Err(IoError::Cancelled(_))));
}

#[test]
fn a_series_hash_follows_content_and_not_names() {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in ["x", "c", "b", "a"].iter().enumerate() {
        let from = fixture("shuffled").join(format!("0{number}.dcm"));
        std::fs::copy(from, folder.path().join(name)).unwrap();
    }
    let hash = file_hash(&fixture("shuffled")).unwrap();
    assert_eq!(file_hash(folder.path()).unwrap(), hash);
    assert_eq!(file_hash(&folder.path().join("b")).unwrap(), hash);
    assert_ne!(file_hash(&fixture("implicit")).unwrap(), hash);
}

fn shared(path: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    beside.join(path)
}

#[test]
#[ignore = "reads ../shared"]
fn a_real_ct_lies_under_its_labels_voxel_by_voxel() {
    let folder = shared("samples/ct_totalseg_dicom_j2k");
    let text = std::fs::read_to_string(fixture("totalsegmentator_ct.json")).unwrap();
    let case: Value = serde_json::from_str(&text).unwrap();
    let scan = channels(&folder.join("totalsegmentator_dicom"))
        .unwrap()
        .remove(0);
    let labels = folder.join("totalsegmentator_tests/example_seg_dicom.nii.gz");
    let labels = channels(&labels).unwrap().remove(0).volume;
    let volume = &scan.volume;
    assert_eq!(scan.warnings, []);
    assert_eq!(volume.voxels().voxel_type(), type_of(&case["dtype"]));
    assert_eq!(volume.value_scale(), (1.0, -1024.0));
    assert!(farthest(volume, &case["world_from_voxel"]) < 1e-3);
    let voxels = stored(volume);
    let weighted = voxels.iter().enumerate().fold(0_u64, |sum, (i, &v)| {
        let weight = (i as u64).wrapping_mul(2_654_435_761) & 0xFFFF_FFFF;
        sum.wrapping_add((v as u64).wrapping_mul(weight))
    });
    assert_eq!(weighted.to_string(), case["weighted_sum"].as_str().unwrap());
    let slices: Vec<f64> = voxels.chunks(512 * 512).map(|s| s.iter().sum()).collect();
    assert_eq!(slices, numbers(&case["slice_sums"]));
    // Each label voxel lies on one voxel of the scan.
    let mut sums = std::collections::BTreeMap::<u64, (f64, f64)>::new();
    for index in 0..labels.grid().voxel_count() {
        let Some(label) = labels.voxels().get(index).filter(|&label| label > 0.0) else {
            continue;
        };
        let world = labels
            .grid()
            .world(labels.grid().position(index).map(|i| i as f64));
        let place = volume.grid().voxel(world).to_array();
        let voxel = place.map(|p| p.round() as usize);
        assert!((0..3).all(|a| (place[a] - voxel[a] as f64).abs() < 1e-6));
        let sum = sums.entry(label as u64).or_default();
        sum.0 += 1.0;
        sum.1 += volume.value(voxel).unwrap();
    }
    let large = case["labels"].as_array().unwrap();
    assert!(large.len() > 3);
    for label in large {
        let (count, sum) = sums[&label["label"].as_u64().unwrap()];
        assert_eq!(Some(count), label["voxels"].as_f64());
        let mean = label["mean"].as_f64().unwrap();
        assert!((sum / count - mean).abs() < 1e-6, "{label}");
    }
}
