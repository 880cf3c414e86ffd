//! Which players touch, so that the pieces of a mask are counted without its voxels.

use rayon::prelude::*;

use crate::explain::ExplainError;
use crate::explain::error::check_voxels;

/// The players that share a voxel face, as a graph. It is built once for a label map;
/// the pieces of any mask then cost a walk over players. Supervoxels are connected, so
/// these are the pieces of the mask's voxels under faces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerAdjacency {
    neighbours: Vec<Vec<usize>>,
}

impl PlayerAdjacency {
    /// The graph of `players` players. `labels`: player `i` is label `i + 1`, x fastest.
    pub fn of(labels: &[u16], dims: [usize; 3], players: usize) -> Result<Self, ExplainError> {
        let [nx, ny, nz] = dims;
        let expected = nx.saturating_mul(ny).saturating_mul(nz);
        check_voxels("the supervoxel map", labels.len(), expected)?;
        let mut pairs: Vec<(u16, u16)> = labels
            .par_chunks(nx.saturating_mul(ny).max(1))
            .enumerate()
            .flat_map_iter(|(z, slice)| {
                let below = labels.get((z + 1) * slice.len()..).unwrap_or(&[]);
                touching(slice, nx, below)
            })
            .collect();
        pairs.par_sort_unstable();
        pairs.dedup();
        let mut neighbours = vec![Vec::new(); players];
        for (a, b) in pairs {
            for (from, to) in [(a, b), (b, a)] {
                let (from, to) = (usize::from(from) - 1, usize::from(to) - 1);
                if to < players
                    && let Some(list) = neighbours.get_mut(from)
                {
                    list.push(to);
                }
            }
        }
        Ok(Self { neighbours })
    }

    pub fn players(&self) -> usize {
        self.neighbours.len()
    }

    /// The players that share a face with one, in increasing order of the pairs.
    pub fn neighbours(&self, player: usize) -> &[usize] {
        self.neighbours.get(player).map_or(&[], Vec::as_slice)
    }

    /// The connected pieces of a set of players (one entry a player), in the order of
    /// their first player; each lists its players in increasing order.
    pub fn pieces(&self, inside: &[bool]) -> Vec<Vec<usize>> {
        let mut waiting: Vec<bool> = inside.iter().copied().take(self.players()).collect();
        let mut take = |player: usize| waiting.get_mut(player).is_some_and(std::mem::take);
        let mut pieces = Vec::new();
        for first in 0..self.players() {
            if !take(first) {
                continue;
            }
            let mut piece = vec![first];
            let mut at = 0;
            while let Some(&player) = piece.get(at) {
                at += 1;
                piece.extend(self.neighbours(player).iter().filter(|&&next| take(next)));
            }
            piece.sort_unstable();
            pieces.push(piece);
        }
        pieces
    }
}

/// The pairs of players (as labels, smaller first) that touch inside a slice and
/// between it and the next one, each once.
fn touching(slice: &[u16], nx: usize, below: &[u16]) -> Vec<(u16, u16)> {
    let along_x = slice
        .chunks(nx.max(1))
        .flat_map(|row| row.iter().zip(row.iter().skip(1)));
    let along_y = slice.iter().zip(slice.iter().skip(nx));
    let along_z = slice.iter().zip(below);
    let mut pairs = Vec::new();
    let mut last = (0, 0);
    for (&a, &b) in along_x.chain(along_y).chain(along_z) {
        let pair = (a.min(b), a.max(b));
        // Runs of one pair along a border are many; most repeats end here.
        if a != b && pair.0 != 0 && pair != last {
            pairs.push(pair);
            last = pair;
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Components, Connectivity};
    use proptest::prelude::*;

    #[test]
    fn neighbours_share_a_face_and_nothing_less() {
        // Two slices of 3 × 2; label 4 touches 1 only by an edge.
        let labels = [1, 1, 2, 3, 3, 2, 0, 5, 5, 4, 5, 5];
        let graph = PlayerAdjacency::of(&labels, [3, 2, 2], 5).unwrap();
        assert_eq!(graph.neighbours(0), [1, 2, 4]);
        assert_eq!(graph.neighbours(3), [2, 4]);
        assert_eq!(graph.neighbours(9), [0_usize; 0]);
        let pieces = graph.pieces(&[true, false, false, true, false]);
        assert_eq!(pieces, [vec![0], vec![3]]);
        assert_eq!(graph.pieces(&[true; 5]).len(), 1);
        assert!(graph.pieces(&[false; 5]).is_empty());
        assert!(PlayerAdjacency::of(&labels, [3, 2, 3], 5).is_err());
    }

    proptest! {
        /// One player a voxel: the pieces of players are the pieces of voxels.
        #[test]
        fn pieces_are_those_of_the_voxels(inside in prop::collection::vec(any::<bool>(), 60)) {
            let labels: Vec<u16> = (1..=60).collect();
            let graph = PlayerAdjacency::of(&labels, [5, 4, 3], 60).unwrap();
            let voxels = Components::of_voxels(
                inside.iter().copied(),
                [5, 4, 3],
                Connectivity::Faces6,
            );
            let mut sizes: Vec<usize> = graph.pieces(&inside).iter().map(Vec::len).collect();
            sizes.sort_by(|a, b| b.cmp(a));
            prop_assert_eq!(sizes, voxels.sizes());
        }
    }
}
