//! The transformer's layers on rows of tokens: blocks, patch merging and embedding.
//!
//! Linear layers and norms work on a few rows at a time, so that what is between two
//! layers stays in the nearest caches.

use std::ops::Range;

use rayon::prelude::*;

use super::Observer;
use super::attention::WindowAttention;
use super::map::{Pool, Shared};
use super::matrix::{Finish, PackedMatrix, Rows};
use super::norm::LayerNorm;
use super::simd::{InstructionSet, kernel};

/// Rows that go through a layer together.
const ROWS: usize = 48;

/// Calls `work` for all of `count` rows, a few of them at a time and in parallel, each time
/// with room of its thread's own.
fn for_rows(count: usize, work: impl Fn(Range<usize>, &mut Vec<f32>) + Sync) {
    (0..count.div_ceil(ROWS))
        .into_par_iter()
        .for_each_init(Vec::new, |scratch, task| {
            let first = task * ROWS;
            work(first..count.min(first + ROWS), scratch);
        });
}

/// Norm, window attention, norm, feed-forward, each of the two with a shortcut
/// (MONAI's `SwinTransformerBlock`).
#[derive(Debug)]
pub struct SwinBlock {
    pub set: InstructionSet,
    pub width: usize,
    pub norm1: LayerNorm,
    pub qkv: PackedMatrix,
    pub attention: WindowAttention,
    pub projection: PackedMatrix,
    pub norm2: LayerNorm,
    pub expand: PackedMatrix,
    pub contract: PackedMatrix,
}

impl SwinBlock {
    /// Changes the tokens (rows of `width`) of a grid.
    pub fn forward(
        &self,
        tokens: &mut [f32],
        grid: [usize; 3],
        pool: &mut Pool,
        observer: Observer<'_>,
    ) {
        let (count, width) = (grid.iter().product::<usize>(), self.width);
        assert!(tokens.len() >= count * width);
        let mut projected = pool.buffer((count + 1) * 3 * width);
        let target = Shared::new(&mut projected);
        let source = &*tokens;
        for_rows(count, |rows, scratch| {
            // SAFETY: each task reads and writes its own rows of buffers that hold all.
            unsafe { project(self.set, self, source, target, rows, scratch) };
        });
        // The row after the last token is padding: zero after the norm, so that its queries,
        // keys and values are the bias.
        projected[count * 3 * width..][..3 * width].copy_from_slice(self.qkv.bias());
        observer("queries, keys and values");
        let mut attended = pool.buffer(count * width);
        self.attention
            .attend(&projected[..(count + 1) * 3 * width], grid, &mut attended);
        observer("window attention");
        pool.give(projected);
        let target = Shared::new(tokens);
        let source = &attended;
        for_rows(count, |rows, scratch| {
            // SAFETY: each task reads and writes its own rows of buffers that hold all.
            unsafe { feed_forward(self.set, self, source, target, rows, scratch) };
        });
        pool.give(attended);
        observer("projection and feed-forward");
    }
}

kernel! {
    /// Queries, keys and values of rows of tokens.
    ///
    /// # Safety
    ///
    /// `tokens` holds the rows, `to` the rows of 3 × width; no other thread uses these rows
    /// of `to`.
    unsafe fn project<S>(
        block: &SwinBlock,
        tokens: &[f32],
        to: Shared,
        rows: Range<usize>,
        scratch: &mut Vec<f32>,
    ) {
        let width = block.width;
        scratch.clear();
        scratch.resize(ROWS * width, 0.0);
        // SAFETY: the caller's contract.
        unsafe {
            let normal = Rows::new(scratch.as_mut_ptr(), width);
            let tokens = Rows::new(tokens.as_ptr().add(rows.start * width), width);
            block.norm1.rows::<S>(tokens, normal, rows.len(), width);
            let to = Rows::new(to.pointer().add(rows.start * 3 * width), 3 * width);
            let normal = Rows::new(scratch.as_ptr(), width);
            block.qkv.multiply::<S>(normal, to, rows.len(), Finish::Store);
        }
    }
}

kernel! {
    /// Adds projected attention and the feed-forward layer to rows of tokens.
    ///
    /// # Safety
    ///
    /// `attended` and `tokens` hold the rows; no other thread uses these rows.
    unsafe fn feed_forward<S>(
        block: &SwinBlock,
        attended: &[f32],
        tokens: Shared,
        rows: Range<usize>,
        scratch: &mut Vec<f32>,
    ) {
        let width = block.width;
        let hidden_width = block.expand.outputs;
        scratch.resize(ROWS * (width + hidden_width), 0.0);
        // SAFETY: the caller's contract.
        unsafe {
            let own = tokens.pointer().add(rows.start * width);
            let attended = Rows::new(attended.as_ptr().add(rows.start * width), width);
            block.projection.multiply::<S>(attended, Rows::new(own, width), rows.len(), Finish::Add);
            let normal = scratch.as_mut_ptr();
            let hidden = normal.add(ROWS * width);
            let own_read = Rows::new(own.cast_const(), width);
            block.norm2.rows::<S>(own_read, Rows::new(normal, width), rows.len(), width);
            block.expand.multiply::<S>(
                Rows::new(normal.cast_const(), width),
                Rows::new(hidden, hidden_width),
                rows.len(),
                Finish::Gelu,
            );
            block.contract.multiply::<S>(
                Rows::new(hidden.cast_const(), hidden_width),
                Rows::new(own, width),
                rows.len(),
                Finish::Add,
            );
        }
    }
}

