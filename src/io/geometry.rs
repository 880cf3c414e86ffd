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
    /// The header names a unit that is no known length; millimetres are assumed.
    UnitNameUnknown,
    /// The header names other body directions than its axes have. The axes are used.
    /// Letters say where each axis starts, as in MetaImage files.
    LettersDisagree { header: [char; 3], axes: [char; 3] },
    /// Only the first of several frames was opened.
    FirstFrameOnly { frames: usize },
    /// The file goes on after the last voxel its header promises.
    TrailingData,
    /// DICOM: images of the series that do not fit the volume.
    LeftOut {
        images: usize,
        dims: [usize; 2],
        why: &'static str,
    },
    /// DICOM: the same image is there more than once.
    Copies { files: usize },
    /// DICOM: some places have more images than others.
    SamePlace { images: usize },
    /// DICOM: images that could not be read, perhaps of this series.
    UnreadableFiles { files: usize },
    /// DICOM: slices are missing between others.
    MissingSlices { missing: usize },
    /// DICOM: slices are spread unevenly.
    UnevenSlices { shortest_mm: f64, longest_mm: f64 },
    /// DICOM: slices do not lie on one straight line.
    OffLine { distance_mm: f64 },
    /// DICOM: nothing says where the slices lie, but how they are turned.
    PositionsMissing,
    /// Nothing says how far apart pixels or slices are.
    SpacingUnknown { what: &'static str },
    /// DICOM: large values are meant to be dark.
    Inverted,
    /// DICOM: values are stored through a table.
    ValueTable,
    /// DICOM: the number stored where nothing was measured.
    Padding { stored: f64 },
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
            Self::UnitNameUnknown => {
                f.write_str("the header's unit is no known length; millimetres are assumed")
            }
            Self::LettersDisagree { header, axes } => write!(
                f,
                "the header names the orientation {} and its axes say {}; the axes are used",
                String::from_iter(header),
                String::from_iter(axes)
            ),
            Self::FirstFrameOnly { frames } => {
                write!(f, "the image has {frames} frames; the first one was opened")
            }
            Self::TrailingData => {
                f.write_str("the file goes on after the voxels its header promises; ignored")
            }
            Self::LeftOut {
                images,
                dims: [x, y],
                why,
            } => write!(
                f,
                "{images} image(s) of {x} × {y} were left out, because they {why} from the others"
            ),
            Self::Copies { files } => {
                write!(f, "{files} file(s) repeat an image of the series; ignored")
            }
            Self::SamePlace { images } => write!(
                f,
                "{images} image(s) lie where another one lies and were left out; \
                 the first of each place is used"
            ),
            Self::UnreadableFiles { files } => write!(
                f,
                "{files} DICOM file(s) beside these could not be read; slices may be missing"
            ),
            Self::MissingSlices { missing } => write!(
                f,
                "{missing} slice(s) are missing; each was filled with its nearest neighbour"
            ),
            Self::UnevenSlices {
                shortest_mm,
                longest_mm,
            } => write!(
                f,
                "slices lie {shortest_mm:.2} to {longest_mm:.2} mm apart; the volume was \
                 interpolated between them so that each part is in its place"
            ),
            Self::OffLine { distance_mm } => write!(
                f,
                "slices are shifted sideways against each other, by up to {distance_mm:.2} mm; \
                 such parts are not in their place"
            ),
            Self::PositionsMissing => f.write_str(
                "the slices do not say where they lie; they are in the order of their numbers, \
                 which may be reversed",
            ),
            Self::SpacingUnknown { what } => write!(
                f,
                "the file does not say how far apart its {what} are; 1 mm is assumed"
            ),
            Self::Inverted => f.write_str(
                "large values are meant to be dark (MONOCHROME1); values are kept as stored",
            ),
            Self::ValueTable => f.write_str(
                "the file turns stored numbers into values by a table, which is not applied; \
                 values are the stored numbers",
            ),
            Self::Padding { stored } => write!(
                f,
                "voxels where nothing was measured are stored as {stored} and kept as they are"
            ),
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
