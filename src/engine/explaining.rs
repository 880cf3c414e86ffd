//! From a segmentation to the attribution of one class or all: the evaluation loop.
//!
//! Each pair of coalitions is run once and its outcome kept in the log, so that
//! another class is a new estimate from the log and needs no run of the network.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::Pace;
use crate::engine::segment::windows_at_once;
use crate::engine::{
    EngineError, ExplainSettings, JobControl, MeasuredPart, Players, Segmentation, Study,
};
use crate::explain::log::{CoalitionLog, LogHeader};
use crate::explain::permutation::{PermutationEstimator, PermutationSampler};
use crate::explain::relevance_mask::{MaskRule, RelevanceMask};
use crate::explain::{self, Estimate, ExplainError, Forecast, Outcome, TargetSize, baseline};
use crate::model::{
    MaskedNetwork, RunSums, SlidingWindow, SwinUnetr, TargetMasks, WindowStatistics,
};

/// Largest standard error over the range of the values at which a map is good
/// enough to look at; the forecast says when it will be reached.
pub const WANTED_TOLERANCE: f64 = 0.05;

/// Voxels around the targets that are measured with them.
const MARGIN_VOXELS: usize = 8;

/// Snapshots come at least this far apart, so that looking costs nothing.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(100);

/// What is explained, and how.
pub struct Task<'a> {
    pub study: Arc<Study>,
    pub segmentation: Arc<Segmentation>,
    pub players: Arc<Players>,
    pub settings: &'a ExplainSettings,
}

/// The attribution as far as it is known.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Index of the class it explains.
    pub class: usize,
    /// The players whose values these are.
    pub players: Arc<Players>,
    pub estimate: Estimate,
    /// Coalitions run so far, of how many.
    pub evaluations: usize,
    pub budget: usize,
    pub forecast: Option<Forecast>,
    pub elapsed_s: f64,
    pub remaining_s: Option<f64>,
    pub windows: WindowStatistics,
}

/// The attribution of one class.
#[derive(Debug, Clone)]
pub struct ClassExplanation {
    pub class: usize,
    pub estimate: Estimate,
}

/// A finished explanation.
#[derive(Debug, Clone)]
pub struct Explanation {
    pub study: Arc<Study>,
    pub segmentation: Arc<Segmentation>,
    pub players: Arc<Players>,
    pub settings: ExplainSettings,
    /// The processor that ran the network.
    pub device: String,
    pub log: CoalitionLog,
    /// One entry for each explained class, in class order.
    pub classes: Vec<ClassExplanation>,
    /// Windows of the network that were run, and those whose result was known already.
    pub windows: WindowStatistics,
    pub seconds: f64,
}

impl Explanation {
    /// The attribution of any class from the log, without running the network.
    pub fn estimate_of(&self, class: usize) -> Result<Estimate, EngineError> {
        if self
            .log
            .header()
            .target
            .voxels
            .get(class)
            .is_none_or(|&voxels| voxels == 0)
        {
            let class = self.study.class_name(class).to_owned();
            return Err(EngineError::EmptyTarget { class });
        }
        // Another structure may lie outside what was measured.
        if self.settings.measured == MeasuredPart::Target
            && self
                .settings
                .class
                .is_some_and(|measured| measured != class)
        {
            let class = self.study.class_name(class).to_owned();
            return Err(EngineError::NotMeasured { class });
        }
        estimate_from_log(&self.log, &self.settings, class)
    }

