//! Which way a voxel axis points in the body, by the rules nibabel and MONAI use.

use glam::{DMat3, DVec3};

use super::Grid;

/// One of the three world axes of RAS+ space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnatomicalAxis {
    /// World x, positive to the patient's right.
    LeftRight,
    /// World y, positive to the front.
    PosteriorAnterior,
    /// World z, positive to the head.
    InferiorSuperior,
}

impl AnatomicalAxis {
    pub const ALL: [Self; 3] = [
        Self::LeftRight,
        Self::PosteriorAnterior,
        Self::InferiorSuperior,
    ];

    pub fn index(self) -> usize {
        self as usize
    }

    /// The letter at the negative and at the positive end of the axis.
    pub fn letters(self) -> [char; 2] {
        match self {
            Self::LeftRight => ['L', 'R'],
            Self::PosteriorAnterior => ['P', 'A'],
            Self::InferiorSuperior => ['I', 'S'],
        }
    }
}

/// Where a voxel axis runs: a world axis and a sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    pub axis: AnatomicalAxis,
    /// Whether the voxel index grows against the world axis.
    pub reversed: bool,
}

impl Direction {
    /// The letter of the side that the voxel index grows toward.
    pub fn letter(self) -> char {
        self.axis.letters()[usize::from(!self.reversed)]
    }
}

/// The closest anatomical direction of each voxel axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(pub [Direction; 3]);

impl Orientation {
    /// The orientation of a grid, as nibabel's `io_orientation` decides it: remove
    /// zooms and shear, then give each voxel axis in turn the free world axis on
    /// which it projects most.
    pub fn of(grid: &Grid) -> Self {
        let rotation = closest_rotation(grid.world_from_voxel().matrix3);
        let mut free = [true; 3];
        let columns = [rotation.x_axis, rotation.y_axis, rotation.z_axis];
        Self(columns.map(|column: DVec3| {
            let column = column.to_array();
            let mut best = 0;
            let mut best_size = f64::NEG_INFINITY;
            for axis in 0..3 {
                if free[axis] && column[axis].abs() > best_size {
                    best = axis;
                    best_size = column[axis].abs();
                }
            }
            free[best] = false;
            Direction {
                axis: AnatomicalAxis::ALL[best],
                reversed: column[best] < 0.0,
            }
        }))
    }

    /// Three letters, for example `RAS`: the side each voxel index grows toward.
    pub fn letters(self) -> String {
        self.0.iter().map(|direction| direction.letter()).collect()
    }

    /// The orientation that three letters such as `RAS` stand for, one of each world
    /// axis; `None` for other texts.
    pub fn from_letters(text: &str) -> Option<Self> {
        let directions: Vec<Direction> = text
            .chars()
            .map(|letter| {
                AnatomicalAxis::ALL.into_iter().find_map(|axis| {
                    let side = axis.letters().iter().position(|&l| l == letter)?;
                    Some(Direction {
                        axis,
                        reversed: side == 0,
                    })
                })
            })
            .collect::<Option<_>>()?;
        let directions: [Direction; 3] = directions.try_into().ok()?;
        let all = AnatomicalAxis::ALL
            .iter()
            .all(|axis| directions.iter().any(|direction| direction.axis == *axis));
        all.then_some(Self(directions))
    }
}

/// The orthogonal matrix nearest to one whose columns were first made unit length
/// (polar decomposition by Newton's iteration; the matrix is invertible).
fn closest_rotation(matrix: DMat3) -> DMat3 {
    let mut q = DMat3::from_cols(
        matrix.x_axis.normalize(),
        matrix.y_axis.normalize(),
        matrix.z_axis.normalize(),
    );
    for _ in 0..64 {
        let next = (q + q.inverse().transpose()) * 0.5;
        if !next.is_finite() {
            break;
        }
        let change = (next - q)
            .to_cols_array()
            .iter()
            .fold(0.0_f64, |a, b| a.max(b.abs()));
        q = next;
        if change < 1e-14 {
            break;
        }
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DAffine3;

    fn letters(matrix: DMat3) -> String {
        let grid = Grid::new(
            [2, 2, 2],
            DAffine3 {
                matrix3: matrix,
                translation: DVec3::ZERO,
            },
        );
        Orientation::of(&grid.unwrap()).letters()
    }

    #[test]
    fn axis_aligned_and_oblique() {
        assert_eq!(letters(DMat3::IDENTITY), "RAS");
        assert_eq!(
            letters(DMat3::from_diagonal(DVec3::new(-1.0, -2.0, 3.0))),
            "LPS"
        );
        let permuted = DMat3::from_cols(DVec3::NEG_Z, DVec3::X, DVec3::Y);
        assert_eq!(letters(permuted), "IRA");
        let oblique = DMat3::from_rotation_z(0.3) * DMat3::from_rotation_x(-0.2) * permuted;
        assert_eq!(letters(oblique), "IRA");
    }

    #[test]
    fn letters_read_back() {
        for text in ["RAS", "LPS", "IRA", "SPL"] {
            assert_eq!(Orientation::from_letters(text).unwrap().letters(), text);
        }
        for text in ["", "RA", "RAR", "RLS", "RASA", "ras", "XYZ"] {
            assert_eq!(Orientation::from_letters(text), None, "{text}");
        }
    }
}
