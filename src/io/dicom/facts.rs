//! What a file says of its images: series, pixel format, and each frame's place.
//!
//! Only what placing and decoding need is read. Who the patient is is not; that is
//! [`patient`](super::patient)'s.

use std::path::{Path, PathBuf};

use glam::DVec3;

use super::super::IoError;
use super::element::{DataSet, PIXEL_DATA, PixelElement, Tag};
use super::file::Header;

/// An image file of a series.
#[derive(Debug, Clone)]
pub(super) struct FileFacts {
    pub path: PathBuf,
    pub file_bytes: u64,
    pub series: SeriesFacts,
    /// Empty in some files, which then may be alike by chance.
    pub instance_uid: String,
    pub instance_number: f64,
    pub format: PixelFormat,
    pub stored: StoredPixels,
    /// Never empty.
    pub frames: Vec<FrameFacts>,
    /// MONOCHROME1: large values are meant to be dark.
    pub inverted: bool,
    /// The number stored where nothing was measured.
    pub padding: Option<f64>,
    /// Values are stored through a table, which is not applied.
    pub has_value_table: bool,
}

/// What the files of one series have in common.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SeriesFacts {
    pub uid: String,
    pub number: Option<i64>,
    pub description: String,
    pub modality: String,
    pub protocol: String,
    pub frame_of_reference_uid: String,
}

/// How one pixel is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PixelFormat {
    pub columns: u16,
    pub rows: u16,
    pub samples: u16,
    /// MONOCHROME2 and the like.
    pub photometric: String,
    pub allocated_bits: u16,
    pub stored_bits: u16,
    pub signed: bool,
    pub float: bool,
}

impl PixelFormat {
    pub fn pixel_count(&self) -> usize {
        usize::from(self.columns) * usize::from(self.rows)
    }

    /// Bits of one frame when it is not compressed.
    pub fn frame_bits(&self) -> u64 {
        self.pixel_count() as u64 * u64::from(self.samples) * u64::from(self.allocated_bits)
    }
}

/// Where a file's pixels are and how they are written.
#[derive(Debug, Clone)]
pub(super) struct StoredPixels {
    pub syntax: String,
    pub element: PixelElement,
    pub big_endian: bool,
    pub deflated: bool,
    /// Where the data set begins in the file.
    pub start: u64,
}

/// One image plane.
#[derive(Debug, Clone, Default)]
pub(super) struct FrameFacts {
    /// Centre of the first pixel in LPS millimetres.
    pub position: Option<DVec3>,
    /// Directions in LPS of growing column number and of growing row number.
    pub directions: Option<[DVec3; 2]>,
    /// Distance between columns and between rows.
    pub pixel_mm: Option<[f64; 2]>,
    /// Distance to the next plane by the header, or else the plane's thickness.
    pub plane_mm: Option<f64>,
    pub slope: f64,
    pub intercept: f64,
    /// What tells images at the same place apart, most important first.
    pub order: [f64; 8],
}

/// The facts of a file; `None` for what is DICOM but no image.
pub(super) fn read(header: &Header<'_>, path: &Path) -> Result<Option<FileFacts>, IoError> {
    let set = &header.set;
    let Some(element) = set.pixels.clone() else {
        return Ok(None);
    };
    if set.get(ROWS).is_none() && set.get(COLUMNS).is_none() {
        return Ok(None);
    }
    let format = pixel_format(set, element.tag, path)?;
    let claimed = set.number(NUMBER_OF_FRAMES).unwrap_or(1.0).max(1.0);
    let frame_count = held_frames(&format, claimed, header, &element, path)?;
    let frames = frames(set, frame_count, path)?;
    let photometric = &format.photometric;
    Ok(Some(FileFacts {
        path: path.to_owned(),
        file_bytes: header.file_bytes,
        series: SeriesFacts {
            uid: set.code(0x0020_000E),
            number: set.number(0x0020_0011).map(|number| number as i64),
            description: set.text(0x0008_103E),
            modality: set.code(0x0008_0060),
            protocol: set.text(0x0018_1030),
            frame_of_reference_uid: set.code(0x0020_0052),
        },
        instance_uid: set.code(0x0008_0018),
        instance_number: set.number(INSTANCE_NUMBER).unwrap_or(0.0),
        inverted: photometric == "MONOCHROME1",
        padding: set.u16(0x0028_0120).map(|bits| {
            if format.signed {
                f64::from(bits as i16)
            } else {
                f64::from(bits)
            }
        }),
        has_value_table: set.get(0x0028_3000).is_some(),
        stored: StoredPixels {
            syntax: header.syntax.clone(),
            element,
            big_endian: set.encoding.big_endian,
            deflated: header.deflated,
            start: header.start,
        },
        format,
        frames,
    }))
}

