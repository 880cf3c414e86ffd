//! The players: the image cut into compact pieces that follow its edges.
//!
//! [`find`] gives supervoxels by SLIC or as cubes. Both number exactly the voxels
//! of the region that the caller includes, both give connected pieces only, and
//! both work in millimetres, so that anisotropic scans get cells of even extent.

mod balance;
mod cubes;
mod domain;
mod facts;
mod lattice;
mod pieces;
mod slic;

pub use cubes::cubes;
pub use facts::PlayerFacts;
pub use slic::slic;

use super::ExplainError;
use crate::base::CancelToken;

/// Supervoxel ids, x fastest: 0 is not a player, players are `1..=count`.
///
/// Player `i` of a coalition is label `i + 1`. Labels are numbered in the order in
/// which they first appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervoxels {
    pub labels: Vec<u16>,
    pub count: usize,
}

/// How the image is cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Pieces that follow the edges of the image.
    #[default]
    Slic,
    /// Equal boxes, as close to cubes in millimetres as the region allows.
    Cubes,
}

#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SupervoxelSettings {
    pub method: Method,
    /// Number of supervoxels wanted. No more are made than there are voxels or
    /// 16-bit ids.
    pub count: usize,
    /// SLIC: how much closeness counts against likeness. A distance of one cell
    /// weighs as much as this share of the image's value range, so it does not
    /// depend on the scale of the values. 0.05 follows every edge and much of the
    /// noise, 1 gives near cubes.
    pub compactness: f64,
    /// SLIC: rounds of assigning voxels and moving centres.
    pub iterations: usize,
}

impl Default for SupervoxelSettings {
    fn default() -> Self {
        Self {
            method: Method::Slic,
            count: 200,
            compactness: 0.2,
            iterations: 10,
        }
    }
}

/// Supervoxels of an image by the method in the settings.
///
/// `channels`: one slice of `dims[0]·dims[1]·dims[2]` values a channel, x fastest;
/// `include`: the voxels that may belong to a player, all if `None`.
pub fn find(
    channels: &[&[f32]],
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    include: Option<&[bool]>,
    settings: &SupervoxelSettings,
    cancel: &CancelToken,
) -> Result<Supervoxels, ExplainError> {
    match settings.method {
        Method::Slic => slic(channels, dims, spacing_mm, include, settings, cancel),
        Method::Cubes => cubes(dims, spacing_mm, include, settings.count, cancel),
    }
}

/// In work arrays: a voxel that belongs to no supervoxel (yet).
const NONE: u32 = u32::MAX;

/// Final ids from work labels: numbered in order of first appearance.
fn number(work: &[u32]) -> Supervoxels {
    let largest = work.iter().copied().filter(|&label| label != NONE).max();
    let mut ids = vec![0_u16; largest.map_or(0, |label| label as usize + 1)];
    let mut count = 0_u16;
    let labels = work.iter().map(|&label| {
        let Some(id) = ids.get_mut(label as usize) else {
            return 0;
        };
        if *id == 0 {
            // At most MAX_PLAYERS labels are in use, so this does not wrap.
            count = count.saturating_add(1);
            *id = count;
        }
        *id
    });
    let labels = labels.collect();
    Supervoxels {
        labels,
        count: usize::from(count),
    }
}
