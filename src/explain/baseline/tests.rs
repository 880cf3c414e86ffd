use std::time::Instant;

use glam::{DAffine3, DMat3, DVec3};
use ndarray::{Array3, Array4, s};

use super::*;

/// Over the scan just outside.
const SEAMLESS: Baseline = Baseline::Harmonic { sigma_mm: 0.0 };
/// Over the means around.
const SMOOTH: Baseline = Baseline::Harmonic { sigma_mm: 3.0 };

fn grid(dims: [usize; 3], spacing_mm: [f64; 3]) -> Grid {
    Grid::new(dims, DAffine3::from_scale(DVec3::from(spacing_mm))).unwrap()
}

fn filled(
    image: &Array4<f32>,
    players: &Array3<u16>,
    grid: &Grid,
    baseline: Baseline,
) -> Result<Array4<f32>, ExplainError> {
    let source = Source {
        image: image.view(),
        player_of_voxel: players.view(),
        grid,
        mid_sagittal_x_mm: None,
        seed: 7,
    };
    fill(&source, baseline)
}

/// Blocks of `side` voxels as players, numbered from 1.
fn blocks(dims: [usize; 3], side: usize) -> Array3<u16> {
    let [_, ny, nz] = dims.map(|n| n.div_ceil(side));
    Array3::from_shape_fn((dims[0], dims[1], dims[2]), |(x, y, z)| {
        1 + ((x / side * ny + y / side) * nz + z / side) as u16
    })
}

