//! The SHAP values against other ways to ask the same question: occlusion, and gradients of
//! the network.

use serde::Serialize;

use super::gather::{EvidenceTask, Gathering};
use super::{EvidencePart, Runs};
use crate::engine::explaining::Task;
use crate::engine::{EngineError, GradientMethod, cross_check};
use crate::explain::Coalition;
use crate::explain::evidence::correlation::spearman;
use crate::explain::evidence::{Check, checks};
use crate::model::gradients::GradientEffort;

/// The gradient methods that are asked: one that adds up to the whole as SHAP values do,
/// and one that is wholly another.
const GRADIENTS: [GradientMethod; 2] =
    [GradientMethod::IntegratedGradients, GradientMethod::GradCam];

/// How alike other methods rank the supervoxels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodsEvidence {
    pub comparisons: Vec<MethodComparison>,
    pub check: Check,
}

/// One other method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodComparison {
    pub method: String,
    /// Spearman's correlation of its values, summed over each supervoxel, with the SHAP values.
    pub rank_agreement: Option<f64>,
    /// The same of their sizes, whatever the sign.
    pub rank_agreement_of_sizes: Option<f64>,
}

pub(super) fn gather(
    evidence: &EvidenceTask<'_>,
    runs: &mut Runs,
    gathering: &mut Gathering<'_>,
) -> Result<Vec<MethodsEvidence>, EngineError> {
    let explanation = gathering.explanation();
    let occluded = occlusion(runs, gathering)?;
    let task = Task {
        reference: explanation.reference.clone(),
        ..Task::new(
            std::sync::Arc::clone(&explanation.study),
            std::sync::Arc::clone(&explanation.segmentation),
            std::sync::Arc::clone(&explanation.players),
            &explanation.settings,
        )
    };
    let (network, cancel) = (gathering.network, gathering.job.cancel_token());
    let derivatives = GRADIENTS.map(|method| method.derivatives(GradientEffort::default()));
    let total = derivatives.iter().sum::<usize>() * evidence.answers.len();
    let mut tell = |_: GradientMethod, share: f64| {
        let done = (share * total as f64) as usize;
        gathering.report(EvidencePart::Methods, done, total);
    };
    let gradients = cross_check(
        &task,
        network,
        explanation,
        evidence.answers,
        &GRADIENTS,
        cancel,
        &mut tell,
    )?;
    let of_gradients = gradients.chunks(GRADIENTS.len()).map(|checks| {
        let found = checks.iter().map(|check| MethodComparison {
            method: check.method.to_owned(),
            rank_agreement: check.rank_agreement,
            rank_agreement_of_sizes: check.rank_agreement_of_sizes,
        });
        found.collect::<Vec<_>>()
    });
    let all = occluded.into_iter().zip(of_gradients);
    Ok(all
        .map(|(occlusion, gradients)| {
            let comparisons: Vec<MethodComparison> =
                std::iter::once(occlusion).chain(gradients).collect();
            let known = comparisons.iter().filter_map(|found| found.rank_agreement);
            MethodsEvidence {
                check: checks::other_methods_agree(known.reduce(f64::max)),
                comparisons,
            }
        })
        .collect())
}

/// What is lost where one supervoxel alone is absent.
fn occlusion(
    runs: &mut Runs,
    gathering: &mut Gathering<'_>,
) -> Result<Vec<MethodComparison>, EngineError> {
    let players = gathering.explanation().players.count;
    let full = Coalition::full(players);
    let without = |player: usize| {
        let mut coalition = full.clone();
        coalition.remove(player);
        coalition
    };
    let mut wanted: Vec<Coalition> = (0..players).map(without).collect();
    wanted.push(full.clone());
    gathering.make(EvidencePart::Methods, &wanted, runs)?;
    gathering.for_each(|subject| {
        let question = &subject.answer.question;
        let whole = runs.value(question, &full)?;
        let values = (0..players)
            .map(|player| Ok(whole - runs.value(question, &without(player))?))
            .collect::<Result<Vec<f64>, EngineError>>()?;
        let sizes = |values: &[f64]| values.iter().map(|v| v.abs()).collect::<Vec<f64>>();
        Ok(MethodComparison {
            method: "occlusion".to_owned(),
            rank_agreement: spearman(&values, subject.values),
            rank_agreement_of_sizes: spearman(&sizes(&values), &sizes(subject.values)),
        })
    })
}
