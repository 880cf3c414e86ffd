//! Are two explanations the same? Masks by their overlap, maps by their ranks and by
//! their local structure, also when their supervoxels differ.

use std::collections::BTreeMap;

use serde::Serialize;

use super::correlation::{kendall, pearson, spearman, weighted_pearson, weighted_spearman};
use crate::explain::error::check_voxels;
use crate::explain::maps::{Segmentation, box_sums};
use crate::explain::{ExplainError, random};

/// Overlap of two masks, |A ∩ B| / |A ∪ B|, each entry counting by its weight (a volume).
/// Two empty masks agree: 1. `None` if the lengths differ.
pub fn jaccard(a: &[bool], b: &[bool], weights: &[f64]) -> Option<f64> {
    if a.len() != b.len() || a.len() != weights.len() {
        return None;
    }
    let (mut both, mut either) = (0.0, 0.0);
    for ((&a, &b), &weight) in a.iter().zip(b).zip(weights) {
        both += if a && b { weight } else { 0.0 };
        either += if a || b { weight } else { 0.0 };
    }
    Some(if either > 0.0 { both / either } else { 1.0 })
}

/// How alike two lists of values of the same players are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    pub spearman: Option<f64>,
    pub pearson: Option<f64>,
    /// Kendall's tau-b; not computed for voxel maps.
    pub kendall: Option<f64>,
}

/// Compares the values of the same players twice.
pub fn compare_values(a: &[f64], b: &[f64]) -> Agreement {
    Agreement {
        spearman: spearman(a, b),
        pearson: pearson(a, b),
        kendall: kendall(a, b),
    }
}

/// Compares the density maps of two segmentations of one grid, over the voxels that are a
/// player's in both. Exact: every pair of overlapping players counts by its voxels.
pub fn compare_segmentations(
    a: Segmentation<'_>,
    b: Segmentation<'_>,
) -> Result<Agreement, ExplainError> {
    check_voxels("the second supervoxel map", b.labels.len(), a.labels.len())?;
    let densities = [a.voxel_values()?, b.voxel_values()?];
    let mut overlaps: BTreeMap<(u16, u16), u32> = BTreeMap::new();
    let pairs: Vec<(u16, u16)> = a
        .labels
        .iter()
        .copied()
        .zip(b.labels.iter().copied())
        .collect();
    // Neighbours along x mostly lie in the same two players.
    for run in pairs.chunk_by(|one, next| one == next) {
        if let Some(&(a, b)) = run.first()
            && a != 0
            && b != 0
        {
            *overlaps.entry((a, b)).or_default() += run.len() as u32;
        }
    }
    let mut columns = [const { Vec::new() }; 3];
    for ((a, b), voxels) in overlaps {
        let density = |which: usize, label: u16| {
            let of_label = densities[which].get(usize::from(label) - 1);
            of_label.copied().unwrap_or(0.0)
        };
        columns[0].push(density(0, a));
        columns[1].push(density(1, b));
        columns[2].push(f64::from(voxels));
    }
    let [a, b, voxels] = columns;
    Ok(Agreement {
        spearman: weighted_spearman(&a, &b, &voxels),
        pearson: weighted_pearson(&a, &b, &voxels),
        kendall: None,
    })
}

/// Compares two voxel maps on at most `most` of the included voxels: one drawn from each
/// of as many equal runs, by a fixed seed, so that the answer is always the same.
pub fn compare_maps(a: &[f32], b: &[f32], include: Option<&[bool]>, most: usize) -> Agreement {
    let included = |at: &usize| include.is_none_or(|i| i.get(*at).copied().unwrap_or(false));
    let count = (0..a.len().min(b.len())).filter(included).count();
    let run = count.div_ceil(most.max(1)).max(1);
    let mut stream = random::keyed(0, 0);
    let mut chosen = random::below(&mut stream, run);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (rank, at) in (0..a.len()).filter(included).enumerate() {
        if rank % run == chosen
            && let (Some(&a), Some(&b)) = (a.get(at), b.get(at))
        {
            x.push(f64::from(a));
            y.push(f64::from(b));
        }
        if rank % run == run - 1 {
            chosen = random::below(&mut stream, run);
        }
    }
    let same_length = a.len() == b.len();
    Agreement {
        spearman: spearman(&x, &y).filter(|_| same_length),
        pearson: pearson(&x, &y).filter(|_| same_length),
        kendall: None,
    }
}

