//! A DICOM file: its parts before the pixels, found with or without a preamble.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use flate2::read::DeflateDecoder;

use super::super::IoError;
use super::super::source::MOST_INFLATION;
use super::element::{DataSet, Encoding, Fault, guess_encoding};
use super::text;

/// How much of a file is looked at first. Most headers are smaller.
const FIRST_BYTES: u64 = 1 << 15;
/// An inflated data set larger than this is refused.
const MOST_INFLATED: u64 = 1 << 32;
const PREAMBLE: usize = 128;
const MAGIC: &[u8] = b"DICM";
const TRANSFER_SYNTAX: u32 = 0x0002_0010;
const IMPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
const EXPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// Why a file could not be read as DICOM.
#[derive(Debug)]
pub(super) enum NotRead {
    /// It is something else.
    NotDicom,
    Failed(IoError),
}

/// What [`with_header`] shows of a file.
pub(super) struct Header<'a> {
    pub set: DataSet<'a>,
    /// UID of the transfer syntax.
    pub syntax: String,
    pub file_bytes: u64,
    /// Where the data set begins in the file. Of a deflated file offsets count from
    /// the start of the inflated data set instead.
    pub start: u64,
    pub deflated: bool,
}

/// Whether a file's first bytes may be DICOM.
pub(super) fn may_be_dicom(head: &[u8]) -> bool {
    has_preamble(head) || guess_encoding(head).is_some()
}

pub(super) fn has_preamble(head: &[u8]) -> bool {
    head.get(PREAMBLE..)
        .is_some_and(|rest| rest.starts_with(MAGIC))
}

/// Reads a file up to its pixels, in as few bytes as its header needs, and hands the
/// elements to `look`.
pub(super) fn with_header<T>(
    path: &Path,
    look: impl Fn(&Header<'_>) -> Result<T, IoError>,
) -> Result<T, NotRead> {
    let failed = |source| NotRead::Failed(IoError::reading(source, path));
    // Asked first, because opening a pipe would wait for someone to write to it.
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(NotRead::Failed(IoError::NotAFile { path: path.into() }));
    }
    let file_bytes = metadata.len();
    let mut file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let mut wanted = FIRST_BYTES;
    loop {
        let more = wanted - bytes.len() as u64;
        let read = (&mut file)
            .take(more)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let whole = (read as u64) < more || bytes.len() as u64 >= file_bytes;
        if !may_be_dicom(&bytes) {
            return Err(NotRead::NotDicom);
        }
        match parse(&bytes, file_bytes, whole, &look) {
            Err(Trouble::Fault(Fault::Cut)) if !whole => wanted = wanted.saturating_mul(8),
            Err(trouble) if has_preamble(&bytes) => {
                return Err(NotRead::Failed(trouble.into_error(path, file_bytes)));
            }
            // Without a preamble only elements that make sense prove what it is.
            Err(Trouble::Fault(_)) => return Err(NotRead::NotDicom),
            Err(Trouble::Error(error)) => return Err(NotRead::Failed(error)),
            Ok(found) => return Ok(found),
        }
    }
}

