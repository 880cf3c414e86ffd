//! Stand-in until the estimators' facade is there.

use crate::explain::permutation::{PermutationEstimator, PermutationSampler};
use crate::explain::{Coalition, Estimate, ExplainError};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Method {
    #[default]
    Automatic,
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("automatic")
    }
}

pub struct Sampler(PermutationSampler);

impl Sampler {
    pub fn resume(
        _: Method,
        players: usize,
        seed: u64,
        evaluations: usize,
    ) -> Result<Self, ExplainError> {
        let mut sampler = PermutationSampler::new(players, seed)?;
        for _ in 0..evaluations / 2 {
            sampler.next_pair();
        }
        Ok(Self(sampler))
    }

    pub fn next_pair(&mut self) -> Option<(Coalition, Coalition)> {
        self.0.next_pair()
    }
}

#[derive(Debug, Clone)]
pub struct Solution {
    pub estimate: Estimate,
    pub method: Method,
    pub surrogate_fit: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effort {
    Live,
    #[default]
    Full,
}

#[derive(Debug)]
pub struct Design {
    players: usize,
    seed: u64,
}

impl Design {
    pub fn new<'a>(
        _: Method,
        players: usize,
        seed: u64,
        _: impl IntoIterator<Item = &'a Coalition>,
    ) -> Result<Self, ExplainError> {
        Ok(Self { players, seed })
    }

    pub fn solve(&self, values: &[f64], _: Effort) -> Result<Solution, ExplainError> {
        let mut estimator = PermutationEstimator::new(self.players, self.seed)?;
        let (pairs, _) = values.as_chunks::<2>();
        for [value, complement] in pairs {
            estimator.absorb(*value, *complement)?;
        }
        let estimate = estimator.complete().or_else(|| estimator.current());
        Ok(Solution {
            estimate: estimate.ok_or(ExplainError::TooFewObservations {
                observations: 0,
                players: self.players,
            })?,
            method: Method::Automatic,
            surrogate_fit: None,
        })
    }
}