const ROWS: Tag = 0x0028_0010;
const COLUMNS: Tag = 0x0028_0011;
const NUMBER_OF_FRAMES: Tag = 0x0028_0008;
const INSTANCE_NUMBER: Tag = 0x0020_0013;
const POSITION: Tag = 0x0020_0032;
const ORIENTATION: Tag = 0x0020_0037;
const PIXEL_SPACING: Tag = 0x0028_0030;

fn pixel_format(set: &DataSet<'_>, pixels: Tag, path: &Path) -> Result<PixelFormat, IoError> {
    let bad = |field, value: u16, why| IoError::BadField {
        field,
        value: value.to_string(),
        why,
        path: path.into(),
    };
    let columns = set.u16(COLUMNS).unwrap_or(0);
    let rows = set.u16(ROWS).unwrap_or(0);
    for (field, value) in [("Columns", columns), ("Rows", rows)] {
        if value == 0 {
            return Err(bad(field, value, "so there is no image"));
        }
    }
    let samples = set.u16(0x0028_0002).unwrap_or(1);
    if samples == 0 {
        return Err(bad("SamplesPerPixel", samples, "so there is no image"));
    }
    let float = pixels != PIXEL_DATA;
    let allocated_bits = match pixels {
        0x7FE0_0008 => 32,
        0x7FE0_0009 => 64,
        _ => set.u16(0x0028_0100).unwrap_or(0),
    };
    if !float && !matches!(allocated_bits, 1 | 8 | 16 | 32) {
        return Err(bad("BitsAllocated", allocated_bits, "not 1, 8, 16 or 32"));
    }
    let stored_bits = if float {
        allocated_bits
    } else {
        set.u16(0x0028_0101).unwrap_or(allocated_bits)
    };
    if stored_bits == 0 || stored_bits > allocated_bits {
        return Err(bad(
            "BitsStored",
            stored_bits,
            "not between 1 and BitsAllocated",
        ));
    }
    let high_bit = set.u16(0x0028_0102).unwrap_or(stored_bits - 1);
    if !float && high_bit != stored_bits - 1 {
        return Err(bad("HighBit", high_bit, "not one less than BitsStored"));
    }
    Ok(PixelFormat {
        columns,
        rows,
        samples,
        photometric: set.code(0x0028_0004),
        allocated_bits,
        stored_bits,
        signed: set.u16(0x0028_0103) == Some(1),
        float,
    })
}

/// The number of frames, if the file can hold as many as it claims.
fn held_frames(
    format: &PixelFormat,
    claimed: f64,
    header: &Header<'_>,
    element: &PixelElement,
    path: &Path,
) -> Result<usize, IoError> {
    let truncated = |promised: f64, found: u64| IoError::Truncated {
        of: "of pixels",
        promised: promised as u64,
        found,
        path: path.into(),
    };
    let behind = header
        .file_bytes
        .saturating_sub(header.start + element.offset);
    match element.length {
        Some(length) => {
            let found = if header.deflated {
                length
            } else {
                length.min(behind)
            };
            let promised = (claimed * format.frame_bits() as f64 / 8.0).ceil();
            if promised > found as f64 {
                return Err(truncated(promised, found));
            }
        }
        // Each frame is a fragment with a head of 8 bytes at least.
        None if claimed * 8.0 > behind as f64 => return Err(truncated(claimed * 8.0, behind)),
        None => {}
    }
    Ok(claimed as usize)
}

fn frames(set: &DataSet<'_>, count: usize, path: &Path) -> Result<Vec<FrameFacts>, IoError> {
    let base = frame_of(set, &FrameFacts::default(), path)?;
    let shared = set.item(0x5200_9229);
    let base = match &shared {
        Some(groups) => frame_of_groups(groups, &base, path)?,
        None => base,
    };
    let groups = set.items(0x5200_9230);
    if !groups.is_empty() {
        if groups.len() < count {
            return Err(IoError::BadField {
                field: "NumberOfFrames",
                value: count.to_string(),
                why: "more than the frames that are described",
                path: path.into(),
            });
        }
        let frames = groups.iter().take(count).enumerate();
        return frames
            .map(|(index, groups)| {
                let mut frame = frame_of_groups(groups, &base, path)?;
                frame.order[7] = index as f64;
                Ok(frame)
            })
            .collect();
    }
    Ok(plain_frames(set, &base, count))
}

