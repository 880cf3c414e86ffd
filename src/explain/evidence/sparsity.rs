//! How concentrated a map is, whatever it points at. All measures look at the size of the
//! values, not their sign, and are `None` where nothing is different from zero.

use serde::Serialize;

/// The measures of one map.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sparsity {
    /// Gini index: 0 if all are equal, near 1 if one holds everything (Hurley and Rickard
    /// 2009; "Sparseness" of Quantus).
    pub gini: f64,
    /// Entropy of the shares of |φ| in nats: 0 if one holds everything, ln M if all are
    /// equal (Bhatt and others 2020; "Complexity" of Quantus).
    pub entropy: f64,
    /// exp(entropy): the number of equal players that would be as spread.
    pub equal_players: f64,
    /// Players with |φ| above 1 % of the largest ("Effective complexity" of Quantus, whose
    /// limit is absolute; Nguyen and Martínez 2020).
    pub effective_players: usize,
    /// Share of all |φ| in the tenth of the players with the largest |φ|.
    pub share_in_top_tenth: f64,
    /// Share of all |φ| in the tenth of the volume with the largest |φ| per mm³.
    pub share_in_top_tenth_of_volume: f64,
}

/// Limit of `effective_players` as a share of the largest value.
const EFFECTIVE_SHARE: f64 = 0.01;

/// Measures values with one entry a player. `None` if no value differs from zero, one
/// is not finite, or the lengths differ.
pub fn sparsity(values: &[f64], volumes_mm3: &[f64]) -> Option<Sparsity> {
    if volumes_mm3.len() != values.len() {
        return None;
    }
    let sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
    let ones = vec![1.0; sizes.len()];
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    let entropy = entropy(&sizes)?;
    Some(Sparsity {
        gini: gini(&sizes, &ones)?,
        entropy,
        equal_players: entropy.exp(),
        effective_players: effective_count(&sizes, EFFECTIVE_SHARE * largest),
        share_in_top_tenth: share_in_top(&sizes, &ones, 0.1)?,
        share_in_top_tenth_of_volume: share_in_top(&sizes, volumes_mm3, 0.1)?,
    })
}

/// Gini index of |sums| over units of some width each: with widths of 1 the players', with
/// volumes that of the voxels of the density map.
pub fn gini(sums: &[f64], widths: &[f64]) -> Option<f64> {
    let mut points = densities(sums, widths)?;
    points.reverse();
    let width: f64 = points.iter().map(|point| point.width).sum();
    let total: f64 = points.iter().map(|point| point.sum).sum();
    let mut below = 0.0;
    let mut weighted = 0.0;
    for point in &points {
        weighted += point.sum * (2.0 * below + point.width - width);
        below += point.width;
    }
    Some((weighted / (width * total)).clamp(0.0, 1.0))
}

/// Entropy of the shares of |values|, in nats.
pub fn entropy(values: &[f64]) -> Option<f64> {
    let total: f64 = values.iter().map(|value| value.abs()).sum();
    if !(total.is_finite() && total > 0.0) {
        return None;
    }
    let shares = values.iter().map(|value| value.abs() / total);
    let terms = shares.filter(|share| *share > 0.0).map(|s| -s * s.ln());
    Some(terms.sum::<f64>().max(0.0))
}

/// Number of values whose size is above a limit.
pub fn effective_count(values: &[f64], limit: f64) -> usize {
    values.iter().filter(|value| value.abs() > limit).count()
}

/// Share of all |sums| in the densest units that together fill a share of all width; the
/// unit on the limit counts in part.
pub fn share_in_top(sums: &[f64], widths: &[f64], width_share: f64) -> Option<f64> {
    let points = densities(sums, widths)?;
    let total: f64 = points.iter().map(|point| point.sum).sum();
    let mut left = width_share * points.iter().map(|point| point.width).sum::<f64>();
    let mut inside = 0.0;
    for point in points {
        let taken = point.width.min(left.max(0.0));
        inside += point.sum * taken / point.width;
        left -= taken;
    }
    Some((inside / total).clamp(0.0, 1.0))
}

struct Unit {
    sum: f64,
    width: f64,
}

/// The units that have a width, densest first; `None` if they hold nothing or something
/// that is not finite.
fn densities(sums: &[f64], widths: &[f64]) -> Option<Vec<Unit>> {
    let units = sums.iter().zip(widths).filter(|&(_, &width)| width > 0.0);
    let mut units: Vec<Unit> = units
        .map(|(sum, &width)| Unit {
            sum: sum.abs(),
            width,
        })
        .collect();
    let total: f64 = units.iter().map(|unit| unit.sum + unit.width).sum();
    let any = units.iter().any(|unit| unit.sum > 0.0);
    if !any || !total.is_finite() || sums.len() != widths.len() {
        return None;
    }
    units.sort_by(|a, b| (b.sum / b.width).total_cmp(&(a.sum / a.width)));
    Some(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes() {
        let one = sparsity(&[0.0, 0.0, -5.0, 0.0], &[1.0; 4]).unwrap();
        assert_eq!(
            (one.gini, one.entropy, one.effective_players),
            (0.75, 0.0, 1)
        );
        assert!((one.share_in_top_tenth - 0.4).abs() < 1e-12);
        let equal = sparsity(&[2.0; 5], &[1.0; 5]).unwrap();
        assert_eq!((equal.gini, equal.effective_players), (0.0, 5));
        assert!((equal.entropy - 5_f64.ln()).abs() < 1e-12);
        assert!((equal.equal_players - 5.0).abs() < 1e-9);
        assert!((equal.share_in_top_tenth - 0.1).abs() < 1e-12);
        assert_eq!(sparsity(&[0.0; 3], &[1.0; 3]), None);
        assert_eq!(sparsity(&[], &[]), None);
        assert_eq!(sparsity(&[1.0, f64::NAN], &[1.0; 2]), None);
        assert_eq!(sparsity(&[1.0], &[1.0]).map(|s| s.gini), Some(0.0));
    }

    #[test]
    fn a_player_of_three_voxels_is_three_voxels() {
        let by_player = gini(&[3.0, 5.0, 0.5], &[3.0, 1.0, 1.0]).unwrap();
        let by_voxel = gini(&[1.0, 1.0, 1.0, 5.0, 0.5], &[1.0; 5]).unwrap();
        assert!((by_player - by_voxel).abs() < 1e-12);
        let top = share_in_top(&[3.0, 5.0, 0.5], &[3.0, 1.0, 1.0], 0.4).unwrap();
        assert!((top - 6.0 / 8.5).abs() < 1e-12);
    }
}
