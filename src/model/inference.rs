//! Runs a network over an image, window by window, and blends the results.

use std::sync::Arc;

use ndarray::{Array4, ArrayD, ArrayView4, Axis, s};

use super::runner::Runner;
use super::runner::device::DeviceRunner;
use super::runner::host::HostRunner;
use super::swin_unetr::{Implementation, SwinUnetr};
use super::windows::{Inference, WindowPlan, importance};
use super::{ComputeDevice, MemoryPlan, ModelError};
use crate::base::CancelToken;

/// More windows than this are a mistake in a model's settings: on any machine they would
/// take days.
const MOST_WINDOWS: usize = 100_000;

/// A network and the windows over images of one size.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    network: Arc<SwinUnetr>,
    pub(super) backend: Backend,
    memory: MemoryPlan,
}

/// The two runners.
#[derive(Debug, Clone)]
pub(super) enum Backend {
    Host(HostRunner),
    Device(DeviceRunner),
}

impl SlidingWindow {
    /// For images of `image` voxels, with at most `batch` windows at once: more cost
    /// memory and save time where a device is not filled by one.
    ///
    /// Errors: a window the network cannot take, an overlap outside 0 to 0.95, a window
    /// that does not fit in memory.
    pub fn new(
        network: Arc<SwinUnetr>,
        image: [usize; 3],
        inference: &Inference,
        batch: usize,
    ) -> Result<Self, ModelError> {
        if let Some(problem) = inference.problem() {
            return Err(ModelError::Settings(problem));
        }
        let windows = WindowPlan::count(image, inference);
        if windows > MOST_WINDOWS {
            return Err(ModelError::TooManyWindows {
                windows,
                most: MOST_WINDOWS,
            });
        }
        let plan = WindowPlan::new(image, inference);
        let largest = network.largest_batch(plan.window);
        if largest == 0 {
            return Err(ModelError::OutOfMemory(format!(
                "the maps of one window of {:?} voxels",
                plan.window
            )));
        }
        let batch = batch.min(largest);
        let memory = MemoryPlan::new(network.config(), &plan, batch, network.device())?;
        let importance = importance(plan.window, inference.blend);
        let backend = match network.implementation().clone() {
            Implementation::Cpu(own) => Backend::Host(HostRunner::new(own, plan, importance)),
            Implementation::Device(own) => {
                Backend::Device(DeviceRunner::new(own, plan, &importance)?)
            }
        };
        Ok(Self {
            network,
            backend,
            memory,
        })
    }

    pub fn network(&self) -> &SwinUnetr {
        &self.network
    }

    pub fn device(&self) -> &ComputeDevice {
        self.network.device()
    }

    pub fn plan(&self) -> &WindowPlan {
        match &self.backend {
            Backend::Host(runner) => runner.plan(),
            Backend::Device(runner) => runner.plan(),
        }
    }

    /// Windows that cover the image.
    pub fn window_count(&self) -> usize {
        self.plan().starts.len()
    }

    /// What a run holds in memory.
    pub fn memory(&self) -> MemoryPlan {
        self.memory
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
        self.check_image(image.dim())?;
        match &self.backend {
            Backend::Host(runner) => logits(runner, self.memory.batch, image, cancel, progress),
            Backend::Device(runner) => logits(runner, self.memory.batch, image, cancel, progress),
        }
    }

    /// The window in the middle of an image `[[channel, x, y, z]]` as the network takes it,
    /// 1 × channel × window.
    pub fn middle_window(&self, image: ArrayView4<'_, f32>) -> ArrayD<f32> {
        let plan = self.plan();
        let window = plan.starts.len() / 2;
        let [x, y, z] = plan.image_part(window);
        let [w, h, d] = plan.window;
        let mut result = Array4::zeros((image.dim().0, w, h, d));
        // What lies outside the image is zero, here after it.
        result
            .slice_mut(s![.., ..x.len(), ..y.len(), ..z.len()])
            .assign(&image.slice(s![.., x, y, z]));
        result.insert_axis(Axis(0)).into_dyn()
    }

    /// An error unless an image has the size that the windows are for and the channels
    /// that the network takes.
    pub(super) fn check_image(
        &self,
        (channels, x, y, z): (usize, usize, usize, usize),
    ) -> Result<(), ModelError> {
        let expected = self.network.config().in_channels;
        if channels != expected {
            return Err(ModelError::InputChannels {
                expected,
                actual: channels,
            });
        }
        check_shape("image", &self.plan().image, &[x, y, z])
    }
}

fn logits<R: Runner>(
    runner: &R,
    batch: usize,
    image: ArrayView4<'_, f32>,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Array4<f32>, ModelError> {
    let image = runner.upload(image)?;
    let mut sum = runner.start()?;
    let windows: Vec<usize> = (0..runner.plan().starts.len()).collect();
    let mut done = 0;
    for batch in windows.chunks(batch) {
        cancel.check()?;
        let inputs: Vec<_> = batch.iter().map(|&window| (&image, window)).collect();
        for (logits, &window) in run_or_split(runner, &inputs)?.iter().zip(batch) {
            runner.add(&mut sum, logits, window)?;
        }
        done += batch.len();
        progress(done, windows.len());
    }
    runner.download(runner.finish(sum)?)
}

/// Runs windows in one batch, or in smaller ones where the device has not enough memory
/// for that many.
pub(super) fn run_or_split<R: Runner>(
    runner: &R,
    windows: &[(&R::Image, usize)],
) -> Result<Vec<R::Logits>, ModelError> {
    match runner.run(windows) {
        Err(ModelError::OutOfMemory(_)) if windows.len() > 1 => {
            let (first, second) = windows.split_at(windows.len() / 2);
            let mut logits = run_or_split(runner, first)?;
            logits.extend(run_or_split(runner, second)?);
            Ok(logits)
        }
        result => result,
    }
}

/// An error unless an array has the shape it must have.
pub(super) fn check_shape(
    what: &'static str,
    expected: &[usize],
    actual: &[usize],
) -> Result<(), ModelError> {
    if expected == actual {
        return Ok(());
    }
    Err(ModelError::Shape {
        what,
        expected: expected.to_vec(),
        actual: actual.to_vec(),
    })
}
