//! Bytes from a file that is not trusted, and voxels from those bytes.
//!
//! Memory is reserved only for what the file can fill, and reading stops where the
//! header's promise ends.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use super::IoError;
use super::probe::PROBE_BYTES;
use crate::base::{CancelToken, Phase, Progress};
use crate::volume::{VoxelType, Voxels};

/// Deflate cannot shrink data more than this, so a compressed file cannot hold more.
pub(super) const MOST_INFLATION: u64 = 1032;
/// Bytes read at a time, between two looks at the cancel switch.
const STEP_BYTES: usize = 1 << 20;
/// How far behind the last voxel to look for the checksum that proves the data.
const SLACK_BYTES: usize = 1 << 20;

/// A file's bytes, inflated if they are gzip data.
pub(super) struct Source {
    pub reader: Box<dyn Read>,
    pub compressed: bool,
    /// Size of the file on disk.
    pub file_bytes: u64,
}

impl Source {
    pub fn open(path: &Path) -> Result<Self, IoError> {
        let failed = |source| IoError::reading(source, path);
        // Asked first, because opening a pipe would wait for someone to write to it.
        let metadata = fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(IoError::NotAFile { path: path.into() });
        }
        let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
        let start = file.fill_buf().map_err(failed)?;
        if start.is_empty() {
            return Err(IoError::Empty { path: path.into() });
        }
        let compressed = start.starts_with(&GZIP_MAGIC);
        let reader: Box<dyn Read> = if compressed {
            Box::new(Inflate::new(file))
        } else {
            Box::new(file)
        };
        Ok(Self {
            reader,
            compressed,
            file_bytes: metadata.len(),
        })
    }
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// All members of a gzip file one after the other. Other bytes behind the last
/// member (padding of old backup programs) are left alone, as gzip does.
struct Inflate<R: BufRead> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Inflate<R> {
    fn new(reader: R) -> Self {
        Self {
            member: Some(GzDecoder::new(reader)),
        }
    }
}

impl<R: BufRead> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.member = match self.member.take() {
                Some(finished) => {
                    let mut rest = finished.into_inner();
                    let another = rest.fill_buf()?.starts_with(&GZIP_MAGIC);
                    another.then(|| GzDecoder::new(rest))
                }
                None => None,
            };
        }
        Ok(0)
    }
}

/// The first bytes of the stream, fewer only if it ends before.
pub(super) fn read_head(reader: &mut dyn Read, path: &Path) -> Result<Vec<u8>, IoError> {
    let mut head = vec![0; PROBE_BYTES];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // Cut off inside the compressed header: judge by what is there.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(e) => return Err(read_error(e, path)),
        }
    }
    head.truncate(filled);
    if head.is_empty() {
        return Err(IoError::Empty { path: path.into() });
    }
    Ok(head)
}

fn read_error(source: io::Error, path: &Path) -> IoError {
    match source.kind() {
        // What flate2 says of a wrong gzip header, deflate stream or checksum.
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => IoError::Damaged {
            source,
            path: path.into(),
        },
        _ => IoError::reading(source, path),
    }
}

/// Voxel bytes in order, counted against the header's promise.
pub(super) struct Stream<'a, R: Read> {
    pub reader: R,
    pub path: &'a Path,
    pub cancel: &'a CancelToken,
    pub progress: &'a mut dyn FnMut(Progress),
    /// Voxel bytes of the whole file by its header, for the message when they lack.
    pub promised: u64,
    pub found: u64,
    /// Voxel bytes that will be read, for the progress.
    pub total: u64,
}

