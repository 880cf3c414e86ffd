//! Derivatives through the network, window by window, with the blending of inference.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, Array4, ArrayView4, s};

use crate::base::CancelToken;
use crate::model::inference::check_shape;
use crate::model::swin_unetr::device::plain::{DecoderMap, PlainNetwork};
use crate::model::swin_unetr::window::WINDOW;
use crate::model::swin_unetr::{BLOCKS_PER_STAGE, HEADS};
use crate::model::{
    ComputeDevice, Inference, ModelError, NetworkConfig, Weights, WindowPlan, importance,
};

/// The voxels of a window that starts somewhere, for slicing with or without a first axis.
macro_rules! window_of {
    ($start:expr, $window:expr) => {{
        let ([x, y, z], [w, h, d]) = ($start, $window);
        s![x..x + w, y..y + h, z..z + d]
    }};
    (.., $start:expr, $window:expr) => {{
        let ([x, y, z], [w, h, d]) = ($start, $window);
        s![.., x..x + w, y..y + h, z..z + d]
    }};
}

/// A network that can be differentiated, and the windows over images of one size.
#[derive(Debug)]
pub struct GradientNetwork {
    network: PlainNetwork,
    config: NetworkConfig,
    device: ComputeDevice,
    plan: WindowPlan,
    /// Weight of each voxel of a window, z fastest.
    importance: Array3<f32>,
    /// The sum of all windows' weights, for each voxel of the padded image.
    total: Array3<f32>,
}

/// A map inside the network for one window, and the derivative with respect to it, both
/// `[[channel, x, y, z]]`.
#[derive(Debug, Clone)]
pub struct WindowFeatures {
    pub window: usize,
    pub features: Array4<f32>,
    pub derivative: Array4<f32>,
}

impl GradientNetwork {
    /// For images of `image` voxels.
    ///
    /// Errors: settings no network can have, weights that are not its own, a window whose
    /// maps do not fit in memory.
    pub fn new(
        config: NetworkConfig,
        weights: &Weights,
        device: &ComputeDevice,
        image: [usize; 3],
        inference: &Inference,
    ) -> Result<Self, ModelError> {
        config.validate()?;
        weights.check(&config)?;
        if let Some(problem) = inference.problem() {
            return Err(ModelError::Settings(problem));
        }
        let plan = WindowPlan::new(image, inference);
        let needed = gradient_window_bytes(&config, plan.window);
        if let Some(limit) = device.memory_limit_bytes()
            && needed > limit
        {
            return Err(ModelError::GradientMemory {
                needed_mib: needed.div_ceil(1 << 20),
                limit_mib: limit >> 20,
            });
        }
        let broken = |error: ndarray::ShapeError| ModelError::Device(error.to_string());
        let importance =
            Array3::from_shape_vec(plan.window, importance(plan.window, inference.blend))
                .map_err(broken)?;
        let mut total = Array3::zeros(plan.padded);
        for &start in &plan.starts {
            let mut part = total.slice_mut(window_of!(start, plan.window));
            part += &importance;
        }
        Ok(Self {
            network: PlainNetwork::new(config, weights, device.burn())?,
            config,
            device: device.clone(),
            plan,
            importance,
            total,
        })
    }

    pub fn plan(&self) -> &WindowPlan {
        &self.plan
    }

    /// The windows that reach a voxel whose logits count.
    pub fn windows_that_count(&self, cotangent: ArrayView4<'_, f32>) -> Vec<usize> {
        let counts = |window: &usize| {
            let [x, y, z] = self.plan.image_part(*window);
            cotangent.slice(s![.., x, y, z]).iter().any(|&c| c != 0.0)
        };
        (0..self.plan.starts.len()).filter(counts).collect()
    }

    /// The derivative with respect to an image `[[channel, x, y, z]]` of the number whose
    /// derivative with respect to its blended logits is `cotangent`, `[[class, x, y, z]]`.
    ///
    /// `progress` hears of each window. Errors: arrays of other sizes, a device failure,
    /// cancelling, which takes effect between windows.
    pub fn derivative(
        &self,
        image: ArrayView4<'_, f32>,
        cotangent: ArrayView4<'_, f32>,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(),
    ) -> Result<Array4<f32>, ModelError> {
        self.check(image, cotangent)?;
        let [px, py, pz] = self.plan.padded;
        let (image, classes) = (self.padded(image), self.padded(cotangent));
        let mut sum = Array4::<f32>::zeros((self.config.in_channels, px, py, pz));
        for window in self.windows_that_count(cotangent) {
            cancel.check()?;
            let input = self.input(&image, window).autodiff().require_grad();
            let logits = self.network.forward(input.clone());
            let own = self.back(logits, &classes, window, &input)?;
            let start = self.plan.start(window);
            let mut part = sum.slice_mut(window_of!(.., start, self.plan.window));
            part += &own;
            progress();
        }
        Ok(self.without_padding(&sum))
    }

    /// A map inside the network and the derivative with respect to it, for each window
    /// that counts. Parameters and errors as in [`derivative`](Self::derivative).
    pub fn features(
        &self,
        wanted: DecoderMap,
        image: ArrayView4<'_, f32>,
        cotangent: ArrayView4<'_, f32>,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(),
    ) -> Result<Vec<WindowFeatures>, ModelError> {
        self.check(image, cotangent)?;
        let (image, classes) = (self.padded(image), self.padded(cotangent));
        let mut found = Vec::new();
        for window in self.windows_that_count(cotangent) {
            cancel.check()?;
            let mut tapped = None;
            let logits =
                self.network
                    .forward_through(self.input(&image, window), &mut |map, features| {
                        if map != wanted {
                            return features;
                        }
                        let features = features.autodiff().require_grad();
                        tapped = Some(features.clone());
                        features
                    });
            let Some(features) = tapped else {
                continue;
            };
            let derivative = self.back(logits, &classes, window, &features)?;
            found.push(WindowFeatures {
                window,
                features: self.array(features.without_autodiff())?,
                derivative,
            });
            progress();
        }
        Ok(found)
    }

