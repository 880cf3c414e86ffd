//! SLIC's inner loop: which centre is nearest to each voxel.
//!
//! The image is cut into tiles of a few hundred voxels. For each tile the centres that
//! search it are listed, those are struck off that no voxel of the tile can be nearest
//! to (by bounds on position and values), and eight voxels at a time are compared with
//! what remains. The result does not depend on the tiles that threads take.

use super::NONE;
use super::clusters::{Clusters, Sums};
use super::domain::Domain;
use super::features::Features;

/// Voxels compared at a time, and the width of a tile.
pub(super) const LANES: usize = 8;
type Lanes<T> = [T; LANES];

/// The tiles of an work.
pub(super) struct Tiles {
    /// Voxels along y and z.
    height: usize,
    pub depth: usize,
    across: [usize; 3],
    /// Smallest and largest value of each tile, channel after channel.
    ranges: Vec<[f32; 2]>,
    channels: usize,
}

impl Tiles {
    /// Tiles for cells of `step_mm`: small cells need small tiles, or too many centres
    /// search each.
    pub fn new(domain: &Domain, features: &Features, step_mm: f64) -> Self {
        let edge = |axis: usize| {
            let cell = step_mm / domain.spacing_mm[axis];
            if cell >= 8.0 { 8 } else { 4 }
        };
        let mut tiles = Self {
            height: edge(1),
            depth: edge(2),
            across: [0; 3],
            ranges: Vec::new(),
            channels: features.channels(),
        };
        let [nx, ny, nz] = domain.dims;
        tiles.across = [
            nx.div_ceil(LANES),
            ny.div_ceil(tiles.height),
            nz.div_ceil(tiles.depth),
        ];
        tiles.ranges = tiles.value_ranges(domain, features);
        tiles
    }

    /// Voxels of a tile along each axis.
    pub fn edges(&self) -> [usize; 3] {
        [LANES, self.height, self.depth]
    }

    fn value_ranges(&self, domain: &Domain, features: &Features) -> Vec<[f32; 2]> {
        use rayon::prelude::*;
        let [nx, ny, nz] = domain.dims;
        let slab = self.across[0] * self.across[1] * self.channels;
        let mut ranges = vec![[f32::INFINITY, f32::NEG_INFINITY]; slab * self.across[2]];
        ranges
            .par_chunks_mut(slab.max(1))
            .enumerate()
            .for_each(|(tile_z, ranges)| {
                for z in tile_z * self.depth..((tile_z + 1) * self.depth).min(nz) {
                    for y in 0..ny {
                        let first = (z * ny + y) * nx;
                        let strip = y / self.height * self.across[0];
                        for (channel, feature) in features.0.iter().enumerate() {
                            let row = feature[first..first + nx].chunks(LANES);
                            for (tile_x, values) in row.enumerate() {
                                let at = (strip + tile_x) * self.channels + channel;
                                let [low, high] = &mut ranges[at];
                                for &value in values {
                                    *low = if value < *low { value } else { *low };
                                    *high = if value > *high { value } else { *high };
                                }
                            }
                        }
                    }
                }
            });
        ranges
    }
}

/// The centres that a tile is compared with.
#[derive(Default)]
struct Candidates {
    labels: Vec<u32>,
    /// Weighted positions: a squared difference is a squared distance.
    x: Vec<f32>,
    y: Vec<f32>,
    z: Vec<f32>,
    /// `channels` values each.
    values: Vec<f32>,
    /// Smallest squared distance to any voxel of the tile.
    least: Vec<f32>,
    /// The part of the squared distance that a row of voxels shares.
    off_axis: Vec<f32>,
    /// Voxels taken, and the sums of their places in the tile.
    taken: Vec<Taken>,
    value_sums: Vec<f32>,
}

/// How many voxels and the sums of their x, y and z in the tile: four numbers of 16 bits,
/// so that one addition does for all. The 512 voxels of the largest tile fit.
#[derive(Clone, Copy, Default)]
struct Taken(u64);

