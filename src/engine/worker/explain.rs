//! Explanations and questions as wishes of the window.

use std::sync::Arc;

use super::{Event, Worker};
use crate::base::Cancelled;
use crate::engine::evidence::Ground;
use crate::engine::explaining::{self, Explanation};
use crate::engine::{EngineError, ExplainSettings, JobControl, Players, modalities};
use crate::explain::solve::Effort;

/// Supervoxels, the strongest first, whose values are shared out among the channels.
pub const SPLIT_BY_CHANNEL: usize = 3;

impl Worker {
    pub(super) fn explain(
        &mut self,
        players: &Arc<Players>,
        settings: &ExplainSettings,
        earlier: Option<&Explanation>,
        job: &JobControl,
    ) -> Result<(), EngineError> {
        let Some(study) = self.study.clone() else {
            return Ok(());
        };
        // Supervoxels of another region or scan are on their way out.
        if !players.belong_to(&study) {
            return Err(Cancelled.into());
        }
        let (network, segmentation) = self.segment(&study, job)?;
        self.tell(Event::ExplainStarted);
        let (slot, waker) = (self.snapshot.clone(), Arc::clone(&self.waker));
        let task = explaining::Task {
            earlier: earlier.map(|explanation| Arc::clone(&explanation.log)),
            ..explaining::Task::new(study, segmentation, Arc::clone(players), settings)
        };
        let mut ground = Ground::new(&task);
        let explanation = explaining::explain_between(
            &task,
            &network,
            job,
            &self.ask,
            &mut |snapshot| {
                slot.put(Arc::new(snapshot));
                waker();
            },
            &mut |between| self.tell_mask(ground.serve_between(&self.masks, between)),
        );
        self.ground = Some(ground);
        let mut explanation = explanation?;
        self.keep(explanation.clone());
        let shares = modalities(
            &task,
            &network,
            &explanation,
            SPLIT_BY_CHANNEL,
            job.cancel_token(),
            &mut |_, _| {},
        )?;
        if !shares.is_empty() {
            explanation.modalities = shares;
            self.keep(explanation);
        }
        Ok(())
    }

    fn keep(&mut self, explanation: Explanation) {
        let explanation = Arc::new(explanation);
        self.explanation = Some(Arc::clone(&explanation));
        self.tell(Event::Explained(explanation));
    }

    /// A question that came while the explanation ran was answered there. The quick answer
    /// is shown at once, and the one that is kept when it is made, unless another question
    /// has come by then.
    pub(super) fn answer(&mut self) -> Result<(), EngineError> {
        if let Some(explanation) = &self.explanation
            && let Some(ask) = self.ask.take()
        {
            for effort in [Effort::Live, Effort::Full] {
                if !self.ask.is_empty() {
                    break;
                }
                let answer = explanation.answer_to(&ask, effort)?;
                self.snapshot.put(Arc::new(explanation.snapshot_of(answer)));
                (self.waker)();
            }
        }
        Ok(())
    }
}
