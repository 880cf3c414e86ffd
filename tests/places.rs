//! Evidence in the volume rendering lies where nibabel says that it is in the body:
//! outlines of supervoxels, and the line between two of them, seen from six sides.
//!
//! The picture is that of the CPU twin, which tests/twins.rs holds against the shader.

use std::collections::BTreeMap;

use glam::{DVec2, DVec3};
use serde::Deserialize;
use voxplain::base::CancelToken;
use voxplain::gpu::transfer::TransferTable;
use voxplain::gpu::twin::{TwinScene, render_raycast};
use voxplain::gpu::{MaskCut, PlayerSample, Quality, RaycastView, StandardView, Tier, Window};
use voxplain::volume::{LabelMap, Volume, Voxels};

const SIZE_PX: [u32; 2] = [240, 240];
const MM_PER_PIXEL: f64 = 0.25;

#[derive(Deserialize)]
struct Expected {
    target_mm: [f64; 3],
    views: BTreeMap<String, Seen>,
}

/// All in millimetres to the right and up from the target.
#[derive(Deserialize)]
struct Seen {
    centroid_mm: [f64; 2],
    low_mm: [f64; 2],
    high_mm: [f64; 2],
    /// The corners of the face between the two supervoxels, in order.
    face_mm: [[f64; 2]; 4],
}

fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/volume_places")
        .join(name)
}

fn supervoxels() -> LabelMap {
    let path = fixture("supervoxels.nii.gz");
    let opened = voxplain::io::open_volume(&path, &mut |_| {}, &CancelToken::new()).unwrap();
    LabelMap::from_volume(&opened.volume).unwrap()
}

/// Both supervoxels as the relevance mask, in a scan of which nothing is seen.
fn scene(supervoxels: &LabelMap) -> TwinScene {
    let grid = *supervoxels.grid();
    let air = Voxels::F32(vec![-1000.0; grid.voxel_count()]);
    let scan = Volume::new(grid, air, (1.0, 0.0), "air").unwrap();
    let player = PlayerSample {
        value: Some(1.0),
        interval_half_width: Some(0.1),
    };
    let mut scene = TwinScene::new();
    scene.set_scan(Some(&scan));
    scene.set_transfer(&TransferTable::default());
    scene.set_supervoxels(Some(supervoxels));
    scene.set_players(&[player; 2]);
    scene
}

fn view(supervoxels: &LabelMap, target_mm: DVec3, from: StandardView) -> RaycastView {
    let quality = Quality::at_rest(Tier::Full, supervoxels.grid());
    let window = Window {
        low: 0.0,
        high: 1.0,
    };
    let mut view = RaycastView::of(supervoxels.grid(), window, SIZE_PX, quality);
    view.camera.target_mm = target_mm;
    view.camera.orthographic = true;
    view.camera.vertical_field_of_view = 0.5;
    // The plane through the target keeps its size.
    let height_mm = f64::from(SIZE_PX[1]) * MM_PER_PIXEL;
    view.camera.distance_mm = height_mm / 2.0 / (0.25_f64).tan();
    view.camera.look_from(from);
    view.overlay.mask = Some(MaskCut::above(0.5));
    view.overlay.heatmap_opacity = 1.0;
    view.overlay.boundary_opacity = 0.0;
    view.haze_per_mm = 0.0;
    view
}

/// The places of all pixels that differ between two pictures.
fn differing(a: &[u8], b: &[u8], by: u8) -> Vec<DVec2> {
    let pixels = a.chunks_exact(4).zip(b.chunks_exact(4)).enumerate();
    pixels
        .filter(|(_, (a, b))| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > by))
        .map(|(index, _)| {
            let width = SIZE_PX[0] as usize;
            let pixel = DVec2::new((index % width) as f64, (index / width) as f64) + 0.5;
            let middle = DVec2::new(f64::from(SIZE_PX[0]), f64::from(SIZE_PX[1])) / 2.0;
            (pixel - middle) * DVec2::new(1.0, -1.0) * MM_PER_PIXEL
        })
        .collect()
}

fn distance_to_edge(place: DVec2, from: DVec2, to: DVec2) -> f64 {
    let along = to - from;
    let t = (place - from).dot(along) / along.length_squared().max(1e-12);
    place.distance(from + along * t.clamp(0.0, 1.0))
}

#[test]
fn evidence_is_seen_where_nibabel_has_it() {
    let text = std::fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: Expected = serde_json::from_str(&text).unwrap();
    let supervoxels = supervoxels();
    let scene = scene(&supervoxels);
    let target_mm = DVec3::from(expected.target_mm);
    assert_eq!(expected.views.len(), StandardView::ALL.len());
    let mut lines = 0;
    for from in StandardView::ALL {
        let seen = &expected.views[from.label()];
        let shown = view(&supervoxels, target_mm, from);
        let picture = render_raycast(&scene, &shown);
        let mut hidden = shown;
        hidden.overlay.heatmap_opacity = 0.0;
        let empty = render_raycast(&scene, &hidden);
        let evidence = differing(&picture.rgba, &empty.rgba, 8);
        assert!(
            evidence.len() > 1000,
            "{}: {}",
            from.label(),
            evidence.len()
        );

        // The outline: its middle to a quarter of a millimetre. Its ends may be rounded by
        // less than half a voxel, since surfaces of labels are smoothed.
        let centroid = evidence.iter().sum::<DVec2>() / evidence.len() as f64;
        let off = centroid.distance(DVec2::from(seen.centroid_mm));
        assert!(off < 0.25, "{}: {off} mm", from.label());
        let low = evidence.iter().copied().reduce(DVec2::min).unwrap();
        let high = evidence.iter().copied().reduce(DVec2::max).unwrap();
        let ends = [(low, seen.low_mm), (high, seen.high_mm)];
        for (found, wanted) in ends {
            let off = (found - DVec2::from(wanted)).abs();
            assert!(
                off.max_element() < 1.3,
                "{}: {found} {wanted:?}",
                from.label()
            );
        }

        // The line between the two lies on the edge of the face that parts them.
        let mut lined = shown;
        lined.overlay.boundary_opacity = 1.0;
        let line = differing(&render_raycast(&scene, &lined).rgba, &picture.rgba, 30);
        lines += line.len();
        let corners = seen.face_mm.map(DVec2::from);
        for place in line {
            let off = (0..4)
                .map(|i| distance_to_edge(place, corners[i], corners[(i + 1) % 4]))
                .fold(f64::INFINITY, f64::min);
            assert!(off < 1.0, "{}: {place} is {off} mm off", from.label());
        }
    } // From two of the sides the face is seen flat on, and its edge is hardly seen.
    assert!(lines > 400, "{lines}");
}
