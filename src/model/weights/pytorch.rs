//! PyTorch's containers: zip archives, pickle streams (before 1.6) and tar archives
//! (before 0.1.10).
//!
//! The pickles are interpreted by `pytorch-reader`, which builds tensors and plain
//! containers and nothing else: a call of any other function is skipped and never made.
//! What it does not limit is limited here first.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use burn::store::pytorch_reader::{DType, PytorchReader};

use super::checkpoint::{ElementType, Format, Source, StoredTensor};
use super::pickle_scan::{Budget, ScanError, scan};

/// The largest tar checkpoint that is read; its storages are held in memory.
const MAX_TAR_BYTES: u64 = 1 << 30;
/// Pickles before the storages of a pickle stream: magic number, version, system,
/// object, names of the storages.
const STREAM_PICKLES: usize = 5;

const TOO_LARGE: &str = "it describes more objects than any checkpoint has";

/// The container a file seems to be from its first bytes (257 + 5 are enough).
pub(super) fn container(head: &[u8]) -> Option<Format> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Some(Format::PytorchZip)
    } else if head.get(257..262) == Some(b"ustar") {
        Some(Format::PytorchTar)
    } else if head.first() == Some(&0x80) || head.starts_with(b"(") || head.starts_with(b"L") {
        Some(Format::PytorchStream)
    } else {
        None
    }
}

/// The tensors of a checkpoint by their dotted names; no value is read, except from tar
/// archives.
pub(super) fn open(path: &Path, format: Format) -> Result<BTreeMap<String, StoredTensor>, String> {
    check_size(path, format)?;
    let reader = PytorchReader::new(path).map_err(|e| first_line(&e.to_string()))?;
    Ok(reader
        .into_tensors()
        .into_iter()
        .map(|(key, tensor)| {
            let stored = StoredTensor {
                element: element_type(tensor.dtype()),
                shape: tensor.shape().to_vec(),
                source: Source::Pytorch(tensor),
            };
            (key, stored)
        })
        .collect())
}

/// An error if reading the pickles would take far more memory than a checkpoint's do.
fn check_size(path: &Path, format: Format) -> Result<(), String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let mut budget = Budget::default();
    match format {
        Format::PytorchZip => {
            let mut archive =
                zip::ZipArchive::new(BufReader::new(file)).map_err(|e| e.to_string())?;
            let names: Vec<usize> = (0..archive.len())
                .filter(|&index| {
                    archive
                        .name_for_index(index)
                        .and_then(Result::ok)
                        .is_some_and(|name| name.ends_with("data.pkl"))
                })
                .collect();
            for index in names {
                let entry = archive.by_index(index).map_err(|e| e.to_string())?;
                within(scan(&mut BufReader::new(entry), &mut budget))?;
            }
            Ok(())
        }
        Format::PytorchTar => check_tar(file, &mut budget),
        _ => {
            let mut reader = BufReader::new(file);
            for _ in 0..STREAM_PICKLES {
                match scan(&mut reader, &mut budget) {
                    Err(ScanError::Malformed) => break,
                    other => within(other)?,
                }
            }
            Ok(())
        }
    }
}

fn within(outcome: Result<(), ScanError>) -> Result<(), String> {
    match outcome {
        Err(ScanError::TooLarge) => Err(TOO_LARGE.to_owned()),
        // The reader names what is wrong with it.
        Ok(()) | Err(ScanError::Malformed) => Ok(()),
    }
}

/// Walks the headers of a tar archive: every entry must be a plain file that is all
/// there. A sparse entry could claim any size.
fn check_tar(mut file: File, budget: &mut Budget) -> Result<(), String> {
    const BLOCK: u64 = 512;
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    if length > MAX_TAR_BYTES {
        return Err(
            "it is a tar archive of more than 1 GiB; save it again with a newer PyTorch".into(),
        );
    }
    let mut at = 0;
    while at + BLOCK <= length {
        let mut header = [0; BLOCK as usize];
        file.seek(SeekFrom::Start(at)).map_err(|e| e.to_string())?;
        file.read_exact(&mut header).map_err(|e| e.to_string())?;
        if header.iter().all(|&b| b == 0) {
            return Ok(());
        }
        let size = header
            .get(124..136)
            .and_then(octal)
            .filter(|&size| at + BLOCK + size <= length)
            .ok_or("an entry of its tar archive is not all there")?;
        let kind = header.get(156).copied().unwrap_or_default();
        if !matches!(kind, 0 | b'0' | b'5' | b'x' | b'g' | b'L') {
            return Err("its tar archive has entries that are no plain files".into());
        }
        let name = header.get(..100).unwrap_or_default();
        let name = name.split(|&b| b == 0).next().unwrap_or_default();
        if kind != b'5' && (name.ends_with(b"pickle") || name.ends_with(b"sys_info")) {
            let mut content = Vec::new();
            (&mut file)
                .take(size)
                .read_to_end(&mut content)
                .map_err(|e| e.to_string())?;
            within(scan(&mut Cursor::new(content), budget))?;
        } else if kind == b'x' || kind == b'g' {
            let mut reader = BufReader::new(&mut file).take(size);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .map_err(|e| e.to_string())?
                > 0
            {
                if line.windows(4).any(|w| w == b"GNU.") || line.windows(6).any(|w| w == b" size=")
                {
                    return Err("its tar archive has entries that are no plain files".into());
                }
                line.clear();
            }
        }
        at += BLOCK + size.next_multiple_of(BLOCK);
    }
    Ok(())
}

/// A number of a tar header: octal digits between blanks.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

fn element_type(dtype: DType) -> ElementType {
    match dtype {
        DType::F16 => ElementType::F16,
        DType::BF16 => ElementType::Bf16,
        DType::F32 => ElementType::F32,
        DType::F64 => ElementType::F64,
        other => ElementType::Other(format!("{other:?}")),
    }
}

/// Reasons stand inside a sentence of one line.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
