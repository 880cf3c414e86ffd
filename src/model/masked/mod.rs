//! Runs the network with parts of its input replaced by a baseline.
//!
//! The image is divided by labels (supervoxels), which belong to players: mostly one to
//! each, but a label may have another player in each channel ([`PlayerTable`]). A
//! coalition says which players are present; where one is absent, the baseline is shown
//! instead of the scan. What is measured of each run is in `target`; which coalitions to
//! run is for the explanation floor to say.

mod players;
mod reuse;

use std::sync::{Mutex, PoisonError};

use ndarray::{Array3, Array4, ArrayView4};

use super::inference::{Backend, SlidingWindow, check_shape, run_or_split};
use super::runner::device::DeviceRunner;
use super::runner::host::HostRunner;
use super::runner::{Runner, Scene};
use super::target::{RunSums, TargetMasks};
use super::{Activation, MemoryPlan, ModelError};
use crate::base::CancelToken;
use reuse::{WindowCache, WindowPlayers};

pub use players::PlayerTable;
pub use reuse::WindowStatistics;

/// A network, an image, its baseline and its players.
#[derive(Debug)]
pub struct MaskedNetwork {
    windows: SlidingWindow,
    players: PlayerTable,
    targets: TargetMasks,
    backend: MaskedBackend,
}

#[derive(Debug)]
enum MaskedBackend {
    Host(Masked<HostRunner>),
    Device(Masked<DeviceRunner>),
}

/// What is asked of a [`MaskedNetwork`] where its runner has to be known.
macro_rules! with_backend {
    ($network:expr, $masked:ident => $body:expr) => {
        match &$network.backend {
            MaskedBackend::Host($masked) => $body,
            MaskedBackend::Device($masked) => $body,
        }
    };
}

impl MaskedNetwork {
    /// `input` and `baseline` are `[[channel, x, y, z]]` of the size `windows` is for.
    /// `label_of_voxel` `[[x, y, z]]` holds the labels of `players`: of a plain number of
    /// players 1 to that number, or 0 for voxels that belong to none and always show the
    /// scan. Measured sums are kept for each label, whoever its players are.
    ///
    /// Errors: arrays of other sizes, a label beyond those of `players`, players of another
    /// number of channels.
    pub fn new(
        windows: SlidingWindow,
        input: ArrayView4<'_, f32>,
        baseline: ArrayView4<'_, f32>,
        label_of_voxel: &Array3<u16>,
        players: impl Into<PlayerTable>,
        targets: TargetMasks,
        activation: Activation,
    ) -> Result<Self, ModelError> {
        let players = players.into();
        windows.check_image(input.dim())?;
        let (channels, x, y, z) = input.dim();
        check_shape("baseline", input.shape(), baseline.shape())?;
        check_shape("player map", &[x, y, z], label_of_voxel.shape())?;
        if let Some(found) = players.channels_told_apart() {
            check_shape("channels of the players", &[channels], &[found])?;
        }
        let classes = windows.network().config().out_channels;
        check_shape("target", &[classes, x, y, z], targets.components().shape())?;
        let labels = players.labels();
        if let Some(&id) = label_of_voxel.iter().find(|&&id| usize::from(id) > labels) {
            let players = labels;
            return Err(ModelError::UnknownPlayer { id, players });
        }
        let scene = Scene {
            scan: input,
            baseline,
            label_of_voxel,
            players: &players,
            targets: &targets,
            activation,
        };
        let memory = windows.memory();
        let backend = match &windows.backend {
            Backend::Host(runner) => MaskedBackend::Host(Masked::new(runner, &scene, memory)?),
            Backend::Device(runner) => MaskedBackend::Device(Masked::new(runner, &scene, memory)?),
        };
        Ok(Self {
            windows,
            players,
            targets,
            backend,
        })
    }

    /// Number of players of a coalition.
    pub fn players(&self) -> usize {
        self.players.players()
    }

    pub fn targets(&self) -> &TargetMasks {
        &self.targets
    }

    pub fn windows(&self) -> &SlidingWindow {
        &self.windows
    }

    /// How many windows were run so far, and how many were known from earlier runs.
    pub fn statistics(&self) -> WindowStatistics {
        with_backend!(self, masked => masked.statistics())
    }

    /// Windows that are run or reused for one coalition: those that reach into the part
    /// that is measured.
    pub fn windows_per_run(&self) -> usize {
        with_backend!(self, masked => masked.measured_windows.len())
    }

    /// Sums for each coalition. A coalition lists for each player (the first is player
    /// 1) whether it is present.
    ///
    /// Windows of different coalitions go through the network in one batch; cancelling
    /// takes effect between batches.
    ///
    /// Errors: a coalition of another length, a device failure, cancelling.
    pub fn evaluate(
        &self,
        coalitions: &[Vec<bool>],
        cancel: &CancelToken,
    ) -> Result<Vec<RunSums>, ModelError> {
        for coalition in coalitions {
            self.check_coalition(coalition)?;
        }
        with_backend!(self, masked => masked.evaluate(coalitions, cancel))
    }

