//! The four views: three slices and the volume.

mod gestures;
pub mod layout;
mod marks;
pub mod pointer;
pub mod ruler;
mod scrub_bar;
pub mod slice;
pub mod volume;

use crate::gpu::OverlayStyle;
use crate::ui::state::Facts;

/// What the views show.
pub struct Shown<'a> {
    pub facts: &'a Facts,
    /// How the layers above the scan are drawn.
    pub overlay: OverlayStyle,
    /// Whether the user has changed the look since the last frame.
    pub look_changed: bool,
}
