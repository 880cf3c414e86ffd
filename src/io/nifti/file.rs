//! What the header of an image says, and where its voxels are.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use super::super::cut::memory_bytes;
use super::super::probe::looks_like;
use super::super::source::{FileHash, MOST_INFLATION, Source, read_head, read_up_to};
use super::super::{Described, Format, GeometryWarning, ImageSummary, IoError, LabelNames};
use super::extension;
use super::header::{self, Fields, Kind, Mark, NiftiVersion, Shape};
use super::pair;
use super::place::{Place, place};
use crate::base::{CancelToken, Orientation};
use crate::volume::VoxelType;

/// An image whose header was read.
pub(super) struct NiftiFile {
    pub place: Place,
    pub voxel_type: VoxelType,
    /// Numbers of a voxel: more than one for colours, which lie side by side.
    pub components: usize,
    pub big_endian: bool,
    /// Images of `components` frames each, one behind the other.
    pub images: usize,
    pub value_scale: (f64, f64),
    pub label_names: LabelNames,
    /// The file that holds the voxels, from its first byte on.
    pub voxels_path: PathBuf,
    pub reader: Box<dyn Read>,
    pub compressed: bool,
    /// Where the voxels begin in it.
    pub data_offset: u64,
    /// Size of it on disk.
    pub voxels_file_bytes: u64,
    pub hash: Option<FileHash>,
    format: Format,
    description: String,
    /// Size of all files on disk.
    file_bytes: u64,
}

impl NiftiFile {
    /// Reads the header of an image, of which either half may be named. The bytes of
    /// all its files go into `hasher` as they are read.
    pub fn open(path: &Path, hasher: Option<blake3::Hasher>) -> Result<Self, IoError> {
        let named_voxels = pair::is_called(path, pair::VOXELS);
        let header_half = if named_voxels {
            pair::existing(path, pair::HEADER)
        } else {
            None
        };
        let header_path = header_half.as_deref().unwrap_or(path);
        let mut source = Source::open_hashed(header_path, hasher)?;
        let mut head = read_head(&mut source.reader, header_path)?;
        let kind = header::kind(&head);
        let Kind::Nifti {
            version,
            big_endian,
        } = kind
        else {
            // Voxels alone look like nothing at all.
            let alone = named_voxels && header_half.is_none();
            return Err(if alone {
                missing_half(path, pair::HEADER)
            } else {
                IoError::OtherFormat {
                    looks_like: looks_like(&head),
                    path: path.into(),
                }
            });
        };
        let fields = header::parse(&head, version, big_endian, header_path)?;
        let label_names = label_names(&mut source, &mut head, &fields, header_path)?;
        let header_bytes = source.file_bytes;
        let (source, voxels_path) = match fields.mark {
            Mark::OneFile => {
                let reader = Box::new(Cursor::new(head.clone()).chain(source.reader));
                (Source { reader, ..source }, header_path.to_owned())
            }
            Mark::TwoFiles => open_voxels(source, header_path)?,
            // Without a mark only the name vouches for the header.
            Mark::None if pair::is_called(header_path, pair::HEADER) => {
                open_voxels(source, header_path)?
            }
            Mark::None => return Err(header::no_mark(path)),
        };
        let two_files = voxels_path != header_path;
        let file = Self::of(&fields, &head, source, voxels_path)?;
        Ok(Self {
            label_names,
            file_bytes: file.voxels_file_bytes + if two_files { header_bytes } else { 0 },
            ..file
        })
    }

    fn of(
        fields: &Fields,
        head: &[u8],
        source: Source,
        voxels_path: PathBuf,
    ) -> Result<Self, IoError> {
        let path = voxels_path.as_path();
        let Shape { dims, frames } = fields.shape(path)?;
        let (voxel_type, components) = fields.voxel_type(path)?;
        let value_scale = fields.value_scale(path)?;
        let data_offset = fields.data_offset(path)?;
        let mut place = place(fields, dims, path)?;
        // What is compressed shows its end only when it is read up to there.
        let promised = memory_bytes(dims, voxel_type, frames.saturating_mul(components));
        if !source.compressed && source.file_bytes > data_offset.saturating_add(promised) {
            place.warnings.push(GeometryWarning::TrailingData);
        }
        Ok(Self {
            place,
            voxel_type,
            components,
            big_endian: fields.big_endian,
            images: frames,
            value_scale,
            label_names: LabelNames::new(),
            reader: source.reader,
            compressed: source.compressed,
            data_offset,
            voxels_file_bytes: source.file_bytes,
            hash: source.hash,
            format: match (fields.mark, fields.version) {
                (Mark::None, _) => Format::Analyze,
                (_, NiftiVersion::One) => Format::Nifti1,
                (_, NiftiVersion::Two) => Format::Nifti2,
            },
            description: header::description(head, fields.version),
            file_bytes: source.file_bytes,
            voxels_path,
        })
    }

