//! Size and place of each player.

use super::Supervoxels;
use crate::base::Grid;
use crate::explain::ExplainError;
use crate::explain::error::check_voxels;

/// What a table of players says of one.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct PlayerFacts {
    pub voxels: usize,
    pub volume_mm3: f64,
    /// Mean position of its voxels' centres, RAS+ mm.
    pub centroid_mm: [f64; 3],
}

impl Supervoxels {
    /// Facts of the players in order: entry `i` is of label `i + 1`.
    pub fn facts(&self, grid: &Grid) -> Result<Vec<PlayerFacts>, ExplainError> {
        check_voxels("the supervoxel map", self.labels.len(), grid.voxel_count())?;
        let mut sums = vec![[0_u64; 4]; self.count];
        for (index, &label) in self.labels.iter().enumerate() {
            let player = usize::from(label).checked_sub(1);
            if let Some(sum) = player.and_then(|player| sums.get_mut(player)) {
                let [x, y, z] = grid.position(index);
                for (sum, add) in sum.iter_mut().zip([x as u64, y as u64, z as u64, 1]) {
                    *sum += add;
                }
            }
        }
        let facts = sums.into_iter().map(|[x, y, z, voxels]| {
            let mean = [x, y, z].map(|sum| sum as f64 / voxels.max(1) as f64);
            PlayerFacts {
                voxels: voxels as usize,
                volume_mm3: voxels as f64 * grid.voxel_volume_mm3(),
                centroid_mm: grid.world(mean).to_array(),
            }
        });
        Ok(facts.collect())
    }
}
