//! Reorders and flips axes so that indices grow toward given sides of the body.
//!
//! No voxel is interpolated; each keeps its place in the world (MONAI's `Orientation`).

use glam::{DAffine3, DMat3, DVec3};
use ndarray::{Array3, ArrayView3, Axis, ShapeBuilder};

use crate::base::{Grid, GridError, Orientation};

/// Values on a grid (x fastest) as an array in the wanted order, with that array's grid.
pub fn orient(
    grid: &Grid,
    values: Vec<f32>,
    wanted: Orientation,
) -> Result<(Grid, Array3<f32>), GridError> {
    let directions = Orientation::of(grid).0;
    let dims = grid.dims();
    let [nx, ny, nz] = dims;
    let mut view = ArrayView3::from_shape((nx, ny, nz).f(), &values)
        .map_err(|_| GridError::TooLarge(nx, ny, nz))?;

    // Columns of old-voxel-from-new-voxel, one for each new axis.
    let mut columns = [DVec3::ZERO; 3];
    let mut origin = DVec3::ZERO;
    let mut order = [0; 3];
    for (old, direction) in directions.into_iter().enumerate() {
        // Both orientations name each world axis once.
        let Some((new, target)) = wanted
            .0
            .iter()
            .enumerate()
            .find(|(_, target)| target.axis == direction.axis)
        else {
            return Err(GridError::SingularAffine);
        };
        order[new] = old;
        if direction.reversed != target.reversed {
            view.invert_axis(Axis(old));
            columns[new][old] = -1.0;
            origin[old] = dims[old] as f64 - 1.0;
        } else {
            columns[new][old] = 1.0;
        }
    }
    let old_from_new = DAffine3 {
        matrix3: DMat3::from_cols(columns[0], columns[1], columns[2]),
        translation: origin,
    };
    let oriented = Grid::new(
        order.map(|old| dims[old]),
        grid.world_from_voxel() * old_from_new,
    )?;
    Ok((
        oriented,
        view.permuted_axes(order).as_standard_layout().into_owned(),
    ))
}
