//! Evidence against oracles: closed forms of additive games, definitions evaluated the
//! long way, and values of scipy, scikit-image and Quantus kept as fixtures
//! (`fixtures/evidence/make_oracles.py`).

#[path = "evidence/curves.rs"]
mod curves;
#[path = "evidence/degenerate.rs"]
mod degenerate;
#[path = "evidence/minimal.rs"]
mod minimal;
#[path = "evidence/oracles.rs"]
mod oracles;

use voxplain::explain::game::Game;
use voxplain::explain::{Coalition, ExplainError};

/// v(S) = empty + Σ_S values.
struct Additive {
    values: Vec<f64>,
    empty: f64,
    evaluations: usize,
}

impl Additive {
    fn new(values: &[f64], empty: f64) -> Self {
        Self {
            values: values.to_vec(),
            empty,
            evaluations: 0,
        }
    }
}

impl Game for Additive {
    fn players(&self) -> usize {
        self.values.len()
    }

    fn evaluate(&mut self, coalitions: &[Coalition]) -> Result<Vec<f64>, ExplainError> {
        self.evaluations += coalitions.len();
        let value = |c: &Coalition| self.empty + c.iter().map(|p| self.values[p]).sum::<f64>();
        Ok(coalitions.iter().map(value).collect())
    }
}
