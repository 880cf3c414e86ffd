//! Rows times weights, with what is done to rows before and to results after.

use bytemuck::{Pod, Zeroable};

use super::program::{PRODUCT, Precision, Program, SUM_SPLITS};
use super::queue::{Access, Buffer, Queue, spread};
use crate::model::ModelError;

/// Most voxels a row is gathered from.
const MOST_PLACES: usize = 27;

/// Inner numbers that a workgroup takes at a time. The network's widths are multiples of
/// it, and all variants fit in 16 KiB of workgroup memory.
const STEP: usize = 12;

/// Workgroups that keep a large device busy. A product with fewer is split.
const ENOUGH_WORKGROUPS: usize = 256;

/// Least steps a split is worth.
const LEAST_STEPS: usize = 24;

/// Grids of voxels with their channels, images × depth × height × width × channels.
#[derive(Debug, Clone)]
pub struct Map {
    pub buffer: Buffer,
    pub images: usize,
    pub dims: [usize; 3],
    /// A multiple of four.
    pub channels: usize,
}

impl Map {
    /// Memory for a map.
    pub fn empty(
        queue: &Queue,
        images: usize,
        dims: [usize; 3],
        channels: usize,
    ) -> Result<Self, ModelError> {
        let count = images * dims.iter().product::<usize>() * channels;
        Ok(Self {
            buffer: queue.stored(count)?,
            images,
            dims,
            channels,
        })
    }

    /// Voxels of one image.
    pub fn voxels(&self) -> usize {
        self.dims.iter().product()
    }

    /// Vectors of channels of a voxel.
    pub fn quads(&self) -> usize {
        self.channels / 4
    }
}

/// The voxels that a row is gathered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    offsets: Vec<[i32; 3]>,
    /// Steps from one row's voxels to the next's.
    stride: usize,
}

impl Places {
    /// The voxel itself.
    pub fn own() -> Self {
        Self {
            offsets: vec![[0; 3]],
            stride: 1,
        }
    }

    /// The 3×3×3 voxels around it.
    pub fn around() -> Self {
        let offset = |i: i32| [i / 9 - 1, i / 3 % 3 - 1, i % 3 - 1];
        Self {
            offsets: (0..27).map(offset).collect(),
            stride: 1,
        }
    }

    /// The 2×2×2 voxels of a cell, in the given order.
    pub fn cell(offsets: [[usize; 3]; 8]) -> Self {
        Self {
            offsets: offsets.map(|o| o.map(|n| n as i32)).to_vec(),
            stride: 2,
        }
    }

    /// The 2×2×2 voxels of a cell, last axis fastest.
    pub fn raster_cell() -> Self {
        Self::cell(std::array::from_fn(|i| [i / 4, i / 2 % 2, i % 2]))
    }

    pub fn count(&self) -> usize {
        self.offsets.len()
    }

    pub fn offsets(&self) -> &[[i32; 3]] {
        &self.offsets
    }

    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The grid of rows over a grid of voxels.
    pub fn row_dims(&self, dims: [usize; 3]) -> [usize; 3] {
        dims.map(|n| n.div_ceil(self.stride))
    }
}

/// Weights for rows of gathered voxels.
#[derive(Debug, Clone)]
pub struct Matrix {
    places: Places,
    /// Inner × columns; the inner numbers are (place, channel).
    weights: Buffer,
    bias: Option<Buffer>,
    channels: usize,
    columns: usize,
}

impl Matrix {
    /// `weights` are places × channels × columns, row-major; `bias` is one a column.
    pub fn new(
        queue: &Queue,
        places: Places,
        weights: &[f32],
        bias: Option<&[f32]>,
        channels: usize,
    ) -> Result<Self, ModelError> {
        let inner = places.count() * channels;
        let columns = weights.len() / inner.max(1);
        Ok(Self {
            weights: queue.upload_stored(weights)?,
            bias: bias.map(|bias| queue.upload(bias)).transpose()?,
            places,
            channels,
            columns,
        })
    }

    pub fn places(&self) -> &Places {
        &self.places
    }
}

/// What rows are normalised with as they are read.
#[derive(Debug, Clone, Copy)]
pub enum Norm<'a> {
    None,
    /// Each row by itself, with the result of `row_statistics`.
    Rows(&'a Buffer),
    /// Each channel of each image, with the result of `channel_statistics`, and a leaky
    /// rectifier after it.
    Channels(&'a Buffer),
}

/// What is done to results before they are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct After<'a> {
    pub gelu: bool,
    /// Added.
    pub residual: Option<&'a Map>,
    /// Results of a row are eight groups of channels, for the voxels of a cell.
    pub scatter: bool,
}

