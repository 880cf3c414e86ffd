//! The job that gathers evidence, part by part.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::curves::{self, CurveEvidence};
use super::fit::{self, FitEvidence, ResemblanceEvidence};
use super::methods::{self, MethodsEvidence};
use super::minimal::{self, MinimalEvidence};
use super::place::{self, PlaceEvidence};
use super::stability::{self, StabilityEvidence, WeightsEvidence};
use super::weights::random_networks;
use super::{EvidencePart, EvidenceSettings, KeepAndDelete, Runs};
use crate::base::Pace;
use crate::engine::{Answer, EngineError, Explanation, JobControl};
use crate::explain::Coalition;
use crate::explain::evidence::{Check, Verdict, checks};
use crate::explain::relevance_mask::MaskStatistics;
use crate::model::SwinUnetr;

/// All that was gathered for and against one answer of an explanation. What was not asked
/// for, or is not there yet, is `None`.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence {
    /// Index of the class.
    pub class: usize,
    pub class_name: String,
    /// Which part of the class, if not all of it.
    pub part: Option<String>,
    pub value_function: &'static str,
    /// The rule of the mask that is put to the test.
    pub mask_rule: String,
    pub mask_statistics: Option<MaskStatistics>,
    pub fit: Option<FitEvidence>,
    pub place: Option<PlaceEvidence>,
    pub resemblance: Option<ResemblanceEvidence>,
    pub mask: Option<Arc<KeepAndDelete>>,
    pub minimal: Option<MinimalEvidence>,
    pub curves: Option<CurveEvidence>,
    pub seed: Option<StabilityEvidence>,
    pub baselines: Option<StabilityEvidence>,
    pub supervoxels: Option<StabilityEvidence>,
    pub weights: Option<WeightsEvidence>,
    pub methods: Option<MethodsEvidence>,
}

/// Evidence for all answers of an explanation, as far as it was gathered.
#[derive(Debug, Clone, Serialize)]
pub struct EvidenceReport {
    pub answers: Vec<Evidence>,
    /// The parts that are done, in their order.
    pub parts: Vec<EvidencePart>,
    /// Parts that could not be gathered, and why, in plain words.
    pub failed: Vec<(EvidencePart, String)>,
    /// The part that is worked on next; `None` when nothing more is to come.
    pub next: Option<EvidencePart>,
    /// Runs of the network that this took, besides those of the log.
    pub runs: usize,
    pub seconds: f64,
}

impl Evidence {
    fn new(explanation: &Explanation, answer: &Answer, settings: &EvidenceSettings) -> Self {
        Self {
            class: answer.class,
            class_name: explanation.study.class_name(answer.class).to_owned(),
            part: answer.part_in_words(),
            value_function: answer.question.value_function.label(),
            mask_rule: settings.mask.to_string(),
            mask_statistics: None,
            fit: None,
            place: None,
            resemblance: None,
            mask: None,
            minimal: None,
            curves: None,
            seed: None,
            baselines: None,
            supervoxels: None,
            weights: None,
            methods: None,
        }
    }

    /// The verdicts of all that was gathered, in the order in which to read them.
    pub fn checks(&self) -> Vec<Check> {
        let mut all = Vec::new();
        if let Some(mask) = &self.mask {
            let dice = |found: &super::MaskedSegmentation| found.class(self.class)?.dice;
            all.push(checks::keep_only_mask(dice(&mask.kept)));
            all.push(checks::hide_mask(dice(&mask.removed)));
        }
        if let Some(minimal) = &self.minimal {
            all.extend(minimal.checks());
        }
        if let Some(curves) = &self.curves {
            all.extend(curves.checks());
        }
        if let Some(fit) = &self.fit {
            all.extend(fit.checks.iter().cloned());
        }
        if let Some(place) = &self.place {
            all.extend(place.checks());
        }
        if let Some(resemblance) = &self.resemblance {
            all.push(resemblance.check.clone());
        }
        let stability = [&self.seed, &self.baselines, &self.supervoxels];
        for found in stability.into_iter().flatten() {
            all.extend(found.checks.iter().cloned());
        }
        if let Some(weights) = &self.weights {
            all.push(weights.check.clone());
        }
        if let Some(methods) = &self.methods {
            all.push(methods.check.clone());
        }
        all
    }

    /// How many checks support the explanation, leave doubt and refute it.
    pub fn counts(&self) -> [usize; 3] {
        let checks = self.checks();
        [Verdict::Supported, Verdict::Doubtful, Verdict::Refuted]
            .map(|verdict| checks.iter().filter(|c| c.verdict == verdict).count())
    }
}

