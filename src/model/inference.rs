//! Runs a network over an image, window by window, and blends the results.

use std::sync::Arc;

use ndarray::{Array4, ArrayView4};

use super::runner::Runner;
use super::runner::device::DeviceRunner;
use super::runner::host::HostRunner;
use super::swin_unetr::{Implementation, SwinUnetr};
use super::windows::{Inference, WindowPlan, importance};
use super::{ComputeDevice, ModelError};
use crate::base::CancelToken;

/// A network and the windows over images of one size.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    network: Arc<SwinUnetr>,
    pub(super) backend: Backend,
    /// Windows that go through the network together.
    batch: usize,
}

/// The two runners.
#[derive(Debug, Clone)]
pub(super) enum Backend {
    Host(HostRunner),
    Device(DeviceRunner),
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
        let importance = importance(plan.window, inference.blend);
        let backend = match network.implementation().clone() {
            Implementation::Cpu(own) => Backend::Host(HostRunner::new(own, plan, importance)),
            Implementation::Device(own) => Backend::Device(DeviceRunner::new(
                own,
                *network.config(),
                network.device().burn(),
                plan,
                importance,
            )),
        };
        Ok(Self {
            network,
            backend,
            batch: batch.max(1),
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
        self.check_image(image.dim())?;
        match &self.backend {
            Backend::Host(runner) => logits(runner, self.batch, image, cancel, progress),
            Backend::Device(runner) => logits(runner, self.batch, image, cancel, progress),
        }
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
        for (logits, &window) in runner.run(&inputs)?.iter().zip(batch) {
            runner.add(&mut sum, logits, window)?;
        }
        done += batch.len();
        progress(done, windows.len());
    }
    runner.download(runner.finish(sum)?)
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
