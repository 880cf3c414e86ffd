//! SLIC's rounds done by someone else, for example a graphics device.
//!
//! Giving voxels to centres is nearly all of the work. Whoever does it gets plain numbers
//! and gives whole sums back, so that the centres, and what follows the rounds, are the
//! same code and the same arithmetic as without.

use super::NONE;
use super::clusters::{Clusters, Sums};
use super::features::STEPS;
use super::tiles::Work;
use crate::explain::ExplainError;

/// What stays the same in all rounds. Voxels are x fastest.
#[derive(Debug, Clone, Copy)]
pub struct RoundsVolume<'a> {
    /// Scaled values, one vector a channel: whole multiples of 1/`steps`.
    pub features: &'a [Vec<f32>],
    pub steps: f32,
    /// Whether a voxel is to be given to a centre.
    pub inside: &'a [bool],
    pub dims: [usize; 3],
    pub spacing_mm: [f32; 3],
    /// Voxels of a tile along each axis. A centre is compared with all voxels of the tiles
    /// that it searches.
    pub tile: [usize; 3],
    /// Root of the weight of a squared distance in mm.
    pub root_weight: f32,
    /// How far a centre searches along each axis.
    pub window_mm: f32,
}

/// The centres of one round.
#[derive(Debug, Clone, Copy)]
pub struct RoundsCentres<'a> {
    pub centres_mm: &'a [[f32; 3]],
    /// As many values a centre as there are channels.
    pub values: &'a [f32],
    /// Centres by boxes: their edge and number along each axis, where each box's labels
    /// start in `box_labels`, and at last where they end.
    pub box_edge_mm: f32,
    pub boxes: [usize; 3],
    pub box_starts: &'a [u32],
    pub box_labels: &'a [u32],
}

/// Gives voxels to their nearest centres.
pub trait Rounds {
    /// Takes over what stays the same.
    fn begin(&mut self, volume: &RoundsVolume<'_>) -> Result<(), String>;

    /// Gives every `stride`th row and slice of voxels to the nearest centre that searches
    /// their tile; of equally near ones the first in the boxes' order. The sums over each
    /// centre's voxels: how many, x, y, z, and each value in steps.
    fn assign(&mut self, centres: &RoundsCentres<'_>, stride: usize) -> Result<Vec<i64>, String>;

    /// The centre of each voxel; `u32::MAX` for none.
    fn labels(&mut self) -> Result<Vec<u32>, String>;
}

fn failed(why: String) -> ExplainError {
    ExplainError::Rounds(why)
}

/// Hands the volume over.
pub(super) fn begin(
    rounds: &mut dyn Rounds,
    work: &Work<'_>,
    clusters: &Clusters,
) -> Result<(), ExplainError> {
    let volume = RoundsVolume {
        features: &work.features.0,
        steps: STEPS,
        inside: &work.domain.inside,
        dims: work.domain.dims,
        spacing_mm: clusters.spacing_mm,
        tile: work.tiles.edges(),
        root_weight: clusters.weight.sqrt(),
        window_mm: clusters.window_mm,
    };
    rounds.begin(&volume).map_err(failed)
}

/// One round.
pub(super) fn assign(
    rounds: &mut dyn Rounds,
    clusters: &Clusters,
    stride: usize,
) -> Result<Sums, ExplainError> {
    let sums = rounds.assign(&clusters.for_rounds(), stride);
    let sums = sums.map_err(failed)?;
    Sums::of_rounds(clusters, sums).ok_or_else(|| failed("too few sums came back".to_owned()))
}

/// The result.
pub(super) fn labels(
    rounds: &mut dyn Rounds,
    voxels: usize,
    centres: usize,
) -> Result<Vec<u32>, ExplainError> {
    let labels = rounds.labels().map_err(failed)?;
    let sound = |label: &u32| *label == NONE || (*label as usize) < centres;
    if labels.len() == voxels && labels.iter().all(sound) {
        Ok(labels)
    } else {
        Err(failed("the labels that came back are not sound".to_owned()))
    }
}