/// Frames without a description of their own: planes at the offsets of a dose grid,
/// points in time, or planes one behind the other.
fn plain_frames(set: &DataSet<'_>, base: &FrameFacts, count: usize) -> Vec<FrameFacts> {
    let offsets = set.numbers(0x3004_000C);
    let step = base.plane_mm.unwrap_or(0.0);
    let time = set.bytes(0x0028_0009).is_some_and(|pointer| {
        // Frame time and frame time vector, in either byte order.
        [
            [0x18, 0, 0x63, 0x10],
            [0x18, 0, 0x65, 0x10],
            [0, 0x18, 0x10, 0x63],
            [0, 0x18, 0x10, 0x65],
        ]
        .iter()
        .any(|tag| pointer == tag)
    });
    let frame = |index: usize| {
        let mut frame = base.clone();
        frame.order[7] = index as f64;
        let offset = match offsets.get(index) {
            Some(offset) if offsets.len() == count => *offset,
            _ if time => 0.0,
            _ => step * index as f64,
        };
        let normal = base.directions.map(|[row, column]| row.cross(column));
        frame.position = match (base.position, normal) {
            (Some(position), Some(normal)) if count == 1 || time || offset != 0.0 || index == 0 => {
                Some(position + normal * offset)
            }
            _ => None,
        };
        frame
    };
    (0..count).map(frame).collect()
}

/// What elements at the top of a file, or in one of its functional groups, say of a
/// frame, on top of what is known.
fn frame_of(set: &DataSet<'_>, known: &FrameFacts, path: &Path) -> Result<FrameFacts, IoError> {
    let mut frame = known.clone();
    if known.slope == 0.0 {
        frame.slope = 1.0;
    }
    if let Some(position) = set.exactly::<3>(POSITION) {
        frame.position = Some(DVec3::from(position));
    }
    if let Some(directions) = set.exactly::<6>(ORIENTATION) {
        frame.directions = Some(checked_directions(directions, path)?);
    }
    // Measured in the patient, else at the detector, else by the scanner's plan.
    let pixel = [PIXEL_SPACING, 0x0018_1164, 0x0018_2010]
        .iter()
        .find_map(|&tag| set.exactly::<2>(tag))
        .filter(|spacing| spacing.iter().all(|&mm| mm > 0.0));
    if let Some([between_rows, between_columns]) = pixel {
        frame.pixel_mm = Some([between_columns, between_rows]);
    }
    let plane = [0x0018_0088, 0x0018_0050]
        .iter()
        .find_map(|&tag| set.number(tag).map(f64::abs).filter(|&mm| mm > 0.0));
    frame.plane_mm = plane.or(frame.plane_mm);
    let dose = set.number(0x3004_000E);
    if let Some(slope) = set
        .number(0x0028_1053)
        .or(dose)
        .filter(|&slope| slope != 0.0)
    {
        frame.slope = slope;
    }
    if let Some(intercept) = set.number(0x0028_1052) {
        frame.intercept = intercept;
    }
    for (key, tags) in frame.order.iter_mut().zip(ORDER) {
        if let Some(number) = tags.iter().find_map(|&tag| set.number(tag)) {
            *key = number;
        }
    }
    Ok(frame)
}

/// Temporal position, echo, b value, trigger time, acquisition, its time, image.
const ORDER: [&[Tag]; 7] = [
    &[0x0020_9128, 0x0020_0100],
    &[0x0018_0086, 0x0018_9082, 0x0018_0081],
    &[0x0018_9087],
    &[0x0018_1060, 0x0020_9153],
    &[0x0020_0012],
    &[0x0008_0032],
    &[INSTANCE_NUMBER],
];

/// Functional groups: position, orientation, pixel measures, value transformation,
/// frame content, echo, diffusion, cardiac trigger.
const GROUPS: [Tag; 8] = [
    0x0020_9113,
    0x0020_9116,
    0x0028_9110,
    0x0028_9145,
    0x0020_9111,
    0x0018_9114,
    0x0018_9117,
    0x0018_9118,
];

fn frame_of_groups(
    groups: &DataSet<'_>,
    known: &FrameFacts,
    path: &Path,
) -> Result<FrameFacts, IoError> {
    let items = GROUPS.iter().filter_map(|&group| groups.item(group));
    let mut frame = known.clone();
    for item in items {
        frame = frame_of(&item, &frame, path)?;
    }
    // Segments lie over each other as points in time do.
    let segment = groups
        .item(0x0062_000A)
        .and_then(|item| item.u16(0x0062_000B));
    if let Some(segment) = segment {
        frame.order[0] = f64::from(segment);
    }
    Ok(frame)
}

/// How far directions may be from unit length and from a right angle.
const DIRECTION_TOLERANCE: f64 = 0.02;

fn checked_directions([a, b, c, d, e, f]: [f64; 6], path: &Path) -> Result<[DVec3; 2], IoError> {
    let (row, column) = (DVec3::new(a, b, c), DVec3::new(d, e, f));
    let unit = |v: DVec3| (v.length() - 1.0).abs() < DIRECTION_TOLERANCE;
    if unit(row) && unit(column) && row.dot(column).abs() < DIRECTION_TOLERANCE {
        return Ok([row, column]);
    }
    Err(IoError::BadField {
        field: "ImageOrientationPatient",
        value: format!("{a}, {b}, {c}, {d}, {e}, {f}"),
        why: "not two directions at a right angle",
        path: path.into(),
    })
}
