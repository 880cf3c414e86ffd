//! From volumes to what textures hold, without a graphics device: the values of a
//! scan as 16-bit fractions, labels in the smallest type, strided copies of what is
//! too large, and the facts a shader needs to find a layer in the world.

use glam::{DAffine3, DVec3};
use rayon::prelude::*;

use crate::base::Grid;
use crate::volume::{LabelMap, Volume};

/// Edge of the blocks of texels whose range of values is kept, so that rays can leap
/// over empty ones.
pub const BRICK: usize = 8;

/// Where a layer's texels are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerFacts {
    pub dims: [usize; 3],
    /// Every `stride`-th voxel of the image is a texel; more than 1 along an axis that
    /// is longer than the device's largest texture.
    pub stride: [usize; 3],
    /// From RAS+ millimetres to texels, with integers at texel centres.
    pub texel_from_world: DAffine3,
    /// First and one past the last texel that hold anything; equal where none does.
    pub occupied: [[usize; 3]; 2],
}

impl LayerFacts {
    fn new(grid: &Grid, largest_side: usize) -> Self {
        let largest_side = largest_side.max(1);
        let stride = grid.dims().map(|n| n.div_ceil(largest_side));
        let dims: [usize; 3] = std::array::from_fn(|axis| grid.dims()[axis].div_ceil(stride[axis]));
        let texel_from_voxel = DAffine3::from_scale(DVec3::from(stride.map(|s| 1.0 / s as f64)));
        Self {
            dims,
            stride,
            texel_from_world: texel_from_voxel * grid.voxel_from_world(),
            occupied: [[0; 3], dims],
        }
    }

    pub fn texel_count(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether voxels were left out to fit the device.
    pub fn is_reduced(&self) -> bool {
        self.stride != [1; 3]
    }

    /// Index of the voxel that becomes a texel, in the data of its image.
    fn voxel_index(&self, grid: &Grid, [x, y, z]: [usize; 3]) -> usize {
        let [sx, sy, sz] = self.stride;
        grid.index([x * sx, y * sy, z * sz])
    }

    fn texel(&self, index: usize) -> [usize; 3] {
        let [nx, ny, _] = self.dims;
        [index % nx, index / nx % ny, index / (nx * ny)]
    }
}

/// A scan's values, rescaled so that 0 is `value_low` and 65535 is `value_high`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanTexels {
    pub facts: LayerFacts,
    pub value_low: f64,
    pub value_high: f64,
    pub texels: Vec<u16>,
    pub bricks: Bricks,
}

impl ScanTexels {
    /// Prepares a scan for textures of at most `largest_side` texels a side. Values
    /// that are not finite become `value_low`.
    pub fn new(scan: &Volume, largest_side: usize) -> Self {
        let facts = LayerFacts::new(scan.grid(), largest_side);
        let (slope, intercept) = scan.value_scale();
        let voxels = scan.voxels();
        let value = |index| voxels.get(index).unwrap_or(0.0) * slope + intercept;
        let (value_low, value_high) = value_range(voxels.len(), value);
        let scale = f64::from(u16::MAX) / (value_high - value_low);
        let texels = (0..facts.texel_count())
            .into_par_iter()
            .map(|index| {
                let value = value(facts.voxel_index(scan.grid(), facts.texel(index)));
                // A float cast saturates, and takes NaN to 0.
                ((value - value_low) * scale).round() as u16
            })
            .collect::<Vec<u16>>();
        let bricks = Bricks::new(&texels, facts.dims);
        Self {
            facts,
            value_low,
            value_high,
            texels,
            bricks,
        }
    }

    /// A scan value as a fraction of the stored range; below 0 or above 1 outside it.
    pub fn fraction(&self, value: f64) -> f64 {
        (value - self.value_low) / (self.value_high - self.value_low)
    }
}

/// The range of values to store: all of it, unless a few outliers take up most of
/// it and would leave too few steps for the rest.
fn value_range(count: usize, value: impl Fn(usize) -> f64 + Sync) -> (f64, f64) {
    let (low, high) = (0..count)
        .into_par_iter()
        .map(&value)
        .filter(|v| v.is_finite())
        .fold(
            || (f64::INFINITY, f64::NEG_INFINITY),
            |(low, high), v| (low.min(v), high.max(v)),
        )
        .reduce(
            || (f64::INFINITY, f64::NEG_INFINITY),
            |a, b| (a.0.min(b.0), a.1.max(b.1)),
        );
    if low > high {
        return (0.0, 1.0);
    }
    if low == high {
        return (low, low + 1.0);
    }
    let mut sample: Vec<f64> = (0..count)
        .step_by((count / 50_000).max(1))
        .map(value)
        .filter(|v| v.is_finite())
        .collect();
    sample.sort_unstable_by(f64::total_cmp);
    let quantile = |q: f64| {
        let last = sample.len().saturating_sub(1);
        sample.get((q * last as f64).round() as usize).copied()
    };
    match (quantile(0.001), quantile(0.999)) {
        (Some(a), Some(b)) if b > a && b - a < (high - low) / 16.0 => {
            let margin = b - a;
            ((a - margin).max(low), (b + margin).min(high))
        }
        _ => (low, high),
    }
}

