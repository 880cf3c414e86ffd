//! Floor 1: images between files and memory.
//!
//! Opens NIfTI-1 and NIfTI-2 files (`.nii`, `.nii.gz`) by their content, writes
//! NIfTI-1, and reads and writes NumPy arrays. A file never makes the program
//! panic or take more memory than the file can fill: every failure is one
//! [`IoError`] in one line. What an image means to a network is in `model`.

pub mod atomic;
mod error;
pub mod nifti;
pub mod npy;
mod probe;

use std::fs::File;
use std::path::Path;

use crate::base::{CancelToken, Progress};
use crate::volume::Volume;

pub use error::{IoError, ShownPath};
pub use nifti::{AffineSource, GeometryWarning, HeaderSummary, NiftiVersion};

/// An image that was opened, and what its user should know about it.
#[derive(Debug, Clone)]
pub struct Opened {
    pub volume: Volume,
    /// Doubts about where the image lies in the body, in the order they were found.
    pub warnings: Vec<GeometryWarning>,
    pub summary: HeaderSummary,
}

/// Opens a scan as one 3D volume.
///
/// The format is found from the content, not from the name. Of an image with
/// several frames the first is taken, and a warning says so.
pub fn open_volume(
    path: &Path,
    progress: &mut dyn FnMut(Progress),
    cancel: &CancelToken,
) -> Result<Opened, IoError> {
    let mut frames = nifti::read(path, nifti::Frames::First, progress, cancel)?;
    // `read` returns at least one frame; an image without frames is a bad field there.
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
    nifti::read(path, nifti::Frames::All, progress, cancel)
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
