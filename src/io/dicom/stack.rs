//! Image planes to one grid: which belong together, their order, and their place.
//!
//! Planes are ordered by where they lie along their common normal, never by their
//! numbers. Positions are in LPS as in the files; the grid is in RAS.

use glam::{DAffine3, DMat3, DVec3};

use super::super::geometry::shear_degrees;
use super::super::{GeometryWarning, IoError, PlacedBy};
use super::facts::{FileFacts, FrameFacts};
use super::spread::{Spread, spread};
use crate::base::Grid;

/// A plane as it lies in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub file: usize,
    pub frame: usize,
}

/// A plane of the volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plane {
    Stored(Source),
    /// Between two stored ones; `share` of the second.
    Between {
        below: Source,
        above: Source,
        share: f64,
    },
}

/// Planes that make one image, for each of its frames, and its place.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    pub grid: Grid,
    pub placed_by: PlacedBy,
    /// As many planes each as the grid has along its third axis.
    pub frames: Vec<Vec<Plane>>,
    pub warnings: Vec<GeometryWarning>,
}

/// Directions whose components differ less are the same.
const SAME_DIRECTION: f64 = 1e-3;
/// Planes nearer than this lie at the same place.
const SAME_PLACE_MM: f64 = 1e-3;
/// Of a pixel: planes farther off the line through the first and last are reported.
const OFF_LINE: f64 = 0.1;

/// A plane with what places it.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    source: Source,
    dims: [usize; 2],
    facts: &'a FrameFacts,
    /// Number of the image, then of the frame in it.
    number: (f64, usize),
}

/// The largest set of planes that fit together. What is left out is in the warnings.
pub(super) fn stack(files: &[FileFacts], path: &std::path::Path) -> Result<Stack, IoError> {
    let mut warnings = Vec::new();
    let mut groups = groups(files, &mut warnings);
    let largest = (0..groups.len())
        .rev()
        .max_by_key(|&i| groups.get(i).map_or(0, Vec::len));
    let Some(largest) = largest else {
        return Err(IoError::Empty { path: path.into() });
    };
    let planes = groups.swap_remove(largest);
    for other in groups
        .iter()
        .filter_map(|group| Some((group.len(), group.first()?)))
    {
        warnings.push(GeometryWarning::LeftOut {
            images: other.0,
            dims: other.1.dims,
            why: "differ in size, spacing or direction",
        });
    }
    if planes
        .iter()
        .all(|plane| plane.facts.position.is_some() && plane.facts.directions.is_some())
    {
        placed(planes, warnings, path)
    } else {
        unplaced(planes, warnings, path)
    }
}

/// Planes that agree in size, direction and spacing, group by group.
fn groups<'a>(
    files: &'a [FileFacts],
    warnings: &mut Vec<GeometryWarning>,
) -> Vec<Vec<Candidate<'a>>> {
    let mut groups: Vec<Vec<Candidate<'a>>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut copies = 0;
    for (file, facts) in files.iter().enumerate() {
        if !facts.instance_uid.is_empty() && !seen.insert(&facts.instance_uid) {
            copies += 1;
            continue;
        }
        let dims = [
            usize::from(facts.format.columns),
            usize::from(facts.format.rows),
        ];
        for (frame, frame_facts) in facts.frames.iter().enumerate() {
            let candidate = Candidate {
                source: Source { file, frame },
                dims,
                facts: frame_facts,
                number: (facts.instance_number, frame),
            };
            let fitting = groups
                .iter_mut()
                .find(|group| group.first().is_some_and(|first| fits(first, &candidate)));
            match fitting {
                Some(group) => group.push(candidate),
                None => groups.push(vec![candidate]),
            }
        }
    }
    if copies > 0 {
        warnings.push(GeometryWarning::Copies { files: copies });
    }
    groups
}

