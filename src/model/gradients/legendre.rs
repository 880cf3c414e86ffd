//! Gauss–Legendre quadrature on 0 to 1.

/// Nodes in ascending order and their weights, which add up to 1. Exact for polynomials
/// of degree 2 · `count` − 1.
///
/// Roots of the Legendre polynomial by Newton's method from Tricomi's first guess
/// (Numerical Recipes, `gauleg`).
pub fn nodes(count: usize) -> Vec<(f64, f64)> {
    let n = count.max(1);
    (0..n)
        .map(|index| {
            // On −1 to 1, from the largest root on.
            let guess = std::f64::consts::PI * (index as f64 + 0.75) / (n as f64 + 0.5);
            let mut root = guess.cos();
            for _ in 0..100 {
                let (value, slope) = legendre(n, root);
                let step = value / slope;
                root -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            let (_, slope) = legendre(n, root);
            let weight = 1.0 / ((1.0 - root * root) * slope * slope);
            (0.5 * (1.0 - root), weight)
        })
        .collect()
}

/// The Legendre polynomial of degree n at x inside −1 to 1, and its slope.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (0.0, 1.0);
    for k in 0..n {
        let k = k as f64;
        let next = ((2.0 * k + 1.0) * x * value - k * before) / (k + 1.0);
        (before, value) = (value, next);
    }
    (value, n as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for count in [1, 2, 5, 16, 64] {
            let nodes = nodes(count);
            assert!(nodes.is_sorted_by(|a, b| a.0 < b.0));
            for power in 0..2 * count {
                let found: f64 = nodes.iter().map(|(x, w)| w * x.powi(power as i32)).sum();
                let expected = 1.0 / (power as f64 + 1.0);
                assert!((found - expected).abs() < 1e-13, "{count} {power} {found}");
            }
        }
    }
}
