//! The players: the image cut into compact pieces that follow its edges.
//!
//! [`find`] gives supervoxels by SLIC, as cells of a lattice, as cubes, or by the
//! classes of a segmentation. All number exactly the voxels of the region that the
//! caller includes, less the air around the body; all give connected pieces only, and
//! all work in millimetres, so that anisotropic scans get cells of even extent.

mod air;
mod balance;
mod clusters;
mod cubes;
mod domain;
mod facts;
mod fcc;
mod features;
mod lattice;
mod organs;
mod pieces;
mod rounds;
mod slic;
mod tiles;

pub use air::background_air;
pub use facts::PlayerFacts;
pub use rounds::{Rounds, RoundsCentres, RoundsVolume};

use domain::Domain;

use std::borrow::Cow;

use rayon::prelude::*;

use super::ExplainError;
use crate::base::CancelToken;
use crate::explain::error::check_voxels;

/// Supervoxel ids, x fastest: 0 is not a player, players are `1..=count`.
///
/// Player `i` of a coalition is label `i + 1`. Labels are numbered in the order in
/// which they first appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervoxels {
    pub labels: Vec<u16>,
    pub count: usize,
    /// Voxels of the region that are air around the body, and so no players.
    pub air_voxels: usize,
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
    /// Cells of a face-centred cubic lattice in millimetres: rhombic dodecahedra.
    Fcc,
    /// The connected parts of a segmentation's classes; cells where there is no class.
    Organs,
    /// Cells that are cut where the class of a segmentation changes.
    OrganHybrid,
}

impl Method {
    pub const ALL: [Self; 5] = [
        Self::Slic,
        Self::Cubes,
        Self::Fcc,
        Self::Organs,
        Self::OrganHybrid,
    ];

    /// As it is written in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slic => "slic",
            Self::Cubes => "cubes",
            Self::Fcc => "fcc",
            Self::Organs => "organs",
            Self::OrganHybrid => "organ-hybrid",
        }
    }

    /// What to call it in a window.
    pub fn label(self) -> &'static str {
        match self {
            Self::Slic => "Edges of the scan (SLIC)",
            Self::Cubes => "Cubes",
            Self::Fcc => "Honeycomb cells",
            Self::Organs => "Structures as found",
            Self::OrganHybrid => "Cells that end at structures",
        }
    }

    /// Whether [`Restriction::classes`] must be given.
    pub fn needs_classes(self) -> bool {
        matches!(self, Self::Organs | Self::OrganHybrid)
    }
}

impl std::str::FromStr for Method {
    type Err = ExplainError;

    fn from_str(text: &str) -> Result<Self, ExplainError> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or_else(|| ExplainError::BadMethod(text.to_owned()))
    }
}

/// Cells that organs are cut into, or what is around them; each as the method of its
/// name makes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cells {
    #[default]
    Slic,
    Cubes,
    Fcc,
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
    /// Organs and organ hybrids: the kind of cells.
    #[serde(default)]
    pub cells: Cells,
    /// Whether air around the body is no player ([`background_air`]). Organs take no
    /// notice of it.
    #[serde(default)]
    pub leave_out_air: bool,
}

impl Default for SupervoxelSettings {
    fn default() -> Self {
        Self {
            method: Method::Slic,
            count: 200,
            compactness: 0.2,
            iterations: 10,
            cells: Cells::Slic,
            leave_out_air: false,
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
    find_with_rounds(image, restriction, settings, None, cancel)
}

/// As [`find`], with the rounds of SLIC done by someone else; other methods take no notice.
pub fn find_with_rounds(
    image: &Image<'_>,
    restriction: &Restriction<'_>,
    settings: &SupervoxelSettings,
    rounds: Option<&mut dyn Rounds>,
    cancel: &CancelToken,
) -> Result<Supervoxels, ExplainError> {
    let include = Included::new(image, restriction.include, settings)?;
    let domain = Domain::new(image, include.voxels.as_deref(), settings.count)?;
    let classes = restriction.classes;
    let work = match settings.method {
        Method::Slic => slic::cells(image, &domain, settings, rounds, cancel)?,
        Method::Cubes => cubes::cells(&domain, cancel)?,
        Method::Fcc => fcc::cells(&domain, cancel)?,
        Method::Organs => organs::organs(image, classes, &domain, settings, cancel)?,
        Method::OrganHybrid => organs::hybrid(image, classes, &domain, settings, cancel)?,
    };
    Ok(Supervoxels {
        air_voxels: include.air_voxels,
        ..number(&work)
    })
}

/// What is cut after the air was left out.
struct Included<'a> {
    /// All if `None`.
    voxels: Option<Cow<'a, [bool]>>,
    air_voxels: usize,
}

impl<'a> Included<'a> {
    fn new(
        image: &Image<'_>,
        include: Option<&'a [bool]>,
        settings: &SupervoxelSettings,
    ) -> Result<Self, ExplainError> {
        let unchanged = Self {
            voxels: include.map(Cow::Borrowed),
            air_voxels: 0,
        };
        if !settings.leave_out_air || settings.method == Method::Organs {
            return Ok(unchanged);
        }
        let Some(air) = background_air(image.channels, image.dims) else {
            return Ok(unchanged);
        };
        let region = match include {
            Some(include) => {
                check_voxels("the mask of the region", include.len(), air.len())?;
                include.to_vec()
            }
            None => vec![true; air.len()],
        };
        let rest = region
            .iter()
            .zip(&air)
            .map(|(&inside, &air)| inside && !air);
        let rest: Vec<bool> = rest.collect();
        let voxels = |mask: &[bool]| mask.iter().filter(|&&inside| inside).count();
        let air_voxels = voxels(&region) - voxels(&rest);
        if air_voxels == voxels(&region) {
            // The region is air: then the air is what was asked for.
            return Ok(unchanged);
        }
        Ok(Self {
            voxels: Some(Cow::Owned(rest)),
            air_voxels,
        })
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
        air_voxels: 0,
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