    pub fn dims(&self) -> [usize; 3] {
        self.place.grid.dims()
    }

    /// Frames in the file: images, times the components of their voxels.
    pub fn frames(&self) -> usize {
        self.images.saturating_mul(self.components)
    }

    /// Bytes of one image with all its components.
    pub fn image_bytes(&self) -> u64 {
        memory_bytes(self.dims(), self.voxel_type, self.components)
    }

    /// Bytes of all voxels.
    pub fn promised_bytes(&self) -> u64 {
        self.image_bytes().saturating_mul(self.images as u64)
    }

    /// A file that cannot hold what it promises is refused before memory is taken.
    pub fn check_room(&self) -> Result<(), IoError> {
        let room = if self.compressed {
            self.voxels_file_bytes.saturating_mul(MOST_INFLATION)
        } else {
            self.voxels_file_bytes
        };
        let room = room.saturating_sub(self.data_offset);
        if self.promised_bytes() > room {
            return Err(IoError::Truncated {
                of: "of voxels",
                promised: self.promised_bytes(),
                found: room,
                path: self.voxels_path.as_path().into(),
            });
        }
        Ok(())
    }

    /// The header's words about one frame.
    pub fn summary(&self, frame: usize) -> ImageSummary {
        let grid = &self.place.grid;
        ImageSummary {
            format: self.format,
            compressed: self.compressed,
            big_endian: self.big_endian,
            voxel_type: self.voxel_type,
            dims: grid.dims(),
            frames: self.frames(),
            frame,
            spacing_mm: grid.spacing_mm(),
            orientation: Orientation::of(grid).letters(),
            placed_by: self.place.source,
            slope: self.value_scale.0,
            intercept: self.value_scale.1,
            file_bytes: self.file_bytes,
            description: self.description.clone(),
        }
    }
}

/// What an image is and what it would take to open it, from its header alone.
pub fn describe(path: &Path) -> Result<Described, IoError> {
    let file = NiftiFile::open(path, None)?;
    file.check_room()?;
    Ok(Described {
        summary: file.summary(0),
        memory_bytes: file.promised_bytes(),
        warnings: file.place.warnings,
        label_names: file.label_names,
    })
}

/// The names in the extensions of a header, of which the first bytes are in `head`.
/// What is read for them is added there.
fn label_names(
    source: &mut Source,
    head: &mut Vec<u8>,
    fields: &Fields,
    path: &Path,
) -> Result<LabelNames, IoError> {
    let header_bytes = match fields.version {
        NiftiVersion::One => header::HEADER_1_BYTES,
        NiftiVersion::Two => header::HEADER_2_BYTES,
    };
    let end = match fields.mark {
        Mark::OneFile => fields.data_offset(path)?,
        // All of the header's file.
        Mark::TwoFiles => extension::MOST_BYTES,
        Mark::None => return Ok(LabelNames::new()),
    };
    if head.len() == header_bytes {
        read_more(source, head, header_bytes + 4, path)?;
    }
    let extended = head.get(header_bytes).is_some_and(|&flag| flag != 0);
    if !extended || end > extension::MOST_BYTES {
        return Ok(LabelNames::new());
    }
    let end = usize::try_from(end).unwrap_or(usize::MAX);
    read_more(source, head, end, path)?;
    let behind_header = head.get(header_bytes..end.min(head.len()));
    Ok(extension::label_names(
        behind_header.unwrap_or_default(),
        fields.big_endian,
    ))
}

/// Reads on until `head` has `wanted` bytes, or the file ends.
fn read_more(
    source: &mut Source,
    head: &mut Vec<u8>,
    wanted: usize,
    path: &Path,
) -> Result<(), IoError> {
    const STEP: usize = 4096;
    while head.len() < wanted {
        let start = head.len();
        head.resize((start + STEP).min(wanted), 0);
        let rest = head.get_mut(start..).unwrap_or_default();
        let asked = rest.len();
        let count = read_up_to(&mut source.reader, rest, path)?;
        if count < asked {
            head.truncate(start + count);
            break;
        }
    }
    Ok(())
}

/// The file of voxels that belongs to a header, whose own bytes are done with.
fn open_voxels(header: Source, header_path: &Path) -> Result<(Source, PathBuf), IoError> {
    let Some(path) = pair::existing(header_path, pair::VOXELS) else {
        return Err(missing_half(header_path, pair::VOXELS));
    };
    let hasher = match header.hash {
        // A header has at most a few pages, so there is nothing to cancel.
        Some(hash) => hash.finish(header_path, &CancelToken::new())?,
        None => None,
    };
    Ok((Source::open_hashed(&path, hasher)?, path))
}

fn missing_half(path: &Path, ending: &str) -> IoError {
    let likely = pair::candidates(path, ending).into_iter().next();
    IoError::MissingHalf {
        missing: likely.unwrap_or_default().as_path().into(),
        path: path.into(),
    }
}