    /// What the network sees of a coalition, `[[channel, x, y, z]]`.
    pub fn masked_input(&self, present: &[bool]) -> Result<Array4<f32>, ModelError> {
        self.check_coalition(present)?;
        with_backend!(self, masked => masked.masked_input(present))
    }

    /// Logits `[[class, x, y, z]]` of a coalition.
    pub fn logits(
        &self,
        present: &[bool],
        cancel: &CancelToken,
    ) -> Result<Array4<f32>, ModelError> {
        self.check_coalition(present)?;
        with_backend!(self, masked => masked.logits(present, cancel))
    }

    /// As [`evaluate`](Self::evaluate) and [`logits`](Self::logits) in one: the sums of each
    /// coalition and its logits `[[class, x, y, z]]` in the whole image.
    pub fn evaluate_with_logits(
        &self,
        coalitions: &[Vec<bool>],
        cancel: &CancelToken,
    ) -> Result<Vec<(RunSums, Array4<f32>)>, ModelError> {
        for coalition in coalitions {
            self.check_coalition(coalition)?;
        }
        with_backend!(self, masked => masked.evaluate_with_logits(coalitions, cancel))
    }

    fn check_coalition(&self, present: &[bool]) -> Result<(), ModelError> {
        check_shape("coalition", &[self.players()], &[present.len()])
    }
}

/// A masked network on its runner.
#[derive(Debug)]
struct Masked<R: Runner> {
    runner: R,
    scene: R::Scene,
    window_players: WindowPlayers,
    /// The windows that reach into the measured part.
    measured_windows: Vec<usize>,
    batch: usize,
    cache: Mutex<WindowCache<R::Logits>>,
}

/// A window of one of the coalitions of a call, on its way into the coalition's sum.
struct Step<L> {
    coalition: usize,
    window: usize,
    logits: Source<L>,
}

enum Source<L> {
    Known(L),
    /// The result of the batch at this place.
    Run(usize),
}

impl<R: Runner + Clone> Masked<R> {
    fn new(runner: &R, scene: &Scene<'_>, memory: MemoryPlan) -> Result<Self, ModelError> {
        let plan = runner.plan();
        let cache = WindowCache::new(plan.starts.len(), memory.kept_per_window);
        Ok(Self {
            measured_windows: plan.reaching(scene.targets.measured()),
            window_players: WindowPlayers::new(plan, scene.label_of_voxel, scene.players),
            scene: runner.upload_scene(scene)?,
            runner: runner.clone(),
            batch: memory.batch,
            cache: Mutex::new(cache),
        })
    }

    fn statistics(&self) -> WindowStatistics {
        self.lock_cache().statistics()
    }

    fn lock_cache(&self) -> std::sync::MutexGuard<'_, WindowCache<R::Logits>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn evaluate(
        &self,
        coalitions: &[Vec<bool>],
        cancel: &CancelToken,
    ) -> Result<Vec<RunSums>, ModelError> {
        let mut results = vec![RunSums::default(); coalitions.len()];
        self.blend_all(
            coalitions,
            &self.measured_windows,
            cancel,
            &mut |coalition, blended| {
                if let Some(result) = results.get_mut(coalition) {
                    *result = self.runner.measure(&blended, &self.scene)?;
                }
                Ok(())
            },
        )?;
        Ok(results)
    }

    fn masked_input(&self, present: &[bool]) -> Result<Array4<f32>, ModelError> {
        let image = self.runner.masked_image(&self.scene, present)?;
        self.runner.download_image(image)
    }

    fn logits(&self, present: &[bool], cancel: &CancelToken) -> Result<Array4<f32>, ModelError> {
        let mut result = Err(ModelError::Device("the network gave no result".into()));
        let windows = self.all_windows();
        self.blend_all(&[present.to_vec()], &windows, cancel, &mut |_, blended| {
            result = self.runner.download(blended);
            Ok(())
        })?;
        result
    }

    fn evaluate_with_logits(
        &self,
        coalitions: &[Vec<bool>],
        cancel: &CancelToken,
    ) -> Result<Vec<(RunSums, Array4<f32>)>, ModelError> {
        let mut results = Vec::with_capacity(coalitions.len());
        let windows = self.all_windows();
        // They finish in their order.
        self.blend_all(coalitions, &windows, cancel, &mut |_, blended| {
            let sums = self.runner.measure(&blended, &self.scene)?;
            results.push((sums, self.runner.download(blended)?));
            Ok(())
        })?;
        Ok(results)
    }

    fn all_windows(&self) -> Vec<usize> {
        (0..self.runner.plan().starts.len()).collect()
    }

    /// Blends these windows of every coalition, and hands over each coalition's logits as
    /// soon as they are complete. Windows that show what they have shown before are not
    /// run again. Voxels outside these windows have no logits.
    fn blend_all(
        &self,
        coalitions: &[Vec<bool>],
        windows: &[usize],
        cancel: &CancelToken,
        finished: &mut dyn FnMut(usize, R::Blended) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        // A coalition and its complement side by side share batches.
        for (pair, coalitions) in coalitions.chunks(2).enumerate() {
            let mut run = PairRun::new(self, coalitions);
            for &window in windows {
                for coalition in 0..coalitions.len() {
                    run.add_step(coalition, window);
                    if run.is_full() {
                        cancel.check()?;
                        run.flush()?;
                    }
                }
            }
            cancel.check()?;
            run.flush()?;
            for (coalition, sum) in run.sums.into_iter().enumerate() {
                let sum = match sum {
                    Some(sum) => sum,
                    None => self.runner.start()?,
                };
                finished(2 * pair + coalition, self.runner.finish(sum)?)?;
            }
        }
        Ok(())
    }
}

