//! From a segmentation to the attribution of one class or all: the evaluation loop.
//!
//! Each pair of coalitions is run once and its outcome kept in the log, so that
//! another class, part, place or value function is a new estimate from the log and
//! needs no run of the network.

mod explanation;
pub mod journal;
mod measure;
mod stream;

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Pace;
use crate::engine::segment::windows_at_once;
use crate::engine::{EngineError, ExplainSettings, JobControl, Players, Segmentation, Slot, Study};
use crate::explain::log::{CoalitionLog, LogHeader};
use crate::explain::{Question, Sampler, Sizes, Target, baseline};
use crate::model::{MaskedNetwork, SlidingWindow, SwinUnetr, TargetMasks, WindowStatistics};
use journal::Journal;
use stream::Stream;

pub use explanation::{Answer, Explanation, suiting};

/// What is explained, and how.
pub struct Task<'a> {
    pub study: Arc<Study>,
    pub segmentation: Arc<Segmentation>,
    pub players: Arc<Players>,
    pub settings: &'a ExplainSettings,
    /// Evaluations of the same game that were made before; the run goes on from them.
    pub earlier: Option<Arc<CoalitionLog>>,
    /// Where each evaluation is written as soon as it is made.
    pub journal: Option<PathBuf>,
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

/// Evaluates coalitions until the values are decided or the budget is used up.
///
/// `on_snapshot` is called with the newest answer to the newest of `questions`, at first
/// that of the first explained class. What is looked at, and how often, changes nothing:
/// results and the decision to stop depend on the log alone.
pub fn explain(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    job: &JobControl,
    questions: &Slot<Question>,
    on_snapshot: &mut (dyn FnMut(Snapshot) + Send),
) -> Result<Explanation, EngineError> {
    let targets = measure::targets(task)?;
    let budget = task.settings.budget.evaluations(task.players.count);
    let sizes = measure::sizes(task, &targets, budget)?;
    let asked = questions_of(task, &sizes)?;
    let masked = masked_network(task, network, targets)?;
    let log = begin_log(task, sizes)?;
    let mut journal = open_journal(task, &log)?;
    let mut sampler = Sampler::resume(
        task.settings.method,
        task.players.count,
        task.settings.seed,
        log.records().len(),
    )?;
    let pace = Pace::start();
    let mut stream = Stream::new(task, log, asked, budget, pace);
    while !stream.is_done()? {
        job.checkpoint()?;
        let Some((coalition, complement)) = sampler.next_pair() else {
            break;
        };
        let present = [coalition.to_bools(), complement.to_bools()];
        let outcomes = masked.evaluate(&present, job.cancel_token())?;
        for (coalition, sums) in [coalition, complement].into_iter().zip(outcomes) {
            let outcome = measure::outcome(sums, stream.sizes());
            if let Some(journal) = &mut journal {
                journal.append(&coalition, &outcome)?;
            }
            stream.append(coalition, outcome)?;
        }
        if let Some(question) = questions.take() {
            stream.ask(question);
        }
        stream.show(masked.statistics(), on_snapshot)?;
    }
    let explanation = stream.finish(network.device().description(), masked.statistics())?;
    on_snapshot(explanation.snapshot_of(&explanation.first_question())?);
    Ok(explanation)
}
