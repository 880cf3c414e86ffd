//! NRRD, MetaImage and NumPy files hold what SimpleITK and pynrrd read from them; see
//! tests/fixtures/formats/make.py. What cannot be read is refused in one line.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use voxplain::base::CancelToken;
use voxplain::io::{
    self, EarlySlice, Format, Frames, GeometryWarning, IoError, Opened, PlacedBy, Reading, Request,
};
use voxplain::volume::VoxelType;

#[derive(Deserialize)]
struct Expected {
    dims: [usize; 3],
    frames: usize,
    affine: [[f64; 4]; 4],
    warnings: Vec<String>,
    voxels: Vec<[usize; 3]>,
    values: Vec<Vec<f64>>,
    sums: Vec<f64>,
    #[serde(rename = "type")]
    voxel_type: Option<String>,
    big_endian: Option<bool>,
    placed_by: Option<String>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/formats")
        .join(name)
}

fn expected() -> BTreeMap<String, Expected> {
    serde_json::from_str(&std::fs::read_to_string(fixture("expected.json")).unwrap()).unwrap()
}

fn read(path: &Path, frames: Frames) -> Result<(Vec<Opened>, Vec<EarlySlice>), IoError> {
    let mut slices = Vec::new();
    let mut reading = Reading {
        progress: &mut |_| {},
        slice: &mut |slice| slices.push(slice),
        cancel: &CancelToken::new(),
    };
    let opened = io::open(
        path,
        &Request {
            frames,
            ..Request::default()
        },
        &mut reading,
    )?;
    Ok((opened, slices))
}

fn type_code(t: VoxelType) -> &'static str {
    match t {
        VoxelType::U8 => "u8",
        VoxelType::I8 => "i8",
        VoxelType::U16 => "u16",
        VoxelType::I16 => "i16",
        VoxelType::U32 => "u32",
        VoxelType::I32 => "i32",
        VoxelType::U64 => "u64",
        VoxelType::I64 => "i64",
        VoxelType::F32 => "f32",
        VoxelType::F64 => "f64",
    }
}

fn warning_code(warning: &GeometryWarning) -> &'static str {
    match warning {
        GeometryWarning::OrientationUnknown => "unknown",
        GeometryWarning::Sheared { .. } => "sheared",
        GeometryWarning::UnitsConverted { .. } => "units",
        GeometryWarning::LettersDisagree { .. } => "letters",
        GeometryWarning::TrailingData => "trailing",
        GeometryWarning::FirstFrameOnly { .. } => "first",
        _ => "other",
    }
}

fn affine_rows(opened: &Opened) -> [[f64; 4]; 3] {
    let m = opened.volume.grid().world_from_voxel();
    let columns = [
        m.matrix3.x_axis,
        m.matrix3.y_axis,
        m.matrix3.z_axis,
        m.translation,
    ];
    std::array::from_fn(|row| std::array::from_fn(|column| columns[column][row]))
}

fn hold(name: &str, opened: &[Opened], expected: &Expected) {
    assert_eq!(opened.len(), expected.frames, "{name}");
    for (frame, image) in opened.iter().enumerate() {
        let s = &image.summary;
        assert_eq!(s.dims, expected.dims, "{name}");
        assert_eq!((s.frames, s.frame), (expected.frames, frame), "{name}");
        for (row, wanted) in affine_rows(image).iter().zip(&expected.affine) {
            for (a, b) in row.iter().zip(wanted) {
                assert!((a - b).abs() < 1e-6, "{name}: {row:?} and {wanted:?}");
            }
        }
        for (voxel, &value) in expected.voxels.iter().zip(&expected.values[frame]) {
            assert_eq!(image.volume.value(*voxel), Some(value), "{name} {voxel:?}");
        }
        let n = image.volume.grid().voxel_count();
        let sum: f64 = (0..n).filter_map(|i| image.volume.voxels().get(i)).sum();
        let close = (sum - expected.sums[frame]).abs() <= 1e-12 * sum.abs();
        assert!(close, "{name}: {sum} and {}", expected.sums[frame]);
        let warnings: Vec<_> = image.warnings.iter().map(warning_code).collect();
        assert_eq!(warnings, expected.warnings, "{name}");
        if let Some(t) = &expected.voxel_type {
            assert_eq!(type_code(s.voxel_type), t, "{name}");
        }
        if let Some(big_endian) = expected.big_endian {
            assert_eq!(s.big_endian, big_endian, "{name}");
        }
        if expected.placed_by.as_deref() == Some("spacing") {
            assert_eq!(s.placed_by, PlacedBy::Spacing, "{name}");
        }
    }
}

