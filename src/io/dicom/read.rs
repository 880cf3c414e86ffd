//! A series to volumes.

use std::path::Path;

use rayon::prelude::*;

use super::super::cut::{Cut, check_memory, memory_bytes};
use super::super::image::display_name;
use super::super::{
    Described, EarlySlice, Format, Frames, GeometryWarning, ImageSummary, IoError, LabelNames,
    Opened, Reading, Request,
};
use super::codec::{self, Compression};
use super::facts::FileFacts;
use super::pixels::{self, Index};
use super::series::choose;
use super::stack::{Plane, Source, Stack, stack};
use crate::base::{CancelToken, Orientation, Phase, Progress};
use crate::volume::{Volume, VoxelType, Voxels};

/// Opens the series that a path means: a folder that holds one, `FOLDER#2` for one of
/// several, or any of its files. The list has one volume a frame and is never empty.
///
/// Voxels are the stored numbers, as pydicom's `pixel_array` has them; where slope or
/// intercept change from slice to slice (PET) they are values, as 32-bit floats.
pub fn read(
    path: &Path,
    request: &Request,
    reading: &mut Reading<'_>,
) -> Result<Vec<Opened>, IoError> {
    let Series {
        files,
        stack,
        scheme,
        mut warnings,
    } = Series::find(path, reading.cancel)?;
    let frame_count = stack.frames.len();
    let wanted: Vec<usize> = match request.frames {
        Frames::All => (0..frame_count).collect(),
        Frames::First => vec![0],
        Frames::One(frame) if frame < frame_count => vec![frame],
        Frames::One(wanted) => {
            return Err(IoError::NoSuchFrame {
                wanted,
                frames: frame_count,
                path: path.into(),
            });
        }
    };
    if request.frames == Frames::First && frame_count > 1 {
        warnings.push(GeometryWarning::FirstFrameOnly {
            frames: frame_count,
        });
    }
    let cut = Cut::of(request, stack.grid.dims(), path)?;
    check_memory(request, &cut, scheme.voxel_type(), wanted.len(), path)?;
    let grid = cut.grid(&stack.grid, path)?;
    let mut decoder = Decoder {
        indexes: files.iter().map(|_| None).collect(),
        files: &files,
        scheme,
        cut,
        dims: stack.grid.dims(),
        cancel: reading.cancel,
    };
    decoder.index_frames()?;
    let mut progress = Progress {
        phase: Phase::Opening,
        done: 0,
        total: (grid.dims()[2] * wanted.len()) as u64,
    };
    let mut opened = Vec::new();
    for frame in wanted {
        let planes = stack
            .frames
            .get(frame)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let voxels = decoder.volume(planes, &mut progress, reading, path)?;
        let name = match frame_count {
            1 => display_name(path),
            _ => format!("{} {}", display_name(path), frame + 1),
        };
        let volume = Volume::new(grid, voxels, scheme.value_scale(), name)
            .ok_or_else(|| IoError::Empty { path: path.into() })?;
        opened.push(Opened {
            volume,
            warnings: warnings.clone(),
            summary: summary(&files, &stack, frame, scheme),
            label_names: LabelNames::new(),
            file_hash: None,
        });
    }
    Ok(opened)
}

/// What the series that a path means is, from its headers alone.
pub fn describe(path: &Path) -> Result<Described, IoError> {
    let series = Series::find(path, &CancelToken::new())?;
    let Series {
        files,
        stack,
        scheme,
        ..
    } = &series;
    Ok(Described {
        summary: summary(files, stack, 0, *scheme),
        memory_bytes: memory_bytes(stack.grid.dims(), scheme.voxel_type(), stack.frames.len()),
        warnings: series.warnings,
        label_names: LabelNames::new(),
    })
}

/// A series whose headers were read.
struct Series {
    files: Vec<FileFacts>,
    stack: Stack,
    scheme: Scheme,
    warnings: Vec<GeometryWarning>,
}

impl Series {
    fn find(path: &Path, cancel: &CancelToken) -> Result<Self, IoError> {
        let (files, unreadable) = choose(path, cancel)?;
        let stack = stack(&files, path)?;
        let mut warnings = stack.warnings.clone();
        if unreadable > 0 {
            warnings.push(GeometryWarning::UnreadableFiles { files: unreadable });
        }
        warnings.extend(value_warnings(&files));
        Ok(Self {
            scheme: Scheme::of(&files, &stack)?,
            files,
            stack,
            warnings,
        })
    }
}

/// Doubts about values, in the order of the files.
fn value_warnings(files: &[FileFacts]) -> Vec<GeometryWarning> {
    let mut warnings = Vec::new();
    if files.iter().any(|file| file.inverted) {
        warnings.push(GeometryWarning::Inverted);
    }
    if files.iter().any(|file| file.has_value_table) {
        warnings.push(GeometryWarning::ValueTable);
    }
    if let Some(stored) = files.iter().find_map(|file| file.padding) {
        warnings.push(GeometryWarning::Padding { stored });
    }
    warnings
}

