//! NIfTI-1 and NIfTI-2: the files brain and body research keeps scans in.
//!
//! [`header`] turns the first bytes into named fields, [`place`] turns those into
//! a place in the world, [`read`](mod@read) and [`write`](mod@write) move voxels.
//! Two-file images (`.hdr` and `.img`), complex and colour voxels are refused.

mod header;
mod place;
mod read;
mod write;

pub use read::read;
pub use write::{write_labels, write_value_frames, write_values, write_volume};
