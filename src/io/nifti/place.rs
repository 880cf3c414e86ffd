//! Where a NIfTI image lies in the body: sform, qform or bare spacing.

use std::fmt;
use std::path::Path;

use glam::{DAffine3, DMat3, DQuat, DVec3};

use super::super::IoError;
use super::header::Fields;
use crate::base::Grid;

/// Which part of the header placed the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AffineSource {
    Sform,
    Qform,
    /// Neither form is set: spacing alone, the x axis assumed to run to the left.
    Spacing,
}

/// A doubt about where an image lies, or about what was left out of it. None of
/// them is repaired in silence; the user sees each one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GeometryWarning {
    /// sform and qform put a corner of the image this far apart. The sform is used.
    FormsDisagree { distance_mm: f64 },
    /// Neither form is set, so left and right are a guess.
    OrientationUnknown,
    /// The spacing fields say something else than the affine, which is used.
    SpacingDisagrees {
        header_mm: [f64; 3],
        affine_mm: [f64; 3],
    },
    /// The voxel axes are not at right angles (gantry tilt, or a sheared transform).
    Sheared { degrees: f64 },
    /// Lengths were stored in another unit and converted.
    UnitsConverted { unit: &'static str },
    /// The unit code has no meaning; millimetres are assumed.
    UnitUnknown { code: u8 },
    /// Only the first of several frames was opened.
    FirstFrameOnly { frames: usize },
    /// The file goes on after the last voxel its header promises.
    TrailingData,
}

impl fmt::Display for GeometryWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FormsDisagree { distance_mm } => write!(
                f,
                "the file places the image twice (sform and qform), {distance_mm:.2} mm apart; \
                 the sform is used"
            ),
            Self::OrientationUnknown => f.write_str(
                "the file does not say how the image lies in the body; \
                 left and right are assumed (x runs to the left) and may be swapped",
            ),
            Self::SpacingDisagrees {
                header_mm: [a, b, c],
                affine_mm: [x, y, z],
            } => write!(
                f,
                "the spacing fields say {a:.3} × {b:.3} × {c:.3} mm and the affine \
                 {x:.3} × {y:.3} × {z:.3} mm; the affine is used"
            ),
            Self::Sheared { degrees } => {
                write!(f, "the voxel axes are {degrees:.1}° off a right angle")
            }
            Self::UnitsConverted { unit } => {
                write!(
                    f,
                    "lengths are stored in {unit} and were converted to millimetres"
                )
            }
            Self::UnitUnknown { code } => {
                write!(
                    f,
                    "the unit of length has the unknown code {code}; millimetres are assumed"
                )
            }
            Self::FirstFrameOnly { frames } => {
                write!(f, "the image has {frames} frames; the first one was opened")
            }
            Self::TrailingData => {
                f.write_str("the file goes on after the voxels its header promises; ignored")
            }
        }
    }
}

/// A grid and how sure it is.
pub(super) struct Place {
    pub grid: Grid,
    pub source: AffineSource,
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
        (sform, AffineSource::Sform)
    } else if fields.qform_code > 0 {
        let qform = qform(fields, spacing).ok_or_else(|| IoError::BadField {
            field: "quatern",
            value: format!("{:?}", fields.quaternion),
            why: "which is no rotation",
            path: path.into(),
        })?;
        (grid(qform)?, AffineSource::Qform)
    } else {
        warnings.push(GeometryWarning::OrientationUnknown);
        (grid(spacing_only(spacing, dims))?, AffineSource::Spacing)
    };

    if source == AffineSource::Sform {
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

/// The largest deviation of two voxel axes from a right angle.
fn shear_degrees(grid: &Grid) -> f64 {
    let m = grid.world_from_voxel().matrix3;
    let axes = [
        m.x_axis.normalize(),
        m.y_axis.normalize(),
        m.z_axis.normalize(),
    ];
    [(0, 1), (0, 2), (1, 2)]
        .map(|(i, j): (usize, usize)| {
            axes[i]
                .dot(axes[j])
                .clamp(-1.0, 1.0)
                .asin()
                .to_degrees()
                .abs()
        })
        .into_iter()
        .fold(0.0, f64::max)
}
