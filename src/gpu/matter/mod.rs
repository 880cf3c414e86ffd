//! The scan's matter as the march reads it: the transfer function by texel values with
//! its running sums, and the map of blocks that are empty by it.
//!
//! Both are made on the CPU, for the shader and its twin alike, when the scan or the
//! transfer function changes: some kilobytes, and one byte pair a block of 8³ texels.

mod cells;
mod stage;
mod uniform;

pub use cells::{CALM, CellMap, FARTHEST};
pub(super) use stage::MatterStage;
pub use uniform::{Composite, MatterUniform};