/// Side of the window of [`structural_similarity`] in voxels.
const WINDOW: usize = 7;

/// Structural similarity of two maps (Wang and others 2004): mean over all windows of
/// 7³ voxels that lie in the image, with uniform weights, sample covariance, K₁ = 0.01 and
/// K₂ = 0.03. `range` is the span that the values can have. `None` for an image
/// smaller than a window, sizes that differ, a range that is not above zero, or values
/// that are not finite.
pub fn structural_similarity(a: &[f32], b: &[f32], dims: [usize; 3], range: f64) -> Option<f64> {
    let count: usize = dims.iter().product();
    let too_small = dims.iter().any(|&n| n < WINDOW);
    if a.len() != count || b.len() != count || too_small || !(range.is_finite() && range > 0.0) {
        return None;
    }
    let half = WINDOW / 2;
    let n = (WINDOW * WINDOW * WINDOW) as f64;
    let means = |value: &dyn Fn(f64, f64) -> f64| {
        let pairs = a.iter().zip(b);
        let mut sums: Vec<f64> = pairs
            .map(|(&a, &b)| value(f64::from(a), f64::from(b)))
            .collect();
        box_sums(&mut sums, dims, [half; 3]);
        sums
    };
    let (a_sums, b_sums) = (means(&|a, _| a), means(&|_, b| b));
    let (aa, bb, ab) = (
        means(&|a, _| a * a),
        means(&|_, b| b * b),
        means(&|a, b| a * b),
    );
    let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
    let [nx, ny, _] = dims;
    let inner = |at: usize, n: usize| at >= half && at + half < n;
    let (mut sum, mut windows) = (0.0, 0_usize);
    let products = aa.iter().zip(&bb).zip(&ab);
    for (index, ((a, b), ((aa, bb), ab))) in a_sums.iter().zip(&b_sums).zip(products).enumerate() {
        let at = [index % nx, index / nx % ny, index / nx / ny];
        if (0..3).any(|axis| !inner(at[axis], dims[axis])) {
            continue;
        }
        let (mean_a, mean_b) = (a / n, b / n);
        let spread = |products: &f64, means: f64| (products - n * means) / (n - 1.0);
        let (var_a, var_b) = (spread(aa, mean_a * mean_a), spread(bb, mean_b * mean_b));
        let covariance = spread(ab, mean_a * mean_b);
        sum += (2.0 * mean_a * mean_b + c1) * (2.0 * covariance + c2)
            / ((mean_a * mean_a + mean_b * mean_b + c1) * (var_a + var_b + c2));
        windows += 1;
    }
    Some(sum / windows.max(1) as f64).filter(|similarity| similarity.is_finite())
}

/// Likeness of the map of the trained network to that of one with random weights
/// (Adebayo and others 2018). Both should be low: a map that stays the same does not come
/// from what the network has learned. Signs are dropped, since a random network has no
/// reason to keep them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RandomWeights {
    /// Spearman's correlation of |φ| of the same players.
    pub spearman: Option<f64>,
    /// Structural similarity of the two maps of |φ| per voxel, each over its maximum.
    pub structural_similarity: Option<f64>,
}

