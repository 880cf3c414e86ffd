//! Picking against closed forms.

use super::*;
use crate::base::WorldBox;
use crate::base::colour::Rgb;
use crate::gpu::transfer::{ControlPoint, TransferFunction};
use crate::gpu::view::{ClipPlane, Cutaway, MaskCut, Quality, Window};
use crate::gpu::{Camera, StandardView, Tier};
use crate::volume::Voxels;
use glam::{DAffine3, DMat3};

const RADIUS_MM: f64 = 21.0;
const CENTER_MM: DVec3 = DVec3::new(7.0, -12.0, 30.0);
const SIZE_PX: [u32; 2] = [200, 160];

/// An oblique grid of uneven voxels around the centre.
fn grid() -> Grid {
    let turn = DMat3::from_rotation_z(0.4) * DMat3::from_rotation_x(-0.3);
    let matrix = turn * DMat3::from_diagonal(DVec3::new(1.0, 1.5, 2.0));
    let dims = [64, 44, 34];
    let middle = DVec3::new(31.5, 21.5, 16.5);
    let world_from_voxel = DAffine3::from_mat3_translation(matrix, CENTER_MM - matrix * middle);
    Grid::new(dims, world_from_voxel).unwrap()
}

/// A scan whose values are a function of the place.
fn scan(value: impl Fn(DVec3) -> f64) -> Volume {
    let grid = grid();
    let values = (0..grid.voxel_count())
        .map(|index| value(grid.world(grid.position(index).map(|c| c as f64))) as f32)
        .collect();
    Volume::new(grid, Voxels::F32(values), (1.0, 0.0), "analytic").unwrap()
}

/// 0 on the surface of the ball, growing by one a millimetre toward its middle.
fn ball(place: DVec3) -> f64 {
    RADIUS_MM - place.distance(CENTER_MM)
}

/// Opaque from a value of 0 on.
fn solid() -> TransferTable {
    let point = |value, opacity_per_mm| ControlPoint {
        value,
        colour: Rgb([200; 3]),
        opacity_per_mm,
    };
    TransferFunction::new([point(-0.25, 0.0), point(0.0, 0.999), point(50.0, 0.999)]).table()
}

fn view(from: StandardView) -> RaycastView {
    let window = Window {
        low: 0.0,
        high: 30.0,
    };
    let quality = Quality::at_rest(Tier::Full, &grid());
    let mut view = RaycastView::of(&grid(), window, SIZE_PX, quality);
    view.camera.look_from(from);
    view
}

fn layers(scan: &Volume) -> Pickable<'_> {
    Pickable {
        scan,
        segmentation: None,
        classes: &[],
        supervoxels: None,
        players: &[],
    }
}

/// Where a ray first meets the ball.
fn on_ball(camera: &Camera, pixel: DVec2) -> Option<DVec3> {
    let (origin, direction) = camera.ray(pixel, SIZE_PX);
    let to_center = CENTER_MM - origin;
    let along = to_center.dot(direction);
    let miss = to_center.length_squared() - along * along;
    let half = (RADIUS_MM * RADIUS_MM - miss).max(0.0).sqrt();
    (miss < RADIUS_MM * RADIUS_MM).then(|| origin + direction * (along - half))
}

#[test]
fn a_ball_is_met_on_its_near_side() {
    let scan = scan(ball);
    for from in StandardView::ALL {
        let mut view = view(from);
        view.camera.orbit(0.3, -0.2);
        let mut met = 0;
        for (x, y) in (0..20).flat_map(|x| (0..16).map(move |y| (x, y))) {
            let pixel = DVec2::new(f64::from(x) * 10.0 + 5.0, f64::from(y) * 10.0 + 5.0);
            let found = pick(&layers(&scan), &view, &solid(), pixel);
            let expected = on_ball(&view.camera, pixel);
            let (Some(found), Some(expected)) = (found, expected) else {
                // Along the rim either answer is right.
                assert!(found.is_none() || expected.is_none());
                continue;
            };
            // Seen from the side, a surface is passed slowly.
            let outward = (expected - CENTER_MM).normalize();
            let facing = -outward.dot((expected - view.camera.eye_mm()).normalize());
            let off_mm = found.place_mm.distance(expected);
            assert!(
                off_mm < view.step_mm / facing.max(0.2),
                "{off_mm} mm at {pixel}"
            );
            assert_eq!(found.matter, Matter::Scan);
            met += 1;
        }
        assert!(met > 20, "{met}");
    }
}

