//! The estimators whose held-out errors are compared.

use ndarray::Array1;

use super::Effort;
use super::pairs::{Observed, Pairs};
use crate::explain::Method;
use crate::explain::least_squares::PairedLeastSquares;
use crate::explain::odd_kernel::{Hyperparameters, OddKernel};
use crate::explain::statistics::student_t_975;

/// Values of one estimator.
pub(super) struct Candidate {
    pub shap_values: Vec<f64>,
    pub standard_errors: Option<Vec<f64>>,
    pub interval_factor: f64,
    /// Mean square error for a pair left out; infinite where it is not known.
    pub held_out_error: f64,
    pub method: Method,
    pub hyperparameters: Option<Hyperparameters>,
    /// False while nothing is known of any player.
    pub known: bool,
}

impl Candidate {
    /// Exact values.
    pub(super) fn exact(shap_values: Vec<f64>) -> Self {
        Self {
            standard_errors: Some(vec![0.0; shap_values.len()]),
            shap_values,
            interval_factor: student_t_975(f64::INFINITY),
            held_out_error: f64::INFINITY,
            method: Method::Exact,
            hyperparameters: None,
            known: true,
        }
    }

    pub(super) fn unknown(players: usize) -> Self {
        Self {
            standard_errors: None,
            known: false,
            method: Method::Automatic,
            ..Self::exact(vec![0.0; players])
        }
    }

    /// The same values, of all pairs there are.
    pub(super) fn enumerated(self) -> Self {
        Self {
            held_out_error: self.held_out_error,
            ..Self::exact(self.shap_values)
        }
    }

    pub(super) fn held_out_error_known(&self) -> Option<f64> {
        self.held_out_error
            .is_finite()
            .then_some(self.held_out_error)
    }

    pub(super) fn least_squares(
        prepared: &PairedLeastSquares,
        pairs: &Pairs,
        observed: &Observed,
        method: Method,
    ) -> Self {
        let odd = observed.odd_of_pairs();
        let fit = prepared.solve(pairs.signs(), &odd, observed.difference());
        let held_out = prepared.held_out_errors(&fit.left);
        let spare = prepared.freedom();
        let determined = prepared.ridge() == 0.0 && spare > 0;
        Self {
            shap_values: fit.shap_values.to_vec(),
            standard_errors: prepared.standard_errors(&fit.left, pairs.inclusions()),
            interval_factor: student_t_975(spare.max(1) as f64),
            held_out_error: if determined {
                mean_square(&held_out)
            } else {
                f64::INFINITY
            },
            method: match method {
                Method::KernelShap => Method::KernelShap,
                _ => Method::LeastSquares,
            },
            hyperparameters: None,
            known: true,
        }
    }

    /// The kernel regression. What it leaves over was fitted if there are pairs enough,
    /// which makes the values consistent; else they are all shifted alike.
    pub(super) fn odd_kernel(
        kernel: &OddKernel,
        observed: &Observed,
        effort: Effort,
    ) -> Option<Self> {
        let sharpen = effort == Effort::Full;
        let fit = kernel.solve(&observed.odd, sharpen)?;
        let mut shap_values = fit.shap_values;
        // Nothing but rounding where the leftover was fitted.
        let missing = (observed.difference() - shap_values.sum()) / shap_values.len() as f64;
        shap_values += missing;
        Some(Self {
            shap_values: shap_values.to_vec(),
            standard_errors: Some(fit.variances.mapv(f64::sqrt).to_vec()),
            interval_factor: student_t_975(f64::INFINITY),
            held_out_error: fit.held_out_error,
            method: Method::OddKernel,
            hyperparameters: Some(fit.hyperparameters),
            known: true,
        })
    }
}

fn mean_square(errors: &Array1<f64>) -> f64 {
    errors.dot(errors) / errors.len().max(1) as f64
}