    /// The explanation of every structure that the network found, with masks by a rule:
    /// what is saved.
    pub fn complete(&self, mask: MaskRule) -> Result<Self, EngineError> {
        let found = self.log.header().target.voxels.iter().enumerate();
        let classes = found
            .filter(|&(class, &voxels)| voxels > 0 && self.study.bundle.is_foreground(class))
            .map(|(class, _)| {
                let estimate = self.estimate_of(class)?;
                Ok(ClassExplanation { class, estimate })
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        let mut complete = self.clone();
        complete.settings.mask = mask;
        complete.classes = classes;
        Ok(complete)
    }

    /// The relevance mask of an estimate by the chosen rule.
    pub fn mask_of(&self, estimate: &Estimate) -> Result<RelevanceMask, EngineError> {
        let volumes_mm3: Vec<f64> = self.players.facts.iter().map(|f| f.volume_mm3).collect();
        Ok(self.settings.mask.apply(estimate, &volumes_mm3)?)
    }

    /// The attribution of any class in the form in which it streams.
    pub fn snapshot_of(&self, class: usize) -> Result<Snapshot, EngineError> {
        let estimate = self.estimate_of(class)?;
        let evaluations = self.log.records().len();
        Ok(Snapshot {
            class,
            players: Arc::clone(&self.players),
            forecast: estimate.forecast(WANTED_TOLERANCE),
            estimate,
            evaluations,
            budget: evaluations,
            elapsed_s: self.seconds,
            remaining_s: None,
            windows: self.windows,
        })
    }
}

/// Evaluates coalitions until the budget is used up and estimates SHAP values.
///
/// `on_snapshot` is called with the first class's newest state, at most ten times a
/// second. The result uses complete passes over the players where there is one, so
/// that its values sum to v(N) − v(∅).
pub fn explain(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    job: &JobControl,
    on_snapshot: &mut dyn FnMut(Snapshot),
) -> Result<Explanation, EngineError> {
    let activation = task.study.bundle.description().activation;
    let targets = TargetMasks::from_logits(task.segmentation.logits.view(), activation);
    let targets = match task.settings.measured {
        MeasuredPart::Region => targets,
        MeasuredPart::Target => {
            let channels = match task.settings.class {
                Some(class) => vec![class],
                None => task.study.foreground().collect(),
            };
            targets.measured_around(&channels, MARGIN_VOXELS)
        }
    };
    let target = TargetSize {
        voxels: targets
            .voxel_counts()
            .into_iter()
            .map(|count| count as u64)
            .collect(),
        voxel_volume_mm3: task.segmentation.prepared.grid.voxel_volume_mm3(),
    };
    let classes = explained_classes(task, &target)?;
    // `explained_classes` names at least one.
    let shown = classes.first().copied().unwrap_or_default();
    let masked = masked_network(task, network, targets)?;
    let mut log = CoalitionLog::new(log_header(task, target))?;
    let mut sampler = PermutationSampler::new(task.players.count, task.settings.seed)?;
    let mut estimator = PermutationEstimator::new(task.players.count, task.settings.seed)?;
    let allowed = task.settings.budget.evaluations(task.players.count);
    let budget = useful_evaluations(allowed, task.players.count);
    let pace = Pace::start();
    let mut last_shown: Option<Instant> = None;

    while log.records().len() + 2 <= budget {
        job.checkpoint()?;
        let Some((coalition, complement)) = sampler.next_pair() else {
            break;
        };
        let present = [coalition.to_bools(), complement.to_bools()];
        let outcomes = masked.evaluate(&present, job.cancel_token())?;
        let mut values = Vec::with_capacity(2);
        for (coalition, sums) in [coalition, complement].into_iter().zip(outcomes) {
            let outcome = outcome_from(sums);
            values.push(task.settings.value_function.evaluate(
                &outcome,
                shown,
                &log.header().target,
            )?);
            log.append(coalition, outcome)?;
        }
        if let [value, complement_value] = values[..] {
            estimator.absorb(value, complement_value)?;
        }
        if last_shown.is_none_or(|at| at.elapsed() >= SNAPSHOT_INTERVAL)
            && let Some(estimate) = estimator.current()
        {
            last_shown = Some(Instant::now());
            on_snapshot(snapshot(
                (shown, &task.players),
                estimate,
                log.records().len(),
                budget,
                &pace,
                masked.statistics(),
            ));
        }
    }

    let estimates = classes
        .into_iter()
        .map(|class| {
            let estimate = estimate_from_log(&log, task.settings, class)?;
            Ok(ClassExplanation { class, estimate })
        })
        .collect::<Result<Vec<_>, EngineError>>()?;
    let explanation = Explanation {
        study: Arc::clone(&task.study),
        segmentation: Arc::clone(&task.segmentation),
        players: Arc::clone(&task.players),
        settings: task.settings.clone(),
        device: network.device().description(),
        log,
        classes: estimates,
        windows: masked.statistics(),
        seconds: pace.elapsed_s(),
    };
    on_snapshot(explanation.snapshot_of(shown)?);
    Ok(explanation)
}

fn snapshot(
    (class, players): (usize, &Arc<Players>),
    estimate: Estimate,
    evaluations: usize,
    budget: usize,
    pace: &Pace,
    windows: WindowStatistics,
) -> Snapshot {
    Snapshot {
        class,
        players: Arc::clone(players),
        forecast: estimate.forecast(WANTED_TOLERANCE),
        estimate,
        evaluations,
        budget,
        elapsed_s: pace.elapsed_s(),
        remaining_s: pace.remaining_s(evaluations as u64, budget as u64),
        windows,
    }
}

/// The evaluations of as many complete passes as are allowed: a part of another pass
/// would be run and not used. Where not even one pass is allowed, all are used.
fn useful_evaluations(allowed: usize, players: usize) -> usize {
    let per_pass = 2 * players.saturating_sub(1);
    match allowed.saturating_sub(2).checked_div(per_pass) {
        Some(passes) if passes > 0 => 2 + passes * per_pass,
        _ => allowed,
    }
}

/// The wanted class, or every foreground class that the network found.
fn explained_classes(task: &Task<'_>, target: &TargetSize) -> Result<Vec<usize>, EngineError> {
    let found = |class: &usize| target.voxels.get(*class).is_some_and(|&voxels| voxels > 0);
    let classes: Vec<usize> = match task.settings.class {
        Some(class) => Some(class).into_iter().filter(found).collect(),
        None => task.study.foreground().filter(found).collect(),
    };
    if classes.is_empty() {
        let class = match task.settings.class {
            Some(class) => task.study.class_name(class).to_owned(),
            None => "structure".to_owned(),
        };
        return Err(EngineError::EmptyTarget { class });
    }
    Ok(classes)
}

/// The network of a task with its supervoxels as players: what is run for each coalition.
pub fn masked_network(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    targets: TargetMasks,
) -> Result<MaskedNetwork, EngineError> {
    let prepared = &task.segmentation.prepared;
    let description = task.study.bundle.description();
    let player_of_voxel = prepared.values_from_region(task.players.labels.labels())?;
    let source = baseline::Source {
        image: prepared.input.view(),
        player_of_voxel: player_of_voxel.view(),
        grid: &prepared.grid,
        mid_sagittal_x_mm: None,
        seed: task.settings.seed,
    };
    let baseline = baseline::fill(&source, task.settings.baseline)?;
    let windows = SlidingWindow::new(
        Arc::clone(network),
        prepared.grid.dims(),
        &description.inference,
        windows_at_once(network),
    )?;
    Ok(MaskedNetwork::new(
        windows,
        prepared.input.view(),
        baseline.view(),
        &player_of_voxel,
        task.players.count,
        targets,
        description.activation,
    )?)
}

fn log_header(task: &Task<'_>, target: TargetSize) -> LogHeader {
    LogHeader {
        players: task.players.count,
        classes: task
            .study
            .classes()
            .iter()
            .map(|class| class.name.clone())
            .collect(),
        seed: task.settings.seed,
        target,
        parameters: serde_json::json!({
            "method": "antithetic permutation",
            "baseline": task.settings.baseline.to_string(),
            "value_function": task.settings.value_function,
            "measured": task.settings.measured,
            "weights_hash": task.study.bundle.weights_hash(),
        }),
    }
}

fn outcome_from(sums: RunSums) -> Outcome {
    let classes = sums
        .classes
        .into_iter()
        .map(|sums| explain::ClassSums {
            probability_in_target: sums.probability_in_target,
            probability_total: sums.probability_total,
            logit_in_target: sums.logit_in_target,
            hard_in_target: sums.hard_in_target,
            hard_total: sums.hard_total,
        })
        .collect();
    Outcome { classes }
}

/// Complete passes where there is one; otherwise what is known so far.
fn estimate_from_log(
    log: &CoalitionLog,
    settings: &ExplainSettings,
    class: usize,
) -> Result<Estimate, EngineError> {
    let header = log.header();
    let estimator =
        PermutationEstimator::from_log(log.records(), header.players, header.seed, |outcome| {
            settings
                .value_function
                .evaluate(outcome, class, &header.target)
        })?;
    let estimate = estimator.complete().or_else(|| estimator.current());
    Ok(estimate.ok_or(ExplainError::TooFewObservations {
        observations: 0,
        players: header.players,
    })?)
}

#[cfg(test)]
mod tests {
    use super::useful_evaluations;

    #[test]
    fn budgets_end_with_a_pass() {
        // A pass of 100 players costs 198 evaluations, the first two besides.
        assert_eq!(useful_evaluations(200, 100), 200);
        assert_eq!(useful_evaluations(400, 100), 398);
        assert_eq!(useful_evaluations(150, 100), 150);
        assert_eq!(useful_evaluations(10, 1), 10);
    }
}
