//! NRRD: the files of 3D Slicer, ITK and much of diffusion imaging.
//!
//! Versions 1 to 5, with the voxels behind the header (`.nrrd`) or in files beside it
//! (`.nhdr`), raw or gzip. The format is described at
//! <https://teem.sourceforge.net/nrrd/format.html>. [`header`] reads the fields,
//! [`place`] turns them into a place in the world. Other encodings (bzip2, hex, text)
//! are refused by name.

mod header;
mod place;

use std::io::BufReader;
use std::path::Path;

use super::raster::{Raster, Understood};
use super::source::Source;
use super::text_header::Lines;
use super::{Format, IoError};
use header::Header;

/// Understands an NRRD image and finds its voxels.
pub(super) fn open(path: &Path) -> Result<Raster, IoError> {
    let source = Source::open(path)?;
    let mut lines = Lines::new(BufReader::new(source.reader), path);
    let header = Header::read(&mut lines, path)?;
    let layout = header.layout()?;
    let placed = place::place(&header, layout.dims(), path)?;
    let packing = header.packing()?;
    let (compressed, file_bytes) = (source.compressed, source.file_bytes);
    let understood = Understood {
        format: Format::Nrrd,
        layout,
        placed,
        packing,
        data: header.data(lines, compressed, file_bytes, path)?,
        description: header.content(),
    };
    understood.open(compressed, file_bytes, path)
}
