//! From a header that was understood to images: the last part of every reader whose
//! files are a header and plain numbers.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use super::image::display_name;
use super::layout::Layout;
use super::source::Stream;
use super::{
    Format, Frames, GeometryWarning, ImageSummary, IoError, Opened, PlacedBy, Reading, Request,
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

/// What a header said of an image whose stored numbers are its values.
pub(super) struct Described {
    pub format: Format,
    pub compressed: bool,
    pub layout: Layout,
    pub placed: Placed,
    pub file_bytes: u64,
    pub description: String,
}

/// The frames that are asked for, by their numbers.
pub(super) fn wanted_frames(
    wanted: Frames,
    frames: usize,
    path: &Path,
) -> Result<Range<usize>, IoError> {
    match wanted {
        Frames::First => Ok(0..1),
        Frames::All => Ok(0..frames),
        Frames::One(frame) if frame < frames => Ok(frame..frame + 1),
        Frames::One(frame) => Err(IoError::NoSuchFrame {
            frame,
            frames,
            path: path.into(),
        }),
    }
}

impl Described {
    /// Reads the frames asked for. `reader` stands at the first voxel of `data`, which
    /// can hold all bytes of the layout; `path` is the file that was opened.
    pub fn load(
        self,
        reader: impl Read,
        data: &Path,
        path: &Path,
        request: &Request,
        reading: &mut Reading<'_>,
    ) -> Result<Vec<Opened>, IoError> {
        let frames = self.layout.frames();
        let wanted = wanted_frames(request.frames, frames, path)?;
        let mut stream = Stream {
            reader,
            path: data,
            cancel: reading.cancel,
            progress: reading.progress,
            promised: self.layout.bytes(),
            found: 0,
            total: self.layout.span_bytes(&wanted),
        };
        let images = self
            .layout
            .read(&mut stream, wanted.clone(), reading.slice)?;
        let mut warnings = self.placed.warnings;
        if request.frames == Frames::First && frames > 1 {
            warnings.push(GeometryWarning::FirstFrameOnly { frames });
        }
        if self.layout.reaches_end(&wanted) && stream.goes_on()? {
            warnings.push(GeometryWarning::TrailingData);
        }

        let name = display_name(path);
        let grid = self.placed.grid;
        let summary = ImageSummary {
            format: self.format,
            compressed: self.compressed,
            big_endian: self.layout.big_endian,
            voxel_type: self.layout.voxel_type,
            dims: grid.dims(),
            frames,
            frame: 0,
            spacing_mm: grid.spacing_mm(),
            orientation: Orientation::of(&grid).letters(),
            placed_by: self.placed.placed_by,
            slope: 1.0,
            intercept: 0.0,
            file_bytes: self.file_bytes,
            description: self.description,
        };
        let opened = wanted.zip(images).filter_map(|(frame, voxels)| {
            let name = if frames == 1 || request.frames == Frames::First {
                name.clone()
            } else {
                format!("{name} {}", frame + 1)
            };
            Some(Opened {
                // Always some: the layout reads exactly as many as the grid has.
                volume: Volume::new(grid, voxels, (1.0, 0.0), name)?,
                warnings: warnings.clone(),
                summary: ImageSummary {
                    frame,
                    ..summary.clone()
                },
            })
        });
        Ok(opened.collect())
    }
}
