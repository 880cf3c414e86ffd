//! Cutting a box out of data on a grid, and putting it back.

use super::LabelMap;
use crate::base::{Grid, VoxelBox};

/// Whether a box lies inside dimensions and has voxels.
fn fits(part: &VoxelBox, dims: [usize; 3]) -> bool {
    (0..3).all(|axis| {
        part.size[axis] > 0
            && part.start[axis]
                .checked_add(part.size[axis])
                .is_some_and(|end| end <= dims[axis])
    })
}

/// Where each row of a box begins in data of the given dimensions, in the order of
/// the box's own rows.
fn rows(part: VoxelBox, dims: [usize; 3]) -> impl Iterator<Item = usize> {
    let [sx, sy, sz] = part.start;
    (0..part.size[2]).flat_map(move |z| {
        (0..part.size[1]).map(move |y| sx + dims[0] * (sy + y + dims[1] * (sz + z)))
    })
}

/// The samples inside `part`, x fastest. `None` if the data is not of the grid's
/// size or the box leaves it.
pub fn crop<T: Copy>(values: &[T], grid: &Grid, part: &VoxelBox) -> Option<Vec<T>> {
    let dims = grid.dims();
    if values.len() != grid.voxel_count() || !fits(part, dims) {
        return None;
    }
    let mut out = Vec::with_capacity(part.voxel_count());
    for first in rows(*part, dims) {
        out.extend_from_slice(values.get(first..first + part.size[0])?);
    }
    Some(out)
}

/// Data of the size of `at` inside a larger grid, `outside` everywhere else. `None`
/// if the number of samples is not that of the box or the box leaves the grid.
pub fn embed<T: Copy>(values: &[T], into: &Grid, at: &VoxelBox, outside: T) -> Option<Vec<T>> {
    let dims = into.dims();
    if values.len() != at.voxel_count() || !fits(at, dims) {
        return None;
    }
    let mut out = vec![outside; into.voxel_count()];
    for (row, first) in values.chunks_exact(at.size[0]).zip(rows(*at, dims)) {
        out.get_mut(first..first + row.len())?.copy_from_slice(row);
    }
    Some(out)
}

impl LabelMap {
    /// The labels inside a box, on the grid of that box.
    pub fn crop(&self, part: &VoxelBox) -> Option<LabelMap> {
        let grid = self.grid().crop(part).ok()?;
        LabelMap::new(grid, crop(self.labels(), self.grid(), part)?)
    }

    /// This map of a region as a map of the whole scan: label 0 outside.
    pub fn embed(&self, into: &Grid, at: &VoxelBox) -> Option<LabelMap> {
        (self.grid().dims() == at.size).then_some(())?;
        LabelMap::new(*into, embed(self.labels(), into, at, 0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DAffine3;

    #[test]
    fn a_part_goes_back_where_it_came_from() {
        let grid = Grid::new([5, 4, 3], DAffine3::IDENTITY).unwrap();
        let map = LabelMap::new(grid, (0..60).collect()).unwrap();
        let part = VoxelBox {
            start: [1, 2, 1],
            size: [3, 2, 2],
        };
        let cropped = map.crop(&part).unwrap();
        assert_eq!(cropped.label([0, 0, 0]), map.label([1, 2, 1]));
        assert_eq!(cropped.label([2, 1, 1]), map.label([3, 3, 2]));
        let whole = cropped.embed(&grid, &part).unwrap();
        for index in 0..60 {
            let voxel = grid.position(index);
            let inside =
                (0..3).all(|a| (part.start[a]..part.start[a] + part.size[a]).contains(&voxel[a]));
            let wanted = if inside { map.label(voxel) } else { Some(0) };
            assert_eq!(whole.label(voxel), wanted);
        }
        assert!(whole.grid().same_place(&grid));
        let values = embed(&[1.5_f32; 12], &grid, &part, f32::NAN).unwrap();
        assert_eq!(values.iter().filter(|v| v.is_finite()).count(), 12);
    }

    #[test]
    fn boxes_that_do_not_fit_are_refused() {
        let grid = Grid::new([5, 4, 3], DAffine3::IDENTITY).unwrap();
        let map = LabelMap::empty(grid);
        for part in [
            VoxelBox {
                start: [3, 0, 0],
                size: [3, 1, 1],
            },
            VoxelBox {
                start: [usize::MAX, 0, 0],
                size: [1, 1, 1],
            },
            VoxelBox {
                start: [0; 3],
                size: [0, 1, 1],
            },
        ] {
            assert!(crop(map.labels(), &grid, &part).is_none());
            assert!(embed(&vec![0_u16; part.voxel_count()], &grid, &part, 0).is_none());
        }
    }
}