#[test]
fn every_image_is_what_the_peers_read() {
    let expected = expected();
    assert!(expected.len() > 80);
    for (name, wanted) in &expected {
        let (opened, _) = read(&fixture(name), Frames::All).unwrap_or_else(|e| panic!("{e}"));
        hold(name, &opened, wanted);
        let format = match name.as_str() {
            n if n.contains(".npy") => Format::Numpy,
            n if n.contains(".m") => Format::MetaImage,
            _ => Format::Nrrd,
        };
        assert_eq!(opened[0].summary.format, format, "{name}");
    }
}

#[test]
fn one_frame_is_that_frame() {
    for (name, wanted) in &expected() {
        for frame in 0..wanted.frames {
            let (one, slices) = read(&fixture(name), Frames::One(frame)).unwrap();
            assert_eq!(one.len(), 1, "{name}");
            assert_eq!(one[0].summary.frame, frame, "{name}");
            for (voxel, &value) in wanted.voxels.iter().zip(&wanted.values[frame]) {
                assert_eq!(one[0].volume.value(*voxel), Some(value), "{name} {voxel:?}");
            }
            // Slices that came early are those of the image.
            let plane = wanted.dims[0] * wanted.dims[1];
            for slice in &slices {
                for i in 0..plane {
                    let whole = one[0].volume.voxels().get(slice.index * plane + i);
                    assert_eq!(slice.voxels.get(i), whole, "{name} slice {}", slice.index);
                }
            }
            let numpy_in_c_order = one[0].summary.format == Format::Numpy && slices.is_empty();
            let flat = wanted.dims[2] == 1 && slices.is_empty();
            assert!(numpy_in_c_order || flat || !slices.is_empty(), "{name}");
        }
        let error = read(&fixture(name), Frames::One(wanted.frames)).unwrap_err();
        assert!(
            matches!(error, IoError::NoSuchFrame { .. }),
            "{name}: {error}"
        );
        let (first, _) = read(&fixture(name), Frames::First).unwrap();
        let said = first[0]
            .warnings
            .iter()
            .map(warning_code)
            .any(|w| w == "first");
        assert_eq!(said, wanted.frames > 1, "{name}");
    }
}

/// A header's text and the voxels behind it.
fn split_header(bytes: &[u8], end: &[u8]) -> (String, Vec<u8>) {
    let at = bytes.windows(end.len()).position(|w| w == end).unwrap() + end.len();
    let text = String::from_utf8(bytes[..at].to_vec()).unwrap();
    (text, bytes[at..].to_vec())
}

struct Changed {
    folder: tempfile::TempDir,
    text: String,
    voxels: Vec<u8>,
    name: &'static str,
}

impl Changed {
    fn nrrd() -> Self {
        let bytes = std::fs::read(fixture("ras.nrrd")).unwrap();
        let (text, voxels) = split_header(&bytes, b"\n\n");
        Self {
            folder: tempfile::tempdir().unwrap(),
            text,
            voxels,
            name: "a.nrrd",
        }
    }

    fn meta() -> Self {
        let bytes = std::fs::read(fixture("msb.mha")).unwrap();
        let (text, voxels) = split_header(&bytes, b"LOCAL\n");
        Self {
            folder: tempfile::tempdir().unwrap(),
            text,
            voxels,
            name: "a.mha",
        }
    }

    /// Opens the image with a part of its header replaced.
    fn open(&self, from: &str, to: &str) -> Result<Vec<Opened>, IoError> {
        assert!(self.text.contains(from), "{from}");
        let path = self.folder.path().join(self.name);
        let mut bytes = self.text.replacen(from, to, 1).into_bytes();
        bytes.extend(&self.voxels);
        std::fs::write(&path, bytes).unwrap();
        read(&path, Frames::All).map(|(opened, _)| opened)
    }

    fn refused(&self, from: &str, to: &str, because: &str) {
        let message = self.open(from, to).unwrap_err().to_string();
        assert!(message.contains(because), "{to:?}: {message}");
        assert!(
            !message.contains('\n') && message.ends_with(self.name),
            "{message}"
        );
    }
}

