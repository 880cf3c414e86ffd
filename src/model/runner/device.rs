//! Windows on a graphics device, run by its kernels.
//!
//! Scan, baseline and labels are brought to the device once. A coalition is a bit for
//! each label on the way there, and a few sums on the way back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array4, ArrayView4, Axis, s};

use super::{Runner, Scene};
use crate::model::masked::PlayerTable;
use crate::model::swin_unetr::device::images::{
    Cut, Mask, Padding, WindowLogits, blend, cut, stitch, zeros,
};
use crate::model::swin_unetr::device::measure::{Measured, SetSums, VoxelSets, measure};
use crate::model::swin_unetr::device::{Buffer, DeviceNetwork, Map, Queue};
use crate::model::target::{RegionSums, RunSums};
use crate::model::{Activation, ModelError, WindowPlan};

/// Voxels of an image that are brought back at once.
const DOWNLOAD_VOXELS: usize = 1 << 21;

/// A [`Runner`] on a device.
#[derive(Debug, Clone)]
pub struct DeviceRunner {
    network: Arc<DeviceNetwork>,
    plan: WindowPlan,
    /// Weight of each voxel of a window.
    importance: Buffer,
    /// The sum of all windows' weights, for each voxel of the padded image.
    total: Buffer,
    /// The largest batch that has run, so that the device has memory for it.
    proven: Arc<AtomicUsize>,
}

/// What a masked image is chosen from.
#[derive(Debug)]
pub struct Sources {
    /// Channels × padded voxels.
    scan: Buffer,
    baseline: Buffer,
    /// Label of each padded voxel.
    labels: Buffer,
    players: PlayerTable,
}

/// A [`Scene`] on a device.
#[derive(Debug)]
pub struct DeviceScene {
    sources: Arc<Sources>,
    /// The voxels of each label from 0 on.
    labels: VoxelSets,
    /// The voxels of each component of the targets.
    components: VoxelSets,
    channel_of_component: Vec<usize>,
    activation: Activation,
}

/// A padded image on a device.
#[derive(Debug, Clone)]
pub enum DeviceImage {
    /// Channels × padded voxels.
    Plain(Buffer),
    /// Put together as its windows are cut.
    Masked {
        sources: Arc<Sources>,
        /// A bit for each label, of all channels or channel by channel.
        shown: Buffer,
    },
}

/// Logits of a window, which is one of a batch.
#[derive(Debug, Clone)]
pub struct DeviceLogits {
    /// Batch × classes × window voxels.
    batch: Buffer,
    number: usize,
}

impl DeviceRunner {
    /// Errors: an image that does not fit in one buffer of the device.
    pub fn new(
        network: Arc<DeviceNetwork>,
        plan: WindowPlan,
        importance: &[f32],
    ) -> Result<Self, ModelError> {
        let queue = network.queue();
        let [_, py, pz] = plan.padded;
        let [_, wy, wz] = plan.window;
        let mut total = vec![0.0_f32; plan.padded.iter().product()];
        for &[x, y, z] in &plan.starts {
            for (line, weights) in importance.chunks_exact(wz).enumerate() {
                let first = ((x + line / wy) * py + y + line % wy) * pz + z;
                let sums = total.get_mut(first..first + wz).unwrap_or_default();
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += weight;
                }
            }
        }
        Ok(Self {
            importance: queue.upload(importance)?,
            total: queue.upload(&total)?,
            network,
            plan,
            proven: Arc::default(),
        })
    }

    /// An image `[[channel, x, y, z]]` with zeros around it.
    fn padded<T: Copy + Default>(&self, image: ArrayView4<'_, T>) -> Vec<T> {
        let (channels, x, y, z) = image.dim();
        let [px, py, pz] = self.plan.padded;
        let [bx, by, bz] = self.plan.pad_before;
        let mut padded = Array4::from_elem((channels, px, py, pz), T::default());
        padded
            .slice_mut(s![.., bx..bx + x, by..by + y, bz..bz + z])
            .assign(&image);
        padded.into_raw_vec_and_offset().0
    }

    fn cut(
        &self,
        queue: &Queue,
        image: &DeviceImage,
        start: [usize; 3],
        batch: &Map,
        number: usize,
    ) -> Result<(), ModelError> {
        let window = Cut {
            image_dims: self.plan.padded,
            image: 0,
            start,
            channels: self.network.config().in_channels,
        };
        match image {
            DeviceImage::Plain(scan) => cut(queue, scan, None, &window, batch, number),
            DeviceImage::Masked { sources, shown } => {
                let mask = Mask {
                    baseline: &sources.baseline,
                    labels: &sources.labels,
                    shown,
                    channel_stride: match sources.players.channels_told_apart() {
                        Some(_) => sources.players.labels() + 1,
                        None => 0,
                    },
                };
                cut(queue, &sources.scan, Some(mask), &window, batch, number)
            }
        }
    }
}

