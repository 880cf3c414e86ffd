//! Voxels from a NIfTI file, in their own type.
//!
//! How bytes are fetched and bounded is in `source` and `plain`.

use std::ops::Range;
use std::path::Path;

use super::super::cut::{Cut, check_memory};
use super::super::early::Early;
use super::super::image::display_name;
use super::super::plain::{LEAST_MAPPED_BYTES, Mapping, PlainFile};
use super::super::source::{Layout, Stream, VoxelBytes};
use super::super::{EarlySlice, Frames, GeometryWarning, IoError, Opened, Reading, Request};
use super::file::NiftiFile;
use crate::base::{CancelToken, Phase, Progress};
use crate::volume::{Volume, Voxels};

/// Of a smaller uncompressed file the middle slice is not fetched first.
const LEAST_BYTES_TO_WAIT_FOR: u64 = 4 << 20;

/// Opens a NIfTI or ANALYZE image. The list has one volume a frame and is never empty.
pub fn read(
    path: &Path,
    request: &Request,
    reading: &mut Reading<'_>,
) -> Result<Vec<Opened>, IoError> {
    let hasher = request.hash.then(blake3::Hasher::new);
    let mut file = NiftiFile::open(path, hasher)?;
    let frames = frames(&file, request, path)?;
    let cut = Cut::of(request, file.dims(), path)?;
    let grid = cut.grid(&file.place.grid, path)?;
    file.check_room()?;
    check_memory(request, &cut, file.voxel_type, frames.len(), path)?;

    let mut warnings = std::mem::take(&mut file.place.warnings);
    if request.frames == Frames::First && file.frames() > 1 {
        warnings.push(GeometryWarning::FirstFrameOnly {
            frames: file.frames(),
        });
    }
    let images = Images::of(&file, &frames, cut);
    let Fetched { voxels, goes_on } = images.fetch(&mut file, request, reading)?;
    if goes_on {
        warnings.push(GeometryWarning::TrailingData);
    }
    let hasher = match file.hash.take() {
        Some(hash) => hash.finish(&file.voxels_path, reading.cancel)?,
        None => None,
    };
    let file_hash = hasher.map(|hasher| hasher.finalize().to_hex().to_string());

    let name = display_name(path);
    let numbered = request.frames != Frames::First && file.frames() > 1;
    let opened = voxels
        .into_iter()
        .zip(frames)
        .filter_map(|(voxels, frame)| {
            let name = if numbered {
                format!("{name} {}", frame + 1)
            } else {
                name.clone()
            };
            // Always some: exactly as many voxels are read as the grid has.
            let volume = Volume::new(grid, voxels, file.value_scale, name)?;
            Some(Opened {
                volume,
                warnings: warnings.clone(),
                summary: file.summary(frame),
                label_names: file.label_names.clone(),
                file_hash: file_hash.clone(),
            })
        });
    Ok(opened.collect())
}

/// The frames that a request asks for.
fn frames(file: &NiftiFile, request: &Request, path: &Path) -> Result<Range<usize>, IoError> {
    match request.frames {
        Frames::First => Ok(0..1),
        Frames::All => Ok(0..file.frames()),
        Frames::One(wanted) if wanted < file.frames() => Ok(wanted..wanted + 1),
        Frames::One(wanted) => Err(IoError::NoSuchFrame {
            wanted,
            frames: file.frames(),
            path: path.into(),
        }),
    }
}

/// The images of a file that have wanted frames, and what to read of each.
struct Images {
    wanted: Range<usize>,
    /// The components of each that are wanted; all of several images.
    components: Range<usize>,
    layout: Layout,
    /// How far apart wanted voxels are along x, where `layout` reads those between.
    stride_x: usize,
    image_bytes: u64,
    /// From an image's begin to behind the last voxel wanted of it.
    used_bytes: u64,
}

struct Fetched {
    /// One a frame.
    voxels: Vec<Voxels>,
    /// More follows behind the last voxel that the header promises.
    goes_on: bool,
}

