//! SLIC supervoxels (Achanta et al. 2012): k-means of values and positions, each
//! centre searching its surroundings only.
//!
//! Distances are in millimetres and in shares of each channel's value range, so one
//! compactness suits every scan. Sums are kept in integers, so the result does not
//! depend on how many threads computed it. Unlike the original, every supervoxel is
//! one connected piece and their number is the wanted one: stray pieces are grown
//! over voxel by voxel by the pieces around them, crumbs are merged, and what is
//! missing is made good by splitting the largest.

use rayon::prelude::*;

use super::balance::balance;
use super::domain::{Domain, check_len};
use super::lattice::Lattice;
use super::pieces::connect;
use super::{NONE, SupervoxelSettings, Supervoxels, number};
use crate::base::CancelToken;
use crate::explain::ExplainError;

/// Half-width of a centre's search window in cells, as in the original. Wider windows
/// cost more and follow the phantom no better.
const WINDOW: f64 = 1.0;
/// A piece smaller than this share of the mean is merged into a neighbour.
const CRUMB: f64 = 0.1;
/// Fixed-point steps of a scaled value in the sums: exact for f32 near 1.
const FIXED: f32 = (1 << 22) as f32;

/// SLIC supervoxels of one or several channels; see [`super::find`].
pub fn slic(
    channels: &[&[f32]],
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    include: Option<&[bool]>,
    settings: &SupervoxelSettings,
    cancel: &CancelToken,
) -> Result<Supervoxels, ExplainError> {
    if channels.is_empty() {
        return Err(ExplainError::NoChannels);
    }
    if !(settings.compactness.is_finite() && settings.compactness >= 0.0) {
        return Err(ExplainError::BadSetting {
            what: "the compactness",
            value: settings.compactness,
            allowed: "a number of 0 or more",
        });
    }
    let domain = Domain::new(dims, spacing_mm, include, settings.count)?;
    for channel in channels {
        check_len("a channel", channel.len(), domain.inside.len())?;
    }
    let features: Vec<Vec<f32>> = channels
        .par_iter()
        .map(|channel| scaled(channel, &domain.inside, channels.len()))
        .collect();
    cancel.check()?;

    let lattice = Lattice::fit(&domain, |lattice| lattice.seeds(&domain).len());
    let mut clusters = Clusters::at_seeds(&domain, &features, &lattice, settings.compactness);
    let mut labels = vec![NONE; domain.inside.len()];
    for _ in 0..settings.iterations.max(1) {
        cancel.check()?;
        let sums = clusters.assign(&domain, &features, &mut labels);
        if !clusters.recentre(&sums) {
            break;
        }
    }
    cancel.check()?;
    let count = connect(
        &domain,
        &mut labels,
        clusters.centres.len(),
        |voxel, label| clusters.cost(voxel, label, &domain, &features),
    );
    cancel.check()?;
    let crumb = (CRUMB * domain.voxels as f64 / domain.count as f64) as usize;
    balance(&domain, &mut labels, count, crumb, &features);
    Ok(number(&labels))
}

/// A channel so that its 1st to 99th percentile inside the region is 0 to 1, cut off
/// well outside, and divided so that the squared distances of all channels average.
/// What is not a number counts as 0; a constant channel is 0.
fn scaled(channel: &[f32], inside: &[bool], channels: usize) -> Vec<f32> {
    const SAMPLE: usize = 1 << 18;
    let included = || {
        channel
            .iter()
            .zip(inside)
            .filter(|(v, i)| **i && v.is_finite())
    };
    let every = included().count().div_ceil(SAMPLE).max(1);
    let mut sample: Vec<f32> = included().step_by(every).map(|(&value, _)| value).collect();
    let mut percentile = |share: f64| {
        let at = (share * sample.len().saturating_sub(1) as f64).round() as usize;
        if sample.is_empty() {
            0.0
        } else {
            *sample.select_nth_unstable_by(at, f32::total_cmp).1
        }
    };
    let (low, high) = (f64::from(percentile(0.01)), f64::from(percentile(0.99)));
    // An image that is constant but for a few voxels still has those.
    let (low, high) = if high > low {
        (low, high)
    } else {
        (f64::from(percentile(0.0)), f64::from(percentile(1.0)))
    };
    if high <= low {
        return vec![0.0; channel.len()];
    }
    let share = 1.0 / (channels as f64).sqrt();
    let scale = |value: f32| {
        let t = ((f64::from(value) - low) / (high - low)).clamp(-1.0, 2.0);
        if t.is_nan() { 0.0 } else { (t * share) as f32 }
    };
    channel.par_iter().map(|&value| scale(value)).collect()
}

/// Centres of the supervoxels.
struct Clusters {
    /// Position in mm.
    centres: Vec<[f32; 3]>,
    /// `channels` values a centre.
    values: Vec<f32>,
    channels: usize,
    spacing_mm: [f32; 3],
    /// Weight of a squared distance in mm against squared value ranges.
    weight: f32,
    window_mm: f32,
}

impl Clusters {
    fn at_seeds(
        domain: &Domain,
        features: &[Vec<f32>],
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
        Self {
            centres: centres.collect(),
            values: seeds
                .iter()
                .flat_map(|&seed| features.iter().map(move |f| f[seed]))
                .collect(),
            channels: features.len(),
            spacing_mm,
            weight: (compactness / lattice.step_mm).powi(2) as f32,
            window_mm: (WINDOW * lattice.step_mm) as f32,
        }
    }

