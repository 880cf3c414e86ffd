//! Images and logits of sliding windows on the device: cut, masked, added up, blended.

use bytemuck::{Pod, Zeroable};

use super::product::Map;
use super::program::{BLEND, CLEAR, Program, STITCH, WINDOW};
use super::queue::{Access, Buffer, Queue, spread};
use crate::model::ModelError;

/// Threads of a workgroup.
const THREADS: usize = 128;

/// `Window` of window.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct WindowParameters {
    pub image_dims: [u32; 3],
    pub channels: u32,
    pub window_dims: [u32; 3],
    pub channel_quads: u32,
    pub start: [u32; 3],
    pub number: u32,
    pub masked: u32,
    pub image: u32,
    pub channel_stride: u32,
    pub unused: u32,
}

/// `Stitch` of stitch.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct StitchParameters {
    pub image_dims: [u32; 3],
    pub classes: u32,
    pub window_dims: [u32; 3],
    pub number: u32,
    pub start: [u32; 3],
    pub unused: u32,
}

/// `Blend` of blend.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct BlendParameters {
    pub padded_dims: [u32; 3],
    pub classes: u32,
    pub image_dims: [u32; 3],
    pub unused_1: u32,
    pub before: [u32; 3],
    pub unused_2: u32,
}

/// `Clear` of clear.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct ClearParameters {
    pub count: u32,
    pub unused: u32,
}

/// Where a window is cut from: image number `image` of images × channels × voxels.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pub image_dims: [usize; 3],
    pub image: usize,
    pub start: [usize; 3],
    pub channels: usize,
}

/// What stands in for what is not shown of the scan.
#[derive(Debug, Clone, Copy)]
pub struct Mask<'a> {
    /// Channels × voxels.
    pub baseline: &'a Buffer,
    /// Label of each voxel, 16 bits each.
    pub labels: &'a Buffer,
    /// A bit for each label, set where the scan is shown.
    pub shown: &'a Buffer,
    /// Bits from those of one channel to those of the next; 0 where all share them.
    pub channel_stride: usize,
}

/// Cuts a window out of an image into place `number` of a batch.
pub fn cut(
    queue: &Queue,
    scan: &Buffer,
    mask: Option<Mask<'_>>,
    window: &Cut,
    batch: &Map,
    number: usize,
) -> Result<(), ModelError> {
    queue.launch(
        &Program::new(WINDOW, queue.precision(), [THREADS as u32, 1, 1]),
        spread(batch.voxels(), THREADS),
        &[
            (scan, Access::Read),
            (mask.map_or(scan, |mask| mask.baseline), Access::Read),
            (mask.map_or(scan, |mask| mask.labels), Access::Read),
            (mask.map_or(scan, |mask| mask.shown), Access::Read),
            (&batch.buffer, Access::ReadWrite),
        ],
        &WindowParameters {
            image_dims: window.image_dims.map(|n| n as u32),
            channels: window.channels as u32,
            window_dims: batch.dims.map(|n| n as u32),
            channel_quads: batch.quads() as u32,
            start: window.start.map(|n| n as u32),
            number: number as u32,
            masked: u32::from(mask.is_some()),
            image: window.image as u32,
            channel_stride: mask.map_or(0, |mask| mask.channel_stride as u32),
            unused: 0,
        },
    )
}

/// `count` zeros in single precision.
pub fn zeros(queue: &Queue, count: usize) -> Result<Buffer, ModelError> {
    let buffer = queue.single(count)?;
    queue.launch(
        &Program::new(CLEAR, queue.precision(), [THREADS as u32, 1, 1]),
        spread(count, THREADS),
        &[(&buffer, Access::Write)],
        &ClearParameters {
            count: count as u32,
            unused: 0,
        },
    )?;
    Ok(buffer)
}

/// Logits of a batch of windows, batch × classes × voxels.
#[derive(Debug, Clone, Copy)]
pub struct WindowLogits<'a> {
    pub batch: &'a Buffer,
    /// Which of the batch is meant.
    pub number: usize,
    pub classes: usize,
    pub dims: [usize; 3],
    /// First voxel of the window in the image.
    pub start: [usize; 3],
}

/// Adds a window's logits times `importance` (one a voxel of the window) to `sum`, classes
/// × voxels of an image of `image_dims`.
pub fn stitch(
    queue: &Queue,
    logits: &WindowLogits<'_>,
    importance: &Buffer,
    sum: &Buffer,
    image_dims: [usize; 3],
) -> Result<(), ModelError> {
    queue.launch(
        &Program::new(STITCH, queue.precision(), [THREADS as u32, 1, 1]),
        spread(logits.dims.iter().product(), THREADS),
        &[
            (logits.batch, Access::Read),
            (importance, Access::Read),
            (sum, Access::ReadWrite),
        ],
        &StitchParameters {
            image_dims: image_dims.map(|n| n as u32),
            classes: logits.classes as u32,
            window_dims: logits.dims.map(|n| n as u32),
            number: logits.number as u32,
            start: logits.start.map(|n| n as u32),
            unused: 0,
        },
    )
}

/// The place of an image in its padding.
#[derive(Debug, Clone, Copy)]
pub struct Padding {
    pub padded: [usize; 3],
    pub image: [usize; 3],
    pub before: [usize; 3],
}

/// `sum` (classes × padded voxels) over `total` (padded voxels), without the padding:
/// classes × image voxels.
pub fn blend(
    queue: &Queue,
    sum: &Buffer,
    total: &Buffer,
    classes: usize,
    padding: &Padding,
) -> Result<Buffer, ModelError> {
    let voxels: usize = padding.image.iter().product();
    let result = queue.single(classes * voxels)?;
    queue.launch(
        &Program::new(BLEND, queue.precision(), [THREADS as u32, 1, 1]),
        spread(voxels, THREADS),
        &[
            (sum, Access::Read),
            (total, Access::Read),
            (&result, Access::Write),
        ],
        &BlendParameters {
            padded_dims: padding.padded.map(|n| n as u32),
            classes: classes as u32,
            image_dims: padding.image.map(|n| n as u32),
            unused_1: 0,
            before: padding.before.map(|n| n as u32),
            unused_2: 0,
        },
    )?;
    Ok(result)
}
