//! Floor 1: images between files and memory.
//!
//! Opens NIfTI, ANALYZE 7.5, NRRD, MetaImage and NumPy files and DICOM series by their
//! content, and writes NIfTI-1 and NumPy arrays. A file never makes the program panic or take more
//! memory than the file can fill: every failure is one [`IoError`] in one line. What an
//! image means to a network is in `model`.

mod ahead;
pub mod atomic;
mod cut;
mod detached;
pub mod dicom;
mod early;
mod error;
mod geometry;
mod image;
mod layout;
pub mod metaimage;
pub mod nifti;
pub mod npy;
pub mod nrrd;
mod parallel_gzip;
mod plain;
mod probe;
mod raster;
mod source;
mod text_header;

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::base::{CancelToken, Progress};
use raster::Raster;
use source::{Source, read_head};

pub use error::{IoError, ShownPath};
pub use geometry::{GeometryWarning, PlacedBy};
pub use image::{
    Described, EarlySlice, Format, Frames, ImageSummary, LabelNames, Opened, Reading, Request,
};

/// Opens an image as one volume a frame asked for. The format is found from the
/// content, not from the name. The list is never empty.
pub fn open(
    path: &Path,
    request: &Request,
    reading: &mut Reading<'_>,
) -> Result<Vec<Opened>, IoError> {
    if dicom::is_dicom(path) {
        return dicom::read(path, request, reading);
    }
    let frames = match raster(path)? {
        Some(raster) => raster.load(path, request, reading)?,
        None => nifti::read(path, request, reading)?,
    };
    frames
        .into_iter()
        .map(|opened| cut::cut_in_memory(opened, request, path))
        .collect()
}

/// What an image is and what it would take to open it, from its header alone.
pub fn describe(path: &Path) -> Result<Described, IoError> {
    if dicom::is_dicom(path) {
        return dicom::describe(path);
    }
    match raster(path)? {
        Some(raster) => Ok(raster.describe()),
        None => nifti::describe(path),
    }
}

/// An image of a format that is a header and plain numbers; `None` for other files.
fn raster(path: &Path) -> Result<Option<Raster>, IoError> {
    let mut source = Source::open(path)?;
    let head = read_head(&mut source.reader, path)?;
    match probe::format_of(&head) {
        Some(Format::Nrrd) => nrrd::open(path).map(Some),
        Some(Format::MetaImage) => metaimage::open(path).map(Some),
        Some(Format::Numpy) => npy::open(path).map(Some),
        _ => Ok(None),
    }
}

/// All files that an image is in, the named one first.
pub fn files_of(path: &Path) -> Vec<PathBuf> {
    match raster(path) {
        Ok(Some(raster)) => raster.files,
        _ => nifti::files_of(path),
    }
}

/// Opens a scan as one 3D volume. Of an image with several frames the first is taken,
/// and a warning says so.
pub fn open_volume(
    path: &Path,
    progress: &mut dyn FnMut(Progress),
    cancel: &CancelToken,
) -> Result<Opened, IoError> {
    let request = Request::default();
    let mut frames = open(path, &request, &mut silent(progress, cancel, &mut |_| {}))?;
    // `open` returns at least one frame; an image without frames is a bad field there.
    frames
        .pop()
        .ok_or_else(|| IoError::Empty { path: path.into() })
}

/// Opens a scan as one volume a frame: the channels of a 4D image in their order.
pub fn open_channels(
    path: &Path,
    progress: &mut dyn FnMut(Progress),
    cancel: &CancelToken,
) -> Result<Vec<Opened>, IoError> {
    let request = Request {
        frames: Frames::All,
        ..Request::default()
    };
    open(path, &request, &mut silent(progress, cancel, &mut |_| {}))
}

/// Reading that shows no slice early.
fn silent<'a>(
    progress: &'a mut dyn FnMut(Progress),
    cancel: &'a CancelToken,
    slice: &'a mut dyn FnMut(EarlySlice),
) -> Reading<'a> {
    Reading {
        progress,
        slice,
        cancel,
    }
}

/// BLAKE3 of a file's bytes, as hex: the same for the same content, whatever its name.
/// Of an image in several files, of the header's and then of the others' in order; of a
/// DICOM series, of the sorted hashes of its files.
pub fn file_hash(path: &Path) -> Result<String, IoError> {
    if dicom::is_dicom(path) {
        return dicom::series_hash(path);
    }
    let files = files_of(path);
    let mut hasher = blake3::Hasher::new();
    for path in &files {
        let failed = |source| IoError::reading(source, path);
        hasher
            .update_reader(File::open(path).map_err(failed)?)
            .map_err(failed)?;
    }
    Ok(hasher.finalize().to_hex().to_string())
}
