//! Where the voxels behind a text header are: after it, or in files beside it.
//!
//! A header may name files in its own folder and below, never others: a scan from a
//! stranger must not read what lies elsewhere on the disk.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use std::vec::IntoIter;

use flate2::bufread::ZlibDecoder;

use super::IoError;
use super::ahead::{GZIP_MAGIC, Inflate};
use super::source::{FETCH_BYTES, MOST_INFLATION, open_file};
use super::text_header::bad_field;

/// More files than any image of one file a slice has.
const MOST_FILES: usize = 1 << 16;

/// What lies before the voxels of each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// Lines, then bytes. Lines are passed before data is inflated, bytes after.
    Front { lines: u64, bytes: u64 },
    /// Whatever there is: the voxels are the last bytes of the file.
    AllButVoxels,
}

/// How the voxels of each file are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packing {
    /// gzip or zlib data.
    pub compressed: bool,
    pub skip: Skip,
}

/// Where the voxels are.
pub(super) enum Data {
    /// Behind the header.
    Here {
        reader: Box<dyn Read>,
        /// The most bytes that can follow.
        room: u64,
        /// Whether the whole file is compressed, header and all.
        inflated: bool,
    },
    /// In files that follow each other, each with the same share.
    Files(Vec<PathBuf>),
}

/// Voxel bytes that are ready to be read.
pub(super) struct VoxelBytes {
    pub reader: Box<dyn Read>,
    /// The file to name when they lack.
    pub path: PathBuf,
    /// The files beside the header.
    pub files: Vec<PathBuf>,
    /// Size on disk of the files beside the header.
    pub file_bytes: u64,
}

impl Data {
    /// Stands at the first of `promised` voxel bytes, or fails where they cannot all
    /// be there. Of several files each one is looked at before the first is read.
    pub fn open(
        self,
        packing: Packing,
        promised: u64,
        header: &Path,
    ) -> Result<VoxelBytes, IoError> {
        match self {
            Self::Here {
                reader,
                room,
                inflated,
            } => {
                if inflated && packing.skip == Skip::AllButVoxels {
                    return Err(bad_field(
                        "skip",
                        "-1",
                        "which needs a file that is not compressed",
                        header,
                    ));
                }
                check_room(packing, promised, room, header)?;
                let reader = BufReader::with_capacity(FETCH_BYTES, reader);
                Ok(VoxelBytes {
                    reader: unpacked(reader, packing, room, promised)
                        .map_err(|source| IoError::reading(source, header))?,
                    path: header.to_owned(),
                    files: Vec::new(),
                    file_bytes: 0,
                })
            }
            Self::Files(paths) => open_files(paths, packing, promised, header),
        }
    }
}

fn open_files(
    paths: Vec<PathBuf>,
    packing: Packing,
    promised: u64,
    header: &Path,
) -> Result<VoxelBytes, IoError> {
    let count = paths.len() as u64;
    if count == 0 || !promised.is_multiple_of(count) {
        return Err(bad_field(
            "data file",
            &format!("a list of {count} files"),
            "among which the voxels cannot be shared evenly",
            header,
        ));
    }
    let share = promised / count;
    let mut file_bytes = 0_u64;
    for path in &paths {
        let (_, bytes) = open_file(path).map_err(|error| match error {
            IoError::Missing { path: data } => IoError::DataMissing {
                data,
                path: header.into(),
            },
            other => other,
        })?;
        check_room(packing, share, bytes, path)?;
        file_bytes = file_bytes.saturating_add(bytes);
    }
    let path = match paths.as_slice() {
        [only] => only.clone(),
        _ => header.to_owned(),
    };
    Ok(VoxelBytes {
        reader: Box::new(Shares {
            paths: paths.clone().into_iter(),
            packing,
            share,
            current: None,
        }),
        path,
        files: paths,
        file_bytes,
    })
}

