//! SHAP values by weighted least squares on complementary pairs (KernelSHAP).
//!
//! Shapley values are the weights of the additive game that is nearest to v under
//! the kernel `μ(S) ∝ 1 / (C(M,s) s (M−s))`, with Σφ = v(N) − v(∅) (Lundberg and Lee
//! 2017). If S and its complement are both evaluated, the two rows collapse into one
//! for the odd part of the game, `y = (v(S) − v(N∖S))/2 ≈ ½ zᵀφ` with z = ±1
//! (Covert and Lee 2021), and pairwise interactions cancel.
//!
//! With fewer than about 1.5 pairs a player the fit is close to its interpolation peak
//! and its errors are large; the other estimators are better there.
//!
//! What depends on the coalitions alone is prepared once; a solution is then two
//! matrix-vector products.

use ndarray::{Array1, Array2, ArrayView2};

use super::ExplainError;
use super::cholesky::Cholesky;

/// First ridge that is tried, as a share of the mean diagonal, and the factor between
/// tries.
const RIDGE: (f64, f64) = (1e-9, 100.0);

/// A least squares fit of pairs, prepared for any values of them.
#[derive(Debug, Clone)]
pub struct PairedLeastSquares {
    /// What one unit of y of a pair adds to each value: pairs × players.
    gains: Array2<f64>,
    /// What one unit of v(N) − v(∅) adds to each value.
    of_ends: Array1<f64>,
    /// How far each pair determines its own fit, 0..=1.
    leverages: Array1<f64>,
    /// What was added to the diagonal of the normal equations, as a share of its mean,
    /// because the pairs alone did not determine all players. 0 in a healthy fit.
    ridge: f64,
}

/// Values that fit the pairs best and sum to v(N) − v(∅), and what is left of each y.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedFit {
    pub shap_values: Array1<f64>,
    pub left: Array1<f64>,
}

impl PairedLeastSquares {
    /// `signs` is pairs × players, +1 where the player is in S and −1 elsewhere;
    /// `weights` holds one weight a pair, up to a common factor: the kernel over the
    /// probability that the pair is drawn.
    ///
    /// The solution is exact for additive games, and with all pairs and kernel weights
    /// for all games.
    pub fn new(signs: ArrayView2<f64>, weights: &[f64]) -> Result<Self, ExplainError> {
        let (pairs, players) = signs.dim();
        let too_few = ExplainError::TooFewObservations {
            observations: pairs,
            players,
        };
        if pairs == 0 && players > 1 || weights.len() != pairs {
            return Err(too_few);
        }
        let weights = Array1::from_iter(weights.iter().map(|weight| weight.max(0.0)));
        let weighted = &signs * &weights.view().insert_axis(ndarray::Axis(1)) * 0.5;

        // Adding γ(Σφ − Δ)² changes nothing where the constraint holds, and makes the
        // matrix regular exactly where the constrained problem is.
        let normal = weighted.t().dot(&signs) * 0.5;
        let mean_diagonal = normal.diag().sum() / players as f64;
        let scale = if mean_diagonal > 0.0 {
            mean_diagonal
        } else {
            1.0
        };
        let normal = normal + scale / players as f64;
        let (factor, ridge) = factorise(&normal, scale).ok_or(too_few)?;

        let ones = factor.solve(&Array1::ones(players));
        let of_ends = &ones / ones.sum();
        // The inverse on the space Σφ = const: pairs cannot change the sum.
        let mut inverse = factor.inverse();
        for (mut row, &share) in inverse.outer_iter_mut().zip(&of_ends) {
            row.scaled_add(-share, &ones);
        }
        let gains = weighted.dot(&inverse);
        let leverages = gains
            .outer_iter()
            .zip(signs.outer_iter())
            .map(|(gain, signs)| 0.5 * gain.dot(&signs))
            .collect();
        Ok(Self {
            gains,
            of_ends,
            leverages,
            ridge,
        })
    }

    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// Pairs to spare, the sum's constraint counted.
    pub fn freedom(&self) -> usize {
        let (pairs, players) = self.gains.dim();
        (pairs + 1).saturating_sub(players)
    }

    /// What each row, a pair or at the end the pair (N, ∅), adds to the values.
    pub fn operator(&self) -> Array2<f64> {
        let (pairs, players) = self.gains.dim();
        let mut operator = Array2::zeros((pairs + 1, players));
        operator
            .slice_mut(ndarray::s![..pairs, ..])
            .assign(&self.gains);
        // y of (N, ∅) is half of v(N) − v(∅).
        operator.row_mut(pairs).assign(&(&self.of_ends * 2.0));
        operator
    }

    /// The fit of `odd`, one y a pair, with Σφ = `difference`. `signs` as prepared.
    pub fn solve(&self, signs: ArrayView2<f64>, odd: &Array1<f64>, difference: f64) -> PairedFit {
        let mut shap_values = odd.dot(&self.gains) + &self.of_ends * difference;
        // Rounding, which is large where a ridge was needed.
        let missing = (difference - shap_values.sum()) / shap_values.len() as f64;
        shap_values += missing;
        let left = odd - &signs.dot(&shap_values) * 0.5;
        PairedFit { shap_values, left }
    }

    /// The error for each pair when it is left out.
    pub fn held_out_errors(&self, left: &Array1<f64>) -> Array1<f64> {
        // A pair that determines its own fit (leverage 1) has no error to go by.
        left / &self.leverages.mapv(|leverage| (1.0 - leverage).max(1e-6))
    }

    /// Standard errors by the HC2 sandwich (MacKinnon and White 1985) with a finite
    /// population correction by the probabilities `inclusions` of the pairs: those of
    /// a size that is enumerated are the same in every run and add no sampling error.
    /// `None` without pairs to spare or with a ridge.
    ///
    /// HC2 rather than HC1, since a design without replacement leaves few rows to
    /// chance, of high leverage.
    pub fn standard_errors(&self, left: &Array1<f64>, inclusions: &[f64]) -> Option<Vec<f64>> {
        if self.ridge > 0.0 || self.freedom() == 0 {
            return None;
        }
        let mut variances = vec![0.0; self.gains.ncols()];
        let rows = self.gains.outer_iter().zip(left).zip(&self.leverages);
        for (((gains, left), leverage), inclusion) in rows.zip(inclusions) {
            let left_to_chance = (1.0 - inclusion).clamp(0.0, 1.0);
            let square = left_to_chance * left * left / (1.0 - leverage).max(1e-6);
            for (variance, gain) in variances.iter_mut().zip(gains) {
                *variance += square * gain * gain;
            }
        }
        Some(variances.into_iter().map(f64::sqrt).collect())
    }
}

/// The factor of a matrix, with the smallest ridge of the series that it needs.
fn factorise(normal: &Array2<f64>, scale: f64) -> Option<(Cholesky, f64)> {
    if let Some(factor) = Cholesky::new(normal.view()) {
        return Some((factor, 0.0));
    }
    let mut ridge = RIDGE.0;
    while ridge < 1.0 {
        let mut regular = normal.clone();
        regular
            .diag_mut()
            .mapv_inplace(|value| value + ridge * scale);
        if let Some(factor) = Cholesky::new(regular.view()) {
            return Some((factor, ridge));
        }
        ridge *= RIDGE.1;
    }
    None
}
