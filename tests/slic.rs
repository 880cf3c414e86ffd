//! Supervoxels against a phantom with known regions, and the promises they make on
//! any image. The measures are those of the reference script that made the phantom.

#[path = "support/adapter.rs"]
mod adapter;
#[path = "supervoxels/on_device.rs"]
mod on_device;
#[path = "supervoxels/sound.rs"]
mod sound;

use ndarray::{Array3, ShapeBuilder as _};
use voxplain::base::CancelToken;
use voxplain::explain::ExplainError;
use voxplain::explain::supervoxels::{
    Image, Method, Restriction, SupervoxelSettings, Supervoxels, find,
};

use sound::assert_sound;

const DIMS: [usize; 3] = [64, 56, 40];
const SPACING_MM: [f64; 3] = [1.0, 1.0, 2.0];

fn fixture<T: ndarray_npy::ReadableElement + Copy>(name: &str) -> Vec<T> {
    let path = format!("{}/tests/fixtures/slic/{name}", env!("CARGO_MANIFEST_DIR"));
    let array: Array3<T> = ndarray_npy::read_npy(path).unwrap();
    assert_eq!(array.shape(), DIMS);
    // x fastest: the transposed array in standard order.
    array.t().iter().copied().collect()
}

fn settings(count: usize, compactness: f64) -> SupervoxelSettings {
    SupervoxelSettings {
        count,
        compactness,
        ..Default::default()
    }
}

fn cut(
    channels: &[&[f32]],
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    include: Option<&[bool]>,
    settings: &SupervoxelSettings,
    cancel: &CancelToken,
) -> Result<Supervoxels, ExplainError> {
    let image = Image {
        channels,
        dims,
        spacing_mm,
    };
    let restriction = Restriction {
        include,
        ..Default::default()
    };
    find(&image, &restriction, settings, cancel)
}

fn run(image: &[f32], dims: [usize; 3], settings: &SupervoxelSettings) -> Supervoxels {
    cut(
        &[image],
        dims,
        SPACING_MM,
        None,
        settings,
        &CancelToken::new(),
    )
    .unwrap()
}

fn at(dims: [usize; 3], labels: &[u16]) -> Array3<u16> {
    Array3::from_shape_vec(dims.f(), labels.to_vec()).unwrap()
}

/// Voxels beside a face between two labels.
fn boundary(labels: &Array3<u16>) -> Array3<bool> {
    let (nx, ny, nz) = labels.dim();
    Array3::from_shape_fn((nx, ny, nz), |(x, y, z)| {
        let own = labels[[x, y, z]];
        let differs = |dx: isize, dy: isize, dz: isize| {
            let at = [x as isize + dx, y as isize + dy, z as isize + dz].map(|v| v as usize);
            labels.get(at).is_some_and(|&other| other != own)
        };
        differs(-1, 0, 0)
            || differs(1, 0, 0)
            || differs(0, -1, 0)
            || differs(0, 1, 0)
            || differs(0, 0, -1)
            || differs(0, 0, 1)
    })
}

/// Share of the true boundary with a found boundary in its 3×3×3 neighbourhood.
fn boundary_recall(found: &Array3<u16>, truth: &Array3<u16>) -> f64 {
    let (found, truth) = (boundary(found), boundary(truth));
    let (mut hit, mut all) = (0, 0);
    for ((x, y, z), _) in truth.indexed_iter().filter(|(_, edge)| **edge) {
        all += 1;
        let near = |v: usize, n: usize| v.saturating_sub(1)..(v + 2).min(n);
        let (nx, ny, nz) = found.dim();
        hit += usize::from(
            near(x, nx).any(|x| near(y, ny).any(|y| near(z, nz).any(|z| found[[x, y, z]]))),
        );
    }
    f64::from(hit as u32) / f64::from(all)
}

