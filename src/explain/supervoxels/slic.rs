//! SLIC supervoxels (Achanta et al. 2012): k-means of values and positions, each
//! centre searching its surroundings only.
//!
//! Distances are in millimetres and in shares of each channel's value range, so one
//! compactness suits every scan. Sums are kept in integers, so the result does not
//! depend on how many threads computed it. Unlike the original, every supervoxel is
//! one connected piece and their number is the wanted one: stray pieces are grown
//! over voxel by voxel by the pieces around them, crumbs are merged, and what is
//! missing is made good by splitting the largest. And the first rounds look at a part
//! of the voxels only: a cell's mean is known well from some hundreds of them.

use rayon::prelude::*;

use super::balance::{Rules, balance};
use super::clusters::{Clusters, Sums};
use super::domain::Domain;
use super::features::Features;
use super::lattice::Lattice;
use super::pieces::connect;
use super::rounds::{self, Rounds};
use super::tiles::{Tiles, Work, Worker};
use super::{Image, NONE, SupervoxelSettings};
use crate::base::CancelToken;
use crate::explain::ExplainError;
use crate::explain::error::check_voxels;

/// A piece smaller than this share of the mean is merged into a neighbour.
pub(super) const CRUMB: f64 = 0.1;
/// Rows of voxels that a cell is wide, at least, in the rounds that skip some.
const ROWS: f64 = 4.0;
/// The last rounds look at all voxels.
const FULL_ROUNDS: usize = 2;

fn check(image: &Image<'_>, settings: &SupervoxelSettings) -> Result<(), ExplainError> {
    if image.channels.is_empty() {
        return Err(ExplainError::NoChannels);
    }
    if !(settings.compactness.is_finite() && settings.compactness >= 0.0) {
        return Err(ExplainError::BadSetting {
            what: "the compactness",
            value: settings.compactness,
            allowed: "a number of 0 or more",
        });
    }
    Ok(())
}

/// A work label for every voxel of the region.
pub(super) fn cells(
    image: &Image<'_>,
    domain: &Domain,
    settings: &SupervoxelSettings,
    mut elsewhere: Option<&mut dyn Rounds>,
    cancel: &CancelToken,
) -> Result<Vec<u32>, ExplainError> {
    check(image, settings)?;
    for channel in image.channels {
        check_voxels("a channel", channel.len(), domain.inside.len())?;
    }
    let features = Features::of(image.channels, domain);
    cancel.check()?;

    let lattice = Lattice::fit(domain, |lattice| lattice.seeds(domain).len());
    let mut clusters = Clusters::at_seeds(domain, &features, &lattice, settings.compactness);
    let tiles = Tiles::new(domain, &features, lattice.step_mm);
    let work = Work {
        domain,
        features: &features,
        tiles: &tiles,
    };
    let mut labels = vec![NONE; domain.inside.len()];
    if let Some(elsewhere) = elsewhere.as_deref_mut() {
        rounds::begin(elsewhere, &work, &clusters)?;
    }
    let total = settings.iterations.max(1);
    for round in 0..total {
        cancel.check()?;
        let stride = stride(domain, lattice.step_mm, total - round);
        let sums = match elsewhere.as_deref_mut() {
            Some(elsewhere) => rounds::assign(elsewhere, &clusters, stride)?,
            None => assign(&work, &clusters, stride, &mut labels),
        };
        // Without a last look at all voxels there would be none to label.
        if !clusters.recentre(domain, &sums) && stride == 1 {
            break;
        }
    }
    if let Some(elsewhere) = elsewhere {
        labels = rounds::labels(elsewhere, labels.len(), clusters.centres.len())?;
    }
    cancel.check()?;
    let count = connect(
        domain,
        &mut labels,
        clusters.centres.len(),
        |voxel, label| clusters.cost(voxel, label, domain, &features),
    );
    cancel.check()?;
    let rules = Rules {
        least: domain.share_of_mean(CRUMB),
        ..Default::default()
    };
    balance(domain, &mut labels, count, &features, &rules);
    Ok(labels)
}