/// The smallest and the largest value in and around each block of [`BRICK`]³ texels:
/// no sample in it is beyond them.
#[derive(Debug, Clone, PartialEq)]
pub struct Bricks {
    pub dims: [usize; 3],
    pub ranges: Vec<[u16; 2]>,
}

impl Bricks {
    fn new(texels: &[u16], [nx, ny, nz]: [usize; 3]) -> Self {
        let dims = [nx, ny, nz].map(|n| n.div_ceil(BRICK));
        // Samples between texel centres also see the neighbours just outside.
        let reach = |brick: usize, n: usize| {
            (brick * BRICK).saturating_sub(1)..((brick + 1) * BRICK + 1).min(n)
        };
        let ranges = (0..dims.iter().product::<usize>())
            .into_par_iter()
            .map(|index| {
                let brick = [
                    index % dims[0],
                    index / dims[0] % dims[1],
                    index / (dims[0] * dims[1]),
                ];
                let row = reach(brick[0], nx);
                let mut range = [u16::MAX, 0];
                for z in reach(brick[2], nz) {
                    for y in reach(brick[1], ny) {
                        let start = nx * (y + ny * z);
                        let row = texels.get(start + row.start..start + row.end);
                        for &texel in row.into_iter().flatten() {
                            range = [range[0].min(texel), range[1].max(texel)];
                        }
                    }
                }
                range
            })
            .collect();
        Self { dims, ranges }
    }
}

/// The labels of a segmentation or of supervoxels.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelTexels {
    pub facts: LayerFacts,
    pub texels: Vec<u16>,
    pub largest: u16,
}

impl LabelTexels {
    /// Prepares labels for textures of at most `largest_side` texels a side.
    pub fn new(map: &LabelMap, largest_side: usize) -> Self {
        let mut facts = LayerFacts::new(map.grid(), largest_side);
        let texels: Vec<u16> = if facts.is_reduced() {
            let voxel = |index| facts.voxel_index(map.grid(), facts.texel(index));
            let label = |index| map.labels().get(voxel(index)).copied().unwrap_or(0);
            (0..facts.texel_count())
                .into_par_iter()
                .map(label)
                .collect()
        } else {
            map.labels().to_vec()
        };
        facts.occupied = occupied(&texels, &facts);
        let largest = texels.par_iter().copied().max().unwrap_or(0);
        Self {
            facts,
            texels,
            largest,
        }
    }
}

/// The half float nearest to a 16-bit fraction `t / 65535`.
pub(super) fn half_bits(t: u16) -> u16 {
    let bits = (f32::from(t) / 65535.0).to_bits();
    if bits < 0x3880_0000 {
        // Below 2^-14 halves are multiples of 2^-24.
        return (f32::from_bits(bits) * 16_777_216.0).round_ties_even() as u16;
    }
    let rounded = bits + 0x0fff + (bits >> 13 & 1);
    ((rounded >> 13) - (112 << 10)) as u16
}

