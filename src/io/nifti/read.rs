//! Voxels from a NIfTI file, in their own type.
//!
//! How bytes are fetched and bounded is in `source`.

use std::io::{Cursor, Read};
use std::path::Path;

use super::super::image::display_name;
use super::super::probe::looks_like;
use super::super::source::{MOST_INFLATION, Source, Stream, read_head};
use super::super::{
    Format, Frames, GeometryWarning, ImageSummary, IoError, Opened, Reading, Request,
};
use super::header::{self, Kind, NiftiVersion, Shape};
use super::place::{Place, place};
use crate::base::Orientation;
use crate::volume::Volume;

/// Opens a NIfTI file. The list has one volume a frame and is never empty.
pub fn read(
    path: &Path,
    request: &Request,
    reading: &mut Reading<'_>,
) -> Result<Vec<Opened>, IoError> {
    let source = Source::open(path)?;
    let (compressed, file_bytes) = (source.compressed, source.file_bytes);
    let mut reader = source.reader;
    let head = read_head(&mut reader, path)?;
    let Kind::Nifti {
        version,
        big_endian,
    } = header::kind(&head)
    else {
        return Err(IoError::OtherFormat {
            looks_like: looks_like(&head),
            path: path.into(),
        });
    };
    let format = match version {
        NiftiVersion::One => Format::Nifti1,
        NiftiVersion::Two => Format::Nifti2,
    };
    let fields = header::parse(&head, version, big_endian, path)?;
    let Shape {
        dims,
        frames: frames_in_file,
    } = fields.shape(path)?;
    let voxel_type = fields.voxel_type(path)?;
    let (slope, intercept) = fields.value_scale(path)?;
    let data_offset = fields.data_offset(path)?;
    let description = header::description(&head, version);
    let Place {
        grid,
        source: placed_by,
        mut warnings,
    } = place(&fields, dims, path)?;

    let wanted = match request.frames {
        Frames::First | Frames::One(_) => 1,
        Frames::All => frames_in_file,
    };
    if wanted < frames_in_file {
        warnings.push(GeometryWarning::FirstFrameOnly {
            frames: frames_in_file,
        });
    }
    let frame_bytes = grid.voxel_count() as u64 * voxel_type.size_bytes() as u64;
    let promised = frame_bytes.saturating_mul(frames_in_file as u64);
    // A file that cannot hold what it promises is refused before memory is taken.
    let room = if compressed {
        file_bytes.saturating_mul(MOST_INFLATION)
    } else {
        file_bytes
    };
    let room = room.saturating_sub(data_offset);
    if promised > room {
        return Err(IoError::Truncated {
            of: "of voxels",
            promised,
            found: room,
            path: path.into(),
        });
    }

    let mut stream = Stream {
        reader: Cursor::new(head).chain(reader),
        path,
        cancel: reading.cancel,
        progress: reading.progress,
        promised,
        found: 0,
        total: frame_bytes * wanted as u64,
    };
    stream.skip(data_offset)?;
    let mut images = Vec::new();
    for _ in 0..wanted {
        images.push(stream.voxels(voxel_type, grid.voxel_count(), big_endian)?);
    }
    if wanted == frames_in_file && stream.goes_on()? {
        warnings.push(GeometryWarning::TrailingData);
    }

    let name = display_name(path);
    let orientation = Orientation::of(&grid).letters();
    let opened = images
        .into_iter()
        .enumerate()
        .filter_map(|(frame, voxels)| {
            let name = if wanted == 1 {
                name.clone()
            } else {
                format!("{name} {}", frame + 1)
            };
            // Always some: `voxels` reads exactly as many as the grid has.
            let volume = Volume::new(grid, voxels, (slope, intercept), name)?;
            let summary = ImageSummary {
                format,
                compressed,
                big_endian,
                voxel_type,
                dims,
                frames: frames_in_file,
                frame,
                spacing_mm: grid.spacing_mm(),
                orientation: orientation.clone(),
                placed_by,
                slope,
                intercept,
                file_bytes,
                description: description.clone(),
            };
            Some(Opened {
                volume,
                warnings: warnings.clone(),
                summary,
            })
        });
    Ok(opened.collect())
}
