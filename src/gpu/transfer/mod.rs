//! How scan values become colour and opacity in the volume rendering.
//!
//! A [`TransferFunction`] is a few control points in the units of the scan; its
//! [`TransferTable`] is what the march reads. A [`Preset`] is a ready-made one.
//! Nothing here draws.

mod function;
mod preset;
mod table;
mod values;

pub use function::{Compositing, ControlPoint, LARGEST_OPACITY_PER_MM, TransferFunction};
pub use preset::Preset;
pub use table::{ENTRIES, TransferTable};
pub use values::ScanValues;
