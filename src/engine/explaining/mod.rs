//! From a segmentation to the attribution of one class or all: the evaluation loop.
//!
//! Each pair of coalitions is run once and its outcome kept in the log, so that
//! another class, part, place or value function is a new estimate from the log and
//! needs no run of the network.

mod ask;
mod explanation;
pub mod journal;
mod measure;
mod stream;

use std::path::PathBuf;
use std::sync::Arc;

use ndarray::{Array3, Array4};

use crate::engine::segment::windows_of;
use crate::engine::{
    EngineError, ExplainSettings, JobControl, Players, Reference, Segmentation, Slot, Study,
};
use crate::explain::log::{CoalitionLog, LogHeader};
use crate::explain::sampler::Sampler;
use crate::explain::{Estimate, Forecast, Sizes, baseline};
use crate::model::{MaskedNetwork, PlayerTable, SwinUnetr, TargetMasks, WindowStatistics};
use ask::Subject;
use journal::Journal;
use stream::Stream;

pub use ask::{Ask, Part};
pub use explanation::{Answer, Explanation};
pub use measure::{Measured, outcome};

/// What is explained, and how.
pub struct Task<'a> {
    pub study: Arc<Study>,
    pub segmentation: Arc<Segmentation>,
    pub players: Arc<Players>,
    pub settings: &'a ExplainSettings,
    /// Ground truth that is explained in place of what the network found.
    pub reference: Option<Arc<Reference>>,
    /// Evaluations of the same game that were made before; the run goes on from them.
    pub earlier: Option<Arc<CoalitionLog>>,
    /// Where each evaluation is written as soon as it is made.
    pub journal: Option<PathBuf>,
}

impl<'a> Task<'a> {
    /// What the network found, from the first run on, written nowhere.
    pub fn new(
        study: Arc<Study>,
        segmentation: Arc<Segmentation>,
        players: Arc<Players>,
        settings: &'a ExplainSettings,
    ) -> Self {
        Self {
            study,
            segmentation,
            players,
            settings,
            reference: None,
            earlier: None,
            journal: None,
        }
    }
}

/// The answer to the shown question as far as it is known.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub answer: Answer,
    /// The players whose values these are.
    pub players: Arc<Players>,
    /// Coalitions run so far, of how many at most.
    pub evaluations: usize,
    pub budget: usize,
    pub elapsed_s: f64,
    pub remaining_s: Option<f64>,
    pub windows: WindowStatistics,
}

/// Largest standard error over the range of the values at which a map is good
/// enough to look at; the forecast says when it will be reached.
pub const WANTED_TOLERANCE: f64 = 0.05;

impl Snapshot {
    /// The class whose structure, part or place is explained.
    pub fn class(&self) -> usize {
        self.answer.class
    }

    pub fn estimate(&self) -> &Estimate {
        &self.answer.solution.estimate
    }

    /// When the values will be good enough.
    pub fn forecast(&self) -> Option<Forecast> {
        self.estimate().forecast(WANTED_TOLERANCE)
    }
}

/// What is there between two pairs of runs, for work that is done in their place.
pub struct Between<'a> {
    pub masked: &'a MaskedNetwork,
    /// The layout of outcomes.
    pub sizes: &'a Sizes,
    /// The newest answer that was shown.
    pub newest: Option<&'a Answer>,
}

/// Evaluates coalitions until the values are decided or the budget is used up.
///
/// `on_snapshot` is called with the newest answer to the newest of `asks`, at first
/// that of the first explained class. What is looked at, and how often, changes nothing:
/// results and the decision to stop depend on the log alone.
pub fn explain(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    job: &JobControl,
    asks: &Slot<Ask>,
    on_snapshot: &mut dyn FnMut(Snapshot),
) -> Result<Explanation, EngineError> {
    explain_between(task, network, job, asks, on_snapshot, &mut |_| {})
}