fn scrambled(index: usize) -> f32 {
    ((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1 << 24) as f32
}

#[test]
fn flat_baselines_are_what_they_say() {
    let grid = grid([2, 2, 2], [1.0; 3]);
    let image = Array4::from_shape_fn((2, 2, 2, 2), |(c, x, ..)| match (c, x) {
        (0, x) => x as f32,
        _ => f32::NAN,
    });
    let players = Array3::from_elem((2, 2, 2), 1);
    for (baseline, expected) in [
        (Baseline::Mean, [0.5, 0.0]),
        (Baseline::Zero, [0.0, 0.0]),
        (Baseline::Air, [0.0, 0.0]),
        (SEAMLESS, [0.5, 0.0]),
        (SMOOTH, [0.5, 0.0]),
        (Baseline::SupervoxelMean, [0.5, 0.0]),
    ] {
        let found = filled(&image, &players, &grid, baseline).unwrap();
        for (channel, expected) in found.outer_iter().zip(expected) {
            assert!(channel.iter().all(|&v| v == expected), "{baseline}");
        }
    }
}

#[test]
fn a_supervoxel_mean_is_that_of_its_own_voxels() {
    let dims = [6, 5, 4];
    let image = Array4::from_shape_fn((2, 6, 5, 4), |(c, x, y, z)| {
        scrambled(c * 120 + (x * 5 + y) * 4 + z)
    });
    let mut players = blocks(dims, 2);
    players.slice_mut(s![0, .., ..]).fill(0);
    let found = filled(
        &image,
        &players,
        &grid(dims, [1.0; 3]),
        Baseline::SupervoxelMean,
    )
    .unwrap();
    for ((c, x, y, z), &value) in found.indexed_iter() {
        let own = players[[x, y, z]];
        let expected = if own == 0 {
            f64::from(image[[c, x, y, z]])
        } else {
            let same = players.indexed_iter().filter(|(_, p)| **p == own);
            let same: Vec<f64> = same
                .map(|((x, y, z), _)| image[[c, x, y, z]].into())
                .collect();
            same.iter().sum::<f64>() / same.len() as f64
        };
        assert!((f64::from(value) - expected).abs() < 1e-6);
    }
}

/// A linear field is harmonic, whatever the spacing.
#[test]
fn a_ramp_is_its_own_harmonic_fill() {
    let (dims, spacing) = ([15, 14, 13], [1.0, 0.5, 2.5]);
    let image = Array4::from_shape_fn((1, 15, 14, 13), |(_, x, y, z)| {
        2.0 * x as f32 - 0.3 * y as f32 + 0.7 * z as f32
    });
    let mut players = Array3::zeros((15, 14, 13));
    players.slice_mut(s![1..8, 1..13, 1..12]).fill(1);
    players.slice_mut(s![8..14, 2..9, 3..12]).fill(2);
    let found = filled(&image, &players, &grid(dims, spacing), SEAMLESS).unwrap();
    for (found, expected) in found.iter().zip(&image) {
        assert!((found - expected).abs() < 2e-3, "{found} {expected}");
    }
}

/// What a supervoxel holds is of no account; a constant border gives a constant.
#[test]
fn a_harmonic_fill_forgets_the_inside_and_continues_the_border() {
    let dims = [12, 10, 11];
    let mut image = Array4::from_elem((1, 12, 10, 11), 3.0);
    let mut players = Array3::zeros((12, 10, 11));
    players.slice_mut(s![0..7, 2..9, 3..8]).fill(4);
    for ((_, x, y, z), value) in image.indexed_iter_mut() {
        if players[[x, y, z]] == 4 {
            *value = 100.0 * scrambled(x * 110 + y * 11 + z);
        }
    }
    for baseline in [SEAMLESS, SMOOTH, Baseline::Harmonic { sigma_mm: 50.0 }] {
        let found = filled(&image, &players, &grid(dims, [1.0; 3]), baseline).unwrap();
        assert!(found.iter().all(|&v| (v - 3.0).abs() < 1e-5), "{baseline}");
    }
}

/// A border value is the weighted mean of all but the supervoxel, here in plain loops: of
/// a supervoxel of one voxel the fill is the mean of its neighbours' means.
#[test]
fn the_border_of_a_harmonic_fill_is_the_mean_of_what_is_around() {
    let (dims, spacing) = ([9, 8, 10], [1.0, 1.5, 0.5]);
    let image = Array4::from_shape_fn((2, 9, 8, 10), |(c, x, y, z)| {
        scrambled(c * 720 + (x * 8 + y) * 10 + z)
    });
    let own = [4, 0, 5];
    let mut players = Array3::zeros((9, 8, 10));
    players[own] = 1;
    let sigma_mm = 2.0;
    let baseline = Baseline::Harmonic { sigma_mm };
    let found = filled(&image, &players, &grid(dims, spacing), baseline).unwrap();
    let mean_around = |channel: usize, at: [usize; 3]| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (x, y, z) in ndarray::indices_of(&players) {
            let other = [x, y, z];
            let steps: [f64; 3] = std::array::from_fn(|i| other[i] as f64 - at[i] as f64);
            let near = |i: usize| steps[i].abs() <= (4.0 * sigma_mm / spacing[i]).ceil();
            if other != own && (0..3).all(near) {
                let distance2: f64 = (0..3).map(|i| (steps[i] * spacing[i]).powi(2)).sum();
                let weight = (-0.5 * distance2 / sigma_mm.powi(2)).exp();
                sum += weight * f64::from(image[[channel, x, y, z]]);
                weights += weight;
            }
        }
        sum / weights
    };
    for channel in 0..2 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (at, spacing) in [
            ([3, 0, 5], 1.0),
            ([5, 0, 5], 1.0),
            ([4, 1, 5], 1.5),
            ([4, 0, 4], 0.5),
            ([4, 0, 6], 0.5_f64),
        ] {
            sum += spacing.powi(-2) * mean_around(channel, at);
            weights += spacing.powi(-2);
        }
        let value = f64::from(found[[channel, 4, 0, 5]]);
        assert!(
            (value - sum / weights).abs() < 1e-5,
            "{value} {}",
            sum / weights
        );
    }
}

/// Between two plates the potential is linear: players that fill the image across, so
/// that the edge of the image lets nothing through.
#[test]
fn between_plates_the_potential_is_linear_and_the_edge_lets_nothing_through() {
    let dims = [20, 3, 4];
    let mut players = Array3::zeros((20, 3, 4));
    players.slice_mut(s![3..17, .., ..]).fill(1);
    let mut image = Array4::from_elem((1, 20, 3, 4), -1.0);
    image.slice_mut(s![.., 17.., .., ..]).fill(4.0);
    let found = filled(&image, &players, &grid(dims, [0.7; 3]), SEAMLESS).unwrap();
    for ((_, x, ..), &value) in found.indexed_iter() {
        let expected = -1.0 + 5.0 * ((x as f32 - 2.0) / 15.0).clamp(0.0, 1.0);
        assert!((value - expected).abs() < 1e-3, "{x} {value} {expected}");
    }
}

