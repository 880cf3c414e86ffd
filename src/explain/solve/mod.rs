//! From evaluated coalitions to SHAP values: the one place that the evaluation loop,
//! the command line and the benchmark call.
//!
//! A [`Design`] is made of the coalitions of a log and holds all that does not depend
//! on their values: the factorised regressions. [`Design::solve`] then turns one value
//! a coalition into a [`Solution`], so that another class, lesion or value function
//! costs milliseconds. Both are functions of the log's first coalitions alone: what was
//! asked in between leaves no trace.
//!
//! The automatic method shows the marginals of its permutation pass as they come in,
//! stays with them a little longer, and then takes the kernel regression or the paired
//! least squares, whichever predicts left-out pairs better. A game that was enumerated
//! is solved exactly.

mod candidate;
mod pairs;
mod play;

use self::candidate::Candidate;
use self::pairs::{Observed, Pairs};
pub use self::play::play;

use super::game::check_players;
use super::least_squares::PairedLeastSquares;
use super::odd_kernel::{Hyperparameters, OddKernel};
use super::permutation::PermutationEstimator;
use super::sampler::Sampler;
use super::{Coalition, Estimate, ExplainError, Method, PlayerEstimate};

/// Pairs a player from which the least squares fit is of use.
const PAIRS_FOR_LEAST_SQUARES: f64 = 1.5;
/// Pairs a player from which a kernel is better than the permutation pass alone.
const PAIRS_FOR_KERNEL: f64 = 1.2;

/// How much work a solution may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effort {
    /// What is prepared, for maps that are redrawn all the time.
    Live,
    /// Also a kernel shaped by the values themselves: the result that is kept.
    #[default]
    Full,
}

/// SHAP values, how they were made, and how well what they rest on predicts.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    pub estimate: Estimate,
    /// The estimator that was used.
    pub method: Method,
    /// Share of the odd part's mean square that is predicted for a pair left out: 1 is
    /// perfect, 0 no better than nothing. `None` while there is nothing to leave out.
    pub surrogate_fit: Option<f64>,
    /// What the kernel regression chose, where it was used.
    pub hyperparameters: Option<Hyperparameters>,
}

/// The coalitions of a log, prepared for any values of them.
#[derive(Debug)]
pub struct Design {
    method: Method,
    players: usize,
    seed: u64,
    /// Coalitions given, a last one without its partner included.
    coalitions: usize,
    pairs: Pairs,
    least_squares: Option<PairedLeastSquares>,
    kernel: Option<OddKernel>,
}

