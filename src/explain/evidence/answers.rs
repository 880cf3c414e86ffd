//! Values of coalitions that are known, so that none is evaluated twice.

use std::collections::{HashMap, HashSet};

use super::CurvePlan;
use crate::explain::{Coalition, ExplainError, game::Game};

/// Known values by coalition: from the log of the explanation, or evaluated for the
/// curves.
#[derive(Debug, Clone, Default)]
pub struct Answers(HashMap<Coalition, f64>);

impl Answers {
    /// Notes a value; a value that is not finite is an error.
    pub fn insert(&mut self, coalition: Coalition, value: f64) -> Result<(), ExplainError> {
        if !value.is_finite() {
            return Err(ExplainError::NotFinite);
        }
        self.0.insert(coalition, value);
        Ok(())
    }

    pub fn get(&self, coalition: &Coalition) -> Option<f64> {
        self.0.get(coalition).copied()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The coalitions that some curves still need, each once, and each directly before
    /// its complement if both are missing, so that they can be evaluated in pairs.
    pub fn missing<'a>(&self, plans: impl IntoIterator<Item = &'a CurvePlan>) -> Vec<Coalition> {
        let mut asked = HashSet::new();
        let mut missing = Vec::new();
        for coalition in plans.into_iter().flat_map(CurvePlan::pairs).flatten() {
            if !self.0.contains_key(&coalition) && asked.insert(coalition.clone()) {
                missing.push(coalition);
            }
        }
        missing
    }

    /// Evaluates what some curves still need in one batch. A caller with progress to
    /// show asks for [`Answers::missing`] and evaluates in its own batches.
    pub fn complete<'a>(
        &mut self,
        plans: impl IntoIterator<Item = &'a CurvePlan>,
        game: &mut impl Game,
    ) -> Result<(), ExplainError> {
        let missing = self.missing(plans);
        let values = game.evaluate(&missing)?;
        for (coalition, value) in missing.into_iter().zip(values) {
            self.insert(coalition, value)?;
        }
        Ok(())
    }
}
