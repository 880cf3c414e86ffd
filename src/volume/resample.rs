//! Data of one grid sampled on another, matched by place in the world.
//!
//! This is for showing and saving maps. The resampling a network was trained with
//! has its own rules and is in `model`.

use rayon::prelude::*;

use super::LabelMap;
use crate::base::Grid;

/// Labels on another grid: each voxel takes the label of the cell its centre lies
/// in, and 0 outside the map.
pub fn resample_labels_nearest(map: &LabelMap, to: &Grid) -> LabelMap {
    let from = map.grid();
    let labels = map.labels();
    let sampled = sample(from, to, |voxel| {
        let nearest = cell(voxel, from.dims()).map(|nearest| from.index(nearest));
        nearest
            .and_then(|index| labels.get(index))
            .copied()
            .unwrap_or(0)
    });
    LabelMap::new(*to, sampled).unwrap_or_else(|| LabelMap::empty(*to))
}

/// The share of a grid's voxels, 0 to 1, whose centres lie in cells of another.
pub fn coverage(from: &Grid, to: &Grid) -> f64 {
    let inside = sample(from, to, |voxel| cell(voxel, from.dims()).is_some());
    inside.iter().filter(|&&inside| inside).count() as f64 / inside.len() as f64
}

/// The voxel whose cell voxel coordinates lie in.
fn cell(voxel: [f64; 3], dims: [usize; 3]) -> Option<[usize; 3]> {
    let mut nearest = [0; 3];
    for axis in 0..3 {
        let rounded = (voxel[axis] + 0.5).floor();
        if !(rounded >= 0.0 && rounded < dims[axis] as f64) {
            return None;
        }
        nearest[axis] = rounded as usize;
    }
    Some(nearest)
}

/// Values on another grid by trilinear interpolation, `outside` where a centre lies
/// outside every voxel cell. Up to the rim of the outermost cells the outermost
/// values continue. `None` if the number of values is not that of `from`.
pub fn resample_values_linear(
    values: &[f32],
    from: &Grid,
    to: &Grid,
    outside: f32,
) -> Option<Vec<f32>> {
    if values.len() != from.voxel_count() {
        return None;
    }
    let dims = from.dims();
    Some(sample(from, to, |voxel| {
        let mut low = [0_usize; 3];
        let mut weight = [0.0_f64; 3];
        for axis in 0..3 {
            let last = dims[axis] as f64 - 1.0;
            let v = voxel[axis];
            if !(v >= -0.5 && v <= last + 0.5) {
                return outside;
            }
            let v = v.clamp(0.0, last);
            low[axis] = v.floor() as usize;
            weight[axis] = v - v.floor();
        }
        let mut sum = 0.0;
        for corner in 0..8_usize {
            let mut at = low;
            let mut share = 1.0;
            for axis in 0..3 {
                if corner >> axis & 1 == 1 {
                    at[axis] += 1;
                    share *= weight[axis];
                } else {
                    share *= 1.0 - weight[axis];
                }
            }
            // A corner without weight may lie outside, or hold a value that is no number.
            if share > 0.0 {
                sum += share * f64::from(values.get(from.index(at)).copied().unwrap_or(outside));
            }
        }
        sum as f32
    }))
}

/// Evaluates a function of the source's voxel coordinates at every voxel of `to`.
fn sample<T: Copy + Default + Send>(
    from: &Grid,
    to: &Grid,
    value: impl Fn([f64; 3]) -> T + Sync,
) -> Vec<T> {
    let step = from.voxel_from_world() * to.world_from_voxel();
    let [nx, ny, _] = to.dims();
    let mut out = vec![T::default(); to.voxel_count()];
    out.par_chunks_mut(nx).enumerate().for_each(|(row, line)| {
        let (y, z) = ((row % ny) as f64, (row / ny) as f64);
        for (x, slot) in line.iter_mut().enumerate() {
            let voxel = step.transform_point3(glam::DVec3::new(x as f64, y, z));
            *slot = value(voxel.to_array());
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::{DAffine3, DMat3, DVec3};

    fn grid(dims: [usize; 3], spacing: f64, origin: f64) -> Grid {
        let affine = DAffine3 {
            matrix3: DMat3::from_diagonal(DVec3::splat(spacing)),
            translation: DVec3::splat(origin),
        };
        Grid::new(dims, affine).unwrap()
    }

    #[test]
    fn a_linear_field_stays_linear_on_a_turned_grid() {
        let from = grid([12, 11, 10], 1.5, -3.0);
        let field = |p: DVec3| (2.0 * p.x - 0.5 * p.y + 0.25 * p.z + 1.0) as f32;
        let values: Vec<f32> = (0..from.voxel_count())
            .map(|i| field(from.world(from.position(i).map(|v| v as f64))))
            .collect();
        let to = Grid::new(
            [6, 5, 4],
            DAffine3 {
                matrix3: DMat3::from_rotation_z(0.3),
                translation: DVec3::new(4.0, 3.0, 2.0),
            },
        )
        .unwrap();
        let sampled = resample_values_linear(&values, &from, &to, f32::NAN).unwrap();
        for (index, value) in sampled.into_iter().enumerate() {
            let wanted = field(to.world(to.position(index).map(|v| v as f64)));
            assert!((value - wanted).abs() < 1e-4, "{value} {wanted}");
        }
        assert!(resample_values_linear(&values[1..], &from, &to, 0.0).is_none());
    }

    #[test]
    fn the_rim_continues_and_ends_with_the_cell() {
        let from = grid([2, 1, 1], 1.0, 0.0);
        let to = |x: f64| {
            Grid::new([1; 3], DAffine3::from_translation(DVec3::new(x, 0.0, 0.0))).unwrap()
        };
        let at = |x| resample_values_linear(&[3.0, 5.0], &from, &to(x), -1.0).unwrap()[0];
        assert_eq!(
            [at(-0.6), at(-0.4), at(0.25), at(1.5), at(1.6)],
            [-1.0, 3.0, 3.5, 5.0, -1.0]
        );
    }

    #[test]
    fn labels_follow_the_body_through_a_flip_and_back() {
        let from = grid([5, 4, 3], 2.0, 10.0);
        let map = LabelMap::new(from, (1..=60).collect()).unwrap();
        let flipped = Grid::new(
            [5, 4, 3],
            DAffine3 {
                matrix3: DMat3::from_diagonal(DVec3::new(-2.0, 2.0, 2.0)),
                translation: DVec3::new(18.0, 10.0, 10.0),
            },
        )
        .unwrap();
        let there = resample_labels_nearest(&map, &flipped);
        assert_eq!(there.label([0, 0, 0]), map.label([4, 0, 0]));
        assert_eq!(resample_labels_nearest(&there, &from), map);
        assert_eq!(coverage(&from, &flipped), 1.0);
        let mut shifted = from.world_from_voxel();
        shifted.translation.x += 4.0;
        let shifted = Grid::new([5, 4, 3], shifted).unwrap();
        assert_eq!(coverage(&from, &shifted), 0.6);
        let far = resample_labels_nearest(&map, &grid([2; 3], 1.0, -50.0));
        assert!(far.labels().iter().all(|&l| l == 0));
    }
}
