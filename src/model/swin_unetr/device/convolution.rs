//! The convolutional half on kernels: residual blocks and the decoder's steps up.

use super::norm::{Normed, channel_statistics, residual};
use super::product::{After, Map, Matrix, Norm, Places, product};
use super::queue::{Buffer, Queue};
use crate::model::{ModelError, Weights};

/// Weights of a convolution (outputs × inputs × places) as places × `channels` × outputs,
/// with zeros for channels past the inputs.
pub(super) fn by_place(weight: &[f32], inputs: usize, outputs: usize, channels: usize) -> Vec<f32> {
    let places = weight.len() / (inputs * outputs).max(1);
    let mut result = vec![0.0; places * channels * outputs];
    for (output, of_output) in weight.chunks(inputs * places).enumerate() {
        for (input, of_input) in of_output.chunks(places).enumerate() {
            for (place, &value) in of_input.iter().enumerate() {
                if let Some(at) = result.get_mut((place * channels + input) * outputs + output) {
                    *at = value;
                }
            }
        }
    }
    result
}

/// Channels as they lie in memory: whole vectors of four.
pub fn stored_channels(channels: usize) -> usize {
    channels.next_multiple_of(4)
}

/// A convolution without bias, with stride 1, that keeps the size.
fn convolution(
    queue: &Queue,
    weights: &Weights,
    prefix: &str,
    [inputs, outputs, size]: [usize; 3],
) -> Result<Matrix, ModelError> {
    let shape = [outputs, inputs, size, size, size];
    let weight = weights.take(&format!("{prefix}.conv.weight"), shape)?;
    let channels = stored_channels(inputs);
    let places = if size == 3 {
        Places::around()
    } else {
        Places::own()
    };
    let weight = by_place(&weight, inputs, outputs, channels);
    Matrix::new(queue, places, &weight, None, channels)
}

/// Two 3×3×3 convolutions with instance norms and a shortcut (MONAI's `UnetResBlock`).
#[derive(Debug)]
pub struct ResidualBlock {
    conv1: Matrix,
    conv2: Matrix,
    conv3: Option<Matrix>,
}

/// A residual block's last map and its shortcut, before norm, sum and rectifier.
#[derive(Debug, Clone)]
pub struct OpenBlock {
    pub inner: Map,
    pub statistics: Buffer,
    pub shortcut: Normed,
}

impl OpenBlock {
    /// The block's result.
    pub fn close(self, queue: &Queue) -> Result<Map, ModelError> {
        residual(queue, &self.inner, &self.statistics, &self.shortcut)
    }
}

impl ResidualBlock {
    pub fn load(
        queue: &Queue,
        weights: &Weights,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
    ) -> Result<Self, ModelError> {
        let conv =
            |name: &str, shape| convolution(queue, weights, &format!("{prefix}.{name}"), shape);
        Ok(Self {
            conv1: conv("conv1", [inputs, outputs, 3])?,
            conv2: conv("conv2", [outputs, outputs, 3])?,
            conv3: (inputs != outputs)
                .then(|| conv("conv3", [inputs, outputs, 1]))
                .transpose()?,
        })
    }

    /// The block up to its last norm, for one map or two whose channels lie side by side.
    pub fn open(
        &self,
        queue: &Queue,
        first: Map,
        second: Option<Map>,
    ) -> Result<OpenBlock, ModelError> {
        let plain = |matrix, first: &Map, second: Option<&Map>, norm| {
            product(queue, first, second, matrix, norm, After::default())
        };
        let inner = plain(&self.conv1, &first, second.as_ref(), Norm::None)?;
        let statistics = channel_statistics(queue, &inner)?;
        let inner = plain(&self.conv2, &inner, None, Norm::Channels(&statistics))?;
        let statistics = channel_statistics(queue, &inner)?;
        let shortcut = match &self.conv3 {
            Some(conv) => {
                let map = plain(conv, &first, second.as_ref(), Norm::None)?;
                let statistics = Some(channel_statistics(queue, &map)?);
                Normed { map, statistics }
            }
            None => Normed {
                map: first,
                statistics: None,
            },
        };
        Ok(OpenBlock {
            inner,
            statistics,
            shortcut,
        })
    }

    /// The whole block.
    pub fn forward(&self, queue: &Queue, map: Map) -> Result<Map, ModelError> {
        self.open(queue, map, None)?.close(queue)
    }
}

/// Doubles the size with a transposed convolution and refines it together with the skip
/// connection (MONAI's `UnetrUpBlock`).
#[derive(Debug)]
pub struct UpBlock {
    /// Rows to the eight voxels of a cell, (cell, channel).
    expand: Matrix,
    refine: ResidualBlock,
}

impl UpBlock {
    pub fn load(
        queue: &Queue,
        weights: &Weights,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
    ) -> Result<Self, ModelError> {
        let key = format!("{prefix}.transp_conv.conv.weight");
        let weight = weights.take(&key, [inputs, outputs, 2, 2, 2])?;
        let mut by_cell = vec![0.0; weight.len()];
        for (input, of_input) in weight.chunks(8 * outputs).enumerate() {
            for (output, cell) in of_input.chunks(8).enumerate() {
                for (place, &value) in cell.iter().enumerate() {
                    let at = (input * 8 + place) * outputs + output;
                    if let Some(at) = by_cell.get_mut(at) {
                        *at = value;
                    }
                }
            }
        }
        Ok(Self {
            expand: Matrix::new(queue, Places::own(), &by_cell, None, inputs)?,
            refine: ResidualBlock::load(
                queue,
                weights,
                &format!("{prefix}.conv_block"),
                [2 * outputs, outputs],
            )?,
        })
    }

    /// The block up to its last norm. `skip` has twice the size of `map`.
    pub fn open(&self, queue: &Queue, map: &Map, skip: Map) -> Result<OpenBlock, ModelError> {
        let after = After {
            scatter: true,
            ..After::default()
        };
        let expanded = product(queue, map, None, &self.expand, Norm::None, after)?;
        self.refine.open(queue, expanded, Some(skip))
    }

    /// The whole block.
    pub fn forward(&self, queue: &Queue, map: &Map, skip: Map) -> Result<Map, ModelError> {
        self.open(queue, map, skip)?.close(queue)
    }
}
