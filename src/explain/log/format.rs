//! A log as bytes: header, records and their checksums.

use std::io::Write;

use super::{CoalitionLog, LogHeader, check_record};
use crate::explain::outcome::{ClassSums, Outcome, PartSums};
use crate::explain::{Coalition, ExplainError};

pub(super) const SIGNATURE: &[u8; 8] = b"VOXLOG\r\n";
pub(super) const VERSION: u32 = 2;
pub(super) const HEADER_CHECK_LEN: usize = 16;
pub(super) const RECORD_CHECK_LEN: usize = 8;
/// A header is a page of settings; more than this is not one.
pub(super) const MAX_HEADER_LEN: usize = 16 << 20;

/// Writes a log record by record.
#[derive(Debug)]
pub struct LogWriter<W: Write> {
    output: W,
    header: LogHeader,
    written: usize,
}

impl<W: Write> LogWriter<W> {
    /// Writes the header of a log, and none of its records.
    pub fn start(mut output: W, log: &CoalitionLog) -> Result<Self, ExplainError> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        let header_len = u32::try_from(log.header_json.len())
            .ok()
            .filter(|&len| len as usize <= MAX_HEADER_LEN)
            .ok_or_else(|| ExplainError::LogHeader("it is too long".to_owned()))?;
        bytes.extend(header_len.to_le_bytes());
        bytes.extend(&log.header_json);
        bytes.extend(checksum::<HEADER_CHECK_LEN>(&[&bytes]));
        output.write_all(&bytes)?;
        Ok(Self {
            output,
            header: log.header.clone(),
            written: 0,
        })
    }

    /// Continues after the records of `log`. The output stands at
    /// [`CoalitionLog::byte_len`], where the last whole record ends.
    pub fn resume(output: W, log: &CoalitionLog) -> Self {
        Self {
            output,
            header: log.header.clone(),
            written: log.records.len(),
        }
    }

    /// Writes one record with a single call to the output.
    pub fn append(&mut self, coalition: &Coalition, outcome: &Outcome) -> Result<(), ExplainError> {
        check_record(&self.header, coalition, outcome)?;
        let mut bytes = coalition.to_bytes();
        for sums in &outcome.classes {
            bytes.extend(sums.to_array().iter().flat_map(|sum| sum.to_le_bytes()));
        }
        for sums in &outcome.components {
            bytes.extend(sums.to_array().iter().flat_map(|sum| sum.to_le_bytes()));
        }
        for sums in &outcome.places {
            bytes.extend(sums.iter().flat_map(|sum| sum.to_le_bytes()));
        }
        bytes.extend(record_checksum(self.written, &bytes));
        self.output.write_all(&bytes)?;
        self.written += 1;
        Ok(())
    }

    pub fn flush(&mut self) -> Result<(), ExplainError> {
        Ok(self.output.flush()?)
    }
}

/// The header, its bytes, and where the records start.
pub(super) fn parse_header(bytes: &[u8]) -> Result<(LogHeader, Vec<u8>, usize), ExplainError> {
    let rest = bytes.strip_prefix(SIGNATURE).ok_or(ExplainError::NotALog)?;
    let cut = || ExplainError::LogHeader("the file ends inside it".to_owned());
    let (version, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(ExplainError::LogVersion(version, VERSION));
    }
    let (header_len, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let header_len = u32::from_le_bytes(*header_len) as usize;
    if header_len > MAX_HEADER_LEN {
        return Err(ExplainError::LogHeader(
            "its length is not plausible".to_owned(),
        ));
    }
    let (json, rest) = rest.split_at_checked(header_len).ok_or_else(cut)?;
    let (check, rest) = rest
        .split_first_chunk::<HEADER_CHECK_LEN>()
        .ok_or_else(cut)?;
    let covered = bytes
        .get(..SIGNATURE.len() + 8 + header_len)
        .ok_or_else(cut)?;
    if checksum::<HEADER_CHECK_LEN>(&[covered]) != *check {
        return Err(ExplainError::LogHeader(
            "its checksum does not match".to_owned(),
        ));
    }
    let header: LogHeader =
        serde_json::from_slice(json).map_err(|error| ExplainError::LogHeader(error.to_string()))?;
    header.check()?;
    Ok((header, json.to_vec(), bytes.len() - rest.len()))
}

/// A record of the right length, if its checksum and its coalition hold.
pub(super) fn parse_record(
    header: &LogHeader,
    index: usize,
    bytes: &[u8],
) -> Option<(Coalition, Outcome)> {
    let (body, check) = bytes.split_last_chunk::<RECORD_CHECK_LEN>()?;
    if record_checksum(index, body) != *check {
        return None;
    }
    let (words, sums) = body.split_at_checked(8 * header.players.div_ceil(64))?;
    let coalition = Coalition::from_bytes(header.players, words)?;
    let (classes, rest) = sums.split_at_checked(8 * ClassSums::LEN * header.classes.len())?;
    let (components, places) =
        rest.split_at_checked(8 * PartSums::LEN * header.sizes.components.len())?;
    let outcome = Outcome {
        classes: groups(classes, f64::from_le_bytes)
            .map(ClassSums::from_array)
            .collect(),
        components: groups(components, f64::from_le_bytes)
            .map(PartSums::from_array)
            .collect(),
        places: groups(places, f32::from_le_bytes).collect(),
    };
    Some((coalition, outcome))
}

/// Numbers of `SIZE` bytes in groups of N.
fn groups<T, const SIZE: usize, const N: usize>(
    bytes: &[u8],
    number: fn([u8; SIZE]) -> T,
) -> impl Iterator<Item = [T; N]> {
    let (numbers, _) = bytes.as_chunks::<SIZE>();
    let (groups, _) = numbers.as_chunks::<N>();
    groups.iter().map(move |group| group.map(number))
}

fn record_checksum(index: usize, body: &[u8]) -> [u8; RECORD_CHECK_LEN] {
    checksum(&[&(index as u64).to_le_bytes(), body])
}

/// The first N bytes of the blake3 of the parts in sequence.
fn checksum<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut first = [0; N];
    hasher.finalize_xof().fill(&mut first);
    first
}
