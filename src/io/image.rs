//! What every reader gives: images, and what their headers said.

use std::path::Path;

use super::{GeometryWarning, PlacedBy};
use crate::base::{CancelToken, Progress};
use crate::volume::{Volume, VoxelType, Voxels};

/// The kinds of file that can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Nifti1,
    Nifti2,
    Dicom,
    Nrrd,
    MetaImage,
    Numpy,
}

impl Format {
    pub fn label(self) -> &'static str {
        match self {
            Self::Nifti1 => "NIfTI-1",
            Self::Nifti2 => "NIfTI-2",
            Self::Dicom => "DICOM",
            Self::Nrrd => "NRRD",
            Self::MetaImage => "MetaImage",
            Self::Numpy => "NumPy",
        }
    }
}

/// Which frames (time points, or components of a voxel) of an image with more than
/// three dimensions to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Frames {
    /// The first, with a warning where there are more.
    #[default]
    First,
    /// One by its number, from 0.
    One(usize),
    /// All, each a volume of its own.
    All,
}

/// What to read of a file.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Request {
    pub frames: Frames,
}

/// A slice that is there before the rest of its image.
#[derive(Debug, Clone)]
pub struct EarlySlice {
    /// Dimensions of the image it belongs to.
    pub dims: [usize; 3],
    /// Its number along the third voxel axis.
    pub index: usize,
    /// Its stored voxels, x fastest.
    pub voxels: Voxels,
    pub value_scale: (f64, f64),
}

/// Those who wait for an image while it is read.
pub struct Reading<'a> {
    pub progress: &'a mut dyn FnMut(Progress),
    /// Called with the first whole slice, then with others as they come, as far as
    /// the reader can tell slices early.
    pub slice: &'a mut dyn FnMut(EarlySlice),
    pub cancel: &'a CancelToken,
}

/// An image that was opened, and what its user should know about it.
#[derive(Debug, Clone)]
pub struct Opened {
    pub volume: Volume,
    /// Doubts about where the image lies in the body, in the order they were found.
    pub warnings: Vec<GeometryWarning>,
    pub summary: ImageSummary,
}

/// What the header said, for the program's geometry card and `info`.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSummary {
    pub format: Format,
    pub compressed: bool,
    pub big_endian: bool,
    pub voxel_type: VoxelType,
    pub dims: [usize; 3],
    /// Frames in the file, of which this volume is one.
    pub frames: usize,
    /// Position of this volume among them, from 0.
    pub frame: usize,
    pub spacing_mm: [f64; 3],
    /// Three letters such as `RAS`.
    pub orientation: String,
    pub placed_by: PlacedBy,
    pub slope: f64,
    pub intercept: f64,
    /// Size on disk of all files that the image was read from.
    pub file_bytes: u64,
    /// The header's free text, one line, often empty. Never a patient's name.
    pub description: String,
}

/// The file's name without folders and without the endings of image files.
pub(super) fn display_name(path: &Path) -> String {
    const ENDINGS: [&str; 12] = [
        ".nii.gz", ".nii", ".hdr.gz", ".img.gz", ".hdr", ".img", ".nhdr", ".nrrd", ".mhd", ".mha",
        ".npy", ".gz",
    ];
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let end = ENDINGS.iter().find(|end| lower.ends_with(*end));
    match end.and_then(|end| name.get(..name.len() - end.len())) {
        Some(stem) if !stem.is_empty() => stem.to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_folders_and_extension() {
        assert_eq!(display_name(Path::new("/a/b/T1.nii.gz")), "T1");
        assert_eq!(display_name(Path::new("sub-01.v2.NII")), "sub-01.v2");
        assert_eq!(display_name(Path::new("brain.nhdr")), "brain");
        assert_eq!(display_name(Path::new(".nii")), ".nii");
    }
}