#[test]
fn every_name_of_a_type_is_known() {
    let nrrd = Changed::nrrd();
    let names: [(VoxelType, &[&str]); 10] = [
        (VoxelType::I8, &["signed char", "int8", "int8_t"]),
        (
            VoxelType::U8,
            &["uchar", "unsigned char", "uint8", "uint8_t"],
        ),
        (
            VoxelType::I16,
            &[
                "short",
                "short int",
                "signed short",
                "signed short int",
                "int16",
                "int16_t",
            ],
        ),
        (
            VoxelType::U16,
            &[
                "ushort",
                "unsigned short",
                "unsigned short int",
                "uint16",
                "uint16_t",
            ],
        ),
        (VoxelType::I32, &["int", "signed int", "int32", "int32_t"]),
        (
            VoxelType::U32,
            &["uint", "unsigned int", "uint32", "uint32_t"],
        ),
        (
            VoxelType::I64,
            &[
                "longlong",
                "long long",
                "long long int",
                "signed long long",
                "signed long long int",
                "int64",
                "int64_t",
            ],
        ),
        (
            VoxelType::U64,
            &[
                "ulonglong",
                "unsigned long long",
                "unsigned long long int",
                "uint64",
                "uint64_t",
            ],
        ),
        (VoxelType::F32, &["float"]),
        (VoxelType::F64, &["double"]),
    ];
    for (voxel_type, names) in names {
        for name in names {
            // 120 bytes, shared among voxels of any size.
            let axis = 120 / voxel_type.size_bytes();
            let text = nrrd
                .text
                .replace("sizes: 4 5 3", &format!("sizes: {axis} 1 1"));
            let nrrd = Changed {
                text,
                ..Changed::nrrd()
            };
            let opened = nrrd.open("type: short", &format!("type: {name}")).unwrap();
            assert_eq!(opened[0].summary.voxel_type, voxel_type, "{name}");
        }
    }
}

#[test]
fn what_an_nrrd_header_must_not_say_is_refused() {
    let nrrd = Changed::nrrd();
    assert!(nrrd.open("NRRD0004", "NRRD0004").is_ok());
    for (from, to, because) in [
        (
            "NRRD0004",
            "NRRD0006",
            "the header field version is NRRD0006",
        ),
        ("type: short", "type: block", "blocks are no numbers"),
        ("type: short", "type: complex", "names no voxel type"),
        ("type: short\n", "", "the header field type is missing"),
        ("dimension: 3", "dimension: 0", "1 to 16 axes"),
        ("dimension: 3", "dimension: many", "no such number"),
        ("dimension: 3", "dimension: 4", "one number an axis"),
        ("sizes: 4 5 3", "sizes: 4 0 3", "at least one voxel"),
        ("sizes: 4 5 3", "sizes: 4 -5 3", "numbers belong there"),
        (
            "sizes: 4 5 3",
            "sizes: 4 5 4",
            "promises 160 bytes of voxels and holds 120",
        ),
        (
            "sizes: 4 5 3",
            "sizes: 18446744073709551615 18446744073709551615 2",
            "more voxels than this computer can address",
        ),
        ("endian: little\n", "", "the header field endian is missing"),
        ("endian: little", "endian: middle", "little or big"),
        (
            "encoding: raw",
            "encoding: bzip2",
            "encoding is bzip2, and voxels are read in raw and gzip",
        ),
        ("encoding: raw", "encoding: hex", "encoding is hex"),
        ("encoding: raw", "encoding: ascii", "encoding is ascii"),
        ("encoding: raw", "encoding: gzip", "damaged"),
        (
            "encoding: raw\n",
            "",
            "the header field encoding is missing",
        ),
        ("encoding: raw", "encoding: raw\nbyte skip: -2", "only -1"),
        ("encoding: raw", "encoding: raw\nbyte skip: 9", "holds 111"),
        (
            "encoding: raw",
            "encoding: raw\nline skip: 4000000000000",
            "holds 0",
        ),
        ("(0,0,3)", "(0,0,3) (1,1,1)", "one vector an axis"),
        ("(0,0,3)", "0 0 3", "vectors such as"),
        ("(0,0,3)", "(0,0,0)", "singular"),
        ("(0,-1.5,0) (0,0,3)", "none none", "3 with 1 in space"),
        ("(0,0,3)", "(0.5,0.1,0)", "singular"),
        ("(0,0,3)", "(0,0,inf)", "singular or not finite"),
        ("space origin: (-7,8.5,9)", "space origin: -7", "one vector"),
        (
            "encoding: raw",
            "encoding: raw\ndata file: ../a.raw",
            "own folder or below",
        ),
        (
            "encoding: raw",
            "encoding: raw\ndata file: /etc/passwd",
            "own folder or below",
        ),
        (
            "encoding: raw",
            "encoding: raw\ndata file: no.raw",
            "no.raw, which is not there",
        ),
        (
            "encoding: raw",
            "encoding: raw\ndata file: s%d.raw 1 7 1",
            "shared evenly",
        ),
        (
            "encoding: raw",
            "encoding: raw\nno name",
            "which has no name and value",
        ),
    ] {
        nrrd.refused(from, to, because);
    }
}

