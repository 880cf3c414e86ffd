//! How a slice pane maps its points to the world.

use egui::{Pos2, Rect, Vec2};
use glam::DVec3;

use crate::base::{Convention, Plane, WorldBox};

/// How a slice pane looks at the world: one plane, a centre and a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaneView {
    pub rect: Rect,
    /// World point in the middle of the pane.
    pub center_mm: DVec3,
    pub right: DVec3,
    pub up: DVec3,
    pub mm_per_point: f64,
}

impl PlaneView {
    /// A view of `bounds` through `crosshair_mm` that fits the pane, then zoomed by
    /// `zoom`, with `center_mm` (dropped onto the plane) in its middle.
    pub fn fit(
        rect: Rect,
        plane: Plane,
        convention: Convention,
        bounds: &WorldBox,
        crosshair_mm: DVec3,
        zoom: f64,
        center_mm: DVec3,
    ) -> Self {
        let (right, up) = plane.screen_axes(convention);
        let fit = fit_mm_per_point(rect, right, up, bounds);
        let normal = right.cross(up).normalize_or_zero();
        Self {
            rect,
            center_mm: center_mm - normal * (center_mm - crosshair_mm).dot(normal),
            right,
            up,
            mm_per_point: (fit / zoom).max(1e-6),
        }
    }

    pub fn world(&self, point: Pos2) -> DVec3 {
        let offset = point - self.rect.center();
        self.center_mm + self.right * (f64::from(offset.x) * self.mm_per_point)
            - self.up * (f64::from(offset.y) * self.mm_per_point)
    }

    pub fn point(&self, world_mm: DVec3) -> Pos2 {
        let offset = world_mm - self.center_mm;
        self.rect.center()
            + Vec2::new(
                (offset.dot(self.right) / self.mm_per_point) as f32,
                (-offset.dot(self.up) / self.mm_per_point) as f32,
            )
    }

    /// The rectangle in which the pane's plane cuts a world box, if it does.
    pub fn cut(&self, region: &WorldBox) -> Option<Rect> {
        let normal = self.right.cross(self.up);
        let along = |p: DVec3| p.dot(normal);
        let corners = region.corners();
        let low = corners
            .iter()
            .map(|&c| along(c))
            .fold(f64::INFINITY, f64::min);
        let high = corners
            .iter()
            .map(|&c| along(c))
            .fold(f64::NEG_INFINITY, f64::max);
        let here = along(self.center_mm);
        (here >= low - 1e-6 && here <= high + 1e-6).then(|| {
            Rect::from_two_pos(
                self.point(DVec3::from(region.min)),
                self.point(DVec3::from(region.max)),
            )
        })
    }
}

/// The scale at which a box just fits a pane.
pub fn fit_mm_per_point(rect: Rect, right: DVec3, up: DVec3, bounds: &WorldBox) -> f64 {
    let size = bounds.size_mm();
    let (width_mm, height_mm) = (size.dot(right.abs()), size.dot(up.abs()));
    let (width, height) = (
        f64::from(rect.width().max(1.0)),
        f64::from(rect.height().max(1.0)),
    );
    (width_mm / width).max(height_mm / height) * 1.02
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::side_letter;

    const BOUNDS: WorldBox = WorldBox {
        min: [-90.0, -120.0, -70.0],
        max: [90.0, 90.0, 110.0],
    };

    fn view(plane: Plane, convention: Convention) -> PlaneView {
        let rect = Rect::from_min_size(Pos2::new(10.0, 20.0), Vec2::new(400.0, 300.0));
        PlaneView::fit(
            rect,
            plane,
            convention,
            &BOUNDS,
            DVec3::new(-25.0, -20.0, -10.0),
            1.5,
            DVec3::new(3.0, -4.0, 5.0),
        )
    }

    #[test]
    fn world_and_point_are_inverse() {
        for plane in Plane::ALL {
            for convention in [Convention::Radiological, Convention::Neurological] {
                let view = view(plane, convention);
                let point = Pos2::new(123.0, 234.0);
                assert!((view.point(view.world(point)) - point).length() < 1e-3);
            }
        }
    }

    #[test]
    fn the_plane_goes_through_the_crosshair() {
        let crosshair = DVec3::new(-25.0, -20.0, -10.0);
        for plane in Plane::ALL {
            let axis = plane.normal().index();
            let view = view(plane, Convention::Radiological);
            let here = view.world(Pos2::new(50.0, 60.0)).to_array()[axis];
            assert!(
                (here - crosshair.to_array()[axis]).abs() < 1e-9,
                "{plane:?}"
            );
        }
    }

    #[test]
    fn patient_left_is_where_the_label_says() {
        let radiological = view(Plane::Axial, Convention::Radiological);
        assert_eq!(side_letter(radiological.right), 'L');
        assert_eq!(side_letter(radiological.up), 'A');
        let neurological = view(Plane::Coronal, Convention::Neurological);
        assert_eq!(side_letter(neurological.right), 'R');
        assert_eq!(side_letter(neurological.up), 'S');
        let left_point = radiological.point(DVec3::new(-50.0, 0.0, -10.0));
        assert!(left_point.x > radiological.rect.center().x);
    }

    #[test]
    fn the_region_is_cut_only_where_it_is() {
        let view = view(Plane::Axial, Convention::Radiological);
        let region = WorldBox {
            min: [-43.0, -46.0, -30.0],
            max: [-8.0, 6.0, 8.0],
        };
        let cut = view.cut(&region).unwrap();
        assert!((f64::from(cut.width()) * view.mm_per_point - 35.0).abs() < 1e-3);
        assert!((f64::from(cut.height()) * view.mm_per_point - 52.0).abs() < 1e-3);
        assert_eq!(view.cut(&region.translated(DVec3::Z * 50.0)), None);
    }
}
