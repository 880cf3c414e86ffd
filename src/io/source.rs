//! Bytes from a file that is not trusted, and voxels from those bytes.
//!
//! Memory is reserved only for what the file can fill, and reading stops where the
//! header's promise ends.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::IoError;
use super::ahead::{Ahead, GZIP_MAGIC, Inflate};
use super::cut::Cut;
use super::early::Early;
use super::probe::PROBE_BYTES;
use crate::base::{CancelToken, Phase, Progress};
use crate::volume::{VoxelType, Voxels};

/// Deflate cannot shrink data more than this, so a compressed file cannot hold more.
pub(super) const MOST_INFLATION: u64 = 1032;
/// Bytes read at a time, between two looks at the cancel switch.
const STEP_BYTES: usize = 1 << 20;
/// How far behind the last voxel to look for the checksum that proves the data.
const SLACK_BYTES: usize = 1 << 20;
/// Bytes fetched from the file at once.
const FETCH_BYTES: usize = 1 << 18;

/// Runs an expression with the Rust type of a [`VoxelType`].
macro_rules! with_type {
    ($voxel_type:expr, $T:ident => $body:expr) => {
        match $voxel_type {
            VoxelType::U8 => {
                type $T = u8;
                $body
            }
            VoxelType::I8 => {
                type $T = i8;
                $body
            }
            VoxelType::U16 => {
                type $T = u16;
                $body
            }
            VoxelType::I16 => {
                type $T = i16;
                $body
            }
            VoxelType::U32 => {
                type $T = u32;
                $body
            }
            VoxelType::I32 => {
                type $T = i32;
                $body
            }
            VoxelType::U64 => {
                type $T = u64;
                $body
            }
            VoxelType::I64 => {
                type $T = i64;
                $body
            }
            VoxelType::F32 => {
                type $T = f32;
                $body
            }
            VoxelType::F64 => {
                type $T = f64;
                $body
            }
        }
    };
}
pub(super) use with_type;

/// A file's bytes, inflated if they are gzip data. That happens on a thread of its
/// own, except for the first few, so that looking at a header starts none.
pub(super) struct Source {
    pub reader: Box<dyn Read>,
    pub compressed: bool,
    /// Size of the file on disk.
    pub file_bytes: u64,
    /// Where the hash of the file comes from, if it was asked for.
    pub hash: Option<FileHash>,
}

impl Source {
    #[allow(dead_code, reason = "for formats that are not hashed as they are read")]
    pub fn open(path: &Path) -> Result<Self, IoError> {
        Self::open_hashed(path, None)
    }

    /// Opens a file whose bytes also go into `hasher` as they are read.
    pub fn open_hashed(path: &Path, hasher: Option<blake3::Hasher>) -> Result<Self, IoError> {
        let failed = |source| IoError::reading(source, path);
        // Asked first, because opening a pipe would wait for someone to write to it.
        let metadata = fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(IoError::NotAFile { path: path.into() });
        }
        let file = Arc::new(Mutex::new(Hashed {
            file: File::open(path).map_err(failed)?,
            hasher,
        }));
        let hash = Some(FileHash(Arc::clone(&file)));
        let mut file = BufReader::with_capacity(FETCH_BYTES, Shared(file));
        let start = file.fill_buf().map_err(failed)?;
        if start.is_empty() {
            return Err(IoError::Empty { path: path.into() });
        }
        let compressed = start.starts_with(&GZIP_MAGIC);
        let reader: Box<dyn Read> = if compressed {
            Box::new(Ahead::new(Box::new(Inflate::new(file))))
        } else {
            Box::new(file)
        };
        Ok(Self {
            reader,
            compressed,
            file_bytes: metadata.len(),
            hash,
        })
    }
}

/// A file that is hashed as it is read, if it has a hasher.
struct Hashed {
    file: File,
    hasher: Option<blake3::Hasher>,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
        Ok(count)
    }
}

/// The file as the thread that reads it and the one that wants its hash share it.
/// Whoever reads, the bytes go through the hasher in their order.
struct Shared(Arc<Mutex<Hashed>>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.read(buffer)
    }
}

