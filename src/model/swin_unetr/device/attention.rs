//! Shifted-window attention as one kernel.

use bytemuck::{Pod, Zeroable};

use super::product::Map;
use super::program::{ATTENTION, Precision, Program};
use super::queue::{Access, Buffer, Queue};
use crate::model::ModelError;
use crate::model::swin_unetr::window::window_and_shift;

/// Queries of a workgroup.
const THREADS: usize = 128;

/// `Attention` of attention.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct AttentionParameters {
    pub dims: [u32; 3],
    pub heads: u32,
    pub window: [u32; 3],
    pub tokens_per_window: u32,
    pub shift: [u32; 3],
    pub blocks: u32,
    pub counts: [u32; 3],
    pub score_scale: f32,
}

/// The kernel for heads of a width.
pub fn program(precision: Precision, head_width: usize) -> Program {
    Program::new(ATTENTION, precision, [THREADS as u32, 1, 1])
        .constant("HEAD_QUADS", head_width / 4)
}

/// Attention among the tokens of each window (the middle of MONAI's `WindowAttention`,
/// with the window handling of `SwinTransformerBlock`).
///
/// # Shapes
///
/// - `projected`: images × dims × (queries, keys, values) × heads × head width
/// - `bias`: (queries, keys, values) × heads × head width, what padding projects to
/// - `table`: heads × relative positions
/// - result: images × dims × heads × head width
///
/// Errors: more windows than the device takes at once.
pub fn attention(
    queue: &Queue,
    projected: &Map,
    bias: &Buffer,
    table: &Buffer,
    heads: usize,
    shifted: bool,
) -> Result<Map, ModelError> {
    let width = projected.channels / 3;
    let head_width = width / heads.max(1);
    let (window, shift) = window_and_shift(projected.dims, shifted);
    let counts: [usize; 3] =
        std::array::from_fn(|axis| projected.dims[axis].div_ceil(window[axis]));
    let tokens_per_window: usize = window.iter().product();
    let blocks = tokens_per_window.div_ceil(THREADS);
    let windows = projected.images * counts.iter().product::<usize>();
    let result = Map::empty(queue, projected.images, projected.dims, width)?;
    queue.launch(
        &program(queue.precision(), head_width),
        [windows * blocks, heads, 1],
        &[
            (&projected.buffer, Access::Read),
            (bias, Access::Read),
            (table, Access::Read),
            (&result.buffer, Access::Write),
        ],
        &AttentionParameters {
            dims: projected.dims.map(|n| n as u32),
            heads: heads as u32,
            window: window.map(|n| n as u32),
            tokens_per_window: tokens_per_window as u32,
            shift: shift.map(|n| n as u32),
            blocks: blocks as u32,
            counts: counts.map(|n| n as u32),
            score_scale: (head_width as f32).sqrt().recip(),
        },
    )?;
    Ok(result)
}