    /// Gives every voxel to the nearest centre that searches it, and returns for each
    /// centre the sums over its voxels: how many, x, y, z, and each value.
    fn assign(&self, domain: &Domain, features: &[Vec<f32>], labels: &mut [u32]) -> Vec<i64> {
        let [nx, ny, _] = domain.dims;
        let width = 4 + self.channels;
        let new_state = || SliceState {
            sums: vec![0; width * self.centres.len()],
            distance: vec![0.0; nx * ny],
            row: vec![0.0; nx],
        };
        let x_mm: Vec<f32> = (0..nx).map(|x| x as f32 * self.spacing_mm[0]).collect();
        labels
            .par_chunks_mut(nx * ny)
            .enumerate()
            .fold(new_state, |mut state, (z, labels)| {
                self.assign_slice(domain, features, z, &x_mm, labels, &mut state);
                state
            })
            .map(|state| state.sums)
            .reduce_with(|mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                a
            })
            .unwrap_or_default()
    }

    fn assign_slice(
        &self,
        domain: &Domain,
        features: &[Vec<f32>],
        z: usize,
        x_mm: &[f32],
        labels: &mut [u32],
        state: &mut SliceState,
    ) {
        let [nx, ny, _] = domain.dims;
        let slice = z * nx * ny..(z + 1) * nx * ny;
        labels.fill(NONE);
        for (distance, &inside) in state.distance.iter_mut().zip(&domain.inside[slice.clone()]) {
            // Nothing is nearer than this, so voxels outside are never taken.
            *distance = if inside {
                f32::INFINITY
            } else {
                f32::NEG_INFINITY
            };
        }
        let z_mm = z as f32 * self.spacing_mm[2];
        for (label, (centre, values)) in
            (0_u32..).zip(self.centres.iter().zip(self.values.chunks(self.channels)))
        {
            let dz = centre[2] - z_mm;
            if dz.abs() > self.window_mm {
                continue;
            }
            let x = self.reach(centre[0], 0, nx);
            for y in self.reach(centre[1], 1, ny) {
                let dy = centre[1] - y as f32 * self.spacing_mm[1];
                let off_axis = self.weight * (dy * dy + dz * dz);
                let row = &mut state.row[x.clone()];
                for (d, &x_mm) in row.iter_mut().zip(&x_mm[x.clone()]) {
                    let dx = x_mm - centre[0];
                    *d = off_axis + self.weight * dx * dx;
                }
                let line = y * nx + x.start..y * nx + x.end;
                for (feature, &value) in features.iter().zip(values) {
                    let voxels = &feature[slice.clone()][line.clone()];
                    for (d, &voxel) in row.iter_mut().zip(voxels) {
                        *d += (voxel - value) * (voxel - value);
                    }
                }
                let nearest = state.distance[line.clone()]
                    .iter_mut()
                    .zip(&mut labels[line]);
                for ((best, owner), &d) in nearest.zip(row.iter()) {
                    let nearer = d < *best;
                    *best = if nearer { d } else { *best };
                    *owner = if nearer { label } else { *owner };
                }
            }
        }
        self.add_up(features, z, nx, slice.start, labels, &mut state.sums);
    }

    /// Voxels along an axis that a centre searches.
    fn reach(&self, centre_mm: f32, axis: usize, size: usize) -> std::ops::Range<usize> {
        let spacing = self.spacing_mm[axis];
        // `as` saturates, so a centre near an edge stays inside.
        let first = ((centre_mm - self.window_mm) / spacing).ceil() as usize;
        let end = ((centre_mm + self.window_mm) / spacing).floor() as usize + 1;
        first.min(size)..end.min(size)
    }

    fn add_up(
        &self,
        features: &[Vec<f32>],
        z: usize,
        nx: usize,
        first: usize,
        labels: &[u32],
        sums: &mut [i64],
    ) {
        let width = 4 + self.channels;
        for (y, line) in labels.chunks(nx).enumerate() {
            for (x, &label) in line.iter().enumerate() {
                if label == NONE {
                    continue;
                }
                let at = label as usize * width;
                let sums = &mut sums[at..at + width];
                sums[0] += 1;
                sums[1] += x as i64;
                sums[2] += y as i64;
                sums[3] += z as i64;
                for (sum, feature) in sums[4..].iter_mut().zip(features) {
                    *sum += (feature[first + y * nx + x] * FIXED) as i64;
                }
            }
        }
    }

    /// Moves every centre to the mean of its voxels; false if none moved. A centre
    /// that lost all voxels stays where it was.
    fn recentre(&mut self, sums: &[i64]) -> bool {
        let mut moved = false;
        let width = 4 + self.channels;
        let centres = self
            .centres
            .iter_mut()
            .zip(self.values.chunks_mut(self.channels));
        for ((centre, values), sums) in centres.zip(sums.chunks(width)) {
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
            for (value, &sum) in values.iter_mut().zip(value_sums) {
                *value = (mean(sum) / f64::from(FIXED)) as f32;
            }
        }
        moved
    }

    /// The distance that [`Clusters::assign`] compares, for one voxel and centre.
    fn cost(&self, voxel: usize, label: u32, domain: &Domain, features: &[Vec<f32>]) -> f32 {
        let [nx, ny, _] = domain.dims;
        let position = [voxel % nx, voxel / nx % ny, voxel / (nx * ny)];
        let label = label as usize;
        let apart: f32 = (0..3)
            .map(|a| (position[a] as f32 * self.spacing_mm[a] - self.centres[label][a]).powi(2))
            .sum();
        let values = self
            .values
            .chunks(self.channels)
            .nth(label)
            .unwrap_or_default();
        let unlike: f32 = features
            .iter()
            .zip(values)
            .map(|(feature, v)| (feature[voxel] - v).powi(2))
            .sum();
        self.weight * apart + unlike
    }
}

/// What a thread works with, slice after slice.
struct SliceState {
    sums: Vec<i64>,
    distance: Vec<f32>,
    row: Vec<f32>,
}
