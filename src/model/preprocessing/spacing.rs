//! Resamples to a voxel size (MONAI's `Spacing`: not diagonal, corners not aligned,
//! linear, border values, computed in double precision).

use glam::{DAffine3, DMat3, DVec3};
use ndarray::{Array3, Axis};
use rayon::prelude::*;

use crate::base::Grid;
use crate::model::PreprocessingError;

/// Voxel sizes closer than this to the wanted one, in mm, are kept.
const SAME_SPACING_MM: f64 = 1e-3;

/// Most voxels a resampled image may have.
const MAX_VOXELS: u128 = 1 << 30;

/// An array `[[x, y, z]]` on `grid` resampled to voxels of `spacing_mm`.
pub fn resample(
    grid: &Grid,
    values: Array3<f32>,
    spacing_mm: [f64; 3],
) -> Result<(Grid, Array3<f32>), PreprocessingError> {
    let target = resampled_grid(grid, spacing_mm)?;
    let source_from_target = grid.voxel_from_world() * target.world_from_voxel();
    let unchanged = source_from_target.abs_diff_eq(DAffine3::IDENTITY, SAME_SPACING_MM);
    if unchanged && target.dims() == grid.dims() {
        return Ok((*grid, values));
    }
    Ok((
        target,
        interpolate(&values, source_from_target, target.dims()),
    ))
}

/// The grid of the resampled image: the same directions without shear, the wanted
/// spacing, and a voxel centre on the corner voxel from which all axes grow.
fn resampled_grid(grid: &Grid, spacing_mm: [f64; 3]) -> Result<Grid, PreprocessingError> {
    let world_from_voxel = grid.world_from_voxel();
    let own = grid.spacing_mm();
    let spacing: [f64; 3] = std::array::from_fn(|a| {
        if (own[a] - spacing_mm[a]).abs() <= SAME_SPACING_MM {
            own[a]
        } else {
            spacing_mm[a]
        }
    });
    let matrix3 = rotation(world_from_voxel.matrix3) * DMat3::from_diagonal(DVec3::from(spacing));

    // Corner voxels in units of the new voxels, up to a shift.
    let new_from_old = DAffine3 {
        matrix3,
        translation: DVec3::ZERO,
    }
    .inverse()
        * world_from_voxel;
    let last = DVec3::from(grid.dims().map(|n| n as f64 - 1.0));
    let corners: [DVec3; 8] = std::array::from_fn(|corner| {
        last * DVec3::from(std::array::from_fn::<f64, 3, _>(|a| {
            f64::from(corner as u8 >> (2 - a) & 1)
        }))
    });
    let moved = corners.map(|corner| new_from_old.transform_point3(corner));
    let low = moved.iter().copied().fold(DVec3::INFINITY, DVec3::min);
    let high = moved.iter().copied().fold(DVec3::NEG_INFINITY, DVec3::max);
    let extent = (high - low).to_array().map(|e| (e + 1.0).round_ties_even());
    let voxels: f64 = extent.iter().product();
    if voxels.is_nan() || voxels > MAX_VOXELS as f64 {
        return Err(PreprocessingError::TooLarge {
            spacing_mm,
            voxels: voxels as u128,
        });
    }
    let dims = extent.map(|e| e as usize);

    let first = corners
        .iter()
        .zip(&moved)
        .find(|(_, at)| (**at - low).max_element() <= 1e-8)
        .map(|(corner, _)| world_from_voxel.transform_point3(*corner));
    // Without such a corner (a sheared image) the centres of both images agree.
    let translation = first.unwrap_or_else(|| {
        let half = |dims: [usize; 3]| DVec3::from(dims.map(|n| n as f64 / 2.0));
        world_from_voxel.transform_point3(half(grid.dims())) - matrix3 * half(dims)
    });
    Ok(Grid::new(
        dims,
        DAffine3 {
            matrix3,
            translation,
        },
    )?)
}

/// The orthonormal factor of `M = Q·R` with a positive diagonal of R: the first axis
/// keeps its direction, the others lose their shear against it.
fn rotation(matrix: DMat3) -> DMat3 {
    let x = matrix.x_axis.normalize();
    let y = (matrix.y_axis - x * x.dot(matrix.y_axis)).normalize();
    let z = matrix.z_axis - x * x.dot(matrix.z_axis);
    DMat3::from_cols(x, y, (z - y * y.dot(z)).normalize())
}

/// Linear interpolation between voxel centres; outside, the value of the border.
pub fn interpolate(
    values: &Array3<f32>,
    source_from_target: DAffine3,
    dims: [usize; 3],
) -> Array3<f32> {
    let (nx, ny, nz) = values.dim();
    let last = DVec3::new(nx as f64 - 1.0, ny as f64 - 1.0, nz as f64 - 1.0);
    let mut result = Array3::zeros((dims[0], dims[1], dims[2]));
    result
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .enumerate()
        .for_each(|(x, mut plane)| {
            for ((y, z), value) in plane.indexed_iter_mut() {
                let at = source_from_target
                    .transform_point3(DVec3::new(x as f64, y as f64, z as f64))
                    .clamp(DVec3::ZERO, last);
                let base = at.floor();
                let weight = (at - base).to_array();
                let base = base.to_array().map(|v| v as usize);
                let next = [
                    (base[0] + 1).min(nx - 1),
                    (base[1] + 1).min(ny - 1),
                    (base[2] + 1).min(nz - 1),
                ];
                let mut sum = 0.0;
                for corner in 0..8_usize {
                    let mut share = 1.0;
                    let mut voxel = base;
                    for axis in 0..3 {
                        if corner >> axis & 1 == 1 {
                            voxel[axis] = next[axis];
                            share *= weight[axis];
                        } else {
                            share *= 1.0 - weight[axis];
                        }
                    }
                    sum += share * f64::from(values[voxel]);
                }
                *value = sum as f32;
            }
        });
    result
}