/// Every voxel is the weighted mean of its neighbours, the scan's outside its player.
#[test]
fn a_harmonic_fill_has_the_mean_value_property() {
    let (dims, spacing) = ([17, 16, 15], [1.0, 2.0, 0.8]);
    let image = Array4::from_shape_fn((2, 17, 16, 15), |(c, x, y, z)| {
        scrambled(c * 4080 + (x * 16 + y) * 15 + z)
    });
    let players = blocks(dims, 5);
    let found = filled(&image, &players, &grid(dims, spacing), SEAMLESS).unwrap();
    for ((c, x, y, z), &value) in found.indexed_iter() {
        let (mut sum, mut weights) = (0.0, 0.0);
        for axis in 0..3 {
            for step in [-1_isize, 1] {
                let mut at = [x, y, z];
                at[axis] = at[axis].wrapping_add_signed(step);
                if at[axis] < dims[axis] {
                    let same = players[at] == players[[x, y, z]];
                    let [i, j, k] = at;
                    let neighbour = if same { &found } else { &image }[[c, i, j, k]];
                    let weight = spacing[axis].powi(-2);
                    sum += weight * f64::from(neighbour);
                    weights += weight;
                }
            }
        }
        assert!((f64::from(value) - sum / weights).abs() < 1e-4);
    }
}

#[test]
fn noise_follows_the_channel_and_the_seed() {
    let dims = [30, 31, 32];
    let image = Array4::from_shape_fn((2, 30, 31, 32), |(c, x, y, z)| match c {
        0 => 5.0 + 3.0 * scrambled((x * 31 + y) * 32 + z),
        _ => -2.0,
    });
    let grid = grid(dims, [1.0; 3]);
    let players = Array3::from_elem((30, 31, 32), 1);
    let noise = filled(&image, &players, &grid, Baseline::Noise).unwrap();
    let moments = |values: &Array4<f32>| {
        let values: Vec<f32> = values.slice(s![0, .., .., ..]).iter().copied().collect();
        let found = crate::volume::Statistics::of(&values).unwrap();
        (found.mean, found.standard_deviation)
    };
    let ((mean, deviation), (own_mean, own_deviation)) = (moments(&image), moments(&noise));
    // 29760 draws: five standard errors.
    assert!((mean - own_mean).abs() < 5.0 * deviation / 172.0);
    assert!((deviation - own_deviation).abs() < 5.0 * deviation / 243.0);
    assert!(noise.slice(s![1, .., .., ..]).iter().all(|&v| v == -2.0));
    assert_eq!(
        noise,
        filled(&image, &players, &grid, Baseline::Noise).unwrap()
    );
    let other = Source {
        image: image.view(),
        player_of_voxel: players.view(),
        grid: &grid,
        mid_sagittal_x_mm: None,
        seed: 8,
    };
    assert_ne!(noise, fill(&other, Baseline::Noise).unwrap());
}

#[test]
fn the_mirror_turns_left_and_right_about_in_the_world() {
    // Stored from front to back first, and from right to left last.
    let matrix3 = DMat3::from_cols(DVec3::Y * 2.0, DVec3::Z, DVec3::X * -1.5);
    let translation = DVec3::new(40.0, 0.0, 0.0);
    let grid = Grid::new(
        [4, 5, 21],
        DAffine3 {
            matrix3,
            translation,
        },
    )
    .unwrap();
    let image = Array4::from_shape_fn((1, 4, 5, 21), |(_, x, y, z)| {
        (x + 10 * y) as f32 + 100.0 * z as f32
    });
    let players = Array3::from_elem((4, 5, 21), 1);
    // z runs from x = 40 to x = 10: 25 is in the middle, z = 10.
    let source = Source {
        image: image.view(),
        player_of_voxel: players.view(),
        grid: &grid,
        mid_sagittal_x_mm: Some(25.0),
        seed: 0,
    };
    let found = fill(&source, Baseline::Mirror).unwrap();
    for ((c, x, y, z), &value) in found.indexed_iter() {
        assert!((value - image[[c, x, y, 20 - z]]).abs() < 1e-3);
    }
    // Three voxels aside, the rest has no other side and shows the mean.
    let aside = Source {
        mid_sagittal_x_mm: Some(25.0 + 4.5),
        ..source
    };
    let found = fill(&aside, Baseline::Mirror).unwrap();
    let mean = image.mean().unwrap();
    assert!((found[[0, 1, 1, 0]] - image[[0, 1, 1, 14]]).abs() < 1e-3);
    assert!(
        (found[[0, 1, 1, 15]] - mean).abs() < 0.1,
        "{}",
        found[[0, 1, 1, 15]]
    );
    let nowhere = Source {
        mid_sagittal_x_mm: Some(-300.0),
        ..source
    };
    assert!(matches!(
        fill(&nowhere, Baseline::Mirror),
        Err(ExplainError::NoOtherSide { percent: 100, .. })
    ));
}

