//! Merging and splitting connected pieces until their number is the wanted one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rayon::prelude::*;

use super::NONE;
use super::domain::{Domain, neighbours};
use super::features::Features;
use crate::explain::MAX_PLAYERS;

/// How [`balance`] treats pieces.
#[derive(Default)]
pub(super) struct Rules<'a> {
    /// Pieces of fewer voxels are merged in any case.
    pub least: usize,
    /// Numbers of pieces this far from the wanted one are left alone.
    pub slack: usize,
    /// Only pieces of one group (one entry a label) are merged with each other.
    pub groups: Option<&'a [u32]>,
}

/// Changes connected labels `0..count` until there are `domain.count` of them:
/// merges the smallest piece into the neighbour that is most like it while there are
/// too many, splits the largest while there are too few. How alike pieces are is
/// judged by their mean features.
pub(super) fn balance(
    domain: &Domain,
    labels: &mut [u32],
    count: usize,
    features: &Features,
    rules: &Rules<'_>,
) {
    let mut regions = Regions::new(domain, labels, count, features);
    let most = (domain.count + rules.slack).min(MAX_PLAYERS);
    regions.merge_small(domain, labels, most, rules);
    regions.split_large(domain, labels, domain.count - rules.slack.min(domain.count));
}

/// Merges the pieces of fewer than `least` voxels, but splits none.
pub(super) fn absorb(
    domain: &Domain,
    labels: &mut [u32],
    count: usize,
    least: usize,
    groups: Option<&[u32]>,
) {
    let features = Features::none();
    let mut regions = Regions::new(domain, labels, count, &features);
    let rules = Rules {
        least,
        slack: 0,
        groups,
    };
    regions.merge_small(domain, labels, usize::MAX, &rules);
}

/// What is known of a label.
#[derive(Clone)]
struct Region {
    voxels: usize,
    /// First and last voxel along each axis.
    bounds: [[u32; 2]; 3],
    /// Sum of each feature.
    sums: Vec<f64>,
}

impl Region {
    fn new(features: &Features) -> Self {
        Self {
            voxels: 0,
            bounds: [[u32::MAX, 0]; 3],
            sums: vec![0.0; features.channels()],
        }
    }

    fn merge(&mut self, other: &Self) {
        self.voxels += other.voxels;
        for ([low, high], [other_low, other_high]) in self.bounds.iter_mut().zip(other.bounds) {
            *low = (*low).min(other_low);
            *high = (*high).max(other_high);
        }
        for (sum, add) in self.sums.iter_mut().zip(&other.sums) {
            *sum += add;
        }
    }

    fn add_run(&mut self, x: [usize; 2], y: usize, z: usize) {
        self.voxels += x[1] + 1 - x[0];
        for ([low, high], [first, last]) in self.bounds.iter_mut().zip([x, [y, y], [z, z]]) {
            *low = (*low).min(first as u32);
            *high = (*high).max(last as u32);
        }
    }
}

struct Regions<'a> {
    /// Without voxels: labels that were merged away.
    all: Vec<Region>,
    features: &'a Features,
    alive: usize,
}

impl<'a> Regions<'a> {
    fn new(domain: &Domain, labels: &[u32], count: usize, features: &'a Features) -> Self {
        let [nx, ny, nz] = domain.dims;
        let empty = || vec![Region::new(features); count];
        // Few parts, because each has a list of all labels.
        let slices = nz.div_ceil(2 * rayon::current_num_threads());
        let all = labels
            .par_chunks(nx * ny * slices)
            .enumerate()
            .map(|(part, labels)| {
                let mut all = empty();
                add_rows(&mut all, domain, labels, part * slices * ny, features);
                all
            })
            .reduce_with(|mut a, b| {
                a.iter_mut().zip(&b).for_each(|(a, b)| a.merge(b));
                a
            })
            .unwrap_or_else(empty);
        let alive = all.iter().filter(|region| region.voxels > 0).count();
        Self {
            all,
            features,
            alive,
        }
    }

    /// The voxels of a label, in order.
    fn voxels(&self, domain: &Domain, labels: &[u32], label: usize) -> Vec<u32> {
        let [nx, ny, _] = domain.dims;
        let region = &self.all[label];
        let mut voxels = Vec::with_capacity(region.voxels);
        let [x, y, z] = region
            .bounds
            .map(|[low, high]| low as usize..high as usize + 1);
        for z in z {
            for y in y.clone() {
                let first = (z * ny + y) * nx;
                let row = labels[first + x.start..first + x.end].iter();
                voxels.extend(
                    ((first + x.start) as u32..)
                        .zip(row)
                        .filter(|&(_, &found)| found as usize == label)
                        .map(|(voxel, _)| voxel),
                );
            }
        }
        voxels
    }

