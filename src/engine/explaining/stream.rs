//! A running explanation: its log so far, and the answers that stream from it.
//!
//! Estimates are made on a thread of their own, so that the network does not wait for
//! them, and are shown when they are ready. The decision to stop is made at fixed counts
//! of evaluations from all of the log up to there, whatever was shown.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::explanation::answer_from;
use super::{Answer, Explanation, Snapshot, Task};
use crate::base::Pace;
use crate::engine::EngineError;
use crate::explain::log::CoalitionLog;
use crate::explain::{Coalition, Design, Outcome, Question, Sizes};
use crate::model::WindowStatistics;

/// Snapshots come at least this far apart, so that looking costs little.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(100);

pub(super) struct Stream<'a> {
    task: &'a Task<'a>,
    log: CoalitionLog,
    /// The questions that the run is for.
    asked: Vec<Question>,
    shown: Question,
    budget: usize,
    pace: Pace,
    /// Evaluations that were there before the run.
    earlier: usize,
    estimates: Estimates,
    newest: Option<Answer>,
    last_shown: Option<Instant>,
    looks: Looks,
}