/// The promise of a hash.
pub(super) struct FileHash(Arc<Mutex<Hashed>>);

impl FileHash {
    /// Reads what nobody has read yet and gives the hasher back. `None` if the source
    /// was opened without one.
    pub fn finish(
        self,
        path: &Path,
        cancel: &CancelToken,
    ) -> Result<Option<blake3::Hasher>, IoError> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if file.hasher.is_some() {
            let mut buffer = vec![0; FETCH_BYTES];
            while read_up_to(&mut *file, &mut buffer, path)? > 0 {
                cancel.check()?;
            }
        }
        Ok(file.hasher.take())
    }
}

/// The first bytes of the stream, fewer only if it ends before.
pub(super) fn read_head(reader: &mut dyn Read, path: &Path) -> Result<Vec<u8>, IoError> {
    let mut head = vec![0; PROBE_BYTES];
    // Cut off inside the compressed header: judged by what is there.
    let filled = read_up_to(reader, &mut head, path)?;
    head.truncate(filled);
    if head.is_empty() {
        return Err(IoError::Empty { path: path.into() });
    }
    Ok(head)
}

/// Reads up to `buffer.len()` bytes; fewer only at the end of the data.
pub(super) fn read_up_to(
    reader: &mut (impl Read + ?Sized),
    buffer: &mut [u8],
    path: &Path,
) -> Result<usize, IoError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(e) => return Err(read_error(e, path)),
        }
    }
    Ok(filled)
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
        read_up_to(&mut self.reader, buffer, self.path)
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
        self.pass_over(bytes, false)
    }

    /// Passes over voxels that are not wanted.
    pub fn skip_voxels(&mut self, bytes: u64) -> Result<(), IoError> {
        self.pass_over(bytes, true)
    }

    fn pass_over(&mut self, bytes: u64, voxels: bool) -> Result<(), IoError> {
        let mut buffer = [0; 1 << 13];
        let mut left = bytes;
        while left > 0 {
            self.cancel.check()?;
            let step = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let count = self.read_up_to(buffer.get_mut(..step).unwrap_or_default())?;
            self.found += if voxels { count as u64 } else { 0 };
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

    /// The next `count` voxels, for formats that are read whole.
    #[allow(dead_code, reason = "NIfTI's reader asks for images with cuts")]
    pub fn voxels(
        &mut self,
        t: VoxelType,
        count: usize,
        big_endian: bool,
    ) -> Result<Voxels, IoError> {
        with_type!(t, T => Ok(T::voxels(self.vec::<T>(count, big_endian, &mut Early::none())?)))
    }

    /// The voxels that a cut takes of the image that comes next, whose slices are
    /// offered as they come. What lies behind the last of them is not read.
    pub fn image(&mut self, layout: &Layout, early: &mut Early<'_>) -> Result<Voxels, IoError> {
        let Layout {
            voxel_type,
            big_endian,
            dims,
            cut,
        } = layout;
        let plane = dims[0] * dims[1];
        let Some(planes) = cut.whole_planes(*dims) else {
            return with_type!(*voxel_type, T => Ok(T::voxels(read_cut::<T>(self, layout, early)?)));
        };
        self.skip_voxels((planes.start * plane * voxel_type.size_bytes()) as u64)?;
        let count = planes.len() * plane;
        with_type!(*voxel_type, T => Ok(T::voxels(self.vec::<T>(count, *big_endian, early)?)))
    }

    /// Reads into the typed memory itself, so that no second copy is ever held. The
    /// pages behind the reservation are touched only as data arrives, and bytes are
    /// swapped while they are still in the cache.
    fn vec<T: Stored>(
        &mut self,
        count: usize,
        big_endian: bool,
        early: &mut Early<'_>,
    ) -> Result<Vec<T>, IoError> {
        let foreign = is_foreign(big_endian);
        let mut values: Vec<T> = reserved(count, self.path)?;
        while values.len() < count {
            self.cancel.check()?;
            let start = values.len();
            let step = early.step(STEP_BYTES / size_of::<T>());
            values.resize((start + step).min(count), T::zeroed());
            let part = values.get_mut(start..).unwrap_or_default();
            self.fill(bytemuck::cast_slice_mut(part))?;
            if foreign {
                part.iter_mut().for_each(|value| *value = value.swapped());
            }
            self.tell();
            early.offer(&values);
        }
        Ok(values)
    }
}

/// What an image's bytes are, and which of its voxels are wanted.
#[derive(Clone)]
pub(super) struct Layout {
    pub voxel_type: VoxelType,
    pub big_endian: bool,
    /// Of the whole image.
    pub dims: [usize; 3],
    pub cut: Cut,
}

/// Bytes of voxels from the front to the back.
pub(super) trait VoxelBytes {
    /// Fills the buffer or fails.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), IoError>;
    fn pass(&mut self, bytes: u64) -> Result<(), IoError>;
    /// Tells how far the reading is.
    fn tell(&mut self);
    fn cancel(&self) -> &CancelToken;
    fn path(&self) -> &Path;
}

impl<R: Read> VoxelBytes for Stream<'_, R> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), IoError> {
        let wanted = buffer.len();
        let read = self.read_up_to(buffer)?;
        self.found += read as u64;
        if read < wanted {
            return Err(self.truncated());
        }
        Ok(())
    }

    fn pass(&mut self, bytes: u64) -> Result<(), IoError> {
        self.skip_voxels(bytes)
    }

    fn tell(&mut self) {
        (self.progress)(Progress {
            phase: Phase::Opening,
            done: self.found,
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

/// Reads the rows that a cut needs and keeps every so many of their voxels.
pub(super) fn read_cut<T: Stored>(
    source: &mut dyn VoxelBytes,
    layout: &Layout,
    early: &mut Early<'_>,
) -> Result<Vec<T>, IoError> {
    let Layout { dims, cut, .. } = layout;
    let foreign = is_foreign(layout.big_endian);
    let count = cut.dims().iter().product();
    let mut values: Vec<T> = reserved(count, source.path())?;
    let mut row: Vec<T> = Vec::new();
    let (mut position, mut untold) = (0, 0);
    for wanted in cut.rows(*dims) {
        source.cancel().check()?;
        source.pass(((wanted.start - position) * size_of::<T>()) as u64)?;
        row.resize(wanted.len, T::zeroed());
        source.fill(bytemuck::cast_slice_mut(&mut row))?;
        let picked = row.iter().step_by(cut.stride[0]);
        values.extend(picked.map(|&v| if foreign { v.swapped() } else { v }));
        untold += (wanted.start + wanted.len - position) * size_of::<T>();
        position = wanted.start + wanted.len;
        if untold >= STEP_BYTES {
            untold = 0;
            source.tell();
            early.offer(&values);
        }
    }
    source.tell();
    early.offer(&values);
    Ok(values)
}

pub(super) fn is_foreign(big_endian: bool) -> bool {
    big_endian != cfg!(target_endian = "big")
}

fn reserved<T>(count: usize, path: &Path) -> Result<Vec<T>, IoError> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(count)
        .map_err(|_| IoError::OutOfMemory {
            bytes: (count as u64).saturating_mul(size_of::<T>() as u64),
            path: path.into(),
        })?;
    Ok(values)
}

/// A number as it lies in a file.
pub(super) trait Stored: bytemuck::Pod {
    /// The number with its bytes in the other order.
    fn swapped(self) -> Self;

    fn voxels(values: Vec<Self>) -> Voxels;
}

macro_rules! stored_integers {
    ($($t:ty => $variant:ident),*) => { $(impl Stored for $t {
        fn swapped(self) -> Self {
            self.swap_bytes()
        }

        fn voxels(values: Vec<Self>) -> Voxels {
            Voxels::$variant(values)
        }
    })* };
}
stored_integers!(u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64, i64 => I64);

impl Stored for f32 {
    fn swapped(self) -> Self {
        Self::from_bits(self.to_bits().swap_bytes())
    }

    fn voxels(values: Vec<Self>) -> Voxels {
        Voxels::F32(values)
    }
}

impl Stored for f64 {
    fn swapped(self) -> Self {
        Self::from_bits(self.to_bits().swap_bytes())
    }

    fn voxels(values: Vec<Self>) -> Voxels {
        Voxels::F64(values)
    }
}
