//! The network on the processor, written for it.
//!
//! Maps keep the channels of a voxel side by side, which is the order the transformer
//! works in, so nothing is reordered between its layers and the convolutions. Kernels
//! are written once and compiled for several instruction sets (`simd`); weights are
//! packed for them when a network is made. Buffers are used again from pass to pass.
//!
//! What lies here is arithmetic alone: names of weights are in `load`, windows over an
//! image are a floor above.

mod attention;
mod direct;
mod load;
mod map;
mod matrix;
mod norm;
mod residual;
mod simd;
mod transformer;
mod winograd;

use std::sync::{Mutex, PoisonError};

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::model::ModelError;
use crate::model::swin_unetr::NetworkConfig;
use map::{Map, Pool};
use matrix::{PackedMatrix, Rows};
use norm::LayerNorm;
use residual::{Destination, ResidualBlock, UpBlock};
use simd::kernel;
use transformer::{PatchEmbedding, PatchMerging, SwinBlock};

pub use simd::InstructionSet;

/// The network with its weights in main memory.
#[derive(Debug)]
pub struct CpuNetwork {
    config: NetworkConfig,
    set: InstructionSet,
    embedding: PatchEmbedding,
    stages: Vec<Stage>,
    encoder1: ResidualBlock,
    /// Encoders 2 to 4, for the maps of the first three stages.
    encoders: [ResidualBlock; 3],
    encoder10: ResidualBlock,
    /// Decoders 2 to 5, for the maps of the four stages.
    decoders: [UpBlock; 4],
    decoder1: UpBlock,
    out: PackedMatrix,
    /// Buffers of passes that have ended; one pool for each pass at a time.
    pools: Mutex<Vec<Pool>>,
    /// Threads of its own: on shared ones, whoever draws or finds supervoxels would wait for
    /// whole passes.
    threads: ThreadPool,
}

/// Two blocks and a merging (MONAI's `BasicLayer`), after a convolution block in
/// SwinUNETR-V2.
#[derive(Debug)]
struct Stage {
    convolution: Option<ResidualBlock>,
    blocks: Vec<SwinBlock>,
    merging: PatchMerging,
}

/// Hears the name of each part of a pass when it is done.
pub type Observer<'a> = &'a mut (dyn FnMut(&'static str) + Send);

impl CpuNetwork {
    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Runs work on the network's threads, and waits for it.
    pub fn on_threads<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.threads.install(work)
    }

    /// Gives memory back that passes have left for the next.
    pub fn release_buffers(&self) {
        self.lock_pools().clear();
    }

    /// Logits D×H×W×out of an image D×H×W×in that
    /// [`check_input`](NetworkConfig::check_input) lets pass. No activation.
    ///
    /// Errors: dimensions that the network cannot take, an image of another size.
    pub fn forward(&self, image: &[f32], dims: [usize; 3]) -> Result<Vec<f32>, ModelError> {
        self.forward_observed(image, dims, &mut |_| {})
    }

    /// [`forward`](Self::forward) that tells `observer` each part of the pass.
    pub fn forward_observed(
        &self,
        image: &[f32],
        dims: [usize; 3],
        observer: Observer<'_>,
    ) -> Result<Vec<f32>, ModelError> {
        let channels = self.config.in_channels;
        self.config.check_input(channels, dims)?;
        let values = dims.iter().try_fold(channels, |n, &d| n.checked_mul(d));
        if values != Some(image.len()) {
            return Err(ModelError::Shape {
                what: "window",
                expected: [dims.as_slice(), &[channels]].concat(),
                actual: vec![image.len()],
            });
        }
        let mut pool = self.lock_pools().pop().unwrap_or_default();
        let logits = self.on_threads(|| self.run(image, dims, &mut pool, observer));
        self.lock_pools().push(pool);
        Ok(logits)
    }

    fn lock_pools(&self) -> std::sync::MutexGuard<'_, Vec<Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(
        &self,
        image: &[f32],
        dims: [usize; 3],
        pool: &mut Pool,
        observer: Observer<'_>,
    ) -> Vec<f32> {
        let (mut grid, mut tokens) = self.embedding.forward(image, dims, pool);
        observer("patch embedding");
        // For each stage the input of its decoder, with the skip connection in place.
        let mut joined_maps = Vec::with_capacity(self.stages.len());
        for (index, stage) in self.stages.iter().enumerate() {
            let width = self.config.stage_width(index);
            let mut joined = self.decoders[index].joined_map(grid, pool);
            match self.encoders.get(index) {
                Some(encoder) => {
                    let map = self.normal_map(&tokens, grid, width, pool);
                    let destination = Destination::Channels {
                        map: &mut joined,
                        first: width,
                    };
                    encoder.forward(&map, destination, pool);
                    map.recycle(pool);
                    observer("encoders 2 to 4");
                }
                // The last stage's map goes to its decoder as it is.
                None => write_normal(self.set, &tokens, &mut joined, width, width),
            }
            joined_maps.push(joined);
            stage.forward(&mut grid, &mut tokens, pool, observer);
        }
        let width = 2 * self.config.stage_width(self.stages.len() - 1);
        let bottom = self.normal_map(&tokens, grid, width, pool);
        pool.give(tokens);
        let mut map = Map::new(pool, grid, width, 0);
        let destination = Destination::Channels {
            map: &mut map,
            first: 0,
        };
        self.encoder10.forward(&bottom, destination, pool);
        bottom.recycle(pool);
        observer("encoder 10");
        for (decoder, joined) in self.decoders.iter().zip(joined_maps).rev() {
            let mut result = Map::new(pool, joined.dims, decoder.outputs, 0);
            let destination = Destination::Channels {
                map: &mut result,
                first: 0,
            };
            decoder.forward(&map, joined, destination, pool);
            std::mem::replace(&mut map, result).recycle(pool);
            observer("decoders 5 to 2");
        }
        let logits = self.full_resolution(image, dims, &map, pool, observer);
        map.recycle(pool);
        logits
    }

    /// The first encoder, the last decoder and the last layer.
    fn full_resolution(
        &self,
        image: &[f32],
        dims: [usize; 3],
        map: &Map,
        pool: &mut Pool,
        observer: Observer<'_>,
    ) -> Vec<f32> {
        let mut joined = self.decoder1.joined_map(dims, pool);
        let source = plain_map(image, dims, self.config.in_channels, pool);
        let destination = Destination::Channels {
            map: &mut joined,
            first: self.decoder1.outputs,
        };
        self.encoder1.forward(&source, destination, pool);
        source.recycle(pool);
        observer("encoder 1");
        let voxels: usize = dims.iter().product();
        let mut logits = vec![0.0; voxels * self.out.outputs];
        let destination = Destination::Linear {
            matrix: &self.out,
            rows: &mut logits,
        };
        self.decoder1.forward(map, joined, destination, pool);
        observer("decoder 1 and logits");
        logits
    }

    /// Tokens after a norm without factors, as a map with a border.
    fn normal_map(&self, tokens: &[f32], grid: [usize; 3], width: usize, pool: &mut Pool) -> Map {
        let mut map = Map::new(pool, grid, width, 1);
        write_normal(self.set, tokens, &mut map, 0, width);
        map
    }
}