#[test]
fn a_cut_ball_is_met_on_the_cut() {
    let scan = scan(ball);
    let mut view = view(StandardView::Anterior);
    let middle = DVec2::new(100.0, 80.0);
    let depth = |view: &RaycastView| {
        let found = pick(&layers(&scan), view, &solid(), middle).unwrap();
        found.place_mm.y
    };
    assert!((depth(&view) - (CENTER_MM.y + RADIUS_MM)).abs() < view.step_mm);
    let toward = Cutaway::toward(
        &view.camera,
        CENTER_MM - DVec3::Y * 4.0,
        [false, true, false],
    );
    view.cutaway = Some(toward);
    assert!((depth(&view) - (CENTER_MM.y - 4.0)).abs() < view.step_mm);
    view.cutaway = None;
    view.crop = Some(WorldBox {
        min: (CENTER_MM - 9.0).into(),
        max: (CENTER_MM + 9.0).into(),
    });
    assert!((depth(&view) - (CENTER_MM.y + 9.0)).abs() < view.step_mm);
    view.crop = None;
    view.clip_planes[1] = Some(ClipPlane {
        point_mm: CENTER_MM + DVec3::Y * 2.0,
        normal: DVec3::Y,
    });
    assert!((depth(&view) - (CENTER_MM.y + 2.0)).abs() < view.step_mm);
}

#[test]
fn projections_meet_the_extreme_value() {
    // Brightest in the middle plane, darkest at one depth behind it.
    let scan = scan(|place| {
        let y = place.y - CENTER_MM.y;
        100.0 * (-y * y / 8.0).exp() - 100.0 * (-(y + 15.0) * (y + 15.0) / 8.0).exp()
    });
    let view = view(StandardView::Anterior);
    for (compositing, expected) in [(Compositing::Maximum, 0.0), (Compositing::Minimum, -15.0)] {
        let table = TransferTable {
            compositing,
            ..solid()
        };
        let found = pick(&layers(&scan), &view, &table, DVec2::new(100.0, 80.0)).unwrap();
        let y = found.place_mm.y - CENTER_MM.y;
        assert!((y - expected).abs() < view.step_mm + 0.5, "{y}");
    }
}

#[test]
fn a_structure_is_met_through_thin_fog() {
    let scan = scan(|place| if ball(place) > 0.0 { 30.0 } else { -30.0 });
    let inner = |place: DVec3| place.distance(CENTER_MM) < 8.0;
    let labels: Vec<u16> = (0..grid().voxel_count())
        .map(|index| grid().world(grid().position(index).map(|c| c as f64)))
        .map(|place| if inner(place) { 3 } else { 0 })
        .collect();
    let map = LabelMap::new(grid(), labels).unwrap();
    let fog = |opacity_per_mm| {
        TransferFunction::new([0.0, 1.0].map(|value| ControlPoint {
            value: value - 1.0,
            colour: Rgb([90; 3]),
            opacity_per_mm: value as f32 * opacity_per_mm,
        }))
        .table()
    };
    let style = |visible| ClassStyle {
        colour: Rgb([255, 0, 0]),
        opacity: 1.0,
        visible,
    };
    let middle = DVec2::new(100.0, 80.0);
    let view = view(StandardView::Left);
    let at = |classes: &[ClassStyle], table: &TransferTable| {
        let layers = Pickable {
            segmentation: Some(&map),
            classes,
            ..layers(&scan)
        };
        pick(&layers, &view, table, middle).unwrap()
    };
    let found = at(&[style(true); 4], &fog(0.02));
    assert_eq!(found.matter, Matter::Class(3));
    // The surface of voxels of up to 2 mm.
    assert!((found.place_mm.x - (CENTER_MM.x - 8.0)).abs() < 1.0);
    assert_eq!(at(&[style(true); 4], &fog(0.5)).matter, Matter::Scan);
    assert_eq!(at(&[style(false); 4], &fog(0.02)).matter, Matter::Scan);

    // The same as a supervoxel: only what the mask holds or the user selected.
    let players = [PlayerSample {
        value: Some(2.0),
        interval_half_width: None,
    }; 3];
    let layers = Pickable {
        supervoxels: Some(&map),
        players: &players,
        ..layers(&scan)
    };
    for (threshold, selected, expected) in [
        (Some(1.0), None, Matter::Supervoxel(3)),
        (Some(3.0), None, Matter::Scan),
        (Some(3.0), Some(3), Matter::Supervoxel(3)),
        (None, None, Matter::Scan),
    ] {
        let mut view = view;
        view.overlay.mask = threshold.map(MaskCut::above);
        view.overlay.selected_supervoxel = selected;
        let found = pick(&layers, &view, &fog(0.02), middle).unwrap();
        assert_eq!(found.matter, expected, "{threshold:?} {selected:?}");
    }
}

#[test]
fn nothing_is_met_beside_the_scan_or_in_air() {
    let scan = scan(|_| -10.0);
    let view = view(StandardView::Anterior);
    for pixel in [DVec2::new(100.0, 80.0), DVec2::ZERO] {
        assert_eq!(pick(&layers(&scan), &view, &solid(), pixel), None);
    }
}