/// A variant of the kernel: how the columns of a workgroup are dealt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    across: usize,
    down: usize,
    thread_quads: usize,
}

impl Tile {
    /// All variants, widest first.
    pub const ALL: [Self; 4] = [
        Self::of(12, 16, 2),
        Self::of(6, 32, 2),
        Self::of(6, 32, 1),
        Self::of(3, 32, 1),
    ];

    const fn of(across: usize, down: usize, thread_quads: usize) -> Self {
        Self {
            across,
            down,
            thread_quads,
        }
    }

    fn columns(self) -> usize {
        4 * self.across * self.thread_quads
    }

    fn rows(self) -> usize {
        8 * self.down
    }

    /// The variant with the least work, where the narrow ones count for more because
    /// their threads read more for each sum.
    fn for_columns(columns: usize) -> Self {
        let cost = |tile: &Self| {
            let per_column = match tile.columns() {
                96.. => 20,
                48.. => 21,
                24.. => 27,
                _ => 32,
            };
            columns.next_multiple_of(tile.columns()) * per_column
        };
        let least = Self::ALL.into_iter().min_by_key(cost);
        least.unwrap_or(Self::of(3, 32, 1))
    }

    pub fn program(self, precision: Precision, single_result: bool) -> Program {
        let workgroup = [self.across as u32, self.down as u32, 1];
        Program::new(PRODUCT, precision, workgroup)
            .constant("THREADS_ACROSS", self.across)
            .constant("THREADS_DOWN", self.down)
            .constant("THREAD_QUADS", self.thread_quads)
            .constant("STEP", STEP)
            .single_result(single_result)
    }
}

const ROW_NORM: u32 = 1;
const CHANNEL_NORM: u32 = 2;
const BIAS: u32 = 4;
const GELU: u32 = 8;
const RESIDUAL: u32 = 16;
const SCATTER: u32 = 32;

/// `Product` of product.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct ProductParameters {
    pub input_dims: [i32; 3],
    pub first_quads: u32,
    pub row_dims: [i32; 3],
    pub second_quads: u32,
    pub column_quads: u32,
    pub inner_quads: u32,
    pub quads_per_split: u32,
    pub splits: u32,
    pub rows_per_image: u32,
    pub tiles_per_image: u32,
    pub images: u32,
    pub stride: i32,
    pub flags: u32,
    pub first_tile: u32,
    pub unused: [u32; 2],
    pub places: [[i32; 4]; MOST_PLACES],
}

/// `Splits` of sum_splits.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct SplitParameters {
    pub splits: u32,
    pub count: u32,
    pub column_quads: u32,
    pub flags: u32,
}

