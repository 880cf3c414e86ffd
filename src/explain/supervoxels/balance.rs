//! Merging and splitting connected pieces until their number is the wanted one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::NONE;
use super::domain::{Domain, neighbours};

/// Changes connected labels `0..count` until there are `domain.count` of them:
/// merges the smallest piece into the neighbour that is most like it while there are
/// too many, splits the largest while there are too few. Pieces of fewer than
/// `least` voxels are merged in any case. How alike pieces are is judged by their mean
/// `features` (one vector a feature, one value a voxel).
pub(super) fn balance(
    domain: &Domain,
    labels: &mut [u32],
    count: usize,
    least: usize,
    features: &[Vec<f32>],
) {
    let mut regions = Regions::new(labels, count, features);
    regions.merge_small(domain, labels, least);
    regions.split_large(domain, labels);
}

struct Regions<'a> {
    /// Voxels of each label; empty for labels that were merged away.
    voxels: Vec<Vec<u32>>,
    /// Sum of each feature over the label's voxels.
    sums: Vec<Vec<f64>>,
    features: &'a [Vec<f32>],
    alive: usize,
}

impl<'a> Regions<'a> {
    fn new(labels: &[u32], count: usize, features: &'a [Vec<f32>]) -> Self {
        let mut sizes = vec![0_usize; count];
        for &label in labels {
            if let Some(size) = sizes.get_mut(label as usize) {
                *size += 1;
            }
        }
        let mut voxels: Vec<Vec<u32>> = sizes.into_iter().map(Vec::with_capacity).collect();
        for (voxel, &label) in (0_u32..).zip(labels) {
            if let Some(list) = voxels.get_mut(label as usize) {
                list.push(voxel);
            }
        }
        let sums = voxels
            .iter()
            .map(|list| feature_sums(list, features))
            .collect();
        let alive = voxels.iter().filter(|list| !list.is_empty()).count();
        Self {
            voxels,
            sums,
            features,
            alive,
        }
    }

    fn merge_small(&mut self, domain: &Domain, labels: &mut [u32], least: usize) {
        let sizes = self
            .voxels
            .iter()
            .enumerate()
            .filter(|(_, list)| !list.is_empty());
        let mut smallest: BinaryHeap<_> = sizes
            .map(|(label, list)| Reverse((list.len(), label)))
            .collect();
        while let Some(Reverse((size, label))) = smallest.pop() {
            if self.alive <= domain.count && size >= least {
                break;
            }
            if self.voxels[label].len() != size {
                continue; // it has grown since, and waits at its new size
            }
            let Some(into) = self.most_alike_neighbour(domain, labels, label) else {
                continue; // an island
            };
            let moved = std::mem::take(&mut self.voxels[label]);
            for &voxel in &moved {
                labels[voxel as usize] = into as u32;
            }
            self.voxels[into].extend(moved);
            let added = std::mem::take(&mut self.sums[label]);
            self.sums[into]
                .iter_mut()
                .zip(added)
                .for_each(|(sum, add)| *sum += add);
            self.alive -= 1;
            smallest.push(Reverse((self.voxels[into].len(), into)));
        }
    }

    /// The touching label whose mean features differ least; of equals the one that
    /// shares more faces, then the first.
    fn most_alike_neighbour(&self, domain: &Domain, labels: &[u32], label: usize) -> Option<usize> {
        let mut faces: Vec<u32> = Vec::new();
        for &voxel in &self.voxels[label] {
            faces.extend(
                neighbours(domain.dims, voxel as usize)
                    .map(|beside| labels[beside])
                    .filter(|&other| other != NONE && other as usize != label),
            );
        }
        faces.sort_unstable();
        let candidates = faces.chunk_by(|a, b| a == b).filter_map(|same| {
            let other = *same.first()? as usize;
            Some((self.difference(label, other), Reverse(same.len()), other))
        });
        candidates
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)))
            .map(|(_, _, other)| other)
    }

    fn difference(&self, a: usize, b: usize) -> f64 {
        let (size_a, size_b) = (self.voxels[a].len() as f64, self.voxels[b].len() as f64);
        let pairs = self.sums[a].iter().zip(&self.sums[b]);
        pairs
            .map(|(sum_a, sum_b)| (sum_a / size_a - sum_b / size_b).powi(2))
            .sum()
    }

    fn split_large(&mut self, domain: &Domain, labels: &mut [u32]) {
        let mut largest: BinaryHeap<_> = self
            .voxels
            .iter()
            .enumerate()
            .map(|(label, list)| (list.len(), Reverse(label)))
            .collect();
        while self.alive < domain.count {
            let Some((size, Reverse(label))) = largest.pop() else {
                break;
            };
            if size < 2 {
                break;
            }
            let new = self.voxels.len();
            let list = std::mem::take(&mut self.voxels[label]);
            let (kept, moved) = halve(domain, labels, list, label as u32, new as u32);
            largest.push((kept.len(), Reverse(label)));
            largest.push((moved.len(), Reverse(new)));
            self.sums.push(feature_sums(&moved, self.features));
            self.voxels[label] = kept;
            self.voxels.push(moved);
            self.alive += 1;
        }
    }
}

fn feature_sums(voxels: &[u32], features: &[Vec<f32>]) -> Vec<f64> {
    features
        .iter()
        .map(|feature| {
            voxels
                .iter()
                .map(|&voxel| f64::from(feature[voxel as usize]))
                .sum()
        })
        .collect()
}

/// Splits a connected piece of at least two voxels into two connected ones: from its
/// two farthest ends (found by walking to the farthest voxel twice), each voxel goes
/// to the end that reaches it first.
fn halve(
    domain: &Domain,
    labels: &mut [u32],
    voxels: Vec<u32>,
    label: u32,
    new: u32,
) -> (Vec<u32>, Vec<u32>) {
    let start = voxels.first().copied().unwrap_or(0);
    let one_end = walk(domain, labels, &[(start, NONE - 1)], label);
    paint(labels, &voxels, label);
    let other_end = walk(domain, labels, &[(one_end, NONE - 1)], label);
    paint(labels, &voxels, label);
    // Two temporary labels, then the final ones.
    walk(
        domain,
        labels,
        &[(one_end, NONE - 1), (other_end, new)],
        label,
    );
    let (moved, kept): (Vec<u32>, Vec<u32>) = voxels
        .into_iter()
        .partition(|&voxel| labels[voxel as usize] == new);
    paint(labels, &kept, label);
    (kept, moved)
}

fn paint(labels: &mut [u32], voxels: &[u32], label: u32) {
    for &voxel in voxels {
        labels[voxel as usize] = label;
    }
}

/// Spreads labels from their starts over the touching voxels of label `over`,
/// nearest first, and gives the voxel reached last.
fn walk(domain: &Domain, labels: &mut [u32], starts: &[(u32, u32)], over: u32) -> u32 {
    let mut queue: VecDeque<u32> = VecDeque::new();
    for &(voxel, label) in starts {
        labels[voxel as usize] = label;
        queue.push_back(voxel);
    }
    let mut last = starts.first().map_or(0, |&(voxel, _)| voxel);
    while let Some(voxel) = queue.pop_front() {
        last = voxel;
        for beside in neighbours(domain.dims, voxel as usize) {
            if labels[beside] == over {
                labels[beside] = labels[voxel as usize];
                queue.push_back(beside as u32);
            }
        }
    }
    last
}
