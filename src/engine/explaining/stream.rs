//! A running explanation: its log so far, and the answers that stream from it.
//!
//! Estimates are made on a thread of their own, so that the network does not wait for
//! them, and are shown when they are ready. The decision to stop is made at fixed counts
//! of evaluations from all of the log up to there, whatever was shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::explanation::{check_asked, values_of};
use super::{Answer, Ask, Explanation, Snapshot, Task, subject};
use crate::base::Pace;
use crate::engine::{Budget, EngineError};
use crate::explain::log::CoalitionLog;
use crate::explain::solve::{Design, Effort, Solution};
use crate::explain::{Coalition, Estimate, ExplainError, Looks, Outcome, Question, Sizes};
use crate::model::{TargetMasks, WindowStatistics};

/// Snapshots come at least this far apart, so that looking costs little.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(100);

/// How many times as long as an estimate took to wait after it, so that estimates take no more
/// than a tenth of the processor from the network.
const REST: u32 = 9;

/// The rank correlation with another run from which a run may stop, a little more than
/// is promised (0.95), since it is itself an estimate.
const WANTED_AGREEMENT: f64 = 0.965;

pub(super) struct Stream<'a> {
    task: &'a Task<'a>,
    targets: Arc<TargetMasks>,
    log: CoalitionLog,
    /// The questions that the run is for.
    asked: Vec<Question>,
    shown: Question,
    budget: usize,
    pace: Pace,
    /// Evaluations that were there before the run.
    earlier: usize,
    /// When to look whether the ranks are decided, and whether they are.
    looks: Looks,
    estimates: Estimates,
    newest: Option<Answer>,
    last_shown: Option<Instant>,
}

impl<'a> Stream<'a> {
    /// `asked` names at least one question.
    pub fn new(
        task: &'a Task<'a>,
        targets: Arc<TargetMasks>,
        log: CoalitionLog,
        asked: Vec<Question>,
        budget: usize,
    ) -> Result<Self, EngineError> {
        let shown = asked.first().cloned().ok_or(EngineError::NoScan)?;
        Ok(Self {
            estimates: Estimates::start(task)?,
            task,
            targets,
            earlier: log.records().len(),
            log,
            asked,
            shown,
            budget,
            looks: Looks::new(task.players.count),
            pace: Pace::start(),
            newest: None,
            last_shown: None,
        })
    }

    pub fn sizes(&self) -> &Sizes {
        &self.log.header().sizes
    }

    /// The newest answer that was shown.
    pub fn newest(&self) -> Option<&Answer> {
        self.newest.as_ref()
    }

    pub fn append(&mut self, coalition: Coalition, outcome: Outcome) -> Result<(), EngineError> {
        Ok(self.log.append(coalition, outcome)?)
    }

    /// Shows the answer to another question from now on, if it has one.
    pub fn ask(&mut self, ask: &Ask) {
        let question = ask.question(&subject(self.task, &self.targets, self.sizes()));
        if let Ok(question) = question
            && self.class_of(&question).is_ok()
        {
            self.shown = question;
            self.newest = None;
            self.last_shown = None;
            self.estimates.next = Instant::now();
        }
    }

    fn class_of(&self, question: &Question) -> Result<usize, EngineError> {
        check_asked(&self.task.study, self.task.settings, self.sizes(), question)
    }

    /// Whether there is nothing more to run.
    pub fn is_done(&mut self) -> Result<bool, EngineError> {
        let evaluations = self.log.records().len();
        if evaluations + 2 > self.budget || self.looks.stopped() {
            return Ok(true);
        }
        let until_decided = self.task.settings.budget == Budget::UntilDecided;
        if until_decided && evaluations >= self.looks.next_look() {
            self.look()?;
        }
        Ok(self.looks.stopped())
    }

    /// Looks whether another run would give the same ranks.
    fn look(&mut self) -> Result<(), EngineError> {
        let count = self.looks.next_look() / 2 * 2;
        let records = self.log.records().get(..count).unwrap_or_default();
        let settings = self.task.settings;
        let coalitions = records.iter().map(|(coalition, _)| coalition);
        let players = self.task.players.count;
        let design = Design::new(settings.method, players, settings.seed, coalitions)?;
        let mut agree = true;
        for question in &self.asked {
            let values = values_of(records, question, self.sizes())?;
            let estimate = design.solve(&values, Effort::Full)?.estimate;
            agree &= is_agreed(&estimate);
        }
        self.looks.note(agree);
        Ok(())
    }

