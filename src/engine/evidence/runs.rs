//! The game of a finished explanation, played on: what the log holds is looked up, and
//! only what it does not hold is run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::keep_and_delete::{KeepAndDelete, MaskTest};
use crate::base::CancelToken;
use crate::engine::explaining::Measured;
use crate::engine::{EngineError, Explanation, Reference};
use crate::explain::baseline::Baseline;
use crate::explain::{Coalition, ExplainError, Outcome, Question, Sizes};
use crate::model::{MaskedNetwork, SwinUnetr};

/// Runs of one game. It holds the masked network, so windows that show what they have
/// shown before are not run again.
#[derive(Debug)]
pub struct Runs {
    explanation: Arc<Explanation>,
    baseline: Baseline,
    masked: Arc<MaskedNetwork>,
    /// Where the outcome of a coalition is: in the log, and after its end in `made`.
    known: HashMap<Coalition, usize>,
    /// Evaluations of the log that are of this game: none with another baseline.
    logged: usize,
    made: Vec<(Coalition, Outcome)>,
}

impl Runs {
    /// The game of the explanation itself.
    pub fn new(
        explanation: &Arc<Explanation>,
        network: &Arc<SwinUnetr>,
    ) -> Result<Self, EngineError> {
        Self::with_baseline(explanation, network, explanation.settings.baseline)
    }

    /// The same game with absent players filled in another way. The log helps only where
    /// the baseline is the explanation's own.
    pub fn with_baseline(
        explanation: &Arc<Explanation>,
        network: &Arc<SwinUnetr>,
        baseline: Baseline,
    ) -> Result<Self, EngineError> {
        let masked = Arc::new(explanation.masked_network(network, baseline)?);
        Ok(Self::on(explanation, masked, baseline))
    }

    /// On a masked network of this very game, or of the same with another baseline.
    pub(crate) fn on(
        explanation: &Arc<Explanation>,
        masked: Arc<MaskedNetwork>,
        baseline: Baseline,
    ) -> Self {
        let same = baseline == explanation.settings.baseline;
        let records = explanation.log.records();
        let logged = if same { records.len() } else { 0 };
        let known = records.iter().take(logged).enumerate();
        Self {
            masked,
            baseline,
            known: known.map(|(at, (c, _))| (c.clone(), at)).collect(),
            logged,
            made: Vec::new(),
            explanation: Arc::clone(explanation),
        }
    }

    pub fn explanation(&self) -> &Arc<Explanation> {
        &self.explanation
    }

    pub fn baseline(&self) -> Baseline {
        self.baseline
    }

    pub fn masked(&self) -> &Arc<MaskedNetwork> {
        &self.masked
    }

    pub fn sizes(&self) -> &Sizes {
        &self.explanation.log.header().sizes
    }

    /// Runs of the network that were made here.
    pub fn made(&self) -> &[(Coalition, Outcome)] {
        &self.made
    }

    /// Takes up an outcome of this game that was made before.
    pub fn remember(&mut self, coalition: Coalition, outcome: Outcome) -> Result<(), EngineError> {
        self.sizes().check(&outcome)?;
        if !self.known.contains_key(&coalition) {
            self.note(coalition, outcome);
        }
        Ok(())
    }

    fn note(&mut self, coalition: Coalition, outcome: Outcome) {
        self.known
            .insert(coalition.clone(), self.logged + self.made.len());
        self.made.push((coalition, outcome));
    }

    /// The outcome of a coalition, if it is known.
    pub fn find(&self, coalition: &Coalition) -> Option<&Outcome> {
        let at = *self.known.get(coalition)?;
        let record = match at.checked_sub(self.logged) {
            None => self.explanation.log.records().get(at),
            Some(at) => self.made.get(at),
        };
        record.map(|(_, outcome)| outcome)
    }

    /// Makes the outcomes of coalitions known, in pairs; each pair is followed by a call
    /// of `after` with the number of those that are still missing, which may end the work.
    pub fn make(
        &mut self,
        coalitions: &[Coalition],
        cancel: &CancelToken,
        after: &mut dyn FnMut(&MaskedNetwork, usize) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let mut asked = HashSet::new();
        let missing: Vec<&Coalition> = coalitions
            .iter()
            .filter(|&c| !self.known.contains_key(c) && asked.insert(c))
            .collect();
        let mut left = missing.len();
        for pair in missing.chunks(2) {
            let pair: Vec<Coalition> = pair.iter().map(|&c| c.clone()).collect();
            let measured = Measured {
                sizes: self.sizes(),
            };
            let outcomes = measured.outcomes(&self.masked, &pair, cancel)?;
            for (coalition, outcome) in pair.into_iter().zip(outcomes) {
                left -= 1;
                self.note(coalition, outcome);
            }
            after(&self.masked, left)?;
        }
        Ok(())
    }

    /// The value of a known coalition.
    ///
    /// Errors: a coalition that was not made known.
    pub fn value(&self, question: &Question, coalition: &Coalition) -> Result<f64, EngineError> {
        let outcome = self
            .find(coalition)
            .ok_or(ExplainError::Unanswered { missing: 1 })?;
        Ok(question.evaluate(outcome, self.sizes())?)
    }

    /// Segments with only a mask kept, and with only the mask removed; see [`MaskTest`].
    pub fn keep_and_delete(
        &mut self,
        mask: &[bool],
        reference: Option<&Reference>,
        cancel: &CancelToken,
    ) -> Result<KeepAndDelete, EngineError> {
        let explanation = Arc::clone(&self.explanation);
        let test = MaskTest {
            study: &explanation.study,
            segmentation: &explanation.segmentation,
            players: &explanation.players,
            sizes: &explanation.log.header().sizes,
            reference,
        };
        let found = test.run(&self.masked, mask, cancel)?;
        let kept = Coalition::from_bools(mask);
        self.remember(kept.complement(), found.removed.outcome.clone())?;
        self.remember(kept, found.kept.outcome.clone())?;
        Ok(found)
    }
}
