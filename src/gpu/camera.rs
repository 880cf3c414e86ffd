//! The eye of the volume rendering: it orbits a point of the body.

use std::f64::consts::TAU;

use glam::{DQuat, DVec2, DVec3};

use crate::base::Grid;

/// Straight down on the head, or straight up at the feet.
const LARGEST_PITCH: f64 = std::f64::consts::FRAC_PI_2;

/// The six sides from which a body is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StandardView {
    Anterior,
    Posterior,
    Left,
    Right,
    Superior,
    Inferior,
}

impl StandardView {
    pub const ALL: [Self; 6] = [
        Self::Anterior,
        Self::Posterior,
        Self::Left,
        Self::Right,
        Self::Superior,
        Self::Inferior,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Anterior => "anterior",
            Self::Posterior => "posterior",
            Self::Left => "left",
            Self::Right => "right",
            Self::Superior => "superior",
            Self::Inferior => "inferior",
        }
    }

    /// From the body toward the viewer, a unit direction in the world.
    pub fn toward_viewer(self) -> DVec3 {
        match self {
            Self::Anterior => DVec3::Y,
            Self::Posterior => DVec3::NEG_Y,
            Self::Left => DVec3::NEG_X,
            Self::Right => DVec3::X,
            Self::Superior => DVec3::Z,
            Self::Inferior => DVec3::NEG_Z,
        }
    }

    /// Yaw and pitch. The patient's front is up in the views from above and below.
    fn angles(self) -> (f64, f64) {
        use std::f64::consts::{FRAC_PI_2, PI};
        match self {
            Self::Anterior => (0.0, 0.0),
            Self::Posterior => (PI, 0.0),
            Self::Left => (3.0 * FRAC_PI_2, 0.0),
            Self::Right => (FRAC_PI_2, 0.0),
            Self::Superior => (PI, FRAC_PI_2),
            Self::Inferior => (0.0, -FRAC_PI_2),
        }
    }
}

/// A camera that moves around a point. The head is up; at yaw 0 and pitch 0 the viewer
/// stands in front of the patient, whose right side is then on the left of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    pub target_mm: DVec3,
    /// Radians; grows as the viewer walks from the patient's front to the right side.
    pub yaw: f64,
    /// Radians; grows as the viewer rises.
    pub pitch: f64,
    /// Radians; grows as the viewer tilts the head to the right. 0 keeps the patient's head up.
    pub roll: f64,
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
            roll: 0.0,
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
        let (right, up) = self.upright();
        right * self.roll.cos() - up * self.roll.sin()
    }

    pub fn up(&self) -> DVec3 {
        self.right().cross(self.forward())
    }

    /// The picture's right and up if the head were not tilted.
    fn upright(&self) -> (DVec3, DVec3) {
        let right = DVec3::new(-self.yaw.cos(), self.yaw.sin(), 0.0);
        (right, right.cross(self.forward()))
    }

    pub fn eye_mm(&self) -> DVec3 {
        self.target_mm - self.forward() * self.distance_mm
    }

    /// Half the height of the picture, in mm, on the plane through the target.
    pub fn half_height_mm(&self) -> f64 {
        self.distance_mm * (self.vertical_field_of_view / 2.0).tan()
    }

    /// Walks around the body like a turntable: the head stays up.
    pub fn orbit(&mut self, by_yaw: f64, by_pitch: f64) {
        self.yaw = (self.yaw + by_yaw).rem_euclid(TAU);
        self.pitch = (self.pitch + by_pitch).clamp(-LARGEST_PITCH, LARGEST_PITCH);
        self.roll = 0.0;
    }

    /// Turns the body like a ball under the pointer: about the picture's own up and
    /// right, without a preferred side.
    pub fn tumble(&mut self, by_yaw: f64, by_pitch: f64) {
        let turn = DQuat::from_axis_angle(self.up(), -by_yaw)
            * DQuat::from_axis_angle(self.right(), -by_pitch);
        self.set_axes(turn * self.forward(), turn * self.right());
    }

    /// Angles for a viewing direction and the picture's right, both unit directions at a
    /// right angle.
    fn set_axes(&mut self, forward: DVec3, right: DVec3) {
        self.pitch = (-forward.z).clamp(-1.0, 1.0).asin();
        // Straight up and down any yaw gives the same direction: the old one stays.
        if forward.x.hypot(forward.y) > 1e-9 {
            self.yaw = (-forward.x).atan2(-forward.y).rem_euclid(TAU);
        }
        let (upright_right, upright_up) = self.upright();
        self.roll = (-right.dot(upright_up)).atan2(right.dot(upright_right));
    }

    /// Looks at the target from a side, from as far away as before.
    pub fn look_from(&mut self, view: StandardView) {
        (self.yaw, self.pitch) = view.angles();
        self.roll = 0.0;
    }

    /// The side that the camera looks from, if it is exactly one.
    pub fn standard_view(&self) -> Option<StandardView> {
        let mut standard = *self;
        StandardView::ALL.into_iter().find(|&view| {
            standard.look_from(view);
            self.forward().dot(standard.forward()) > 1.0 - 1e-9
                && self.right().dot(standard.right()) > 1.0 - 1e-9
        })
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

    #[test]
    fn standard_views_have_the_front_or_the_head_up() {
        for view in StandardView::ALL {
            let mut camera = Camera {
                roll: 1.0,
                ..Camera::default()
            };
            camera.look_from(view);
            assert!(camera.forward().distance(-view.toward_viewer()) < 1e-9);
            let up = match view {
                StandardView::Superior | StandardView::Inferior => DVec3::Y,
                _ => DVec3::Z,
            };
            assert!(camera.up().distance(up) < 1e-9, "{view:?}");
            assert_eq!(camera.standard_view(), Some(view));
            camera.orbit(0.01, 0.0);
            assert_eq!(camera.standard_view(), None);
        }
    }

    #[test]
    fn a_tumbling_body_goes_where_the_pointer_goes_and_comes_back() {
        let mut camera = Camera::default();
        camera.look_from(StandardView::Superior);
        let axes = |camera: &Camera| [camera.forward(), camera.right(), camera.up()];
        let before = axes(&camera);
        // What is nearest to the viewer moves right and down with the pointer.
        let front = -camera.forward() * 50.0;
        let place = |camera: &Camera| camera.project(front, [640, 480]).unwrap();
        let at = place(&camera);
        camera.tumble(0.1, 0.0);
        assert!(place(&camera).x > at.x + 1.0);
        camera.tumble(-0.1, 0.0);
        camera.tumble(0.0, 0.1);
        assert!(place(&camera).y > at.y + 1.0);
        // Small steps all the way around, through both poles.
        camera.tumble(0.0, -0.1);
        for _ in 0..100 {
            camera.tumble(0.0, TAU / 100.0);
            let [forward, right, up] = axes(&camera);
            assert!(right.cross(forward).distance(up) < 1e-9);
        }
        for (now, then) in axes(&camera).into_iter().zip(before) {
            assert!(now.distance(then) < 1e-6, "{now} {then}");
        }
        assert!((camera.right().length() - 1.0).abs() < 1e-12);
    }
}
