//! One label map in all 48 orientations.

// Each test program uses a part of this.
#![allow(dead_code)]

use glam::{DAffine3, DMat3};
use voxplain::base::{AnatomicalAxis, Direction, Grid, Orientation};
use voxplain::volume::LabelMap;

/// The same voxels along axes in another order and sense, in the same place.
pub fn reordered(map: &LabelMap, orientation: Orientation) -> LabelMap {
    let grid = map.grid();
    let own = Orientation::of(grid);
    let source_axis = orientation.0.map(|direction| {
        let same = |d: &Direction| d.axis == direction.axis;
        own.0.iter().position(same).unwrap()
    });
    let dims = source_axis.map(|axis| grid.dims()[axis]);
    let source = |voxel: [usize; 3]| {
        let mut at = [0; 3];
        for axis in 0..3 {
            let (from, n) = (source_axis[axis], dims[axis]);
            let flipped = orientation.0[axis].reversed != own.0[from].reversed;
            at[from] = if flipped {
                n - 1 - voxel[axis]
            } else {
                voxel[axis]
            };
        }
        at
    };
    let world = |voxel: [usize; 3]| grid.world(source(voxel).map(|v| v as f64));
    // Steps of one voxel, from the two ends of each axis.
    let column = |axis: usize| {
        let mut end = [0; 3];
        end[axis] = dims[axis] - 1;
        (world(end) - world([0; 3])) / (dims[axis] as f64 - 1.0)
    };
    let world_from_voxel = DAffine3 {
        matrix3: DMat3::from_cols(column(0), column(1), column(2)),
        translation: world([0; 3]),
    };
    let new = Grid::new(dims, world_from_voxel).unwrap();
    let labels = (0..new.voxel_count())
        .map(|index| map.label(source(new.position(index))).unwrap())
        .collect();
    LabelMap::new(new, labels).unwrap()
}

/// Every order and sense of the three axes.
pub fn all_orientations() -> Vec<Orientation> {
    let mut found = Vec::new();
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        for senses in 0..8_usize {
            found.push(Orientation(std::array::from_fn(|axis| Direction {
                axis: AnatomicalAxis::ALL[order[axis]],
                reversed: senses >> axis & 1 == 1,
            })));
        }
    }
    found
}