/// Achievable segmentation accuracy: the share of voxels in the majority class of
/// their supervoxel. 1 minus it is the corrected under-segmentation error.
fn achievable_accuracy(found: &[u16], truth: &[u16]) -> f64 {
    let mut table = std::collections::HashMap::<u16, std::collections::HashMap<u16, usize>>::new();
    for (&label, &class) in found.iter().zip(truth) {
        *table.entry(label).or_default().entry(class).or_default() += 1;
    }
    let majority: usize = table
        .values()
        .map(|classes| *classes.values().max().unwrap())
        .sum();
    majority as f64 / found.len() as f64
}

#[test]
fn follows_the_phantom_better_than_the_references() {
    let image: Vec<f32> = fixture("img_64x56x40.npy");
    let truth: Vec<u16> = fixture::<u8>("gt_64x56x40.npy")
        .into_iter()
        .map(u16::from)
        .collect();
    for (count, compactness) in [
        (50, 0.1),
        (200, 0.02),
        (200, 0.05),
        (200, 0.1),
        (200, 0.2),
        (200, 0.3),
        (1000, 0.1),
    ] {
        let start = std::time::Instant::now();
        let found = run(&image, DIMS, &settings(count, compactness));
        let elapsed = start.elapsed();
        let recall = boundary_recall(&at(DIMS, &found.labels), &at(DIMS, &truth));
        let accuracy = achievable_accuracy(&found.labels, &truth);
        let edges = boundary(&at(DIMS, &found.labels))
            .iter()
            .filter(|e| **e)
            .count();
        println!(
            "n {count} compactness {compactness}: recall {recall:.4} ASA {accuracy:.4} CUE {:.4} boundary {:.2}, {elapsed:.0?}",
            1.0 - accuracy,
            edges as f64 / truth.len() as f64
        );
        assert_sound(&found, DIMS, |_| true);
        assert_eq!(found.count, count);
        if compactness == SupervoxelSettings::default().compactness {
            assert!(
                recall >= 0.995 && accuracy >= 0.975,
                "recall {recall}, accuracy {accuracy}"
            );
        }
    }
}

/// Without edges to follow, cells are even and compact in millimetres.
#[test]
fn a_constant_image_gives_even_cells_in_millimetres() {
    let dims = [60, 50, 30];
    let found = run(&vec![1.0; 60 * 50 * 30], dims, &settings(180, 0.1));
    // 180 cells of 10 × 10 × 10 mm at 1 × 1 × 2 mm.
    let mut extents = vec![[[f64::INFINITY, f64::NEG_INFINITY]; 3]; 181];
    let mut sizes = vec![0; 181];
    for (index, &label) in found.labels.iter().enumerate() {
        let voxel = [index % 60, index / 60 % 50, index / 3000];
        sizes[usize::from(label)] += 1;
        for axis in 0..3 {
            let [low, high] = &mut extents[usize::from(label)][axis];
            *low = low.min(voxel[axis] as f64 * SPACING_MM[axis]);
            *high = high.max((voxel[axis] + 1) as f64 * SPACING_MM[axis]);
        }
    }
    for (size, extent) in sizes.into_iter().zip(extents).skip(1) {
        assert!((300..=750).contains(&size), "a cell of {size} voxels");
        assert!(
            extent.iter().all(|[low, high]| high - low <= 16.0),
            "{extent:?}"
        );
    }
}

#[test]
fn does_not_collapse_at_low_compactness() {
    let image: Vec<f32> = fixture("img_64x56x40.npy");
    for compactness in [0.0, 0.001, 0.01] {
        let found = run(&image, DIMS, &settings(200, compactness));
        assert_sound(&found, DIMS, |_| true);
        assert_eq!(found.count, 200);
        let mut sizes = vec![0_usize; 201];
        found
            .labels
            .iter()
            .for_each(|&label| sizes[usize::from(label)] += 1);
        let largest = *sizes.iter().max().unwrap();
        assert!(
            largest < image.len() / 10,
            "one supervoxel has {largest} voxels"
        );
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let image: Vec<f32> = fixture("img_64x56x40.npy");
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| run(&image, DIMS, &settings(120, 0.1)))
    };
    let one = with(1);
    assert!([2, 3, 7].into_iter().all(|threads| with(threads) == one));
}

