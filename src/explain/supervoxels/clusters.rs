//! The centres of SLIC: where they are, which search a place, and their means.

use super::domain::Domain;
use super::features::{Features, STEPS};
use super::lattice::Lattice;
use super::rounds::RoundsCentres;

/// Half-width of a centre's search window in cells, as in the original. Wider windows
/// cost more and follow the phantom no better.
const WINDOW: f64 = 1.0;

/// Centres of the supervoxels.
pub(super) struct Clusters {
    /// Positions in mm.
    pub centres: Vec<[f32; 3]>,
    /// `channels` values a centre.
    values: Vec<f32>,
    pub channels: usize,
    pub spacing_mm: [f32; 3],
    /// Weight of a squared distance in mm against squared value ranges.
    pub weight: f32,
    pub window_mm: f32,
    bins: Bins,
}

impl Clusters {
    pub fn at_seeds(
        domain: &Domain,
        features: &Features,
        lattice: &Lattice,
        compactness: f64,
    ) -> Self {
        let [nx, ny, _] = domain.dims;
        let mut seeds = lattice.seeds(domain);
        if seeds.is_empty() {
            // A region that misses every cell's centre starts from one of its voxels.
            seeds.extend(domain.inside.iter().position(|&inside| inside));
        }
        let spacing_mm = domain.spacing_mm.map(|s| s as f32);
        let centres = seeds.iter().map(|&seed| {
            let voxel = [seed % nx, seed / nx % ny, seed / (nx * ny)];
            std::array::from_fn(|axis| voxel[axis] as f32 * spacing_mm[axis])
        });
        let centres: Vec<[f32; 3]> = centres.collect();
        let window_mm = (WINDOW * lattice.step_mm) as f32;
        Self {
            bins: Bins::new(domain, window_mm, &centres),
            centres,
            values: seeds
                .iter()
                .flat_map(|&seed| features.0.iter().map(move |f| f[seed]))
                .collect(),
            channels: features.channels(),
            spacing_mm,
            weight: (compactness / lattice.step_mm).powi(2) as f32,
            window_mm,
        }
    }

    /// Position and values of a centre.
    pub fn get(&self, label: u32) -> ([f32; 3], &[f32]) {
        let label = label as usize;
        let values = &self.values[label * self.channels..(label + 1) * self.channels];
        (self.centres[label], values)
    }

    /// The centres as whoever else does the rounds takes them.
    pub fn for_rounds(&self) -> RoundsCentres<'_> {
        RoundsCentres {
            centres_mm: &self.centres,
            values: &self.values,
            box_edge_mm: self.bins.edge_mm,
            boxes: self.bins.across,
            box_starts: &self.bins.starts,
            box_labels: &self.bins.labels,
        }
    }

    /// Calls `visit` with all centres (label, position, values) that search a box in
    /// mm, and with some that do not.
    pub fn searching(
        &self,
        low: [f32; 3],
        high: [f32; 3],
        mut visit: impl FnMut(u32, [f32; 3], &[f32]),
    ) {
        self.bins.between(low, high, self.window_mm, |labels| {
            for &label in labels {
                let (centre, values) = self.get(label);
                visit(label, centre, values);
            }
        });
    }

    /// Moves every centre to the mean of its voxels; false if none moved. A centre
    /// that lost all voxels stays where it was.
    pub fn recentre(&mut self, domain: &Domain, sums: &Sums) -> bool {
        let mut moved = false;
        let each = sums.0.chunks(sums.1);
        for (label, (centre, sums)) in self.centres.iter_mut().zip(each).enumerate() {
            let (&[count, x, y, z], value_sums) =
                sums.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
            if count == 0 {
                continue;
            }
            let mean = |sum: i64| sum as f64 / count as f64;
            let position = std::array::from_fn(|axis| {
                (mean([x, y, z][axis]) * f64::from(self.spacing_mm[axis])) as f32
            });
            moved |= position != *centre;
            *centre = position;
            let values = &mut self.values[label * self.channels..];
            for (value, &sum) in values.iter_mut().zip(value_sums) {
                *value = (mean(sum) / f64::from(STEPS)) as f32;
            }
        }
        self.bins = Bins::new(domain, self.window_mm, &self.centres);
        moved
    }

    /// The squared distance that is compared, for one voxel and centre.
    pub fn cost(&self, voxel: usize, label: u32, domain: &Domain, features: &Features) -> f32 {
        let [nx, ny, _] = domain.dims;
        let position = [voxel % nx, voxel / nx % ny, voxel / (nx * ny)];
        let (centre, values) = self.get(label);
        let apart: f32 = (0..3)
            .map(|a| (position[a] as f32 * self.spacing_mm[a] - centre[a]).powi(2))
            .sum();
        let pairs = features.0.iter().zip(values);
        let unlike: f32 = pairs.map(|(f, v)| (f[voxel] - v).powi(2)).sum();
        self.weight * apart + unlike
    }
}

