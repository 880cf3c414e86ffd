//! Supervoxels as equal boxes, for comparison and for images without edges.

use super::balance::balance;
use super::domain::Domain;
use super::lattice::Lattice;
use super::pieces::components;
use super::{NONE, Supervoxels, number};
use crate::base::CancelToken;
use crate::explain::ExplainError;

/// Boxes are left alone if their number is within this share of the wanted one;
/// otherwise some are merged or split.
const COUNT_TOLERANCE: f64 = 0.1;

/// Boxes that are as near to cubes in mm as whole cells allow, about `count` of
/// them. A box that the region cuts into several pieces is several supervoxels.
pub fn cubes(
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    include: Option<&[bool]>,
    count: usize,
    cancel: &CancelToken,
) -> Result<Supervoxels, ExplainError> {
    let domain = Domain::new(dims, spacing_mm, include, count)?;
    cancel.check()?;
    let lattice = Lattice::fit(&domain, |lattice| lattice.used_cells(&domain));
    cancel.check()?;
    let mut labels = vec![NONE; domain.inside.len()];
    lattice.for_each_cell(&domain, |voxel, cell| labels[voxel] = cell as u32);
    let pieces = components(dims, &labels);
    let roots: Vec<u32> = pieces.sizes().map(|(_, root)| root).collect();
    for (label, root) in labels.iter_mut().zip(&pieces.root) {
        *label = roots.binary_search(root).map_or(NONE, |piece| piece as u32);
    }
    let miss = roots.len().abs_diff(domain.count) as f64;
    if miss > COUNT_TOLERANCE * domain.count as f64 {
        balance(&domain, &mut labels, roots.len(), 0, &[]);
    }
    Ok(number(&labels))
}