#[test]
fn value_scale_and_offset_do_not_matter() {
    let image: Vec<f32> = fixture("img_64x56x40.npy");
    let hounsfield: Vec<f32> = image.iter().map(|v| 2048.0 * v - 1024.0).collect();
    let (a, b) = (
        run(&image, DIMS, &settings(80, 0.1)),
        run(&hounsfield, DIMS, &settings(80, 0.1)),
    );
    let same = a
        .labels
        .iter()
        .zip(&b.labels)
        .filter(|(a, b)| a == b)
        .count();
    assert!(
        same as f64 > 0.98 * image.len() as f64,
        "{same} of {}",
        image.len()
    );
}

#[test]
fn hard_images() {
    let noise = |n: usize| -> Vec<f32> {
        (0..n as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32)
            .collect()
    };
    let cases: [(&str, [usize; 3], Vec<f32>); 6] = [
        ("constant", [20, 18, 16], vec![7.0; 20 * 18 * 16]),
        ("not a number", [9, 9, 9], vec![f32::NAN; 729]),
        (
            "infinite",
            [9, 9, 9],
            (0..729).map(|i| [1.0, f32::INFINITY][i % 2]).collect(),
        ),
        ("one voxel thick", [40, 1, 30], noise(1200)),
        ("a line", [1, 1, 50], noise(50)),
        ("one voxel", [1, 1, 1], vec![3.0]),
    ];
    for (name, dims, image) in cases {
        for method in [Method::Slic, Method::Cubes, Method::Fcc] {
            for count in [1, 2, 30, 100, 100_000] {
                let settings = SupervoxelSettings {
                    method,
                    ..settings(count, 0.1)
                };
                let found = cut(
                    &[&image],
                    dims,
                    SPACING_MM,
                    None,
                    &settings,
                    &CancelToken::new(),
                )
                .unwrap();
                println!("{name} {method:?} {count}: {}", found.count);
                assert_sound(&found, dims, |_| true);
                let wanted = count.min(image.len());
                let slack = if method == Method::Slic {
                    0
                } else {
                    wanted / 10
                };
                assert!(
                    found.count.abs_diff(wanted) <= slack,
                    "{name} {method:?} {count}"
                );
            }
        }
    }
}

#[test]
fn several_channels_share_one_cut() {
    // Channel 0 has an edge at x = 10, channel 1 at y = 8; both must be found.
    let dims = [20, 16, 8];
    let edge = |axis: usize, at: usize| -> Vec<f32> {
        (0..20 * 16 * 8)
            .map(|i| f32::from(u8::from([i % 20, i / 20 % 16, i / 320][axis] >= at)))
            .collect()
    };
    let (a, b) = (edge(0, 9), edge(1, 7));
    let settings = settings(12, 0.05);
    let found = cut(
        &[&a, &b],
        dims,
        [1.0; 3],
        None,
        &settings,
        &CancelToken::new(),
    )
    .unwrap();
    assert_sound(&found, dims, |_| true);
    let truth: Vec<u16> = a
        .iter()
        .zip(&b)
        .map(|(a, b)| (a + 2.0 * b) as u16)
        .collect();
    assert_eq!(achievable_accuracy(&found.labels, &truth), 1.0);
}

#[test]
fn only_included_voxels_become_players() {
    let dims = [30, 30, 20];
    let inside = |i: usize| {
        let (x, y, z) = (i % 30, i / 30 % 30, i / 900);
        let ring = (x as f64 - 12.0).hypot(y as f64 - 12.0);
        (6.0..11.0).contains(&ring) && z > 3 || (x > 25 && y > 25)
    };
    let include: Vec<bool> = (0..18_000).map(inside).collect();
    let image = vec![0.0; 18_000];
    for method in [Method::Slic, Method::Cubes, Method::Fcc] {
        let settings = SupervoxelSettings {
            method,
            ..settings(60, 0.1)
        };
        let found = cut(
            &[&image],
            dims,
            [1.0; 3],
            Some(&include),
            &settings,
            &CancelToken::new(),
        )
        .unwrap();
        assert_sound(&found, dims, inside);
        assert!(found.count.abs_diff(60) <= 6, "{method:?}: {}", found.count);
    }
    // A single included speck beside a large region is noise, and no player.
    let mut specks = include.clone();
    specks[0] = true;
    let found = cut(
        &[&image],
        dims,
        [1.0; 3],
        Some(&specks),
        &settings(60, 0.1),
        &CancelToken::new(),
    );
    assert_sound(&found.unwrap(), dims, inside);
    // A region of nothing but specks has as many players as were asked for.
    let chequered: Vec<bool> = (0..18_000)
        .map(|i| (i % 30 + i / 30 % 30 + i / 900) % 2 == 0)
        .collect();
    let found = cut(
        &[&image],
        dims,
        [1.0; 3],
        Some(&chequered),
        &settings(60, 0.1),
        &CancelToken::new(),
    );
    assert_eq!(found.unwrap().count, 60);
}