/// How the pixels of all slices become voxels of one type.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scheme {
    /// As stored, with one slope and intercept.
    Stored {
        voxel_type: VoxelType,
        slope: f64,
        intercept: f64,
    },
    /// As values, because slices differ or some lie between stored ones.
    Values,
}

impl Scheme {
    fn of(files: &[FileFacts], stack: &Stack) -> Result<Self, IoError> {
        let mut common: Option<Self> = None;
        for plane in stack.frames.iter().flatten() {
            let Plane::Stored(source) = plane else {
                common = Some(Self::Values);
                continue;
            };
            let Some((file, frame)) = at(files, *source) else {
                continue;
            };
            codec::compression(file)?;
            let own = Self::Stored {
                voxel_type: pixels::voxel_type(file)?,
                slope: frame.slope,
                intercept: frame.intercept,
            };
            common = match common {
                None => Some(own),
                Some(same) if same == own => Some(same),
                Some(_) => Some(Self::Values),
            };
        }
        Ok(common.unwrap_or(Self::Values))
    }

    fn value_scale(self) -> (f64, f64) {
        match self {
            Self::Stored {
                slope, intercept, ..
            } => (slope, intercept),
            Self::Values => (1.0, 0.0),
        }
    }

    fn voxel_type(self) -> VoxelType {
        match self {
            Self::Stored { voxel_type, .. } => voxel_type,
            Self::Values => VoxelType::F32,
        }
    }
}

fn at(files: &[FileFacts], source: Source) -> Option<(&FileFacts, &super::facts::FrameFacts)> {
    let file = files.get(source.file)?;
    Some((file, file.frames.get(source.frame)?))
}

struct Decoder<'a> {
    files: &'a [FileFacts],
    /// Of files with several frames, so that they are looked through once.
    indexes: Vec<Option<Index>>,
    scheme: Scheme,
    cut: Cut,
    /// Of the whole volume.
    dims: [usize; 3],
    cancel: &'a CancelToken,
}

impl Decoder<'_> {
    fn index_frames(&mut self) -> Result<(), IoError> {
        for (file, index) in self.files.iter().zip(&mut self.indexes) {
            self.cancel.check()?;
            if file.frames.len() > 1 {
                *index = Index::of(file)?;
            }
        }
        Ok(())
    }

    fn stored(&self, source: Source) -> Result<Voxels, IoError> {
        let (file, _) = at(self.files, source).ok_or(crate::base::Cancelled)?;
        let index = self.indexes.get(source.file).and_then(Option::as_ref);
        pixels::decode(file, source.frame, index)
    }

    /// Values of a stored plane; what is not finite becomes 0, so that none leaves.
    #[allow(
        clippy::unnecessary_cast,
        reason = "the cast is one only for some types"
    )]
    fn values(&self, source: Source) -> Result<Vec<f32>, IoError> {
        let (_, frame) = at(self.files, source).ok_or(crate::base::Cancelled)?;
        let value = |stored: f64| (stored * frame.slope + frame.intercept) as f32;
        let voxels = self.stored(source)?;
        Ok((0..voxels.len())
            .map(|i| value(voxels.get(i).unwrap_or(0.0)))
            .collect())
    }

    fn plane(&self, plane: &Plane) -> Result<Voxels, IoError> {
        self.cancel.check()?;
        match (*plane, self.scheme) {
            (Plane::Stored(source), Scheme::Stored { .. }) => self.stored(source),
            (Plane::Stored(source), Scheme::Values) => self.values(source).map(Voxels::F32),
            (
                Plane::Between {
                    below,
                    above,
                    share,
                },
                _,
            ) => {
                let mut values = self.values(below)?;
                let share = share as f32;
                for (value, above) in values.iter_mut().zip(self.values(above)?) {
                    *value += (above - *value) * share;
                }
                Ok(Voxels::F32(values))
            }
        }
    }

    /// The part of a plane that is wanted.
    fn cut_plane(&self, plane: &Plane) -> Result<Voxels, IoError> {
        let voxels = self.plane(plane)?;
        let [x, y, _] = self.dims;
        let [xs, ys, _] = &self.cut.picks;
        if *xs == (0..x) && *ys == (0..y) && self.cut.stride[..2] == [1, 1] {
            return Ok(voxels);
        }
        let picks = [xs.clone(), ys.clone(), 0..1];
        let [x_stride, y_stride, _] = self.cut.stride;
        // Always some: the cut was made for this image.
        let cut = voxels.pick([x, y, 1], &picks, [x_stride, y_stride, 1]);
        Ok(cut.unwrap_or(voxels))
    }

    /// Decodes planes on all threads, the middle one first so that there is something
    /// to look at.
    fn volume(
        &self,
        planes: &[Plane],
        progress: &mut Progress,
        reading: &mut Reading<'_>,
        path: &Path,
    ) -> Result<Voxels, IoError> {
        let picks = self.cut.picks[2].clone().step_by(self.cut.stride[2]);
        let picked: Vec<&Plane> = picks.filter_map(|index| planes.get(index)).collect();
        let whole = self.cut.is_whole(self.dims);
        let show = |index: usize, voxels: Voxels, reading: &mut Reading<'_>| {
            if whole {
                (reading.slice)(EarlySlice {
                    dims: self.dims,
                    index,
                    voxels,
                    value_scale: self.scheme.value_scale(),
                });
            }
        };
        let middle = picked.len() / 2;
        if let Some(plane) = picked.get(middle).filter(|_| whole) {
            show(middle, self.plane(plane)?, reading);
        }
        let voxel_type = self.scheme.voxel_type();
        let count = self.cut.dims().into_iter().product();
        let mut all = empty(voxel_type, count).ok_or_else(|| IoError::OutOfMemory {
            bytes: memory_bytes(self.cut.dims(), voxel_type, 1),
            path: path.into(),
        })?;
        let batch = 2 * rayon::current_num_threads().max(1);
        for (number, planes) in picked.chunks(batch).enumerate() {
            let decoded: Vec<Result<Voxels, IoError>> = planes
                .par_iter()
                .map(|plane| self.cut_plane(plane))
                .collect();
            for (offset, slice) in decoded.into_iter().enumerate() {
                let slice = slice?;
                append(&mut all, &slice);
                show(number * batch + offset, slice, reading);
                progress.done += 1;
            }
            (reading.progress)(*progress);
        }
        Ok(all)
    }
}