/// A pair of coalitions while their windows are run.
struct PairRun<'a, R: Runner> {
    masked: &'a Masked<R>,
    coalitions: &'a [Vec<bool>],
    /// Made when a coalition's first window has to be run.
    images: Vec<Option<R::Image>>,
    sums: Vec<Option<R::Sum>>,
    /// Windows to run next, with what they show.
    batch: Vec<(usize, usize, reuse::Signature)>,
    /// In the order in which windows are added up.
    steps: Vec<Step<R::Logits>>,
}

impl<'a, R: Runner + Clone> PairRun<'a, R> {
    fn new(masked: &'a Masked<R>, coalitions: &'a [Vec<bool>]) -> Self {
        Self {
            masked,
            coalitions,
            images: coalitions.iter().map(|_| None).collect(),
            sums: coalitions.iter().map(|_| None).collect(),
            batch: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn add_step(&mut self, coalition: usize, window: usize) {
        let present = self
            .coalitions
            .get(coalition)
            .map_or(&[][..], Vec::as_slice);
        let signature = self.masked.window_players.signature(window, present);
        let mut cache = self.masked.lock_cache();
        let same = self
            .batch
            .iter()
            .position(|(_, other, own)| *other == window && *own == signature);
        let logits = if let Some(at) = same {
            cache.count_shared();
            Source::Run(at)
        } else if let Some(logits) = cache.find(window, &signature) {
            Source::Known(logits)
        } else {
            self.batch.push((coalition, window, signature));
            Source::Run(self.batch.len() - 1)
        };
        self.steps.push(Step {
            coalition,
            window,
            logits,
        });
    }

    fn is_full(&self) -> bool {
        self.batch.len() >= self.masked.batch
    }

    /// Runs the waiting windows and adds up what waited for them.
    fn flush(&mut self) -> Result<(), ModelError> {
        let runner = &self.masked.runner;
        for &(coalition, _, _) in &self.batch {
            if let (Some(image @ None), Some(present)) = (
                self.images.get_mut(coalition),
                self.coalitions.get(coalition),
            ) {
                *image = Some(runner.masked_image(&self.masked.scene, present)?);
            }
        }
        let inputs: Vec<(&R::Image, usize)> = self
            .batch
            .iter()
            .filter_map(|(coalition, window, _)| {
                Some((self.images.get(*coalition)?.as_ref()?, *window))
            })
            .collect();
        let outputs = if inputs.is_empty() {
            Vec::new()
        } else {
            run_or_split(runner, &inputs)?
        };
        for step in self.steps.drain(..) {
            let Some(sum) = self.sums.get_mut(step.coalition) else {
                continue;
            };
            let logits = match &step.logits {
                Source::Known(logits) => Some(logits),
                Source::Run(at) => outputs.get(*at),
            };
            let logits = logits
                .ok_or_else(|| ModelError::Device("the network gave too few results".into()))?;
            let sum = match sum {
                Some(sum) => sum,
                None => sum.insert(runner.start()?),
            };
            runner.add(sum, logits, step.window)?;
        }
        let mut cache = self.masked.lock_cache();
        for ((_, window, signature), logits) in self.batch.drain(..).zip(outputs) {
            cache.insert(window, signature, logits);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    /// The engine moves these to its worker thread and shares the network.
    #[test]
    fn networks_cross_threads() {
        fn crosses<T: Send + Sync>() {}
        crosses::<super::MaskedNetwork>();
        crosses::<crate::model::SwinUnetr>();
    }
}
