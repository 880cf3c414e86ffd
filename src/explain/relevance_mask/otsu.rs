//! Otsu's threshold of weighted values, without the binning that images need.

/// The largest value of the lower class of the split with the largest variance between
/// the classes (Otsu 1979, equation 14), over values that count by their weights and
/// not below zero. Values above the result are the upper class; with fewer than two
/// different values the result is 0, so that every positive value is above it.
pub(super) fn split(values: &[f64], weights: &[f64]) -> f64 {
    let mut points: Vec<(f64, f64)> = values
        .iter()
        .zip(weights)
        .map(|(&value, &weight)| (value.max(0.0), weight))
        .filter(|&(value, weight)| value.is_finite() && weight > 0.0)
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = points.iter().map(|&(_, weight)| weight).sum();
    let total_sum: f64 = points.iter().map(|&(value, weight)| value * weight).sum();
    let (mut below, mut below_sum) = (0.0, 0.0);
    let (mut best, mut threshold) = (0.0, 0.0);
    for equals in points.chunk_by(|a, b| a.0 == b.0) {
        for &(value, weight) in equals {
            below += weight;
            below_sum += value * weight;
        }
        let above = total - below;
        let Some(&(value, _)) = equals.first() else {
            continue;
        };
        if above <= total * 1e-12 {
            break;
        }
        let difference = below_sum / below - (total_sum - below_sum) / above;
        let between = below * above * difference * difference;
        if between > best {
            (best, threshold) = (between, value);
        }
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `skimage.filters.threshold_otsu` (0.26) of integer images gives the same splits:
    /// its bins are then the values themselves.
    #[test]
    fn splits_as_scikit_image_does() {
        let ones = [1.0; 12];
        let values = [
            0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 9.0, 10.0, 12.0, 3.0, 4.0, 11.0,
        ];
        assert_eq!(split(&values, &ones), 4.0);
        let skewed = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 5.0, 7.0, 30.0, 31.0];
        assert_eq!(split(&skewed, &ones), 7.0);
        // A weight of three is the value three times.
        assert_eq!(split(&[0.0, 1.0, 4.0, 6.0], &[3.0, 1.0, 2.0, 1.0]), 1.0);
    }

    #[test]
    fn few_different_values_put_every_positive_one_above() {
        assert_eq!(split(&[], &[]), 0.0);
        assert_eq!(split(&[0.4], &[2.0]), 0.0);
        assert_eq!(split(&[0.4, 0.4], &[1.0, 1.0]), 0.0);
        assert_eq!(split(&[-1.0, 0.4], &[1.0, 1.0]), 0.0);
    }
}