    /// Shows what is known, if it is time.
    pub fn show(
        &mut self,
        windows: WindowStatistics,
        on_snapshot: &mut dyn FnMut(Snapshot),
    ) -> Result<(), EngineError> {
        let fresh = self.estimates.take();
        if let Some((question, solution, _)) = fresh
            && question == self.shown
        {
            self.newest = Some(self.answer(question, solution?)?);
        }
        if self
            .last_shown
            .is_some_and(|at| at.elapsed() < SNAPSHOT_INTERVAL)
        {
            return Ok(());
        }
        if self.estimates.is_idle() {
            let values = values_of(self.log.records(), &self.shown, self.sizes())?;
            self.estimates.order(&self.log, self.shown.clone(), values);
        }
        if let Some(answer) = &self.newest {
            self.last_shown = Some(Instant::now());
            let evaluations = self.log.records().len();
            let made = evaluations - self.earlier;
            on_snapshot(Snapshot {
                answer: answer.clone(),
                players: Arc::clone(&self.task.players),
                evaluations,
                budget: self.budget,
                elapsed_s: self.pace.elapsed_s(),
                remaining_s: self
                    .pace
                    .remaining_s(made as u64, (self.budget - self.earlier) as u64),
                windows,
            });
        }
        Ok(())
    }

    fn answer(&self, question: Question, solution: Solution) -> Result<Answer, EngineError> {
        Ok(Answer {
            class: self.class_of(&question)?,
            question,
            solution,
        })
    }

    /// All that was asked for, from all of the log.
    pub fn finish(
        self,
        device: String,
        windows: WindowStatistics,
    ) -> Result<Explanation, EngineError> {
        let design = design_of(self.task, &self.log)?;
        let mut explanation = Explanation {
            study: Arc::clone(&self.task.study),
            segmentation: Arc::clone(&self.task.segmentation),
            players: Arc::clone(&self.task.players),
            settings: self.task.settings.clone(),
            reference: self.task.reference.clone(),
            device,
            log: Arc::new(self.log),
            targets: self.targets,
            design: Arc::new(design),
            classes: Vec::new(),
            windows,
            seconds: self.pace.elapsed_s(),
            modalities: Vec::new(),
            decided: self.looks.stopped(),
        };
        explanation.classes = self
            .asked
            .iter()
            .map(|question| explanation.answer(question, Effort::Full))
            .collect::<Result<Vec<_>, EngineError>>()?;
        // The end of the budget is the last look.
        explanation.decided |= self.task.settings.budget == Budget::UntilDecided
            && explanation
                .classes
                .iter()
                .all(|answer| is_agreed(&answer.solution.estimate));
        Ok(explanation)
    }
}

/// What does not depend on values of all evaluations of a log.
fn design_of(task: &Task<'_>, log: &CoalitionLog) -> Result<Design, EngineError> {
    let coalitions = log.records().iter().map(|(coalition, _)| coalition);
    let settings = task.settings;
    let design = Design::new(
        settings.method,
        task.players.count,
        settings.seed,
        coalitions,
    )?;
    Ok(design)
}

/// An estimate to make.
struct Order {
    coalitions: Vec<Coalition>,
    question: Question,
    values: Vec<f64>,
}

/// An estimate, and how long it took.
type Made = (Question, Result<Solution, ExplainError>, Duration);

/// The thread that makes estimates, one at a time. It ends when this is dropped.
struct Estimates {
    orders: Sender<Order>,
    made: Receiver<Made>,
    waiting: bool,
    /// When the next may be ordered.
    next: Instant,
}

impl Estimates {
    fn start(task: &Task<'_>) -> Result<Self, EngineError> {
        let (orders, incoming) = bounded::<Order>(1);
        let (outgoing, made) = bounded(1);
        let (method, players, seed) =
            (task.settings.method, task.players.count, task.settings.seed);
        let work = move || {
            for order in incoming {
                let started = Instant::now();
                let design = Design::new(method, players, seed, &order.coalitions);
                let solution = design.and_then(|design| design.solve(&order.values, Effort::Live));
                let made = (order.question, solution, started.elapsed());
                if outgoing.send(made).is_err() {
                    break;
                }
            }
        };
        std::thread::Builder::new()
            .name("voxplain-estimates".into())
            .spawn(work)
            .map_err(|error| EngineError::Broken {
                why: error.to_string(),
            })?;
        Ok(Self {
            orders,
            made,
            waiting: false,
            next: Instant::now(),
        })
    }

    fn is_idle(&self) -> bool {
        !self.waiting && Instant::now() >= self.next
    }

    fn order(&mut self, log: &CoalitionLog, question: Question, values: Vec<f64>) {
        let coalitions = log.records().iter().map(|(coalition, _)| coalition.clone());
        let order = Order {
            coalitions: coalitions.collect(),
            question,
            values,
        };
        self.waiting = self.orders.try_send(order).is_ok();
    }

    fn take(&mut self) -> Option<Made> {
        let made = self.made.try_recv().ok()?;
        self.waiting = false;
        self.next = Instant::now() + made.2 * REST;
        Some(made)
    }
}

/// Whether another run is expected to rank the players of an estimate alike.
fn is_agreed(estimate: &Estimate) -> bool {
    let agreement = estimate.expected_rank_agreement();
    agreement.is_some_and(|agreement| agreement >= WANTED_AGREEMENT)
}
