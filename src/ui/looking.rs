//! Changes of a look that take more than setting a number.

use glam::DVec3;

use crate::base::Plane;
use crate::gpu::Window;
use crate::ui::grey_windows::Unit;
use crate::ui::state::Look;
use crate::volume::{self, Volume};

impl Look {
    /// Looks at another channel, through the window it was last looked at through.
    pub fn show_channel(&mut self, channel: usize, volume: &Volume) {
        let before = (self.channel, self.window);
        self.channel_windows
            .retain(|(other, _)| *other != self.channel);
        self.channel_windows.push(before);
        self.channel = channel;
        self.unit = Unit::of(volume);
        let known = self
            .channel_windows
            .iter()
            .find(|(other, _)| *other == channel);
        self.window = known.map_or_else(
            || {
                let (low, high) = volume::default_window(volume);
                Window { low, high }
            },
            |(_, window)| *window,
        );
    }

    /// Sets a slice view's zoom and keeps the place under `fixed_mm` where it is.
    pub fn set_zoom(&mut self, plane: Plane, zoom: f64, fixed_mm: DVec3) {
        let index = plane as usize;
        if !zoom.is_finite() {
            return;
        }
        let zoom = zoom.clamp(0.02, 60.0);
        let shrink = self.zoom[index] / zoom;
        self.center_mm[index] = fixed_mm + (self.center_mm[index] - fixed_mm) * shrink;
        self.zoom[index] = zoom;
    }
}
