//! Promises of all methods, as properties.

use proptest::prelude::*;
use voxplain::base::CancelToken;
use voxplain::explain::supervoxels::{
    Cells, Image, Method, Restriction, SupervoxelSettings, Supervoxels, find,
};

use crate::sound::assert_sound;

/// A small scan with classes and a region.
#[derive(Debug)]
struct Case {
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    channels: Vec<Vec<f32>>,
    include: Vec<bool>,
    classes: Vec<u16>,
    settings: SupervoxelSettings,
}

fn cases() -> impl Strategy<Value = Case> {
    let dims = prop::array::uniform3(1..13_usize);
    let spacing_mm = prop::array::uniform3(0.4..5.0_f64);
    let kind = (
        prop::sample::select(Method::ALL.to_vec()),
        prop::sample::select(vec![Cells::Slic, Cells::Cubes, Cells::Fcc]),
    );
    let amounts = (
        1..400_usize,
        prop::sample::select(vec![0.0, 0.01, 0.2, 1.0]),
        1..4_usize,
    );
    (dims, spacing_mm, kind, amounts, any::<u32>(), any::<bool>()).prop_map(
        |(dims, spacing_mm, (method, cells), (count, compactness, channels), seed, whole)| {
            let size: usize = dims.iter().product();
            let random = |index: usize, of: u32| {
                let bits = (index as u32 ^ seed ^ of << 27).wrapping_mul(2_654_435_761);
                (bits ^ bits >> 15).wrapping_mul(2_246_822_519) >> 16
            };
            let value = |index: usize, of: u32| match random(index, of) % 500 {
                0 => f32::NAN,
                1 => f32::INFINITY,
                2 => f32::NEG_INFINITY,
                _ => random(index / 3, of) as f32,
            };
            // A box is one piece, whatever its size.
            let low = |axis: usize| random(axis, 9) as usize % dims[axis];
            let inside = |index: usize| {
                let at = position(dims, index);
                whole || (0..3).all(|axis| at[axis] >= low(axis))
            };
            let class = |index: usize| {
                let [x, y, z] = position(dims, index);
                let block = x / 4 + 5 * (y / 3) + 25 * (z / 5);
                [0, 0, 1, 2, 9][random(block, 8) as usize % 5]
            };
            Case {
                dims,
                spacing_mm,
                channels: (0..channels as u32)
                    .map(|of| (0..size).map(|index| value(index, of)).collect())
                    .collect(),
                include: (0..size).map(inside).collect(),
                classes: (0..size).map(class).collect(),
                settings: SupervoxelSettings {
                    method,
                    cells,
                    count,
                    compactness,
                    ..Default::default()
                },
            }
        },
    )
}

fn position([nx, ny, _]: [usize; 3], index: usize) -> [usize; 3] {
    [index % nx, index / nx % ny, index / (nx * ny)]
}

impl Case {
    fn cut(&self, threads: usize) -> Supervoxels {
        let channels: Vec<&[f32]> = self.channels.iter().map(Vec::as_slice).collect();
        let image = Image {
            channels: &channels,
            dims: self.dims,
            spacing_mm: self.spacing_mm,
        };
        let restriction = Restriction {
            include: Some(&self.include),
            classes: Some(&self.classes),
        };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| find(&image, &restriction, &self.settings, &CancelToken::new()))
            .unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_voxel_of_the_region_is_in_one_connected_supervoxel(case in cases()) {
        let found = case.cut(1);
        assert_sound(&found, case.dims, |index| case.include[index]);
        prop_assert_eq!(&found, &case.cut(2));

        let voxels = case.include.iter().filter(|&&inside| inside).count();
        let wanted = case.settings.count.min(voxels);
        let slack = match case.settings.method {
            Method::Slic => 0,
            Method::Cubes | Method::Fcc => wanted / 10,
            // As many as the segmentation has parts, if that is more.
            Method::Organs | Method::OrganHybrid => return Ok(()),
        };
        prop_assert!(found.count.abs_diff(wanted) <= slack, "{} of {}", found.count, wanted);
    }
}

/// Cells of a lattice are equal but at the border, and round: the mean squared distance
/// from a rhombic dodecahedron's centre is 0.0787·volume^(2/3) for each axis, from a
/// cube's centre 0.0833.
#[test]
fn fcc_cells_are_round_and_even_in_millimetres() {
    let (dims, spacing_mm) = ([96, 96, 48], [1.0, 1.0, 2.0]);
    let image = Image {
        channels: &[],
        dims,
        spacing_mm,
    };
    let settings = SupervoxelSettings {
        method: Method::Fcc,
        count: 200,
        ..Default::default()
    };
    let found = find(
        &image,
        &Restriction::default(),
        &settings,
        &CancelToken::new(),
    )
    .unwrap();
    assert!(found.count.abs_diff(200) <= 20, "{}", found.count);
    assert_sound(&found, dims, |_| true);

    let mut cells = vec![(0.0, [0.0; 3], [0.0; 3], true); found.count];
    for (index, &label) in found.labels.iter().enumerate() {
        let at = position(dims, index);
        let (n, sums, squares, whole) = &mut cells[usize::from(label) - 1];
        *n += 1.0;
        for axis in 0..3 {
            let mm = at[axis] as f64 * spacing_mm[axis];
            sums[axis] += mm;
            squares[axis] += mm * mm;
            *whole &= at[axis] > 0 && at[axis] + 1 < dims[axis];
        }
    }
    let inner: Vec<_> = cells.into_iter().filter(|cell| cell.3).collect();
    assert!(inner.len() > 20, "{}", inner.len());
    let volumes: Vec<f64> = inner.iter().map(|cell| 2.0 * cell.0).collect();
    let mean = volumes.iter().sum::<f64>() / volumes.len() as f64;
    let mut shapes = Vec::new();
    for (volume, (n, sums, squares, _)) in volumes.iter().zip(inner) {
        assert!((volume / mean - 1.0).abs() < 0.1, "{volume} of {mean} mm³");
        for axis in 0..3 {
            let between_voxels = squares[axis] / n - (sums[axis] / n).powi(2);
            let spread = between_voxels + spacing_mm[axis].powi(2) / 12.0;
            shapes.push(spread / volume.powf(2.0 / 3.0));
        }
    }
    let shape = shapes.iter().sum::<f64>() / shapes.len() as f64;
    assert!((shape - 0.0787).abs() < 0.0015, "{shape}");
}

#[test]
fn methods_are_written_as_they_are_read() {
    for method in Method::ALL {
        assert_eq!(method.name().parse::<Method>().unwrap(), method);
        let json = serde_json::to_value(method).unwrap();
        assert_eq!(json, method.name());
    }
    let error = "spheres".parse::<Method>().unwrap_err().to_string();
    assert!(error.contains("organ-hybrid"), "{error}");
}
