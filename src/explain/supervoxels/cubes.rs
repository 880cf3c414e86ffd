//! Supervoxels as equal boxes, for comparison and for images without edges.

use super::balance::balance;
use super::domain::Domain;
use super::features::Features;
use super::lattice::Lattice;
use super::pieces::Pieces;
use super::{Image, NONE, Restriction, Supervoxels, number};
use crate::base::CancelToken;
use crate::explain::ExplainError;

/// Boxes are left alone if their number is within this share of the wanted one;
/// otherwise some are merged or split.
const COUNT_TOLERANCE: f64 = 0.1;

/// Boxes that are as near to cubes in mm as whole cells allow, about `count` of
/// them. A box that the region cuts into several pieces is several supervoxels.
pub fn cubes(
    image: &Image<'_>,
    restriction: &Restriction<'_>,
    count: usize,
    cancel: &CancelToken,
) -> Result<Supervoxels, ExplainError> {
    let domain = Domain::new(image, restriction.include, count)?;
    Ok(number(&cells(&domain, cancel)?))
}

/// A work label for every voxel of the region.
pub(super) fn cells(domain: &Domain, cancel: &CancelToken) -> Result<Vec<u32>, ExplainError> {
    cancel.check()?;
    let lattice = Lattice::fit(domain, |lattice| lattice.used_cells(domain));
    cancel.check()?;
    let mut labels = vec![NONE; domain.inside.len()];
    lattice.for_each_cell(domain, |voxel, cell| labels[voxel] = cell as u32);
    let pieces = Pieces::of(domain.dims, &labels).label(&mut labels);
    let miss = pieces.abs_diff(domain.count) as f64;
    if miss > COUNT_TOLERANCE * domain.count as f64 {
        balance(domain, &mut labels, pieces, 0, &Features::none());
    }
    Ok(labels)
}