impl<R: Read> Stream<'_, R> {
    /// Reads up to `buffer.len()` bytes; fewer only at the end of the stream.
    fn read_up_to(&mut self, buffer: &mut [u8]) -> Result<usize, IoError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(e) => return Err(read_error(e, self.path)),
            }
        }
        Ok(filled)
    }

    fn truncated(&self) -> IoError {
        IoError::Truncated {
            of: "of voxels",
            promised: self.promised,
            found: self.found,
            path: self.path.into(),
        }
    }

    /// Passes over the header and its extensions.
    pub fn skip(&mut self, bytes: u64) -> Result<(), IoError> {
        let mut buffer = [0; 4096];
        let mut left = bytes;
        while left > 0 {
            self.cancel.check()?;
            let step = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let count = self.read_up_to(buffer.get_mut(..step).unwrap_or_default())?;
            if count < step {
                return Err(self.truncated());
            }
            left -= count as u64;
        }
        Ok(())
    }

    /// Whether more bytes follow. At a proper end this also checks the checksum.
    pub fn goes_on(&mut self) -> Result<bool, IoError> {
        let mut buffer = [0; 4096];
        let mut seen = 0;
        while seen < SLACK_BYTES {
            match self.reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => seen += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // All voxels are there, but nothing vouches for them.
                Err(e) => return Err(read_error(e, self.path)),
            }
        }
        Ok(seen > 0)
    }

    pub fn voxels(
        &mut self,
        t: VoxelType,
        count: usize,
        big_endian: bool,
    ) -> Result<Voxels, IoError> {
        Ok(match t {
            VoxelType::U8 => Voxels::U8(self.vec(count, big_endian)?),
            VoxelType::I8 => Voxels::I8(self.vec(count, big_endian)?),
            VoxelType::U16 => Voxels::U16(self.vec(count, big_endian)?),
            VoxelType::I16 => Voxels::I16(self.vec(count, big_endian)?),
            VoxelType::U32 => Voxels::U32(self.vec(count, big_endian)?),
            VoxelType::I32 => Voxels::I32(self.vec(count, big_endian)?),
            VoxelType::U64 => Voxels::U64(self.vec(count, big_endian)?),
            VoxelType::I64 => Voxels::I64(self.vec(count, big_endian)?),
            VoxelType::F32 => Voxels::F32(self.vec(count, big_endian)?),
            VoxelType::F64 => Voxels::F64(self.vec(count, big_endian)?),
        })
    }

    /// Reads into the typed memory itself, so that no second copy is ever held. The
    /// pages behind the reservation are touched only as data arrives.
    fn vec<T: Stored>(&mut self, count: usize, big_endian: bool) -> Result<Vec<T>, IoError> {
        let foreign = big_endian != cfg!(target_endian = "big");
        let mut values: Vec<T> = Vec::new();
        values
            .try_reserve_exact(count)
            .map_err(|_| IoError::OutOfMemory {
                bytes: (count as u64).saturating_mul(size_of::<T>() as u64),
                path: self.path.into(),
            })?;
        let step = STEP_BYTES / size_of::<T>();
        while values.len() < count {
            self.cancel.check()?;
            let start = values.len();
            values.resize((start + step).min(count), T::zeroed());
            let part = values.get_mut(start..).unwrap_or_default();
            let wanted = size_of_val(part);
            let read = self.read_up_to(bytemuck::cast_slice_mut(part))?;
            self.found += read as u64;
            if read < wanted {
                return Err(self.truncated());
            }
            if foreign {
                part.iter_mut().for_each(|value| *value = value.swapped());
            }
            (self.progress)(Progress {
                phase: Phase::Opening,
                done: self.found,
                total: self.total,
            });
        }
        Ok(values)
    }
}

/// A number as it lies in a file.
trait Stored: bytemuck::Pod {
    /// The number with its bytes in the other order.
    fn swapped(self) -> Self;
}

macro_rules! stored_integers {
    ($($t:ty),*) => { $(impl Stored for $t {
        fn swapped(self) -> Self { self.swap_bytes() }
    })* };
}
stored_integers!(u8, i8, u16, i16, u32, i32, u64, i64);

impl Stored for f32 {
    fn swapped(self) -> Self {
        Self::from_bits(self.to_bits().swap_bytes())
    }
}

impl Stored for f64 {
    fn swapped(self) -> Self {
        Self::from_bits(self.to_bits().swap_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn gzip_members_follow_each_other_and_padding_ends_them() {
        let member = |text: &[u8]| {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(text).unwrap();
            gz.finish().unwrap()
        };
        let file = [member(b"one "), member(b""), member(b"two"), vec![0; 512]].concat();
        let mut text = String::new();
        Inflate::new(file.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "one two");
    }
}
