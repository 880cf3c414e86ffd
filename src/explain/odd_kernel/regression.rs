//! One kernel regression: fixed prior variances and noise, factorised for any values.

use ndarray::{Array1, Array2, s};
use rayon::prelude::*;

use crate::explain::cholesky::{Cholesky, PackedFactor};

/// What shapes the kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hyperparameters {
    /// Prior variance of each order, relative to the first: `[1, r₃, r₃ r₅]`.
    pub order_variance: [f64; 3],
    /// Noise variance relative to the prior's.
    pub noise: f64,
}

/// Up to these numbers of pairs the whole grid and the small one are tried, beyond
/// them the smallest: factorisations get dear, and neighbours in the grid differ little.
const GRID_PAIRS: [usize; 2] = [64, 640];
const NOISE: [f64; 6] = [1e-6, 1e-4, 1e-3, 1e-2, 0.05, 0.2];
/// r₃, r₅ and noise.
const SMALL_GRID: [(f64, f64, f64); 12] = [
    (0.0, 0.0, 1e-6),
    (0.0, 0.0, 0.05),
    (0.03, 0.3, 1e-3),
    (0.03, 0.3, 0.05),
    (0.1, 0.0, 1e-6),
    (0.1, 0.3, 1e-3),
    (0.1, 0.3, 0.05),
    (0.3, 0.3, 1e-3),
    (0.3, 0.3, 0.1),
    (1.0, 0.0, 0.2),
    (1.0, 0.3, 0.01),
    (1.0, 0.3, 0.2),
];
const SMALLEST_GRID: [(f64, f64, f64); 6] = [
    (0.0, 0.0, 1e-6),
    (0.03, 0.3, 0.01),
    (0.1, 0.3, 1e-3),
    (0.3, 0.3, 0.05),
    (1.0, 0.3, 0.01),
    (1.0, 0.0, 0.2),
];

impl Hyperparameters {
    /// The grid to choose from with so many pairs.
    pub(super) fn grid(pairs: usize) -> Vec<Self> {
        let few = |grid: &[(f64, f64, f64)]| grid.iter().copied().map(Self::new).collect();
        match pairs {
            _ if pairs <= GRID_PAIRS[0] => Self::whole_grid(),
            _ if pairs <= GRID_PAIRS[1] => few(&SMALL_GRID),
            _ => few(&SMALLEST_GRID),
        }
    }

    /// All combinations.
    pub(super) fn whole_grid() -> Vec<Self> {
        let mut grid = Vec::new();
        for third in [0.0, 0.03, 0.1, 0.3, 1.0] {
            for fifth in [0.0, 0.3] {
                if third > 0.0 || fifth == 0.0 {
                    grid.extend(NOISE.map(|noise| Self::new((third, fifth, noise))));
                }
            }
        }
        grid
    }

    fn new((third, fifth, noise): (f64, f64, f64)) -> Self {
        Self {
            order_variance: [1.0, third, third * fifth],
            noise,
        }
    }
}

/// A kernel matrix with noise, factorised.
#[derive(Debug, Clone)]
pub(super) struct Regression {
    pub hyperparameters: Hyperparameters,
    factor: PackedFactor,
}

/// A regression of some values. Rows are pairs, and the two ends last.
#[derive(Debug, Clone)]
pub(super) struct Solved {
    /// α, one a row.
    pub weights: Array1<f64>,
    /// Mean square error for a judged pair when it is left out.
    pub held_out_error: f64,
    /// Variance of the values over that of the prior: from the held-out errors.
    pub scale: f64,
    /// The same from the fit's likelihood.
    pub likelihood_scale: f64,
}

impl Regression {
    /// `None` if the kernel is singular to working precision.
    pub fn new(kernels: &[Array2<f64>; 3], hyperparameters: Hyperparameters) -> Option<Self> {
        let rows = kernels[0].nrows();
        let mut matrix = Array2::from_diag_elem(rows, hyperparameters.noise);
        for (kernel, variance) in kernels.iter().zip(hyperparameters.order_variance) {
            if variance > 0.0 {
                matrix.scaled_add(variance, kernel);
            }
        }
        Some(Self {
            hyperparameters,
            factor: PackedFactor::new(&Cholesky::new(matrix.view())?),
        })
    }

    /// The pairs from `judged` on tell how well it predicts.
    pub fn solve(&self, odd: &Array1<f64>, judged: usize) -> Solved {
        let weights = self.factor.solve(odd);
        let diagonal = self.factor.inverse_diagonal();
        // Leave-one-out errors are α_j / (K⁻¹)_jj, of variance 1 / (K⁻¹)_jj.
        let held_out_errors = &weights / diagonal;
        let pairs = weights.len().saturating_sub(1);
        let of_pairs = held_out_errors.slice(s![judged..pairs]);
        let count = of_pairs.len().max(1) as f64;
        let scale = of_pairs.dot(&weights.slice(s![judged..pairs])) / count;
        Solved {
            held_out_error: of_pairs.dot(&of_pairs) / count,
            scale,
            // Rounding must not make it negative.
            likelihood_scale: odd.dot(&weights).max(0.0) / weights.len() as f64,
            weights,
        }
    }

    /// `‖W b‖²` for each column b, where WᵀW is the inverse: how much of b's prior
    /// variance the rows explain.
    pub fn explained(&self, columns: &Array2<f64>) -> Array1<f64> {
        let whitened = self.factor.whiten(columns);
        let mut sums = Array1::zeros(columns.ncols());
        for row in whitened.outer_iter() {
            sums.zip_mut_with(&row, |sum, &w| *sum += w * w);
        }
        sums
    }
}

/// The regressions of a grid that are regular.
pub(super) fn factorise(kernels: &[Array2<f64>; 3], grid: &[Hyperparameters]) -> Vec<Regression> {
    let regressions = grid
        .par_iter()
        .map(|&hyperparameters| Regression::new(kernels, hyperparameters));
    regressions
        .collect::<Vec<_>>()
        .into_iter()
        .flatten()
        .collect()
}

/// Which regression has the least leave-one-out error, and its solution; of equals the
/// first, so that threads do not matter.
pub(super) fn choose(
    regressions: &[Regression],
    odd: &Array1<f64>,
    judged: usize,
) -> Option<(usize, Solved)> {
    let solved: Vec<Solved> = regressions
        .par_iter()
        .map(|regression| regression.solve(odd, judged))
        .collect();
    solved
        .into_iter()
        .enumerate()
        .filter(|(_, solved)| solved.held_out_error.is_finite())
        .reduce(|best, next| {
            if next.1.held_out_error < best.1.held_out_error {
                next
            } else {
                best
            }
        })
}