#[test]
fn what_a_metaimage_header_must_not_say_is_refused() {
    let meta = Changed::meta();
    assert!(meta.open("NDims = 3", "NDims = 3").is_ok());
    for (from, to, because) in [
        ("ObjectType = Image", "ObjectType = Tube", "only an Image"),
        ("NDims = 3", "NDims = 5", "2 to 4 axes"),
        ("NDims = 3\n", "", "the header field NDims is missing"),
        ("DimSize = 4 5 3", "DimSize = 4 5", "one number an axis"),
        (
            "DimSize = 4 5 3",
            "DimSize = 4 5 3000",
            "promises 120000 bytes of voxels and holds 120",
        ),
        (
            "MET_SHORT",
            "MET_FLOAT_MATRIX",
            "names no type of one number",
        ),
        (
            "BinaryData = True",
            "BinaryData = False",
            "written as text are not read",
        ),
        ("BinaryData = True", "BinaryData = Perhaps", "True or False"),
        ("BinaryData = True", "CompressedData = True", "damaged"),
        (
            "BinaryData = True",
            "ElementNumberOfChannels = 0",
            "at least one",
        ),
        ("BinaryData = True", "HeaderSize = -3", "only -1"),
        (
            "ElementSpacing = 0.7",
            "ElementSpacing = zero",
            "numbers belong there",
        ),
        ("ElementSpacing = 0.7", "ElementSpacing = 0", "singular"),
        (
            "ElementSpacing = 0.7",
            "ElementSpacing = nan",
            "singular or not finite",
        ),
        (
            "TransformMatrix = 0.8",
            "TransformMatrix = 1 0.8",
            "one direction an axis",
        ),
        ("Offset = -11.5", "Offset = 0 -11.5", "one number an axis"),
        ("= LOCAL", "= ../a.raw", "own folder or below"),
        (
            "= LOCAL",
            "= sub/none.raw",
            "sub/none.raw, which is not there",
        ),
        ("= LOCAL", "= LIST", "own folder or below"),
        ("ElementDataFile = LOCAL\n", "", "no name and value"),
    ] {
        meta.refused(from, to, because);
    }
}

#[test]
fn a_short_data_file_is_named_and_never_filled_from_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str| std::fs::copy(fixture(name), folder.path().join(name)).unwrap();
    for name in ["list.nhdr", "slice_01.raw", "slice_02.raw", "slice_03.raw"] {
        copy(name);
    }
    let second = folder.path().join("slice_02.raw");
    std::fs::write(&second, [0; 39]).unwrap();
    let error = read(&folder.path().join("list.nhdr"), Frames::All).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("promises 40 bytes of voxels and holds 39"),
        "{message}"
    );
    assert!(message.ends_with("slice_02.raw"), "{message}");

    // Inside compressed data the lack shows only while reading.
    for name in [
        "pattern_gzip.nhdr",
        "slice_01.raw.gz",
        "slice_02.raw.gz",
        "slice_03.raw.gz",
    ] {
        copy(name);
    }
    let gz = std::fs::read(folder.path().join("slice_02.raw.gz")).unwrap();
    std::fs::write(folder.path().join("slice_02.raw.gz"), &gz[..gz.len() / 2]).unwrap();
    let error = read(&folder.path().join("pattern_gzip.nhdr"), Frames::All).unwrap_err();
    assert!(
        matches!(error, IoError::Truncated { promised: 120, .. }),
        "{error}"
    );

    // A file that is whole, but short, must not be filled from the one after it.
    let mut whole = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    whole.write_all(&[1; 39]).unwrap();
    std::fs::write(
        folder.path().join("slice_02.raw.gz"),
        whole.finish().unwrap(),
    )
    .unwrap();
    let error = read(&folder.path().join("pattern_gzip.nhdr"), Frames::All).unwrap_err();
    assert!(
        matches!(error, IoError::Truncated { found: 79, .. }),
        "{error}"
    );

    // A folder or a pipe is no data file.
    std::fs::remove_file(&second).unwrap();
    std::fs::create_dir(&second).unwrap();
    let error = read(&folder.path().join("list.nhdr"), Frames::All).unwrap_err();
    assert!(matches!(error, IoError::NotAFile { .. }), "{error}");
}