impl Stage {
    fn forward(
        &self,
        grid: &mut [usize; 3],
        tokens: &mut Vec<f32>,
        pool: &mut Pool,
        observer: Observer<'_>,
    ) {
        if let Some(convolution) = &self.convolution {
            let source = plain_map(tokens, *grid, convolution.outputs, pool);
            let mut result = Map::new(pool, *grid, convolution.outputs, 0);
            let destination = Destination::Channels {
                map: &mut result,
                first: 0,
            };
            convolution.forward(&source, destination, pool);
            source.recycle(pool);
            pool.give(std::mem::replace(tokens, result.into_values()));
            observer("stage convolutions");
        }
        for block in &self.blocks {
            block.forward(tokens, *grid, pool, observer);
        }
        let (merged_grid, merged) = self.merging.forward(tokens, *grid, pool);
        pool.give(std::mem::replace(tokens, merged));
        *grid = merged_grid;
        observer("patch merging");
    }
}

/// As many threads as everything else has.
fn threads() -> Result<ThreadPool, ModelError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(rayon::current_num_threads())
        .thread_name(|index| format!("voxplain-network-{index}"))
        .build()
        .map_err(|error| ModelError::Device(error.to_string()))
}

/// Rows of channels as a map with a border.
fn plain_map(rows: &[f32], dims: [usize; 3], channels: usize, pool: &mut Pool) -> Map {
    let mut map = Map::new(pool, dims, channels, 1);
    let [d, h, w] = dims;
    let length = w * channels;
    for (index, row) in rows.chunks_exact(length).take(d * h).enumerate() {
        let at = map.row(index / h, index % h);
        map.values_mut()[at..at + length].copy_from_slice(row);
    }
    map
}

/// Tokens after a norm without factors, as channels of a map from `first` on.
fn write_normal(set: InstructionSet, tokens: &[f32], map: &mut Map, first: usize, width: usize) {
    let [d, h, w] = map.dims;
    assert!(tokens.len() >= d * h * w * width && first + width <= map.channels);
    let target = map.target();
    (0..d).into_par_iter().for_each(|z| {
        for y in 0..h {
            // SAFETY: a row of tokens and of the map; each task writes its own plane.
            unsafe {
                let from = tokens.as_ptr().add((z * h + y) * w * width);
                let mut to = target.row(z, y);
                to.first = to.first.add(first);
                normalise_rows(set, Rows::new(from, width), to, w, width);
            }
        }
    });
}

kernel! {
    /// Layer norm without factors.
    ///
    /// # Safety
    ///
    /// As of [`LayerNorm::rows`].
    unsafe fn normalise_rows<S>(
        from: Rows<*const f32>,
        to: Rows<*mut f32>,
        rows: usize,
        width: usize,
    ) {
        // SAFETY: the caller's contract.
        unsafe { LayerNorm::plain().rows::<S>(from, to, rows, width) };
    }
}

/// Numbers in −1 to 1 for tests.
#[cfg(test)]
fn test_numbers(count: usize, mut state: u32) -> Vec<f32> {
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}
