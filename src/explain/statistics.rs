//! The few special functions that variance estimates need.

/// Derivative of ln Γ at `x > 0`: upward recursion, then the asymptotic series
/// (Abramowitz and Stegun 6.3.5, 6.3.18).
pub(super) fn digamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 8.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    shift + x.ln() - 0.5 / x - r * (1.0 / 12.0 - r * (1.0 / 120.0 - r / 252.0))
}

/// Second derivative of ln Γ at `x > 0` (Abramowitz and Stegun 6.4.6, 6.4.12).
pub(super) fn trigamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 8.0 {
        shift += 1.0 / (x * x);
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    shift + 1.0 / x + r / 2.0 + r / x * (1.0 / 6.0 - r * (1.0 / 30.0 - r / 42.0))
}

/// The `x` in `low..=high` at which trigamma, which falls, takes a value.
pub(super) fn trigamma_inverse(value: f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if trigamma(middle) > value {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The 97.5 % point of Student's t with `degrees_of_freedom ≥ 1`, to better than
/// half a percent: the Cornish-Fisher series (Abramowitz and Stegun 26.7.5) from
/// three degrees on, below that the exact points of one and two, interpolated.
pub(super) fn student_t_975(degrees_of_freedom: f64) -> f64 {
    const NORMAL_975: f64 = 1.959_963_984_540_054;
    const T: [f64; 3] = [12.706_204_736, 4.302_652_730, 3.182_446_305];
    let v = degrees_of_freedom.max(1.0);
    if v < 2.0 {
        // Between the tabulated points 1/t runs almost straight in v.
        return 1.0 / ((2.0 - v) / T[0] + (v - 1.0) / T[1]);
    }
    if v < 3.0 {
        return 1.0 / ((3.0 - v) / T[1] + (v - 2.0) / T[2]);
    }
    let z = NORMAL_975;
    let z2 = z * z;
    let terms = [
        (z2 + 1.0) * z / 4.0,
        ((5.0 * z2 + 16.0) * z2 + 3.0) * z / 96.0,
        (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) * z / 384.0,
        ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) * z / 92160.0,
    ];
    terms.iter().rev().fold(0.0, |sum, term| (sum + term) / v) + z
}

/// The middle value, or the mean of the two middle ones; 0 of nothing.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(0.0);
    let lower = values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0.0);
    0.5 * (lower + upper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn gamma_derivatives_at_known_points() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + EULER).abs() < 1e-7);
        assert!((digamma(0.5) + EULER + 2.0 * 2_f64.ln()).abs() < 1e-7);
        assert!((trigamma(1.0) - PI * PI / 6.0).abs() < 1e-7);
        assert!((trigamma(0.5) - PI * PI / 2.0).abs() < 1e-7);
        assert!((trigamma_inverse(trigamma(3.7), 0.1, 100.0) - 3.7).abs() < 1e-9);
    }

    #[test]
    fn student_t_against_the_table() {
        let table = [
            (1.0, 12.706),
            (2.0, 4.303),
            (3.0, 3.182),
            (4.0, 2.776),
            (5.0, 2.571),
            (10.0, 2.228),
            (30.0, 2.042),
            (1e6, 1.960),
        ];
        for (v, t) in table {
            assert!(
                (student_t_975(v) / t - 1.0).abs() < 5e-3,
                "{v}: {}",
                student_t_975(v)
            );
        }
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), 0.0);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
