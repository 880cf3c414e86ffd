//! Uncompressed files, of which any part can be had at once: single slices, cuts
//! without the bytes between, and the whole file mapped into memory.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use super::IoError;
use super::early::Early;
use super::source::{Layout, VoxelBytes, is_foreign, read_cut, read_up_to, with_type};
use crate::base::{CancelToken, Phase, Progress};
use crate::volume::{SharedVoxels, VoxelType, Voxels};

/// Smaller files are read: a map would save little.
pub(super) const LEAST_MAPPED_BYTES: u64 = 64 << 20;

/// An uncompressed file, read from some place on.
pub(super) struct PlainFile<'a> {
    reader: BufReader<File>,
    path: &'a Path,
    cancel: &'a CancelToken,
    progress: &'a mut dyn FnMut(Progress),
    done: u64,
    /// Bytes that will be gone over, for the progress.
    total: u64,
}

impl<'a> PlainFile<'a> {
    /// The file from `offset` on, of which `total` bytes will be read or passed.
    pub fn open(
        path: &'a Path,
        offset: u64,
        total: u64,
        progress: &'a mut dyn FnMut(Progress),
        cancel: &'a CancelToken,
    ) -> Result<Self, IoError> {
        let failed = |source| IoError::reading(source, path);
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        Ok(Self {
            reader: BufReader::with_capacity(1 << 16, file),
            path,
            cancel,
            progress,
            done: 0,
            total,
        })
    }

    /// The voxels that a cut takes of the image that begins here; only their rows are
    /// read.
    pub fn cut(&mut self, layout: &Layout, early: &mut Early<'_>) -> Result<Voxels, IoError> {
        use super::source::Stored;
        with_type!(layout.voxel_type, T => Ok(T::voxels(read_cut::<T>(self, layout, early)?)))
    }
}

impl VoxelBytes for PlainFile<'_> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), IoError> {
        let wanted = buffer.len();
        let read = read_up_to(&mut self.reader, buffer, self.path)?;
        self.done += read as u64;
        if read < wanted {
            // It was long enough when it was opened.
            return Err(IoError::Truncated {
                of: "of voxels",
                promised: self.total,
                found: self.done,
                path: self.path.into(),
            });
        }
        Ok(())
    }

    fn pass(&mut self, bytes: u64) -> Result<(), IoError> {
        self.done += bytes;
        let step = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.reader
            .seek_relative(step)
            .map_err(|source| IoError::reading(source, self.path))
    }

    fn tell(&mut self) {
        (self.progress)(Progress {
            phase: Phase::Opening,
            done: self.done,
            total: self.total,
        });
    }

    fn cancel(&self) -> &CancelToken {
        self.cancel
    }

    fn path(&self) -> &Path {
        self.path
    }
}

/// A file that stays on disk while its voxels are used.
struct MappedFile(Mmap);

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Voxels of `frames` images of `frame_bytes` each, one behind the other, of which
/// each gives `take` bytes from `skip` on. `None` if they cannot be used as they lie
/// there: another byte order, an odd place, or a file that cannot be mapped.
pub(super) struct Mapping {
    pub offset: u64,
    pub voxel_type: VoxelType,
    pub big_endian: bool,
    pub frames: usize,
    pub frame_bytes: u64,
    pub skip: u64,
    pub take: u64,
}

impl Mapping {
    pub fn voxels(&self, path: &Path) -> Option<Vec<Voxels>> {
        if is_foreign(self.big_endian) && self.voxel_type.size_bytes() > 1 {
            return None;
        }
        let file = File::open(path).ok()?;
        // SAFETY: the map is read-only and the numbers in it are of types that any bits
        // make a valid value of. What is left is a file that another program changes
        // or cuts short meanwhile: see the page of `nifti`.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.ok()?;
        let map: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(MappedFile(map));
        (0..self.frames as u64)
            .map(|frame| {
                let start = frame
                    .checked_mul(self.frame_bytes)?
                    .checked_add(self.offset)?
                    .checked_add(self.skip)?;
                let start = usize::try_from(start).ok()?;
                let end = start.checked_add(usize::try_from(self.take).ok()?)?;
                // Refuses what lies behind the end of the file.
                SharedVoxels::new(Arc::clone(&map), start..end, self.voxel_type).map(Voxels::Shared)
            })
            .collect()
    }
}
