//! The four views: three slices and the volume.

mod marks;
pub mod slice;
pub mod volume;

use egui::Rect;

use crate::gpu::OverlayStyle;
use crate::ui::command::Pane;
use crate::ui::state::Facts;

/// What the views show.
pub struct Shown<'a> {
    pub facts: &'a Facts,
    /// How the layers above the scan are drawn.
    pub overlay: OverlayStyle,
    /// Whether the user has changed the look since the last frame.
    pub look_changed: bool,
}

/// Where each visible view goes in the space of the views.
pub fn layout(space: Rect, enlarged: Option<Pane>) -> Vec<(Pane, Rect)> {
    const GAP: f32 = 2.0;
    if let Some(pane) = enlarged {
        return vec![(pane, space)];
    }
    let size = ((space.size() - egui::Vec2::splat(GAP)) / 2.0).max(egui::Vec2::splat(1.0));
    Pane::ALL
        .into_iter()
        .enumerate()
        .map(|(index, pane)| {
            let cell = egui::Vec2::new((index % 2) as f32, (index / 2) as f32);
            (
                pane,
                Rect::from_min_size(space.min + cell * (size + egui::Vec2::splat(GAP)), size),
            )
        })
        .collect()
}
