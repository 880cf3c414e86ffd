//! Supervoxels by the classes of a segmentation: organs and lesions as they are, or
//! cells cut by their borders. No supervoxel lies in two classes, so there are more
//! than asked for where the segmentation has more parts.

use std::collections::HashMap;

use super::balance::{Rules, absorb, balance};
use super::domain::Domain;
use super::features::Features;
use super::pieces::Pieces;
use super::slic::CRUMB;
use super::{Cells, Image, NONE, SupervoxelSettings};
use crate::base::CancelToken;
use crate::explain::error::check_voxels;
use crate::explain::{ExplainError, MAX_PLAYERS};

/// Connected parts of a class with fewer voxels, and smaller than an eighth of a mean
/// supervoxel, are noise of the segmentation and go to what is around them.
const SPECK_VOXELS: usize = 8;

/// The connected parts of the classes in a region.
struct Parts {
    /// A part for every voxel of the region.
    labels: Vec<u32>,
    /// The class of each part.
    classes: Vec<u16>,
}

impl Parts {
    fn of(domain: &Domain, classes: Option<&[u16]>) -> Result<Self, ExplainError> {
        let classes = classes.ok_or(ExplainError::NoClasses)?;
        check_voxels("the segmentation", classes.len(), domain.inside.len())?;
        let mut labels: Vec<u32> = classes
            .iter()
            .zip(&domain.inside)
            .map(|(&class, &inside)| if inside { u32::from(class) } else { NONE })
            .collect();
        let count = Pieces::of(domain.dims, &labels).label(&mut labels);
        let mut class_of = vec![0; count];
        for (&label, &class) in labels.iter().zip(classes) {
            if let Some(found) = class_of.get_mut(label as usize) {
                *found = class;
            }
        }
        let speck = SPECK_VOXELS.min(domain.share_of_mean(0.125));
        absorb(domain, &mut labels, count, speck, None);
        Ok(Self {
            labels,
            classes: class_of,
        })
    }

    fn class(&self, label: u32) -> Option<u16> {
        self.classes.get(label as usize).copied()
    }

    /// How many parts are left, of all classes but 0.
    fn units(&self) -> usize {
        let mut present = vec![false; self.classes.len()];
        for &label in &self.labels {
            if let Some(present) = present.get_mut(label as usize) {
                *present = true;
            }
        }
        let parts = present.iter().zip(&self.classes);
        parts
            .filter(|(present, class)| **present && **class != 0)
            .count()
    }
}

/// Each connected part of a class is one supervoxel. What has no class is cut into
/// cells, so that there are as many supervoxels as asked for, or is left in one piece
/// if the parts of classes are that many already.
pub(super) fn organs(
    image: &Image<'_>,
    classes: Option<&[u16]>,
    domain: &Domain,
    settings: &SupervoxelSettings,
    cancel: &CancelToken,
) -> Result<Vec<u32>, ExplainError> {
    let parts = Parts::of(domain, classes)?;
    let rest: Vec<bool> = parts
        .labels
        .iter()
        .map(|&label| parts.class(label) == Some(0))
        .collect();
    let cells = if rest.contains(&true) {
        let count = domain.count.saturating_sub(parts.units()).max(1);
        let rest = Domain::new(image, Some(&rest), count)?;
        cut(image, &rest, settings, cancel)?
    } else {
        vec![NONE; parts.labels.len()]
    };
    let (mut labels, groups) = crossed(domain, &parts, &cells);
    let crumb = domain.share_of_mean(CRUMB);
    absorb(domain, &mut labels, groups.len(), crumb, Some(&groups));
    checked(labels)
}

/// Cells over the whole region, cut where the class changes; slivers are merged with a
/// neighbour in the same part of the class.
pub(super) fn hybrid(
    image: &Image<'_>,
    classes: Option<&[u16]>,
    domain: &Domain,
    settings: &SupervoxelSettings,
    cancel: &CancelToken,
) -> Result<Vec<u32>, ExplainError> {
    let parts = Parts::of(domain, classes)?;
    let cells = cut(image, domain, settings, cancel)?;
    cancel.check()?;
    let (mut labels, groups) = crossed(domain, &parts, &cells);
    let rules = Rules {
        least: domain.share_of_mean(CRUMB),
        slack: 0,
        groups: Some(&groups),
    };
    balance(domain, &mut labels, groups.len(), &Features::none(), &rules);
    checked(labels)
}

fn cut(
    image: &Image<'_>,
    domain: &Domain,
    settings: &SupervoxelSettings,
    cancel: &CancelToken,
) -> Result<Vec<u32>, ExplainError> {
    match settings.cells {
        Cells::Slic => super::slic::cells(image, domain, settings, None, cancel),
        Cells::Fcc => super::fcc::cells(domain, cancel),
        Cells::Cubes => super::cubes::cells(domain, cancel),
    }
}

/// Connected pieces that lie in one part and in one cell, and the part of each.
fn crossed(domain: &Domain, parts: &Parts, cells: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut pairs = HashMap::new();
    let both = parts.labels.iter().zip(cells).map(|(&part, &cell)| {
        if part == NONE {
            return NONE;
        }
        let next = pairs.len() as u32;
        *pairs.entry((part, cell)).or_insert(next)
    });
    let mut labels: Vec<u32> = both.collect();
    let count = Pieces::of(domain.dims, &labels).label(&mut labels);
    let mut groups = vec![NONE; count];
    for (&label, &part) in labels.iter().zip(&parts.labels) {
        if let Some(group) = groups.get_mut(label as usize) {
            *group = part;
        }
    }
    (labels, groups)
}

/// A segmentation may have more parts than there are ids.
fn checked(labels: Vec<u32>) -> Result<Vec<u32>, ExplainError> {
    let mut used: Vec<u32> = labels
        .chunk_by(|a, b| a == b)
        .filter_map(|run| run.first().copied())
        .collect();
    used.sort_unstable();
    used.dedup();
    let count = used.iter().filter(|&&label| label != NONE).count();
    if count > MAX_PLAYERS {
        return Err(ExplainError::BadPlayerCount(count));
    }
    Ok(labels)
}