/// A bright body in a wide dark image: the plane goes through its middle.
#[test]
fn the_plane_goes_through_the_middle_of_what_is_bright() {
    let dims = [40, 6, 5];
    let body = 9..28;
    let image = Array4::from_shape_fn((1, 40, 6, 5), |(_, x, ..)| {
        f32::from(u8::from(body.contains(&x))) * (1.0 + x as f32)
    });
    let players = Array3::from_elem((40, 6, 5), 1);
    let grid = grid(dims, [1.2; 3]);
    let found = filled(&image, &players, &grid, Baseline::Mirror).unwrap();
    // Brighter than the mean, 9.25, is all of the body: its middle is 18.
    for x in 9..28 {
        assert!(
            (found[[0, x, 2, 2]] - image[[0, 36 - x, 2, 2]]).abs() < 1e-3,
            "{x}"
        );
    }
    let flat = Array4::from_elem((1, 40, 6, 5), 2.0);
    assert_eq!(
        filled(&flat, &players, &grid, Baseline::Mirror).unwrap(),
        flat
    );
}

/// No baseline hands on what is not a number, whatever the image and the players.
#[test]
fn every_fill_is_finite() {
    let dims = [9, 8, 7];
    let grid = grid(dims, [1.0, 1.5, 2.0]);
    let image = Array4::from_shape_fn((3, 9, 8, 7), |(c, x, y, z)| {
        match (c, (x + 3 * y + 5 * z) % 11) {
            (0, 0) => f32::NAN,
            (0, 1) => f32::INFINITY,
            (1, _) => f32::NAN,
            (2, _) => 4.0,
            (_, v) => v as f32,
        }
    });
    let sparse = blocks(dims, 3).mapv(|p| 500 * p);
    let nobody = Array3::zeros((9, 8, 7));
    let one = Array3::from_elem((9, 8, 7), 1);
    for players in [&sparse, &nobody, &one] {
        for baseline in Baseline::ALL.into_iter().chain([SEAMLESS]) {
            let found = filled(&image, players, &grid, baseline).unwrap();
            assert!(found.iter().all(|v| v.is_finite()), "{baseline}");
            let constant = found.slice(s![2, .., .., ..]);
            let expected = if baseline == Baseline::Zero { 0.0 } else { 4.0 };
            assert!(constant.iter().all(|&v: &f32| (v - expected).abs() < 1e-5));
        }
    }
}

#[test]
fn sizes_that_disagree_are_named() {
    let image = Array4::zeros((1, 4, 3, 2));
    let players = Array3::zeros((4, 3, 2));
    let good = grid([4, 3, 2], [1.0; 3]);
    for (players, grid) in [
        (Array3::zeros((2, 3, 4)), good),
        (players.clone(), grid([3, 4, 2], [1.0; 3])),
    ] {
        let found = filled(&image, &players, &grid, Baseline::Mean);
        assert!(matches!(found, Err(ExplainError::SizeMismatch { .. })));
    }
    let none = filled(
        &Array4::zeros((0, 4, 3, 2)),
        &players,
        &good,
        Baseline::Mean,
    );
    assert!(matches!(none, Err(ExplainError::NoChannels)));
}

#[test]
#[ignore = "prints a time"]
fn time_of_a_harmonic_fill() {
    let dims = [64; 3];
    let image = Array4::from_shape_fn((1, 64, 64, 64), |(_, x, y, z)| {
        scrambled((x * 64 + y) * 64 + z)
    });
    let players = blocks(dims, 11);
    let grid = grid(dims, [1.0; 3]);
    for baseline in [SEAMLESS, SMOOTH, Baseline::ALL[1]].repeat(3) {
        let start = Instant::now();
        filled(&image, &players, &grid, baseline).unwrap();
        println!(
            "{baseline} {} players: {:?}",
            players.iter().max().unwrap(),
            start.elapsed()
        );
    }
}
