//! How places in the world lie in the pane of the volume view.

use egui::{Pos2, Rect, Vec2};
use glam::{DVec2, DVec3};

use crate::gpu::Camera;

/// A camera's picture in a pane.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    pub rect: Rect,
    /// Pixels of the pane.
    pub size_px: [u32; 2],
    pub camera: Camera,
}

impl Screen {
    pub fn new(rect: Rect, pixels_per_point: f32, camera: Camera) -> Self {
        let size_px = [rect.width(), rect.height()]
            .map(|points| (points * pixels_per_point).round().max(1.0) as u32);
        Self {
            rect,
            size_px,
            camera,
        }
    }

    fn pixels_per_point(&self) -> DVec2 {
        let [width, height] = self.size_px.map(f64::from);
        DVec2::new(
            width / f64::from(self.rect.width().max(1.0)),
            height / f64::from(self.rect.height().max(1.0)),
        )
    }

    /// The pixel of a point of the pane.
    pub fn pixel(&self, at: Pos2) -> DVec2 {
        let from_corner = at - self.rect.min;
        DVec2::new(f64::from(from_corner.x), f64::from(from_corner.y)) * self.pixels_per_point()
    }

    /// Where a place is in the pane; `None` behind the viewer.
    pub fn point(&self, world_mm: DVec3) -> Option<Pos2> {
        let at = self.camera.project(world_mm, self.size_px)? / self.pixels_per_point();
        Some(self.rect.min + Vec2::new(at.x as f32, at.y as f32))
    }

    /// How far along a unit direction a drag of the pointer moves something at a place,
    /// in mm. A direction toward the viewer is moved along by dragging down.
    pub fn drag_mm(&self, place_mm: DVec3, direction: DVec3, drag: Vec2) -> f64 {
        let Some(here) = self.point(place_mm) else {
            return 0.0;
        };
        let step = |along: DVec3| self.point(place_mm + along).map(|there| there - here);
        let across = step(self.camera.right())
            .map_or(1.0, Vec2::length)
            .max(1e-6);
        let along = step(direction).unwrap_or_default();
        // Seen from nearly in front, a direction has no length on the screen.
        if along.length() < 0.2 * across {
            let toward = -direction.dot(self.camera.forward()).signum();
            return toward * f64::from(drag.y / across);
        }
        f64::from(drag.dot(along) / along.length_sq())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::StandardView;

    #[test]
    fn what_is_dragged_stays_under_the_pointer() {
        let mut camera = Camera::default();
        camera.orbit(0.4, 0.2);
        let rect = Rect::from_min_size(Pos2::new(40.0, 30.0), Vec2::new(401.5, 299.5));
        let screen = Screen::new(rect, 1.5, camera);
        let place = DVec3::new(10.0, -20.0, 5.0);
        let moved = place + DVec3::X * 3.0;
        let drag = screen.point(moved).unwrap() - screen.point(place).unwrap();
        assert!((screen.drag_mm(place, DVec3::X, drag) - 3.0).abs() < 0.1);
        // Pixels and points are the same places.
        let at = screen.point(place).unwrap();
        let pixel = camera.project(place, screen.size_px).unwrap();
        assert!(screen.pixel(at).distance(pixel) < 1e-2);
    }

    #[test]
    fn toward_the_viewer_is_down() {
        let mut camera = Camera::default();
        camera.look_from(StandardView::Anterior);
        let rect = Rect::from_min_size(Pos2::ZERO, Vec2::splat(300.0));
        let screen = Screen::new(rect, 1.0, camera);
        let down = Vec2::new(0.0, 10.0);
        assert!(screen.drag_mm(DVec3::ZERO, DVec3::Y, down) > 1.0);
        assert!(screen.drag_mm(DVec3::ZERO, DVec3::NEG_Y, down) < -1.0);
    }
}
