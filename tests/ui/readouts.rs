//! Where things are in the window, against what nibabel finds in the same images:
//! straight and oblique, in all 48 orientations. `tests/fixtures/readouts/make.py` asked
//! nibabel.

use std::sync::Arc;

use egui::{Pos2, Rect, Vec2};
use glam::{DAffine3, DMat3, DVec3};
use serde::Deserialize;
use voxplain::base::colour::Rgb;
use voxplain::base::{
    AnatomicalAxis, CancelToken, Convention, Grid, Orientation, Plane, side_letter,
};
use voxplain::engine::{OpenOptions, Reading, RegionChoice, Scan, Study, assets};
use voxplain::gpu::twin::{TwinScene, render_slice};
use voxplain::gpu::{Interpolation, OverlayStyle, PlaneLayers, SliceView, Window};
use voxplain::io::nifti::write_labels;
use voxplain::model::Bundle;
use voxplain::ui::panes::pointer;
use voxplain::ui::plane::PlaneView;
use voxplain::ui::state::{Facts, Look};
use voxplain::volume::LabelMap;

use crate::orientations::reordered;
use crate::support::fixture;

#[derive(Deserialize)]
struct Case {
    oblique: bool,
    orientation: String,
    places_mm: Vec<[f64; 3]>,
    voxels: Vec<[usize; 3]>,
    values: Vec<u8>,
}

const WINDOW: Window = Window {
    low: 0.0,
    high: 255.0,
};

/// The image of `make.py`.
fn base(oblique: bool) -> LabelMap {
    let turn = if oblique {
        DMat3::from_rotation_z(0.3) * DMat3::from_rotation_x(-0.2)
    } else {
        DMat3::IDENTITY
    };
    let world_from_voxel = DAffine3 {
        matrix3: turn * DMat3::from_diagonal(DVec3::new(2.0, 1.5, 3.0)),
        translation: DVec3::new(-7.0, 4.0, -11.0),
    };
    let grid = Grid::new([9, 8, 7], world_from_voxel).unwrap();
    let value = |index| {
        let [i, j, k] = grid.position(index);
        ((3 * i + 5 * j + 7 * k + i * j + k * k) % 251) as u16
    };
    LabelMap::new(grid, (0..grid.voxel_count()).map(value).collect()).unwrap()
}

/// The case's image, written to a file and opened as a study.
fn study(case: &Case, bundle: &Arc<Bundle>) -> Arc<Study> {
    let orientation = Orientation::from_letters(&case.orientation).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan.nii.gz");
    write_labels(&path, &reordered(&base(case.oblique), orientation)).unwrap();
    let mut reading = Reading {
        progress: &mut |_| {},
        slice: &mut |_| {},
        cancel: &CancelToken::new(),
    };
    let scan = Scan::open(&[path.into()], &OpenOptions::default(), &mut reading).unwrap();
    let study = Study::new(Arc::new(scan), Arc::clone(bundle), RegionChoice::Whole);
    Arc::new(study.unwrap())
}

#[test]
fn places_voxels_and_values_are_those_of_nibabel() {
    let text = std::fs::read_to_string(fixture("readouts/expected.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 96);
    let bundle = Arc::new(Bundle::open(&assets::demonstration_bundle()).unwrap());
    for case in &cases {
        let facts = Facts {
            study: Some(study(case, &bundle)),
            ..Facts::default()
        };
        let study = facts.study.as_ref().unwrap();
        let mut look = Look::at(study, WINDOW);
        let mut scene = TwinScene::new();
        scene.set_scan(Some(study.first_channel()));
        let found = case.places_mm.iter().zip(&case.voxels).zip(&case.values);
        for ((&place, voxel), &value) in found {
            let place = DVec3::from(place);
            reads(case, &facts, &look, place, *voxel, value);
            look.move_crosshair(place, study.first_channel().grid());
            assert!(look.crosshair_mm.distance(place) < 1e-9);
            for plane in Plane::ALL {
                shows(case, &scene, &look, study, plane, value);
            }
        }
    }
}

/// The readout says millimetres with sides, the voxel and the value.
fn reads(case: &Case, facts: &Facts, look: &Look, at: DVec3, voxel: [usize; 3], value: u8) {
    let name = &case.orientation;
    let words = pointer::place(facts, look, at);
    let [x, y, z] = voxel;
    assert!(
        words.contains(&format!("voxel {x}, {y}, {z}")),
        "{name}: {words}"
    );
    for (mm, axis) in at.to_array().into_iter().zip(AnatomicalAxis::ALL) {
        let letter = axis.letters()[usize::from(mm >= 0.0)];
        let part = format!("{:.1} {letter}", mm.abs());
        assert!(words.contains(&part), "{name}: {words} lacks {part}");
    }
    let readings = pointer::readings(facts, look, at);
    assert_eq!(readings[0].value, value.to_string(), "{name}");
}

/// The slice through the crosshair has the value at the crosshair, in both conventions,
/// with the patient's left where the convention has it.
fn shows(case: &Case, scene: &TwinScene, look: &Look, study: &Study, plane: Plane, value: u8) {
    let rect = Rect::from_min_size(Pos2::ZERO, Vec2::new(64.0, 48.0));
    let bounds = study.first_channel().grid().world_bounds();
    for convention in [Convention::Radiological, Convention::Neurological] {
        let crosshair = look.crosshair_mm;
        let view = PlaneView::fit(rect, plane, convention, &bounds, crosshair, 1.0, crosshair);
        let slice = SliceView {
            center_mm: view.center_mm,
            right: view.right,
            up: view.up,
            mm_per_pixel: 0.05,
            size_px: [3, 3],
            window: WINDOW,
            interpolation: Interpolation::Nearest,
            overlay: OverlayStyle::default(),
            layers: PlaneLayers::default(),
            region: None,
            dim_outside_region: 0.0,
            background: Rgb([255, 0, 255]),
        };
        let name = format!("{} {plane:?} {convention:?}", case.orientation);
        let [r, g, b] = render_slice(scene, &slice).rgb(1, 1).unwrap();
        assert!(
            r == g && g == b && r.abs_diff(value) <= 1,
            "{name}: {r} {g} {b} {value}"
        );
        let more_left = view.point(crosshair - DVec3::X * 5.0).x - view.point(crosshair).x;
        let letter = side_letter(view.right);
        match (plane, convention) {
            (Plane::Sagittal, _) => assert_eq!(letter, 'P', "{name}"),
            (_, Convention::Radiological) => assert!(more_left > 1.0 && letter == 'L', "{name}"),
            (_, Convention::Neurological) => assert!(more_left < -1.0 && letter == 'R', "{name}"),
        }
    }
}