#[test]
fn cubes_are_cubes_in_millimetres() {
    let cubes = |dims, spacing_mm, count| {
        let settings = SupervoxelSettings {
            method: Method::Cubes,
            ..settings(count, 0.1)
        };
        cut(&[], dims, spacing_mm, None, &settings, &CancelToken::new()).unwrap()
    };
    let found = cubes([60, 60, 30], [1.0, 1.0, 2.0], 216);
    assert_eq!(found.count, 216);
    let first = found.labels.iter().filter(|&&label| label == 1).count();
    assert_eq!(first, 10 * 10 * 5);
    let odd = cubes([61, 47, 33], [0.9, 0.9, 3.0], 200);
    assert!(odd.count.abs_diff(200) <= 20);
}

#[test]
fn facts_of_the_players() {
    let image: Vec<f32> = fixture("img_64x56x40.npy");
    let found = run(&image, DIMS, &settings(30, 0.1));
    let affine = glam::DAffine3::from_scale(glam::DVec3::from(SPACING_MM));
    let grid = voxplain::base::Grid::new(DIMS, affine).unwrap();
    let facts = found.facts(&grid).unwrap();
    assert_eq!(facts.iter().map(|f| f.voxels).sum::<usize>(), image.len());
    let middle: f64 = facts
        .iter()
        .map(|f| f.centroid_mm[2] * f.volume_mm3)
        .sum::<f64>();
    let volume: f64 = facts.iter().map(|f| f.volume_mm3).sum();
    assert!((middle / volume - 39.0).abs() < 1e-9 && volume == 2.0 * image.len() as f64);
    let other = voxplain::base::Grid::new([2, 2, 2], affine).unwrap();
    assert!(matches!(
        found.facts(&other),
        Err(ExplainError::SizeMismatch { .. })
    ));
}

#[test]
fn what_cannot_be_cut_is_named() {
    let image = vec![0.0; 8];
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let go = |channels: &[&[f32]], spacing, include: Option<&[bool]>, settings, token| {
        cut(channels, [2, 2, 2], spacing, include, &settings, token).unwrap_err()
    };
    let ok = CancelToken::new();
    let usual = settings(4, 0.1);
    assert!(matches!(
        go(&[], [1.0; 3], None, usual, &ok),
        ExplainError::NoChannels
    ));
    let short = go(&[&image[..7]], [1.0; 3], None, usual, &ok);
    assert!(matches!(
        short,
        ExplainError::SizeMismatch {
            found: 7,
            expected: 8,
            ..
        }
    ));
    let flat = go(&[&image], [1.0, 0.0, 1.0], None, usual, &ok);
    assert!(matches!(flat, ExplainError::BadSpacing(_)));
    let nothing = go(&[&image], [1.0; 3], Some(&[false; 8]), usual, &ok);
    assert!(matches!(nothing, ExplainError::EmptyRegion));
    let negative = go(&[&image], [1.0; 3], None, settings(4, f64::NAN), &ok);
    assert!(matches!(negative, ExplainError::BadSetting { .. }));
    assert!(matches!(
        go(&[&image], [1.0; 3], None, settings(0, 0.1), &ok),
        ExplainError::BadSetting { .. }
    ));
    assert!(matches!(
        go(&[&image], [1.0; 3], None, usual, &cancelled),
        ExplainError::Cancelled(_)
    ));
}