impl Images {
    fn of(file: &NiftiFile, frames: &Range<usize>, cut: Cut) -> Self {
        let n = file.components;
        let [nx, ny, nz] = file.dims();
        let mut cut = cut;
        let mut stride_x = 1;
        if n > 1 {
            // A row of colours is a longer row of numbers, taken apart in memory.
            let [x, _, _] = &mut cut.picks;
            *x = x.start * n..x.end * n;
            stride_x = std::mem::replace(&mut cut.stride[0], 1);
        }
        let first = frames.start / n;
        let components = if frames.len() == 1 {
            frames.start % n..frames.start % n + 1
        } else {
            0..n
        };
        let dims = [nx * n, ny, nz];
        Self {
            wanted: first..frames.end.div_ceil(n),
            components,
            used_bytes: (cut.end(dims) * file.voxel_type.size_bytes()) as u64,
            image_bytes: file.image_bytes(),
            layout: Layout {
                voxel_type: file.voxel_type,
                big_endian: file.big_endian,
                dims,
                cut,
            },
            stride_x,
        }
    }

    /// Bytes from the first voxel of the file to behind the last one wanted.
    fn end_bytes(&self) -> u64 {
        self.image_bytes * (self.wanted.end - 1) as u64 + self.used_bytes
    }

    fn fetch(
        &self,
        file: &mut NiftiFile,
        request: &Request,
        reading: &mut Reading<'_>,
    ) -> Result<Fetched, IoError> {
        let colours = file.components > 1;
        let planes = self.layout.cut.whole_planes(self.layout.dims);
        if let Some(planes) = planes
            && !file.compressed
            && !colours
        {
            let mapped = request.map_files.then(|| self.map(file, &planes));
            if let Some(voxels) = mapped.flatten() {
                self.show_mapped(file, &voxels, reading);
                return Ok(Fetched::of(voxels));
            }
            if self.end_bytes() >= LEAST_BYTES_TO_WAIT_FOR {
                self.show_middle(file, &planes, reading)?;
                let early = Early::none();
                return self.read_through(file, early, reading.progress, reading.cancel);
            }
        } else if !file.compressed && !colours && !request.hash {
            return self.read_rows(file, reading).map(Fetched::of);
        }
        let early = if colours {
            Early::none()
        } else {
            self.early(file, reading.slice)
        };
        self.read_through(file, early, reading.progress, reading.cancel)
    }

