//! Is the map the same under another seed, baseline or division, and another one when the
//! network's weights are random?

use std::sync::Arc;

use serde::Serialize;

use super::EvidencePart;
use super::gather::{Gathering, Subject};
use crate::engine::explaining::{Task, explain, journal};
use crate::engine::finer_maps::check_any_division;
use crate::engine::{Answer, Budget, EngineError, ExplainSettings, Explanation, Players, Slot};
use crate::explain::baseline::Baseline;
use crate::explain::evidence::similarity::{
    Agreement, RandomWeights, compare_random_weights, compare_segmentations, compare_values,
    jaccard,
};
use crate::explain::evidence::{Check, checks};
use crate::explain::maps::Segmentation as Cells;
use crate::explain::solve::Effort;
use crate::explain::supervoxels::SupervoxelSettings;
use crate::model::SwinUnetr;

/// Runs a supervoxel of explanations that are made only to compare.
const RUNS_PER_PLAYER: f64 = 4.0;

/// One map against another of the same question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// What was different, in words.
    pub against: String,
    pub supervoxels: usize,
    pub evaluations: usize,
    /// Of the values of the same supervoxels, or of the voxels of two divisions.
    pub agreement: Agreement,
    /// Overlap of the two masks by volume, where the supervoxels are the same.
    pub mask_overlap: Option<f64>,
}

/// The map against others, of which each should be like it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StabilityEvidence {
    pub comparisons: Vec<Comparison>,
    pub checks: Vec<Check>,
}

impl StabilityEvidence {
    /// The lowest rank correlation of all comparisons.
    fn lowest(comparisons: &[Comparison]) -> Option<f64> {
        let all = comparisons.iter().filter_map(|c| c.agreement.spearman);
        all.reduce(f64::min)
    }
}

/// The map against those of networks with random weights, of which none should be like it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightsEvidence {
    /// From the output inwards: more and more weights are random.
    pub steps: Vec<RandomStep>,
    pub check: Check,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RandomStep {
    /// Which weights are random, in words.
    pub random: String,
    pub likeness: RandomWeights,
}

/// With another seed and as many runs.
pub(super) fn seed(gathering: &mut Gathering<'_>) -> Result<Vec<StabilityEvidence>, EngineError> {
    let explanation = gathering.explanation();
    let settings = ExplainSettings {
        seed: explanation.settings.seed.wrapping_add(1),
        budget: Budget::Evaluations(explanation.log.records().len()),
        ..explanation.settings.clone()
    };
    let seed = settings.seed;
    let other = another(
        gathering,
        EvidencePart::Seed,
        &seed.to_string(),
        &settings,
        None,
        None,
    )?;
    gathering.for_each(|subject| {
        let mut found = same_players(subject, &other, gathering.settings.mask)?;
        found.against = format!("seed {seed}");
        Ok(StabilityEvidence {
            checks: vec![
                checks::same_under_another_seed(found.agreement.spearman),
                checks::mask_under_another_seed(found.mask_overlap),
            ],
            comparisons: vec![found],
        })
    })
}