fn fits(a: &Candidate<'_>, b: &Candidate<'_>) -> bool {
    let close = |x: f64, y: f64, tolerance: f64| (x - y).abs() <= tolerance;
    let directions = match (a.facts.directions, b.facts.directions) {
        (Some(a), Some(b)) => {
            (a[0] - b[0])
                .abs()
                .max_element()
                .max((a[1] - b[1]).abs().max_element())
                < SAME_DIRECTION
        }
        (a, b) => a.is_none() && b.is_none(),
    };
    let spacing = match (a.facts.pixel_mm, b.facts.pixel_mm) {
        (Some([ax, ay]), Some([bx, by])) => {
            close(ax, bx, SAME_DIRECTION * ax) && close(ay, by, SAME_DIRECTION * ay)
        }
        (a, b) => a.is_none() && b.is_none(),
    };
    let placed = a.facts.position.is_some() == b.facts.position.is_some();
    a.dims == b.dims && directions && spacing && placed
}

/// Planes at one place, in the order of what tells them apart.
struct Site<'a> {
    along_mm: f64,
    position: DVec3,
    planes: Vec<Candidate<'a>>,
}

fn placed(
    planes: Vec<Candidate<'_>>,
    mut warnings: Vec<GeometryWarning>,
    path: &std::path::Path,
) -> Result<Stack, IoError> {
    let empty = || IoError::Empty { path: path.into() };
    let first = planes.first().ok_or_else(empty)?;
    let (dims, facts) = (first.dims, first.facts);
    let [row, column] = facts.directions.ok_or_else(empty)?;
    let pixel_mm = pixel_spacing(facts, &mut warnings);
    let sites = sites(planes, row.cross(column).normalize());
    let frame_count = frame_count(&sites, &mut warnings);
    let (low, high) = (
        sites.first().ok_or_else(empty)?,
        sites.last().ok_or_else(empty)?,
    );
    let along: Vec<f64> = sites.iter().map(|site| site.along_mm).collect();
    let (planes, spread_warning) = match spread(&along) {
        Spread::Even => ((0..sites.len()).map(|i| (i, i, 0.0)).collect(), None),
        Spread::Missing { nearest } => {
            let missing = nearest.len() - sites.len();
            let warning = GeometryWarning::MissingSlices { missing };
            (
                nearest.iter().map(|&i| (i, i, 0.0)).collect(),
                Some(warning),
            )
        }
        Spread::Uneven {
            between,
            shortest_mm,
            longest_mm,
        } => {
            let warning = GeometryWarning::UnevenSlices {
                shortest_mm,
                longest_mm,
            };
            (between, Some(warning))
        }
    };
    warnings.extend(spread_warning);
    let count = planes.len();
    let step = if count > 1 {
        (high.position - low.position) / (count - 1) as f64
    } else {
        row.cross(column).normalize() * plane_spacing(facts, &mut warnings)
    };
    let off_line = sites.iter().map(|site| {
        let share = (site.along_mm - low.along_mm) / (high.along_mm - low.along_mm).max(1e-9);
        site.position
            .distance(low.position.lerp(high.position, share))
    });
    let distance_mm = off_line.fold(0.0, f64::max);
    if count > 1 && distance_mm > OFF_LINE * pixel_mm[0].min(pixel_mm[1]) {
        warnings.push(GeometryWarning::OffLine { distance_mm });
    }
    let matrix = DMat3::from_cols(row * pixel_mm[0], column * pixel_mm[1], step);
    let grid = grid([dims[0], dims[1], count], matrix, low.position, path)?;
    let degrees = shear_degrees(&grid);
    if degrees > 0.1 {
        warnings.push(GeometryWarning::Sheared { degrees });
    }
    let frames = (0..frame_count).map(|frame| {
        let source = |site: usize| Some(sites.get(site)?.planes.get(frame)?.source);
        let planes = planes.iter().filter_map(|&(below, above, share)| {
            Some(if below == above {
                Plane::Stored(source(below)?)
            } else {
                Plane::Between {
                    below: source(below)?,
                    above: source(above)?,
                    share,
                }
            })
        });
        planes.collect()
    });
    Ok(Stack {
        grid,
        placed_by: PlacedBy::Directions,
        frames: frames.collect(),
        warnings,
    })
}

