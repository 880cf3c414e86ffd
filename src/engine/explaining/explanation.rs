//! A finished explanation, and what can be asked of it without running the network.

use std::sync::Arc;

use super::ask::{Ask, Part, Subject};
use super::{Snapshot, Task, masked_network};
use crate::engine::{
    EngineError, ExplainSettings, MeasuredPart, Modalities, Players, Reference, Segmentation, Study,
};
use crate::explain::baseline::Baseline;
use crate::explain::log::CoalitionLog;
use crate::explain::relevance_mask::{RelevanceMask, SignedMaskRule};
use crate::explain::solve::{Design, Effort, Solution};
use crate::explain::{Coalition, Estimate, ExplainError, Outcome, Question, Sizes, Target};
use crate::model::{MaskedNetwork, SwinUnetr, TargetMasks, WindowStatistics};

/// The answer to one question.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The class that the question's target is a part of.
    pub class: usize,
    pub question: Question,
    pub solution: Solution,
}

/// More supervoxels than these are counted, not named.
const MOST_NAMED: usize = 8;

impl Answer {
    /// Which part of the class it is about, in words, if not all of it.
    pub fn part_in_words(&self) -> Option<String> {
        match &self.question.target {
            Target::Class(_) => None,
            Target::Component(_) => Some("About one connected part of the structure.".to_owned()),
            Target::Places { players, .. } => Some(match players.as_slice() {
                [player] => format!("About the place of supervoxel {}.", player + 1),
                [first @ .., last] if players.len() <= MOST_NAMED => {
                    let first: Vec<String> = first.iter().map(|p| (p + 1).to_string()).collect();
                    let first = first.join(", ");
                    format!("About the places of supervoxels {first} and {}.", last + 1)
                }
                _ => format!("About the places of {} supervoxels.", players.len()),
            }),
        }
    }
}

/// A finished explanation.
#[derive(Debug, Clone)]
pub struct Explanation {
    pub study: Arc<Study>,
    pub segmentation: Arc<Segmentation>,
    pub players: Arc<Players>,
    pub settings: ExplainSettings,
    /// Ground truth that was explained in place of what the network found.
    pub reference: Option<Arc<Reference>>,
    /// The processor that ran the network.
    pub device: String,
    pub log: Arc<CoalitionLog>,
    pub(super) targets: Arc<TargetMasks>,
    pub(super) design: Arc<Design>,
    /// One entry for each explained class or part, in class order.
    pub classes: Vec<Answer>,
    /// Windows of the network that were run, and those whose result was known already.
    pub windows: WindowStatistics,
    pub seconds: f64,
    /// What each channel contributes, where that was asked for.
    pub modalities: Vec<Modalities>,
    /// Whether it ended because its ranks were decided, rather than with its budget.
    pub decided: bool,
}

impl Explanation {
    /// The answer to any question from the log, without running the network.
    ///
    /// Errors: a target that nothing was measured of or that has no voxels, a value
    /// function that does not suit it.
    pub fn answer(&self, question: &Question, effort: Effort) -> Result<Answer, EngineError> {
        let sizes = &self.log.header().sizes;
        let class = check_asked(&self.study, &self.settings, sizes, question)?;
        let values = values_of(self.log.records(), question, sizes)?;
        Ok(Answer {
            class,
            question: question.clone(),
            solution: self.design.solve(&values, effort)?,
        })
    }

    /// The answer to what a user asks about.
    pub fn answer_to(&self, ask: &Ask, effort: Effort) -> Result<Answer, EngineError> {
        let subject = Subject {
            study: &self.study,
            segmentation: &self.segmentation,
            players: &self.players,
            targets: &self.targets,
            sizes: &self.log.header().sizes,
        };
        self.answer(&ask.question(&subject)?, effort)
    }

    /// The attribution of any class.
    pub fn answer_for_class(&self, class: usize) -> Result<Answer, EngineError> {
        let ask = Ask {
            class: Some(class),
            part: Part::Whole,
            value_function: self.settings.value_function,
        };
        self.answer_to(&ask, Effort::Full)
    }

    /// The explanation of every structure that the network found, with masks by a rule:
    /// what is saved.
    pub fn complete(&self, mask: SignedMaskRule) -> Result<Self, EngineError> {
        let found = self.log.header().sizes.classes.iter().enumerate();
        let mut complete = self.clone();
        complete.settings.mask = mask;
        complete.classes = found
            .filter(|&(class, &voxels)| {
                voxels > 0
                    && self.study.bundle.is_foreground(class)
                    && is_measured(&self.settings, class)
            })
            .map(|(class, _)| self.answer_for_class(class))
            .collect::<Result<Vec<_>, EngineError>>()?;
        Ok(complete)
    }

    /// The network of this explanation's game, or of the same game where absent players
    /// are filled in another way.
    pub fn masked_network(
        &self,
        network: &Arc<SwinUnetr>,
        baseline: Baseline,
    ) -> Result<MaskedNetwork, EngineError> {
        let settings = ExplainSettings {
            baseline,
            ..self.settings.clone()
        };
        let task = Task::new(
            Arc::clone(&self.study),
            Arc::clone(&self.segmentation),
            Arc::clone(&self.players),
            &settings,
        );
        masked_network(&task, network, TargetMasks::clone(&self.targets))
    }

    /// The frozen targets: what the network found, or the reference's structures.
    pub fn targets(&self) -> &TargetMasks {
        &self.targets
    }

    /// The relevance mask of an estimate by the chosen rule.
    pub fn mask_of(&self, estimate: &Estimate) -> Result<RelevanceMask, EngineError> {
        Ok(self.players.mask(self.settings.mask, estimate)?)
    }

    /// An answer in the form in which answers stream.
    pub fn snapshot_of(&self, answer: Answer) -> Snapshot {
        let evaluations = self.log.records().len();
        Snapshot {
            answer,
            players: Arc::clone(&self.players),
            evaluations,
            budget: evaluations,
            elapsed_s: self.seconds,
            remaining_s: None,
            windows: self.windows,
        }
    }
}

/// Whether a class was measured everywhere: another structure may lie outside the box
/// around the explained one.
fn is_measured(settings: &ExplainSettings, class: usize) -> bool {
    settings.measured == MeasuredPart::Region
        || settings.class.is_none_or(|measured| measured == class)
}

/// The class of a question's target.
///
/// Errors: a target without voxels, or that was not measured.
pub(super) fn check_asked(
    study: &Study,
    settings: &ExplainSettings,
    sizes: &Sizes,
    question: &Question,
) -> Result<usize, EngineError> {
    let class = question.target.class(sizes);
    let class = class.ok_or(ExplainError::NoSuchTarget)?;
    let name = || study.class_name(class).to_owned();
    if question.target.voxels(sizes) == 0 {
        return Err(EngineError::EmptyTarget { class: name() });
    }
    if !is_measured(settings, class) {
        return Err(EngineError::NotMeasured { class: name() });
    }
    Ok(class)
}

/// The value of each evaluation.
pub(super) fn values_of(
    records: &[(Coalition, Outcome)],
    question: &Question,
    sizes: &Sizes,
) -> Result<Vec<f64>, EngineError> {
    let values = records.iter();
    let values = values.map(|(_, outcome)| question.evaluate(outcome, sizes));
    Ok(values.collect::<Result<_, ExplainError>>()?)
}
