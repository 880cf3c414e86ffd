//! Stored pixels of one frame, in their own type, as pydicom's `pixel_array` has them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::super::IoError;
use super::codec::{self, Compression};
use super::element::{self, Fault};
use super::facts::{FileFacts, PixelFormat};
use super::file::inflate;
use crate::volume::{VoxelType, Voxels};

/// The pixels of a file that must be looked through before a frame can be found.
pub(super) struct Index {
    bytes: Vec<u8>,
    /// Where each frame's pieces lie in `bytes`.
    frames: Vec<Vec<Range<usize>>>,
}

impl Index {
    /// `None` where frames lie one after the other in the file.
    pub fn of(file: &FileFacts) -> Result<Option<Self>, IoError> {
        let stored = &file.stored;
        if stored.deflated {
            return Self::of_deflated(file).map(Some);
        }
        if stored.element.length.is_some() {
            return Ok(None);
        }
        let bytes = read_at(file, stored.start + stored.element.offset, None)?;
        let mut found = element::fragments(&bytes).map_err(|fault| match fault {
            Fault::Cut => IoError::Truncated {
                of: "of compressed pixels",
                promised: file.file_bytes + 1,
                found: file.file_bytes,
                path: file.path.as_path().into(),
            },
            Fault::Malformed(why) => IoError::BadDicom {
                why,
                path: file.path.as_path().into(),
            },
        })?;
        let offsets = if found.is_empty() {
            Vec::new()
        } else {
            let table = bytes.get(found.remove(0)).unwrap_or_default();
            let offsets = table.as_chunks::<4>().0.iter();
            offsets
                .map(|chunk| u32::from_le_bytes(*chunk) as usize)
                .collect()
        };
        let count = file.frames.len();
        let frames = pieces(&bytes, found, &offsets, count).ok_or_else(|| IoError::BadDicom {
            why: "its compressed pixels are not cut into its frames",
            path: file.path.as_path().into(),
        })?;
        Ok(Some(Self { bytes, frames }))
    }

    fn of_deflated(file: &FileFacts) -> Result<Self, IoError> {
        let whole = read_at(file, 0, None)?;
        let damaged = |source| IoError::Damaged {
            source,
            path: file.path.as_path().into(),
        };
        let body = super::file::body_of(&whole);
        let bytes = inflate(body).map_err(damaged)?;
        let frames = (0..file.frames.len()).map(|frame| {
            let (range, _) = native_range(&file.format, frame);
            let offset = file.stored.element.offset;
            let place = (range.start + offset) as usize..(range.end + offset) as usize;
            Vec::from([place])
        });
        Ok(Self {
            bytes,
            frames: frames.collect(),
        })
    }
}

/// The pieces of each frame: one each, all of the only frame, by the offset table, or
/// by the marks that JPEG and JPEG 2000 data begin with.
fn pieces(
    bytes: &[u8],
    fragments: Vec<Range<usize>>,
    offsets: &[usize],
    count: usize,
) -> Option<Vec<Vec<Range<usize>>>> {
    if fragments.len() == count {
        return Some(
            fragments
                .into_iter()
                .map(|fragment| vec![fragment])
                .collect(),
        );
    }
    if count == 1 && !fragments.is_empty() {
        return Some(vec![fragments]);
    }
    let first = fragments.first()?.start.checked_sub(8)?;
    let by_table = offsets.len() == count;
    let begins = |fragment: &Range<usize>| {
        if by_table {
            let place = fragment.start.checked_sub(8 + first);
            return place.is_some_and(|place| offsets.binary_search(&place).is_ok());
        }
        let start = bytes.get(fragment.clone()).unwrap_or_default();
        start.starts_with(&[0xFF, 0xD8]) || start.starts_with(&[0xFF, 0x4F])
    };
    let mut frames: Vec<Vec<Range<usize>>> = Vec::new();
    for fragment in fragments {
        match frames.last_mut() {
            Some(frame) if !begins(&fragment) => frame.push(fragment),
            _ => frames.push(vec![fragment]),
        }
    }
    (frames.len() == count).then_some(frames)
}

