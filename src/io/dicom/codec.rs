//! Compressed frames: JPEG and JPEG 2000 by the codecs of the `dicom` crates.
//!
//! A codec sees a frame only after its own header was held against the file's, so
//! that damage cannot make it reserve more than the image needs. Codecs may still
//! panic on damaged data; that is caught and becomes an error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use dicom_transfer_syntax_registry::entries::EXPLICIT_VR_LITTLE_ENDIAN;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex as _, TransferSyntaxRegistry};

use super::super::IoError;
use super::codestream::{self, Shape};
use super::facts::{FileFacts, PixelFormat};
use super::run_length;
use super::text::one_line;

/// How pixels are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    RunLength,
    Jpeg,
    Jpeg2000,
}

/// A frame's bytes, little endian, and how many low bits of each pixel count.
pub(super) struct Decoded {
    pub bytes: Vec<u8>,
    pub used_bits: u16,
}

/// No codec shrinks pixels more than this, but for frames that are all one value.
const MOST_SHRINKAGE: u64 = 1032;
/// Below this many bytes a frame may be all one value.
const SMALL_FRAME: u64 = 16 << 20;
/// Pixels are decoded in tiles no smaller than this many to an image.
const MOST_TILES: u64 = 4096;

/// Transfer syntaxes whose pixels are decoded.
const READ: [(&str, Compression); 11] = [
    ("1.2.840.10008.1.2", Compression::None),
    ("1.2.840.10008.1.2.1", Compression::None),
    ("1.2.840.10008.1.2.1.99", Compression::None),
    ("1.2.840.10008.1.2.2", Compression::None),
    ("1.2.840.10008.1.2.5", Compression::RunLength),
    ("1.2.840.10008.1.2.4.50", Compression::Jpeg),
    ("1.2.840.10008.1.2.4.51", Compression::Jpeg),
    ("1.2.840.10008.1.2.4.57", Compression::Jpeg),
    ("1.2.840.10008.1.2.4.70", Compression::Jpeg),
    ("1.2.840.10008.1.2.4.90", Compression::Jpeg2000),
    ("1.2.840.10008.1.2.4.91", Compression::Jpeg2000),
];

/// Transfer syntaxes that are not, by the start of their UID, and what undoes them.
const NOT_READ: [(&str, &str, &str); 6] = [
    (
        "1.2.840.10008.1.2.4.8",
        "JPEG-LS",
        "gdcmconv --raw or dcmdjpls",
    ),
    (
        "1.2.840.10008.1.2.4.11",
        "JPEG XL",
        "djxl and img2dcm, or export it uncompressed",
    ),
    (
        "1.2.840.10008.1.2.4.20",
        "high-throughput JPEG 2000",
        "gdcmconv --raw of GDCM 3.2",
    ),
    (
        "1.2.840.10008.1.2.4.9",
        "JPEG 2000 of part 2 or by network",
        "gdcmconv --raw",
    ),
    (
        "1.2.840.10008.1.2.4.10",
        "a video codec",
        "an export as still images",
    ),
    (
        "1.2.840.10008.1.2",
        "a codec unknown to this program",
        "gdcmconv --raw",
    ),
];
const TWELVE_BIT_JPEG: (&str, &str) = ("12-bit lossy JPEG", "gdcmconv --raw or dcmdjpeg");

/// How a file's pixels are compressed; an error that names what is not read.
pub(super) fn compression(file: &FileFacts) -> Result<Compression, IoError> {
    let uid = file.stored.syntax.as_str();
    if let Some((_, compression)) = READ.iter().find(|(known, _)| *known == uid) {
        // Some files say that they are compressed and are not.
        return Ok(match file.stored.element.length {
            Some(_) => Compression::None,
            None => *compression,
        });
    }
    let known = NOT_READ.iter().find(|(start, ..)| uid.starts_with(start));
    let (name, remedy) = known.map_or(("an unknown codec", "gdcmconv --raw"), |k| (k.1, k.2));
    Err(not_read(file, name, remedy))
}

fn not_read(file: &FileFacts, name: &'static str, remedy: &'static str) -> IoError {
    IoError::UnsupportedCompression {
        name,
        remedy,
        path: file.path.as_path().into(),
    }
}

