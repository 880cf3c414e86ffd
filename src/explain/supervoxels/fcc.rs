//! Supervoxels as the cells of a face-centred cubic lattice: rhombic dodecahedra, the
//! roundest cells with faces alike that fill space. They know nothing of the image.

use std::collections::HashMap;
use std::ops::Range;

use super::NONE;
use super::balance::{Rules, balance};
use super::domain::Domain;
use super::features::Features;
use super::lattice::closest;
use super::pieces::Pieces;
use super::slic::CRUMB;
use crate::base::CancelToken;
use crate::explain::ExplainError;

/// Enough voxels to count the cells of a lattice while its size is sought.
const SAMPLE: usize = 1 << 16;

/// A work label for every voxel of the region. Crumbs at its border are merged; the
/// number of supervoxels is within a tenth of the wanted one.
pub(super) fn cells(domain: &Domain, cancel: &CancelToken) -> Result<Vec<u32>, ExplainError> {
    cancel.check()?;
    let lattice = Lattice::fit(domain);
    cancel.check()?;
    let mut labels = vec![NONE; domain.inside.len()];
    let mut numbers = HashMap::new();
    lattice.for_each_run(domain, 1, |run, site| {
        let next = numbers.len() as u32;
        labels[run].fill(*numbers.entry(site).or_insert(next));
    });
    let pieces = Pieces::of(domain.dims, &labels).label(&mut labels);
    let rules = Rules {
        least: domain.share_of_mean(CRUMB),
        slack: domain.count / 10,
        groups: None,
    };
    balance(domain, &mut labels, pieces, &Features::none(), &rules);
    Ok(labels)
}

/// Sites at whole numbers of half edges from the origin whose sum is even.
struct Lattice {
    /// Half the edge of the lattice's cube in mm. A cell has the volume 2·half³.
    half_mm: f64,
    /// A site, in mm from the first voxel.
    origin_mm: [f64; 3],
}

/// The site beside the middle of the region is this much of half an edge off along
/// each axis: in a symmetric place whole layers of cells would appear at once as the
/// edge shrinks, and the wanted number could not be met.
const OFF_MIDDLE: [f64; 3] = [0.31, 0.17, 0.43];

impl Lattice {
    fn fit(domain: &Domain) -> Self {
        let bounds = domain.bounds();
        let middle = |axis: usize| (bounds[axis][0] + bounds[axis][1]) as f64 / 2.0;
        let lattice = |half_mm: f64| Self {
            half_mm,
            origin_mm: std::array::from_fn(|axis| {
                middle(axis) * domain.spacing_mm[axis] + OFF_MIDDLE[axis] * half_mm
            }),
        };

        let guess = (domain.volume_mm3() / (2.0 * domain.count as f64)).cbrt();
        let extent_mm = (0..3)
            .map(|axis| (bounds[axis][1] + 1 - bounds[axis][0]) as f64 * domain.spacing_mm[axis])
            .fold(0.0, f64::max);
        let smallest = domain.spacing_mm.into_iter().fold(f64::INFINITY, f64::min);
        let between = [(0.25 * guess).min(0.5 * smallest), 2.0 * extent_mm];
        // Every so many rows and slices.
        let stride = ((domain.voxels / SAMPLE) as f64).sqrt().ceil().max(1.0) as usize;
        closest(guess, between, domain.count, domain.count / 50, |half_mm| {
            let lattice = lattice(half_mm);
            let count = lattice.count(domain, stride);
            (lattice, count)
        })
    }

    /// Cells that are more than a crumb.
    fn count(&self, domain: &Domain, stride: usize) -> usize {
        let mut sizes = HashMap::<[i64; 3], usize>::new();
        let mut seen = 0;
        self.for_each_run(domain, stride, |run, site| {
            *sizes.entry(site).or_default() += run.len();
            seen += run.len();
        });
        let crumb = CRUMB * seen as f64 / domain.count as f64;
        sizes.into_values().filter(|&n| n as f64 >= crumb).count()
    }

    /// Calls `visit` with stretches of voxels inside, and their nearest site, of every
    /// `stride`th row of every `stride`th slice.
    fn for_each_run(
        &self,
        domain: &Domain,
        stride: usize,
        mut visit: impl FnMut(Range<usize>, [i64; 3]),
    ) {
        let [nx, ny, nz] = domain.dims;
        let at = |axis: usize, voxel: usize| {
            (voxel as f64 * domain.spacing_mm[axis] - self.origin_mm[axis]) / self.half_mm
        };
        for z in (0..nz).step_by(stride.min(nz)) {
            for y in (0..ny).step_by(stride.min(ny)) {
                let (at_y, at_z) = (at(1, y), at(2, z));
                let first = (z * ny + y) * nx;
                let mut run = None;
                for (x, &inside) in domain.inside[first..first + nx].iter().enumerate() {
                    let site = inside.then(|| nearest_site([at(0, x), at_y, at_z]));
                    match run {
                        Some((start, same)) if site != Some(same) => {
                            visit(start..first + x, same);
                            run = site.map(|site| (first + x, site));
                        }
                        None => run = site.map(|site| (first + x, site)),
                        Some(_) => {}
                    }
                }
                if let Some((start, site)) = run {
                    visit(start..first + nx, site);
                }
            }
        }
    }
}

/// The nearest whole numbers with an even sum: each rounded; if the sum is odd, the one
/// that was rounded furthest goes the other way (Conway & Sloane 1982).
fn nearest_site(at: [f64; 3]) -> [i64; 3] {
    let mut site = at.map(|v| v.round() as i64);
    if site.iter().sum::<i64>() % 2 != 0 {
        let error = |axis: usize| at[axis] - site[axis] as f64;
        let furthest = (1..3).fold(0, |worst, axis| {
            if error(axis).abs() > error(worst).abs() {
                axis
            } else {
                worst
            }
        });
        site[furthest] += if error(furthest) < 0.0 { -1 } else { 1 };
    }
    site
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_other_site_is_nearer(at in prop::array::uniform3(-4.0..4.0_f64)) {
            let far = |site: [i64; 3]| -> f64 {
                (0..3).map(|axis| (at[axis] - site[axis] as f64).powi(2)).sum()
            };
            let found = nearest_site(at);
            prop_assert_eq!(found.iter().sum::<i64>() % 2, 0);
            for x in -6..=6_i64 {
                for y in -6..=6_i64 {
                    for z in -6..=6_i64 {
                        let even = (x + y + z) % 2 == 0;
                        prop_assert!(!even || far([x, y, z]) >= far(found) - 1e-9);
                    }
                }
            }
        }
    }
}