/// The bytes of a frame that is not compressed, from the first of the pixels, and the
/// bit it starts at in the first of them.
fn native_range(format: &PixelFormat, frame: usize) -> (Range<u64>, usize) {
    let bits = format.frame_bits();
    let start = bits.saturating_mul(frame as u64);
    let end = start.saturating_add(bits).div_ceil(8);
    (start / 8..end, (start % 8) as usize)
}

fn read_at(file: &FileFacts, offset: u64, length: Option<u64>) -> Result<Vec<u8>, IoError> {
    let failed = |source| IoError::reading(source, &file.path);
    let mut source = File::open(&file.path).map_err(failed)?;
    source.seek(SeekFrom::Start(offset)).map_err(failed)?;
    let left = file.file_bytes.saturating_sub(offset);
    let wanted = length.unwrap_or(left);
    let mut bytes = Vec::with_capacity(wanted.min(left) as usize);
    let read = source
        .take(wanted)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if (read as u64) < wanted {
        return Err(IoError::Truncated {
            of: "of pixels",
            promised: wanted,
            found: read as u64,
            path: file.path.as_path().into(),
        });
    }
    Ok(bytes)
}

/// What a file's pixels become; an error for colours.
pub(super) fn voxel_type(file: &FileFacts) -> Result<VoxelType, IoError> {
    let format = &file.format;
    let gray = matches!(
        format.photometric.as_str(),
        "MONOCHROME1" | "MONOCHROME2" | ""
    );
    if format.samples != 1 || !gray {
        return Err(IoError::UnsupportedType {
            what: format!(
                "colours ({}, {} samples)",
                format.photometric, format.samples
            ),
            path: file.path.as_path().into(),
        });
    }
    Ok(match (format.allocated_bits, format.signed, format.float) {
        (64, _, true) => VoxelType::F64,
        (_, _, true) => VoxelType::F32,
        (32, false, _) => VoxelType::U32,
        (32, true, _) => VoxelType::I32,
        (16, false, _) => VoxelType::U16,
        (16, true, _) => VoxelType::I16,
        (8, true, _) => VoxelType::I8,
        _ => VoxelType::U8,
    })
}

/// The stored numbers of one frame, rows after each other.
pub(super) fn decode(
    file: &FileFacts,
    frame: usize,
    index: Option<&Index>,
) -> Result<Voxels, IoError> {
    let own;
    let index = match index {
        Some(index) => Some(index),
        None => {
            own = Index::of(file)?;
            own.as_ref()
        }
    };
    let format = &file.format;
    let compression = codec::compression(file)?;
    let (range, first_bit) = native_range(format, frame);
    let Some(index) = index else {
        let start = file.stored.start + file.stored.element.offset + range.start;
        let bytes = read_at(file, start, Some(range.end - range.start))?;
        return voxels(file, bytes, first_bit, format.stored_bits);
    };
    let pieces = index
        .frames
        .get(frame)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut bytes = Vec::new();
    for piece in pieces {
        bytes.extend_from_slice(index.bytes.get(piece.clone()).unwrap_or_default());
    }
    if compression == Compression::None {
        return voxels(file, bytes, first_bit, format.stored_bits);
    }
    let decoded = codec::decode(file, compression, bytes)?;
    voxels(file, decoded.bytes, 0, decoded.used_bits)
}

/// Numbers from bytes in the file's order, of which the lowest `used_bits` count.
fn voxels(
    file: &FileFacts,
    mut bytes: Vec<u8>,
    first_bit: usize,
    used_bits: u16,
) -> Result<Voxels, IoError> {
    let format = &file.format;
    let count = format.pixel_count();
    if format.allocated_bits == 1 {
        let bit = |i: usize| {
            bytes
                .get(i / 8)
                .is_some_and(|byte| byte >> (i % 8) & 1 == 1)
        };
        let bits = (first_bit..first_bit + count).map(|i| u8::from(bit(i)));
        return Ok(Voxels::U8(bits.collect()));
    }
    // Bytes written as 16-bit words lie in pairs, the second first.
    let stored = &file.stored;
    if stored.big_endian && format.allocated_bits == 8 && &stored.element.vr == b"OW" {
        bytes
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .for_each(|pair| pair.reverse());
    }
    let unused = u32::from(format.allocated_bits.saturating_sub(used_bits));
    let big = stored.big_endian;
    let found = bytes.len() as u64;
    let voxels = match voxel_type(file)? {
        VoxelType::U8 => numbers(&bytes, count, big, unused).map(Voxels::U8),
        VoxelType::I8 => numbers(&bytes, count, big, unused).map(Voxels::I8),
        VoxelType::U16 => numbers(&bytes, count, big, unused).map(Voxels::U16),
        VoxelType::I16 => numbers(&bytes, count, big, unused).map(Voxels::I16),
        VoxelType::U32 => numbers(&bytes, count, big, unused).map(Voxels::U32),
        VoxelType::I32 => numbers(&bytes, count, big, unused).map(Voxels::I32),
        VoxelType::F64 => numbers(&bytes, count, big, 0).map(Voxels::F64),
        _ => numbers(&bytes, count, big, 0).map(Voxels::F32),
    };
    voxels.ok_or_else(|| IoError::Truncated {
        of: "of pixels",
        promised: format.frame_bits() / 8,
        found,
        path: file.path.as_path().into(),
    })
}

