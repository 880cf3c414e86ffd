//! How scan values become colour and opacity in the volume rendering.
//!
//! A [`TransferFunction`] is a few control points in the units of the scan; its
//! [`TransferTable`] is what the march reads. Ready-made functions are in `preset`.
//! Nothing here draws.

mod function;
mod table;

pub use function::{Compositing, ControlPoint, TransferFunction};
pub use table::{ENTRIES, TransferTable};
