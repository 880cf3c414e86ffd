//! Where a map points, and how concentrated it is.

use ndarray::{Array3, Axis};
use serde::Serialize;

use super::gather::Subject;
use crate::engine::{EngineError, Explanation, Reference};
use crate::explain::evidence::sparsity::{Sparsity, sparsity};
use crate::explain::evidence::{
    Check, Groups, Localisation, checks, localisation, within_distance,
};
use crate::explain::{Question, Target};

/// How far "near the target" reaches.
pub const NEAR_MM: f64 = 10.0;

/// Where the map of one answer points.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceEvidence {
    /// Against what was explained. `None` if it has no voxel in a supervoxel.
    pub target: Option<Localisation>,
    /// Against the reference's structure.
    pub reference: Option<Localisation>,
    /// Where |SHAP value| lies. `None` if all values are 0.
    pub shares: Option<PlaceShares>,
    /// `None` if all values are 0.
    pub sparsity: Option<Sparsity>,
}

/// Shares of all |SHAP value|, which sum to 1. A supervoxel across a border counts to
/// either side by its voxels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PlaceShares {
    pub inside: f64,
    /// Within [`NEAR_MM`] of the target, but not inside.
    pub near: f64,
    pub far: f64,
}

impl PlaceEvidence {
    pub fn checks(&self) -> Vec<Check> {
        let against = self.reference.as_ref().or(self.target.as_ref());
        vec![
            checks::points_at_target(against),
            checks::leakage(against, NEAR_MM),
        ]
    }
}

pub(super) fn gather(
    subject: &Subject<'_>,
    reference: Option<&Reference>,
) -> Result<PlaceEvidence, EngineError> {
    let explanation = subject.explanation;
    let target = target_voxels(explanation, &subject.answer.question)?;
    let near = near(explanation, &target)?;
    let labels = explanation.players.labels.labels();
    let against = |target: &[bool], near: &[bool]| -> Result<_, EngineError> {
        let groups = Groups::of_players(subject.values, labels, target, near)?;
        Ok(localisation(&groups))
    };
    let of_reference = match reference {
        Some(reference) if !reference.values_of_class(subject.answer.class).is_empty() => {
            let voxels = reference.class_voxels(subject.answer.class);
            let near = self::near(explanation, &voxels)?;
            against(&voxels, &near)?
        }
        _ => None,
    };
    Ok(PlaceEvidence {
        target: against(&target, &near)?,
        reference: of_reference,
        shares: shares(subject.values, labels, &target, &near),
        sparsity: sparsity(subject.values, subject.volumes_mm3),
    })
}

fn near(explanation: &Explanation, target: &[bool]) -> Result<Vec<bool>, EngineError> {
    let grid = explanation.players.labels.grid();
    Ok(within_distance(
        target,
        grid.dims(),
        grid.spacing_mm(),
        NEAR_MM,
    )?)
}

/// The voxels of the region, x fastest, that a question is about.
pub fn target_voxels(
    explanation: &Explanation,
    question: &Question,
) -> Result<Vec<bool>, EngineError> {
    if let Target::Places { players, .. } = &question.target {
        let labels = explanation.players.labels.labels().iter();
        let is_asked = |label: u16| {
            let player = usize::from(label).checked_sub(1);
            player.is_some_and(|player| players.contains(&player))
        };
        return Ok(labels.map(|&label| is_asked(label)).collect());
    }
    let components = explanation.targets().components();
    let (_, x, y, z) = components.dim();
    let sizes = &explanation.log.header().sizes;
    let class = question.target.class(sizes).unwrap_or(usize::MAX);
    let mut voxels = Array3::<u16>::zeros((x, y, z));
    if class < components.len_of(Axis(0)) {
        let wanted = match question.target {
            Target::Component(index) => u32::try_from(index + 1).ok(),
            _ => None,
        };
        let own = components.index_axis(Axis(0), class);
        voxels.zip_mut_with(&own, |voxel, &id| {
            *voxel = u16::from(wanted.map_or(id > 0, |wanted| id == wanted));
        });
    }
    let on_region = explanation
        .segmentation
        .prepared
        .labels_to_region(&voxels)?;
    Ok(on_region.labels().iter().map(|&label| label > 0).collect())
}

fn shares(values: &[f64], labels: &[u16], target: &[bool], near: &[bool]) -> Option<PlaceShares> {
    let mut counts = vec![[0_u32; 3]; values.len()];
    for ((&label, &inside), &near) in labels.iter().zip(target).zip(near) {
        let player = usize::from(label).checked_sub(1);
        if let Some(counts) = player.and_then(|player| counts.get_mut(player)) {
            counts[0] += u32::from(inside);
            counts[1] += u32::from(near && !inside);
            counts[2] += 1;
        }
    }
    let mut sums = [0.0; 2];
    let mut total = 0.0;
    for (value, [inside, near, all]) in values.iter().zip(counts) {
        if all > 0 {
            let density = value.abs() / f64::from(all);
            sums[0] += density * f64::from(inside);
            sums[1] += density * f64::from(near);
            total += value.abs();
        }
    }
    let share = |sum: f64| (sum / total).clamp(0.0, 1.0);
    (total > 0.0).then(|| PlaceShares {
        inside: share(sums[0]),
        near: share(sums[1]),
        far: share(total - sums[0] - sums[1]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_split_supervoxels_at_the_border() {
        let labels = [1, 1, 2, 2, 2, 2, 0, 3];
        let target = [true, false, false, false, false, false, true, false];
        let near = [true, true, true, false, false, false, true, false];
        let found = shares(&[-1.0, 2.0, 1.0], &labels, &target, &near).unwrap();
        assert_eq!(found.inside, 0.125);
        assert_eq!(found.near, (0.5 + 0.5) / 4.0);
        assert!((found.inside + found.near + found.far - 1.0).abs() < 1e-12);
        assert_eq!(shares(&[0.0; 3], &labels, &target, &near), None);
    }
}