/// A file that cannot hold what it promises is refused before memory is taken.
fn check_room(packing: Packing, promised: u64, room: u64, path: &Path) -> Result<(), IoError> {
    let room = if packing.compressed {
        room.saturating_mul(MOST_INFLATION)
    } else {
        room
    };
    let skipped = match packing.skip {
        Skip::Front { lines, bytes } => bytes.saturating_add(lines),
        Skip::AllButVoxels => 0,
    };
    let found = room.saturating_sub(skipped);
    if promised > found {
        return Err(IoError::Truncated {
            of: "of voxels",
            promised,
            found,
            path: path.into(),
        });
    }
    Ok(())
}

/// The bytes behind what is to be skipped, inflated where they are compressed.
fn unpacked(
    mut reader: impl BufRead + 'static,
    packing: Packing,
    room: u64,
    promised: u64,
) -> io::Result<Box<dyn Read>> {
    let (lines, bytes) = match packing.skip {
        Skip::Front { lines, bytes } => (lines, bytes),
        Skip::AllButVoxels => (0, room.saturating_sub(promised)),
    };
    for _ in 0..lines {
        if reader.skip_until(b'\n')? == 0 {
            break;
        }
    }
    let mut reader: Box<dyn Read> = if !packing.compressed {
        Box::new(reader)
    } else if reader.fill_buf()?.starts_with(&GZIP_MAGIC) {
        Box::new(Inflate::new(reader))
    } else {
        Box::new(ZlibDecoder::new(reader))
    };
    io::copy(&mut (&mut reader).take(bytes), &mut io::sink())?;
    Ok(reader)
}

/// The shares of several files, one after the other.
struct Shares {
    paths: IntoIter<PathBuf>,
    packing: Packing,
    /// Voxel bytes of each file.
    share: u64,
    current: Option<io::Take<Box<dyn Read>>>,
}

impl Shares {
    fn open_next(&mut self) -> io::Result<bool> {
        let Some(path) = self.paths.next() else {
            return Ok(false);
        };
        let (file, room) = open_file(&path).map_err(io::Error::other)?;
        let file = BufReader::with_capacity(FETCH_BYTES, file);
        let reader = unpacked(file, self.packing, room, self.share)?;
        // Only behind the last share is it of interest whether more follows.
        let last = self.paths.as_slice().is_empty();
        self.current = Some(reader.take(if last { u64::MAX } else { self.share }));
        Ok(true)
    }
}

impl Read for Shares {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(current) = &mut self.current {
                let count = current.read(buffer)?;
                // A file that ends early ends the image: its share must not be filled
                // with the next one's voxels.
                if count > 0 || buffer.is_empty() || current.limit() > 0 {
                    return Ok(count);
                }
            }
            if !self.open_next()? {
                return Ok(0);
            }
        }
    }
}

/// The data files that a header names: one by its name, or several by a pattern such
/// as `slice%03d.raw 1 25 1`.
pub(super) fn named_files(
    field: &'static str,
    value: &str,
    header: &Path,
) -> Result<Vec<PathBuf>, IoError> {
    let words: Vec<&str> = value.split_whitespace().collect();
    let numbers = |words: &[&str]| -> Option<Vec<i64>> {
        words.iter().map(|word| word.parse().ok()).collect()
    };
    let pattern = match words.as_slice() {
        [name, rest @ ..] if name.contains('%') && rest.len() >= 3 => {
            numbers(rest).map(|numbers| (*name, numbers))
        }
        _ => None,
    };
    let Some((pattern, numbers)) = pattern else {
        return Ok(vec![beside(field, value, header)?]);
    };
    let bad = |why| bad_field(field, value, why, header);
    let &[first, last, step, ..] = numbers.as_slice() else {
        return Err(bad("which is no pattern of file names"));
    };
    let steps = (i128::from(last) - i128::from(first))
        .checked_div(i128::from(step))
        .filter(|steps| (0..MOST_FILES as i128).contains(steps))
        .ok_or_else(|| bad("which is no sensible range of files"))?;
    (0..=steps)
        .map(|i| {
            let number = i128::from(first) + i * i128::from(step);
            let name = printed(pattern, number)
                .ok_or_else(|| bad("which is no pattern with one whole number (%03d)"))?;
            beside(field, &name, header)
        })
        .collect()
}

