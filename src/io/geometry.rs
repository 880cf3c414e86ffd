//! Doubts about where an image lies, whatever its format.

use std::fmt;

use crate::base::Grid;

/// Which part of a header placed the image in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlacedBy {
    /// NIfTI: the affine's own rows.
    Sform,
    /// NIfTI: a rotation, spacings and an offset.
    Qform,
    /// Positions and directions in patient space (DICOM, NRRD, MetaImage).
    Directions,
    /// Nothing but spacing: the x axis is assumed to run to the left.
    Spacing,
}

impl PlacedBy {
    /// In words that follow "placed by".
    pub fn label(self) -> &'static str {
        match self {
            Self::Sform => "the sform",
            Self::Qform => "the qform",
            Self::Directions => "its origin and directions",
            Self::Spacing => "its spacing alone",
        }
    }
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

/// The largest deviation of two voxel axes from a right angle.
pub(super) fn shear_degrees(grid: &Grid) -> f64 {
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
