//! Which series a folder holds, and which of them a path means.
//!
//! A path is a folder, a folder with a choice (`FOLDER#2`: the second series of the
//! list; `FOLDER#UID`: the one of that UID), or any one file of a series.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::super::IoError;
use super::facts::{self, FileFacts};
use super::file::{NotRead, with_header};
use super::stack::stack;
use crate::base::CancelToken;

/// A folder with more files is refused, because part of a series would mislead.
pub const MOST_FILES: usize = 20_000;
/// Folders inside folders that are looked at; media for patients need five.
const DEEPEST: usize = 6;

/// A series, for a list to choose from. Nothing in it says who the patient is, but
/// for what someone may have typed into the description.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSummary {
    /// Series Instance UID; empty in some files.
    pub uid: String,
    /// The scanner's number of the series.
    pub number: Option<i64>,
    pub description: String,
    /// `CT`, `MR`, `PT` and the like.
    pub modality: String,
    pub protocol: String,
    /// Series with the same one lie in the same space.
    pub frame_of_reference_uid: String,
    pub files: usize,
    /// Columns, rows, slices of the volume that opening gives.
    pub dims: [usize; 3],
    /// Volumes at one place, such as points in time.
    pub frames: usize,
    /// `None` if the images make no volume; opening says why.
    pub spacing_mm: Option<[f64; 3]>,
}

impl SeriesSummary {
    /// One line such as `CT 512 × 512 × 20, 0.977 × 0.977 × 3.000 mm, Body 3.0`.
    pub fn label(&self) -> String {
        let [x, y, z] = self.dims;
        let modality = if self.modality.is_empty() {
            "images"
        } else {
            &self.modality
        };
        let mut label = format!("{modality} {x} × {y} × {z}");
        if self.frames > 1 {
            label += &format!(" × {} frames", self.frames);
        }
        if let Some([x, y, z]) = self.spacing_mm {
            label += &format!(", {x:.3} × {y:.3} × {z:.3} mm");
        }
        if !self.description.is_empty() {
            label += &format!(", {}", self.description);
        }
        label
    }
}

/// What a folder holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesList {
    /// By series number, then by UID. Its order is what `FOLDER#2` counts in.
    pub series: Vec<SeriesSummary>,
    /// Files that are no DICOM images.
    pub other_files: usize,
    /// DICOM images that cannot be read.
    pub unreadable_files: usize,
}

/// The series of a folder, or the one that a file belongs to. Only headers are read.
///
/// Errors: no images, too many files, a file that cannot be read.
pub fn series_in(path: &Path, cancel: &CancelToken) -> Result<SeriesList, IoError> {
    let found = find(path, cancel)?;
    let series = found.series.iter().map(|files| summary(files, path));
    Ok(SeriesList {
        series: series.collect(),
        other_files: found.other_files,
        unreadable_files: found.failed.len(),
    })
}

/// The path that means one series of a folder: the `number`th of its list, from 1.
pub fn series_path(folder: &Path, number: usize) -> PathBuf {
    let mut path = folder.as_os_str().to_owned();
    path.push(format!("#{number}"));
    path.into()
}

/// A folder or file, and the series that was chosen in it.
pub(super) fn split(path: &Path) -> (PathBuf, Option<String>) {
    if !path.exists()
        && let Some((folder, choice)) = path.to_str().and_then(|text| text.rsplit_once('#'))
        && !choice.is_empty()
        && Path::new(folder).is_dir()
    {
        return (folder.into(), Some(choice.to_owned()));
    }
    (path.to_owned(), None)
}

/// Series by series the images that were found.
pub(super) struct Found {
    pub series: Vec<Vec<FileFacts>>,
    pub other_files: usize,
    pub failed: Vec<IoError>,
}

/// The images of the one series that a path means, and how many files beside them
/// could not be read.
pub(super) fn choose(
    path: &Path,
    cancel: &CancelToken,
) -> Result<(Vec<FileFacts>, usize), IoError> {
    let mut found = find(path, cancel)?;
    let (folder, choice) = split(path);
    let count = found.series.len();
    let index = match choice {
        None if count == 1 => 0,
        None => {
            let list = found.series.iter().map(|files| summary(files, path));
            return Err(IoError::SeveralSeries {
                series: list.collect(),
                path: folder.as_path().into(),
            });
        }
        Some(choice) => {
            let by_uid = found
                .series
                .iter()
                .position(|files| files.first().is_some_and(|file| file.series.uid == choice));
            let by_number = choice
                .parse()
                .ok()
                .and_then(|number: usize| number.checked_sub(1));
            let index = by_uid.or(by_number).filter(|&index| index < count);
            index.ok_or_else(|| IoError::NoSuchSeries {
                wanted: super::text::one_line(&choice),
                count,
                path: folder.as_path().into(),
            })?
        }
    };
    Ok((found.series.swap_remove(index), found.failed.len()))
}

fn find(path: &Path, cancel: &CancelToken) -> Result<Found, IoError> {
    let (place, _) = split(path);
    let metadata = fs::metadata(&place).map_err(|source| IoError::reading(source, path))?;
    let found = if metadata.is_dir() {
        in_folder(&place, cancel)?
    } else if is_index(&place) {
        in_folder(place.parent().unwrap_or(Path::new(".")), cancel)?
    } else {
        beside(&place, cancel)?
    };
    if found.series.is_empty() {
        let first = found.failed.into_iter().next();
        return Err(first.unwrap_or_else(|| IoError::NoImages {
            path: place.as_path().into(),
        }));
    }
    Ok(found)
}