impl Taken {
    fn one(place: [usize; 3]) -> Self {
        Self((0..3).fold(1, |sum, axis| sum + Self::place(axis, place[axis])))
    }

    fn place(axis: usize, voxels: usize) -> u64 {
        (voxels as u64) << (16 * (axis + 1))
    }

    fn sums(self) -> [u32; 4] {
        std::array::from_fn(|part| (self.0 >> (16 * part) & 0xffff) as u32)
    }
}

/// What a thread works with, slab after slab.
pub(super) struct Worker {
    candidates: Candidates,
    block: Vec<Lanes<f32>>,
    pub sums: Sums,
}

impl Worker {
    pub fn new(clusters: &Clusters) -> Self {
        Self {
            candidates: Candidates::default(),
            block: vec![[0.0; LANES]; clusters.channels],
            sums: Sums::new(clusters),
        }
    }

    /// Gives the voxels of a slab of tiles to their nearest centres and adds them to
    /// the sums. Only every `stride`th row and slice is looked at. `labels` are those
    /// of the slab; voxels that no centre searches are [`NONE`].
    pub fn assign_slab(
        &mut self,
        work: &Work<'_>,
        clusters: &Clusters,
        tile_z: usize,
        stride: usize,
        labels: &mut [u32],
    ) {
        for tile_y in 0..work.tiles.across[1] {
            for tile_x in 0..work.tiles.across[0] {
                let tile = Tile::new(work, [tile_x, tile_y, tile_z]);
                self.candidates.list(&tile, work, clusters);
                if self.candidates.labels.is_empty() {
                    tile.clear(work, labels);
                    continue;
                }
                assign(self, work, &tile, clusters, stride, labels);
                self.candidates.flush(&tile, clusters, &mut self.sums);
            }
        }
    }
}

/// What is cut.
pub(super) struct Work<'a> {
    pub domain: &'a Domain,
    pub features: &'a Features,
    pub tiles: &'a Tiles,
}

/// One tile: first voxel and the voxel after the last along each axis.
struct Tile<'a> {
    start: [usize; 3],
    end: [usize; 3],
    ranges: &'a [[f32; 2]],
}

impl<'a> Tile<'a> {
    fn new(work: &Work<'a>, [x, y, z]: [usize; 3]) -> Self {
        let tiles = work.tiles;
        let edges = [LANES, tiles.height, tiles.depth];
        let start = std::array::from_fn(|axis| [x, y, z][axis] * edges[axis]);
        let number = x + tiles.across[0] * (y + tiles.across[1] * z);
        Self {
            start,
            end: std::array::from_fn(|axis| {
                (start[axis] + edges[axis]).min(work.domain.dims[axis])
            }),
            ranges: &tiles.ranges[number * tiles.channels..(number + 1) * tiles.channels],
        }
    }

    /// The row's first voxel in the image and in the slab.
    fn row(&self, work: &Work<'_>, y: usize, z: usize) -> (usize, usize) {
        let [nx, ny, _] = work.domain.dims;
        let at = |z: usize| (z * ny + y) * nx + self.start[0];
        (at(z), at(z - self.start[2]))
    }

    fn clear(&self, work: &Work<'_>, labels: &mut [u32]) {
        for z in self.start[2]..self.end[2] {
            for y in self.start[1]..self.end[1] {
                let (_, at) = self.row(work, y, z);
                labels[at..at + self.end[0] - self.start[0]].fill(NONE);
            }
        }
    }
}

