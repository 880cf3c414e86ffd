//! The whole network on kernels.

use burn::tensor::Tensor;
use bytemuck::{Pod, Zeroable};

use super::convolution::{OpenBlock, ResidualBlock, UpBlock, stored_channels};
use super::images::{Cut, cut, zeros};
use super::product::Map;
use super::program::{HEAD, Precision, Program};
use super::queue::{Access, Buffer, Queue, spread};
use super::transformer::Encoder;
use crate::model::swin_unetr::config::NetworkConfig;
use crate::model::{ModelError, Weights};

/// `Head` of head.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct HeadParameters {
    pub voxels: u32,
    pub channel_quads: u32,
    pub images: u32,
    pub unused: u32,
}

/// Memory that a batch needs while it runs, in bytes, weights not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// All maps that are alive at the worst moment.
    pub peak: usize,
    /// The largest single map, which must fit in one binding.
    pub largest: usize,
}

/// Maps of the contracting path, images × dims × channels, named as in MONAI.
#[derive(Debug, Clone)]
pub struct Features {
    /// The encoder's five maps, `hs0` to `hs4`.
    pub hidden: Vec<Map>,
    pub encoder2: Map,
    pub encoder3: Map,
    pub encoder4: Map,
    pub encoder10: Map,
}

/// Swin UNETR with its weights where the kernels run.
#[derive(Debug)]
pub struct DeviceNetwork {
    queue: Queue,
    config: NetworkConfig,
    encoder: Encoder,
    encoder1: ResidualBlock,
    encoder2: ResidualBlock,
    encoder3: ResidualBlock,
    encoder4: ResidualBlock,
    encoder10: ResidualBlock,
    decoder5: UpBlock,
    decoder4: UpBlock,
    decoder3: UpBlock,
    decoder2: UpBlock,
    decoder1: UpBlock,
    head: Head,
}

/// The last 1×1×1 convolution.
#[derive(Debug)]
struct Head {
    /// Vectors of channels × classes.
    weights: Buffer,
    bias: Buffer,
    classes: usize,
}

/// The kernel of the last step for a number of classes.
pub fn head_program(precision: Precision, classes: usize) -> Program {
    Program::new(HEAD, precision, [128, 1, 1]).constant("CLASSES", classes)
}

impl DeviceNetwork {
    /// Builds the network from weights that were checked against `config`.
    ///
    /// Errors: weights that do not fit on the device.
    pub fn new(config: NetworkConfig, weights: &Weights, queue: Queue) -> Result<Self, ModelError> {
        let c = config.feature_size;
        let residual = |name: &str, widths| {
            ResidualBlock::load(&queue, weights, &format!("{name}.layer"), widths)
        };
        let up = |name: &str, widths| UpBlock::load(&queue, weights, name, widths);
        Ok(Self {
            encoder: Encoder::load(&queue, weights, &config)?,
            encoder1: residual("encoder1", [config.in_channels, c])?,
            encoder2: residual("encoder2", [c, c])?,
            encoder3: residual("encoder3", [2 * c, 2 * c])?,
            encoder4: residual("encoder4", [4 * c, 4 * c])?,
            encoder10: residual("encoder10", [16 * c, 16 * c])?,
            decoder5: up("decoder5", [16 * c, 8 * c])?,
            decoder4: up("decoder4", [8 * c, 4 * c])?,
            decoder3: up("decoder3", [4 * c, 2 * c])?,
            decoder2: up("decoder2", [2 * c, c])?,
            decoder1: up("decoder1", [c, c])?,
            head: Head::load(&queue, weights, &config)?,
            queue,
            config,
        })
    }

    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Memory for the input of a batch: images × dims × channels, the channels filled up
    /// with zeros to a multiple of four.
    pub fn input(&self, images: usize, dims: [usize; 3]) -> Result<Map, ModelError> {
        Map::empty(&self.queue, images, dims, self.input_channels())
    }

    /// Channels of an input, those that fill it up included.
    pub fn input_channels(&self) -> usize {
        stored_channels(self.config.in_channels)
    }

    /// Logits N×out_channels×D×H×W for an input N×in_channels×D×H×W on the network's
    /// device, that [`check_input`](NetworkConfig::check_input) lets pass. No activation.
    ///
    /// Errors: a batch whose maps the device cannot bind.
    pub fn forward(&self, x: Tensor<5>) -> Result<Tensor<5>, ModelError> {
        let [n, _, d, h, w] = x.dims();
        let images = self.queue.of_tensor(x)?;
        let input = self.rows_of_images(&images, n, [d, h, w])?;
        let shape = [n, self.config.out_channels, d, h, w];
        let (logits, buffer) = self.queue.new_tensor(shape)?;
        self.forward_into(&input, &buffer)?;
        Ok(logits)
    }

    /// Images × channels × voxels in single precision as an input of
    /// [`forward_map`](Self::forward_map).
    pub fn rows_of_images(
        &self,
        images: &Buffer,
        count: usize,
        dims: [usize; 3],
    ) -> Result<Map, ModelError> {
        let input = self.input(count, dims)?;
        for number in 0..count {
            let window = Cut {
                image_dims: dims,
                image: number,
                start: [0; 3],
                channels: self.config.in_channels,
            };
            cut(&self.queue, images, None, &window, &input, number)?;
        }
        Ok(input)
    }

    /// Logits, images × classes × voxels in single precision, for an input as from
    /// [`input`](Self::input).
    ///
    /// Errors: a batch whose maps the device cannot bind.
    pub fn forward_map(&self, image: &Map) -> Result<Buffer, ModelError> {
        let count = image.images * self.config.out_channels * image.voxels();
        let logits = self.queue.single(count)?;
        self.forward_into(image, &logits)?;
        Ok(logits)
    }

