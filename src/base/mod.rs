//! Floor 0: words every other floor uses.
//!
//! Grids and their place in the world, orientation letters, progress and
//! cancelling, and memory. Nothing here reads a file, draws, or knows a network.

pub mod colour;
mod grid;
mod memory;
mod orientation;
mod plane;
mod progress;

pub use grid::{Grid, GridError, VoxelBox, WorldBox};
pub use memory::{MemoryLimit, MemoryLimitError};
pub use orientation::{AnatomicalAxis, Direction, Orientation};
pub use plane::{Convention, Plane, side_letter};
pub use progress::{CancelToken, Cancelled, Pace, Phase, Progress};

/// The sentence that every window, picture and report carries.
pub const RESEARCH_USE: &str = "Research use only. Not for diagnostic use.";
