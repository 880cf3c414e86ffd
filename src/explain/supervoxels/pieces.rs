//! Connected pieces of equal label (faces touch), and growing labels into gaps.

use std::ops::Range;

use rayon::prelude::*;

use super::NONE;
use super::domain::{Domain, neighbours};

/// Connected pieces of a label image, as runs: stretches of equal label in a row.
pub(super) struct Pieces {
    /// First voxel of each run. A row begins a run, and so does every change of label.
    starts: Vec<u32>,
    /// For each run the first run of its piece.
    root: Vec<u32>,
    voxels: usize,
}

impl Pieces {
    /// Union-find over runs. Slabs of slices are joined within on several threads, then
    /// with each other. Runs of [`NONE`] stay alone.
    pub fn of(dims: [usize; 3], labels: &[u32]) -> Self {
        const SLAB: usize = 8;
        let [nx, ny, _] = dims;
        let slabs: Vec<Runs> = labels
            .par_chunks((nx * ny * SLAB).max(1))
            .enumerate()
            .map(|(slab, part)| {
                let mut runs = Runs::of(nx, part, slab * nx * ny * SLAB);
                let rows = runs.rows.len() - 1;
                for row in 0..rows {
                    if row % ny > 0 {
                        runs.join_rows(labels, row - 1, row);
                    }
                    if row >= ny {
                        runs.join_rows(labels, row - ny, row);
                    }
                }
                runs
            })
            .collect();
        let mut all = Runs::concatenated(slabs, labels.len());
        let rows = all.rows.len().saturating_sub(1);
        for border in (SLAB * ny..rows).step_by((SLAB * ny).max(1)) {
            for row in border..(border + ny).min(rows) {
                all.join_rows(labels, row - ny, row);
            }
        }
        for run in 0..all.root.len() {
            // A parent comes before its children, so it is a root by now.
            all.root[run] = all.root[all.root[run] as usize];
        }
        Self {
            starts: all.starts,
            root: all.root,
            voxels: labels.len(),
        }
    }

    /// The voxels and the root of every run.
    pub fn runs(&self) -> impl Iterator<Item = (Range<usize>, u32)> {
        let ends = self.starts.iter().skip(1).map(|&end| end as usize);
        self.starts
            .iter()
            .zip(ends.chain([self.voxels]))
            .zip(&self.root)
            .map(|((&start, end), &root)| (start as usize..end, root))
    }

    /// Number of runs.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// Whether a run's voxels have a label.
    pub fn is_labelled(&self, labels: &[u32], run: u32) -> bool {
        labels[self.starts[run as usize] as usize] != NONE
    }

    /// Voxels of each piece, at the index of its root; 0 elsewhere.
    pub fn sizes(&self) -> Vec<u32> {
        let mut sizes = vec![0; self.root.len()];
        for (run, root) in self.runs() {
            sizes[root as usize] += run.len() as u32;
        }
        sizes
    }

    /// Gives every piece a label of its own, in order of the first voxels, and returns
    /// how many there are.
    pub fn label(&self, labels: &mut [u32]) -> usize {
        let mut number = vec![NONE; self.root.len()];
        let mut count = 0;
        for (run, root) in self.runs() {
            if labels[run.start] == NONE {
                continue;
            }
            let number = &mut number[root as usize];
            if *number == NONE {
                *number = count;
                count += 1;
            }
            labels[run].fill(*number);
        }
        count as usize
    }
}

/// Runs of some rows, being joined.
struct Runs {
    starts: Vec<u32>,
    root: Vec<u32>,
    /// The first run of each row, and at last the number of runs.
    rows: Vec<u32>,
    /// The voxel after the last.
    end: usize,
}

impl Runs {
    fn of(nx: usize, labels: &[u32], first: usize) -> Self {
        let mut starts = Vec::with_capacity(labels.len() / 4 + 1);
        let mut rows = Vec::with_capacity(labels.len() / nx.max(1) + 1);
        for (row, line) in labels.chunks(nx.max(1)).enumerate() {
            rows.push(starts.len() as u32);
            let at = first + row * nx;
            starts.push(at as u32);
            for (x, pair) in line.windows(2).enumerate() {
                if pair[0] != pair[1] {
                    starts.push((at + x + 1) as u32);
                }
            }
        }
        rows.push(starts.len() as u32);
        Self {
            root: (0..starts.len() as u32).collect(),
            starts,
            rows,
            end: first + labels.len(),
        }
    }