/// The data files of a list, one name each.
pub(super) fn listed_files(
    field: &'static str,
    names: &[String],
    header: &Path,
) -> Result<Vec<PathBuf>, IoError> {
    if names.len() > MOST_FILES {
        let count = format!("a list of {} files", names.len());
        return Err(bad_field(field, &count, "more than are read", header));
    }
    names
        .iter()
        .map(|name| beside(field, name, header))
        .collect()
}

/// A file in the header's folder or below it.
fn beside(field: &'static str, name: &str, header: &Path) -> Result<PathBuf, IoError> {
    // Headers written on Windows separate folders with backslashes.
    let name = name.trim().replace('\\', "/");
    let relative = Path::new(&name);
    let below = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let drive = name.get(1..2) == Some(":");
    if name.is_empty() || name.contains(char::is_control) || !below || drive {
        return Err(bad_field(
            field,
            &name,
            "and only files in the header's own folder or below are read",
            header,
        ));
    }
    Ok(header.parent().unwrap_or(Path::new("")).join(relative))
}

/// A name with its `%d`, `%03d` and the like replaced, as printf does.
fn printed(pattern: &str, number: i128) -> Option<String> {
    const MOST_DIGITS: usize = 32;
    let (before, rest) = pattern.split_once('%')?;
    let end = rest.find(['d', 'i', 'u'])?;
    let (width, after) = (rest.get(..end)?, rest.get(end + 1..)?);
    if after.contains('%') || !width.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let zeros = width.starts_with(['0', '.']);
    let width = width.trim_start_matches(['0', '.']);
    let width = if width.is_empty() {
        0
    } else {
        width.parse().ok().filter(|&w| w <= MOST_DIGITS)?
    };
    let number = if zeros {
        format!("{number:0width$}")
    } else {
        format!("{number:width$}")
    };
    Some(format!("{before}{number}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_beside_the_header_are_named() {
        let header = Path::new("/scans/a/head.mhd");
        for (name, path) in [
            ("v.raw", "/scans/a/v.raw"),
            ("./v.raw", "/scans/a/./v.raw"),
            ("sub\\two words.raw", "/scans/a/sub/two words.raw"),
        ] {
            let found = named_files("data file", name, header).unwrap();
            assert_eq!(found, [Path::new(path)]);
        }
        for name in [
            "../v.raw",
            "/etc/passwd",
            "sub/../../v.raw",
            "",
            "C:\\v.raw",
        ] {
            let message = named_files("data file", name, header).unwrap_err();
            assert!(message.to_string().contains("own folder or below"));
        }
    }

    #[test]
    fn patterns_count_as_printf_does() {
        let header = Path::new("head.nhdr");
        let names = |value| named_files("data file", value, header);
        let files = names("s%03d.raw 9 11 1").unwrap();
        assert_eq!(
            files,
            ["s009.raw", "s010.raw", "s011.raw"].map(PathBuf::from)
        );
        let files = names("s%d.raw 4 0 -2 2").unwrap();
        assert_eq!(files, ["s4.raw", "s2.raw", "s0.raw"].map(PathBuf::from));
        for bad in [
            "s%s.raw 1 2 1",
            "s%d.raw 1 2 0",
            "s%d%d.raw 1 2 1",
            "s%d.raw 1 9999999999 1",
            "s%99999d.raw 1 2 1",
            "s%d.raw -9223372036854775808 9223372036854775807 1",
        ] {
            assert!(names(bad).is_err(), "{bad}");
        }
    }
}