    fn early<'a>(&self, file: &NiftiFile, show: &'a mut dyn FnMut(EarlySlice)) -> Early<'a> {
        Early::new(self.layout.cut.dims(), file.value_scale, show)
    }

    /// Leaves large images on disk; `None` if these are not large or cannot stay.
    fn map(&self, file: &NiftiFile, planes: &Range<usize>) -> Option<Vec<Voxels>> {
        let plane_bytes = self.image_bytes / self.layout.dims[2] as u64;
        let take = plane_bytes * planes.len() as u64;
        let frames = self.wanted.len();
        if take * (frames as u64) < LEAST_MAPPED_BYTES {
            return None;
        }
        let mapping = Mapping {
            offset: file.data_offset,
            voxel_type: file.voxel_type,
            big_endian: file.big_endian,
            frames,
            frame_bytes: self.image_bytes,
            skip: self.image_bytes * self.wanted.start as u64 + plane_bytes * planes.start as u64,
            take,
        };
        mapping.voxels(&file.voxels_path)
    }

    fn show_mapped(&self, file: &NiftiFile, voxels: &[Voxels], reading: &mut Reading<'_>) {
        let dims = self.layout.cut.dims();
        let middle = dims[2] / 2;
        let picks = [0..dims[0], 0..dims[1], middle..middle + 1];
        let slice = voxels.first().and_then(|v| v.pick(dims, &picks, [1; 3]));
        if let Some(slice) = slice {
            self.early(file, reading.slice).show(middle, slice);
        }
        (reading.progress)(Progress {
            phase: Phase::Opening,
            done: self.end_bytes(),
            total: self.end_bytes(),
        });
    }

    /// The bytes of the first wanted image in an uncompressed file.
    fn plain<'a>(
        &self,
        file: &'a NiftiFile,
        progress: &'a mut dyn FnMut(Progress),
        cancel: &'a CancelToken,
    ) -> Result<PlainFile<'a>, IoError> {
        let before = self.image_bytes * self.wanted.start as u64;
        let offset = file.data_offset + before;
        let total = self.end_bytes() - before;
        PlainFile::open(&file.voxels_path, offset, total, progress, cancel)
    }

    /// Fetches the middle slice before all others.
    fn show_middle(
        &self,
        file: &NiftiFile,
        planes: &Range<usize>,
        reading: &mut Reading<'_>,
    ) -> Result<(), IoError> {
        let index = planes.len() / 2;
        let mut layout = self.layout.clone();
        let [_, _, z] = &mut layout.cut.picks;
        *z = planes.start + index..planes.start + index + 1;
        let slice = self
            .plain(file, &mut |_| {}, reading.cancel)?
            .cut(&layout, &mut Early::none())?;
        self.early(file, reading.slice).show(index, slice);
        Ok(())
    }

    /// Reads only the rows that are wanted, in an uncompressed file.
    fn read_rows(
        &self,
        file: &NiftiFile,
        reading: &mut Reading<'_>,
    ) -> Result<Vec<Voxels>, IoError> {
        let mut early = self.early(file, reading.slice);
        let mut plain = self.plain(file, reading.progress, reading.cancel)?;
        let mut voxels = Vec::new();
        for image in self.wanted.clone() {
            if image > self.wanted.start {
                plain.pass(self.image_bytes - self.used_bytes)?;
            }
            voxels.push(plain.cut(&self.layout, &mut early)?);
            early = Early::none();
        }
        Ok(voxels)
    }

    /// Reads from the front to the last voxel that is wanted.
    fn read_through(
        &self,
        file: &mut NiftiFile,
        mut early: Early<'_>,
        progress: &mut dyn FnMut(Progress),
        cancel: &CancelToken,
    ) -> Result<Fetched, IoError> {
        let promised = file.promised_bytes();
        let mut stream = Stream {
            reader: &mut file.reader,
            path: &file.voxels_path,
            cancel,
            progress,
            promised,
            found: 0,
            total: self.end_bytes(),
        };
        stream.skip(file.data_offset)?;
        stream.skip_voxels(self.image_bytes * self.wanted.start as u64)?;
        let mut voxels = Vec::new();
        for image in self.wanted.clone() {
            if image > self.wanted.start {
                stream.skip_voxels(self.image_bytes - self.used_bytes)?;
            }
            let image = stream.image(&self.layout, &mut early)?;
            early = Early::none();
            if file.components == 1 {
                voxels.push(image);
            } else {
                voxels.extend(self.take_apart(&image, file.components));
            }
        }
        // Of an uncompressed file this is known from its size.
        let at_end = file.compressed && self.end_bytes() == promised;
        let goes_on = at_end && stream.goes_on()?;
        Ok(Fetched { voxels, goes_on })
    }

    /// The wanted components of an image whose voxels have `n`.
    fn take_apart<'a>(&'a self, image: &'a Voxels, n: usize) -> impl Iterator<Item = Voxels> {
        let dims = self.layout.cut.dims();
        self.components.clone().filter_map(move |component| {
            let picks = [component..dims[0], 0..dims[1], 0..dims[2]];
            image.pick(dims, &picks, [n * self.stride_x, 1, 1])
        })
    }
}

impl Fetched {
    fn of(voxels: Vec<Voxels>) -> Self {
        Self {
            voxels,
            goes_on: false,
        }
    }
}