/// Halves the grid: stacks the tokens of each 2×2×2 cell, norm, linear to twice the
/// width (MONAI's `PatchMerging` and `PatchMergingV2`). Odd axes are padded with zeros
/// at the far end.
#[derive(Debug)]
pub struct PatchMerging {
    pub set: InstructionSet,
    pub width: usize,
    pub norm: LayerNorm,
    pub reduction: PackedMatrix,
    pub offsets: [[usize; 3]; 8],
}

impl PatchMerging {
    /// Tokens of the halved grid, twice as wide.
    pub fn forward(
        &self,
        tokens: &[f32],
        grid: [usize; 3],
        pool: &mut Pool,
    ) -> ([usize; 3], Vec<f32>) {
        let merged = grid.map(|n| n.div_ceil(2));
        let count: usize = merged.iter().product();
        assert!(tokens.len() >= grid.iter().product::<usize>() * self.width);
        let mut result = pool.buffer(count * 2 * self.width);
        let target = Shared::new(&mut result);
        for_rows(count, |rows, scratch| {
            // SAFETY: each task writes its own rows of a buffer that holds all.
            unsafe { merge(self.set, self, tokens, grid, target, rows, scratch) };
        });
        (merged, result)
    }
}

kernel! {
    /// Merges the cells of some rows of the halved grid.
    ///
    /// # Safety
    ///
    /// `tokens` holds the grid, `to` the halved grid of twice the width; no other thread
    /// uses these rows of it.
    unsafe fn merge<S>(
        merging: &PatchMerging,
        tokens: &[f32],
        grid: [usize; 3],
        to: Shared,
        rows: Range<usize>,
        scratch: &mut Vec<f32>,
    ) {
        let width = merging.width;
        let [_, h, w] = grid.map(|n| n.div_ceil(2));
        scratch.clear();
        scratch.resize(ROWS * 8 * width, 0.0);
        for (row, cell) in scratch.chunks_exact_mut(8 * width).take(rows.len()).enumerate() {
            let index = rows.start + row;
            let at = [index / (h * w), index / w % h, index % w];
            for (part, offset) in cell.chunks_exact_mut(width).zip(merging.offsets) {
                let at: [usize; 3] = std::array::from_fn(|a| 2 * at[a] + offset[a]);
                if (0..3).all(|a| at[a] < grid[a]) {
                    let token = (at[0] * grid[1] + at[1]) * grid[2] + at[2];
                    part.copy_from_slice(&tokens[token * width..][..width]);
                }
            }
        }
        // SAFETY: the caller's contract.
        unsafe {
            let cells = Rows::new(scratch.as_mut_ptr(), 8 * width);
            let read = Rows::new(scratch.as_ptr(), 8 * width);
            merging.norm.rows::<S>(read, cells, rows.len(), 8 * width);
            let to = Rows::new(to.pointer().add(rows.start * 2 * width), 2 * width);
            merging.reduction.multiply::<S>(read, to, rows.len(), Finish::Store);
        }
    }
}

/// Cuts an image into 2×2×2 cells and projects each to a token.
#[derive(Debug)]
pub struct PatchEmbedding {
    pub set: InstructionSet,
    pub inputs: usize,
    /// (8 · inputs) × width.
    pub matrix: PackedMatrix,
}

impl PatchEmbedding {
    /// Tokens of an image D×H×W×inputs with even dimensions.
    pub fn forward(
        &self,
        image: &[f32],
        dims: [usize; 3],
        pool: &mut Pool,
    ) -> ([usize; 3], Vec<f32>) {
        let grid = dims.map(|n| n / 2);
        let count: usize = grid.iter().product();
        assert!(image.len() >= 8 * count * self.inputs);
        let mut result = pool.buffer(count * self.matrix.outputs);
        let target = Shared::new(&mut result);
        for_rows(count, |rows, scratch| {
            // SAFETY: each task writes its own rows of a buffer that holds all.
            unsafe { embed(self.set, self, image, dims, target, rows, scratch) };
        });
        (grid, result)
    }
}

kernel! {
    /// Embeds the cells of some tokens.
    ///
    /// # Safety
    ///
    /// `image` holds the image, `to` all tokens; no other thread uses these rows of it.
    unsafe fn embed<S>(
        embedding: &PatchEmbedding,
        image: &[f32],
        dims: [usize; 3],
        to: Shared,
        rows: Range<usize>,
        scratch: &mut Vec<f32>,
    ) {
        let inputs = embedding.inputs;
        let width = embedding.matrix.outputs;
        let [_, h, w] = dims;
        scratch.resize(ROWS * 8 * inputs, 0.0);
        for (row, cell) in scratch.chunks_exact_mut(8 * inputs).take(rows.len()).enumerate() {
            let index = rows.start + row;
            let (z, y, x) = (index / (h * w / 4), index / (w / 2) % (h / 2), index % (w / 2));
            for corner in 0..8 {
                let (i, j, k) = (corner / 4, corner / 2 % 2, corner % 2);
                let voxel = ((2 * z + i) * h + 2 * y + j) * w + 2 * x + k;
                for channel in 0..inputs {
                    cell[8 * channel + corner] = image[voxel * inputs + channel];
                }
            }
        }
        // SAFETY: the caller's contract.
        unsafe {
            let cells = Rows::new(scratch.as_ptr(), 8 * inputs);
            let to = Rows::new(to.pointer().add(rows.start * width), width);
            embedding.matrix.multiply::<S>(cells, to, rows.len(), Finish::Store);
        }
    }
}