#[test]
fn arrays_that_are_no_scan_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let refused = |descriptor: &str, shape: &str, because: &str| {
        let dict = format!("{{'descr': {descriptor}, 'fortran_order': False, 'shape': {shape}, }}");
        let mut bytes = b"\x93NUMPY\x01\0\xf6\0".to_vec();
        bytes.extend(format!("{dict:<245}\n").bytes());
        bytes.extend([0; 64]);
        std::fs::write(&path, &bytes).unwrap();
        let message = read(&path, Frames::All).unwrap_err().to_string();
        assert!(message.contains(because), "{descriptor} {shape}: {message}");
        assert!(
            !message.contains('\n') && message.ends_with("a.npy"),
            "{message}"
        );
    };
    refused("'<c8'", "(2, 2)", "numbers of the type '<c8'");
    refused("'<U4'", "(2, 2)", "numbers of the type");
    refused("[('a', '<f4')]", "(2, 2)", "numbers of the type");
    refused("'<f4'", "(4,)", "it has 1 axes, and a scan has 2 to 4");
    refused("'<f4'", "(1, 1, 1, 1, 1)", "it has 5 axes");
    refused("'<f4'", "(2, 0, 2)", "empty dimension");
    refused("'<f4'", "(2, 2, 2, 0)", "no frames");
    refused(
        "'<f8'",
        "(3, 3)",
        "promises 72 bytes of voxels and holds 64",
    );
    refused("'<f8'", "(4294967296, 4294967296, 4294967296)", "promises");
}

/// One body, stored along its axes in every order and sense: the same value at the same
/// point of the world, from NRRD, MetaImage and NIfTI.
#[test]
fn one_body_in_48_orientations_is_one_body() {
    let folder = tempfile::tempdir().unwrap();
    let (dims, spacing, origin) = ([4, 5, 6], [2.0, 1.5, 3.0], [-4.0, 10.0, 2.5]);
    let value = |at: [usize; 3]| (at[0] + 10 * at[1] + 100 * at[2]) as u16;
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (order, flips) in orders.into_iter().flat_map(|o| (0..8).map(move |f| (o, f))) {
        let turned = order.map(|axis: usize| dims[axis]);
        let flipped = |i: usize| flips >> i & 1 == 1;
        // Voxel axis i runs along axis order[i] of the body, RAS.
        let mut first = origin;
        let mut directions = [[0.0; 3]; 3];
        for (i, &axis) in order.iter().enumerate() {
            let length = spacing[axis] * (dims[axis] - 1) as f64;
            first[axis] += if flipped(i) { length } else { 0.0 };
            directions[i][axis] = if flipped(i) { -1.0 } else { 1.0 };
        }
        let mut voxels = Vec::new();
        for z in 0..turned[2] {
            for y in 0..turned[1] {
                for x in 0..turned[0] {
                    let mut at = [0; 3];
                    for (i, v) in [x, y, z].into_iter().enumerate() {
                        at[order[i]] = if flipped(i) { turned[i] - 1 - v } else { v };
                    }
                    voxels.extend(value(at).to_le_bytes());
                }
            }
        }
        let [nx, ny, nz] = turned;
        let steps = order.map(|axis| spacing[axis]);
        let vector = |i: usize| directions[i].map(|d| d * steps[i]);
        let text = |v: [f64; 3]| format!("({},{},{})", v[0], v[1], v[2]);
        let nrrd = format!(
            "NRRD0004\ntype: uint16\ndimension: 3\nspace: RAS\nsizes: {nx} {ny} {nz}\n\
             space directions: {} {} {}\nspace origin: {}\nendian: little\nencoding: raw\n\n",
            text(vector(0)),
            text(vector(1)),
            text(vector(2)),
            text(first),
        );
        // MetaImage counts to the left and to the back.
        let lps = |v: [f64; 3]| format!("{} {} {}", -v[0], -v[1], v[2]);
        let meta = format!(
            "NDims = 3\nDimSize = {nx} {ny} {nz}\nOffset = {}\nTransformMatrix = {} {} {}\n\
             ElementSpacing = {} {} {}\nElementType = MET_USHORT\nElementDataFile = LOCAL\n",
            lps(first),
            lps(directions[0]),
            lps(directions[1]),
            lps(directions[2]),
            steps[0],
            steps[1],
            steps[2],
        );
        let path = folder.path().join("turned");
        let mut places = Vec::new();
        for header in [nrrd, meta] {
            std::fs::write(&path, [header.as_bytes(), &voxels].concat()).unwrap();
            places.push(read(&path, Frames::First).unwrap().0.remove(0).volume);
        }
        let nifti = folder.path().join("turned.nii");
        io::nifti::write_volume(&nifti, &places[0]).unwrap();
        places.push(read(&nifti, Frames::First).unwrap().0.remove(0).volume);
        for volume in &places {
            seen.insert(voxplain::base::Orientation::of(volume.grid()).letters());
            for at in [[0, 0, 0], [3, 4, 5], [1, 4, 2], [3, 0, 1], [2, 2, 5]] {
                let point: [f64; 3] =
                    std::array::from_fn(|axis| origin[axis] + spacing[axis] * at[axis] as f64);
                let voxel = volume.grid().nearest_voxel(point.into()).unwrap();
                let centre = volume.grid().world(voxel.map(|v| v as f64));
                assert!(centre.distance(point.into()) < 1e-5, "{centre} {point:?}");
                assert_eq!(
                    volume.value(voxel),
                    Some(f64::from(value(at))),
                    "{order:?} {flips}"
                );
            }
        }
    }
    assert_eq!(seen.len(), 48);
}

