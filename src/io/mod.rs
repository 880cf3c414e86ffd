//! Floor 1: images between files and memory.
//!
//! Opens NIfTI-1 and NIfTI-2 files (`.nii`, `.nii.gz`) by their content, writes
//! NIfTI-1, and reads and writes NumPy arrays. A file never makes the program
//! panic or take more memory than the file can fill: every failure is one
//! [`IoError`] in one line. What an image means to a network is in `model`.

pub mod atomic;
mod error;
mod geometry;
mod image;
pub mod nifti;
pub mod npy;
mod probe;
mod source;

use std::fs::File;
use std::path::Path;

use crate::base::{CancelToken, Progress};

pub use error::{IoError, ShownPath};
pub use geometry::{GeometryWarning, PlacedBy};
pub use image::{EarlySlice, Format, Frames, ImageSummary, Opened, Reading, Request};

/// Opens an image as one volume a frame asked for. The format is found from the
/// content, not from the name. The list is never empty.
pub fn open(
    path: &Path,
    request: &Request,
    reading: &mut Reading<'_>,
) -> Result<Vec<Opened>, IoError> {
    nifti::read(path, request, reading)
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
pub fn file_hash(path: &Path) -> Result<String, IoError> {
    let failed = |source| IoError::reading(source, path);
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_reader(File::open(path).map_err(failed)?)
        .map_err(failed)?;
    Ok(hasher.finalize().to_hex().to_string())
}
