//! Orientation, spacing and intensity against MONAI's transforms.

use std::io::Read;

use glam::{DAffine3, DMat3, DVec3};
use ndarray::Axis;
use voxplain::base::{Grid, Orientation, VoxelBox};
use voxplain::model::{
    ForegroundCrop, Intensity, ModelOrientation, Prepared, Preprocessing, prepare,
};
use voxplain::volume::{Volume, Voxels};

use crate::support::{difference, fixture, npy};

/// A little-endian .nii.gz of the fixtures: voxels and sform, read by its byte offsets.
pub fn read_nifti(path: std::path::PathBuf) -> Volume {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .unwrap();
    let short = |at: usize| i16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let float =
        |at: usize| f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    assert_eq!(short(40), 3, "the fixtures are volumes");
    assert!(short(254) > 0, "the fixtures have an sform");
    let dims = [42, 44, 46].map(|at| short(at) as usize);
    let column = |c: usize| DVec3::from([280, 296, 312].map(|row| f64::from(float(row + 4 * c))));
    let world_from_voxel = DAffine3 {
        matrix3: DMat3::from_cols(column(0), column(1), column(2)),
        translation: column(3),
    };
    let grid = Grid::new(dims, world_from_voxel).unwrap();
    let first = float(108) as usize;
    let values = (0..grid.voxel_count())
        .map(|i| match short(70) {
            2 => f32::from(bytes[first + i]),
            4 => f32::from(short(first + 2 * i)),
            16 => float(first + 4 * i),
            other => panic!("data type {other}"),
        })
        .collect();
    let (slope, intercept) = (f64::from(float(112)), f64::from(float(116)));
    let scale = if slope == 0.0 || slope.is_nan() {
        (1.0, 0.0)
    } else {
        (slope, intercept)
    };
    Volume::new(grid, Voxels::F32(values), scale, "fixture").unwrap()
}

const SPACING_MM: Option<[f64; 3]> = Some([1.5, 1.5, 2.0]);

/// Values stay as they are.
const KEEP: Intensity = Intensity::Range {
    from: [0.0, 1.0],
    to: [0.0, 1.0],
    clip: false,
};

const CT: Intensity = Intensity::Range {
    from: [-175.0, 250.0],
    to: [0.0, 1.0],
    clip: true,
};

fn settings(spacing_mm: Option<[f64; 3]>, intensity: Intensity) -> Preprocessing {
    Preprocessing {
        orientation: ModelOrientation::ras(),
        spacing_mm,
        intensity,
        crop_foreground: None,
    }
}

fn run_with(name: &str, preprocessing: &Preprocessing) -> Prepared {
    let scan = read_nifti(fixture(&format!("preproc/{name}.nii.gz")));
    let region = VoxelBox::whole(scan.grid());
    prepare(&[&scan], &region, preprocessing).unwrap()
}

fn run(name: &str, spacing_mm: Option<[f64; 3]>, intensity: Intensity) -> Prepared {
    run_with(name, &settings(spacing_mm, intensity))
}

