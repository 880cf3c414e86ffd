//! Values of scipy, scikit-image, Quantus and numpy.

use serde::Deserialize;
use voxplain::explain::Coalition;
use voxplain::explain::evidence::correlation::{kendall, pearson, spearman};
use voxplain::explain::evidence::similarity::structural_similarity;
use voxplain::explain::evidence::{Groups, faithfulness, localisation, sparsity, within_distance};
use voxplain::explain::maps::{Segmentation, SmoothSettings, smooth};

fn oracle<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = format!(
        "{}/tests/fixtures/evidence/oracles.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let all: serde_json::Value =
        serde_json::from_reader(std::fs::File::open(path).unwrap()).unwrap();
    serde_json::from_value(all[name].clone()).unwrap()
}

#[test]
fn correlations_are_those_of_scipy() {
    #[derive(Deserialize)]
    struct Expected {
        x: Vec<f64>,
        y: Vec<f64>,
        pearson: f64,
        spearman: f64,
        kendall: f64,
    }
    let expected: Expected = oracle("correlation");
    let (x, y) = (&expected.x, &expected.y);
    assert!((pearson(x, y).unwrap() - expected.pearson).abs() < 1e-12);
    assert!((spearman(x, y).unwrap() - expected.spearman).abs() < 1e-12);
    assert!((kendall(x, y).unwrap() - expected.kendall).abs() < 1e-12);
}

