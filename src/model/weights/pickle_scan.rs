//! How large a pickle is, before it is read.
//!
//! A pickle builds one object an instruction, and an object takes many times the byte
//! that asks for it. The scan walks the instructions without building anything, so a
//! file that would fill the memory is refused first. What the instructions mean is for
//! the reader; nothing is executed in either.

use std::io::{BufRead, Read};

/// Instructions that all pickles of a file may have together. A checkpoint with its
/// optimizer has about a hundred thousand.
const MAX_INSTRUCTIONS: u64 = 3_000_000;
/// Bytes that all pickles of a file may have together.
const MAX_BYTES: u64 = 64 << 20;

/// What is left of the limits.
#[derive(Debug)]
pub(super) struct Budget {
    instructions: u64,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            instructions: MAX_INSTRUCTIONS,
            bytes: MAX_BYTES,
        }
    }
}

/// Why a scan ended before the end of the pickle.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ScanError {
    /// The pickle is larger than a checkpoint's ever is.
    TooLarge,
    /// The file ends or has no such instruction; the reader says it in its own words.
    Malformed,
}

/// What follows an instruction's byte.
enum Argument {
    Bytes(u64),
    Lines(usize),
    /// As many bytes as a little-endian number of this width says.
    Counted(usize),
}

/// Walks one pickle to its end and leaves the reader behind it.
pub(super) fn scan(reader: &mut impl BufRead, budget: &mut Budget) -> Result<(), ScanError> {
    loop {
        let [code] = take(reader, budget)?;
        budget.instructions = budget
            .instructions
            .checked_sub(1)
            .ok_or(ScanError::TooLarge)?;
        match argument(code).ok_or(ScanError::Malformed)? {
            Argument::Bytes(count) => skip(reader, count, budget)?,
            Argument::Lines(lines) => {
                for _ in 0..lines {
                    skip_line(reader, budget)?;
                }
            }
            Argument::Counted(width) => {
                let mut count = 0_u64;
                for place in 0..width {
                    let [byte] = take(reader, budget)?;
                    count |= u64::from(byte) << (8 * place);
                }
                skip(reader, count, budget)?;
            }
        }
        if code == b'.' {
            return Ok(());
        }
    }
}

fn argument(code: u8) -> Option<Argument> {
    Some(match code {
        b'(' | b'.' | b'0' | b'1' | b'2' | b'N' | b'R' | b'b' | b'd' | b'l' | b't' | b's'
        | b'a' | b')' | b']' | b'}' | b'e' | b'u' | b'Q' | b'o' => Argument::Bytes(0),
        0x81 | 0x85..=0x89 | 0x8f..=0x94 | 0x97 | 0x98 => Argument::Bytes(0),
        b'K' | b'h' | b'q' | 0x80 | 0x82 => Argument::Bytes(1),
        b'M' | 0x83 => Argument::Bytes(2),
        b'J' | b'j' | b'r' | 0x84 => Argument::Bytes(4),
        b'G' | 0x95 => Argument::Bytes(8),
        b'I' | b'F' | b'L' | b'S' | b'V' | b'g' | b'p' | b'P' => Argument::Lines(1),
        b'c' | b'i' => Argument::Lines(2),
        b'U' | b'C' | 0x8a | 0x8c => Argument::Counted(1),
        b'T' | b'B' | b'X' | 0x8b => Argument::Counted(4),
        0x8d | 0x8e | 0x96 => Argument::Counted(8),
        _ => return None,
    })
}

fn spend(budget: &mut Budget, bytes: u64) -> Result<(), ScanError> {
    budget.bytes = budget.bytes.checked_sub(bytes).ok_or(ScanError::TooLarge)?;
    Ok(())
}

fn take<const N: usize>(
    reader: &mut impl BufRead,
    budget: &mut Budget,
) -> Result<[u8; N], ScanError> {
    spend(budget, N as u64)?;
    let mut bytes = [0; N];
    reader
        .read_exact(&mut bytes)
        .map_err(|_| ScanError::Malformed)?;
    Ok(bytes)
}

fn skip(reader: &mut impl BufRead, count: u64, budget: &mut Budget) -> Result<(), ScanError> {
    spend(budget, count)?;
    let skipped = std::io::copy(&mut reader.take(count), &mut std::io::sink());
    match skipped {
        Ok(skipped) if skipped == count => Ok(()),
        _ => Err(ScanError::Malformed),
    }
}

fn skip_line(reader: &mut impl BufRead, budget: &mut Budget) -> Result<(), ScanError> {
    // One more than may be spent, so that a line too long is seen as such.
    let most = budget.bytes.saturating_add(1);
    let length = reader
        .take(most)
        .skip_until(b'\n')
        .map_err(|_| ScanError::Malformed)?;
    spend(budget, length as u64)?;
    if length == 0 {
        return Err(ScanError::Malformed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(bytes: &[u8]) -> (Result<(), ScanError>, usize) {
        let mut rest = bytes;
        let outcome = scan(&mut rest, &mut Budget::default());
        (outcome, rest.len())
    }

    #[test]
    fn a_pickle_ends_where_it_says() {
        // {"a": 1.5, "b": [300, None], "c": torch.Size} in protocol 2.
        let mut pickle = b"\x80\x02}q\x00(X\x01\x00\x00\x00aG?\xf8\0\0\0\0\0\0".to_vec();
        pickle.extend(b"U\x01b](M,\x01Ne\x8c\x01cctorch\nSize\nu.rest");
        assert_eq!(scanned(&pickle), (Ok(()), 4));
        let (outcome, _) = scanned(&pickle[..20]);
        assert_eq!(outcome, Err(ScanError::Malformed));
        assert_eq!(scanned(b"\xff").0, Err(ScanError::Malformed));
    }

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let many = vec![b'N'; MAX_INSTRUCTIONS as usize + 1];
        assert_eq!(scanned(&many).0, Err(ScanError::TooLarge));
        let mut claims = vec![0x8e];
        claims.extend(u64::MAX.to_le_bytes());
        assert_eq!(scanned(&claims).0, Err(ScanError::TooLarge));
    }
}
