//! The smallest set of players that is enough, and the smallest whose loss is too much.
//!
//! Players are taken in the order of their values. Galloping (1, 2, 4, … players) and then
//! bisection find a number that passes while one fewer fails, in about 2·log₂ k
//! evaluations; tests then drop players of the set one by one and swap players for
//! smaller ones. A score that does not grow with every player can make a smaller number
//! pass unseen, so what the search saw against it is reported.

use std::collections::BTreeMap;

use serde::Serialize;

use super::order::check_order;
use crate::explain::{Coalition, ExplainError};

/// What a set of players must achieve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Keeping only the set leaves a score of at least this: the set is sufficient.
    KeepAtLeast(f64),
    /// Hiding only the set leaves a score of at most this: the set is necessary.
    HideToAtMost(f64),
}

impl Goal {
    /// The usual goals: Dice with the segmentation of the whole scan of 0.9 and of 0.5.
    pub const SUFFICIENT: Self = Self::KeepAtLeast(0.9);
    pub const NECESSARY: Self = Self::HideToAtMost(0.5);

    /// The players that are present when a set is put to the test.
    pub fn coalition(self, set: &Coalition) -> Coalition {
        match self {
            Self::KeepAtLeast(_) => set.clone(),
            Self::HideToAtMost(_) => set.complement(),
        }
    }

    fn reached(self, score: f64) -> bool {
        match self {
            Self::KeepAtLeast(least) => score >= least,
            Self::HideToAtMost(most) => score <= most,
        }
    }

    /// The score in the direction of the goal.
    fn progress(self, score: f64) -> f64 {
        match self {
            Self::KeepAtLeast(_) => score,
            Self::HideToAtMost(_) => -score,
        }
    }
}

/// How much a search may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SearchLimits {
    /// Most evaluations that drop one player of the set.
    pub removals: usize,
    /// Most evaluations that swap one player of the set for a smaller one outside.
    pub swaps: usize,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self {
            removals: 10,
            swaps: 10,
        }
    }
}

/// The set that a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MinimalSet {
    pub goal: Goal,
    /// One entry a player: whether it is in the set.
    pub players: Vec<bool>,
    pub count: usize,
    pub volume_mm3: f64,
    /// The score with only this set kept, or only this set hidden.
    pub score: f64,
    /// Players of the highest values that the goal took, before tests made it smaller.
    pub count_in_order: usize,
    pub removed: usize,
    pub swapped: usize,
    pub evaluations: usize,
    /// The largest loss of score, against the goal, from one evaluated number of players
    /// in order to a larger one. Above 0 the score is not monotone, and a smaller set
    /// may exist that this search could not see.
    pub largest_setback: f64,
}

impl MinimalSet {
    /// Whether the score never fell back, rounding of single precision aside.
    pub fn monotone(&self) -> bool {
        self.largest_setback <= 1e-6
    }
}

/// Searches the smallest set of players, in `order`, that reaches the goal. `score`
/// evaluates a coalition of present players, and fails if the run is cancelled. `None` if
/// not even all players reach the goal.
pub fn minimal_set(
    order: &[usize],
    volumes_mm3: &[f64],
    goal: Goal,
    limits: SearchLimits,
    score: impl FnMut(&Coalition) -> Result<f64, ExplainError>,
) -> Result<Option<MinimalSet>, ExplainError> {
    check_order(order, volumes_mm3)?;
    let mut search = Search {
        order,
        volumes_mm3,
        goal,
        evaluations: 0,
        by_count: BTreeMap::new(),
        score,
    };
    let Some(count_in_order) = search.smallest_count()? else {
        return Ok(None);
    };
    let mut set = search.top(count_in_order);
    let mut best = search.at(count_in_order)?;
    let (removed, best_after) = search.remove(&mut set, best, count_in_order, limits.removals)?;
    best = best_after;
    let (swapped, best_after) = search.swap(&mut set, best, limits.swaps)?;
    best = best_after;
    Ok(Some(MinimalSet {
        goal,
        players: set.to_bools(),
        count: set.count(),
        volume_mm3: set.iter().map(|player| search.volume(player)).sum(),
        score: best,
        count_in_order,
        removed,
        swapped,
        evaluations: search.evaluations,
        largest_setback: search.largest_setback(),
    }))
}