fn numbers<T: Number>(bytes: &[u8], count: usize, big: bool, unused: u32) -> Option<Vec<T>> {
    let bytes = bytes.get(..count.checked_mul(size_of::<T>())?)?;
    let mut numbers = vec![T::zeroed(); count];
    bytemuck::cast_slice_mut(&mut numbers).copy_from_slice(bytes);
    for number in &mut numbers {
        *number = number.in_order(big).trimmed(unused);
    }
    Some(numbers)
}

/// A number as it lies in a file.
trait Number: bytemuck::Pod {
    fn in_order(self, big_endian: bool) -> Self;
    /// Without the highest bits, which may hold an overlay; the sign is the highest
    /// bit that is left.
    fn trimmed(self, unused_bits: u32) -> Self;
}

macro_rules! integers {
    ($($t:ty),*) => { $(impl Number for $t {
        fn in_order(self, big_endian: bool) -> Self {
            if big_endian { Self::from_be(self) } else { Self::from_le(self) }
        }
        fn trimmed(self, unused_bits: u32) -> Self {
            self << unused_bits >> unused_bits
        }
    })* };
}
integers!(u8, i8, u16, i16, u32, i32);

macro_rules! floats {
    ($($t:ty),*) => { $(impl Number for $t {
        fn in_order(self, big_endian: bool) -> Self {
            let bits = self.to_bits();
            Self::from_bits(if big_endian { bits.to_be() } else { bits.to_le() })
        }
        fn trimmed(self, _: u32) -> Self {
            self
        }
    })* };
}
floats!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_that_are_not_used_are_cut_off_and_the_sign_kept() {
        let bytes = [0xFFu8, 0xA7, 0x00, 0x58];
        assert_eq!(numbers::<u16>(&bytes, 2, false, 4).unwrap(), [0x7FF, 0x800]);
        assert_eq!(
            numbers::<i16>(&bytes, 2, false, 4).unwrap(),
            [0x7FF, -0x800]
        );
        assert_eq!(numbers::<i16>(&bytes, 2, true, 0).unwrap(), [-89, 88]);
        assert_eq!(
            numbers::<f32>(&[0x3F, 0x80, 0, 0], 1, true, 0).unwrap(),
            [1.0]
        );
        assert_eq!(numbers::<u32>(&bytes, 2, false, 0), None);
    }

    #[test]
    fn frames_are_cut_by_table_or_by_marks() {
        let bytes = [
            &[0u8; 8][..],
            b"\xff\xd8aa",
            &[0; 8],
            b"bbbb",
            &[0; 8],
            b"\xff\xd8cc",
        ]
        .concat();
        let fragments = vec![8..12, 20..24, 32..36];
        let two = vec![vec![8..12, 20..24], vec![32..36]];
        assert_eq!(pieces(&bytes, fragments.clone(), &[], 2).unwrap(), two);
        assert_eq!(pieces(&bytes, fragments.clone(), &[0, 24], 2).unwrap(), two);
        assert_eq!(
            pieces(&bytes, fragments.clone(), &[], 1).unwrap(),
            std::slice::from_ref(&fragments)
        );
        assert_eq!(pieces(&bytes, fragments.clone(), &[], 3).unwrap().len(), 3);
        assert_eq!(pieces(&bytes, fragments, &[], 7), None);
    }
}