/// With two other baselines.
pub(super) fn baselines(
    gathering: &mut Gathering<'_>,
) -> Result<Vec<StabilityEvidence>, EngineError> {
    let explanation = gathering.explanation();
    let kinds = [
        Baseline::default(),
        Baseline::Mean,
        Baseline::SupervoxelMean,
    ];
    let others = kinds
        .into_iter()
        .filter(|&kind| kind != explanation.settings.baseline)
        .take(2);
    let mut explanations = Vec::new();
    for baseline in others {
        let settings = ExplainSettings {
            baseline,
            budget: budget(explanation),
            ..explanation.settings.clone()
        };
        explanations.push(another(
            gathering,
            EvidencePart::Baselines,
            &baseline.to_string(),
            &settings,
            None,
            None,
        )?);
    }
    gathering.for_each(|subject| {
        let comparisons = explanations
            .iter()
            .map(|other| {
                let mut found = same_players(subject, other, gathering.settings.mask)?;
                found.against = other.settings.baseline.label().to_owned();
                Ok(found)
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        let lowest = StabilityEvidence::lowest(&comparisons);
        Ok(StabilityEvidence {
            checks: vec![checks::same_under_another_baseline(lowest)],
            comparisons,
        })
    })
}

/// With half and with twice as many supervoxels.
pub(super) fn supervoxels(
    gathering: &mut Gathering<'_>,
) -> Result<Vec<StabilityEvidence>, EngineError> {
    gathering.for_each(|subject| check_any_division(std::slice::from_ref(subject.answer)))?;
    let explanation = gathering.explanation();
    let mut explanations = Vec::new();
    let count = explanation.players.count;
    for count in [count.div_ceil(2), 2 * count] {
        let settings = SupervoxelSettings {
            count,
            ..explanation.players.settings
        };
        let classes = Some(explanation.segmentation.labels.labels());
        let players = Players::find_with_classes(
            &explanation.study.scan,
            explanation.study.part,
            classes,
            &settings,
            gathering.job.cancel_token(),
        )?;
        let settings = ExplainSettings {
            budget: Budget::PerPlayer(RUNS_PER_PLAYER),
            ..explanation.settings.clone()
        };
        explanations.push(another(
            gathering,
            EvidencePart::Supervoxels,
            &count.to_string(),
            &settings,
            Some(Arc::new(players)),
            None,
        )?);
    }
    gathering.for_each(|subject| {
        let comparisons = explanations
            .iter()
            .map(|other| other_players(subject, other))
            .collect::<Result<Vec<_>, EngineError>>()?;
        let lowest = StabilityEvidence::lowest(&comparisons);
        Ok(StabilityEvidence {
            checks: vec![checks::same_under_other_supervoxels(lowest)],
            comparisons,
        })
    })
}

/// With networks whose weights are random from the output inwards.
pub(super) fn weights(
    gathering: &mut Gathering<'_>,
    networks: &[(String, Arc<SwinUnetr>)],
) -> Result<Vec<WeightsEvidence>, EngineError> {
    let explanation = gathering.explanation();
    let settings = ExplainSettings {
        budget: budget(explanation),
        ..explanation.settings.clone()
    };
    let mut explanations = Vec::new();
    for (name, network) in networks {
        let other = another(
            gathering,
            EvidencePart::Weights,
            name,
            &settings,
            None,
            Some(network),
        )?;
        explanations.push((name.clone(), other));
    }
    gathering.for_each(|subject| {
        let labels = &subject.explanation.players.labels;
        let steps = explanations
            .iter()
            .map(|(random, other)| {
                let values = values_of(&answer_of(other, subject)?);
                let likeness = compare_random_weights(
                    subject.values,
                    &values,
                    labels.labels(),
                    labels.grid().dims(),
                )?;
                Ok(RandomStep {
                    random: random.clone(),
                    likeness,
                })
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        let last = steps.last().map(|step| &step.likeness);
        Ok(WeightsEvidence {
            check: checks::differs_from_random_weights(last),
            steps,
        })
    })
}

/// Four runs a supervoxel, but no more than the explanation had.
fn budget(explanation: &Explanation) -> Budget {
    let most = explanation.log.records().len();
    let wanted = Budget::PerPlayer(RUNS_PER_PLAYER).evaluations(explanation.players.count);
    Budget::Evaluations(wanted.min(most))
}

/// An explanation of the same study, made only to compare; `game` tells it from the others
/// of its part. Where its runs are kept from an earlier time, it goes on from them.
fn another(
    gathering: &mut Gathering<'_>,
    part: EvidencePart,
    game: &str,
    settings: &ExplainSettings,
    players: Option<Arc<Players>>,
    network: Option<&Arc<SwinUnetr>>,
) -> Result<Explanation, EngineError> {
    let explanation = gathering.explanation();
    let kept = gathering.kept(part, game);
    let earlier = kept.as_ref().and_then(|path| journal::read(path).ok()?);
    let mut task = Task {
        reference: explanation.reference.clone(),
        earlier: earlier.map(Arc::new),
        journal: kept,
        ..Task::new(
            Arc::clone(&explanation.study),
            Arc::clone(&explanation.segmentation),
            players.unwrap_or_else(|| Arc::clone(&explanation.players)),
            settings,
        )
    };
    let network = network.unwrap_or(gathering.network);
    let job = gathering.job.clone();
    let run = |task: &Task<'_>, gathering: &mut Gathering<'_>| {
        explain(task, network, &job, &Slot::default(), &mut |snapshot| {
            gathering.report(part, snapshot.evaluations, snapshot.budget);
        })
    };
    match run(&task, gathering) {
        // What is kept is of an explanation that was here before.
        Err(EngineError::OtherGame { .. }) => {
            task.earlier = None;
            run(&task, gathering)
        }
        found => found,
    }
}

/// The answer of another explanation to a subject's question.
fn answer_of(other: &Explanation, subject: &Subject<'_>) -> Result<Answer, EngineError> {
    other.answer(&subject.answer.question, Effort::Full)
}

fn values_of(answer: &Answer) -> Vec<f64> {
    let players = answer.solution.estimate.players.iter();
    players.map(|player| player.shap_value).collect()
}

fn same_players(
    subject: &Subject<'_>,
    other: &Explanation,
    mask: crate::explain::relevance_mask::SignedMaskRule,
) -> Result<Comparison, EngineError> {
    let answer = answer_of(other, subject)?;
    let masks = [&subject.answer.solution.estimate, &answer.solution.estimate]
        .map(|estimate| mask.apply(estimate, subject.volumes_mm3));
    let [own, others] = masks;
    Ok(Comparison {
        against: String::new(),
        supervoxels: other.players.count,
        evaluations: other.log.records().len(),
        agreement: compare_values(subject.values, &values_of(&answer)),
        mask_overlap: jaccard(&own?.players, &others?.players, subject.volumes_mm3),
    })
}

fn other_players(subject: &Subject<'_>, other: &Explanation) -> Result<Comparison, EngineError> {
    let answer = answer_of(other, subject)?;
    let values = values_of(&answer);
    let cells = |labels, values| Cells { labels, values };
    let agreement = compare_segmentations(
        cells(subject.explanation.players.labels.labels(), subject.values),
        cells(other.players.labels.labels(), &values),
    )?;
    Ok(Comparison {
        against: format!("{} supervoxels", other.players.count),
        supervoxels: other.players.count,
        evaluations: other.log.records().len(),
        agreement,
        mask_overlap: None,
    })
}