/// Every how many rows and slices are looked at with so many rounds to go.
fn stride(domain: &Domain, step_mm: f64, rounds_left: usize) -> usize {
    let [_, y, z] = domain.spacing_mm;
    let rows = step_mm / y.max(z);
    let most = match rounds_left {
        0..=FULL_ROUNDS => 1,
        3 | 4 => 2,
        _ => 4,
    };
    [4, 2]
        .into_iter()
        .find(|&stride| stride <= most && rows >= ROWS * stride as f64)
        .unwrap_or(1)
}

/// Gives every voxel to the nearest centre that searches it.
fn assign(work: &Work<'_>, clusters: &Clusters, stride: usize, labels: &mut [u32]) -> Sums {
    let [nx, ny, _] = work.domain.dims;
    labels
        .par_chunks_mut(nx * ny * work.tiles.depth)
        .enumerate()
        .fold(
            || Worker::new(clusters),
            |mut worker, (slab, labels)| {
                worker.assign_slab(work, clusters, slab, stride, labels);
                worker
            },
        )
        .map(|worker| worker.sums)
        .reduce_with(|a, b| a.merge(&b))
        .unwrap_or_else(|| Sums::new(clusters))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a comparison of every voxel with every centre that searches it.
    #[test]
    fn tiles_find_the_nearest_centre_of_every_voxel() {
        let dims = [29, 23, 17];
        let size = dims.iter().product::<usize>();
        let value = |i: usize, of: usize| (i * 7919 % 1009 + of * i % 13 * 50) as f32;
        let channels: Vec<Vec<f32>> = (0..2)
            .map(|of| (0..size).map(|i| value(i, of)).collect())
            .collect();
        let channels: Vec<&[f32]> = channels.iter().map(Vec::as_slice).collect();
        let image = Image {
            channels: &channels,
            dims,
            spacing_mm: [1.0, 0.8, 2.0],
        };
        let include: Vec<bool> = (0..size).map(|i| i % 29 > 2).collect();
        let domain = Domain::new(&image, Some(&include), 30).unwrap();
        let features = Features::of(&channels, &domain);
        let lattice = Lattice::fit(&domain, |lattice| lattice.seeds(&domain).len());
        let mut clusters = Clusters::at_seeds(&domain, &features, &lattice, 0.3);
        let tiles = Tiles::new(&domain, &features, lattice.step_mm);
        let work = Work {
            domain: &domain,
            features: &features,
            tiles: &tiles,
        };
        let mut labels = vec![NONE; size];
        let sums = assign(&work, &clusters, 1, &mut labels);
        for (voxel, &label) in labels.iter().enumerate() {
            if !include[voxel] {
                assert_eq!(label, NONE);
                continue;
            }
            let position = [voxel % 29, voxel / 29 % 23, voxel / (29 * 23)];
            let searches = |centre: &[f32; 3]| {
                (0..3).all(|axis| {
                    let mm = position[axis] as f32 * clusters.spacing_mm[axis];
                    (mm - centre[axis]).abs() <= clusters.window_mm
                })
            };
            let cost = |label: u32| clusters.cost(voxel, label, &domain, &features);
            for (other, centre) in (0_u32..).zip(&clusters.centres) {
                assert!(
                    !searches(centre) || cost(label) <= cost(other) + 1e-5,
                    "voxel {voxel} is nearer to {other} than to {label}"
                );
            }
        }

        clusters.recentre(&domain, &sums);
        for (label, centre) in (0_u32..).zip(&clusters.centres) {
            let own: Vec<usize> = (0..size).filter(|&v| labels[v] == label).collect();
            if own.is_empty() {
                continue;
            }
            let x = own.iter().map(|v| (v % 29) as f32).sum::<f32>() / own.len() as f32;
            assert!((x - centre[0]).abs() < 1e-3);
            let value = own.iter().map(|&v| features.0[1][v]).sum::<f32>() / own.len() as f32;
            assert!((value - clusters.get(label).1[1]).abs() < 1e-4);
        }
    }
}
