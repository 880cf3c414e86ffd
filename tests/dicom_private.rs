//! Nothing that says who a patient is leaves a DICOM file unless it is asked for.

use std::path::Path;

use voxplain::base::CancelToken;
use voxplain::io::{describe, dicom, open_channels};

const MARK: &str = "ZQXMARK";

/// Elements that lead to a person, their family, their doctors, or the hour they were
/// scanned (DICOM PS3.15, table E.1-1), with their types.
const PERSONAL: [(u32, &[u8; 2]); 46] = [
    (0x0008_0014, b"UI"),
    (0x0008_0050, b"SH"),
    (0x0008_0080, b"LO"),
    (0x0008_0081, b"ST"),
    (0x0008_0090, b"PN"),
    (0x0008_0092, b"ST"),
    (0x0008_0094, b"SH"),
    (0x0008_1010, b"SH"),
    (0x0008_1030, b"LO"),
    (0x0008_1040, b"LO"),
    (0x0008_1048, b"PN"),
    (0x0008_1050, b"PN"),
    (0x0008_1060, b"PN"),
    (0x0008_1070, b"PN"),
    (0x0008_1080, b"LO"),
    (0x0008_2111, b"ST"),
    (0x0010_0010, b"PN"),
    (0x0010_0020, b"LO"),
    (0x0010_0021, b"LO"),
    (0x0010_0030, b"DA"),
    (0x0010_0032, b"TM"),
    (0x0010_0040, b"CS"),
    (0x0010_0050, b"LO"),
    (0x0010_1000, b"LO"),
    (0x0010_1001, b"PN"),
    (0x0010_1005, b"PN"),
    (0x0010_1010, b"AS"),
    (0x0010_1040, b"LO"),
    (0x0010_1060, b"PN"),
    (0x0010_1080, b"LO"),
    (0x0010_1090, b"LO"),
    (0x0010_2150, b"LO"),
    (0x0010_2154, b"SH"),
    (0x0010_2160, b"SH"),
    (0x0010_2180, b"SH"),
    (0x0010_21B0, b"LT"),
    (0x0010_21F0, b"LO"),
    (0x0010_4000, b"LT"),
    (0x0018_1000, b"LO"),
    (0x0018_1400, b"LO"),
    (0x0018_4000, b"LT"),
    (0x0020_0010, b"SH"),
    (0x0020_4000, b"LT"),
    (0x0032_1032, b"PN"),
    (0x0040_0006, b"PN"),
    (0x0040_0254, b"LO"),
];

fn element(tag: u32, vr: &[u8; 2], value: &[u8]) -> (u32, Vec<u8>) {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(b' ');
    }
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&((tag >> 16) as u16).to_le_bytes());
    bytes.extend_from_slice(&(tag as u16).to_le_bytes());
    bytes.extend_from_slice(vr);
    if matches!(vr, b"OW" | b"OB" | b"SQ") {
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
    } else {
        bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
    }
    bytes.extend_from_slice(&value);
    (tag, bytes)
}

