//! Voxels of equal value, counted inside and near a target: all that measures of place
//! need, for a map of players and for a map of voxels alike.

use crate::explain::error::check_voxels;
use crate::explain::{ExplainError, game::check_players};

/// A group of voxels with one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Group {
    /// Value of one voxel of the group.
    pub density: f64,
    pub voxels: u32,
    /// Voxels in the target.
    pub inside: u32,
    /// Voxels in the target or near it.
    pub near: u32,
}

/// A map as groups of voxels of equal value, highest first, each value once.
#[derive(Debug, Clone, PartialEq)]
pub struct Groups(Vec<Group>);

impl Groups {
    /// A map that is constant on players. `labels`: player `i` is label `i + 1`, voxels of
    /// label 0 are left out. A voxel's value is its player's over the player's voxels,
    /// so that voxels sum to players. `near` holds the target and what counts as beside
    /// it (see [`super::within_distance`]).
    pub fn of_players(
        values: &[f64],
        labels: &[u16],
        target: &[bool],
        near: &[bool],
    ) -> Result<Self, ExplainError> {
        check_voxels("the target", target.len(), labels.len())?;
        check_voxels("the surroundings of the target", near.len(), labels.len())?;
        let empty = Group {
            density: 0.0,
            voxels: 0,
            inside: 0,
            near: 0,
        };
        let mut groups = vec![empty; values.len()];
        for ((&label, &inside), &near) in labels.iter().zip(target).zip(near) {
            let Some(player) = usize::from(label).checked_sub(1) else {
                continue;
            };
            let Some(group) = groups.get_mut(player) else {
                check_players(player + 1, values.len())?;
                continue;
            };
            group.count(inside, near);
        }
        for (group, &value) in groups.iter_mut().zip(values) {
            group.density = value / f64::from(group.voxels.max(1));
        }
        Self::merged(groups)
    }

    /// A map with a value a voxel; voxels where `include` is false are left out.
    pub fn of_voxels(
        map: &[f32],
        include: Option<&[bool]>,
        target: &[bool],
        near: &[bool],
    ) -> Result<Self, ExplainError> {
        check_voxels("the target", target.len(), map.len())?;
        check_voxels("the surroundings of the target", near.len(), map.len())?;
        if let Some(include) = include {
            check_voxels("the region", include.len(), map.len())?;
        }
        let included = |at: usize| include.is_none_or(|i| i.get(at).copied().unwrap_or(false));
        let voxels = map.iter().zip(target).zip(near).enumerate();
        let groups = voxels.filter(|&(at, _)| included(at)).map(|(_, voxel)| {
            let ((&value, &inside), &near) = voxel;
            let mut group = Group {
                density: f64::from(value),
                voxels: 0,
                inside: 0,
                near: 0,
            };
            group.count(inside, near);
            group
        });
        Self::merged(groups.collect())
    }

    pub(super) fn all(&self) -> &[Group] {
        &self.0
    }

    fn merged(mut groups: Vec<Group>) -> Result<Self, ExplainError> {
        if groups.iter().any(|group| !group.density.is_finite()) {
            return Err(ExplainError::NotFinite);
        }
        groups.retain(|group| group.voxels > 0);
        groups.sort_by(|a, b| b.density.total_cmp(&a.density));
        groups.dedup_by(|next, kept| {
            let same = next.density == kept.density;
            if same {
                kept.voxels += next.voxels;
                kept.inside += next.inside;
                kept.near += next.near;
            }
            same
        });
        Ok(Self(groups))
    }
}

impl Group {
    fn count(&mut self, inside: bool, near: bool) {
        self.voxels += 1;
        self.inside += u32::from(inside);
        self.near += u32::from(inside || near);
    }
}
