//! Images that are a header and plain numbers: what a reader understood of the header,
//! and the rest of the way to volumes, the same for every such format.

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::cut::{Cut, check_memory};
use super::detached::{Data, Packing};
use super::image::display_name;
use super::layout::AxisLayout;
use super::source::Stream;
use super::{
    Described, Format, Frames, GeometryWarning, ImageSummary, IoError, LabelNames, Opened,
    PlacedBy, Reading, Request,
};
use crate::base::{Grid, Orientation};
use crate::volume::Volume;

/// Where an image lies, and how sure that is.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub grid: Grid,
    pub placed_by: PlacedBy,
    pub warnings: Vec<GeometryWarning>,
}

/// What a header in text says, and where the voxels are.
pub(super) struct Understood {
    pub format: Format,
    pub layout: AxisLayout,
    pub placed: Placed,
    pub packing: Packing,
    pub data: Data,
    pub description: String,
}

impl Understood {
    /// Finds the voxels. `compressed` and `file_bytes` are the header's file's.
    pub fn open(self, compressed: bool, file_bytes: u64, path: &Path) -> Result<Raster, IoError> {
        let voxels = self.data.open(self.packing, self.layout.bytes(), path)?;
        Ok(Raster {
            format: self.format,
            compressed: compressed || self.packing.compressed,
            layout: self.layout,
            placed: self.placed,
            reader: voxels.reader,
            data_path: voxels.path,
            files: std::iter::once(path.to_owned())
                .chain(voxels.files)
                .collect(),
            file_bytes: file_bytes.saturating_add(voxels.file_bytes),
            description: self.description,
        })
    }
}

/// An image whose stored numbers are its values, before they are read.
pub(super) struct Raster {
    pub format: Format,
    pub compressed: bool,
    pub layout: AxisLayout,
    pub placed: Placed,
    /// Stands at the first number. What it reads from can hold all of them.
    pub reader: Box<dyn Read>,
    /// The file to name where numbers lack.
    pub data_path: PathBuf,
    /// All files of the image, the named one first.
    pub files: Vec<PathBuf>,
    /// Size on disk of all files.
    pub file_bytes: u64,
    pub description: String,
}

impl Raster {
    /// What is known from the header.
    pub fn describe(self) -> Described {
        Described {
            summary: self.summary(),
            memory_bytes: self.layout.bytes(),
            warnings: self.placed.warnings,
            label_names: LabelNames::new(),
        }
    }

    fn summary(&self) -> ImageSummary {
        let grid = &self.placed.grid;
        ImageSummary {
            format: self.format,
            compressed: self.compressed,
            big_endian: self.layout.big_endian,
            voxel_type: self.layout.voxel_type,
            dims: grid.dims(),
            frames: self.layout.frames(),
            frame: 0,
            spacing_mm: grid.spacing_mm(),
            orientation: Orientation::of(grid).letters(),
            placed_by: self.placed.placed_by,
            slope: 1.0,
            intercept: 0.0,
            file_bytes: self.file_bytes,
            description: self.description.clone(),
        }
    }

    /// Reads the frames asked for, whole; `path` is the file that was opened.
    pub fn load(
        self,
        path: &Path,
        request: &Request,
        reading: &mut Reading<'_>,
    ) -> Result<Vec<Opened>, IoError> {
        let summary = self.summary();
        let wanted = wanted_frames(request.frames, summary.frames, path)?;
        let whole = Request {
            part: None,
            stride: [1; 3],
            ..*request
        };
        let cut = Cut::of(&whole, summary.dims, path)?;
        check_memory(request, &cut, summary.voxel_type, wanted.len(), path)?;
        let mut stream = Stream {
            reader: self.reader,
            path: &self.data_path,
            cancel: reading.cancel,
            progress: reading.progress,
            promised: self.layout.bytes(),
            found: 0,
            total: self.layout.end_bytes(&wanted),
        };
        let images = self
            .layout
            .read(&mut stream, wanted.clone(), reading.slice)?;
        let mut warnings = self.placed.warnings;
        if request.frames == Frames::First && summary.frames > 1 {
            warnings.push(GeometryWarning::FirstFrameOnly {
                frames: summary.frames,
            });
        }
        if self.layout.reaches_end(&wanted) && stream.goes_on()? {
            warnings.push(GeometryWarning::TrailingData);
        }

        let name = display_name(path);
        let numbered = request.frames != Frames::First && summary.frames > 1;
        let opened = wanted.zip(images).filter_map(|(frame, voxels)| {
            let name = if numbered {
                format!("{name} {}", frame + 1)
            } else {
                name.clone()
            };
            Some(Opened {
                // Always some: the layout reads exactly as many as the grid has.
                volume: Volume::new(self.placed.grid, voxels, (1.0, 0.0), name)?,
                warnings: warnings.clone(),
                summary: ImageSummary {
                    frame,
                    ..summary.clone()
                },
                label_names: LabelNames::new(),
                file_hash: None,
            })
        });
        Ok(opened.collect())
    }
}

/// The frames that are asked for, by their numbers.
fn wanted_frames(wanted: Frames, frames: usize, path: &Path) -> Result<Range<usize>, IoError> {
    match wanted {
        Frames::First => Ok(0..1),
        Frames::All => Ok(0..frames),
        Frames::One(frame) if frame < frames => Ok(frame..frame + 1),
        Frames::One(wanted) => Err(IoError::NoSuchFrame {
            wanted,
            frames,
            path: path.into(),
        }),
    }
}