    /// The mean over all windows of what `of_window` gives for some of them, weighted as
    /// their logits are; others count as 0. `[[x, y, z]]` without the padding.
    pub fn blended(&self, of_windows: &[(usize, Array3<f32>)]) -> Array3<f32> {
        let mut sum = Array3::<f32>::zeros(self.plan.padded);
        for (window, values) in of_windows {
            let start = self.plan.start(*window);
            let mut part = sum.slice_mut(window_of!(start, self.plan.window));
            part += &(values * &self.importance);
        }
        sum /= &self.total;
        let [x, y, z] = self.image_in_padded();
        sum.slice(s![x, y, z]).to_owned()
    }

    /// From a window's logits back to a tensor that they were made of.
    fn back(
        &self,
        logits: Tensor<5>,
        cotangent: &Array4<f32>,
        window: usize,
        source: &Tensor<5>,
    ) -> Result<Array4<f32>, ModelError> {
        let start = self.plan.start(window);
        let part = cotangent.slice(window_of!(.., start, self.plan.window));
        let total = self.total.slice(window_of!(start, self.plan.window));
        let share = part.to_owned() * &self.importance / total;
        let mut gradients = (logits * tensor(&share, self.device.burn()))
            .sum()
            .backward();
        let gradient = source.grad_remove(&mut gradients);
        self.array(gradient.ok_or_else(|| {
            ModelError::Device("the network's output does not depend on its input".into())
        })?)
    }

    /// The window of a padded image as the network takes it.
    fn input(&self, padded: &Array4<f32>, window: usize) -> Tensor<5> {
        let start = self.plan.start(window);
        let part = padded.slice(window_of!(.., start, self.plan.window));
        tensor(&part.to_owned(), self.device.burn())
    }

    /// A tensor of one image on the host.
    fn array(&self, tensor: Tensor<5>) -> Result<Array4<f32>, ModelError> {
        let [_, channels, x, y, z] = tensor.dims();
        let values = tensor.try_into_vec_as::<f32>();
        self.device.watch().check(values.is_err())?;
        let values = values.map_err(|error| ModelError::Device(format!("{error:?}")))?;
        Array4::from_shape_vec((channels, x, y, z), values)
            .map_err(|error| ModelError::Device(error.to_string()))
    }

    fn check(
        &self,
        image: ArrayView4<'_, f32>,
        cotangent: ArrayView4<'_, f32>,
    ) -> Result<(), ModelError> {
        let [x, y, z] = self.plan.image;
        let expected = [self.config.in_channels, x, y, z];
        check_shape("image", &expected, image.shape())?;
        let expected = [self.config.out_channels, x, y, z];
        check_shape("derivative of the logits", &expected, cotangent.shape())
    }

    fn padded(&self, image: ArrayView4<'_, f32>) -> Array4<f32> {
        let [px, py, pz] = self.plan.padded;
        let mut padded = Array4::zeros((image.dim().0, px, py, pz));
        let [x, y, z] = self.image_in_padded();
        padded.slice_mut(s![.., x, y, z]).assign(&image);
        padded
    }

    fn without_padding(&self, padded: &Array4<f32>) -> Array4<f32> {
        let [x, y, z] = self.image_in_padded();
        padded.slice(s![.., x, y, z]).to_owned()
    }

    fn image_in_padded(&self) -> [std::ops::Range<usize>; 3] {
        std::array::from_fn(|axis| {
            let before = self.plan.pad_before[axis];
            before..before + self.plan.image[axis]
        })
    }
}

/// An array `[[channel, x, y, z]]` as a tensor of one image.
fn tensor(array: &Array4<f32>, device: &Device) -> Tensor<5> {
    let (channels, x, y, z) = array.dim();
    let values: Vec<f32> = array.iter().copied().collect();
    Tensor::from_data(TensorData::new(values, [1, channels, x, y, z]), device)
}

/// Bytes of what is in memory while one window goes forth and back through the network:
/// every map that the way back needs again is kept, and the scores of the attention.
pub fn gradient_window_bytes(config: &NetworkConfig, window: [usize; 3]) -> u64 {
    let voxels: u64 = window.iter().map(|&n| n as u64).product();
    let width = (config.in_channels + config.out_channels + MAPS * config.feature_size) as u64;
    let scores: u64 = HEADS
        .iter()
        .enumerate()
        .map(|(stage, &heads)| {
            let tokens = window.map(|n| n >> (stage + 1));
            let edges = tokens.map(|n| n.clamp(1, WINDOW));
            let places: u64 = edges.iter().map(|&n| n as u64).product();
            let windows = tokens.iter().zip(&edges);
            let windows: u64 = windows.map(|(n, edge)| n.div_ceil(*edge) as u64).product();
            windows * heads as u64 * places * places
        })
        .sum();
    4 * (voxels * width + (SCORES * BLOCKS_PER_STAGE) as u64 * scores)
}

/// Maps of full resolution and as wide as the feature size that stand for all maps kept.
const MAPS: usize = 60;

/// Copies that are kept of each score of the attention.
const SCORES: usize = 3;
