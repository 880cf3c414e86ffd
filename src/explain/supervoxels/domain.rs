//! The voxels that are cut into players.

use super::pieces::Pieces;
use super::{Image, NONE};
use crate::explain::error::check_voxels;
use crate::explain::{ExplainError, MAX_PLAYERS};

/// An included island smaller than this share of a mean supervoxel is specks of
/// noise in the mask; it becomes no player unless the mask is nothing but specks.
const SPECK: f64 = 0.125;

/// The region to cut, checked.
pub(super) struct Domain {
    pub dims: [usize; 3],
    pub spacing_mm: [f64; 3],
    /// Whether a voxel is to belong to a supervoxel.
    pub inside: Vec<bool>,
    /// Number of voxels inside.
    pub voxels: usize,
    /// Supervoxels to make: at most one a voxel, at least one an island.
    pub count: usize,
}

impl Domain {
    pub fn new(
        image: &Image<'_>,
        include: Option<&[bool]>,
        count: usize,
    ) -> Result<Self, ExplainError> {
        let Image {
            dims, spacing_mm, ..
        } = *image;
        let size = dims
            .iter()
            .try_fold(1_usize, |product, &n| product.checked_mul(n))
            .filter(|&size| size < NONE as usize)
            .ok_or(ExplainError::TooManyVoxels(
                dims.iter().fold(1, |a, &n| a.saturating_mul(n)),
            ))?;
        if spacing_mm.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
            return Err(ExplainError::BadSpacing(spacing_mm));
        }
        if count == 0 {
            return Err(ExplainError::BadSetting {
                what: "the number of supervoxels",
                value: 0.0,
                allowed: "at least 1",
            });
        }
        let mut domain = Self {
            dims,
            spacing_mm,
            inside: vec![true; size],
            voxels: size,
            count,
        };
        if let Some(include) = include {
            check_voxels("the mask of the region", include.len(), size)?;
            domain.inside.copy_from_slice(include);
            domain.voxels = include.iter().filter(|&&inside| inside).count();
            domain.count = count.min(domain.voxels);
            domain.drop_specks();
        }
        if domain.voxels == 0 {
            return Err(ExplainError::EmptyRegion);
        }
        domain.count = count.min(domain.voxels).min(MAX_PLAYERS);
        Ok(domain)
    }

    /// Keeps the islands that are worth a supervoxel, at most as many as supervoxels
    /// are wanted.
    fn drop_specks(&mut self) {
        let work: Vec<u32> = self
            .inside
            .iter()
            .map(|&i| if i { 0 } else { NONE })
            .collect();
        let islands = Pieces::of(self.dims, &work);
        let mut by_size: Vec<(u32, u32)> = (0..)
            .zip(islands.sizes())
            .filter(|&(_, size)| size > 0)
            .map(|(root, size)| (size, root))
            .filter(|&(_, root)| islands.is_labelled(&work, root))
            .collect();
        by_size.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        by_size.truncate(self.count.min(MAX_PLAYERS));

        let speck = SPECK * self.voxels as f64 / self.count as f64;
        let worth = by_size.partition_point(|&(size, _)| f64::from(size) >= speck);
        let kept: u64 = by_size
            .iter()
            .take(worth)
            .map(|&(size, _)| u64::from(size))
            .sum();
        if 2 * kept >= self.voxels as u64 {
            by_size.truncate(worth);
        }
        let mut roots: Vec<u32> = by_size.into_iter().map(|(_, root)| root).collect();
        roots.sort_unstable();
        self.inside.fill(false);
        self.voxels = 0;
        for (run, root) in islands.runs() {
            if roots.binary_search(&root).is_ok() {
                self.voxels += run.len();
                self.inside[run].fill(true);
            }
        }
    }

    /// A share of the mean size of a supervoxel, in voxels.
    pub fn share_of_mean(&self, share: f64) -> usize {
        (share * self.voxels as f64 / self.count.max(1) as f64) as usize
    }

    /// Volume of the region in mm³.
    pub fn volume_mm3(&self) -> f64 {
        self.voxels as f64 * self.spacing_mm.iter().product::<f64>()
    }

    /// First and last voxel inside along each axis.
    pub fn bounds(&self) -> [[usize; 2]; 3] {
        let mut bounds = [[usize::MAX, 0]; 3];
        let [nx, ny, _] = self.dims;
        for (row, inside) in self.inside.chunks(nx).enumerate() {
            let Some(first) = inside.iter().position(|&i| i) else {
                continue;
            };
            let last = inside.iter().rposition(|&i| i).unwrap_or(first);
            for (axis, [low, high]) in [[first, last], [row % ny, row % ny], [row / ny, row / ny]]
                .into_iter()
                .enumerate()
            {
                bounds[axis] = [bounds[axis][0].min(low), bounds[axis][1].max(high)];
            }
        }
        bounds
    }
}

/// The up to six face neighbours of a voxel.
pub(super) fn neighbours(dims: [usize; 3], index: usize) -> impl Iterator<Item = usize> {
    let [nx, ny, nz] = dims;
    let (x, y, z) = (index % nx, index / nx % ny, index / (nx * ny));
    let slice = nx * ny;
    [
        (x > 0).then(|| index - 1),
        (x + 1 < nx).then(|| index + 1),
        (y > 0).then(|| index - nx),
        (y + 1 < ny).then(|| index + nx),
        (z > 0).then(|| index - slice),
        (z + 1 < nz).then(|| index + slice),
    ]
    .into_iter()
    .flatten()
}
