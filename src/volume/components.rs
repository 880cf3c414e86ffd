//! Connected parts of one label, for lesions and for dropping specks.

use super::LabelMap;

/// Which voxels touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Voxels that share a face.
    Faces6,
    /// Voxels that share a face, an edge or a corner.
    Corners26,
}

/// The connected parts of one label, largest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    /// For each voxel 0, or 1 for the largest part, 2 for the next, and so on.
    ids: Vec<u32>,
    sizes: Vec<usize>,
}

impl Components {
    /// Finds the parts of `label` in a map. Parts of equal size are in the order of
    /// their first voxel.
    pub fn of(map: &LabelMap, label: u16, connectivity: Connectivity) -> Self {
        let found = map.labels().iter().map(|&found| found == label);
        Self::of_voxels(found, map.grid().dims(), connectivity)
    }

    /// Finds the connected parts of the voxels that are true. `dims` names the fastest
    /// axis first.
    pub fn of_voxels(
        voxels: impl ExactSizeIterator<Item = bool>,
        dims: [usize; 3],
        connectivity: Connectivity,
    ) -> Self {
        let earlier = earlier_neighbours(connectivity);
        // Provisional parts are joined in a forest while one pass runs over the voxels.
        let mut parents: Vec<u32> = vec![0];
        let mut ids = vec![0_u32; voxels.len()];
        for (index, found) in voxels.enumerate() {
            if !found {
                continue;
            }
            let [nx, ny, _] = dims.map(|n| n.max(1));
            let voxel = [index % nx, index / nx % ny, index / nx / ny];
            let mut own = 0;
            for step in &earlier {
                let Some(neighbour) = stepped(voxel, *step, dims) else {
                    continue;
                };
                let [x, y, z] = neighbour;
                let other = ids.get(x + nx * (y + ny * z)).copied().unwrap_or(0);
                if other == 0 {
                    continue;
                }
                let other = root(&mut parents, other);
                if own == 0 {
                    own = other;
                } else if own != other {
                    let (low, high) = (own.min(other), own.max(other));
                    if let Some(parent) = parents.get_mut(high as usize) {
                        *parent = low;
                    }
                    own = low;
                }
            }
            if own == 0 {
                // A grid with 2^32 separate parts would need at least 16 GiB of labels.
                own = u32::try_from(parents.len()).unwrap_or(u32::MAX);
                parents.push(own);
            }
            if let Some(id) = ids.get_mut(index) {
                *id = own;
            }
        }
        Self::ranked(ids, &mut parents)
    }

    /// Number of voxels of each part, largest first.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// For each voxel 0, or the rank of its part from 1.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Whether each voxel belongs to the largest part.
    pub fn largest(&self) -> Vec<bool> {
        self.ids.iter().map(|&id| id == 1).collect()
    }

    fn ranked(mut ids: Vec<u32>, parents: &mut [u32]) -> Self {
        let mut counts = vec![0_usize; parents.len()];
        for id in &mut ids {
            *id = root(parents, *id);
            if let Some(count) = counts.get_mut(*id as usize) {
                *count += 1;
            }
        }
        let mut parts: Vec<(usize, usize)> = counts
            .into_iter()
            .enumerate()
            .skip(1)
            .filter(|&(_, size)| size > 0)
            .collect();
        parts.sort_by_key(|&(id, size)| (std::cmp::Reverse(size), id));
        let mut ranks = vec![0_u32; parents.len()];
        for ((id, _), rank) in parts.iter().zip(1..) {
            if let Some(slot) = ranks.get_mut(*id) {
                *slot = rank;
            }
        }
        for id in &mut ids {
            *id = ranks.get(*id as usize).copied().unwrap_or(0);
        }
        Self {
            ids,
            sizes: parts.into_iter().map(|(_, size)| size).collect(),
        }
    }
}