/// For each centre the sums over its voxels (how many, x, y, z, each value in steps of
/// 1/[`STEPS`]), and how many sums a centre has. Whole numbers, so that the order of
/// adding does not matter.
pub(super) struct Sums(Vec<i64>, usize);

impl Sums {
    pub fn new(clusters: &Clusters) -> Self {
        let width = 4 + clusters.channels;
        Self(vec![0; width * clusters.centres.len()], width)
    }

    /// Sums that someone else added up, if they are as many as there are centres.
    pub fn of_rounds(clusters: &Clusters, sums: Vec<i64>) -> Option<Self> {
        let width = 4 + clusters.channels;
        (sums.len() == width * clusters.centres.len()).then_some(Self(sums, width))
    }

    /// Adds voxels of a tile: `taken` is how many, and the sums of their places from
    /// `start` on.
    pub fn add(&mut self, label: u32, taken: &[u32; 4], start: [usize; 3], values: &[f32]) {
        let sums = &mut self.0[label as usize * self.1..];
        let count = i64::from(taken[0]);
        sums[0] += count;
        for axis in 0..3 {
            sums[1 + axis] += i64::from(taken[1 + axis]) + count * start[axis] as i64;
        }
        for (sum, value) in sums[4..].iter_mut().zip(values) {
            *sum += (value * STEPS) as i64;
        }
    }

    pub fn merge(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a += b);
        self
    }
}

/// Centres by boxes as wide as the search window.
struct Bins {
    edge_mm: f32,
    across: [usize; 3],
    /// Where each box's labels start, and at last where they end.
    starts: Vec<u32>,
    labels: Vec<u32>,
}

impl Bins {
    /// More boxes than this along an axis would be mostly empty.
    const MOST: usize = 256;

    fn new(domain: &Domain, window_mm: f32, centres: &[[f32; 3]]) -> Self {
        let extent = |axis: usize| domain.dims[axis] as f32 * domain.spacing_mm[axis] as f32;
        let longest = (0..3).map(extent).fold(0.0, f32::max);
        let edge_mm = window_mm.max(longest / Self::MOST as f32);
        let across = std::array::from_fn(|axis| (extent(axis) / edge_mm) as usize + 1);
        let mut bins = Self {
            edge_mm,
            across,
            starts: vec![0; across.iter().product::<usize>() + 1],
            labels: vec![0; centres.len()],
        };
        let bin_of = |centre: &[f32; 3]| {
            let [x, y, z] = std::array::from_fn(|axis| bins.along(axis, centre[axis]));
            x + across[0] * (y + across[1] * z)
        };
        let homes: Vec<usize> = centres.iter().map(bin_of).collect();
        for &home in &homes {
            bins.starts[home + 1] += 1;
        }
        for bin in 1..bins.starts.len() {
            bins.starts[bin] += bins.starts[bin - 1];
        }
        let mut next = bins.starts.clone();
        for (label, home) in (0_u32..).zip(homes) {
            bins.labels[next[home] as usize] = label;
            next[home] += 1;
        }
        bins
    }

    fn along(&self, axis: usize, mm: f32) -> usize {
        // `as` saturates, so what lies before the image is in the first box.
        ((mm / self.edge_mm) as usize).min(self.across[axis] - 1)
    }

    /// The labels of all boxes within `margin` of a box in mm, row by row.
    fn between(&self, low: [f32; 3], high: [f32; 3], margin: f32, mut visit: impl FnMut(&[u32])) {
        let first: [usize; 3] = std::array::from_fn(|a| self.along(a, low[a] - margin));
        let last: [usize; 3] = std::array::from_fn(|a| self.along(a, high[a] + margin));
        for z in first[2]..=last[2] {
            for y in first[1]..=last[1] {
                let row = self.across[0] * (y + self.across[1] * z);
                let start = self.starts[row + first[0]] as usize;
                let end = self.starts[row + last[0] + 1] as usize;
                visit(&self.labels[start..end]);
            }
        }
    }
}
