//! Do the values predict other runs, and do masked scans look like scans?

use ndarray::{ArrayView3, Axis};
use serde::Serialize;

use super::Runs;
use super::gather::{Gathering, Subject};
use crate::engine::EngineError;
use crate::explain::evidence::{Check, Faithfulness, Resemblance, ScanRange, checks, faithfulness};
use crate::explain::solve::{Design, Effort};
use crate::explain::{Coalition, Estimate};

/// Share of the log's runs that are held out: the last ones.
const HELD_OUT: f64 = 0.25;
/// Runs a supervoxel that must remain to make values from: a permutation pass.
const LEAST_PER_PLAYER: usize = 2;
/// Fewest runs that say anything.
const LEAST_ROWS: usize = 8;
/// Masked scans that are looked at.
const LOOKED_AT: usize = 6;

/// How well values predict runs that they were not made from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FitEvidence {
    /// Values made of the first three quarters of the log, held against the last quarter.
    /// `None` if too little is left of it.
    pub from_log: Option<Faithfulness>,
    /// The explanation's own values, held against runs that were made for other evidence.
    pub from_other_runs: Option<Faithfulness>,
    pub checks: [Check; 3],
}

pub(super) fn gather(subject: &Subject<'_>, runs: &Runs) -> Result<FitEvidence, EngineError> {
    let estimate = &subject.answer.solution.estimate;
    let from_log = from_log(subject)?;
    let rows = runs
        .made()
        .iter()
        .map(|(coalition, _)| {
            let value = runs.value(&subject.answer.question, coalition)?;
            Ok((coalition.clone(), value))
        })
        .collect::<Result<Vec<_>, EngineError>>()?;
    let from_other_runs = measured(subject.values, estimate, &rows)?;
    let known = from_log.as_ref().or(from_other_runs.as_ref());
    Ok(FitEvidence {
        checks: [
            checks::prediction(known),
            checks::additive_fit(known),
            checks::adds_up(
                estimate.completeness_residual(),
                estimate.value_empty,
                estimate.value_full,
            ),
        ],
        from_log,
        from_other_runs,
    })
}

fn from_log(subject: &Subject<'_>) -> Result<Option<Faithfulness>, EngineError> {
    let explanation = subject.explanation;
    let records = explanation.log.records();
    let players = explanation.players.count;
    // Pairs stay together.
    let first = (records.len() as f64 * (1.0 - HELD_OUT)) as usize / 2 * 2;
    if first < LEAST_PER_PLAYER * players + 2 || records.len() < first + LEAST_ROWS {
        return Ok(None);
    }
    let (first, rest) = records.split_at(first);
    let settings = &explanation.settings;
    let coalitions = first.iter().map(|(coalition, _)| coalition);
    let design = Design::new(settings.method, players, settings.seed, coalitions)?;
    let sizes = &explanation.log.header().sizes;
    let value = |record: &(Coalition, _)| subject.answer.question.evaluate(&record.1, sizes);
    let values = first.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    let estimate = design.solve(&values, Effort::Full)?.estimate;
    let shap_values: Vec<f64> = estimate.players.iter().map(|p| p.shap_value).collect();
    let rows = rest
        .iter()
        .map(|record| Ok((record.0.clone(), value(record)?)))
        .collect::<Result<Vec<_>, EngineError>>()?;
    measured(&shap_values, &estimate, &rows)
}

fn measured(
    values: &[f64],
    estimate: &Estimate,
    rows: &[(Coalition, f64)],
) -> Result<Option<Faithfulness>, EngineError> {
    if rows.len() < LEAST_ROWS {
        return Ok(None);
    }
    let (empty, full) = (estimate.value_empty, estimate.value_full);
    Ok(Some(faithfulness(values, empty, full, rows)?))
}

/// How far masked scans are from the scan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResemblanceEvidence {
    /// The channel of which the most is unusual.
    pub channel: String,
    /// The mean over the masked scans that were looked at.
    pub mean: Resemblance,
    pub masked_scans: usize,
    pub check: Check,
}

/// Looks at some of the log's coalitions that hide about a half. `None` if there are none.
pub(super) fn resemblance(
    runs: &Runs,
    gathering: &Gathering<'_>,
) -> Result<Option<ResemblanceEvidence>, EngineError> {
    let explanation = runs.explanation();
    let prepared = &explanation.segmentation.prepared;
    let players = prepared.values_from_region(explanation.players.labels.labels())?;
    let include: Vec<bool> = x_fastest(players.view(), |&player| player > 0);
    let (dims, spacing_mm) = (prepared.grid.dims(), prepared.grid.spacing_mm());
    let channels: Vec<Vec<f32>> = prepared
        .input
        .axis_iter(Axis(0))
        .map(|channel| x_fastest(channel, |&value| value))
        .collect();
    let ranges = channels
        .iter()
        .map(|channel| ScanRange::of(channel, dims, spacing_mm, Some(&include)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<Vec<Resemblance>> = vec![Vec::new(); ranges.len()];
    // After the two ends.
    let records = explanation.log.records().iter().skip(2);
    let middle = records.filter(|(coalition, _)| {
        let share = coalition.count() as f64 / coalition.players() as f64;
        (0.25..=0.75).contains(&share)
    });
    for (coalition, _) in middle.take(LOOKED_AT) {
        gathering.job.checkpoint()?;
        let input = runs.masked().masked_input(&coalition.to_bools())?;
        let images = input.axis_iter(Axis(0)).zip(&ranges).zip(&mut found);
        for ((image, range), found) in images {
            found.push(range.compare(&x_fastest(image, |&value| value))?);
        }
    }
    let names = &explanation.study.bundle.description().channels;
    let worst = found
        .iter()
        .zip(names)
        .filter_map(|(found, name)| Some((mean(found)?, name)))
        .max_by(|a, b| a.0.unusual_share().total_cmp(&b.0.unusual_share()));
    Ok(worst.map(|(mean, name)| ResemblanceEvidence {
        channel: name.clone(),
        mean,
        masked_scans: found.first().map_or(0, Vec::len),
        check: checks::looks_like_a_scan(Some(&mean)),
    }))
}

fn mean(all: &[Resemblance]) -> Option<Resemblance> {
    let count = all.len() as f64;
    let mean = |read: &dyn Fn(&Resemblance) -> f64| all.iter().map(read).sum::<f64>() / count;
    (count > 0.0).then(|| Resemblance {
        brightness: mean(&|r| r.brightness),
        gradient: mean(&|r| r.gradient),
        deviation: mean(&|r| r.deviation),
        histogram_distance: mean(&|r| r.histogram_distance),
    })
}

/// The voxels of an array `[[x, y, z]]`, x fastest.
fn x_fastest<A, T>(array: ArrayView3<'_, A>, read: impl Fn(&A) -> T) -> Vec<T> {
    array.t().iter().map(read).collect()
}
