//! DICOM series: files of slices, or of whole volumes, to images in the right place.
//!
//! [`series`] finds which files belong together, [`facts`] reads what they say,
//! [`stack`] and [`spread`] place their planes, [`pixels`] and [`codec`] decode them.
//! [`patient`] is the only part that reads who a scan is of, and only when asked.
//! Colour images, JPEG-LS, JPEG XL and video are refused with a word on what to do.

mod codec;
mod codestream;
mod element;
mod facts;
mod file;
mod patient;
mod pixels;
mod read;
mod run_length;
mod series;
mod spread;
mod stack;
mod text;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::IoError;
use super::probe::PROBE_BYTES;
use crate::base::CancelToken;

pub use patient::{ALLOWED_FIELDS, PatientFacts, acquisition_facts, patient_facts};
pub use read::{describe, read};
pub use series::{MOST_FILES, SeriesList, SeriesSummary, series_in, series_path};

/// Whether [`read()`] should open a path: a folder, one series of a folder, or a file
/// whose content is DICOM.
pub fn is_dicom(path: &Path) -> bool {
    let (place, choice) = series::split(path);
    if choice.is_some() || place.is_dir() {
        return true;
    }
    // Asked first, because opening a pipe would wait for someone to write to it.
    if !place.is_file() {
        return false;
    }
    let mut head = Vec::new();
    let read = File::open(&place).map(|file| file.take(PROBE_BYTES as u64).read_to_end(&mut head));
    if !matches!(read, Ok(Ok(_))) {
        return false;
    }
    // Two bytes alone, as of a file without a preamble, prove nothing.
    file::has_preamble(&head)
        || (file::may_be_dicom(&head) && file::with_header(&place, |_| Ok(())).is_ok())
}

/// The files of the series that a path means, sorted by name.
pub fn files_of(path: &Path, cancel: &CancelToken) -> Result<Vec<PathBuf>, IoError> {
    series::files(path, cancel)
}

/// BLAKE3 of the sorted hashes of the files of the series that a path means, as hex: the
/// same for the same files, whatever their names.
pub fn series_hash(path: &Path) -> Result<String, IoError> {
    let files = files_of(path, &CancelToken::new())?;
    let mut hashes = files
        .par_iter()
        .map(|file| {
            let failed = |source| IoError::reading(source, file);
            let mut hasher = blake3::Hasher::new();
            let opened = File::open(file).map_err(failed)?;
            hasher.update_reader(opened).map_err(failed)?;
            Ok(hasher.finalize().to_hex().to_string())
        })
        .collect::<Result<Vec<_>, IoError>>()?;
    hashes.sort();
    Ok(blake3::hash(hashes.join("\n").as_bytes())
        .to_hex()
        .to_string())
}
