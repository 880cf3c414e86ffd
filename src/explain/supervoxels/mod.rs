//! The players: the image cut into compact pieces that follow its edges.
//!
//! [`find`] gives supervoxels by SLIC or as cubes. Both number exactly the voxels
//! of the region that the caller includes, both give connected pieces only, and
//! both work in millimetres, so that anisotropic scans get cells of even extent.

mod balance;
mod clusters;
mod cubes;
mod domain;
mod facts;
mod features;
mod lattice;
mod pieces;
mod slic;
mod tiles;

pub use facts::PlayerFacts;

use rayon::prelude::*;

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

/// What is cut.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    /// One slice of `dims[0]·dims[1]·dims[2]` values a channel, x fastest.
    pub channels: &'a [&'a [f32]],
    pub dims: [usize; 3],
    pub spacing_mm: [f64; 3],
}

/// Which voxels become players, and what must not be mixed in one. Slices have one
/// entry a voxel of the image.
#[derive(Debug, Clone, Copy, Default)]
pub struct Restriction<'a> {
    /// The voxels that may belong to a player; all if `None`.
    pub include: Option<&'a [bool]>,
    /// Classes of a segmentation on the same grid, 0 for what has none; the methods
    /// that go by organs need them.
    pub classes: Option<&'a [u16]>,
}

/// Supervoxels of an image by the method in the settings.
pub fn find(
    image: &Image<'_>,
    restriction: &Restriction<'_>,
    settings: &SupervoxelSettings,
    cancel: &CancelToken,
) -> Result<Supervoxels, ExplainError> {
    match settings.method {
        Method::Slic => slic::slic(image, restriction, settings, cancel),
        Method::Cubes => cubes::cubes(image, restriction, settings.count, cancel),
    }
}

/// In work arrays: a voxel that belongs to no supervoxel (yet).
const NONE: u32 = u32::MAX;

/// Final ids from work labels: numbered in order of first appearance.
fn number(work: &[u32]) -> Supervoxels {
    const PART: usize = 1 << 18;
    let firsts: Vec<Vec<u32>> = work.par_chunks(PART).map(first_appearances).collect();
    let largest = firsts.iter().flatten().copied().max();
    let mut ids = vec![0_u16; largest.map_or(0, |label| label as usize + 1)];
    let mut count = 0_u16;
    for label in firsts.into_iter().flatten() {
        let id = &mut ids[label as usize];
        if *id == 0 {
            // At most MAX_PLAYERS labels are in use, so this does not wrap.
            count = count.saturating_add(1);
            *id = count;
        }
    }
    let id = |label: &u32| ids.get(*label as usize).copied().unwrap_or(0);
    Supervoxels {
        labels: work.par_iter().map(id).collect(),
        count: usize::from(count),
    }
}

/// The labels in use, each once, in the order in which they first appear.
fn first_appearances(work: &[u32]) -> Vec<u32> {
    let mut seen = Vec::new();
    let mut firsts = Vec::new();
    for run in work.chunk_by(|a, b| a == b) {
        let Some(&label) = run.first().filter(|&&label| label != NONE) else {
            continue;
        };
        if seen.len() <= label as usize {
            seen.resize(label as usize + 1, false);
        }
        if !std::mem::replace(&mut seen[label as usize], true) {
            firsts.push(label);
        }
    }
    firsts
}
