//! What can go wrong between a file and an image, each in one line.

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};

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
        "this is {looks_like}; this version opens NIfTI (.nii, .nii.gz), so convert it first: {path}"
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
    #[error("there is no frame {frame} (from 0) among its {frames}; choose another: {path}")]
    NoSuchFrame {
        frame: usize,
        frames: usize,
        path: ShownPath,
    },
    #[error("{source}: {path}")]
    Grid { source: GridError, path: ShownPath },
    #[error(
        "the image needs {bytes} bytes of memory, more than there is; \
         crop or downsample it first: {path}"
    )]
    OutOfMemory { bytes: u64, path: ShownPath },
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
    pub(crate) fn reading(source: io::Error, path: &Path) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::NotAllowed { path },
            io::ErrorKind::IsADirectory => Self::NotAFile { path },
            _ => Self::Read { source, path },
        }
    }
}

/// A path in a message: on one line, whatever the file is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPath(PathBuf);

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
