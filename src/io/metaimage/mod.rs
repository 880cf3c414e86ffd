//! MetaImage: the files of ITK, elastix and many challenges.
//!
//! The header is text, with the voxels behind it (`.mha`) or in files beside it
//! (`.mhd`), plain or zlib. [`header`] reads the fields, [`place`] turns them into a
//! place in the world as ITK does. Voxels written as text are refused.

mod header;
mod place;

use std::io::BufReader;
use std::path::Path;

use super::raster::{Raster, Understood};
use super::source::Source;
use super::text_header::Lines;
use super::{Format, IoError};
use header::Header;

/// Understands a MetaImage and finds its voxels.
pub(super) fn open(path: &Path) -> Result<Raster, IoError> {
    let source = Source::open(path)?;
    let mut lines = Lines::new(BufReader::new(source.reader), path);
    let header = Header::read(&mut lines, path)?;
    let layout = header.layout()?;
    let placed = place::place(&header.fields, header.axes, layout.dims(), path)?;
    let packing = header.packing()?;
    let (compressed, file_bytes) = (source.compressed, source.file_bytes);
    let understood = Understood {
        format: Format::MetaImage,
        layout,
        placed,
        packing,
        data: header.data(lines, compressed, file_bytes, path)?,
        description: header.comment(),
    };
    understood.open(compressed, file_bytes, path)
}
