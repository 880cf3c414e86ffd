//! From one value a supervoxel to a map of voxels.
//!
//! The honest map is constant on a cell, or its density where cells differ in size. Finer
//! maps come from more evaluations: the average over several segmentations ([`average()`])
//! and the split of the top cells ([`Refinement`]). A smoothed map ([`smooth()`]) is for the
//! eye only and says so.

mod average;
mod box_filter;
mod refine;
mod smooth;

pub use average::{AveragedMap, average};
pub(super) use box_filter::box_sums;
pub use refine::{Refinement, SharedValues, worth_splitting};
pub use smooth::{SmoothSettings, SmoothedMap, smooth};

use super::{ExplainError, game::check_players};

/// Supervoxels with a value each. Player `i` is label `i + 1`, label 0 is no player.
#[derive(Debug, Clone, Copy)]
pub struct Segmentation<'a> {
    /// x fastest.
    pub labels: &'a [u16],
    /// One entry a player.
    pub values: &'a [f64],
}

impl Segmentation<'_> {
    /// Number of voxels of each player. A label without a value is an error.
    pub fn counts(&self) -> Result<Vec<u32>, ExplainError> {
        let mut counts = vec![0_u32; self.values.len()];
        for player in self.labels.iter().map(|&label| usize::from(label)) {
            if player > 0 {
                match counts.get_mut(player - 1) {
                    Some(count) => *count += 1,
                    None => check_players(self.values.len(), player)?,
                }
            }
        }
        Ok(counts)
    }

    /// Each player's value over its number of voxels: the part of one voxel. 0 for a player
    /// without voxels. A value that is not finite is an error.
    pub fn voxel_values(&self) -> Result<Vec<f64>, ExplainError> {
        let counts = self.counts()?;
        check_finite(self.values)?;
        let values = self.values.iter().zip(counts);
        Ok(values
            .map(|(value, count)| match count {
                0 => 0.0,
                count => value / f64::from(count),
            })
            .collect())
    }

    /// The map that is constant on each cell; 0 where there is no player.
    pub fn constant(&self) -> Result<Vec<f32>, ExplainError> {
        self.counts()?;
        check_finite(self.values)?;
        Ok(self.painted(self.values))
    }

    /// The density in units of the value function per mm³: the sum over all voxels, times
    /// the volume of a voxel, is the sum of the values.
    pub fn density(&self, voxel_volume_mm3: f64) -> Result<Vec<f32>, ExplainError> {
        check_voxel_volume(voxel_volume_mm3)?;
        let densities: Vec<f64> = self
            .voxel_values()?
            .iter()
            .map(|value| value / voxel_volume_mm3)
            .collect();
        Ok(self.painted(&densities))
    }

    fn painted(&self, of_player: &[f64]) -> Vec<f32> {
        let value = |label: u16| {
            let player = usize::from(label).checked_sub(1)?;
            of_player.get(player).map(|&value| value as f32)
        };
        self.labels
            .iter()
            .map(|&l| value(l).unwrap_or(0.0))
            .collect()
    }
}

/// An error unless voxels have a size along every axis.
pub(super) fn check_spacing(spacing_mm: [f64; 3]) -> Result<(), ExplainError> {
    if spacing_mm.iter().all(|s| s.is_finite() && *s > 0.0) {
        Ok(())
    } else {
        Err(ExplainError::BadSpacing(spacing_mm))
    }
}

/// An error unless all values are finite.
pub(super) fn check_finite<'a>(
    values: impl IntoIterator<Item = &'a f64>,
) -> Result<(), ExplainError> {
    if values.into_iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(ExplainError::NotFinite)
    }
}

fn check_voxel_volume(voxel_volume_mm3: f64) -> Result<(), ExplainError> {
    if voxel_volume_mm3.is_finite() && voxel_volume_mm3 > 0.0 {
        return Ok(());
    }
    Err(ExplainError::BadSetting {
        what: "the volume of a voxel",
        value: voxel_volume_mm3,
        allowed: "above 0 mm³",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_and_density() {
        let cells = Segmentation {
            labels: &[1, 1, 2, 0],
            values: &[3.0, -1.0, 7.0],
        };
        assert_eq!(cells.constant().unwrap(), [3.0, 3.0, -1.0, 0.0]);
        assert_eq!(cells.density(0.5).unwrap(), [3.0, 3.0, -2.0, 0.0]);
        assert!(cells.density(0.0).is_err() && cells.density(f64::NAN).is_err());
        let few = Segmentation {
            labels: &[2],
            values: &[1.0],
        };
        assert!(few.constant().is_err() && few.density(1.0).is_err());
        let nan = Segmentation {
            labels: &[1],
            values: &[f64::NAN],
        };
        assert!(nan.constant().is_err() && nan.density(1.0).is_err());
    }
}
