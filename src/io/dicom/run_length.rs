//! Run-length compressed frames.
//!
//! Of our own because the crates decode 8 and 16 bits alone and panic on data that
//! ends early. Source: DICOM PS3.5 annex G.

/// Segments that a frame can have.
const MOST_SEGMENTS: usize = 15;
const HEADER_BYTES: usize = 64;

/// Pixels of `bytes_each`, little endian, from a frame whose first segment holds the
/// highest byte of each. `None` if the data is damaged or ends early.
pub(super) fn decode(frame: &[u8], pixels: usize, bytes_each: usize) -> Option<Vec<u8>> {
    let header = frame.get(..HEADER_BYTES)?.as_chunks::<4>().0;
    let mut numbers = header
        .iter()
        .map(|chunk| u32::from_le_bytes(*chunk) as usize);
    let segments = numbers.next()?;
    if segments != bytes_each || segments > MOST_SEGMENTS {
        return None;
    }
    let starts: Vec<usize> = numbers.take(segments).collect();
    let mut decoded = vec![0; pixels.checked_mul(bytes_each)?];
    for (segment, &start) in starts.iter().enumerate() {
        let end = starts.get(segment + 1).copied().unwrap_or(frame.len());
        let bytes = unpack(frame.get(start..end)?, pixels)?;
        let places = decoded
            .iter_mut()
            .skip(bytes_each - 1 - segment)
            .step_by(bytes_each);
        for (place, byte) in places.zip(bytes) {
            *place = byte;
        }
    }
    Some(decoded)
}

/// `count` bytes from runs and literal stretches.
fn unpack(packed: &[u8], count: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count.min(packed.len().saturating_mul(64)));
    let mut rest = packed;
    while bytes.len() < count {
        let (&control, tail) = rest.split_first()?;
        rest = match control {
            0..=127 => {
                let (literal, tail) = tail.split_at_checked(usize::from(control) + 1)?;
                bytes.extend_from_slice(literal);
                tail
            }
            128 => tail,
            129.. => {
                let (&byte, tail) = tail.split_first()?;
                bytes.resize(bytes.len() + 257 - usize::from(control), byte);
                tail
            }
        };
    }
    bytes.truncate(count);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_example_unpacks() {
        // TIFF 6.0, section 9: the example that PackBits is described with.
        let packed = b"\xFE\xAA\x02\x80\x00\x2A\xFD\xAA\x03\x80\x00\x2A\x22\xF7\xAA";
        let plain = b"\xAA\xAA\xAA\x80\x00\x2A\xAA\xAA\xAA\xAA\x80\x00\x2A\x22\
            \xAA\xAA\xAA\xAA\xAA\xAA\xAA\xAA\xAA\xAA";
        assert_eq!(unpack(packed, 24).unwrap(), plain);
        assert_eq!(unpack(packed, 25), None);
    }

    #[test]
    fn high_bytes_come_first() {
        let mut frame = vec![0; HEADER_BYTES];
        frame[..12].copy_from_slice(&[2, 0, 0, 0, 64, 0, 0, 0, 68, 0, 0, 0]);
        frame.extend_from_slice(b"\x01\x12\x34\x00\x01\x56\x78\x00");
        assert_eq!(decode(&frame, 2, 2).unwrap(), [0x56, 0x12, 0x78, 0x34]);
        assert_eq!(decode(&frame, 3, 2), None);
        assert_eq!(decode(&frame, 2, 1), None);
    }
}