/// No voxels of a type, with room for `count`; `None` if there is no room.
fn empty(voxel_type: VoxelType, count: usize) -> Option<Voxels> {
    fn reserved<T>(count: usize) -> Option<Vec<T>> {
        let mut values = Vec::new();
        values.try_reserve_exact(count).ok()?;
        Some(values)
    }
    Some(match voxel_type {
        VoxelType::U8 => Voxels::U8(reserved(count)?),
        VoxelType::I8 => Voxels::I8(reserved(count)?),
        VoxelType::U16 => Voxels::U16(reserved(count)?),
        VoxelType::I16 => Voxels::I16(reserved(count)?),
        VoxelType::U32 => Voxels::U32(reserved(count)?),
        VoxelType::I32 => Voxels::I32(reserved(count)?),
        VoxelType::U64 => Voxels::U64(reserved(count)?),
        VoxelType::I64 => Voxels::I64(reserved(count)?),
        VoxelType::F32 => Voxels::F32(reserved(count)?),
        VoxelType::F64 => Voxels::F64(reserved(count)?),
    })
}

/// Appends voxels of the same type.
fn append(all: &mut Voxels, slice: &Voxels) {
    match (all, slice) {
        (Voxels::U8(all), Voxels::U8(slice)) => all.extend_from_slice(slice),
        (Voxels::I8(all), Voxels::I8(slice)) => all.extend_from_slice(slice),
        (Voxels::U16(all), Voxels::U16(slice)) => all.extend_from_slice(slice),
        (Voxels::I16(all), Voxels::I16(slice)) => all.extend_from_slice(slice),
        (Voxels::U32(all), Voxels::U32(slice)) => all.extend_from_slice(slice),
        (Voxels::I32(all), Voxels::I32(slice)) => all.extend_from_slice(slice),
        (Voxels::F32(all), Voxels::F32(slice)) => all.extend_from_slice(slice),
        (Voxels::F64(all), Voxels::F64(slice)) => all.extend_from_slice(slice),
        _ => {}
    }
}

fn summary(files: &[FileFacts], stack: &Stack, frame: usize, scheme: Scheme) -> ImageSummary {
    let (slope, intercept) = scheme.value_scale();
    let compressed = |file: &FileFacts| {
        file.stored.deflated || !matches!(codec::compression(file), Ok(Compression::None))
    };
    let text = |file: &FileFacts| match file.series.description.as_str() {
        "" => file.series.protocol.clone(),
        description => description.to_owned(),
    };
    ImageSummary {
        format: Format::Dicom,
        compressed: files.iter().any(compressed),
        big_endian: files.iter().any(|file| file.stored.big_endian),
        voxel_type: scheme.voxel_type(),
        dims: stack.grid.dims(),
        frames: stack.frames.len(),
        frame,
        spacing_mm: stack.grid.spacing_mm(),
        orientation: Orientation::of(&stack.grid).letters(),
        placed_by: stack.placed_by,
        slope,
        intercept,
        file_bytes: files.iter().map(|file| file.file_bytes).sum(),
        description: files.first().map(text).unwrap_or_default(),
    }
}
