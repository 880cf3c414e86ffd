//! Coarse to fine: the top supervoxels are split, and their children share their values.

use std::collections::HashMap;

use super::check_finite;
use crate::explain::error::check_voxels;
use crate::explain::{ExplainError, MAX_PLAYERS, evidence, game::check_players};

/// A segmentation in which some cells of a coarser one are split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refinement {
    /// Player `i` is label `i + 1`, numbered in order of first appearance.
    pub labels: Vec<u16>,
    pub count: usize,
    /// For each player the player of the coarse segmentation that it is a part of.
    pub parent: Vec<usize>,
}

/// Values of children that keep their parents' sums.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedValues {
    /// One entry a child; the children of a parent sum to the parent's value.
    pub values: Vec<f64>,
    /// For each parent what had to be added to the sum of its children: its own value
    /// minus what they measured. Large against the value where the children's game is
    /// a different one, as it is where parents act together.
    pub added: Vec<f64>,
}

/// The players whose values are worth a closer look: the largest |value| that together hold
/// `share` of the sum of all |values|, at most `most` of them, highest first.
pub fn worth_splitting(values: &[f64], share: f64, most: usize) -> Vec<usize> {
    let sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
    let total: f64 = sizes.iter().sum();
    let mut held = 0.0;
    evidence::descending(&sizes)
        .into_iter()
        .take_while(|&player| {
            let size = sizes.get(player).copied().unwrap_or(0.0);
            let wanted = size > 0.0 && held < share * total * (1.0 - 1e-9);
            held += size;
            wanted
        })
        .take(most)
        .collect()
}

impl Refinement {
    /// Splits the cells of `split` (players of the coarse map `labels`) along `pieces`: any
    /// finer map of the same grid, such as supervoxels of those cells alone. A cell that is
    /// not in `split` stays whole, whatever `pieces` says there.
    pub fn new(labels: &[u16], split: &[usize], pieces: &[u16]) -> Result<Self, ExplainError> {
        check_voxels("the map of pieces", pieces.len(), labels.len())?;
        let mut splits = vec![false; MAX_PLAYERS];
        for &player in split {
            if let Some(splits) = splits.get_mut(player) {
                *splits = true;
            }
        }
        let mut children: HashMap<(u16, u16), u16> = HashMap::new();
        let mut parent = Vec::new();
        let mut fine = Vec::with_capacity(labels.len());
        for (&label, &piece) in labels.iter().zip(pieces) {
            let Some(player) = usize::from(label).checked_sub(1) else {
                fine.push(0);
                continue;
            };
            let is_split = splits.get(player).copied().unwrap_or(false);
            let key = (label, if is_split { piece } else { 0 });
            let child = match children.get(&key) {
                Some(&child) => child,
                None => {
                    let child = u16::try_from(parent.len() + 1)
                        .map_err(|_| ExplainError::BadPlayerCount(parent.len() + 1))?;
                    children.insert(key, child);
                    parent.push(player);
                    child
                }
            };
            fine.push(child);
        }
        Ok(Self {
            labels: fine,
            count: parent.len(),
            parent,
        })
    }

    /// Shifts what the children measured so that they sum to their parents. `parents` has
    /// the parents' values, `measured` the children's, from a game in which only the
    /// parent's voxels come and go (whatever is measured for an only child, it gets its
    /// parent's value). The shift is one density for all voxels of a parent, which keeps the order
    /// of the children's densities; `voxels` has the children's numbers of voxels.
    pub fn share(
        &self,
        parents: &[f64],
        measured: &[f64],
        voxels: &[u32],
    ) -> Result<SharedValues, ExplainError> {
        check_players(measured.len(), self.count)?;
        check_players(voxels.len(), self.count)?;
        let largest_parent = self.parent.iter().max().map_or(0, |parent| parent + 1);
        if parents.len() < largest_parent {
            check_players(parents.len(), largest_parent)?;
        }
        check_finite(parents.iter().chain(measured))?;
        let mut added = parents.to_vec();
        let mut sizes = vec![0.0; parents.len()];
        for ((&parent, value), &voxels) in self.parent.iter().zip(measured).zip(voxels) {
            if let (Some(added), Some(size)) = (added.get_mut(parent), sizes.get_mut(parent)) {
                *added -= value;
                *size += f64::from(voxels);
            }
        }
        let children = self.parent.iter().zip(measured).zip(voxels);
        let children = children.map(|((&parent, value), &voxels)| {
            let part = |list: &[f64]| list.get(parent).copied().unwrap_or(0.0);
            let size = part(&sizes);
            let share = if size > 0.0 {
                f64::from(voxels) / size
            } else {
                0.0
            };
            value + part(&added) * share
        });
        let values = children.collect();
        Ok(SharedValues { values, added })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_chosen_cells_are_split() {
        let coarse = [1, 1, 1, 2, 2, 0, 3, 3];
        let pieces = [5, 5, 6, 5, 6, 7, 1, 2];
        let fine = Refinement::new(&coarse, &[0, 2], &pieces).unwrap();
        assert_eq!(fine.labels, [1, 1, 2, 3, 3, 0, 4, 5]);
        assert_eq!(
            (fine.count, fine.parent.as_slice()),
            (5, &[0, 0, 1, 2, 2][..])
        );
        assert!(Refinement::new(&coarse, &[0], &pieces[1..]).is_err());
    }

    #[test]
    fn what_is_worth_splitting() {
        assert_eq!(worth_splitting(&[1.0, -6.0, 0.0, 3.0], 0.9, 9), [1, 3]);
        assert_eq!(worth_splitting(&[1.0, -6.0, 0.0, 3.0], 1.0, 9), [1, 3, 0]);
        assert_eq!(worth_splitting(&[1.0, -6.0, 0.0, 3.0], 0.9, 1), [1]);
        assert!(worth_splitting(&[0.0; 3], 0.9, 9).is_empty());
    }

    proptest! {
        #[test]
        fn children_sum_to_their_parents(
            parents in prop::collection::vec(-3.0..3.0_f64, 3),
            measured in prop::collection::vec(-3.0..3.0_f64, 5),
        ) {
            let pieces = [5, 5, 6, 5, 6, 7, 1, 2];
            let fine = Refinement::new(&[1, 1, 1, 2, 2, 0, 3, 3], &[0, 2], &pieces).unwrap();
            let shared = fine.share(&parents, &measured, &[2, 1, 2, 1, 1]).unwrap();
            for (player, parent) in parents.iter().enumerate() {
                let own = (0..5).filter(|&child| fine.parent[child] == player);
                let sum: f64 = own.map(|child| shared.values[child]).sum();
                prop_assert!((sum - parent).abs() < 1e-12);
            }
            prop_assert!((shared.values[2] - parents[1]).abs() < 1e-12);
            // One density for both children of the first parent.
            let shift = |child: usize| shared.values[child] - measured[child];
            prop_assert!((shift(0) - 2.0 * shift(1)).abs() < 1e-12);
        }
    }
}