/// One answer, with what every part needs of it.
pub(super) struct Subject<'a> {
    pub explanation: &'a Explanation,
    pub answer: &'a Answer,
    /// SHAP values, one entry a player.
    pub values: &'a [f64],
    pub volumes_mm3: &'a [f64],
}

/// What is told of a running job. Between two runs of the network there is time for
/// other work.
pub trait EvidenceWatch {
    /// A part has made `done` of `total` runs.
    fn progress(&mut self, part: EvidencePart, done: usize, total: usize);
    /// A part is finished.
    fn found(&mut self, report: &EvidenceReport);
}

/// A running job.
pub(super) struct Gathering<'a> {
    explanation: &'a Arc<Explanation>,
    answers: &'a [Answer],
    pub network: &'a Arc<SwinUnetr>,
    pub settings: &'a EvidenceSettings,
    pub job: &'a JobControl,
    watch: &'a mut dyn EvidenceWatch,
    keep: Option<&'a Path>,
    values: Vec<Vec<f64>>,
    volumes_mm3: Vec<f64>,
    made: usize,
}

impl<'a> Gathering<'a> {
    pub fn explanation(&self) -> &'a Arc<Explanation> {
        self.explanation
    }

    /// The file that keeps the runs of a further game, if there is a folder for it.
    pub fn kept(&self, part: EvidencePart, game: &str) -> Option<PathBuf> {
        let folder = self.keep?;
        // Not being able to keep them is no reason not to make them.
        std::fs::create_dir_all(folder).ok()?;
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let game: String = game.chars().map(plain).collect();
        Some(folder.join(format!("{part}_{game}.voxlog")))
    }

    pub fn report(&mut self, part: EvidencePart, done: usize, total: usize) {
        self.watch.progress(part, done, total);
    }

    /// Makes coalitions known, with progress and a look at the job after each pair.
    pub fn make(
        &mut self,
        part: EvidencePart,
        wanted: &[Coalition],
        runs: &mut Runs,
    ) -> Result<(), EngineError> {
        let before = runs.made().len();
        let total = wanted.len();
        let job = self.job;
        let watch = &mut *self.watch;
        runs.make(wanted, job.cancel_token(), &mut |_, left| {
            watch.progress(part, total.saturating_sub(left), total);
            Ok(job.checkpoint()?)
        })?;
        self.made += runs.made().len() - before;
        Ok(())
    }

    pub fn for_each<T>(
        &self,
        mut work: impl FnMut(&Subject<'_>) -> Result<T, EngineError>,
    ) -> Result<Vec<T>, EngineError> {
        let all = self.answers.iter().zip(&self.values);
        all.map(|(answer, values)| {
            work(&Subject {
                explanation: self.explanation,
                answer,
                values,
                volumes_mm3: &self.volumes_mm3,
            })
        })
        .collect()
    }

    /// As [`for_each`](Self::for_each), with the job at hand.
    fn each<T>(
        &mut self,
        mut work: impl FnMut(&Subject<'_>, &mut Self) -> Result<T, EngineError>,
    ) -> Result<Vec<T>, EngineError> {
        let explanation = self.explanation;
        let volumes_mm3 = self.volumes_mm3.clone();
        let values = self.values.clone();
        let all = self.answers.iter().zip(&values);
        all.map(|(answer, values)| {
            let subject = Subject {
                explanation,
                answer,
                values,
                volumes_mm3: &volumes_mm3,
            };
            work(&subject, self)
        })
        .collect()
    }
}

/// What a job is about besides its settings.
#[derive(Clone, Copy)]
pub struct EvidenceTask<'a> {
    pub explanation: &'a Arc<Explanation>,
    /// The answers to gather evidence for, of this explanation.
    pub answers: &'a [Answer],
    pub network: &'a Arc<SwinUnetr>,
    /// Ground truth, where there is one besides what was explained.
    pub reference: Option<&'a crate::engine::Reference>,
    /// Folder where the runs of further games are kept, so that none is made twice.
    pub keep: Option<&'a Path>,
}