/// The smallest box of texels around all labels other than 0.
fn occupied(texels: &[u16], facts: &LayerFacts) -> [[usize; 3]; 2] {
    let nothing = ([usize::MAX; 3], [0; 3]);
    let (low, end) = texels
        .par_iter()
        .enumerate()
        .filter(|&(_, &label)| label != 0)
        .fold(
            || nothing,
            |(low, end), (index, _)| {
                let texel = facts.texel(index);
                (
                    std::array::from_fn(|axis| texel[axis].min(low[axis])),
                    std::array::from_fn(|axis| (texel[axis] + 1).max(end[axis])),
                )
            },
        )
        .reduce(
            || nothing,
            |a, b| {
                (
                    std::array::from_fn(|axis| a.0[axis].min(b.0[axis])),
                    std::array::from_fn(|axis| a.1[axis].max(b.1[axis])),
                )
            },
        );
    if low[0] == usize::MAX {
        [[0; 3]; 2]
    } else {
        [low, end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Voxels;

    fn grid(dims: [usize; 3]) -> Grid {
        let world_from_voxel = DAffine3::from_scale(DVec3::new(2.0, 1.0, 3.0));
        Grid::new(dims, world_from_voxel).unwrap()
    }

    fn scan(dims: [usize; 3], values: Vec<f32>) -> Volume {
        Volume::new(grid(dims), Voxels::F32(values), (2.0, -1.0), "test").unwrap()
    }

    #[test]
    fn the_whole_range_is_stored_with_slope_and_intercept() {
        let texels = ScanTexels::new(&scan([4, 1, 1], vec![0.0, 1.0, f32::NAN, 4.0]), 512);
        assert_eq!((texels.value_low, texels.value_high), (-1.0, 7.0));
        assert_eq!(texels.texels, [0, 16384, 0, 65535]);
        assert!((texels.fraction(3.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn outliers_do_not_take_the_range() {
        let mut values: Vec<f32> = (0..8000).map(|i| i as f32 / 8000.0).collect();
        values[17] = 1e9;
        let texels = ScanTexels::new(&scan([20, 20, 20], values), 512);
        assert!(texels.value_high < 5.0, "{}", texels.value_high);
        assert_eq!(texels.texels[17], u16::MAX);
    }

    #[test]
    fn constant_and_empty_of_numbers_are_harmless() {
        assert_eq!(
            ScanTexels::new(&scan([2, 1, 1], vec![5.0; 2]), 512).texels,
            [0, 0]
        );
        let nothing = ScanTexels::new(&scan([2, 1, 1], vec![f32::NAN; 2]), 512);
        assert_eq!((nothing.value_low, nothing.value_high), (0.0, 1.0));
    }

    #[test]
    fn a_strided_copy_stays_in_its_place() {
        let values = (0..50).map(|i| i as f32).collect();
        let texels = ScanTexels::new(&scan([10, 5, 1], values), 4);
        assert_eq!(texels.facts.stride, [3, 2, 1]);
        assert_eq!(texels.facts.dims, [4, 3, 1]);
        // Texel (2, 1, 0) is voxel (6, 2, 0), at 12 mm and 2 mm.
        let world = texels
            .facts
            .texel_from_world
            .inverse()
            .transform_point3(DVec3::new(2.0, 1.0, 0.0));
        assert!(world.distance(DVec3::new(12.0, 2.0, 0.0)) < 1e-9);
        let stored = f64::from(texels.texels[2 + 4]) / 65535.0;
        assert!((stored - texels.fraction(26.0 * 2.0 - 1.0)).abs() < 1e-4);
    }

    #[test]
    fn bricks_hold_what_a_sample_in_them_can_see() {
        let mut values = vec![0.0; 20 * 9];
        values[8] = 1.0; // the first texel of the second brick along x
        let bricks = ScanTexels::new(&scan([20, 9, 1], values), 512).bricks;
        assert_eq!(bricks.dims, [3, 2, 1]);
        let largest: Vec<u16> = bricks.ranges.iter().map(|range| range[1]).collect();
        assert_eq!(largest, [u16::MAX, u16::MAX, 0, 0, 0, 0]);
        assert!(bricks.ranges.iter().all(|range| range[0] == 0));
    }

    #[test]
    fn labels_know_where_they_are() {
        let mut labels = vec![0; 60];
        labels[1 + 5 * (2 + 4)] = 7;
        labels[3 + 5 * (1 + 4 * 2)] = 300;
        let texels = LabelTexels::new(&LabelMap::new(grid([5, 4, 3]), labels).unwrap(), 512);
        assert_eq!(texels.facts.occupied, [[1, 1, 1], [4, 3, 3]]);
        assert_eq!(texels.largest, 300);
        let empty = LabelTexels::new(&LabelMap::empty(grid([5, 4, 3])), 512);
        assert_eq!(empty.facts.occupied, [[0; 3]; 2]);
    }

    #[test]
    fn halves_are_the_nearest_ones() {
        let value = |bits: u16| {
            let (exponent, fraction) = (i32::from(bits >> 10), f64::from(bits & 0x3ff) / 1024.0);
            if exponent == 0 {
                fraction * 2.0_f64.powi(-14)
            } else {
                (1.0 + fraction) * 2.0_f64.powi(exponent - 15)
            }
        };
        assert_eq!(half_bits(0), 0);
        assert_eq!(half_bits(u16::MAX), 0x3c00);
        for t in (0..=u16::MAX).step_by(7) {
            let exact = f64::from(t) / 65535.0;
            let bits = half_bits(t);
            let error = (value(bits) - exact).abs();
            for other in [bits.saturating_sub(1), bits + 1] {
                // The fraction is rounded to f32 first, hence the hair of slack.
                assert!(error <= (value(other) - exact).abs() + 1e-8, "{t}");
            }
        }
    }
}
