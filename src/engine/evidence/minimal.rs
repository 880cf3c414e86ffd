//! The smallest part that suffices, and the smallest that is necessary, by Dice with the
//! target.

use serde::Serialize;

use super::gather::{Gathering, Subject};
use super::{EvidencePart, Runs};
use crate::engine::EngineError;
use crate::explain::evidence::{
    Check, Goal, MinimalSet, SearchLimits, checks, descending, minimal_set,
};
use crate::explain::{Coalition, ExplainError, Question, Target, ValueFunction};

/// What a search of both kinds found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MinimalEvidence {
    /// The smallest set that leaves a Dice of at least 0.9 when only it is kept. `None` if
    /// not even all supervoxels do.
    pub sufficient: Option<MinimalSet>,
    /// The smallest set whose removal leaves a Dice of at most 0.5. `None` if removing
    /// everything leaves more.
    pub necessary: Option<MinimalSet>,
    /// Volume of all supervoxels.
    pub total_mm3: f64,
    /// Why a set is missing, in plain words.
    pub notes: Vec<String>,
}

impl MinimalEvidence {
    pub fn checks(&self) -> [Check; 2] {
        let mut necessary = checks::small_set(self.necessary.as_ref(), self.total_mm3);
        necessary.name = "smallest necessary part";
        [
            checks::small_set(self.sufficient.as_ref(), self.total_mm3),
            necessary,
        ]
    }
}

pub(super) fn gather(
    subject: &Subject<'_>,
    runs: &mut Runs,
    gathering: &mut Gathering<'_>,
) -> Result<MinimalEvidence, EngineError> {
    let total_mm3 = subject.volumes_mm3.iter().sum();
    let target = subject.answer.question.target.clone();
    if matches!(target, Target::Places { .. }) {
        return Ok(MinimalEvidence {
            sufficient: None,
            necessary: None,
            total_mm3,
            notes: vec!["A place has no segmentation whose overlap could be kept.".to_owned()],
        });
    }
    let dice = Question {
        target,
        value_function: ValueFunction::HardDice,
    };
    let mut search = |goal| search(goal, &dice, subject, runs, gathering);
    let sufficient = search(Goal::SUFFICIENT)?;
    let necessary = search(Goal::NECESSARY)?;
    let mut notes = Vec::new();
    if sufficient.is_none() {
        notes.push("Not even all supervoxels together give an overlap of 0.9.".to_owned());
    }
    if necessary.is_none() {
        notes.push("With everything removed the overlap is still above 0.5.".to_owned());
    }
    Ok(MinimalEvidence {
        sufficient,
        necessary,
        total_mm3,
        notes,
    })
}

fn search(
    goal: Goal,
    dice: &Question,
    subject: &Subject<'_>,
    runs: &mut Runs,
    gathering: &mut Gathering<'_>,
) -> Result<Option<MinimalSet>, EngineError> {
    let mut failed = None;
    let score = |coalition: &Coalition| {
        let wanted = std::slice::from_ref(coalition);
        gathering
            .make(EvidencePart::Minimal, wanted, runs)
            .and_then(|()| runs.value(dice, coalition))
            .map_err(|error| {
                let why = error.to_string();
                failed = Some(error);
                ExplainError::Evaluation(why)
            })
    };
    let order = descending(subject.values);
    let limits = SearchLimits::default();
    let found = minimal_set(&order, subject.volumes_mm3, goal, limits, score);
    match failed {
        Some(error) => Err(error),
        None => Ok(found?),
    }
}