/// The oldest ancestor of a provisional part; shortens the path on the way.
fn root(parents: &mut [u32], mut id: u32) -> u32 {
    while let Some(&parent) = parents.get(id as usize)
        && parent != id
    {
        let grandparent = parents.get(parent as usize).copied().unwrap_or(parent);
        if let Some(slot) = parents.get_mut(id as usize) {
            *slot = grandparent;
        }
        id = grandparent;
    }
    id
}

/// The half of a voxel's neighbours that come before it in the data.
fn earlier_neighbours(connectivity: Connectivity) -> Vec<[isize; 3]> {
    let mut steps = Vec::new();
    for z in -1..=0 {
        for y in -1..=1 {
            for x in -1..=1_isize {
                let before = (z, y, x) < (0, 0, 0);
                let axes = [x, y, z].iter().filter(|&&d| d != 0).count();
                if before && (connectivity == Connectivity::Corners26 || axes == 1) {
                    steps.push([x, y, z]);
                }
            }
        }
    }
    steps
}

fn stepped(voxel: [usize; 3], step: [isize; 3], dims: [usize; 3]) -> Option<[usize; 3]> {
    let mut moved = [0; 3];
    for axis in 0..3 {
        moved[axis] = voxel[axis]
            .checked_add_signed(step[axis])
            .filter(|&v| v < dims[axis])?;
    }
    Some(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Grid;
    use glam::DAffine3;
    use proptest::prelude::*;

    fn map(dims: [usize; 3], labels: Vec<u16>) -> LabelMap {
        LabelMap::new(Grid::new(dims, DAffine3::IDENTITY).unwrap(), labels).unwrap()
    }

    #[test]
    fn a_corner_joins_only_with_26_neighbours() {
        #[rustfmt::skip]
        let map = map([4, 3, 1], vec![
            2, 2, 0, 2,
            0, 0, 2, 0,
            2, 0, 0, 1,
        ]);
        let faces = Components::of(&map, 2, Connectivity::Faces6);
        assert_eq!(faces.sizes(), [2, 1, 1, 1]);
        let corners = Components::of(&map, 2, Connectivity::Corners26);
        assert_eq!(corners.sizes(), [4, 1]);
        assert_eq!(corners.ids(), [1, 1, 0, 1, 0, 0, 1, 0, 2, 0, 0, 0]);
        assert_eq!(corners.largest().iter().filter(|&&l| l).count(), 4);
        assert!(
            Components::of(&map, 7, Connectivity::Faces6)
                .sizes()
                .is_empty()
        );
    }

    /// The same parts by flood filling, one voxel at a time.
    fn flooded(map: &LabelMap, connectivity: Connectivity) -> Vec<usize> {
        let dims = map.grid().dims();
        let mut steps = earlier_neighbours(connectivity);
        steps.extend(steps.clone().into_iter().map(|s| s.map(|d| -d)));
        let mut seen = vec![false; map.labels().len()];
        let mut sizes = Vec::new();
        for start in 0..seen.len() {
            if seen[start] || map.labels()[start] != 1 {
                continue;
            }
            seen[start] = true;
            let (mut queue, mut size) = (vec![start], 0);
            while let Some(index) = queue.pop() {
                size += 1;
                for step in &steps {
                    let next = stepped(map.grid().position(index), *step, dims);
                    if let Some(next) = next.map(|v| map.grid().index(v))
                        && map.labels()[next] == 1
                        && !seen[next]
                    {
                        seen[next] = true;
                        queue.push(next);
                    }
                }
            }
            sizes.push(size);
        }
        sizes.sort_by_key(|&size| std::cmp::Reverse(size));
        sizes
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn agrees_with_flood_filling(labels in prop::collection::vec(0..2_u16, 6 * 7 * 5)) {
            let map = map([6, 7, 5], labels);
            for connectivity in [Connectivity::Faces6, Connectivity::Corners26] {
                let found = Components::of(&map, 1, connectivity);
                prop_assert_eq!(found.sizes(), flooded(&map, connectivity));
                let inside = found.ids().iter().zip(map.labels()).all(|(&id, &l)| (id > 0) == (l == 1));
                prop_assert!(inside);
            }
        }
    }
}
