//! Insertion and deletion, against random orders and with another baseline.

use serde::Serialize;

use super::gather::{Gathering, Subject};
use super::{EvidencePart, Runs};
use crate::engine::EngineError;
use crate::explain::Coalition;
use crate::explain::baseline::Baseline;
use crate::explain::evidence::{
    Answers, Check, CurveAreas, CurvePlan, Curves, RandomBand, RandomOrders, Steps, checks,
};

/// The curves of one answer, and what is read off them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurveEvidence {
    /// The supervoxels from the highest value to the lowest, from 0.
    pub order: Vec<usize>,
    /// In units of the value function.
    pub curves: Curves,
    /// Scaled to 0 for nothing shown and 1 for everything. `None` if the two are equal.
    pub normalised: Option<Curves>,
    /// Of the normalised curves.
    pub areas: Option<CurveAreas>,
    /// Of the normalised curves of random orders.
    pub random: Option<RandomBand>,
    /// The same order with absent supervoxels filled in another way.
    pub other_baseline: Option<OtherBaseline>,
}

/// Curves with another baseline than the one that was explained with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OtherBaseline {
    pub baseline: String,
    pub curves: Curves,
    pub normalised: Option<Curves>,
    pub areas: Option<CurveAreas>,
}

impl CurveEvidence {
    pub fn checks(&self) -> [Check; 2] {
        let measured = self.areas.as_ref().zip(self.random.as_ref());
        [checks::insertion(measured), checks::deletion(measured)]
    }
}

/// The baseline for the second pair of curves.
pub(super) fn another(than: Baseline) -> Baseline {
    match than {
        Baseline::Mean => Baseline::default(),
        _ => Baseline::Mean,
    }
}

pub(super) fn gather(
    subject: &Subject<'_>,
    runs: &mut Runs,
    gathering: &mut Gathering<'_>,
) -> Result<CurveEvidence, EngineError> {
    let settings = gathering.settings;
    let steps = Steps::Logarithmic(settings.steps);
    let plan = CurvePlan::by_value(subject.values, subject.volumes_mm3, steps)?;
    let random = RandomOrders::new(
        subject.volumes_mm3,
        steps,
        settings.random_orders.max(2),
        settings.seed,
    )?;
    let answers = answer(
        [&plan].into_iter().chain(random.plans()),
        subject,
        runs,
        gathering,
    )?;
    let curves = plan.curves(&answers)?;
    let normalised = curves.normalised();
    let random = random.band(&curves.insertion, &answers, true)?;
    let mut other = Runs::with_baseline(
        runs.explanation(),
        gathering.network,
        another(runs.baseline()),
    )?;
    let baseline = other.baseline();
    let kept = gathering.kept(EvidencePart::Curves, &baseline.to_string());
    if let Some(kept) = &kept {
        other.read_cache(kept)?;
    }
    let answers = answer([&plan].into_iter(), subject, &mut other, gathering)?;
    if let Some(kept) = &kept {
        other.write_cache(kept)?;
    }
    let other = plan.curves(&answers)?;
    let other_normalised = other.normalised();
    Ok(CurveEvidence {
        order: plan.order().to_vec(),
        areas: normalised.as_ref().map(Curves::areas),
        normalised,
        curves,
        random,
        other_baseline: Some(OtherBaseline {
            baseline: baseline.to_string(),
            areas: other_normalised.as_ref().map(Curves::areas),
            normalised: other_normalised,
            curves: other,
        }),
    })
}

/// The values of all coalitions of some curves.
fn answer<'a>(
    plans: impl Iterator<Item = &'a CurvePlan> + Clone,
    subject: &Subject<'_>,
    runs: &mut Runs,
    gathering: &mut Gathering<'_>,
) -> Result<Answers, EngineError> {
    let wanted: Vec<Coalition> = Answers::default().missing(plans);
    gathering.make(EvidencePart::Curves, &wanted, runs)?;
    let mut answers = Answers::default();
    for coalition in wanted {
        let value = runs.value(&subject.answer.question, &coalition)?;
        answers.insert(coalition, value)?;
    }
    Ok(answers)
}
