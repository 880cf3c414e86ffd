//! Orientation, spacing and intensity against MONAI's transforms.

use std::io::Read;

use glam::{DAffine3, DMat3, DVec3};
use ndarray::Axis;
use voxplain::base::{Grid, VoxelBox};
use voxplain::model::{Intensity, ModelOrientation, Prepared, Preprocessing, prepare};
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

fn run(name: &str, spacing_mm: Option<[f64; 3]>, intensity: Intensity) -> Prepared {
    let scan = read_nifti(fixture(&format!("preproc/{name}.nii.gz")));
    let region = VoxelBox::whole(scan.grid());
    let preprocessing = Preprocessing {
        orientation: ModelOrientation::ras(),
        spacing_mm,
        intensity,
    };
    prepare(&[&scan], &region, &preprocessing).unwrap()
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
    let unit = [0.0, 1.0];
    let keep = Intensity::Range {
        from: unit,
        to: unit,
        clip: false,
    };
    let ct = Intensity::Range {
        from: [-175.0, 250.0],
        to: unit,
        clip: true,
    };
    let spacing = Some([1.5, 1.5, 2.0]);
    for name in ["lps", "oblique"] {
        check(name, "ras", &run(name, None, keep));
        check(name, "spaced", &run(name, spacing, keep));
        check(name, "scaled", &run(name, spacing, ct));
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
    let preprocessing = Preprocessing {
        orientation: ModelOrientation::ras(),
        spacing_mm: None,
        intensity: Intensity::ZScoreNonzero {},
    };
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

/// Labels come back to the scan's voxels from the same source voxels as with
/// `Invertd` and nearest interpolation.
#[test]
fn the_way_back_is_monais() {
    let unit = [0.0, 1.0];
    let keep = Intensity::Range {
        from: unit,
        to: unit,
        clip: false,
    };
    for name in ["lps", "oblique"] {
        let prepared = run(name, Some([1.5, 1.5, 2.0]), keep);
        let input = npy::<f32>(fixture(&format!("preproc/{name}_inverse_in.npy")));
        let expected = npy::<f32>(fixture(&format!("preproc/{name}_inverse_nearest.npy")));
        // The fixture's first class probability, told apart in steps of 1/60000.
        let level = |v: &f32| (v * 60_000.0).round() as u16;
        let labels = input.index_axis(Axis(0), 0).mapv(|v| level(&v));
        let labels = labels.into_dimensionality::<ndarray::Ix3>().unwrap();
        let map = prepared.labels_to_region(&labels).unwrap();
        let expected: Vec<u16> = expected
            .index_axis(Axis(0), 0)
            .t()
            .iter()
            .map(level)
            .collect();
        // Halfway between two voxels, rounding noise decides which is the nearest.
        let tie = |index: usize| {
            let grid = &prepared.region_grid;
            let at = prepared
                .grid
                .voxel(grid.world(grid.position(index).map(|v| v as f64)));
            at.to_array()
                .iter()
                .any(|v| (v - v.floor() - 0.5).abs() < 1e-6)
        };
        let pairs = map.labels().iter().zip(&expected).enumerate();
        let different = pairs.filter(|(i, (a, b))| a != b && !tie(*i)).count();
        assert_eq!(different, 0, "{name}");
    }
}
