//! Floor 2: what is kept of an explanation.
//!
//! Tables ([`players`]), pictures ([`picture`], [`montage`]), the page
//! ([`html`]) and how it all came about ([`provenance`]), from plain rows and
//! pixels. Nothing here computes an attribution or draws a scan: `explain`, `gpu`
//! and `engine` hand over what is to be shown.

mod base64;
pub mod evidence;
pub mod font;
pub mod html;
pub mod montage;
mod numbers;
pub mod picture;
pub mod players;
pub mod plot;
pub mod provenance;

use crate::io::{IoError, ShownPath};

pub use montage::Montage;
pub use picture::Picture;
pub use players::{PlayerRow, read_players, write_players};
pub use provenance::Explanation;

/// Why a report could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Io(#[from] IoError),
    #[error("this is not an explanation of this program ({why}): {path}")]
    BadProvenance { why: String, path: ShownPath },
    #[error("this is not a table of supervoxels of this program ({why}): {path}")]
    BadPlayers { why: String, path: ShownPath },
    #[error("a result is not a finite number ({why}), so it is not written: {path}")]
    NotFinite { why: String, path: ShownPath },
    #[error("the picture cannot be stored as PNG ({0})")]
    Png(#[from] png::EncodingError),
}
