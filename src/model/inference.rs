//! Runs a network over an image, window by window, and blends the results.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use ndarray::{Array3, Array4, ArrayView4, s};

use super::swin_unetr::SwinUnetr;
use super::windows::{Inference, WindowPlan, importance};
use super::{ComputeDevice, ModelError};
use crate::base::CancelToken;

/// A network and the windows over images of one size.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    network: Arc<SwinUnetr>,
    plan: WindowPlan,
    image: [usize; 3],
    /// Windows that go through the network together.
    batch: usize,
    /// 1 × 1 × window.
    importance: Tensor<5>,
    /// 1 × 1 × padded image: the sum of all windows' importance.
    total: Tensor<5>,
}

/// Blended results of one image that are not complete yet, 1 × out × padded image.
#[derive(Debug)]
pub(super) struct Stitching {
    sum: Tensor<5>,
}

impl SlidingWindow {
    /// For images of `image` voxels. `batch` is at least 1; more costs memory and saves
    /// time where a device is not filled by one window.
    ///
    /// Errors: a window the network cannot take, an overlap outside 0 to 0.95.
    pub fn new(
        network: Arc<SwinUnetr>,
        image: [usize; 3],
        inference: &Inference,
        batch: usize,
    ) -> Result<Self, ModelError> {
        if let Some(problem) = inference.problem() {
            return Err(ModelError::Settings(problem));
        }
        let plan = WindowPlan::new(image, inference);
        let device = network.device().burn();
        let [x, y, z] = plan.window;
        let weights = importance(plan.window, inference.blend);
        let importance = Tensor::<5>::from_data(TensorData::new(weights, [1, 1, x, y, z]), device);
        let [px, py, pz] = plan.padded;
        let mut total = Tensor::<5>::zeros([1, 1, px, py, pz], device);
        for start in &plan.starts {
            total = add_at(total, importance.clone(), *start);
        }
        Ok(Self {
            network,
            plan,
            image,
            batch: batch.max(1),
            importance,
            total,
        })
    }

    pub fn network(&self) -> &SwinUnetr {
        &self.network
    }

    pub fn device(&self) -> &ComputeDevice {
        self.network.device()
    }

    /// Windows that cover the image.
    pub fn window_count(&self) -> usize {
        self.plan.starts.len()
    }

    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// Logits `[[class, x, y, z]]` of an image `[[channel, x, y, z]]`. `progress` hears
    /// the windows done and their number after each batch.
    ///
    /// Errors: an image of another size or channel count, a device failure, cancelling.
    pub fn logits(
        &self,
        image: ArrayView4<'_, f32>,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Array4<f32>, ModelError> {
        let padded = self.upload_padded(image)?;
        let mut stitching = self.start();
        let windows: Vec<usize> = (0..self.window_count()).collect();
        for (done, batch) in windows.chunks(self.batch).enumerate() {
            cancel.check()?;
            let inputs: Vec<_> = batch
                .iter()
                .map(|&window| self.cut(&padded, window))
                .collect();
            let outputs = self.network.forward(Tensor::cat(inputs, 0))?;
            for (index, &window) in batch.iter().enumerate() {
                self.add(&mut stitching, outputs.clone().narrow(0, index, 1), window);
            }
            progress(
                (done * self.batch + batch.len()).min(windows.len()),
                windows.len(),
            );
        }
        download(self.finish(stitching))
    }

    /// An image on the device, 1 × channels × padded size, with zeros around it.
    pub(super) fn upload_padded(
        &self,
        image: ArrayView4<'_, f32>,
    ) -> Result<Tensor<5>, ModelError> {
        let (channels, x, y, z) = image.dim();
        self.check_image([x, y, z])?;
        let [px, py, pz] = self.plan.padded;
        let [bx, by, bz] = self.plan.pad_before;
        let mut padded = Array4::zeros((channels, px, py, pz));
        padded
            .slice_mut(s![.., bx..bx + x, by..by + y, bz..bz + z])
            .assign(&image);
        let values = padded.into_raw_vec_and_offset().0;
        let shape = [1, channels, px, py, pz];
        Ok(Tensor::from_data(
            TensorData::new(values, shape),
            self.device().burn(),
        ))
    }

    pub(super) fn check_image(&self, dims: [usize; 3]) -> Result<(), ModelError> {
        if dims == self.image {
            return Ok(());
        }
        Err(ModelError::Shape {
            what: "image",
            expected: self.image.to_vec(),
            actual: dims.to_vec(),
        })
    }

    /// One window of a padded image.
    pub(super) fn cut(&self, padded: &Tensor<5>, window: usize) -> Tensor<5> {
        let [x, y, z] = self.plan.starts[window];
        let [w, h, d] = self.plan.window;
        let channels = padded.dims()[1];
        padded
            .clone()
            .slice([0..1, 0..channels, x..x + w, y..y + h, z..z + d])
    }

    pub(super) fn start(&self) -> Stitching {
        let [x, y, z] = self.plan.padded;
        let classes = self.network.config().out_channels;
        Stitching {
            sum: Tensor::zeros([1, classes, x, y, z], self.device().burn()),
        }
    }

    /// Adds the network's result for a window, 1 × out × window.
    pub(super) fn add(&self, stitching: &mut Stitching, logits: Tensor<5>, window: usize) {
        let weighted = logits * self.importance.clone();
        let start = self.plan.starts[window];
        stitching.sum.inplace(|sum| add_at(sum, weighted, start));
    }

    /// The weighted means, without the padding: 1 × out × image.
    pub(super) fn finish(&self, stitching: Stitching) -> Tensor<5> {
        self.without_padding(stitching.sum / self.total.clone())
    }

    /// The image part of a padded image.
    pub(super) fn without_padding(&self, padded: Tensor<5>) -> Tensor<5> {
        let [x, y, z] = self.plan.pad_before;
        let [w, h, d] = self.image;
        let channels = padded.dims()[1];
        padded.slice([0..1, 0..channels, x..x + w, y..y + h, z..z + d])
    }

    /// Numbers of an image's voxels in the order of the padded image, 0 around it.
    pub(super) fn padded(&self, values: &Array3<u16>) -> impl Iterator<Item = u16> {
        let [px, py, pz] = self.plan.padded;
        let [bx, by, bz] = self.plan.pad_before;
        let (x, y, z) = values.dim();
        let mut padded = Array3::zeros((px, py, pz));
        padded
            .slice_mut(s![bx..bx + x, by..by + y, bz..bz + z])
            .assign(values);
        padded.into_iter()
    }
}

/// Adds a part (1 × n × part) to a whole (1 × n × whole) where `start` says.
fn add_at(whole: Tensor<5>, part: Tensor<5>, [x, y, z]: [usize; 3]) -> Tensor<5> {
    let [_, n, w, h, d] = part.dims();
    let ranges = [0..1, 0..n, x..x + w, y..y + h, z..z + d];
    let sum = whole.clone().slice(ranges.clone()) + part;
    whole.slice_assign(ranges, sum)
}

/// An array `[[c, x, y, z]]` from a tensor 1 × c × x × y × z.
pub(super) fn download(tensor: Tensor<5>) -> Result<Array4<f32>, ModelError> {
    let [_, c, x, y, z] = tensor.dims();
    let values = tensor
        .try_into_vec_as::<f32>()
        .map_err(|e| ModelError::Device(e.to_string()))?;
    Array4::from_shape_vec((c, x, y, z), values).map_err(|e| ModelError::Device(e.to_string()))
}
