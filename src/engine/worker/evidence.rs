//! Evidence as wishes of the window: masks put to the test, and all that can be gathered
//! for and against an explanation.

use std::sync::Arc;

use super::{Engine, Event, Request, Worker};
use crate::base::{CancelToken, Phase, Progress};
use crate::engine::evidence::{
    self, EvidencePart, EvidenceReport, EvidenceSettings, EvidenceTask, EvidenceWatch, Ground,
    KeepAndDelete, MaskWish, Runs,
};
use crate::engine::{Answer, EngineError, Explanation, JobControl, Players};
use crate::model::SwinUnetr;

impl Engine {
    /// Asks what the network segments with only a mask kept, and with only it removed. A
    /// mask has one entry a player of the explanation that runs or is finished. The
    /// newest wish replaces the one that is worked on, after the windows that run; an
    /// explanation that runs goes on after it. The answer is [`Event::KeptAndRemoved`].
    pub fn keep_and_delete(&mut self, players: Arc<Players>, mask: Vec<bool>) {
        self.mask_test.cancel();
        self.mask_test = CancelToken::new();
        self.masks.put(MaskWish {
            players,
            mask,
            cancel: self.mask_test.clone(),
        });
        let _ = self
            .requests
            .try_send((Request::TestMask, JobControl::new()));
    }

    /// Gathers evidence for answers of the finished explanation, or for all that it was
    /// made for if none is named. What runs is cancelled. Reports come as
    /// [`Event::Evidence`], progress as that of [`Phase::Evidence`]; masks are tested in
    /// between.
    pub fn gather_evidence(&mut self, answers: Vec<Answer>, settings: EvidenceSettings) {
        self.job.cancel();
        self.job = JobControl::new();
        let request = Request::Evidence { answers, settings };
        let _ = self.requests.try_send((request, self.job.clone()));
    }
}

impl Worker {
    /// A wish that came while the explanation ran was answered there.
    pub(super) fn test_mask(&mut self) -> Result<(), EngineError> {
        let (Some(mut ground), Some(study)) = (self.ground.take(), self.study.clone()) else {
            return Ok(());
        };
        let network = self.load_network(&study.bundle);
        let found = network.and_then(|network| ground.serve(&self.masks, &network));
        self.ground = Some(ground);
        self.tell_mask(found);
        Ok(())
    }

    pub(super) fn gather_evidence(
        &mut self,
        answers: Vec<Answer>,
        settings: &EvidenceSettings,
        job: &JobControl,
    ) -> Result<(), EngineError> {
        let Some(explanation) = self.explanation.clone() else {
            return Ok(());
        };
        let network = self.load_network(&explanation.study.bundle)?;
        let mut runs = self.runs_of(&explanation, &network)?;
        let mut ground = self.ground.take();
        let answers = if answers.is_empty() {
            explanation.classes.clone()
        } else {
            answers
        };
        let task = EvidenceTask {
            explanation: &explanation,
            answers: &answers,
            network: &network,
            reference: None,
            keep: None,
        };
        let mut watch = Watch {
            worker: self,
            ground: &mut ground,
            network: &network,
        };
        let found = evidence::gather(&task, &mut runs, settings, job, &mut watch);
        self.ground = ground;
        self.runs = Some(runs);
        found.map(|_| ())
    }

    /// The runs of an explanation: those that were made before, if it is the same.
    fn runs_of(
        &mut self,
        explanation: &Arc<Explanation>,
        network: &Arc<SwinUnetr>,
    ) -> Result<Runs, EngineError> {
        let same = |runs: &Runs| {
            Arc::ptr_eq(runs.explanation(), explanation)
                && std::ptr::eq(runs.masked().windows().network(), Arc::as_ptr(network))
        };
        if let Some(runs) = self.runs.take().filter(same) {
            return Ok(runs);
        }
        let of_ground = self.ground.as_ref().filter(|g| g.is_of(explanation));
        Ok(match of_ground.and_then(Ground::masked) {
            Some(masked) => Runs::on(explanation, masked, explanation.settings.baseline),
            None => Runs::new(explanation, network)?,
        })
    }

    /// Tells what a mask test found. One that failed ends nothing else.
    pub(super) fn tell_mask(&self, found: Result<Option<Arc<KeepAndDelete>>, EngineError>) {
        match found {
            Ok(Some(found)) => self.tell(Event::KeptAndRemoved(found)),
            Ok(None) => {}
            Err(error) => self.tell(Event::Failed(error.to_string())),
        }
    }
}

/// Tells of a job that gathers evidence, and tests masks between its runs.
struct Watch<'a> {
    worker: &'a Worker,
    ground: &'a mut Option<Ground>,
    network: &'a Arc<SwinUnetr>,
}

impl EvidenceWatch for Watch<'_> {
    fn progress(&mut self, _part: EvidencePart, done: usize, total: usize) {
        self.worker.reporter()(Progress {
            phase: Phase::Evidence,
            done: done as u64,
            total: total as u64,
        });
        if let Some(ground) = self.ground {
            let found = ground.serve(&self.worker.masks, self.network);
            self.worker.tell_mask(found);
        }
    }

    fn found(&mut self, report: &EvidenceReport) {
        self.worker.tell(Event::Evidence(Arc::new(report.clone())));
    }
}
