//! Where an NRRD image lies in the body: space directions, or bare spacings.

use std::path::Path;

use glam::{DAffine3, DMat3, DVec3};

use super::super::geometry::shear_degrees;
use super::super::layout::Role;
use super::super::raster::Placed;
use super::super::text_header::{TextFields, unit_mm};
use super::super::{GeometryWarning, IoError, PlacedBy};
use super::header::{Header, directions, vectors};
use crate::base::Grid;

/// Left, posterior, superior to right, anterior, superior. Also what ITK takes a space
/// for that the header does not name.
const RAS_FROM_LPS: DVec3 = DVec3::new(-1.0, -1.0, 1.0);

/// Places an image in RAS+ millimetres.
pub(super) fn place(header: &Header<'_>, dims: [usize; 3], path: &Path) -> Result<Placed, IoError> {
    let fields = &header.fields;
    let mut warnings = Vec::new();
    let named = fields.get("space").and_then(ras_from_space);
    let (affine, placed_by) = match directions(fields, header.roles.len())? {
        Some(directions) => {
            if named.is_none() {
                warnings.push(GeometryWarning::OrientationUnknown);
            }
            let scale = named.unwrap_or(RAS_FROM_LPS) * space_units_mm(fields, &mut warnings);
            let columns = columns(header, &directions);
            let origin = origin(fields)?;
            let affine = DAffine3 {
                matrix3: complete(columns.map(|c| c.map(|c| c * scale))),
                translation: origin * scale,
            };
            (affine, PlacedBy::Directions)
        }
        None => {
            warnings.push(GeometryWarning::OrientationUnknown);
            let (spacing, origin) = spacings(header)?;
            let mm = units_mm(header, &mut warnings);
            let affine = DAffine3 {
                matrix3: DMat3::from_diagonal(RAS_FROM_LPS * spacing * mm),
                translation: RAS_FROM_LPS * origin * mm,
            };
            (affine, PlacedBy::Spacing)
        }
    };
    let grid = Grid::new(dims, affine).map_err(|source| IoError::Grid {
        source,
        path: path.into(),
    })?;
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

/// The signs that turn a named space into RAS. Scanner spaces and the spaces known
/// only by their handedness say nothing about the body.
fn ras_from_space(name: &str) -> Option<DVec3> {
    let name = name.to_ascii_lowercase();
    let space = name.strip_suffix("-time").unwrap_or(&name);
    match space {
        "right-anterior-superior" | "ras" | "rast" => Some(DVec3::ONE),
        "left-anterior-superior" | "las" | "last" => Some(DVec3::new(-1.0, 1.0, 1.0)),
        "left-posterior-superior" | "lps" | "lpst" => Some(RAS_FROM_LPS),
        _ => None,
    }
}

fn vector3(numbers: &[f64]) -> DVec3 {
    let at = |i: usize| numbers.get(i).copied().unwrap_or(0.0);
    DVec3::new(at(0), at(1), at(2))
}

/// The directions of the axes in space, in the order of the file.
fn columns(header: &Header<'_>, directions: &[Option<Vec<f64>>]) -> [Option<DVec3>; 3] {
    let mut columns = [None; 3];
    for (role, direction) in header.roles.iter().zip(directions) {
        if let (Role::Space(axis), Some(direction)) = (role, direction)
            && let Some(column) = columns.get_mut(*axis)
        {
            *column = Some(vector3(direction));
        }
    }
    columns
}

/// A matrix of three axes; the third of a flat image stands upright on it, 1 mm long.
fn complete(columns: [Option<DVec3>; 3]) -> DMat3 {
    let [x, y, z] = columns;
    let (x, y) = (x.unwrap_or_default(), y.unwrap_or_default());
    DMat3::from_cols(x, y, z.unwrap_or_else(|| x.cross(y).normalize_or_zero()))
}

fn origin(fields: &TextFields<'_>) -> Result<DVec3, IoError> {
    let field = "space origin";
    let Some(text) = fields.get(field) else {
        return Ok(DVec3::ZERO);
    };
    match vectors(text).as_deref() {
        Some([Some(origin)]) => Ok(vector3(origin)),
        Some([None]) => Ok(DVec3::ZERO),
        _ => Err(fields.bad(field, text, "and one vector such as (0,0,1) belongs there")),
    }
}

/// Spacing and position of the first voxel's centre along each axis in space, as ITK
/// finds them: spacings, else minima and maxima; cells are centred unless the header
/// puts samples on nodes.
fn spacings(header: &Header<'_>) -> Result<(DVec3, DVec3), IoError> {
    let fields = &header.fields;
    let list = |name| fields.numbers::<f64>(name).map(Option::unwrap_or_default);
    let (spacings, mins, maxs) = (list("spacings")?, list("axis mins")?, list("axis maxs")?);
    let sizes: Vec<f64> = list("sizes")?;
    let centers = fields.get("centers").or_else(|| fields.get("centerings"));
    let centers: Vec<&str> = centers.unwrap_or_default().split_whitespace().collect();
    let finite = |list: &[f64], axis: usize| list.get(axis).copied().filter(|v| v.is_finite());

    let (mut spacing, mut origin) = ([1.0; 3], [Some(0.0); 3]);
    for (axis, role) in header.roles.iter().enumerate() {
        let &Role::Space(direction) = role else {
            continue;
        };
        let cell = !centers
            .get(axis)
            .is_some_and(|c| c.eq_ignore_ascii_case("node"));
        let cells = finite(&sizes, axis).map(|n| if cell { n } else { (n - 1.0).max(1.0) });
        let (min, max) = (finite(&mins, axis), finite(&maxs, axis));
        let from_range = match (min, max, cells) {
            (Some(min), Some(max), Some(cells)) => Some((max - min) / cells),
            _ => None,
        };
        let known = finite(&spacings, axis).or(from_range);
        if let (Some(s), Some(o)) = (spacing.get_mut(direction), origin.get_mut(direction)) {
            *s = known.unwrap_or(1.0);
            let half = if cell { *s / 2.0 } else { 0.0 };
            *o = known.and(min).map(|min| min + half);
        }
    }
    // A position that is known along some axes only is none.
    let origin = match origin {
        [Some(x), Some(y), Some(z)] => DVec3::new(x, y, z),
        _ => DVec3::ZERO,
    };
    Ok((DVec3::from(spacing), origin))
}

/// Millimetres a unit, for each axis of the space.
fn space_units_mm(fields: &TextFields<'_>, warnings: &mut Vec<GeometryWarning>) -> DVec3 {
    let names = quoted(fields.get("space units").unwrap_or_default());
    let names: Vec<&str> = names.into_iter().take(3).collect();
    millimetres(
        std::array::from_fn(|axis| names.get(axis).copied()),
        warnings,
    )
}

/// Millimetres a unit, for each voxel axis in space.
fn units_mm(header: &Header<'_>, warnings: &mut Vec<GeometryWarning>) -> DVec3 {
    let names = quoted(header.fields.get("units").unwrap_or_default());
    let mut spatial = [None; 3];
    for (role, name) in header.roles.iter().zip(names) {
        if let Role::Space(axis) = role
            && let Some(slot) = spatial.get_mut(*axis)
        {
            *slot = Some(name);
        }
    }
    millimetres(spatial, warnings)
}

fn millimetres(names: [Option<&str>; 3], warnings: &mut Vec<GeometryWarning>) -> DVec3 {
    let mut add = |warning| {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    };
    DVec3::from(
        names.map(|name| match name.filter(|name| !name.is_empty()) {
            None => 1.0,
            Some(name) => match unit_mm(name) {
                Some((mm, unit)) => {
                    if mm != 1.0 {
                        add(GeometryWarning::UnitsConverted { unit });
                    }
                    mm
                }
                None => {
                    add(GeometryWarning::UnitNameUnknown);
                    1.0
                }
            },
        }),
    )
}

/// Texts such as `"mm" "mm"`; what stands between the quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('"').skip(1).step_by(2).collect()
}
