//! Layer norms of rows, instance norms of maps, and the end of a residual block.

use bytemuck::{Pod, Zeroable};

use super::product::{Map, Places};
use super::program::{CHANNEL_NORM, CHANNEL_PARTS, Program, RESIDUAL, ROW_NORM};
use super::queue::{Access, Buffer, Queue, spread};
use crate::model::ModelError;

/// `RowNorm` of row_norm.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct RowNormParameters {
    pub input_dims: [u32; 3],
    pub channel_quads: u32,
    pub row_dims: [u32; 3],
    pub rows: u32,
    pub stride: u32,
    pub place_count: u32,
    pub normalise: u32,
    pub unused: u32,
    pub places: [[u32; 4]; 8],
}

/// `ChannelParts` of channel_parts.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct ChannelPartsParameters {
    pub voxels: u32,
    pub channel_quads: u32,
    pub columns: u32,
    pub lanes: u32,
    pub voxels_per_part: u32,
    pub parts: u32,
    pub unused: [u32; 2],
}

/// `ChannelNorm` of channel_norm.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct ChannelNormParameters {
    pub voxels: u32,
    pub channel_quads: u32,
    pub voxels_per_part: u32,
    pub parts: u32,
}

/// `Residual` of residual.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct ResidualParameters {
    pub quads_per_image: u32,
    pub channel_quads: u32,
    pub count: u32,
    pub shortcut_norm: u32,
}

/// Mean and 1 / standard deviation of each row gathered from a map: rows × 4 numbers, of
/// which the first two count. Voxels outside of the map are zeros.
pub fn row_statistics(queue: &Queue, map: &Map, places: &Places) -> Result<Buffer, ModelError> {
    let rows = map.images * places.row_dims(map.dims).iter().product::<usize>();
    let statistics = queue.single(4 * rows)?;
    launch_row_norm(queue, map, places, &statistics, None)?;
    Ok(statistics)
}

/// The layer norm of a map over its channels, without learned scale and shift.
pub fn normalised_rows(queue: &Queue, map: &Map) -> Result<Map, ModelError> {
    let result = Map::empty(queue, map.images, map.dims, map.channels)?;
    launch_row_norm(
        queue,
        map,
        &Places::own(),
        &result.buffer,
        Some(&result.buffer),
    )?;
    Ok(result)
}

fn launch_row_norm(
    queue: &Queue,
    map: &Map,
    places: &Places,
    statistics: &Buffer,
    result: Option<&Buffer>,
) -> Result<(), ModelError> {
    const ROWS_PER_WORKGROUP: usize = 8;
    let row_dims = places.row_dims(map.dims);
    let rows = map.images * row_dims.iter().product::<usize>();
    let mut offsets = [[0; 4]; 8];
    for (offset, &[d, h, w]) in offsets.iter_mut().zip(places.offsets()) {
        *offset = [d as u32, h as u32, w as u32, 0];
    }
    queue.launch(
        &Program::new(ROW_NORM, queue.precision(), [128, 1, 1]),
        spread(rows, ROWS_PER_WORKGROUP),
        &[
            (&map.buffer, Access::Read),
            (statistics, Access::Write),
            (result.unwrap_or(statistics), Access::Write),
        ],
        &RowNormParameters {
            input_dims: map.dims.map(|n| n as u32),
            channel_quads: map.quads() as u32,
            row_dims: row_dims.map(|n| n as u32),
            rows: rows as u32,
            stride: places.stride() as u32,
            place_count: places.count() as u32,
            normalise: u32::from(result.is_some()),
            unused: 0,
            places: offsets,
        },
    )
}

/// Mean and 1 / standard deviation of each channel of each image of a map: images ×
/// vectors of channels × (mean, 1 / standard deviation), four channels in a vector.
pub fn channel_statistics(queue: &Queue, map: &Map) -> Result<Buffer, ModelError> {
    const THREADS: usize = 256;
    const VOXELS_PER_THREAD: usize = 32;
    let quads = map.quads();
    let fits = |columns: &usize| quads.is_multiple_of(*columns);
    let columns = (1..=16).rev().find(fits).unwrap_or(1);
    let lanes = THREADS / columns;
    let voxels = map.voxels();
    let voxels_per_part = lanes * VOXELS_PER_THREAD;
    let parts = voxels.div_ceil(voxels_per_part);
    let sums = queue.single(map.images * parts * quads * 8)?;
    queue.launch(
        &Program::new(CHANNEL_PARTS, queue.precision(), [256, 1, 1]),
        [parts, quads / columns, map.images],
        &[(&map.buffer, Access::Read), (&sums, Access::Write)],
        &ChannelPartsParameters {
            voxels: voxels as u32,
            channel_quads: quads as u32,
            columns: columns as u32,
            lanes: lanes as u32,
            voxels_per_part: voxels_per_part as u32,
            parts: parts as u32,
            unused: [0; 2],
        },
    )?;
    let statistics = queue.single(map.images * quads * 8)?;
    queue.launch(
        &Program::new(CHANNEL_NORM, queue.precision(), [64, 1, 1]),
        [quads, map.images, 1],
        &[(&sums, Access::Read), (&statistics, Access::Write)],
        &ChannelNormParameters {
            voxels: voxels as u32,
            channel_quads: quads as u32,
            voxels_per_part: voxels_per_part as u32,
            parts: parts as u32,
        },
    )?;
    Ok(statistics)
}

/// A map and the result of [`channel_statistics`] it is to be normalised with, if any.
#[derive(Debug, Clone)]
pub struct Normed {
    pub map: Map,
    pub statistics: Option<Buffer>,
}

/// The rectified sum of a normalised map and its shortcut, images × dims × channels.
pub fn residual(
    queue: &Queue,
    inner: &Map,
    statistics: &Buffer,
    shortcut: &Normed,
) -> Result<Map, ModelError> {
    let result = Map::empty(queue, inner.images, inner.dims, inner.channels)?;
    let quads_per_image = inner.voxels() * inner.quads();
    let count = inner.images * quads_per_image;
    queue.launch(
        &Program::new(RESIDUAL, queue.precision(), [128, 1, 1]),
        spread(count, 128),
        &[
            (&inner.buffer, Access::Read),
            (statistics, Access::Read),
            (&shortcut.map.buffer, Access::Read),
            (
                shortcut.statistics.as_ref().unwrap_or(statistics),
                Access::Read,
            ),
            (&result.buffer, Access::Write),
        ],
        &ResidualParameters {
            quads_per_image: quads_per_image as u32,
            channel_quads: inner.quads() as u32,
            count: count as u32,
            shortcut_norm: u32::from(shortcut.statistics.is_some()),
        },
    )?;
    Ok(result)
}
