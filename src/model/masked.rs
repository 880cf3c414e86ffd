//! Runs the network with parts of its input replaced by a baseline.
//!
//! The image is divided among players (supervoxels). A coalition says which players
//! are present; where one is absent, the baseline is shown instead of the scan. What
//! is measured of each run is in `target`; which coalitions to run is for the
//! explanation floor to say.

use std::collections::BTreeMap;

use burn::tensor::{Int, Tensor, TensorData};
use ndarray::{Array3, Array4, ArrayView4};

use super::inference::{SlidingWindow, Stitching, download};
use super::target::{ClassSums, TargetMasks, class_sums, class_sums_on_device};
use super::{Activation, ModelError};
use crate::base::CancelToken;

/// A network, an image, its baseline and its players.
#[derive(Debug)]
pub struct MaskedNetwork {
    windows: SlidingWindow,
    /// 1 × channels × padded image.
    scan: Tensor<5>,
    baseline: Tensor<5>,
    /// Player of each voxel of the padded image; 0 where none.
    player_of_voxel: Tensor<1, Int>,
    players: usize,
    targets: TargetMasks,
    /// The targets on a graphics device, where the sums are made there.
    targets_on_device: Option<Tensor<5>>,
    activation: Activation,
}

impl MaskedNetwork {
    /// `input` and `baseline` are `[[channel, x, y, z]]` of the size `windows` is for.
    /// `player_of_voxel` `[[x, y, z]]` holds 1 to `players`, or 0 for voxels that belong
    /// to no player and always show the scan.
    ///
    /// Errors: arrays of other sizes, a player beyond `players`.
    pub fn new(
        windows: SlidingWindow,
        input: ArrayView4<'_, f32>,
        baseline: ArrayView4<'_, f32>,
        player_of_voxel: &Array3<u16>,
        players: usize,
        targets: TargetMasks,
        activation: Activation,
    ) -> Result<Self, ModelError> {
        let (channels, x, y, z) = input.dim();
        let shape = |what, expected: &[usize], actual: &[usize]| {
            if expected == actual {
                return Ok(());
            }
            let (expected, actual) = (expected.to_vec(), actual.to_vec());
            Err(ModelError::Shape {
                what,
                expected,
                actual,
            })
        };
        shape("baseline", input.shape(), baseline.shape())?;
        shape("player map", &[x, y, z], player_of_voxel.shape())?;
        let classes = windows.network().config().out_channels;
        shape("target", &[classes, x, y, z], targets.masks().shape())?;
        let expected = windows.network().config().in_channels;
        if channels != expected {
            return Err(ModelError::InputChannels {
                expected,
                actual: channels,
            });
        }
        if let Some(&id) = player_of_voxel
            .iter()
            .find(|&&id| usize::from(id) > players)
        {
            return Err(ModelError::UnknownPlayer { id, players });
        }
        let scan = windows.upload_padded(input)?;
        let baseline = windows.upload_padded(baseline)?;
        let ids: Vec<i64> = windows.padded(player_of_voxel).map(i64::from).collect();
        let count = ids.len();
        let device = windows.device().clone();
        Ok(Self {
            scan,
            baseline,
            player_of_voxel: Tensor::from_data(TensorData::new(ids, [count]), device.burn()),
            players,
            targets_on_device: (!device.is_cpu()).then(|| targets.upload(device.burn())),
            targets,
            activation,
            windows,
        })
    }

    pub fn players(&self) -> usize {
        self.players
    }

    pub fn targets(&self) -> &TargetMasks {
        &self.targets
    }

    pub fn windows(&self) -> &SlidingWindow {
        &self.windows
    }

    /// Sums for each coalition and output channel. A coalition lists for each player
    /// (the first is player 1) whether it is present.
    ///
    /// Windows of different coalitions go through the network in one batch; cancelling
    /// takes effect between batches.
    ///
    /// Errors: a coalition of another length, a device failure, cancelling.
    pub fn evaluate(
        &self,
        coalitions: &[Vec<bool>],
        cancel: &CancelToken,
    ) -> Result<Vec<Vec<ClassSums>>, ModelError> {
        let mut results = vec![Vec::new(); coalitions.len()];
        self.run(coalitions, cancel, &mut |index, logits| {
            results[index] = match &self.targets_on_device {
                Some(targets) => class_sums_on_device(logits, targets, self.activation)?,
                None => class_sums(download(logits)?.view(), &self.targets, self.activation),
            };
            Ok(())
        })?;
        Ok(results)
    }