impl Candidates {
    /// The centres that search a tile and may be the nearest of one of its voxels.
    fn list(&mut self, tile: &Tile<'_>, work: &Work<'_>, clusters: &Clusters) {
        self.labels.clear();
        self.least.clear();
        let spacing = clusters.spacing_mm;
        let low: [f32; 3] = std::array::from_fn(|a| tile.start[a] as f32 * spacing[a]);
        let high: [f32; 3] = std::array::from_fn(|a| (tile.end[a] - 1) as f32 * spacing[a]);
        let mut sure = f32::INFINITY;
        clusters.searching(low, high, |label, centre, values| {
            let (mut near, mut far) = (0.0, 0.0);
            for axis in 0..3 {
                let (below, above) = (low[axis] - centre[axis], centre[axis] - high[axis]);
                let gap = below.max(above).max(0.0);
                if gap > clusters.window_mm {
                    return;
                }
                let reach = below.min(above);
                near += gap * gap;
                far += reach * reach;
            }
            near *= clusters.weight;
            far *= clusters.weight;
            for (&[low, high], &value) in tile.ranges.iter().zip(values) {
                let (below, above) = (low - value, value - high);
                let gap = below.max(above).max(0.0);
                let reach = below.min(above);
                near += gap * gap;
                far += reach * reach;
            }
            self.labels.push(label);
            self.least.push(near);
            sure = sure.min(far);
        });
        // The bounds are rounded otherwise than the distances.
        let most = sure * 1.000_01 + 1e-9;
        let mut least = self.least.iter();
        self.labels
            .retain(|_| least.next().is_some_and(|&least| least <= most));
        self.fill(work, clusters);
    }

    fn fill(&mut self, work: &Work<'_>, clusters: &Clusters) {
        let root = clusters.weight.sqrt();
        self.values.clear();
        for part in [&mut self.x, &mut self.y, &mut self.z] {
            part.clear();
        }
        for &label in &self.labels {
            let (centre, values) = clusters.get(label);
            self.x.push(centre[0] * root);
            self.y.push(centre[1] * root);
            self.z.push(centre[2] * root);
            self.values.extend_from_slice(values);
        }
        let count = self.labels.len();
        self.off_axis.resize(count, 0.0);
        self.taken.clear();
        self.taken.resize(count, Taken::default());
        self.value_sums.clear();
        self.value_sums
            .resize(count * work.features.channels(), 0.0);
    }

    fn off_axis(&mut self, y: f32, z: f32) {
        let centres = self.y.iter().zip(&self.z);
        for (off_axis, (centre_y, centre_z)) in self.off_axis.iter_mut().zip(centres) {
            let (dy, dz) = (y - centre_y, z - centre_z);
            *off_axis = dy * dy + dz * dz;
        }
    }

    /// The nearest candidate of each of eight voxels, if one is nearer than `best`.
    #[inline(always)]
    fn nearest(&self, x: &Lanes<f32>, block: &[Lanes<f32>], mut best: Lanes<f32>) -> Lanes<u32> {
        let mut owner = [NONE; LANES];
        let channels = block.len();
        let places = self.x.iter().zip(&self.off_axis);
        for (i, (&centre_x, &off_axis)) in places.enumerate() {
            let mut distance = [0.0; LANES];
            for lane in 0..LANES {
                let dx = x[lane] - centre_x;
                distance[lane] = off_axis + dx * dx;
            }
            let values = &self.values[i * channels..(i + 1) * channels];
            for (voxels, &value) in block.iter().zip(values) {
                for lane in 0..LANES {
                    let unlike = voxels[lane] - value;
                    distance[lane] += unlike * unlike;
                }
            }
            // In two loops, each of which compiles to two instructions.
            for lane in 0..LANES {
                let nearer = distance[lane] < best[lane];
                owner[lane] = if nearer { i as u32 } else { owner[lane] };
            }
            for lane in 0..LANES {
                let (d, b) = (distance[lane], best[lane]);
                best[lane] = if d < b { d } else { b };
            }
        }
        owner
    }