    /// Merges the smallest while there are more than `most` or it is too small, into a
    /// neighbour that the rules allow.
    fn merge_small(&mut self, domain: &Domain, labels: &mut [u32], most: usize, rules: &Rules<'_>) {
        let sizes = self.all.iter().enumerate();
        let mut smallest: BinaryHeap<_> = sizes
            .filter(|(_, region)| region.voxels > 0)
            .map(|(label, region)| Reverse((region.voxels, label)))
            .collect();
        while let Some(Reverse((size, label))) = smallest.pop() {
            if self.alive <= most && size >= rules.least {
                break;
            }
            if self.all[label].voxels != size {
                continue; // it has grown since, and waits at its new size
            }
            let moved = self.voxels(domain, labels, label);
            let Some(into) = self.most_alike_neighbour(domain, labels, &moved, label, rules) else {
                continue; // an island
            };
            paint(labels, &moved, into as u32);
            let merged = std::mem::replace(&mut self.all[label], Region::new(self.features));
            self.all[into].merge(&merged);
            self.alive -= 1;
            smallest.push(Reverse((self.all[into].voxels, into)));
        }
    }

    /// The touching label whose mean features differ least; of equals the one that
    /// shares more faces, then the first.
    fn most_alike_neighbour(
        &self,
        domain: &Domain,
        labels: &[u32],
        voxels: &[u32],
        label: usize,
        rules: &Rules<'_>,
    ) -> Option<usize> {
        let mut faces: Vec<u32> = Vec::new();
        for &voxel in voxels {
            faces.extend(
                neighbours(domain.dims, voxel as usize)
                    .map(|beside| labels[beside])
                    .filter(|&other| other != NONE && other as usize != label),
            );
        }
        faces.sort_unstable();
        let group = |label: usize| rules.groups.and_then(|groups| groups.get(label));
        let candidates = faces.chunk_by(|a, b| a == b).filter_map(|same| {
            let other = *same.first()? as usize;
            (group(label) == group(other))
                .then(|| (self.difference(label, other), Reverse(same.len()), other))
        });
        candidates
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)))
            .map(|(_, _, other)| other)
    }

    fn difference(&self, a: usize, b: usize) -> f64 {
        let (a, b) = (&self.all[a], &self.all[b]);
        let pairs = a.sums.iter().zip(&b.sums);
        pairs
            .map(|(sum_a, sum_b)| (sum_a / a.voxels as f64 - sum_b / b.voxels as f64).powi(2))
            .sum()
    }

    fn split_large(&mut self, domain: &Domain, labels: &mut [u32], fewest: usize) {
        let sizes = self.all.iter().enumerate();
        let mut largest: BinaryHeap<_> = sizes
            .map(|(label, region)| (region.voxels, Reverse(label)))
            .collect();
        while self.alive < fewest {
            let Some((size, Reverse(label))) = largest.pop() else {
                break;
            };
            if size < 2 {
                break;
            }
            let new = self.all.len();
            let list = self.voxels(domain, labels, label);
            let (kept, moved) = halve(domain, labels, list, label as u32, new as u32);
            largest.push((kept.len(), Reverse(label)));
            largest.push((moved.len(), Reverse(new)));
            self.all[label] = self.region(domain, &kept);
            let moved = self.region(domain, &moved);
            self.all.push(moved);
            self.alive += 1;
        }
    }

    fn region(&self, domain: &Domain, voxels: &[u32]) -> Region {
        let [nx, ny, _] = domain.dims;
        let mut region = Region::new(self.features);
        for &voxel in voxels {
            let voxel = voxel as usize;
            let x = voxel % nx;
            region.add_run([x, x], voxel / nx % ny, voxel / (nx * ny));
            for (sum, feature) in region.sums.iter_mut().zip(&self.features.0) {
                *sum += f64::from(feature[voxel]);
            }
        }
        region
    }
}

/// Adds whole rows, from row `first` on, to the regions of their labels. Sums of
/// features are exact, so their order does not matter.
fn add_rows(
    all: &mut [Region],
    domain: &Domain,
    labels: &[u32],
    first: usize,
    features: &Features,
) {
    let [nx, ny, _] = domain.dims;
    for (row, line) in labels.chunks(nx).enumerate() {
        let row = first + row;
        let mut x = 0;
        for run in line.chunk_by(|a, b| a == b) {
            let start = x;
            x += run.len();
            let Some(region) = run.first().and_then(|&label| all.get_mut(label as usize)) else {
                continue;
            };
            region.add_run([start, x - 1], row % ny, row / ny);
            for (sum, feature) in region.sums.iter_mut().zip(&features.0) {
                let values = feature[row * nx + start..row * nx + x].iter();
                *sum += values.map(|&value| f64::from(value)).sum::<f64>();
            }
        }
    }
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