/// The product of the rows of one map, or of two side by side, with weights.
///
/// # Shapes
///
/// - `first`, `second`: images × dims × channels, together as many channels as the weights
/// - result: images × (dims / stride) × columns; with `scatter` images × (2 · dims) ×
///   (columns / 8)
///
/// Errors: a result larger than the device can bind.
pub fn product(
    queue: &Queue,
    first: &Map,
    second: Option<&Map>,
    matrix: &Matrix,
    norm: Norm<'_>,
    after: After<'_>,
) -> Result<Map, ModelError> {
    let second_quads = second.map_or(0, Map::quads);
    if 4 * (first.quads() + second_quads) != matrix.channels {
        return Err(ModelError::Shape {
            what: "channels of a product",
            expected: vec![matrix.channels],
            actual: vec![4 * (first.quads() + second_quads)],
        });
    }
    let row_dims = matrix.places.row_dims(first.dims);
    let rows_per_image: usize = row_dims.iter().product();
    let images = first.images;
    let tile = Tile::for_columns(matrix.columns);
    let tiles_per_image = rows_per_image.div_ceil(tile.rows());
    let column_tiles = matrix.columns.div_ceil(tile.columns());
    let inner_quads = matrix.places.count() * matrix.channels / 4;
    let steps = inner_quads.div_ceil(STEP / 4);
    let workgroups = images * tiles_per_image * column_tiles;
    let wanted = if after.scatter || 2 * workgroups > ENOUGH_WORKGROUPS {
        1
    } else {
        (ENOUGH_WORKGROUPS / workgroups.max(1)).min(steps / LEAST_STEPS)
    };
    let steps_per_split = steps.div_ceil(wanted.max(1));
    let splits = steps.div_ceil(steps_per_split);

    let mut flags = match norm {
        Norm::None => 0,
        Norm::Rows(_) => ROW_NORM,
        Norm::Channels(_) => CHANNEL_NORM,
    };
    if matrix.bias.is_some() {
        flags |= BIAS;
    }
    if after.gelu {
        flags |= GELU;
    }
    if after.residual.is_some() {
        flags |= RESIDUAL;
    }
    if after.scatter {
        flags |= SCATTER;
    }
    let mut places = [[0; 4]; MOST_PLACES];
    for (place, &[d, h, w]) in places.iter_mut().zip(matrix.places.offsets()) {
        *place = [d, h, w, 0];
    }
    let parameters = ProductParameters {
        input_dims: first.dims.map(|n| n as i32),
        first_quads: first.quads() as u32,
        row_dims: row_dims.map(|n| n as i32),
        second_quads: second_quads as u32,
        column_quads: (matrix.columns / 4) as u32,
        inner_quads: inner_quads as u32,
        quads_per_split: (steps_per_split * STEP / 4) as u32,
        splits: splits as u32,
        rows_per_image: rows_per_image as u32,
        tiles_per_image: tiles_per_image as u32,
        images: images as u32,
        stride: matrix.places.stride() as i32,
        flags,
        first_tile: 0,
        unused: [0; 2],
        places,
    };
    let result = if after.scatter {
        let dims = first.dims.map(|n| 2 * n);
        Map::empty(queue, images, dims, matrix.columns / 8)?
    } else {
        Map::empty(queue, images, row_dims, matrix.columns)?
    };
    let count = images * rows_per_image * matrix.columns;
    let partial = (splits > 1)
        .then(|| queue.single(splits * count))
        .transpose()?;
    // Buffers that are not used must still be bound; any will do.
    let bias = matrix.bias.as_ref().unwrap_or(&matrix.weights);
    let statistics = match norm {
        Norm::None => &matrix.weights,
        Norm::Rows(buffer) | Norm::Channels(buffer) => buffer,
    };
    let residual = after.residual.map_or(&matrix.weights, |map| &map.buffer);
    let program = tile.program(queue.precision(), splits > 1);
    let buffers = [
        (&first.buffer, Access::Read),
        (
            second.map_or(&first.buffer, |map| &map.buffer),
            Access::Read,
        ),
        (&matrix.weights, Access::Read),
        (bias, Access::Read),
        (statistics, Access::Read),
        (residual, Access::Read),
        (
            partial.as_ref().unwrap_or(&result.buffer),
            Access::ReadWrite,
        ),
    ];
    // A device that a view shares gets long products in parts.
    let tiles = images * tiles_per_image;
    let columns = column_tiles * tile.columns();
    let per_tile = (2 * tile.rows() * 4 * inner_quads * columns) as f64;
    let at_once = ((queue.largest_launch() / per_tile) as usize).clamp(1, tiles.max(1));
    for first_tile in (0..tiles).step_by(at_once) {
        let count = at_once.min(tiles - first_tile);
        let parameters = ProductParameters {
            first_tile: first_tile as u32,
            ..parameters
        };
        queue.launch_costing(
            &program,
            [count, column_tiles, splits],
            &buffers,
            &parameters,
            count as f64 * per_tile,
        )?;
    }
    if let Some(partial) = partial {
        queue.launch(
            &Program::new(SUM_SPLITS, queue.precision(), [128, 1, 1]),
            spread(count / 4, 128),
            &[
                (&partial, Access::Read),
                (bias, Access::Read),
                (residual, Access::Read),
                (&result.buffer, Access::Write),
            ],
            &SplitParameters {
                splits: splits as u32,
                count: (count / 4) as u32,
                column_quads: (matrix.columns / 4) as u32,
                flags,
            },
        )?;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fit_the_network_widths() {
        for (columns, tile) in [(12, 12), (24, 24), (36, 48), (48, 48), (96, 96), (144, 48)] {
            assert_eq!(Tile::for_columns(columns).columns(), tile, "{columns}");
        }
        for tile in Tile::ALL {
            let left = STEP * (tile.rows() / 4 + 1) * 16;
            let right = STEP * tile.columns() * 4;
            assert!(left + right + 4 * tile.rows() <= 16 << 10);
            assert!(tile.across * tile.down <= 256);
        }
    }
}