    /// [`forward_map`](Self::forward_map) into memory that is there.
    pub fn forward_into(&self, image: &Map, logits: &Buffer) -> Result<(), ModelError> {
        let queue = &self.queue;
        let features = self.features(image)?;
        let mut hidden = features.hidden;
        // hs3 is a skip connection itself.
        hidden.truncate(4);
        let Some(hidden3) = hidden.pop() else {
            return Err(ModelError::Device("the encoder gave no maps".to_owned()));
        };
        drop(hidden);
        let d3 = self.decoder5.forward(queue, &features.encoder10, hidden3)?;
        let d2 = self.decoder4.forward(queue, &d3, features.encoder4)?;
        let d1 = self.decoder3.forward(queue, &d2, features.encoder3)?;
        let d0 = self.decoder2.forward(queue, &d1, features.encoder2)?;
        // The largest maps are made last, so that they are alive for the shortest time.
        let skip = self.encoder1.forward(queue, image.clone())?;
        let last = self.decoder1.open(queue, &d0, skip)?;
        self.head.run(queue, &last, logits)
    }

    /// The maps of the contracting path.
    pub fn features(&self, image: &Map) -> Result<Features, ModelError> {
        let queue = &self.queue;
        let hidden = self.encoder.forward(queue, image)?;
        let map = |index: usize| {
            let map = hidden.get(index).cloned();
            map.ok_or_else(|| ModelError::Device("the encoder gave too few maps".to_owned()))
        };
        Ok(Features {
            encoder2: self.encoder2.forward(queue, map(0)?)?,
            encoder3: self.encoder3.forward(queue, map(1)?)?,
            encoder4: self.encoder4.forward(queue, map(2)?)?,
            encoder10: self.encoder10.forward(queue, map(4)?)?,
            hidden,
        })
    }

    /// Has every kernel compiled, by a pass over the smallest input: seconds at the first
    /// use on a computer, less when the driver remembers them.
    ///
    /// Errors: a failing device.
    pub fn prepare(&self) -> Result<(), ModelError> {
        let dims = [64, 32, 32];
        let channels = self.config.in_channels;
        let image = zeros(&self.queue, channels * dims.iter().product::<usize>())?;
        let input = self.rows_of_images(&image, 1, dims)?;
        let logits = self.forward_map(&input)?;
        self.queue.read(&logits, 1).map(|_| ())
    }

    /// The most windows that can go through in one batch as far as the device's bindings
    /// go; 0 if not even one. Whether its memory suffices shows when it runs.
    pub fn largest_batch(&self, window: [usize; 3]) -> usize {
        /// Fewest rows of a product's workgroup, and most workgroups along an axis.
        const ROWS: usize = 128;
        const WORKGROUPS: usize = 65_535;
        let binding = self.queue.largest_buffer();
        let tiles = window.iter().product::<usize>().div_ceil(ROWS).max(1);
        let by_memory = binding / self.footprint(1, window).largest.max(1);
        by_memory.min(WORKGROUPS / tiles)
    }

    /// What a batch of windows needs.
    pub fn footprint(&self, images: usize, dims: [usize; 3]) -> Footprint {
        let voxels = images * dims.iter().product::<usize>();
        let stored = self.queue.precision().bytes();
        let map = voxels * self.config.feature_size * stored;
        let input = voxels * stored_channels(self.config.in_channels) * stored;
        let logits = voxels * self.config.out_channels * size_of::<f32>();
        // At the end of the last block: what was put together, the block's inner map and
        // its shortcut. All smaller maps together are less than one of these.
        Footprint {
            peak: 5 * map + input + logits,
            largest: map.max(input).max(logits),
        }
    }
}

impl Head {
    fn load(queue: &Queue, weights: &Weights, config: &NetworkConfig) -> Result<Self, ModelError> {
        let (channels, classes) = (config.feature_size, config.out_channels);
        let weight = weights.take("out.conv.conv.weight", [classes, channels, 1, 1, 1])?;
        let bias = weights.take("out.conv.conv.bias", [classes])?;
        let mut by_quad: Vec<f32> = Vec::with_capacity(weight.len());
        for quad in 0..channels / 4 {
            for class in weight.chunks(channels) {
                by_quad.extend(class.iter().skip(4 * quad).take(4));
            }
        }
        Ok(Self {
            weights: queue.upload(&by_quad)?,
            bias: queue.upload(&bias)?,
            classes,
        })
    }

    fn run(&self, queue: &Queue, block: &OpenBlock, logits: &Buffer) -> Result<(), ModelError> {
        let inner = &block.inner;
        let Some(shortcut_norm) = &block.shortcut.statistics else {
            return Err(ModelError::Device("the last block has no norm".to_owned()));
        };
        let [groups, rows, _] = spread(inner.voxels(), 128);
        queue.launch(
            &head_program(queue.precision(), self.classes),
            [groups, rows, inner.images],
            &[
                (&inner.buffer, Access::Read),
                (&block.statistics, Access::Read),
                (&block.shortcut.map.buffer, Access::Read),
                (shortcut_norm, Access::Read),
                (&self.weights, Access::Read),
                (&self.bias, Access::Read),
                (logits, Access::Write),
            ],
            &HeadParameters {
                voxels: inner.voxels() as u32,
                channel_quads: inner.quads() as u32,
                images: inner.images as u32,
                unused: 0,
            },
        )
    }
}