impl Runner for DeviceRunner {
    type Image = DeviceImage;
    type Logits = DeviceLogits;
    /// Classes × padded voxels.
    type Sum = Buffer;
    /// Classes × image voxels.
    type Blended = Buffer;
    type Scene = DeviceScene;

    fn plan(&self) -> &WindowPlan {
        &self.plan
    }

    fn upload(&self, image: ArrayView4<'_, f32>) -> Result<DeviceImage, ModelError> {
        let image = self.network.queue().upload(&self.padded(image))?;
        Ok(DeviceImage::Plain(image))
    }

    fn upload_scene(&self, scene: &Scene<'_>) -> Result<DeviceScene, ModelError> {
        let queue = self.network.queue();
        let labels = scene.label_of_voxel.view().insert_axis(Axis(0));
        let sources = Sources {
            scan: queue.upload(&self.padded(scene.scan))?,
            baseline: queue.upload(&self.padded(scene.baseline))?,
            labels: queue.upload(&self.padded(labels))?,
            players: scene.players.clone(),
        };
        let targets = scene.targets;
        let of_labels = scene
            .label_of_voxel
            .indexed_iter()
            .enumerate()
            .filter(|(_, ((x, y, z), _))| targets.is_measured([*x, *y, *z]))
            .map(|(at, (_, &label))| (at, usize::from(label)));
        let voxels = scene.label_of_voxel.len().max(1);
        let components = targets.components();
        let of_components = components
            .indexed_iter()
            .enumerate()
            .filter(|(_, ((_, x, y, z), _))| targets.is_measured([*x, *y, *z]))
            // Component 0 stands for none.
            .filter_map(|(at, (_, &component))| {
                Some((at % voxels, (component as usize).checked_sub(1)?))
            });
        let classes = scene.targets.channel_of_component();
        Ok(DeviceScene {
            sources: Arc::new(sources),
            labels: VoxelSets::new(queue, of_labels, scene.players.labels() + 1, None)?,
            components: VoxelSets::new(queue, of_components, classes.len(), Some(classes))?,
            channel_of_component: classes.to_vec(),
            activation: scene.activation,
        })
    }

    fn masked_image(
        &self,
        scene: &DeviceScene,
        present: &[bool],
    ) -> Result<DeviceImage, ModelError> {
        let rows = scene.sources.players.shown(present).concat();
        let mut words = vec![0_u32; rows.len().div_ceil(32)];
        for (bit, _) in rows.iter().enumerate().filter(|(_, shown)| **shown) {
            if let Some(word) = words.get_mut(bit / 32) {
                *word |= 1 << (bit % 32);
            }
        }
        Ok(DeviceImage::Masked {
            sources: Arc::clone(&scene.sources),
            shown: self.network.queue().upload(&words)?,
        })
    }

