//! Connected pieces of equal label (faces touch), and growing labels into gaps.

use super::NONE;
use super::domain::{Domain, neighbours};

/// Connected components of a label image.
pub(super) struct Components {
    /// For each voxel the first voxel of its component; [`NONE`] outside.
    pub root: Vec<u32>,
}

impl Components {
    /// Voxels and root of every component, in order of the roots.
    pub fn sizes(&self) -> impl Iterator<Item = (usize, u32)> {
        let mut sizes = vec![0_u32; self.root.len()];
        for &root in &self.root {
            if let Some(size) = sizes.get_mut(root as usize) {
                *size += 1;
            }
        }
        (0_u32..)
            .zip(sizes)
            .filter(|&(_, size)| size > 0)
            .map(|(root, size)| (size as usize, root))
    }
}

/// Union-find over voxels in storage order; a root is its component's first voxel.
pub(super) fn components(dims: [usize; 3], labels: &[u32]) -> Components {
    let [nx, ny, _] = dims;
    let slice = nx * ny;
    let mut parent: Vec<u32> = (0..labels.len() as u32).collect();
    for (row, line) in labels.chunks(nx.max(1)).enumerate() {
        let first = row * nx;
        let (has_y, has_z) = (row % ny > 0, row >= ny);
        for (x, &label) in line.iter().enumerate() {
            let index = first + x;
            if label == NONE {
                parent[index] = NONE;
                continue;
            }
            let left = x > 0 && line[x - 1] == label;
            if left {
                parent[index] = find_root(&mut parent, index - 1);
            }
            for (has, stride) in [(has_y, nx), (has_z, slice)] {
                if has && labels[index - stride] == label {
                    // With the left pair alike as well, the left voxel has joined them.
                    let joined = left && labels[index - stride - 1] == label;
                    if !joined {
                        join(&mut parent, index, index - stride);
                    }
                }
            }
        }
    }
    for index in 0..parent.len() {
        let above = parent[index];
        if above != NONE {
            // A parent comes before its children, so it is a root by now.
            parent[index] = parent[above as usize];
        }
    }
    Components { root: parent }
}

fn find_root(parent: &mut [u32], mut index: usize) -> u32 {
    while parent[index] as usize != index {
        parent[index] = parent[parent[index] as usize];
        index = parent[index] as usize;
    }
    index as u32
}

fn join(parent: &mut [u32], a: usize, b: usize) {
    let (a, b) = (find_root(parent, a), find_root(parent, b));
    let (first, second) = (a.min(b), a.max(b));
    parent[second as usize] = first;
}

/// Makes every label one connected piece: keeps the largest piece of each, and
/// grows the kept pieces over the rest of the region, cheapest voxel first.
/// `cost(voxel, label)` is in units of the squared value range. Islands that no
/// piece reaches get labels of their own, from `count` on. Returns how many labels
/// there are.
pub(super) fn connect(
    domain: &Domain,
    labels: &mut [u32],
    count: usize,
    cost: impl Fn(usize, u32) -> f32,
) -> usize {
    keep_largest_pieces(domain, labels, count);
    grow(domain, labels, cost);

    let gaps: Vec<u32> = labels
        .iter()
        .zip(&domain.inside)
        .map(|(&label, &inside)| if inside && label == NONE { 0 } else { NONE })
        .collect();
    if gaps.iter().all(|&gap| gap == NONE) {
        return count;
    }
    let islands = components(domain.dims, &gaps);
    let roots: Vec<u32> = islands.sizes().map(|(_, root)| root).collect();
    for (label, root) in labels.iter_mut().zip(&islands.root) {
        if let Ok(island) = roots.binary_search(root) {
            *label = (count + island) as u32;
        }
    }
    count + roots.len()
}

fn keep_largest_pieces(domain: &Domain, labels: &mut [u32], count: usize) {
    let pieces = components(domain.dims, labels);
    let mut largest = vec![(0_usize, NONE); count];
    for (size, root) in pieces.sizes() {
        if let Some(best) = labels
            .get(root as usize)
            .and_then(|&l| largest.get_mut(l as usize))
            && size > best.0
        {
            *best = (size, root);
        }
    }
    for (label, root) in labels.iter_mut().zip(&pieces.root) {
        if largest
            .get(*label as usize)
            .is_none_or(|kept| kept.1 != *root)
        {
            *label = NONE;
        }
    }
}

fn grow(domain: &Domain, labels: &mut [u32], cost: impl Fn(usize, u32) -> f32) {
    /// Costs are sorted into this many classes up to 1, the whole value range squared.
    const CLASSES: usize = 1024;
    let class = |voxel, label| ((cost(voxel, label) * CLASSES as f32) as usize).min(CLASSES - 1);
    let mut waiting: Vec<Vec<(u32, u32)>> = vec![Vec::new(); CLASSES];
    for (voxel, (&label, &inside)) in labels.iter().zip(&domain.inside).enumerate() {
        if inside && label == NONE {
            for beside in neighbours(domain.dims, voxel) {
                if labels[beside] != NONE {
                    waiting[class(voxel, labels[beside])].push((voxel as u32, labels[beside]));
                }
            }
        }
    }
    let mut cheapest = 0;
    while let Some(queue) = waiting.get_mut(cheapest) {
        let Some((voxel, label)) = queue.pop() else {
            cheapest += 1;
            continue;
        };
        let voxel = voxel as usize;
        if labels[voxel] != NONE {
            continue;
        }
        labels[voxel] = label;
        for beside in neighbours(domain.dims, voxel) {
            if domain.inside[beside] && labels[beside] == NONE {
                let next = class(beside, label);
                waiting[next].push((beside as u32, label));
                cheapest = cheapest.min(next);
            }
        }
    }
}
