//! Where a MetaImage lies in the body, by ITK's conventions: positions are left,
//! posterior, superior; each group of numbers in `TransformMatrix` is the direction
//! of one voxel axis.

use std::path::Path;

use glam::{DAffine3, DMat3, DVec3};

use super::super::geometry::shear_degrees;
use super::super::raster::Placed;
use super::super::text_header::{TextFields, unit_mm};
use super::super::{GeometryWarning, IoError, PlacedBy};
use crate::base::{Direction, Grid, Orientation};

const RAS_FROM_LPS: DVec3 = DVec3::new(-1.0, -1.0, 1.0);

/// Places an image of `axes` axes in RAS+ millimetres.
pub(super) fn place(
    fields: &TextFields<'_>,
    axes: usize,
    dims: [usize; 3],
    path: &Path,
) -> Result<Placed, IoError> {
    let mut warnings = Vec::new();
    let space = axes.min(3);
    let spacing = vector(fields, &["ElementSpacing", "ElementSize"], axes, 1.0)?;
    let origin = vector(fields, &["Offset", "Position", "Origin"], axes, 0.0)?;
    let directions = directions(fields, axes, space)?;
    let letters = letters(fields);
    let placed_by = if directions.is_some() {
        PlacedBy::Directions
    } else {
        if letters.is_none() {
            warnings.push(GeometryWarning::OrientationUnknown);
        }
        PlacedBy::Spacing
    };
    let mm = RAS_FROM_LPS * unit(fields, &mut warnings);
    let directions = directions.unwrap_or(DMat3::IDENTITY);
    let affine = DAffine3 {
        matrix3: DMat3::from_diagonal(mm) * directions * DMat3::from_diagonal(spacing),
        translation: mm * origin,
    };
    let grid = Grid::new(dims, affine).map_err(|source| IoError::Grid {
        source,
        path: path.into(),
    })?;
    if let Some(header) = letters {
        let axes = starting_letters(&grid);
        if header != axes {
            warnings.push(GeometryWarning::LettersDisagree { header, axes });
        }
    }
    let degrees = shear_degrees(&grid);
    if degrees > 0.1 {
        warnings.push(GeometryWarning::Sheared { degrees });
    }
    Ok(Placed {
        grid,
        placed_by,
        warnings,
    })
}

/// One number for each of the first three axes.
fn vector(
    fields: &TextFields<'_>,
    names: &[&'static str],
    axes: usize,
    default: f64,
) -> Result<DVec3, IoError> {
    let Some((name, text)) = fields.first_of(names) else {
        return Ok(DVec3::splat(default));
    };
    let numbers: Vec<f64> = fields.numbers(name)?.unwrap_or_default();
    if numbers.len() != axes {
        return Err(fields.bad(name, text, "and one number an axis belongs there"));
    }
    let at = |axis: usize| numbers.get(axis).copied().unwrap_or(default);
    Ok(DVec3::new(at(0), at(1), at(2)))
}

/// The directions of the voxel axes, as columns.
fn directions(
    fields: &TextFields<'_>,
    axes: usize,
    space: usize,
) -> Result<Option<DMat3>, IoError> {
    let Some((name, text)) = fields.first_of(&["TransformMatrix", "Rotation", "Orientation"])
    else {
        return Ok(None);
    };
    let numbers: Vec<f64> = fields.numbers(name)?.unwrap_or_default();
    if numbers.len() != axes * axes {
        return Err(fields.bad(name, text, "and one direction an axis belongs there"));
    }
    let mut matrix = DMat3::IDENTITY;
    for (axis, direction) in numbers.chunks_exact(axes).take(space).enumerate() {
        let mut column = DVec3::ZERO;
        for (part, &number) in column.as_mut().iter_mut().zip(direction.iter().take(space)) {
            *part = number;
        }
        *matrix.col_mut(axis) = column;
    }
    Ok(Some(matrix))
}

fn unit(fields: &TextFields<'_>, warnings: &mut Vec<GeometryWarning>) -> f64 {
    let Some(name) = fields.get("DistanceUnits").filter(|name| *name != "?") else {
        return 1.0;
    };
    match unit_mm(name) {
        Some((mm, unit)) => {
            if mm != 1.0 {
                warnings.push(GeometryWarning::UnitsConverted { unit });
            }
            mm
        }
        None => {
            warnings.push(GeometryWarning::UnitNameUnknown);
            1.0
        }
    }
}

/// The letters of `AnatomicalOrientation`: where each voxel axis starts.
fn letters(fields: &TextFields<'_>) -> Option<[char; 3]> {
    let text = fields.get("AnatomicalOrientation")?.to_ascii_uppercase();
    Orientation::from_letters(&text)?;
    let mut letters = text.chars();
    Some([letters.next()?, letters.next()?, letters.next()?])
}

/// Where the voxel axes of a grid start: the opposite of where they run.
fn starting_letters(grid: &Grid) -> [char; 3] {
    Orientation::of(grid).0.map(|direction| {
        let opposite = Direction {
            reversed: !direction.reversed,
            ..direction
        };
        opposite.letter()
    })
}