enum Trouble {
    Fault(Fault),
    Error(IoError),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Trouble {
    fn into_error(self, path: &Path, file_bytes: u64) -> IoError {
        match self {
            Self::Error(error) => error,
            Self::Fault(Fault::Cut) => IoError::Truncated {
                of: "of header",
                promised: file_bytes + 1,
                found: file_bytes,
                path: path.into(),
            },
            Self::Fault(Fault::Malformed(why)) => IoError::BadDicom {
                why,
                path: path.into(),
            },
        }
    }
}

fn parse<T>(
    bytes: &[u8],
    file_bytes: u64,
    whole: bool,
    look: &impl Fn(&Header<'_>) -> Result<T, IoError>,
) -> Result<T, Trouble> {
    let head = if has_preamble(bytes) {
        PREAMBLE + MAGIC.len()
    } else {
        0
    };
    let (start, syntax) = file_meta(bytes, head)?;
    let body = bytes.get(start..).ok_or(Fault::Cut)?;
    let mut header = Header {
        set: DataSet::parse(&[], Encoding::EXPLICIT)?,
        syntax: syntax.unwrap_or_default(),
        file_bytes,
        start: start as u64,
        deflated: false,
    };
    if header.syntax == DEFLATED {
        if !whole {
            return Err(Fault::Cut.into());
        }
        let inflated =
            inflate(body).map_err(|_| Fault::Malformed("its deflated data is damaged"))?;
        header.deflated = true;
        header.start = 0;
        let set = DataSet::parse(&inflated, Encoding::EXPLICIT)?;
        return look(&Header { set, ..header }).map_err(Trouble::Error);
    }
    let encoding = body_encoding(body, &header.syntax)?;
    if header.syntax.is_empty() {
        header.syntax = match (encoding.explicit, encoding.big_endian) {
            (_, true) => EXPLICIT_BIG_ENDIAN,
            (true, false) => EXPLICIT_LITTLE_ENDIAN,
            (false, false) => IMPLICIT_LITTLE_ENDIAN,
        }
        .to_owned();
    }
    header.set = DataSet::parse(body, encoding)?;
    if header.set.is_empty() {
        return Err(Fault::Malformed("it holds no elements").into());
    }
    look(&header).map_err(Trouble::Error)
}

/// Passes over group 2, which is always explicit little endian: where the data set
/// begins, and the transfer syntax. The group's length is not believed.
fn file_meta(bytes: &[u8], start: usize) -> Result<(usize, Option<String>), Fault> {
    let mut at = start;
    let mut syntax = None;
    loop {
        let Some(&[g0, g1, e0, e1, v0, v1, l0, l1]) =
            bytes.get(at..).and_then(|rest| rest.first_chunk::<8>())
        else {
            return if at == start {
                Err(Fault::Cut)
            } else {
                Ok((at, syntax))
            };
        };
        if u16::from_le_bytes([g0, g1]) != 2 {
            return Ok((at, syntax));
        }
        let (head, length) = if matches!(&[v0, v1], b"OB" | b"UN") {
            let long = bytes.get(at + 8..).and_then(|rest| rest.first_chunk::<4>());
            (12, u32::from_le_bytes(*long.ok_or(Fault::Cut)?) as usize)
        } else {
            (8, usize::from(u16::from_le_bytes([l0, l1])))
        };
        let end = (at + head).checked_add(length).ok_or(Fault::Cut)?;
        let value = bytes.get(at + head..end).ok_or(Fault::Cut)?;
        if u16::from_le_bytes([e0, e1]) == (TRANSFER_SYNTAX & 0xFFFF) as u16 {
            syntax = Some(text::plain(value)).filter(|uid| !uid.is_empty());
        }
        at = end;
    }
}

/// How the data set is written: as its transfer syntax says, unless its first
/// element shows that the file says it wrongly, which some do.
fn body_encoding(body: &[u8], syntax: &str) -> Result<Encoding, Fault> {
    let said = match syntax {
        IMPLICIT_LITTLE_ENDIAN => Some(Encoding::IMPLICIT),
        EXPLICIT_BIG_ENDIAN => Some(Encoding {
            explicit: true,
            big_endian: true,
        }),
        "" => None,
        _ => Some(Encoding::EXPLICIT),
    };
    let seen = guess_encoding(body);
    said.map(|said| match seen {
        Some(seen) if seen.big_endian == said.big_endian => seen,
        _ => said,
    })
    .or(seen)
    .ok_or(Fault::Malformed("it does not say how it is written"))
}

/// A deflated data set, never larger than deflate can have made it.
pub(super) fn inflate(body: &[u8]) -> io::Result<Vec<u8>> {
    let most = (body.len() as u64)
        .saturating_mul(MOST_INFLATION)
        .min(MOST_INFLATED);
    let mut inflated = Vec::new();
    DeflateDecoder::new(body)
        .take(most)
        .read_to_end(&mut inflated)?;
    Ok(inflated)
}

/// The data set of a whole file's bytes.
pub(super) fn body_of(bytes: &[u8]) -> &[u8] {
    let head = if has_preamble(bytes) {
        PREAMBLE + MAGIC.len()
    } else {
        0
    };
    file_meta(bytes, head)
        .ok()
        .and_then(|(start, _)| bytes.get(start..))
        .unwrap_or_default()
}