/// Gathers the parts that the settings name, in the order of [`EvidencePart`]. A part that
/// fails is named in the report and ends no other; cancelling ends all.
///
/// Errors: cancelling; a device that is gone.
pub fn gather(
    task: &EvidenceTask<'_>,
    runs: &mut Runs,
    settings: &EvidenceSettings,
    job: &JobControl,
    watch: &mut dyn EvidenceWatch,
) -> Result<EvidenceReport, EngineError> {
    let pace = Pace::start();
    let explanation = task.explanation;
    let shap_values = |answer: &Answer| -> Vec<f64> {
        let players = answer.solution.estimate.players.iter();
        players.map(|player| player.shap_value).collect()
    };
    let mut gathering = Gathering {
        explanation,
        answers: task.answers,
        network: task.network,
        settings,
        job,
        watch,
        keep: task.keep,
        values: task.answers.iter().map(shap_values).collect(),
        volumes_mm3: explanation
            .players
            .facts
            .iter()
            .map(|f| f.volume_mm3)
            .collect(),
        made: 0,
    };
    let answers = task.answers.iter();
    let mut report = EvidenceReport {
        answers: answers
            .map(|answer| Evidence::new(explanation, answer, settings))
            .collect(),
        parts: Vec::new(),
        failed: Vec::new(),
        next: None,
        runs: 0,
        seconds: 0.0,
    };
    let wanted = || EvidencePart::ALL.into_iter().filter(|&p| settings.wants(p));
    report.next = wanted().next();
    gathering.watch.found(&report);
    for part in wanted() {
        job.checkpoint()?;
        gathering.watch.progress(part, 0, 0);
        match gather_part(part, task, runs, &mut gathering, &mut report.answers) {
            Ok(()) => report.parts.push(part),
            Err(error) if error.is_cancelled() => return Err(error),
            Err(error) if task.network.device().is_lost() => return Err(error),
            Err(error) => report.failed.push((part, error.to_string())),
        }
        report.runs = gathering.made;
        report.seconds = pace.elapsed_s();
        report.next = wanted().find(|&next| next > part);
        gathering.watch.found(&report);
    }
    Ok(report)
}

fn gather_part(
    part: EvidencePart,
    task: &EvidenceTask<'_>,
    runs: &mut Runs,
    gathering: &mut Gathering<'_>,
    answers: &mut [Evidence],
) -> Result<(), EngineError> {
    fn store<T>(
        answers: &mut [Evidence],
        found: Vec<T>,
        into: impl Fn(&mut Evidence) -> &mut Option<T>,
    ) {
        for (answer, found) in answers.iter_mut().zip(found) {
            *into(answer) = Some(found);
        }
    }
    let reference = task.reference.or(task.explanation.reference.as_deref());
    match part {
        EvidencePart::Fit => {
            let found = gathering.for_each(|subject| fit::gather(subject, runs))?;
            store(answers, found, |answer| &mut answer.fit);
        }
        EvidencePart::Place => {
            let found = gathering.for_each(|subject| place::gather(subject, reference))?;
            store(answers, found, |answer| &mut answer.place);
        }
        EvidencePart::Resemblance => {
            // The masked scans are the same for all answers.
            let found = fit::resemblance(runs, gathering)?;
            for answer in answers {
                answer.resemblance = found.clone();
            }
        }
        EvidencePart::Mask => {
            let found = gathering.each(|subject, gathering| {
                let rule = gathering.settings.mask;
                let estimate = &subject.answer.solution.estimate;
                let mask = rule.apply(estimate, subject.volumes_mm3)?;
                let adjacency = &subject.explanation.players.adjacency;
                let statistics = mask.statistics(estimate, subject.volumes_mm3, adjacency)?;
                let cancel = gathering.job.cancel_token();
                let before = runs.made().len();
                let found = runs.keep_and_delete(&mask.players, reference, cancel)?;
                gathering.made += runs.made().len() - before;
                Ok((Arc::new(found), statistics))
            })?;
            let (masks, statistics) = found.into_iter().unzip();
            store(answers, masks, |answer| &mut answer.mask);
            store(answers, statistics, |answer| &mut answer.mask_statistics);
        }
        EvidencePart::Minimal => {
            let found = gathering.each(|subject, g| minimal::gather(subject, runs, g))?;
            store(answers, found, |answer| &mut answer.minimal);
        }
        EvidencePart::Curves => {
            let found = gathering.each(|subject, g| curves::gather(subject, runs, g))?;
            store(answers, found, |answer| &mut answer.curves);
        }
        EvidencePart::Seed => {
            let found = stability::seed(gathering)?;
            store(answers, found, |answer| &mut answer.seed);
        }
        EvidencePart::Baselines => {
            let found = stability::baselines(gathering)?;
            store(answers, found, |answer| &mut answer.baselines);
        }
        EvidencePart::Supervoxels => {
            let found = stability::supervoxels(gathering)?;
            store(answers, found, |answer| &mut answer.supervoxels);
        }
        EvidencePart::Weights => {
            let networks = random_networks(&task.explanation.study.bundle, task.network)?;
            let found = stability::weights(gathering, &networks)?;
            store(answers, found, |answer| &mut answer.weights);
        }
        EvidencePart::Methods => {
            let found = methods::gather(task, runs, gathering)?;
            store(answers, found, |answer| &mut answer.methods);
        }
    }
    Ok(())
}