#[test]
fn a_part_of_an_image_stays_where_it_is() {
    let request = Request {
        part: Some(voxplain::base::VoxelBox {
            start: [1, 2, 0],
            size: [3, 3, 2],
        }),
        stride: [2, 1, 1],
        ..Request::default()
    };
    for name in ["oblique_i16.nrrd", "oblique_i16.mha", "i16_C_little.npy"] {
        let mut reading = Reading {
            progress: &mut |_| {},
            slice: &mut |_| {},
            cancel: &CancelToken::new(),
        };
        let part = io::open(&fixture(name), &request, &mut reading)
            .unwrap()
            .remove(0)
            .volume;
        let whole = read(&fixture(name), Frames::First)
            .unwrap()
            .0
            .remove(0)
            .volume;
        assert_eq!(part.grid().dims(), [2, 3, 2], "{name}");
        for [x, y, z] in [[0, 0, 0], [1, 2, 1]] {
            let at = [1 + 2 * x, 2 + y, z];
            assert_eq!(part.value([x, y, z]), whole.value(at), "{name}");
            let place = whole.grid().world(at.map(|v| v as f64));
            let here = part.grid().world([x, y, z].map(|v| v as f64));
            assert!(here.distance(place) < 1e-9, "{name}");
        }
    }
    let small = Request {
        memory_limit: Some(100),
        ..Request::default()
    };
    let mut reading = Reading {
        progress: &mut |_| {},
        slice: &mut |_| {},
        cancel: &CancelToken::new(),
    };
    let error = io::open(&fixture("oblique_i16.nrrd"), &small, &mut reading).unwrap_err();
    assert!(matches!(error, IoError::TooLarge { .. }), "{error}");
}

#[test]
fn a_header_is_described_and_hashed_with_its_data() {
    let described = io::describe(&fixture("list_first.nrrd")).unwrap();
    assert_eq!(
        (described.summary.dims, described.summary.frames),
        ([4, 5, 3], 3)
    );
    assert_eq!(described.memory_bytes, 360);
    let files = io::files_of(&fixture("list.nhdr"));
    let names: Vec<_> = files
        .iter()
        .filter_map(|f| f.file_name()?.to_str())
        .collect();
    assert_eq!(
        names,
        ["list.nhdr", "slice_01.raw", "slice_02.raw", "slice_03.raw"]
    );

    // The same header with other voxels is another image.
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        std::fs::copy(fixture(name), folder.path().join(name)).unwrap();
    }
    let copy = folder.path().join("list.nhdr");
    let hash = io::file_hash(&copy).unwrap();
    assert_eq!(hash, io::file_hash(&fixture("list.nhdr")).unwrap());
    std::fs::write(folder.path().join("slice_03.raw"), [1; 40]).unwrap();
    assert_ne!(hash, io::file_hash(&copy).unwrap());
}

