//! How alike two lists of values are. No result is ever NaN: where a list is constant,
//! holds something that is not finite, or the lengths differ, the answer is `None`.

/// Pearson's correlation.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    weighted_pearson(x, y, &vec![1.0; x.len()])
}

/// Spearman's rank correlation; equal values share the mean of their ranks.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    weighted_spearman(x, y, &vec![1.0; x.len()])
}

/// Pearson's correlation where each pair counts by its weight, as if it were there that
/// many times.
pub fn weighted_pearson(x: &[f64], y: &[f64], weights: &[f64]) -> Option<f64> {
    if x.len() != y.len() || x.len() != weights.len() {
        return None;
    }
    let total: f64 = weights.iter().sum();
    let finite = x.iter().chain(y).all(|value| value.is_finite());
    if !(finite && total.is_finite() && total > 0.0) {
        return None;
    }
    let (x, xx) = centred(x, weights, total)?;
    let (y, yy) = centred(y, weights, total)?;
    let xy: f64 = x
        .iter()
        .zip(&y)
        .zip(weights)
        .map(|((x, y), w)| w * x * y)
        .sum();
    Some((xy / (xx * yy).sqrt()).clamp(-1.0, 1.0))
}

/// Spearman's rank correlation where each pair counts by its weight.
pub fn weighted_spearman(x: &[f64], y: &[f64], weights: &[f64]) -> Option<f64> {
    let finite = x.iter().chain(y).all(|value| value.is_finite());
    if x.len() != weights.len() || y.len() != weights.len() || !finite {
        return None;
    }
    weighted_pearson(&ranks(x, weights), &ranks(y, weights), weights)
}

/// Kendall's tau-b by merge sort in n log n steps (Knight 1966).
pub fn kendall(x: &[f64], y: &[f64]) -> Option<f64> {
    let finite = x.iter().chain(y).all(|value| value.is_finite());
    if x.len() != y.len() || x.len() < 2 || !finite {
        return None;
    }
    let mut points: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let tied_x: f64 = points
        .chunk_by(|a, b| a.0 == b.0)
        .map(|g| pairs(g.len()))
        .sum();
    let tied_both: f64 = points.chunk_by(|a, b| a == b).map(|g| pairs(g.len())).sum();
    let mut by_y: Vec<f64> = points.iter().map(|point| point.1).collect();
    let discordant = sort_counting(&mut by_y);
    let tied_y: f64 = by_y.chunk_by(|a, b| a == b).map(|g| pairs(g.len())).sum();
    let all = pairs(points.len());
    let untied = (all - tied_x) * (all - tied_y);
    let difference = all - tied_x - tied_y + tied_both - 2.0 * discordant;
    (untied > 0.0).then(|| (difference / untied.sqrt()).clamp(-1.0, 1.0))
}

/// Number of pairs among `n`.
fn pairs(n: usize) -> f64 {
    n as f64 * (n as f64 - 1.0) / 2.0
}

/// Sorts and returns the number of pairs that stood in the wrong order.
fn sort_counting(values: &mut [f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut swaps = sort_counting(left) + sort_counting(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut waiting = left.iter().copied().peekable();
    for &mut value in right {
        while let Some(smaller) = waiting.next_if(|&first| first <= value) {
            merged.push(smaller);
        }
        swaps += waiting.len() as f64;
        merged.push(value);
    }
    merged.extend(waiting);
    values.copy_from_slice(&merged);
    swaps
}

/// Ranks from 0.5·weight on; equal values have the middle of the weight they fill.
fn ranks(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let value = |at: usize| values.get(at).copied().unwrap_or(0.0);
    let weight = |at: usize| weights.get(at).copied().unwrap_or(0.0);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0.0;
    for equals in order.chunk_by(|&a, &b| value(a) == value(b)) {
        let filled: f64 = equals.iter().map(|&at| weight(at)).sum();
        for &at in equals {
            if let Some(rank) = ranks.get_mut(at) {
                *rank = below + 0.5 * filled;
            }
        }
        below += filled;
    }
    ranks
}

/// Differences from the mean and the sum of their squares; `None` for a constant list,
/// rounding aside.
fn centred(values: &[f64], weights: &[f64], total: f64) -> Option<(Vec<f64>, f64)> {
    let mean = values.iter().zip(weights).map(|(v, w)| w * v).sum::<f64>() / total;
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let squares: f64 = centred.iter().zip(weights).map(|(c, w)| w * c * c).sum();
    let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    (squares.sqrt() > 1e-13 * largest * total.sqrt()).then_some((centred, squares))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_cases_by_hand() {
        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), Some(1.0));
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[9.0, 4.0, 1.0]), Some(-1.0));
        // One discordant pair of three.
        let tau = kendall(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]).unwrap();
        assert!((tau - 1.0 / 3.0).abs() < 1e-15);
        for constant in [[0.1; 3], [0.0; 3]] {
            assert_eq!(pearson(&[1.0, 2.0, 3.0], &constant), None);
            assert_eq!(spearman(&constant, &[1.0, 2.0, 3.0]), None);
            assert_eq!(kendall(&constant, &[1.0, 2.0, 3.0]), None);
        }
        assert_eq!(pearson(&[], &[]), None);
        assert_eq!(pearson(&[1.0], &[1.0]), None);
        assert_eq!(pearson(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(spearman(&[1.0, f64::NAN], &[1.0, 2.0]), None);
    }

    fn lists() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
        let list = || prop::collection::vec((-4..4_i8).prop_map(f64::from), 9);
        (list(), list())
    }

    proptest! {
        #[test]
        fn kendall_counts_pairs((x, y) in lists()) {
            let (mut agree, mut untied_x, mut untied_y) = (0.0, 0.0_f64, 0.0_f64);
            for a in 0..9 {
                for b in 0..a {
                    let (dx, dy) = (x[a] - x[b], y[a] - y[b]);
                    agree += dx.signum() * dy.signum() * f64::from(u8::from(dx * dy != 0.0));
                    untied_x += f64::from(u8::from(dx != 0.0));
                    untied_y += f64::from(u8::from(dy != 0.0));
                }
            }
            match kendall(&x, &y) {
                Some(tau) => prop_assert!((tau - agree / (untied_x * untied_y).sqrt()).abs() < 1e-12),
                None => prop_assert!(untied_x * untied_y == 0.0),
            }
        }

        #[test]
        fn a_weight_is_a_number_of_copies(
            (x, y) in lists(),
            copies in prop::collection::vec(1..4_usize, 9),
        ) {
            let repeat = |values: &[f64]| -> Vec<f64> {
                let pairs = values.iter().zip(&copies);
                pairs.flat_map(|(&v, &n)| std::iter::repeat_n(v, n)).collect()
            };
            let weights: Vec<f64> = copies.iter().map(|&n| n as f64).collect();
            let weighted = weighted_spearman(&x, &y, &weights);
            match (weighted, spearman(&repeat(&x), &repeat(&y))) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-12),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}