fn check(name: &str, step: &str, prepared: &Prepared) {
    let expected = npy::<f32>(fixture(&format!("preproc/{name}_{step}.npy")));
    assert_eq!(
        &prepared.input.shape()[1..],
        expected.shape(),
        "{name} {step}"
    );
    // MONAI's numbers are single precision; intensities here reach 1000.
    let scale = expected.iter().fold(1.0_f32, |a, b| a.max(b.abs()));
    let actual: Vec<f32> = prepared.input.iter().map(|v| v / scale).collect();
    let expected: Vec<f32> = expected.iter().map(|v| v / scale).collect();
    let (largest, _) = difference(&actual, &expected);
    println!("{name} {step}: {largest:.2e} of {scale}");
    assert!(largest <= 1e-5, "{name} {step}: {largest:e}");

    let text = std::fs::read_to_string(fixture("preproc/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let affine = &manifest[name][step]["affine"];
    let m = prepared.grid.world_from_voxel();
    for row in 0..3 {
        let own = [
            m.matrix3.x_axis[row],
            m.matrix3.y_axis[row],
            m.matrix3.z_axis[row],
            m.translation[row],
        ];
        for (column, own) in own.into_iter().enumerate() {
            let expected = affine[row][column].as_f64().unwrap();
            assert!(
                (own - expected).abs() <= 1e-9,
                "{name} {step} {row} {column}: {own} {expected}"
            );
        }
    }
}

#[test]
fn orientation_spacing_and_range_are_monais() {
    for name in ["lps", "oblique"] {
        check(name, "ras", &run(name, None, KEEP));
        check(name, "spaced", &run(name, SPACING_MM, KEEP));
        check(name, "scaled", &run(name, SPACING_MM, CT));
    }
}

fn cropped(name: &str) -> Prepared {
    run_with(
        name,
        &Preprocessing {
            crop_foreground: Some(ForegroundCrop::default()),
            ..settings(SPACING_MM, CT)
        },
    )
}

#[test]
fn the_foreground_crop_is_monais() {
    for name in ["lps", "oblique"] {
        check(name, "cropped", &cropped(name));
    }
}

/// Other orientations hold the same voxels in the same places.
#[test]
fn any_orientation_keeps_voxels_in_place() {
    let ras = run("oblique", None, KEEP);
    for letters in ["LPS", "SAR", "ILP"] {
        let turned = run_with(
            "oblique",
            &Preprocessing {
                orientation: ModelOrientation::from_letters(letters).unwrap(),
                ..settings(None, KEEP)
            },
        );
        assert_eq!(Orientation::of(&turned.grid).letters(), letters);
        for ((_, x, y, z), value) in turned.input.indexed_iter() {
            let world = turned.grid.world([x, y, z].map(|v| v as f64));
            let [x, y, z] = ras.grid.nearest_voxel(world).unwrap();
            assert_eq!(ras.input[[0, x, y, z]], *value, "{letters}");
        }
    }
}

#[test]
fn brats_normalisation_is_monais() {
    let input = npy::<f32>(fixture("preproc/brats_in.npy"));
    let expected = npy::<f32>(fixture("preproc/brats_norm.npy"));
    let shape = &input.shape()[1..];
    let grid = Grid::new([shape[0], shape[1], shape[2]], DAffine3::IDENTITY).unwrap();
    let channels: Vec<Volume> = input
        .axis_iter(Axis(0))
        .map(|channel| {
            let values = channel.t().iter().copied().collect();
            Volume::new(grid, Voxels::F32(values), (1.0, 0.0), "channel").unwrap()
        })
        .collect();
    let preprocessing = settings(None, Intensity::ZScoreNonzero {});
    let prepared = prepare(
        &channels.iter().collect::<Vec<_>>(),
        &VoxelBox::whole(&grid),
        &preprocessing,
    )
    .unwrap();
    let actual: Vec<f32> = prepared.input.into_iter().collect();
    let expected: Vec<f32> = expected.into_iter().collect();
    let (largest, _) = difference(&actual, &expected);
    assert!(largest <= 1e-5, "{largest:e}");
}

/// Whether a point of a grid lies halfway between two voxels, where rounding noise
/// decides which is the nearest.
fn is_tie(grid: &Grid, world: DVec3) -> bool {
    let at = grid.voxel(world).to_array();
    at.iter().any(|v| (v - v.floor() - 0.5).abs() < 1e-6)
}

fn world_of(grid: &Grid, index: usize) -> DVec3 {
    grid.world(grid.position(index).map(|v| v as f64))
}

/// Labels come to the model grid from the same voxels as with `Spacing` and nearest
/// interpolation.
#[test]
fn the_way_there_for_labels_is_monais() {
    for name in ["lps", "oblique"] {
        let prepared = run(name, SPACING_MM, KEEP);
        let scan = read_nifti(fixture(&format!("preproc/{name}.nii.gz")));
        let labels: Vec<u16> = scan.to_f32().iter().map(|v| (v + 2000.0) as u16).collect();
        let found = prepared.values_from_region(&labels).unwrap();
        let expected = npy::<f32>(fixture(&format!("preproc/{name}_spaced_nearest.npy")));
        assert_eq!(found.shape(), expected.shape());
        for ((place, found), expected) in found.indexed_iter().zip(expected.iter()) {
            assert_eq!(f32::from(*found) - 2000.0, *expected, "{name} {place:?}");
        }
    }
}

/// Labels come back to the scan's voxels from the same source voxels as with
/// `Invertd` and nearest interpolation.
#[test]
fn the_way_back_for_labels_is_monais() {
    for name in ["lps", "oblique"] {
        let prepared = run(name, SPACING_MM, KEEP);
        let input = npy::<f32>(fixture(&format!("preproc/{name}_inverse_in.npy")));
        let expected = npy::<f32>(fixture(&format!("preproc/{name}_inverse_nearest.npy")));
        for (class, probabilities) in input.axis_iter(Axis(0)).enumerate() {
            // Probabilities told apart in steps of 1/60000.
            let level = |v: &f32| (v * 60_000.0).round() as u16;
            let labels = probabilities.mapv(|v| level(&v));
            let labels = labels.into_dimensionality::<ndarray::Ix3>().unwrap();
            let map = prepared.labels_to_region(&labels).unwrap();
            let expected = expected.index_axis(Axis(0), class);
            let expected: Vec<u16> = expected.t().iter().map(level).collect();
            for (index, (found, expected)) in map.labels().iter().zip(&expected).enumerate() {
                let world = world_of(&prepared.region_grid, index);
                assert!(
                    found == expected || is_tie(&prepared.grid, world),
                    "{name} {class} {index}"
                );
            }
        }
    }
}

/// Probabilities come back to the scan's voxels as with `Invertd` and linear
/// interpolation.
#[test]
fn the_way_back_for_probabilities_is_monais() {
    for name in ["lps", "oblique"] {
        let prepared = run(name, SPACING_MM, KEEP);
        let input = npy::<f32>(fixture(&format!("preproc/{name}_inverse_in.npy")));
        let expected = npy::<f32>(fixture(&format!("preproc/{name}_inverse_linear.npy")));
        for (class, probabilities) in input.axis_iter(Axis(0)).enumerate() {
            let probabilities = probabilities.into_dimensionality::<ndarray::Ix3>().unwrap();
            let found = prepared.values_to_region(probabilities).unwrap();
            let expected = expected.index_axis(Axis(0), class);
            let expected: Vec<f32> = expected.t().iter().copied().collect();
            let (largest, _) = difference(&found, &expected);
            println!("{name} {class}: {largest:.2e}");
            assert!(largest <= 1e-5, "{name} {class}: {largest:e}");
        }
    }
}

/// What the foreground crop removed comes back as background, and the rest as without
/// the crop, except where it is interpolated with what was removed.
#[test]
fn the_way_back_from_a_crop_fills_with_background() {
    for name in ["lps", "oblique"] {
        let (whole, cropped) = (run(name, SPACING_MM, CT), cropped(name));
        let [x, y, z] = cropped.grid.dims();
        let one = cropped
            .labels_to_region(&ndarray::Array3::from_elem((x, y, z), 7))
            .unwrap();
        let shares = cropped
            .values_to_region(ndarray::Array3::ones((x, y, z)).view())
            .unwrap();
        let mut inside = 0;
        for (index, (&label, &share)) in one.labels().iter().zip(&shares).enumerate() {
            let world = world_of(&whole.region_grid, index);
            let full = whole.grid.voxel(world).clamp(
                DVec3::ZERO,
                DVec3::from(whole.grid.dims().map(|n| n as f64 - 1.0)),
            );
            let at = cropped.grid.voxel(whole.grid.world(full.to_array()));
            let last = DVec3::from(cropped.grid.dims().map(|n| n as f64 - 1.0));
            let near = at.cmpge(DVec3::splat(-0.5)).all() && (at - last).max_element() <= 0.5;
            if !is_tie(&whole.grid, world) {
                assert_eq!(label, if near { 7 } else { 0 }, "{name} {index} {at}");
            }
            let within = at.min_element() >= -1e-9 && (at - last).max_element() <= 1e-9;
            let beyond = at.min_element() <= -1.0 || (at - last).max_element() >= 1.0;
            assert!(
                !within || (share - 1.0).abs() < 1e-5,
                "{name} {index} {share}"
            );
            assert!(!beyond || share == 0.0, "{name} {index} {share}");
            inside += usize::from(within);
        }
        let all = one.labels().len();
        assert!(
            inside > all / 4 && inside < all,
            "{name}: {inside} of {all}"
        );
    }
}