/// Planes sorted along their normal, those at one place together.
fn sites(planes: Vec<Candidate<'_>>, normal: DVec3) -> Vec<Site<'_>> {
    let mut along: Vec<(f64, DVec3, Candidate<'_>)> = planes
        .into_iter()
        .filter_map(|plane| {
            let position = plane.facts.position?;
            Some((position.dot(normal), position, plane))
        })
        .collect();
    along.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sites: Vec<Site<'_>> = Vec::new();
    for (along_mm, position, plane) in along {
        match sites.last_mut() {
            Some(site) if along_mm - site.along_mm < SAME_PLACE_MM => site.planes.push(plane),
            _ => sites.push(Site {
                along_mm,
                position,
                planes: vec![plane],
            }),
        }
    }
    for site in &mut sites {
        site.planes.sort_by(|a, b| {
            let keys = a.facts.order.iter().zip(&b.facts.order);
            keys.map(|(a, b)| a.total_cmp(b))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| a.source.file.cmp(&b.source.file))
        });
    }
    sites
}

/// As many frames as every place has planes; one where they disagree.
fn frame_count(sites: &[Site<'_>], warnings: &mut Vec<GeometryWarning>) -> usize {
    let count = sites.first().map_or(1, |site| site.planes.len());
    if sites.iter().all(|site| site.planes.len() == count) {
        return count;
    }
    let images = sites.iter().map(|site| site.planes.len() - 1).sum();
    warnings.push(GeometryWarning::SamePlace { images });
    1
}

/// Planes without a position: in the order of their numbers.
fn unplaced(
    mut planes: Vec<Candidate<'_>>,
    mut warnings: Vec<GeometryWarning>,
    path: &std::path::Path,
) -> Result<Stack, IoError> {
    planes.sort_by(|a, b| {
        a.number
            .0
            .total_cmp(&b.number.0)
            .then(a.number.1.cmp(&b.number.1))
    });
    let first = planes
        .first()
        .ok_or_else(|| IoError::Empty { path: path.into() })?;
    let [x_mm, y_mm] = pixel_spacing(first.facts, &mut warnings);
    let z_mm = plane_spacing(first.facts, &mut warnings);
    let (placed_by, [row, column]) = match first.facts.directions {
        Some(directions) => {
            warnings.push(GeometryWarning::PositionsMissing);
            (PlacedBy::Directions, directions)
        }
        None => {
            warnings.push(GeometryWarning::OrientationUnknown);
            (PlacedBy::Spacing, [DVec3::X, DVec3::Y])
        }
    };
    let matrix = DMat3::from_cols(row * x_mm, column * y_mm, row.cross(column) * z_mm);
    let dims = [first.dims[0], first.dims[1], planes.len()];
    let origin = first.facts.position.unwrap_or(DVec3::ZERO);
    Ok(Stack {
        grid: grid(dims, matrix, origin, path)?,
        placed_by,
        frames: vec![
            planes
                .iter()
                .map(|plane| Plane::Stored(plane.source))
                .collect(),
        ],
        warnings,
    })
}

fn pixel_spacing(facts: &FrameFacts, warnings: &mut Vec<GeometryWarning>) -> [f64; 2] {
    facts.pixel_mm.unwrap_or_else(|| {
        warnings.push(GeometryWarning::SpacingUnknown { what: "pixels" });
        [1.0, 1.0]
    })
}

fn plane_spacing(facts: &FrameFacts, warnings: &mut Vec<GeometryWarning>) -> f64 {
    facts.plane_mm.unwrap_or_else(|| {
        warnings.push(GeometryWarning::SpacingUnknown { what: "slices" });
        1.0
    })
}

/// The grid in RAS of an affine in LPS.
fn grid(
    dims: [usize; 3],
    matrix: DMat3,
    origin: DVec3,
    path: &std::path::Path,
) -> Result<Grid, IoError> {
    let flip = DMat3::from_diagonal(DVec3::new(-1.0, -1.0, 1.0));
    let affine = DAffine3 {
        matrix3: flip * matrix,
        translation: flip * origin,
    };
    Grid::new(dims, affine).map_err(|source| IoError::Grid {
        source,
        path: path.into(),
    })
}
