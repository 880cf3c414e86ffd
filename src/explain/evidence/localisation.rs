//! Does the map point at a known target: a ground truth, or the segmentation itself?
//!
//! Relevance outside the target is not wrong by itself, since a network may need the
//! surroundings; the measures say where the map points, not whether it should.

use serde::Serialize;

use super::Groups;

/// Where a map points. Every share is in 0..=1; where voxels of equal value stand on a
/// limit, all count by the same part, so that no result depends on the order of voxels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Localisation {
    /// Share of the map's voxels that are target: what a map that knows nothing scores
    /// for mass and rank.
    pub target_share: f64,
    /// Share in the target of the voxels with the highest value.
    pub pointing: f64,
    /// Whether at least half of those voxels are in the target (pointing game, Zhang and
    /// others 2018, where the highest voxel is one).
    pub points_at_target: bool,
    /// Positive value in the target over all positive value (Arras and others 2022).
    /// `None` if nothing is positive.
    pub mass_accuracy: Option<f64>,
    /// Share in the target of the K highest voxels, K being the size of the target.
    pub rank_accuracy: f64,
    /// Intersection over union of those K voxels and the target.
    pub top_overlap: f64,
    /// Positive value that lies neither in the target nor near it, over all positive
    /// value. `None` if nothing is positive.
    pub leakage: Option<f64>,
}

/// Measures a map; `None` if the target has no voxel in it.
pub fn localisation(groups: &Groups) -> Option<Localisation> {
    let groups = groups.all();
    let sum = |count: &dyn Fn(&super::groups::Group) -> u32| -> f64 {
        groups.iter().map(|group| f64::from(count(group))).sum()
    };
    let (voxels, target) = (sum(&|g| g.voxels), sum(&|g| g.inside));
    let highest = groups.first()?;
    if target == 0.0 {
        return None;
    }
    let positive: Vec<_> = groups.iter().filter(|group| group.density > 0.0).collect();
    let mass = |count: &dyn Fn(&super::groups::Group) -> u32| -> f64 {
        let masses = positive.iter().map(|g| g.density * f64::from(count(g)));
        masses.sum()
    };
    let total = mass(&|g| g.voxels);
    let share = |part: f64| (total > 0.0).then(|| (part / total).clamp(0.0, 1.0));

    let (mut left, mut hits) = (target, 0.0);
    for group in groups {
        let taken = f64::from(group.voxels).min(left);
        hits += taken / f64::from(group.voxels) * f64::from(group.inside);
        left -= taken;
    }
    let pointing = f64::from(highest.inside) / f64::from(highest.voxels);
    Some(Localisation {
        target_share: target / voxels,
        pointing,
        points_at_target: pointing >= 0.5,
        mass_accuracy: share(mass(&|g| g.inside)),
        rank_accuracy: hits / target,
        top_overlap: hits / (2.0 * target - hits),
        leakage: share(total - mass(&|g| g.near)),
    })
}