/// The list of a medium's files, which holds no images itself.
fn is_index(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.eq_ignore_ascii_case("DICOMDIR"))
}

fn in_folder(folder: &Path, cancel: &CancelToken) -> Result<Found, IoError> {
    let mut files = Vec::new();
    list_files(folder, DEEPEST, &mut files, cancel).map_err(|error| {
        error.unwrap_or_else(|| IoError::TooManyFiles {
            most: MOST_FILES,
            path: folder.into(),
        })
    })?;
    files.sort();
    read_all(&files, cancel)
}

/// Files below a folder. Linked folders are not followed, so that there are no loops.
/// An error of `None`: there are too many.
fn list_files(
    folder: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
    cancel: &CancelToken,
) -> Result<(), Option<IoError>> {
    let failed = |source| IoError::reading(source, folder);
    for entry in fs::read_dir(folder).map_err(failed)? {
        cancel.check().map_err(IoError::from)?;
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            if depth > 0 {
                list_files(&path, depth - 1, files, cancel)?;
            }
        } else if !is_index(&path) {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(None);
        }
    }
    Ok(())
}

/// The series of one file, with the files of its folder.
fn beside(file: &Path, cancel: &CancelToken) -> Result<Found, IoError> {
    let first = match with_header(file, |header| facts::read(header, file)) {
        Ok(Some(facts)) => facts,
        Ok(None) | Err(NotRead::NotDicom) => return Err(IoError::NoImages { path: file.into() }),
        Err(NotRead::Failed(error)) => return Err(error),
    };
    let folder = match file.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("."),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| IoError::reading(source, folder))? {
        let path = entry
            .map_err(|source| IoError::reading(source, folder))?
            .path();
        if path.file_name() != file.file_name() && path.is_file() && !is_index(&path) {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(IoError::TooManyFiles {
                most: MOST_FILES,
                path: folder.into(),
            });
        }
    }
    files.push(file.to_owned());
    files.sort();
    let key = key(&first);
    let mut found = read_all(&files, cancel)?;
    found
        .series
        .retain(|files| files.first().is_some_and(|file| self::key(file) == key));
    Ok(found)
}

fn read_all(files: &[PathBuf], cancel: &CancelToken) -> Result<Found, IoError> {
    let read: Vec<Result<Option<FileFacts>, NotRead>> = files
        .par_iter()
        .map(|path| {
            cancel
                .check()
                .map_err(|stop| NotRead::Failed(stop.into()))?;
            with_header(path, |header| facts::read(header, path))
        })
        .collect();
    let mut found = Found {
        series: Vec::new(),
        other_files: 0,
        failed: Vec::new(),
    };
    for file in read {
        match file {
            Ok(Some(facts)) => {
                let fitting = found
                    .series
                    .iter_mut()
                    .find(|files| files.first().is_some_and(|first| key(first) == key(&facts)));
                match fitting {
                    Some(files) => files.push(facts),
                    None => found.series.push(vec![facts]),
                }
            }
            Ok(None) | Err(NotRead::NotDicom) => found.other_files += 1,
            Err(NotRead::Failed(error @ IoError::Cancelled(_))) => return Err(error),
            // Links that lead nowhere, pipes.
            Err(NotRead::Failed(IoError::NotAFile { .. } | IoError::Missing { .. })) => {
                found.other_files += 1;
            }
            Err(NotRead::Failed(error)) => found.failed.push(error),
        }
    }
    found.series.sort_by(|a, b| order(a).cmp(&order(b)));
    Ok(found)
}

/// What the files of a series agree in: the UID, or where that was removed the rest.
fn key(file: &FileFacts) -> Key<'_> {
    let series = &file.series;
    if !series.uid.is_empty() {
        return Key::Uid(&series.uid);
    }
    Key::Rest(&series.description, &series.modality, series.number)
}

#[derive(PartialEq)]
enum Key<'a> {
    Uid(&'a str),
    Rest(&'a str, &'a str, Option<i64>),
}

fn order(files: &[FileFacts]) -> Option<(i64, &str, &str)> {
    let series = &files.first()?.series;
    Some((
        series.number.unwrap_or(i64::MAX),
        &series.uid,
        &series.description,
    ))
}

fn summary(files: &[FileFacts], path: &Path) -> SeriesSummary {
    let stack = stack(files, path).ok();
    let first = files.first();
    let series = first.map(|file| file.series.clone());
    let dims = first.map_or([0; 3], |file| {
        let images = files.iter().map(|file| file.frames.len()).sum();
        [
            usize::from(file.format.columns),
            usize::from(file.format.rows),
            images,
        ]
    });
    let text =
        |field: fn(facts::SeriesFacts) -> String| series.clone().map(field).unwrap_or_default();
    SeriesSummary {
        uid: text(|series| series.uid),
        number: series.as_ref().and_then(|series| series.number),
        description: text(|series| series.description),
        modality: text(|series| series.modality),
        protocol: text(|series| series.protocol),
        frame_of_reference_uid: text(|series| series.frame_of_reference_uid),
        files: files.len(),
        dims: stack.as_ref().map_or(dims, |stack| stack.grid.dims()),
        frames: stack.as_ref().map_or(1, |stack| stack.frames.len()),
        spacing_mm: stack.map(|stack| stack.grid.spacing_mm()),
    }
}

/// All files of the series a path means, sorted by name.
pub(super) fn files(path: &Path, cancel: &CancelToken) -> Result<Vec<PathBuf>, IoError> {
    let (files, _) = choose(path, cancel)?;
    Ok(files.into_iter().map(|file| file.path).collect())
}
