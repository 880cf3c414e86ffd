//! Supervoxels as equal boxes, for comparison and for images without edges.

use super::NONE;
use super::balance::{Rules, balance};
use super::domain::Domain;
use super::features::Features;
use super::lattice::Lattice;
use super::pieces::Pieces;
use crate::base::CancelToken;
use crate::explain::ExplainError;

/// A work label for every voxel of the region: boxes that are as near to cubes in mm as
/// whole cells allow. A box that the region cuts into several pieces is several
/// supervoxels. Their number is within a tenth of the wanted one.
pub(super) fn cells(domain: &Domain, cancel: &CancelToken) -> Result<Vec<u32>, ExplainError> {
    cancel.check()?;
    let lattice = Lattice::fit(domain, |lattice| lattice.used_cells(domain));
    cancel.check()?;
    let mut labels = vec![NONE; domain.inside.len()];
    lattice.for_each_cell(domain, |voxel, cell| labels[voxel] = cell as u32);
    let pieces = Pieces::of(domain.dims, &labels).label(&mut labels);
    let rules = Rules {
        slack: domain.count / 10,
        ..Default::default()
    };
    balance(domain, &mut labels, pieces, &Features::none(), &rules);
    Ok(labels)
}
