//! Where a NIfTI image lies in the body: sform, qform or bare spacing.

use std::path::Path;

use glam::{DAffine3, DMat3, DQuat, DVec3};

use super::super::geometry::shear_degrees;
use super::super::{GeometryWarning, IoError, PlacedBy};
use super::header::Fields;
use crate::base::Grid;

/// A grid and how sure it is.
pub(super) struct Place {
    pub grid: Grid,
    pub source: PlacedBy,
    pub warnings: Vec<GeometryWarning>,
}

/// Places an image as the standard and nibabel do: sform if its code is positive,
/// else qform, else spacing. Lengths become millimetres.
pub(super) fn place(fields: &Fields, dims: [usize; 3], path: &Path) -> Result<Place, IoError> {
    let mut warnings = Vec::new();
    let unit_mm = match fields.xyzt_units & 0b111 {
        0 | 2 => 1.0,
        1 => {
            warnings.push(GeometryWarning::UnitsConverted { unit: "metres" });
            1000.0
        }
        3 => {
            warnings.push(GeometryWarning::UnitsConverted {
                unit: "micrometres",
            });
            0.001
        }
        code => {
            warnings.push(GeometryWarning::UnitUnknown { code });
            1.0
        }
    };
    let spacing = spacing(fields, dims);
    let grid = |affine: DAffine3| {
        let affine = DAffine3 {
            matrix3: affine.matrix3 * unit_mm,
            translation: affine.translation * unit_mm,
        };
        Grid::new(dims, affine).map_err(|source| IoError::Grid {
            source,
            path: path.into(),
        })
    };

    let (grid, source) = if fields.sform_code > 0 {
        let sform = grid(sform(fields))?;
        // A broken qform beside a good sform is not worth a refusal.
        if fields.qform_code > 0
            && let Some(qform) = qform(fields, spacing).and_then(|q| grid(q).ok())
        {
            let distance_mm = largest_corner_distance(&sform, &qform);
            let smallest = sform
                .spacing_mm()
                .iter()
                .fold(f64::INFINITY, |a, &b| a.min(b));
            if distance_mm > 0.1 * smallest {
                warnings.push(GeometryWarning::FormsDisagree { distance_mm });
            }
        }
        (sform, PlacedBy::Sform)
    } else if fields.qform_code > 0 {
        let qform = qform(fields, spacing).ok_or_else(|| IoError::BadField {
            field: "quatern",
            value: format!("{:?}", fields.quaternion),
            why: "which is no rotation",
            path: path.into(),
        })?;
        (grid(qform)?, PlacedBy::Qform)
    } else {
        warnings.push(GeometryWarning::OrientationUnknown);
        (grid(spacing_only(spacing, dims))?, PlacedBy::Spacing)
    };

    if source == PlacedBy::Sform {
        let (header_mm, affine_mm) = (spacing.map(|s| s * unit_mm), grid.spacing_mm());
        let differs = (0..3)
            .any(|axis| dims[axis] > 1 && (header_mm[axis] / affine_mm[axis] - 1.0).abs() > 0.01);
        if differs {
            warnings.push(GeometryWarning::SpacingDisagrees {
                header_mm,
                affine_mm,
            });
        }
    }
    let degrees = shear_degrees(&grid);
    if degrees > 0.1 {
        warnings.push(GeometryWarning::Sheared { degrees });
    }
    Ok(Place {
        grid,
        source,
        warnings,
    })
}

/// Absolute spacings. An axis of one voxel may have none, and then counts as 1.
fn spacing(fields: &Fields, dims: [usize; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| {
        let stored = fields.pixdim[axis + 1].abs();
        let unset = stored == 0.0 || !stored.is_finite();
        if unset && dims[axis] == 1 {
            1.0
        } else {
            stored
        }
    })
}

fn sform(fields: &Fields) -> DAffine3 {
    let [x, y, z] = fields.srow;
    let column = |i: usize| DVec3::new(x[i], y[i], z[i]);
    DAffine3 {
        matrix3: DMat3::from_cols(column(0), column(1), column(2)),
        translation: column(3),
    }
}

/// Method 2 of `nifti1.h`: a unit quaternion, spacings, and the sign of the third
/// axis in `pixdim[0]`. `None` if the quaternion is not a rotation.
fn qform(fields: &Fields, spacing: [f64; 3]) -> Option<DAffine3> {
    let [b, c, d] = fields.quaternion;
    let square = b * b + c * c + d * d;
    if !square.is_finite() || square > 1.01 {
        return None;
    }
    // Rounding may push the vector part just over one: then it is a half turn.
    let rotation = DQuat::from_xyzw(b, c, d, (1.0 - square).max(0.0).sqrt()).normalize();
    let flip = if fields.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let scale = DVec3::new(spacing[0], spacing[1], spacing[2] * flip);
    Some(DAffine3 {
        matrix3: DMat3::from_quat(rotation) * DMat3::from_diagonal(scale),
        translation: DVec3::from(fields.quaternion_offset),
    })
}

/// nibabel's rule for files without a form, which MONAI's models were trained
/// with: x runs to the left, and the middle of the image is the origin.
fn spacing_only(spacing: [f64; 3], dims: [usize; 3]) -> DAffine3 {
    let scale = DVec3::new(-spacing[0], spacing[1], spacing[2]);
    let middle = DVec3::from(dims.map(|n| (n as f64 - 1.0) / 2.0));
    DAffine3 {
        matrix3: DMat3::from_diagonal(scale),
        translation: -scale * middle,
    }
}

fn largest_corner_distance(a: &Grid, b: &Grid) -> f64 {
    (0..8)
        .map(|corner: usize| {
            let voxel = std::array::from_fn(|axis| {
                if corner >> axis & 1 == 0 {
                    0.0
                } else {
                    a.dims()[axis] as f64 - 1.0
                }
            });
            a.world(voxel).distance(b.world(voxel))
        })
        .fold(0.0, f64::max)
}
