//! The safetensors container: a JSON header that says where each tensor's bytes are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use serde::Deserialize;

use super::checkpoint::{ElementType, Source, StoredTensor};

/// The largest header the format allows, in bytes.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The header's key that holds remarks instead of a tensor.
const METADATA: &str = "__metadata__";

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// Whether a file begins as a safetensors file does: the length of the header, then
/// the brace that opens it.
pub(super) fn begins(head: &[u8]) -> bool {
    header_bytes(head).is_some_and(|length| length <= MAX_HEADER_BYTES)
        && head.get(8) == Some(&b'{')
}

fn header_bytes(head: &[u8]) -> Option<u64> {
    head.first_chunk::<8>().copied().map(u64::from_le_bytes)
}

/// The tensors of a file by name; no value is read.
pub(super) fn open(file: &mut File) -> Result<BTreeMap<String, StoredTensor>, String> {
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    let mut head = [0; 8];
    file.seek(SeekFrom::Start(0)).map_err(|e| e.to_string())?;
    file.read_exact(&mut head).map_err(|e| e.to_string())?;
    let header_bytes = u64::from_le_bytes(head);
    let data_start = 8_u64
        .checked_add(header_bytes)
        .filter(|&start| header_bytes <= MAX_HEADER_BYTES && start <= length)
        .ok_or("its header is longer than the file")?;
    let mut header = Vec::new();
    file.take(header_bytes)
        .read_to_end(&mut header)
        .map_err(|e| e.to_string())?;
    let header: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|e| format!("its header is damaged: {e}"))?;
    let mut tensors = BTreeMap::new();
    for (key, value) in header {
        if key == METADATA {
            continue;
        }
        let entry: Entry = serde_json::from_value(value)
            .map_err(|e| format!("the header's entry of {key:?} is damaged: {e}"))?;
        let element = element_type(&entry.dtype);
        let [start, end] = entry.data_offsets;
        let bytes = entry
            .shape
            .iter()
            .try_fold(element.size_bytes() as u64, |n, &d| n.checked_mul(d as u64));
        let inside = start <= end && data_start.checked_add(end).is_some_and(|end| end <= length);
        let known = !matches!(element, ElementType::Other(_));
        if !inside || (known && bytes != Some(end - start)) {
            return Err(format!(
                "{key:?} with shape {:?} does not fit its {start} to {end} of {} bytes",
                entry.shape,
                length - data_start
            ));
        }
        let source = Source::Range {
            start: data_start + start,
            bytes: end - start,
        };
        tensors.insert(
            key,
            StoredTensor {
                element,
                shape: entry.shape,
                source,
            },
        );
    }
    Ok(tensors)
}

fn element_type(name: &str) -> ElementType {
    match name {
        "F16" => ElementType::F16,
        "BF16" => ElementType::Bf16,
        "F32" => ElementType::F32,
        "F64" => ElementType::F64,
        other => ElementType::Other(other.to_owned()),
    }
}
