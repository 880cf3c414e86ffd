//! The eye of the volume rendering: it orbits a point of the body.

use glam::{DVec2, DVec3};

use crate::base::Grid;

/// How near the camera may come to looking straight up or down, in radians.
const LARGEST_PITCH: f64 = 89.0 * std::f64::consts::PI / 180.0;

/// An orbiting camera. The head is up; at yaw 0 and pitch 0 the viewer stands in
/// front of the patient, whose right side is then on the left of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    pub target_mm: DVec3,
    /// Radians; grows as the viewer walks from the patient's front to the right side.
    pub yaw: f64,
    /// Radians; grows as the viewer rises.
    pub pitch: f64,
    pub distance_mm: f64,
    /// Angle between the bottom and the top of the picture, in radians.
    pub vertical_field_of_view: f64,
    /// Parallel rays. The plane through the target keeps its size.
    pub orthographic: bool,
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            target_mm: DVec3::ZERO,
            yaw: 35.0_f64.to_radians(),
            pitch: 15.0_f64.to_radians(),
            distance_mm: 500.0,
            vertical_field_of_view: 30.0_f64.to_radians(),
            orthographic: false,
        }
    }
}

impl Camera {
    /// A camera that sees the whole of a grid from any side.
    pub fn framing(grid: &Grid) -> Self {
        let camera = Self::default();
        let bounds = grid.world_bounds();
        // The corners of an image are mostly air: the longest side stands for it.
        let radius_mm = bounds.size_mm().max_element() * 0.47;
        Self {
            target_mm: bounds.center_mm(),
            distance_mm: radius_mm / (camera.vertical_field_of_view / 2.0).sin(),
            ..camera
        }
    }

    pub fn forward(&self) -> DVec3 {
        let (sin_yaw, cos_yaw) = self.yaw.sin_cos();
        let (sin_pitch, cos_pitch) = self.pitch.sin_cos();
        -DVec3::new(cos_pitch * sin_yaw, cos_pitch * cos_yaw, sin_pitch)
    }

    pub fn right(&self) -> DVec3 {
        DVec3::new(-self.yaw.cos(), self.yaw.sin(), 0.0)
    }

    pub fn up(&self) -> DVec3 {
        self.right().cross(self.forward())
    }

    pub fn eye_mm(&self) -> DVec3 {
        self.target_mm - self.forward() * self.distance_mm
    }

    /// Half the height of the picture, in mm, on the plane through the target.
    pub fn half_height_mm(&self) -> f64 {
        self.distance_mm * (self.vertical_field_of_view / 2.0).tan()
    }

    pub fn orbit(&mut self, by_yaw: f64, by_pitch: f64) {
        self.yaw = (self.yaw + by_yaw).rem_euclid(std::f64::consts::TAU);
        self.pitch = (self.pitch + by_pitch).clamp(-LARGEST_PITCH, LARGEST_PITCH);
    }

    /// Comes nearer by a factor above 1, goes away by one below.
    pub fn zoom(&mut self, factor: f64) {
        if factor.is_finite() && factor > 0.0 {
            self.distance_mm = (self.distance_mm / factor).clamp(1.0, 1e5);
        }
    }

    /// Moves the target with the pointer, which moved by some pixels in a picture of
    /// a given height.
    pub fn pan(&mut self, by_px: DVec2, height_px: u32) {
        let mm_per_pixel = 2.0 * self.half_height_mm() / f64::from(height_px.max(1));
        self.target_mm += (self.up() * by_px.y - self.right() * by_px.x) * mm_per_pixel;
    }

    /// Start and unit direction, in the world, of the ray through a pixel position.
    pub fn ray(&self, pixel: DVec2, size_px: [u32; 2]) -> (DVec3, DVec3) {
        let [width, height] = size_px.map(|n| f64::from(n.max(1)));
        let half_height = self.half_height_mm();
        let across = self.right() * ((2.0 * pixel.x - width) / height * half_height)
            + self.up() * ((height - 2.0 * pixel.y) / height * half_height);
        let eye = self.eye_mm();
        if self.orthographic {
            (eye + across, self.forward())
        } else {
            (
                eye,
                (self.forward() * self.distance_mm + across).normalize_or(self.forward()),
            )
        }
    }

    /// The pixel position of a world place; `None` behind the viewer.
    pub fn project(&self, world_mm: DVec3, size_px: [u32; 2]) -> Option<DVec2> {
        let [width, height] = size_px.map(f64::from);
        let from_eye = world_mm - self.eye_mm();
        let depth = from_eye.dot(self.forward());
        if depth <= 0.0 {
            return None;
        }
        let scale = if self.orthographic {
            1.0
        } else {
            self.distance_mm / depth
        };
        let pixels_per_mm = scale * height / (2.0 * self.half_height_mm());
        Some(DVec2::new(
            width / 2.0 + from_eye.dot(self.right()) * pixels_per_mm,
            height / 2.0 - from_eye.dot(self.up()) * pixels_per_mm,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_front_the_right_side_is_on_the_left() {
        let camera = Camera {
            yaw: 0.0,
            pitch: 0.0,
            ..Camera::default()
        };
        assert!(camera.eye_mm().y > 0.0);
        let ear = camera.project(DVec3::X * 50.0, [640, 480]);
        assert!(ear.is_some_and(|p| p.x < 320.0 && (p.y - 240.0).abs() < 1e-9));
        let crown = camera.project(DVec3::Z * 50.0, [640, 480]);
        assert!(crown.is_some_and(|p| p.y < 240.0));
    }

    #[test]
    fn rays_pass_through_what_they_project_to() {
        for orthographic in [false, true] {
            let camera = Camera {
                orthographic,
                ..Camera::default()
            };
            let place = DVec3::new(30.0, -40.0, 55.0);
            let pixel = camera.project(place, [640, 480]).unwrap();
            let (origin, direction) = camera.ray(pixel, [640, 480]);
            let along = (place - origin).dot(direction);
            assert!(place.distance(origin + direction * along) < 1e-9);
        }
    }

    #[test]
    fn panning_keeps_the_body_under_the_pointer() {
        let mut camera = Camera {
            orthographic: true,
            ..Camera::default()
        };
        let before = camera.project(DVec3::ZERO, [640, 480]).unwrap();
        camera.pan(DVec2::new(12.0, -7.0), 480);
        let after = camera.project(DVec3::ZERO, [640, 480]).unwrap();
        assert!((after - before).distance(DVec2::new(12.0, -7.0)) < 1e-9);
    }
}