#[test]
fn structural_similarity_is_that_of_scikit_image() {
    #[derive(Deserialize)]
    struct Expected {
        dims: [usize; 3],
        value: f64,
    }
    let Expected { dims, value } = oracle("structural_similarity");
    let count: usize = dims.iter().product();
    let a: Vec<f32> = (0..count)
        .map(|i| ((i as f64 * 0.11).sin() + 0.2 * (i as f64 * 1.3).cos()) as f32)
        .collect();
    let [nx, ny, _] = dims;
    let b: Vec<f32> = (0..count)
        .map(|i| {
            let y = i / nx % ny;
            let rolled = i - y * nx + (y + ny - 3) % ny * nx;
            0.7_f32 * a[i] + 0.3_f32 * a[rolled]
        })
        .collect();
    let found = structural_similarity(&a, &b, dims, 2.5).unwrap();
    assert!((found - value).abs() < 1e-6, "{found} {value}");
    assert!((structural_similarity(&a, &a, dims, 2.5).unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn the_guided_filter_is_that_of_numpy() {
    #[derive(Deserialize)]
    struct Expected {
        dims: [usize; 3],
        spacing_mm: [f64; 3],
        radius_mm: f64,
        edge: f64,
        values: Vec<f64>,
    }
    let expected: Expected = oracle("guided_filter");
    let count = expected.values.len();
    let scan: Vec<f32> = (0..count)
        .map(|i| (1000.0 + 40.0 * (i as f64 * 0.07).sin() + 5.0 * (i as f64 * 1.9).cos()) as f32)
        .collect();
    let map: Vec<f32> = (0..count)
        .map(|i| ((i as f64 * 0.013).sin() * (i % 5) as f64) as f32)
        .collect();
    let include: Vec<bool> = (0..count).map(|i| i * 7 % 11 > 2).collect();
    let settings = SmoothSettings {
        radius_mm: expected.radius_mm,
        edge: expected.edge,
    };
    let smoothed = smooth(
        &map,
        &scan,
        &include,
        expected.dims,
        expected.spacing_mm,
        settings,
    )
    .unwrap();
    for (found, expected) in smoothed.values.iter().zip(&expected.values) {
        assert!(
            (f64::from(*found) - expected).abs() < 2e-5,
            "{found} {expected}"
        );
    }
    let sum = |values: &[f32]| values.iter().map(|&v| f64::from(v)).sum::<f64>();
    let inside: Vec<f32> = map
        .iter()
        .zip(&include)
        .map(|(&v, &i)| if i { v } else { 0.0 })
        .collect();
    assert!((sum(&smoothed.values) / sum(&inside) - 1.0).abs() < 1e-6);
    assert!(smoothed.sum_correction > 0.0 && smoothed.sum_correction < 0.1);
}

#[derive(Deserialize)]
struct Quantus {
    values: Vec<f64>,
    target: Vec<u8>,
    sparseness: f64,
    complexity: f64,
    effective_complexity: f64,
    pointing_game: f64,
    relevance_rank_accuracy: f64,
    relevance_mass_accuracy_positive: f64,
    top_k_intersection: f64,
}

#[test]
fn sparsity_is_that_of_quantus() {
    let expected: Quantus = oracle("quantus");
    let ones = vec![1.0; expected.values.len()];
    let found = sparsity::sparsity(&expected.values, &ones).unwrap();
    // Quantus adds 1e-7 to every value.
    assert!((found.gini - expected.sparseness).abs() < 1e-6);
    assert!((found.entropy - expected.complexity).abs() < 1e-6);
    let count = sparsity::effective_count(&expected.values, 0.5);
    assert_eq!(count as f64, expected.effective_complexity);
}

#[test]
fn localisation_is_that_of_quantus() {
    let expected: Quantus = oracle("quantus");
    let map: Vec<f32> = expected.values.iter().map(|&value| value as f32).collect();
    let target: Vec<bool> = expected.target.iter().map(|&t| t == 1).collect();
    let groups = Groups::of_voxels(&map, None, &target, &target).unwrap();
    let found = localisation(&groups).unwrap();
    assert_eq!(
        f64::from(u8::from(found.points_at_target)),
        expected.pointing_game
    );
    assert!((found.rank_accuracy - expected.relevance_rank_accuracy).abs() < 1e-12);
    assert!((found.rank_accuracy - expected.top_k_intersection).abs() < 1e-12);
    // 8 of the 18 highest voxels are in the target of 18: 8 shared, 28 in either.
    assert_eq!(target.iter().filter(|&&t| t).count(), 18);
    assert!((found.top_overlap - 8.0 / 28.0).abs() < 1e-12);
    let mass = found.mass_accuracy.unwrap();
    assert!((mass - expected.relevance_mass_accuracy_positive).abs() < 1e-6);
    assert!((found.leakage.unwrap() - (1.0 - mass)).abs() < 1e-12);
}

#[test]
fn players_and_their_voxels_are_localised_alike() {
    let dims = [6, 5, 4];
    let labels: Vec<u16> = (0..120)
        .map(|i| [0, 1, 2, 3, 3, 4, 4, 4][i * 5 / 7 % 8])
        .collect();
    let values = [0.8, -0.4, 1.5, 0.3];
    let target: Vec<bool> = (0..120).map(|i| i % 6 < 2 && i / 30 > 1).collect();
    let near = within_distance(&target, dims, [1.0, 1.0, 2.0], 2.0).unwrap();
    let by_players = Groups::of_players(&values, &labels, &target, &near).unwrap();
    let cells = Segmentation {
        labels: &labels,
        values: &values,
    };
    let map = cells.density(1.0).unwrap();
    let region: Vec<bool> = labels.iter().map(|&label| label > 0).collect();
    let by_voxels = Groups::of_voxels(&map, Some(&region), &target, &near).unwrap();
    let (a, b) = (
        localisation(&by_players).unwrap(),
        localisation(&by_voxels).unwrap(),
    );
    for (a, b) in [
        (a.target_share, b.target_share),
        (a.pointing, b.pointing),
        (a.mass_accuracy.unwrap(), b.mass_accuracy.unwrap()),
        (a.rank_accuracy, b.rank_accuracy),
        (a.top_overlap, b.top_overlap),
        (a.leakage.unwrap(), b.leakage.unwrap()),
    ] {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    assert!(a.leakage.unwrap() > 0.01 && a.leakage.unwrap() < 1.0 - a.mass_accuracy.unwrap());
}

#[test]
fn faithfulness_is_that_of_numpy() {
    #[derive(Deserialize)]
    struct AtSize {
        rows: usize,
        correlation: f64,
    }
    #[derive(Deserialize)]
    struct Expected {
        values: Vec<f64>,
        value_empty: f64,
        value_full: f64,
        rows: Vec<Vec<u8>>,
        row_values: Vec<f64>,
        correlation: f64,
        infidelity: f64,
        surrogate_fit: f64,
        absent_6: AtSize,
    }
    let expected: Expected = oracle("faithfulness");
    let rows: Vec<(Coalition, f64)> = expected
        .rows
        .iter()
        .zip(&expected.row_values)
        .map(|(row, &value)| {
            let present: Vec<bool> = row.iter().map(|&bit| bit == 1).collect();
            (Coalition::from_bools(&present), value)
        })
        .collect();
    let (empty, full) = (expected.value_empty, expected.value_full);
    let found = faithfulness(&expected.values, empty, full, &rows).unwrap();
    assert!((found.correlation.unwrap() - expected.correlation).abs() < 1e-12);
    assert!((found.infidelity.unwrap() - expected.infidelity).abs() < 1e-12);
    assert!((found.surrogate_fit.unwrap() - expected.surrogate_fit).abs() < 1e-12);
    let six = found.by_size.iter().find(|size| size.absent == 6).unwrap();
    assert_eq!(six.rows, expected.absent_6.rows);
    assert!((six.correlation - expected.absent_6.correlation).abs() < 1e-12);
    assert!(found.correlation_within_size.unwrap() > 0.9);
    let relative = found.relative_infidelity.unwrap();
    assert!((relative - expected.infidelity / (full - empty).powi(2)).abs() < 1e-12);

    // An additive game is predicted without error.
    let exact: Vec<(Coalition, f64)> = rows
        .into_iter()
        .map(|(row, _)| {
            let sum: f64 = row.iter().map(|player| expected.values[player]).sum();
            (row, empty + sum)
        })
        .collect();
    let full = empty + expected.values.iter().sum::<f64>();
    let found = faithfulness(&expected.values, empty, full, &exact).unwrap();
    assert!((found.correlation.unwrap() - 1.0).abs() < 1e-12);
    assert!((found.surrogate_fit.unwrap() - 1.0).abs() < 1e-12);
    assert!(found.infidelity.unwrap() < 1e-24);
}
