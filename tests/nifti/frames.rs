//! Images in two files, of several frames, of colours, against nibabel's reading.

use std::path::Path;

use voxplain::base::CancelToken;
use voxplain::io::{
    Format, Frames, GeometryWarning, IoError, Opened, Reading, Request, describe, file_hash,
};

use crate::{channels, fixture, numbers, open};

fn open_frames(path: &Path, frames: Frames) -> Result<Vec<Opened>, IoError> {
    let request = Request {
        frames,
        ..Request::default()
    };
    open_asked(path, &request)
}

pub fn open_asked(path: &Path, request: &Request) -> Result<Vec<Opened>, IoError> {
    let mut reading = Reading {
        progress: &mut |_| {},
        slice: &mut |_| {},
        cancel: &CancelToken::new(),
    };
    voxplain::io::open(path, request, &mut reading)
}

#[test]
fn every_frame_reads_as_nibabel_reads_it() {
    let expected = std::fs::read_to_string(fixture("expected_frames.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(expected.as_object().unwrap().len(), 8);
    for (name, expected) in expected.as_object().unwrap() {
        let frames = open_frames(&fixture(name), Frames::All).unwrap();
        let raw = expected["raw"].as_array().unwrap();
        let values = expected["values"].as_array().unwrap();
        assert_eq!(frames.len(), raw.len(), "{name}");
        let described = describe(&fixture(name)).unwrap();
        assert_eq!(described.summary, frames[0].summary, "{name}");
        assert_eq!(described.warnings, frames[0].warnings, "{name}");
        let bytes = raw.len() * 60 * described.summary.voxel_type.size_bytes();
        assert_eq!(described.memory_bytes, bytes as u64, "{name}");

        for (number, frame) in frames.iter().enumerate() {
            let volume = &frame.volume;
            let affine = volume.grid().world_from_voxel();
            for row in 0..3 {
                let m = affine.matrix3.row(row);
                let found = [m.x, m.y, m.z, affine.translation[row]];
                for (found, wanted) in found.iter().zip(numbers(&expected["affine"][row])) {
                    assert!((found - wanted).abs() < 1e-6, "{name}: {found} {wanted}");
                }
            }
            assert_eq!(frame.summary.frame, number);
            assert_eq!(
                frame.summary.orientation,
                expected["ornt"].as_str().unwrap()
            );
            let (raw, values) = (numbers(&raw[number]), numbers(&values[number]));
            for index in 0..60 {
                assert_eq!(
                    volume.voxels().get(index),
                    Some(raw[index]),
                    "{name} {index}"
                );
                let value = volume.value(volume.grid().position(index)).unwrap();
                assert!((value - values[index]).abs() < 1e-9, "{name} {index}");
            }
            let alone = open_frames(&fixture(name), Frames::One(number)).unwrap();
            assert_eq!(alone.len(), 1);
            assert_eq!(alone[0].volume.voxels(), volume.voxels(), "{name} {number}");
            assert_eq!(alone[0].volume.name(), volume.name());
        }
        let message = open_frames(&fixture(name), Frames::One(raw.len()))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(&format!("the image has {}", raw.len())),
            "{message}"
        );
    }
}

#[test]
fn either_half_opens_the_pair() {
    for (header, voxels) in [
        ("pair_i16.hdr", "pair_i16.img"),
        ("pair_big_f32.hdr.gz", "pair_big_f32.img.gz"),
        ("analyze_i16.hdr", "analyze_i16.img"),
    ] {
        let (a, b) = (
            open(&fixture(header)).unwrap(),
            open(&fixture(voxels)).unwrap(),
        );
        assert_eq!(a.volume, b.volume);
        assert_eq!(a.summary, b.summary);
        let size = |name| std::fs::metadata(fixture(name)).unwrap().len();
        assert_eq!(a.summary.file_bytes, size(header) + size(voxels));
        assert_eq!(
            file_hash(&fixture(header)).unwrap(),
            file_hash(&fixture(voxels)).unwrap()
        );
    }
}

#[test]
fn one_half_alone_says_which_one_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::copy(fixture("pair_i16.hdr"), at("a.hdr")).unwrap();
    let message = open(&at("a.hdr")).unwrap_err().to_string();
    assert!(message.contains("put a.img beside it"), "{message}");
    std::fs::copy(fixture("pair_i16.img"), at("b.img")).unwrap();
    let message = open(&at("b.img")).unwrap_err().to_string();
    assert!(message.contains("put b.hdr beside it"), "{message}");
    // Half a pair under the name of a whole image.
    std::fs::copy(fixture("pair_i16.hdr"), at("c.nii")).unwrap();
    assert!(matches!(
        open(&at("c.nii")),
        Err(IoError::MissingHalf { .. })
    ));
    // An ANALYZE header is known only by its name.
    std::fs::copy(fixture("analyze_i16.hdr"), at("d.nii")).unwrap();
    std::fs::copy(fixture("analyze_i16.img"), at("d.img")).unwrap();
    let message = open(&at("d.nii")).unwrap_err().to_string();
    assert!(message.contains("without its mark"), "{message}");
}

#[test]
fn analyze_leaves_the_orientation_open() {
    let opened = open(&fixture("analyze_i16.hdr")).unwrap();
    assert_eq!(opened.summary.format, Format::Analyze);
    assert_eq!(opened.warnings, [GeometryWarning::OrientationUnknown]);
    let scaled = open(&fixture("analyze_spm_big_i16.hdr")).unwrap();
    assert_eq!(scaled.volume.value_scale(), (0.25, -3.0));
}

#[test]
fn colours_are_frames_and_the_first_is_red() {
    let first = open(&fixture("rgba.nii.gz")).unwrap();
    let told = first.warnings.last();
    assert_eq!(told, Some(&GeometryWarning::FirstFrameOnly { frames: 4 }));
    let all = channels(&fixture("rgba.nii.gz"));
    assert_eq!(all.len(), 4);
    assert_eq!(all[0].volume.voxels(), first.volume.voxels());
    assert_eq!(all[3].volume.name(), "rgba 4");
}