/// A slice with the mark in every personal element, at the top and in a sequence.
fn marked_slice(number: u16, broken: bool) -> Vec<u8> {
    let us = |tag, value: u16| element(tag, b"US", &value.to_le_bytes());
    let personal = || {
        PERSONAL
            .iter()
            .map(|(tag, vr)| element(*tag, vr, MARK.as_bytes()))
    };
    let nested: Vec<u8> = personal().flat_map(|(_, bytes)| bytes).collect();
    let mut item = b"\xfe\xff\0\xe0".to_vec();
    item.extend_from_slice(&(nested.len() as u32).to_le_bytes());
    item.extend(nested);
    let mut elements: Vec<(u32, Vec<u8>)> = personal().collect();
    let position = format!("0\\0\\{number}");
    elements.extend([
        element(0x0008_0060, b"CS", b"MR"),
        element(0x0008_0070, b"LO", b"Nobody"),
        element(0x0008_1140, b"SQ", &item),
        element(0x0009_0010, b"LO", MARK.as_bytes()),
        element(0x0009_1001, b"LO", MARK.as_bytes()),
        element(0x0018_0087, b"DS", b"3"),
        element(0x0020_000E, b"UI", b"1.2.3"),
        element(0x0020_0013, b"IS", number.to_string().as_bytes()),
        element(0x0020_0032, b"DS", position.as_bytes()),
        element(0x0020_0037, b"DS", b"1\\0\\0\\0\\1\\0"),
        us(0x0028_0002, 1),
        element(0x0028_0004, b"CS", b"MONOCHROME2"),
        us(0x0028_0010, 2),
        us(0x0028_0011, if broken { 900 } else { 2 }),
        element(0x0028_0030, b"DS", b"1\\1"),
        us(0x0028_0100, 16),
        us(0x0028_0101, 16),
        us(0x0028_0102, 15),
        us(0x0028_0103, 0),
        element(0x7FE0_0010, b"OW", &[1, 0, 2, 0, 3, 0, 4, 0]),
    ]);
    elements.sort_by_key(|(tag, _)| *tag);
    let syntax = element(0x0002_0010, b"UI", b"1.2.840.10008.1.2.1").1;
    let owner = element(0x0002_0016, b"AE", MARK.as_bytes()).1;
    let mut file = [vec![0; 128], b"DICM".to_vec(), syntax, owner].concat();
    elements
        .into_iter()
        .for_each(|(_, bytes)| file.extend(bytes));
    file
}

fn write(folder: &Path, broken: bool) {
    for number in 0..3 {
        let bytes = marked_slice(number, broken);
        std::fs::write(folder.join(format!("{number}.dcm")), bytes).unwrap();
    }
}

#[test]
fn nothing_personal_is_in_any_output() {
    let folder = tempfile::tempdir().unwrap();
    let cancel = CancelToken::new();
    write(folder.path(), false);
    let opened = open_channels(folder.path(), &mut |_| {}, &cancel).unwrap();
    assert_eq!(opened[0].volume.grid().dims(), [2, 2, 3]);
    let list = dicom::series_in(folder.path(), &cancel).unwrap();
    let labels: Vec<String> = list.series.iter().map(|series| series.label()).collect();
    let warnings: Vec<String> = opened[0].warnings.iter().map(ToString::to_string).collect();
    let acquisition = dicom::acquisition_facts(folder.path()).unwrap();
    assert_eq!(acquisition.len(), 3);
    let patient = dicom::patient_facts(folder.path()).unwrap();
    let mut said = vec![
        format!("{opened:?}{:?}", describe(folder.path()).unwrap()),
        format!("{list:?}{labels:?}{warnings:?}{acquisition:?}"),
        format!("{patient:?}"),
    ];
    // Damage of every kind: pixels that lack, files that end anywhere, two series.
    let file = folder.path().join("1.dcm");
    let whole = marked_slice(1, false);
    for end in (0..whole.len()).step_by(61) {
        std::fs::write(&file, &whole[..end]).unwrap();
        let error = open_channels(&file, &mut |_| {}, &cancel).unwrap_err();
        said.push(format!("{error}{error:?}"));
        let rest = open_channels(folder.path(), &mut |_| {}, &cancel).unwrap();
        said.push(format!("{rest:?}"));
    }
    let other = String::from_utf8_lossy(&whole).into_owned();
    assert!(
        other.matches(MARK).count() > 90,
        "the fixture holds no marks"
    );
    write(folder.path(), true);
    let error = open_channels(folder.path(), &mut |_| {}, &cancel).unwrap_err();
    said.push(format!("{error}{error:?}"));
    for text in said {
        assert!(!text.contains(MARK), "{text}");
    }
    // Asked for, it is there.
    write(folder.path(), false);
    let patient = dicom::patient_facts(&file).unwrap();
    assert_eq!((patient.name.as_str(), patient.id.as_str()), (MARK, MARK));
}

#[test]
fn no_field_that_may_be_kept_is_personal() {
    for (tag, label) in dicom::ALLOWED_FIELDS {
        assert!(
            PERSONAL.iter().all(|(personal, _)| *personal != tag),
            "{label}"
        );
        // Patient, study dates and times, UIDs, free descriptions.
        assert_ne!(tag >> 16, 0x0010, "{label}");
        assert!(![0x0008_0020, 0x0008_103E, 0x0018_1030, 0x0020_000D].contains(&tag));
    }
}