/// Decodes one frame. `bytes` are all its fragments in one.
pub(super) fn decode(
    file: &FileFacts,
    compression: Compression,
    bytes: Vec<u8>,
) -> Result<Decoded, IoError> {
    let format = &file.format;
    let damaged = |why: String| IoError::DamagedPixels {
        why,
        path: file.path.as_path().into(),
    };
    let frame_bytes = format.frame_bits() / 8;
    let held = (bytes.len() as u64).saturating_mul(MOST_SHRINKAGE);
    if frame_bytes > held.max(SMALL_FRAME) {
        return Err(IoError::Truncated {
            of: "of pixels",
            promised: frame_bytes,
            found: held,
            path: file.path.as_path().into(),
        });
    }
    let used_bits = match compression {
        Compression::None | Compression::RunLength => format.stored_bits,
        Compression::Jpeg => {
            let shape = codestream::jpeg(&bytes).ok_or_else(|| damaged(NO_HEADER.to_owned()))?;
            if shape.precision > 8 && !shape.lossless {
                return Err(not_read(file, TWELVE_BIT_JPEG.0, TWELVE_BIT_JPEG.1));
            }
            agree(&shape, format).map_err(damaged)?;
            format.stored_bits
        }
        Compression::Jpeg2000 => {
            let shape =
                codestream::jpeg2000(&bytes).ok_or_else(|| damaged(NO_HEADER.to_owned()))?;
            agree(&shape, format).map_err(damaged)?;
            // As pydicom: where the codestream and the file disagree about the sign,
            // the sign is the codestream's highest bit.
            if shape.signed == format.signed {
                format.allocated_bits
            } else {
                shape.precision
            }
        }
    };
    let decoded = if compression == Compression::RunLength {
        run_length::decode(
            &bytes,
            format.pixel_count(),
            usize::from(format.allocated_bits) / 8,
        )
        .ok_or_else(|| "their runs end early".to_owned())
    } else {
        quietly(|| run_codec(&file.stored.syntax, format, bytes))
    };
    let decoded = decoded.map_err(damaged)?;
    if decoded.len() as u64 != frame_bytes {
        return Err(damaged(format!(
            "they hold {} bytes instead of {frame_bytes}",
            decoded.len()
        )));
    }
    Ok(Decoded {
        bytes: decoded,
        used_bits,
    })
}

const NO_HEADER: &str = "their own header is damaged";

/// Whether a codestream holds the image that the file speaks of.
fn agree(shape: &Shape, format: &PixelFormat) -> Result<(), String> {
    let [columns, rows] = [u32::from(format.columns), u32::from(format.rows)];
    if shape.size != [columns, rows] || shape.components != format.samples {
        let [x, y] = shape.size;
        return Err(format!(
            "they hold an image of {x} × {y} and the file speaks of {columns} × {rows}"
        ));
    }
    let bytes = if shape.precision > 8 { 16 } else { 8 };
    let narrow = shape.lossless && bytes > format.allocated_bits;
    if narrow || (!shape.any_depth && bytes != format.allocated_bits) {
        return Err(format!(
            "they hold {} bits a pixel and the file speaks of {}",
            shape.precision, format.allocated_bits
        ));
    }
    if shape.tiles > MOST_TILES {
        return Err(format!("they are cut into {} tiles", shape.tiles));
    }
    Ok(())
}

/// Hands a frame to its codec as a file of its own.
fn run_codec(syntax: &str, format: &PixelFormat, mut bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let registry = TransferSyntaxRegistry;
    let codec = registry
        .get(syntax)
        .and_then(|syntax| syntax.pixel_data_reader());
    let codec = codec.ok_or("there is no codec for them")?;
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    let set = frame_as_data_set(format, &bytes).ok_or("they are too large")?;
    drop(bytes);
    let plain = EXPLICIT_VR_LITTLE_ENDIAN.erased();
    let failed = |error: &dyn std::fmt::Display| shortened(&error.to_string());
    let set = InMemDicomObject::read_dataset_with_ts(set.as_slice(), &plain)
        .map_err(|error| failed(&error))?;
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(syntax)
        .media_storage_sop_class_uid("")
        .media_storage_sop_instance_uid("")
        .build()
        .map_err(|error| failed(&error))?;
    let mut decoded = Vec::new();
    codec
        .decode_frame(&set.with_exact_meta(meta), 0, &mut decoded)
        .map_err(|error| failed(&error))?;
    Ok(decoded)
}

/// A data set of one frame, explicit little endian.
fn frame_as_data_set(format: &PixelFormat, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut set = Vec::with_capacity(bytes.len() + 128);
    let mut number = |element: u16, value: u16| {
        set.extend_from_slice(&0x0028_u16.to_le_bytes());
        set.extend_from_slice(&element.to_le_bytes());
        set.extend_from_slice(b"US\x02\0");
        set.extend_from_slice(&value.to_le_bytes());
    };
    number(0x0002, format.samples);
    number(0x0010, format.rows);
    number(0x0011, format.columns);
    number(0x0100, format.allocated_bits);
    number(0x0101, format.stored_bits);
    number(0x0102, format.stored_bits - 1);
    number(0x0103, u16::from(format.signed));
    set.extend_from_slice(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0");
    set.extend_from_slice(b"\xfe\xff\0\xe0");
    set.extend_from_slice(&u32::try_from(bytes.len()).ok()?.to_le_bytes());
    set.extend_from_slice(bytes);
    set.extend_from_slice(b"\xfe\xff\xdd\xe0\0\0\0\0");
    Some(set)
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs what may panic, without a message on standard error.
fn quietly(work: impl FnOnce() -> Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    result.unwrap_or_else(|_| Err("the codec gave up".to_owned()))
}

/// A codec's message in one short line.
fn shortened(message: &str) -> String {
    one_line(message).chars().take(120).collect()
}