    /// Adds eight voxels of a row to the sums of their owners. `place`: y and z in the
    /// tile.
    #[inline(always)]
    fn add(&mut self, owner: &Lanes<u32>, block: &[Lanes<f32>], place: [usize; 2]) {
        let channels = block.len();
        let row = Taken::one([0, place[0], place[1]]);
        let first = owner[0];
        if first != NONE && owner.iter().all(|&other| other == first) {
            const ALL: usize = LANES * (LANES - 1) / 2;
            self.taken[first as usize].0 += LANES as u64 * row.0 + Taken::place(0, ALL);
            let sums = &mut self.value_sums[first as usize * channels..];
            for (sum, voxels) in sums.iter_mut().zip(block) {
                *sum += voxels.iter().sum::<f32>();
            }
            return;
        }
        for (lane, &owner) in owner.iter().enumerate() {
            if owner == NONE {
                continue;
            }
            self.taken[owner as usize].0 += row.0 + Taken::place(0, lane);
            let sums = &mut self.value_sums[owner as usize * channels..];
            for (sum, voxels) in sums.iter_mut().zip(block) {
                *sum += voxels[lane];
            }
        }
    }

    fn flush(&self, tile: &Tile<'_>, clusters: &Clusters, sums: &mut Sums) {
        for (i, (&label, taken)) in self.labels.iter().zip(&self.taken).enumerate() {
            let taken = taken.sums();
            if taken[0] > 0 {
                let values = &self.value_sums[i * clusters.channels..(i + 1) * clusters.channels];
                sums.add(label, &taken, tile.start, values);
            }
        }
    }
}

/// Compares the voxels of a tile with its candidates, with the widest vectors of this
/// processor. No operation is fused, so all give the same result.
fn assign(
    worker: &mut Worker,
    work: &Work<'_>,
    tile: &Tile<'_>,
    clusters: &Clusters,
    stride: usize,
    labels: &mut [u32],
) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn with_avx2(
            worker: &mut Worker,
            work: &Work<'_>,
            tile: &Tile<'_>,
            clusters: &Clusters,
            stride: usize,
            labels: &mut [u32],
        ) {
            assign_rows(worker, work, tile, clusters, stride, labels);
        }
        // SAFETY: the processor has just been asked.
        unsafe { with_avx2(worker, work, tile, clusters, stride, labels) };
        return;
    }
    assign_rows(worker, work, tile, clusters, stride, labels);
}

#[inline(always)]
fn assign_rows(
    worker: &mut Worker,
    work: &Work<'_>,
    tile: &Tile<'_>,
    clusters: &Clusters,
    stride: usize,
    labels: &mut [u32],
) {
    let Worker {
        candidates, block, ..
    } = worker;
    let root = clusters.weight.sqrt();
    let place = |axis: usize, voxel: usize| voxel as f32 * clusters.spacing_mm[axis] * root;
    let x: Lanes<f32> = std::array::from_fn(|lane| place(0, tile.start[0] + lane));
    let width = tile.end[0] - tile.start[0];
    for z in (tile.start[2]..tile.end[2]).step_by(stride) {
        for y in (tile.start[1]..tile.end[1]).step_by(stride) {
            let (at, at_label) = tile.row(work, y, z);
            for (lanes, feature) in block.iter_mut().zip(&work.features.0) {
                lanes[..width].copy_from_slice(&feature[at..at + width]);
            }
            // Nothing is nearer than minus infinity: voxels outside are never taken.
            let mut best = [f32::NEG_INFINITY; LANES];
            for (best, &inside) in best.iter_mut().zip(&work.domain.inside[at..at + width]) {
                *best = if inside { f32::INFINITY } else { *best };
            }
            candidates.off_axis(place(1, y), place(2, z));
            let owner = candidates.nearest(&x, block, best);
            candidates.add(&owner, block, [y - tile.start[1], z - tile.start[2]]);
            let row = &mut labels[at_label..at_label + width];
            for (label, &owner) in row.iter_mut().zip(&owner) {
                *label = candidates
                    .labels
                    .get(owner as usize)
                    .copied()
                    .unwrap_or(NONE);
            }
        }
    }
}