struct Search<'a, F> {
    order: &'a [usize],
    volumes_mm3: &'a [f64],
    goal: Goal,
    evaluations: usize,
    /// Scores of numbers of players in order.
    by_count: BTreeMap<usize, f64>,
    score: F,
}

impl<F: FnMut(&Coalition) -> Result<f64, ExplainError>> Search<'_, F> {
    fn volume(&self, player: usize) -> f64 {
        self.volumes_mm3.get(player).copied().unwrap_or(0.0)
    }

    fn top(&self, count: usize) -> Coalition {
        let mut top = Coalition::empty(self.order.len());
        for &player in self.order.iter().take(count) {
            top.insert(player);
        }
        top
    }

    fn evaluate(&mut self, set: &Coalition) -> Result<f64, ExplainError> {
        let score = (self.score)(&self.goal.coalition(set))?;
        self.evaluations += 1;
        if score.is_finite() {
            Ok(score)
        } else {
            Err(ExplainError::NotFinite)
        }
    }

    fn at(&mut self, count: usize) -> Result<f64, ExplainError> {
        if let Some(&score) = self.by_count.get(&count) {
            return Ok(score);
        }
        let score = self.evaluate(&self.top(count))?;
        self.by_count.insert(count, score);
        Ok(score)
    }

    /// A number of players that reaches the goal while one fewer does not.
    fn smallest_count(&mut self) -> Result<Option<usize>, ExplainError> {
        let players = self.order.len();
        let (mut fails, mut reaches) = (0, 1);
        loop {
            let score = self.at(reaches)?;
            if self.goal.reached(score) {
                break;
            }
            if reaches == players {
                return Ok(None);
            }
            fails = reaches;
            reaches = (2 * reaches).min(players);
        }
        while reaches - fails > 1 {
            let middle = fails + (reaches - fails) / 2;
            let score = self.at(middle)?;
            if self.goal.reached(score) {
                reaches = middle;
            } else {
                fails = middle;
            }
        }
        Ok(Some(reaches))
    }

    /// Drops players that are not needed, the lowest value first. The very last one of
    /// the order is needed: without it the search found the goal missed.
    fn remove(
        &mut self,
        set: &mut Coalition,
        mut best: f64,
        count: usize,
        most: usize,
    ) -> Result<(usize, f64), ExplainError> {
        let order = self.order;
        let mut removed = 0;
        let candidates = order.iter().take(count.saturating_sub(1)).rev();
        for &player in candidates.take(most) {
            set.remove(player);
            let score = self.evaluate(set)?;
            if self.goal.reached(score) {
                removed += 1;
                best = score;
            } else {
                set.insert(player);
            }
        }
        Ok((removed, best))
    }

    /// Swaps the largest player of the set for the next player outside that is smaller.
    fn swap(
        &mut self,
        set: &mut Coalition,
        mut best: f64,
        most: usize,
    ) -> Result<(usize, f64), ExplainError> {
        let order = self.order;
        let mut swapped = 0;
        let mut tests = 0;
        let outside: Vec<usize> = order
            .iter()
            .copied()
            .filter(|&p| !set.contains(p))
            .collect();
        for incoming in outside {
            if tests == most {
                break;
            }
            let largest = order
                .iter()
                .copied()
                .filter(|&player| set.contains(player))
                .max_by(|&a, &b| self.volume(a).total_cmp(&self.volume(b)));
            let Some(outgoing) = largest.filter(|&p| self.volume(p) > self.volume(incoming)) else {
                continue;
            };
            set.remove(outgoing);
            set.insert(incoming);
            tests += 1;
            let score = self.evaluate(set)?;
            if self.goal.reached(score) {
                swapped += 1;
                best = score;
            } else {
                set.remove(incoming);
                set.insert(outgoing);
            }
        }
        Ok((swapped, best))
    }

    fn largest_setback(&self) -> f64 {
        let mut most = f64::NEG_INFINITY;
        let mut setback = 0.0_f64;
        for &score in self.by_count.values() {
            let progress = self.goal.progress(score);
            setback = setback.max(most - progress);
            most = most.max(progress);
        }
        setback
    }
}