    fn run(&self, windows: &[(&DeviceImage, usize)]) -> Result<Vec<DeviceLogits>, ModelError> {
        let batch = self.network.input(windows.len(), self.plan.window)?;
        for (number, &(image, window)) in windows.iter().enumerate() {
            let queue = self.network.queue();
            self.cut(queue, image, self.plan.start(window), &batch, number)?;
        }
        let logits = self.network.forward_map(&batch)?;
        if windows.len() > self.proven.load(Ordering::Relaxed) {
            // Whether memory suffices shows when the device is waited for. Once it did, there
            // is no need to wait again.
            if let Err(error) = self.network.queue().wait() {
                drop(logits);
                self.network.queue().free_unused();
                return Err(error);
            }
            self.proven.fetch_max(windows.len(), Ordering::Relaxed);
        }
        let of_window = |number| DeviceLogits {
            batch: logits.clone(),
            number,
        };
        Ok((0..windows.len()).map(of_window).collect())
    }

    fn start(&self) -> Result<Buffer, ModelError> {
        let voxels: usize = self.plan.padded.iter().product();
        let classes = self.network.config().out_channels;
        zeros(self.network.queue(), classes * voxels)
    }

    fn add(
        &self,
        sum: &mut Buffer,
        logits: &DeviceLogits,
        window: usize,
    ) -> Result<(), ModelError> {
        let logits = WindowLogits {
            batch: &logits.batch,
            number: logits.number,
            classes: self.network.config().out_channels,
            dims: self.plan.window,
            start: self.plan.start(window),
        };
        let queue = self.network.queue();
        stitch(queue, &logits, &self.importance, sum, self.plan.padded)
    }

    fn finish(&self, sum: Buffer) -> Result<Buffer, ModelError> {
        let padding = Padding {
            padded: self.plan.padded,
            image: self.plan.image,
            before: self.plan.pad_before,
        };
        let classes = self.network.config().out_channels;
        blend(self.network.queue(), &sum, &self.total, classes, &padding)
    }

    fn measure(&self, blended: &Buffer, scene: &DeviceScene) -> Result<RunSums, ModelError> {
        let measured = Measured {
            logits: blended,
            voxels: self.plan.image.iter().product(),
            classes: self.network.config().out_channels,
            softmax: scene.activation == Activation::Softmax,
        };
        let groups = [&scene.components, &scene.labels];
        let [components, labels] = measure(self.network.queue(), groups, &measured)?
            .map(|sums| sums.into_iter().map(RegionSums::from).collect());
        let classes = self.network.config().out_channels;
        Ok(RunSums::new(
            components,
            labels,
            &scene.channel_of_component,
            classes,
        ))
    }

    fn download(&self, blended: Buffer) -> Result<Array4<f32>, ModelError> {
        let [x, y, z] = self.plan.image;
        let classes = self.network.config().out_channels;
        let values = self.network.queue().read(&blended, classes * x * y * z)?;
        Array4::from_shape_vec((classes, x, y, z), values)
            .map_err(|error| ModelError::Device(error.to_string()))
    }

    fn download_image(&self, image: DeviceImage) -> Result<Array4<f32>, ModelError> {
        let channels = self.network.config().in_channels;
        let [x, y, z] = self.plan.image;
        let [bx, by, bz] = self.plan.pad_before;
        let mut result = Array4::zeros((channels, x, y, z));
        let planes = (DOWNLOAD_VOXELS / (y * z).max(1)).max(1);
        // Bit for bit, in whatever precision the network works.
        let queue = self.network.queue().in_single_precision();
        let stored = self.network.input_channels();
        for first in (0..x).step_by(planes) {
            let planes = planes.min(x - first);
            let slab = Map::empty(&queue, 1, [planes, y, z], stored)?;
            self.cut(&queue, &image, [bx + first, by, bz], &slab, 0)?;
            let rows = queue.read(&slab.buffer, planes * y * z * stored)?;
            let rows = Array4::from_shape_vec((planes, y, z, stored), rows)
                .map_err(|error| ModelError::Device(error.to_string()))?;
            result
                .slice_mut(s![.., first..first + planes, .., ..])
                .assign(
                    &rows
                        .slice(s![.., .., .., ..channels])
                        .permuted_axes([3, 0, 1, 2]),
                );
        }
        Ok(result)
    }
}

impl From<SetSums> for RegionSums {
    fn from(sums: SetSums) -> Self {
        Self {
            probability: sums.probability,
            logit: sums.logit,
            margin: sums.margin,
            hard: sums.hard,
        }
    }
}