    fn concatenated(slabs: Vec<Self>, end: usize) -> Self {
        let mut all = Self {
            starts: Vec::new(),
            root: Vec::new(),
            rows: Vec::new(),
            end,
        };
        for slab in slabs {
            let offset = all.starts.len() as u32;
            all.rows.pop();
            all.starts.extend_from_slice(&slab.starts);
            all.root.extend(slab.root.iter().map(|run| run + offset));
            all.rows.extend(slab.rows.iter().map(|run| run + offset));
        }
        all
    }

    /// Joins the runs of two rows that lie beside each other.
    fn join_rows(&mut self, labels: &[u32], row: usize, other: usize) {
        let (mut a, mut b) = (self.rows[row] as usize, self.rows[other] as usize);
        let (end_a, end_b) = (self.rows[row + 1] as usize, self.rows[other + 1] as usize);
        let shift = self.starts[b] - self.starts[a];
        while a < end_a && b < end_b {
            let (label, same) = (
                labels[self.starts[a] as usize],
                labels[self.starts[b] as usize],
            );
            if label == same && label != NONE {
                self.join(a, b);
            }
            let (stop_a, stop_b) = (self.stop(a) + shift, self.stop(b));
            // At the end of both rows either may step on.
            if stop_a <= stop_b {
                a += 1;
            }
            if stop_b <= stop_a {
                b += 1;
            }
        }
    }

    /// The voxel after a run.
    fn stop(&self, run: usize) -> u32 {
        self.starts.get(run + 1).copied().unwrap_or(self.end as u32)
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        let (first, second) = (a.min(b), a.max(b));
        self.root[second as usize] = first;
    }

    fn find(&mut self, mut run: usize) -> u32 {
        while self.root[run] as usize != run {
            self.root[run] = self.root[self.root[run] as usize];
            run = self.root[run] as usize;
        }
        run as u32
    }
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
    cost: impl Fn(usize, u32) -> f32 + Sync,
) -> usize {
    keep_largest_pieces(domain, labels, count);
    let strays = grow(domain, labels, cost);
    if strays.is_empty() {
        return count;
    }
    let mut gaps = vec![NONE; labels.len()];
    for &stray in &strays {
        gaps[stray as usize] = 0;
    }
    let islands = Pieces::of(domain.dims, &gaps).label(&mut gaps);
    for stray in strays {
        labels[stray as usize] = count as u32 + gaps[stray as usize];
    }
    count + islands
}

fn keep_largest_pieces(domain: &Domain, labels: &mut [u32], count: usize) {
    let pieces = Pieces::of(domain.dims, labels);
    let sizes = pieces.sizes();
    let mut largest = vec![(0, NONE); count];
    for (run, root) in pieces.runs() {
        let size = sizes[root as usize];
        if let Some(best) = largest.get_mut(labels[run.start] as usize)
            && size > best.0
        {
            *best = (size, root);
        }
    }
    for (run, root) in pieces.runs() {
        let kept = largest.get(labels[run.start] as usize);
        if kept.is_some_and(|kept| kept.1 != root) {
            labels[run].fill(NONE);
        }
    }
}

/// Returns the voxels that no label reaches.
fn grow(domain: &Domain, labels: &mut [u32], cost: impl Fn(usize, u32) -> f32 + Sync) -> Vec<u32> {
    /// Costs are sorted into this many classes up to 1, the whole value range squared.
    const CLASSES: usize = 1024;
    let class = |voxel, label| ((cost(voxel, label) * CLASSES as f32) as usize).min(CLASSES - 1);
    let mut strays = strays(domain, labels);
    let first = strays.par_iter().flat_map_iter(|&voxel| {
        let beside = neighbours(domain.dims, voxel as usize).map(|beside| labels[beside]);
        let labelled = beside.filter(|&label| label != NONE);
        labelled.map(move |label| (class(voxel as usize, label), (voxel, label)))
    });
    let mut waiting: Vec<Vec<(u32, u32)>> = vec![Vec::new(); CLASSES];
    for (class, entry) in first.collect::<Vec<_>>() {
        waiting[class].push(entry);
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
    strays.retain(|&stray| labels[stray as usize] == NONE);
    strays
}

/// Voxels inside without a label, in order.
fn strays(domain: &Domain, labels: &[u32]) -> Vec<u32> {
    const PART: usize = 1 << 16;
    let parts: Vec<Vec<u32>> = labels
        .par_chunks(PART)
        .zip(domain.inside.par_chunks(PART))
        .enumerate()
        .map(|(part, (labels, inside))| {
            let voxels = (0_u32..).zip(labels.iter().zip(inside));
            voxels
                .filter(|&(_, (&label, &inside))| inside && label == NONE)
                .map(|(voxel, _)| voxel + (part * PART) as u32)
                .collect()
        })
        .collect();
    parts.concat()
}