impl Design {
    /// The design of the first coalitions of a log, which must be those of
    /// [`Sampler`] with this method and seed. A last one without its partner is left
    /// out. At least the two ends are needed.
    pub fn new<'a>(
        method: Method,
        players: usize,
        seed: u64,
        coalitions: impl IntoIterator<Item = &'a Coalition>,
    ) -> Result<Self, ExplainError> {
        let coalitions: Vec<&Coalition> = coalitions.into_iter().collect();
        let mut sampler = Sampler::new(method, players, seed)?;
        let mut drawn = Vec::with_capacity(coalitions.len() / 2);
        for (index, pair) in coalitions.chunks_exact(2).enumerate() {
            for coalition in pair {
                check_players(coalition.players(), players)?;
            }
            let expected = sampler.next_pair();
            let Some((s, _)) = expected.filter(|(s, c)| pair == [s, c]) else {
                let record = 2 * index;
                return Err(ExplainError::LogOrder { record, seed });
            };
            drawn.push(s);
        }
        if drawn.is_empty() {
            return Err(ExplainError::TooFewObservations {
                observations: 0,
                players,
            });
        }
        let pairs = Pairs::new(method, players, seed, &drawn[1..]);
        let mut design = Self {
            method,
            players,
            seed,
            coalitions: coalitions.len(),
            pairs,
            least_squares: None,
            kernel: None,
        };
        design.prepare()?;
        Ok(design)
    }

    fn prepare(&mut self) -> Result<(), ExplainError> {
        let count = self.pairs.len();
        let enough = count as f64 >= PAIRS_FOR_LEAST_SQUARES * self.players as f64;
        let (least_squares, kernel) = match self.method {
            _ if count == 0 || self.players == 1 => (false, false),
            _ if !self.method.regresses(self.players) => (false, false),
            _ if self.pairs.enumerated() => (true, false),
            Method::Automatic | Method::Permutation => (enough, count + 1 >= self.players),
            Method::OddKernel => (enough, true),
            Method::LeastSquares | Method::KernelShap | Method::Exact => (true, false),
        };
        if least_squares {
            let fit = PairedLeastSquares::new(self.pairs.signs(), self.pairs.weights())?;
            self.least_squares = Some(fit);
        }
        if kernel {
            let correction = self.least_squares.as_ref().map(|fit| fit.operator());
            self.kernel = Some(OddKernel::new(self.pairs.rows(), self.judged(), correction));
        }
        Ok(())
    }

    /// The first pair that tells how well a regression predicts. Those of the
    /// permutation pass differ by one player each, so leaving one out is too easy.
    fn judged(&self) -> usize {
        if self.method == Method::Automatic && !self.is_near_pass() {
            self.players - 1
        } else {
            0
        }
    }

    /// Coalitions that solutions use: an even number.
    pub fn evaluations(&self) -> usize {
        2 * self.pairs.len() + 2
    }

    /// The solution for one value a coalition, in the log's order.
    pub fn solve(&self, values: &[f64], effort: Effort) -> Result<Solution, ExplainError> {
        if values.len() != self.coalitions {
            return Err(ExplainError::ValueCount {
                values: values.len(),
                coalitions: self.coalitions,
            });
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err(ExplainError::NotFinite);
        }
        // By a power of two, which changes no digit: squares of huge values are finite.
        let unit = power_of_two_near(values);
        let scaled: Vec<f64> = values.iter().map(|value| value / unit).collect();
        let mut solution = self.solve_scaled(&scaled, effort)?;
        let estimate = &mut solution.estimate;
        for player in &mut estimate.players {
            player.shap_value *= unit;
            player.standard_error = player.standard_error.map(|error| error * unit);
        }
        estimate.value_empty *= unit;
        estimate.value_full *= unit;
        let finite = |p: &PlayerEstimate| {
            p.shap_value.is_finite() && p.standard_error.is_none_or(f64::is_finite)
        };
        if !estimate.players.iter().all(finite) {
            return Err(ExplainError::NotFinite);
        }
        Ok(solution)
    }

    fn solve_scaled(&self, values: &[f64], effort: Effort) -> Result<Solution, ExplainError> {
        let observed = self.pairs.observe(values);
        let count = self.pairs.len();
        let passes_only = !self.method.regresses(self.players);
        if self.players == 1 {
            let candidate = Candidate::exact(vec![observed.difference()]);
            return Ok(self.solution(candidate, &observed));
        }
        if passes_only || self.method == Method::Automatic && count + 1 < self.players {
            return self.permutation(values, usize::MAX);
        }
        let least_squares = self
            .least_squares
            .as_ref()
            .map(|fit| Candidate::least_squares(fit, &self.pairs, &observed, self.method));
        if self.pairs.enumerated()
            && let Some(least_squares) = least_squares
        {
            return Ok(self.solution(least_squares.enumerated(), &observed));
        }
        let kernel = self
            .kernel
            .as_ref()
            .and_then(|kernel| Candidate::odd_kernel(kernel, &observed, effort));
        if self.method == Method::Automatic && (self.is_near_pass() || kernel.is_none()) {
            let mut solution = self.permutation(values, self.players)?;
            let surrogate = kernel.map(|kernel| self.solution(kernel, &observed));
            solution.surrogate_fit = surrogate.and_then(|surrogate| surrogate.surrogate_fit);
            return Ok(solution);
        }
        let better = |a: Candidate, b: Candidate| {
            if b.held_out_error < a.held_out_error {
                b
            } else {
                a
            }
        };
        let best = kernel.into_iter().chain(least_squares).reduce(better);
        let unknown = || Candidate::unknown(self.players);
        Ok(self.solution(best.unwrap_or_else(unknown), &observed))
    }

    /// Whether there is little more than the first permutation pass.
    fn is_near_pass(&self) -> bool {
        self.players > 2 && (self.pairs.len() as f64) < PAIRS_FOR_KERNEL * self.players as f64
    }

    /// The permutation estimate of the first `most` pairs: of complete passes, or of
    /// the first as far as it is.
    fn permutation(&self, values: &[f64], most: usize) -> Result<Solution, ExplainError> {
        let mut estimator = PermutationEstimator::new(self.players, self.seed)?;
        let (pairs, _) = values.as_chunks::<2>();
        for &[value, complement_value] in pairs.iter().take(most) {
            estimator.absorb(value, complement_value)?;
        }
        let estimate = estimator.complete().or_else(|| estimator.current());
        let estimate = estimate.ok_or(ExplainError::TooFewObservations {
            observations: 0,
            players: self.players,
        })?;
        Ok(Solution {
            estimate,
            method: Method::Permutation,
            surrogate_fit: None,
            hyperparameters: None,
        })
    }

    fn solution(&self, candidate: Candidate, observed: &Observed) -> Solution {
        let samples = if candidate.known {
            2 * self.pairs.len().max(1)
        } else {
            0
        };
        let held_out_error = candidate.held_out_error_known();
        let errors = candidate.standard_errors;
        let players = candidate.shap_values.into_iter().enumerate();
        let players = players.map(|(player, shap_value)| PlayerEstimate {
            shap_value,
            standard_error: errors.as_ref().and_then(|e| e.get(player).copied()),
            samples,
        });
        let mean_square = observed.mean_square();
        let fit = |error: f64| {
            if mean_square > 0.0 {
                1.0 - error / mean_square
            } else {
                1.0
            }
        };
        Solution {
            estimate: Estimate {
                players: players.collect(),
                value_empty: observed.value_empty,
                value_full: observed.value_full,
                evaluations: self.evaluations(),
                interval_factor: candidate.interval_factor,
            },
            method: candidate.method,
            surrogate_fit: held_out_error.map(fit),
            hyperparameters: candidate.hyperparameters,
        }
    }
}

/// A power of two between half and twice the largest absolute value; 1 for none.
fn power_of_two_near(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0, |a: f64, v| a.max(v.abs()));
    if largest < f64::MIN_POSITIVE {
        return 1.0;
    }
    2_f64.powi(largest.log2().floor().clamp(-1000.0, 1000.0) as i32)
}