/// As [`explain`], with a call after each pair of runs.
pub fn explain_between(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    job: &JobControl,
    asks: &Slot<Ask>,
    on_snapshot: &mut dyn FnMut(Snapshot),
    between: &mut dyn FnMut(&Between<'_>),
) -> Result<Explanation, EngineError> {
    let targets = measure::targets(task)?;
    let budget = task.settings.budget.evaluations(task.players.count);
    let sizes = measure::sizes(task, &targets, budget)?;
    let targets = Arc::new(targets);
    let asked = task
        .settings
        .ask()
        .questions(&subject(task, &targets, &sizes))?;
    let masked = masked_network(task, network, TargetMasks::clone(&targets))?;
    let log = begin_log(task, sizes)?;
    let mut journal = open_journal(task, &log)?;
    let mut sampler = Sampler::resume(
        task.settings.method,
        task.players.count,
        task.settings.seed,
        log.records().len(),
    )?;
    let mut stream = Stream::new(task, targets, log, asked, budget)?;
    while !stream.is_done()? {
        job.checkpoint()?;
        let Some((coalition, complement)) = sampler.next_pair() else {
            break;
        };
        let pair = [coalition, complement];
        let measured = Measured {
            sizes: stream.sizes(),
        };
        let outcomes = measured.outcomes(&masked, &pair, job.cancel_token())?;
        for (coalition, outcome) in pair.into_iter().zip(outcomes) {
            if let Some(journal) = &mut journal {
                journal.append(&coalition, &outcome)?;
            }
            stream.append(coalition, outcome)?;
        }
        if let Some(ask) = asks.take() {
            stream.ask(&ask);
        }
        stream.show(masked.statistics(), on_snapshot)?;
        between(&Between {
            masked: &masked,
            sizes: stream.sizes(),
            newest: stream.newest(),
        });
    }
    let explanation = stream.finish(network.device().description(), masked.statistics())?;
    if let Some(answer) = explanation.classes.first() {
        on_snapshot(explanation.snapshot_of(answer.clone()));
    }
    Ok(explanation)
}

/// The layout of the outcomes of a task's runs.
pub fn sizes_of(task: &Task<'_>, masked: &MaskedNetwork) -> Result<Sizes, EngineError> {
    measure::sizes(task, masked.targets(), 0)
}

/// What a task's questions can be about.
fn subject<'a>(task: &'a Task<'_>, targets: &'a TargetMasks, sizes: &'a Sizes) -> Subject<'a> {
    Subject {
        study: &task.study,
        segmentation: &task.segmentation,
        players: &task.players,
        targets,
        sizes,
    }
}

/// The network of a task with its supervoxels as players: what is run for each coalition.
pub fn masked_network(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    targets: TargetMasks,
) -> Result<MaskedNetwork, EngineError> {
    with_players(
        task,
        network,
        targets,
        PlayerTable::supervoxels(task.players.count),
    )
}

/// The network of a task with other players, measured as the task says.
pub fn masked_network_of(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    players: PlayerTable,
) -> Result<MaskedNetwork, EngineError> {
    with_players(task, network, measure::targets(task)?, players)
}

fn with_players(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    targets: TargetMasks,
    players: PlayerTable,
) -> Result<MaskedNetwork, EngineError> {
    let prepared = &task.segmentation.prepared;
    let description = task.study.bundle.description();
    let player_of_voxel = prepared.values_from_region(task.players.labels.labels())?;
    let baseline = filled_baseline(task, &player_of_voxel)?;
    let windows = windows_of(&task.study, network, prepared)?;
    Ok(MaskedNetwork::new(
        windows,
        prepared.input.view(),
        baseline.view(),
        &player_of_voxel,
        players,
        targets,
        description.activation,
    )?)
}

/// What takes the place of absent players, for the player of each voxel of the model grid.
pub(super) fn filled_baseline(
    task: &Task<'_>,
    player_of_voxel: &Array3<u16>,
) -> Result<Array4<f32>, EngineError> {
    let prepared = &task.segmentation.prepared;
    let source = baseline::Source {
        image: prepared.input.view(),
        player_of_voxel: player_of_voxel.view(),
        grid: &prepared.grid,
        mid_sagittal_x_mm: None,
        seed: task.settings.seed,
    };
    Ok(baseline::fill(&source, task.settings.baseline)?)
}

fn begin_log(task: &Task<'_>, sizes: Sizes) -> Result<CoalitionLog, EngineError> {
    let header = LogHeader {
        players: task.players.count,
        classes: task
            .study
            .classes()
            .iter()
            .map(|class| class.name.clone())
            .collect(),
        seed: task.settings.seed,
        sizes,
        parameters: serde_json::json!({
            "method": task.settings.method,
            "baseline": task.settings.baseline.to_string(),
            "measured": task.settings.measured,
            "region_mm": task.study.region,
            "reference_blake3": task.reference.as_ref().map(|reference| &reference.input.hash),
            "weights_blake3": task.study.bundle.weights_hash(),
            "inputs_blake3": task.study.scan.inputs.iter().map(|input| &input.hash).collect::<Vec<_>>(),
            "supervoxels_blake3": task.players.hash(),
        }),
    };
    let mut log = CoalitionLog::new(header)?;
    if let Some(earlier) = &task.earlier {
        journal::check_same_game(earlier.header(), log.header())?;
        // A crash may have come between a coalition and its complement; pairs are whole.
        let pairs = earlier.records().chunks_exact(2);
        for (coalition, outcome) in pairs.flatten() {
            log.append(coalition.clone(), outcome.clone())?;
        }
    }
    Ok(log)
}

fn open_journal(task: &Task<'_>, log: &CoalitionLog) -> Result<Option<Journal>, EngineError> {
    let open = |path: &PathBuf| Journal::open(path, log);
    task.journal.as_ref().map(open).transpose()
}