/// Compares the values of the trained network and of one with random weights on the same
/// players. `labels`: player `i` is label `i + 1`.
pub fn compare_random_weights(
    trained: &[f64],
    random: &[f64],
    labels: &[u16],
    dims: [usize; 3],
) -> Result<RandomWeights, ExplainError> {
    let sizes = |values: &[f64]| -> Vec<f64> { values.iter().map(|value| value.abs()).collect() };
    let (trained, random) = (sizes(trained), sizes(random));
    let scaled = |values: &[f64]| -> Result<Vec<f32>, ExplainError> {
        let map = Segmentation { labels, values }.density(1.0)?;
        let largest = map.iter().copied().fold(0.0, f32::max);
        let scale = if largest > 0.0 { 1.0 / largest } else { 0.0 };
        Ok(map.into_iter().map(|value| value * scale).collect())
    };
    Ok(RandomWeights {
        spearman: spearman(&trained, &random),
        structural_similarity: structural_similarity(
            &scaled(&trained)?,
            &scaled(&random)?,
            dims,
            1.0,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps() {
        let weights = [1.0, 2.0, 4.0];
        let overlap = |a: [bool; 3], b: [bool; 3]| jaccard(&a, &b, &weights);
        assert_eq!(
            overlap([true, true, false], [false, true, true]),
            Some(2.0 / 7.0)
        );
        assert_eq!(overlap([false; 3], [false; 3]), Some(1.0));
        assert_eq!(overlap([true; 3], [false; 3]), Some(0.0));
        assert_eq!(jaccard(&[true], &[true, false], &[1.0]), None);
    }

    #[test]
    fn the_same_map_under_another_numbering_is_the_same() {
        let a = Segmentation {
            labels: &[1, 1, 2, 2, 3, 0],
            values: &[4.0, -1.0, 0.5],
        };
        let b = Segmentation {
            labels: &[3, 3, 1, 1, 2, 2],
            values: &[-1.0, 1.0, 4.0],
        };
        let found = compare_segmentations(a, b).unwrap();
        assert!((found.spearman.unwrap() - 1.0).abs() < 1e-12);
        assert!((found.pearson.unwrap() - 1.0).abs() < 1e-12);
        let short = Segmentation {
            labels: &[1],
            values: &[1.0],
        };
        assert!(compare_segmentations(a, short).is_err());
    }

    #[test]
    fn voxel_maps_are_sampled_the_same_each_time() {
        let a: Vec<f32> = (0..5000).map(|i| (i as f32 * 0.37).sin()).collect();
        let b: Vec<f32> = a.iter().map(|value| value.exp()).collect();
        let found = compare_maps(&a, &b, None, 300);
        assert!((found.spearman.unwrap() - 1.0).abs() < 1e-12);
        assert!(found.pearson.unwrap() < 0.999);
        assert_eq!(found, compare_maps(&a, &b, None, 300));
        assert_eq!(compare_maps(&a, &b[1..], None, 300).spearman, None);
        assert_eq!(compare_maps(&a, &b, Some(&[false; 5000]), 9).spearman, None);
        assert_eq!(compare_maps(&[], &[], None, 0).pearson, None);
    }

    #[test]
    fn structure_needs_a_window_and_a_range() {
        let map = vec![0.5_f32; 343];
        assert_eq!(structural_similarity(&map, &map, [7; 3], 1.0), Some(1.0));
        assert_eq!(structural_similarity(&map, &map, [49, 7, 1], 1.0), None);
        assert_eq!(structural_similarity(&map, &map, [7; 3], 0.0), None);
        assert_eq!(structural_similarity(&map, &map[1..], [7; 3], 1.0), None);
    }

    #[test]
    fn random_weights_on_constant_values_are_not_computed() {
        let labels = vec![1_u16; 343];
        let found = compare_random_weights(&[2.0], &[-1.0], &labels, [7; 3]).unwrap();
        assert_eq!(found.spearman, None);
        assert_eq!(found.structural_similarity, Some(1.0));
        let zero = compare_random_weights(&[0.0], &[0.0], &labels, [7; 3]).unwrap();
        assert_eq!(zero.structural_similarity, Some(1.0));
    }
}
