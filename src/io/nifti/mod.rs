//! NIfTI-1 and NIfTI-2: the files brain and body research keeps scans in. Also what
//! was there before them: ANALYZE 7.5.
//!
//! [`header`] turns the first bytes into named fields ([`analyze`] those of the old
//! format), [`place`] turns those into a place in the world, [`file`](mod@file) finds
//! the voxels, in the same file or in the other half of a [`pair`], and
//! [`read`](mod@read) and [`write`](mod@write) move them. Names of labels travel in an
//! [`extension`]. The components of colours are frames; complex voxels are refused.
//!
//! # Large uncompressed files stay on disk
//!
//! A `.nii` of 64 MiB or more in this machine's byte order is mapped into memory rather
//! than read. Its length is checked when it is opened. Another program that cuts the
//! file short while it is open makes the system end this one (SIGBUS on Unix), and one
//! that overwrites it in place changes the image; programs that write a new file and
//! rename it do no harm. Where files may change like that, or lie on a network drive
//! that may go away, set [`Request::map_files`](super::Request::map_files) to false and
//! the file is read.

mod analyze;
mod extension;
mod file;
mod header;
mod pair;
mod place;
mod read;
mod write;

pub use file::describe;
pub use pair::files_of;
pub use read::read;
pub use write::{write_labels, write_labels_named, write_value_frames, write_values, write_volume};