#[test]
fn reading_stops_when_it_is_cancelled() {
    let cancel = CancelToken::new();
    cancel.cancel();
    for name in ["four_d.nrrd", "components.mha", "u8_C_little.npy"] {
        let mut reading = Reading {
            progress: &mut |_| {},
            slice: &mut |_| {},
            cancel: &cancel,
        };
        let result = io::open(&fixture(name), &Request::default(), &mut reading);
        assert!(matches!(result, Err(IoError::Cancelled(_))), "{name}");
    }
}

#[test]
fn progress_ends_at_its_total() {
    for (name, total) in [
        ("four_d.nrrd", 240),
        ("components.mha", 720),
        ("bare.nrrd", 120),
    ] {
        let mut last = None;
        let mut reading = Reading {
            progress: &mut |p| last = Some((p.done, p.total)),
            slice: &mut |_| {},
            cancel: &CancelToken::new(),
        };
        let frames = Frames::All;
        io::open(
            &fixture(name),
            &Request {
                frames,
                ..Request::default()
            },
            &mut reading,
        )
        .unwrap();
        assert_eq!(last, Some((total, total)), "{name}");
    }
}

/// Every file of the folder with bytes changed and cut off opens or fails in one line.
#[test]
fn broken_files_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let (mut opened, mut refused) = (0, 0);
    for name in expected().keys() {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(fixture(name)).unwrap();
        file.take(1 << 16).read_to_end(&mut bytes).unwrap();
        let path = folder.path().join(name);
        for _ in 0..12 {
            let mut changed = bytes.clone();
            for _ in 0..1 + random(3) {
                let at = random(changed.len());
                changed[at] = *b"0-9(. \n\xff\0%="
                    .get(random(16))
                    .unwrap_or(&(random(256) as u8));
            }
            if random(4) == 0 {
                changed.truncate(random(changed.len()).max(1));
            }
            std::fs::write(&path, &changed).unwrap();
            match read(&path, Frames::All) {
                Ok(_) => opened += 1,
                Err(e) => {
                    refused += 1;
                    assert!(!e.to_string().contains('\n'), "{e}");
                }
            }
        }
    }
    assert!(opened > 200 && refused > 200, "{opened} {refused}");
}

#[test]
#[ignore = "needs the large fixtures beside the project"]
fn one_scan_as_nifti_and_as_nrrd_lies_in_one_place() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    let open = |name: &str| {
        read(&samples.join(name), Frames::First)
            .unwrap()
            .0
            .remove(0)
    };
    let nifti = open("mr_flair_oblique_niivue/FLAIR.nii.gz").volume;
    let nrrd = open("mr_flair_oblique_niivue/FLAIR.nrrd").volume;
    let dims = nrrd.grid().dims();
    let (mut compared, mut different) = (0, 0);
    for z in (0..dims[2]).step_by(7) {
        for y in (0..dims[1]).step_by(5) {
            for x in (0..dims[0]).step_by(3) {
                let world = nrrd.grid().world([x as f64, y as f64, z as f64]);
                let Some(voxel) = nifti.grid().nearest_voxel(world) else {
                    continue;
                };
                let centre = nifti.grid().world(voxel.map(|v| v as f64));
                assert!(centre.distance(world) < 1e-2, "{centre} {world}");
                compared += 1;
                different += usize::from(nifti.value(voxel) != nrrd.value([x, y, z]));
            }
        }
    }
    assert!(
        compared > 20_000 && different == 0,
        "{different} of {compared}"
    );

    // SimpleITK 2.5: index (100, 120, 10) and the position of the last voxel, in RAS.
    let brain = open("mr_brain_nrrd_pyradiomics/brain1_image.nrrd");
    assert_eq!(brain.summary.dims, [256, 256, 25]);
    assert!(brain.warnings.is_empty());
    let last = brain.volume.grid().world([255.0, 255.0, 24.0]);
    assert!(
        (last - glam::DVec3::new(-99.609375, 99.609375, 78.0)).length() < 1e-6,
        "{last}"
    );
    let label = open("mr_brain_nrrd_pyradiomics/brain1_label.nrrd");
    assert!(label.volume.grid().same_place(brain.volume.grid()));
}
