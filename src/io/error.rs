//! What can go wrong between a file and an image, each in one line.

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};

use super::dicom::SeriesSummary;
use crate::base::{Cancelled, GridError};

/// Why a file could not be opened or written: what, why, what to do, and the path.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    #[error("there is no such file; check its name and folder: {path}")]
    Missing { path: ShownPath },
    #[error("this is not a file; give the scan itself (.nii or .nii.gz): {path}")]
    NotAFile { path: ShownPath },
    #[error("this file may not be read; change its permissions or copy it: {path}")]
    NotAllowed { path: ShownPath },
    #[error("reading failed ({source}); check the drive and try again: {path}")]
    Read { source: io::Error, path: ShownPath },
    #[error("the file is empty; copy or export it again: {path}")]
    Empty { path: ShownPath },
    #[error(
        "this is {looks_like}; this version opens NIfTI, NRRD, MetaImage and NumPy files, so convert it first: {path}"
    )]
    OtherFormat {
        looks_like: &'static str,
        path: ShownPath,
    },
    #[error(
        "the file is cut off: it promises {promised} bytes {of} and holds {found}; \
         copy or export it again: {path}"
    )]
    Truncated {
        of: &'static str,
        promised: u64,
        found: u64,
        path: ShownPath,
    },
    #[error("the compressed data is damaged ({source}); copy or export it again: {path}")]
    Damaged { source: io::Error, path: ShownPath },
    #[error("the header field {field} is {value}, {why}; export the file again: {path}")]
    BadField {
        field: &'static str,
        value: String,
        why: &'static str,
        path: ShownPath,
    },
    #[error(
        "the voxels are {what}, and images of one number a voxel are opened; \
         convert it first: {path}"
    )]
    UnsupportedType { what: String, path: ShownPath },
    #[error("the voxels belong in the file {data}, which is not there; put it in place: {path}")]
    DataMissing { data: ShownPath, path: ShownPath },
    #[error("{source}; export the file again: {path}")]
    Grid { source: GridError, path: ShownPath },
    #[error(
        "the image needs {bytes} bytes of memory, more than there is; \
         crop or downsample it first: {path}"
    )]
    OutOfMemory { bytes: u64, path: ShownPath },
    #[error("the DICOM file cannot be read, because {why}; copy or export it again: {path}")]
    BadDicom { why: &'static str, path: ShownPath },
    #[error("there is no DICOM image here; give a scan's file or its folder: {path}")]
    NoImages { path: ShownPath },
    #[error(
        "the folder holds more than {most} files; give the folder of one scan, or one of its \
         files: {path}"
    )]
    TooManyFiles { most: usize, path: ShownPath },
    #[error("{}", several_series(series, path))]
    SeveralSeries {
        /// What there is to choose from, in the order of the numbers to choose by.
        series: Vec<SeriesSummary>,
        path: ShownPath,
    },
    #[error("the folder has no series {wanted}, only 1 to {count}; list them with info: {path}")]
    NoSuchSeries {
        wanted: String,
        count: usize,
        path: ShownPath,
    },
    #[error(
        "the pixels are compressed with {name}, which is not decoded here; \
         decompress them first (with {remedy}): {path}"
    )]
    UnsupportedCompression {
        name: &'static str,
        remedy: &'static str,
        path: ShownPath,
    },
    #[error("the compressed pixels are damaged ({why}); copy or export the file again: {path}")]
    DamagedPixels { why: String, path: ShownPath },
    #[error(
        "the image needs {} of memory and {} may be used; {}: {path}",
        size_text(*bytes), size_text(*limit), thinner_text(*stride)
    )]
    TooLarge {
        /// What the voxels asked for take in their own type.
        bytes: u64,
        limit: u64,
        /// The smallest stride along all axes with which they would fit.
        stride: Option<usize>,
        path: ShownPath,
    },
    #[error(
        "{why}; the image has {} × {} × {} voxels: {path}",
        dims[0], dims[1], dims[2]
    )]
    BadPart {
        why: &'static str,
        dims: [usize; 3],
        path: ShownPath,
    },
    #[error(
        "there is no frame {}; the image has {frames}: {path}",
        wanted.saturating_add(1)
    )]
    NoSuchFrame {
        wanted: usize,
        frames: usize,
        path: ShownPath,
    },
    #[error(
        "this is one half of an image in two files, and the other half is missing; \
         put {} beside it: {path}",
        missing.file_name()
    )]
    MissingHalf { missing: ShownPath, path: ShownPath },
    #[error("writing failed ({source}); check that the folder exists and has room: {path}")]
    Write { source: io::Error, path: ShownPath },
    #[error("the data cannot be stored in this format: {why}: {path}")]
    CannotStore { why: String, path: ShownPath },
    #[error("this is not a NumPy array that can be read: {why}: {path}")]
    BadNpy { why: String, path: ShownPath },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl IoError {
    /// The error for a failed attempt to open or read `path`.
    pub fn reading(source: io::Error, path: &Path) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::NotAllowed { path },
            io::ErrorKind::IsADirectory => Self::NotAFile { path },
            _ => Self::Read { source, path },
        }
    }
}

/// Series in a message; a folder of a whole study may hold dozens.
const SERIES_SHOWN: usize = 12;

fn several_series(series: &[SeriesSummary], path: &ShownPath) -> String {
    let shown = series.iter().take(SERIES_SHOWN).enumerate();
    let mut list: Vec<String> = shown
        .map(|(index, series)| format!("#{} {}", index + 1, series.label()))
        .collect();
    if series.len() > SERIES_SHOWN {
        list.push(format!("and {} more", series.len() - SERIES_SHOWN));
    }
    format!(
        "the folder holds {} series ({}); choose one by its number, as in FOLDER#1, or give one \
         of its files: {path}",
        series.len(),
        list.join("; ")
    )
}

/// A path in a message: on one line, whatever the file is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPath(PathBuf);

impl ShownPath {
    /// The last part alone.
    fn file_name(&self) -> Self {
        Self(self.0.file_name().map(PathBuf::from).unwrap_or_default())
    }
}

impl From<ShownPath> for PathBuf {
    fn from(path: ShownPath) -> Self {
        path.0
    }
}

impl From<&Path> for ShownPath {
    fn from(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl fmt::Display for ShownPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string_lossy().chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// An amount of memory with the unit that suits it.
fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS.get(unit).unwrap_or(&"PiB"))
}

/// What to do about an image that does not fit, after "the image needs …".
fn thinner_text(stride: Option<usize>) -> String {
    let Some(n) = stride else {
        return "open a small part of it (--crop)".into();
    };
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("open a part of it (--crop), or every {n}{ending} voxel along each axis (--stride {n})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_numbers_in_words() {
        assert_eq!(size_text(1000), "1000 bytes");
        assert_eq!(size_text(3 << 29), "1.5 GiB");
        assert_eq!(size_text(u64::MAX), "16384.0 PiB");
        assert!(thinner_text(Some(2)).contains("every 2nd voxel along each axis"));
        assert!(thinner_text(Some(13)).contains("13th"));
        assert!(thinner_text(Some(23)).contains("23rd"));
    }
}
