//! Where a scan lies in the body, as facts and in words.

use glam::DVec3;
use serde::Serialize;

use crate::base::{AnatomicalAxis, Convention, Direction, Orientation, WorldBox};
use crate::io::PlacedBy;
use crate::volume::Volume;

/// What places a scan, for `info` and for the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GeometryCard {
    pub name: String,
    pub dims: [usize; 3],
    pub spacing_mm: [f64; 3],
    /// Three letters such as `RAS`: the sides that the voxel axes run toward.
    pub orientation: String,
    /// The voxel axes x, y and z.
    pub axes: [VoxelAxis; 3],
    /// The part of the header that placed the scan, in words.
    pub placed_by: String,
    /// Box around all voxels, RAS+ mm.
    pub bounds_mm: WorldBox,
    /// Largest angle between a voxel axis and the body's axis it runs along.
    pub oblique_degrees: f64,
    /// Whether x, y and z of the voxels are a right-handed system in the body.
    pub right_handed: bool,
    /// Doubts about the place, units and slices, in the order they were found.
    pub remarks: Vec<String>,
}

/// Where a voxel axis runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VoxelAxis {
    /// Letter of the side that the index grows toward.
    pub letter: char,
    /// The side in words, for example `the patient's left`.
    pub toward: String,
    /// Angle to the body's axis, 0 to 90.
    pub oblique_degrees: f64,
}

/// An angle below this is not worth a word: it is rounding.
const LEAST_DEGREES: f64 = 0.05;

impl GeometryCard {
    pub fn new(volume: &Volume, placed_by: PlacedBy, remarks: Vec<String>) -> Self {
        let grid = volume.grid();
        let orientation = Orientation::of(grid);
        let m = grid.world_from_voxel().matrix3;
        let columns = [m.x_axis, m.y_axis, m.z_axis];
        let axes: [VoxelAxis; 3] =
            std::array::from_fn(|axis| VoxelAxis::new(columns[axis], orientation.0[axis]));
        Self {
            name: volume.name().to_owned(),
            dims: grid.dims(),
            spacing_mm: grid.spacing_mm(),
            orientation: orientation.letters(),
            placed_by: placed_by.label().to_owned(),
            bounds_mm: grid.world_bounds(),
            oblique_degrees: axes.iter().map(|a| a.oblique_degrees).fold(0.0, f64::max),
            right_handed: m.determinant() > 0.0,
            axes,
            remarks,
        }
    }

    /// The card as sentences, one a line, without the remarks. The convention is the
    /// view's.
    pub fn lines(&self, convention: Convention) -> Vec<String> {
        let [nx, ny, nz] = self.dims;
        let [sx, sy, sz] = self.spacing_mm;
        let [x, y, z] = &self.axes;
        let range = |axis: usize| {
            format!(
                "{:.1} to {:.1}",
                self.bounds_mm.min[axis], self.bounds_mm.max[axis]
            )
        };
        vec![
            format!("{nx} × {ny} × {nz} voxels of {sx:.3} × {sy:.3} × {sz:.3} mm"),
            format!(
                "orientation {}: voxel x runs to {}, y to {}, z to {}",
                self.orientation, x.toward, y.toward, z.toward
            ),
            format!("placed by {}", self.placed_by),
            format!("x {}, y {}, z {} mm (RAS+)", range(0), range(1), range(2)),
            self.tilt(),
            convention.label().to_owned(),
        ]
    }

    fn tilt(&self) -> String {
        let hand = if self.right_handed {
            "right-handed"
        } else {
            "left-handed"
        };
        if self.oblique_degrees < LEAST_DEGREES {
            return format!("straight: the voxel axes are the body's, {hand}");
        }
        let [x, y, z] = [0, 1, 2].map(|axis: usize| self.axes[axis].oblique_degrees);
        format!("oblique: voxel x, y, z are {x:.1}°, {y:.1}°, {z:.1}° off the body's axes, {hand}")
    }
}

impl VoxelAxis {
    fn new(column: DVec3, direction: Direction) -> Self {
        let along = [DVec3::X, DVec3::Y, DVec3::Z][direction.axis.index()];
        let sine = column.normalize().cross(along).length();
        let cosine = column.normalize().dot(along).abs();
        Self {
            letter: direction.letter(),
            toward: side_in_words(direction).to_owned(),
            oblique_degrees: sine.atan2(cosine).to_degrees(),
        }
    }
}

fn side_in_words(direction: Direction) -> &'static str {
    match (direction.axis, direction.reversed) {
        (AnatomicalAxis::LeftRight, true) => "the patient's left",
        (AnatomicalAxis::LeftRight, false) => "the patient's right",
        (AnatomicalAxis::PosteriorAnterior, true) => "the back",
        (AnatomicalAxis::PosteriorAnterior, false) => "the front",
        (AnatomicalAxis::InferiorSuperior, true) => "the feet",
        (AnatomicalAxis::InferiorSuperior, false) => "the head",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Grid;
    use crate::volume::Voxels;
    use glam::{DAffine3, DMat3};

    fn card(matrix3: DMat3) -> GeometryCard {
        let grid = Grid::new([4, 5, 6], DAffine3::from_mat3(matrix3)).unwrap();
        let volume = Volume::new(grid, Voxels::U8(vec![0; 120]), (1.0, 0.0), "scan").unwrap();
        GeometryCard::new(&volume, PlacedBy::Qform, vec!["a doubt".to_owned()])
    }

    #[test]
    fn a_straight_scan_in_words() {
        let card = card(DMat3::from_cols(
            DVec3::NEG_X,
            DVec3::NEG_Y * 2.0,
            DVec3::Z * 3.0,
        ));
        assert_eq!(
            card.lines(Convention::Radiological),
            [
                "4 × 5 × 6 voxels of 1.000 × 2.000 × 3.000 mm",
                "orientation LPS: voxel x runs to the patient's left, y to the back, z to the head",
                "placed by the qform",
                "x -3.5 to 0.5, y -9.0 to 1.0, z -1.5 to 16.5 mm (RAS+)",
                "straight: the voxel axes are the body's, right-handed",
                "Patient left on screen right (radiological)",
            ]
        );
        assert_eq!(card.remarks, ["a doubt"]);
    }

    #[test]
    fn an_oblique_scan_has_its_angles_and_its_hand() {
        // A turn by 20° in the axial plane leaves the third axis where it is.
        let turned = DMat3::from_rotation_z(20_f64.to_radians());
        let card = card(turned * DMat3::from_cols(DVec3::Y, DVec3::X, DVec3::Z * -2.0));
        assert_eq!(card.orientation, "ARI");
        assert!(card.right_handed);
        assert!((card.oblique_degrees - 20.0).abs() < 1e-9);
        assert!(card.axes[2].oblique_degrees < 1e-9);
        assert_eq!(card.axes[2].toward, "the feet");
        assert_eq!(
            card.tilt(),
            "oblique: voxel x, y, z are 20.0°, 20.0°, 0.0° off the body's axes, right-handed"
        );
        let mirrored = self::card(DMat3::from_diagonal(DVec3::new(-1.0, 1.0, 1.0)));
        assert!(!mirrored.right_handed && mirrored.tilt().ends_with("left-handed"));
    }
}