    /// What the network sees of a coalition, `[[channel, x, y, z]]`.
    pub fn masked_input(&self, present: &[bool]) -> Result<Array4<f32>, ModelError> {
        download(self.windows.without_padding(self.blend(present)?))
    }

    /// Logits `[[class, x, y, z]]` of a coalition.
    pub fn logits(
        &self,
        present: &[bool],
        cancel: &CancelToken,
    ) -> Result<Array4<f32>, ModelError> {
        let mut result = Err(ModelError::Device("the network gave no result".into()));
        self.run(&[present.to_vec()], cancel, &mut |_, logits| {
            result = download(logits);
            Ok(())
        })?;
        result
    }

    /// Labels `[[x, y, z]]` of a coalition, by [`Activation::labels`].
    pub fn segment(
        &self,
        present: &[bool],
        cancel: &CancelToken,
    ) -> Result<Array3<u16>, ModelError> {
        Ok(self.activation.labels(self.logits(present, cancel)?.view()))
    }

    /// Runs every window of every coalition and hands over each coalition's logits
    /// (1 × class × image) as soon as they are complete.
    fn run(
        &self,
        coalitions: &[Vec<bool>],
        cancel: &CancelToken,
        finished: &mut dyn FnMut(usize, Tensor<5>) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        let windows = self.windows.window_count();
        let work: Vec<(usize, usize)> = (0..coalitions.len())
            .flat_map(|coalition| (0..windows).map(move |window| (coalition, window)))
            .collect();
        // Coalitions with some windows done and some to do.
        let mut open: BTreeMap<usize, (Tensor<5>, Stitching)> = BTreeMap::new();
        for batch in work.chunks(self.windows.batch()) {
            cancel.check()?;
            let mut inputs = Vec::with_capacity(batch.len());
            for &(coalition, window) in batch {
                if window == 0 {
                    let image = self.blend(&coalitions[coalition])?;
                    open.insert(coalition, (image, self.windows.start()));
                }
                if let Some((image, _)) = open.get(&coalition) {
                    inputs.push(self.windows.cut(image, window));
                }
            }
            let outputs = self.windows.network().forward(Tensor::cat(inputs, 0))?;
            for (index, &(coalition, window)) in batch.iter().enumerate() {
                if let Some((_, stitching)) = open.get_mut(&coalition) {
                    self.windows
                        .add(stitching, outputs.clone().narrow(0, index, 1), window);
                }
                if window + 1 == windows
                    && let Some((_, stitching)) = open.remove(&coalition)
                {
                    finished(coalition, self.windows.finish(stitching))?;
                }
            }
        }
        Ok(())
    }

    /// The padded image of a coalition. Chosen voxel by voxel, never computed: with all
    /// players present it is the scan bit for bit.
    fn blend(&self, present: &[bool]) -> Result<Tensor<5>, ModelError> {
        if present.len() != self.players {
            return Err(ModelError::Shape {
                what: "coalition",
                expected: vec![self.players],
                actual: vec![present.len()],
            });
        }
        // Number 0 stands for voxels of no player.
        let shown: Vec<i64> = std::iter::once(1)
            .chain(present.iter().map(|&p| i64::from(p)))
            .collect();
        let count = shown.len();
        let shown =
            Tensor::<1, Int>::from_data(TensorData::new(shown, [count]), &self.scan.device());
        let [n, c, x, y, z] = self.scan.dims();
        let from_scan = shown
            .select(0, self.player_of_voxel.clone())
            .equal_scalar(1)
            .reshape([1, 1, x, y, z])
            .expand([n, c, x, y, z]);
        Ok(self
            .baseline
            .clone()
            .mask_where(from_scan, self.scan.clone()))
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
