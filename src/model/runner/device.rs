//! Windows as burn tensors, on a graphics device.
//!
//! Nothing but the sums of a run comes back to main memory.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use ndarray::{Array4, ArrayView4, s};

use super::measure::Regions;
use super::{Runner, Scene};
use crate::model::swin_unetr::NetworkConfig;
use crate::model::swin_unetr::device::DeviceNetwork;
use crate::model::target::RunSums;
use crate::model::{ModelError, WindowPlan};

/// A [`Runner`] on a device.
#[derive(Debug, Clone)]
pub struct DeviceRunner {
    network: Arc<DeviceNetwork>,
    config: NetworkConfig,
    device: Device,
    plan: WindowPlan,
    /// 1 × 1 × window.
    importance: Tensor<5>,
    /// 1 × 1 × padded image: the sum of all windows' importance.
    total: Tensor<5>,
}

/// A [`Scene`] on a device.
#[derive(Debug)]
pub struct DeviceScene {
    /// 1 × channels × padded image.
    scan: Tensor<5>,
    baseline: Tensor<5>,
    /// Player of each voxel of the padded image; 0 where none.
    player_of_voxel: Tensor<1, Int>,
    regions: Regions,
}

impl DeviceRunner {
    pub fn new(
        network: Arc<DeviceNetwork>,
        config: NetworkConfig,
        device: &Device,
        plan: WindowPlan,
        importance: Vec<f32>,
    ) -> Self {
        let [x, y, z] = plan.window;
        let importance = TensorData::new(importance, [1, 1, x, y, z]);
        let importance = Tensor::<5>::from_data(importance, device);
        let [px, py, pz] = plan.padded;
        let mut total = Tensor::<5>::zeros([1, 1, px, py, pz], device);
        for start in &plan.starts {
            total = add_at(total, importance.clone(), *start);
        }
        Self {
            network,
            config,
            device: device.clone(),
            plan,
            importance,
            total,
        }
    }

    /// The image part of a padded image.
    fn without_padding(&self, padded: Tensor<5>) -> Tensor<5> {
        let [x, y, z] = self.plan.pad_before;
        let [w, h, d] = self.plan.image;
        let channels = padded.dims()[1];
        padded.slice([0..1, 0..channels, x..x + w, y..y + h, z..z + d])
    }
}

impl Runner for DeviceRunner {
    /// 1 × channels × padded image.
    type Image = Tensor<5>;
    /// 1 × classes × window.
    type Logits = Tensor<5>;
    /// 1 × classes × padded image.
    type Sum = Tensor<5>;
    /// 1 × classes × image.
    type Blended = Tensor<5>;
    type Scene = DeviceScene;

    fn plan(&self) -> &WindowPlan {
        &self.plan
    }

    fn upload(&self, image: ArrayView4<'_, f32>) -> Result<Tensor<5>, ModelError> {
        let (channels, x, y, z) = image.dim();
        let [px, py, pz] = self.plan.padded;
        let [bx, by, bz] = self.plan.pad_before;
        let mut padded = Array4::zeros((channels, px, py, pz));
        padded
            .slice_mut(s![.., bx..bx + x, by..by + y, bz..bz + z])
            .assign(&image);
        let values = padded.into_raw_vec_and_offset().0;
        let data = TensorData::new(values, [1, channels, px, py, pz]);
        Ok(Tensor::from_data(data, &self.device))
    }

    fn upload_scene(&self, scene: &Scene<'_>) -> Result<DeviceScene, ModelError> {
        let [px, py, pz] = self.plan.padded;
        let [bx, by, bz] = self.plan.pad_before;
        let (x, y, z) = scene.player_of_voxel.dim();
        let mut players = ndarray::Array3::<i64>::zeros((px, py, pz));
        players
            .slice_mut(s![bx..bx + x, by..by + y, bz..bz + z])
            .zip_mut_with(scene.player_of_voxel, |padded, &id| *padded = i64::from(id));
        let players = players.into_raw_vec_and_offset().0;
        let count = players.len();
        Ok(DeviceScene {
            scan: self.upload(scene.scan)?,
            baseline: self.upload(scene.baseline)?,
            player_of_voxel: Tensor::from_data(TensorData::new(players, [count]), &self.device),
            regions: Regions::new(scene),
        })
    }

    fn masked_image(&self, scene: &DeviceScene, present: &[bool]) -> Result<Tensor<5>, ModelError> {
        // Number 0 stands for voxels of no player.
        let shown: Vec<i64> = std::iter::once(1)
            .chain(present.iter().map(|&p| i64::from(p)))
            .collect();
        let count = shown.len();
        let shown = Tensor::<1, Int>::from_data(TensorData::new(shown, [count]), &self.device);
        let [n, c, x, y, z] = scene.scan.dims();
        let from_scan = shown
            .select(0, scene.player_of_voxel.clone())
            .equal_scalar(1)
            .reshape([1, 1, x, y, z])
            .expand([n, c, x, y, z]);
        Ok(scene
            .baseline
            .clone()
            .mask_where(from_scan, scene.scan.clone()))
    }

    fn run(&self, windows: &[(&Tensor<5>, usize)]) -> Result<Vec<Tensor<5>>, ModelError> {
        let [w, h, d] = self.plan.window;
        let inputs = windows
            .iter()
            .map(|&(image, window)| {
                let [x, y, z] = self.plan.start(window);
                let channels = self.config.in_channels;
                image
                    .clone()
                    .slice([0..1, 0..channels, x..x + w, y..y + h, z..z + d])
            })
            .collect();
        let outputs = self.network.forward(Tensor::cat(inputs, 0));
        Ok((0..windows.len())
            .map(|index| outputs.clone().narrow(0, index, 1))
            .collect())
    }

    fn start(&self) -> Result<Tensor<5>, ModelError> {
        let [x, y, z] = self.plan.padded;
        let shape = [1, self.config.out_channels, x, y, z];
        Ok(Tensor::zeros(shape, &self.device))
    }

    fn add(
        &self,
        sum: &mut Tensor<5>,
        logits: &Tensor<5>,
        window: usize,
    ) -> Result<(), ModelError> {
        let weighted = logits.clone() * self.importance.clone();
        let start = self.plan.start(window);
        sum.inplace(|sum| add_at(sum, weighted, start));
        Ok(())
    }

    fn finish(&self, sum: Tensor<5>) -> Result<Tensor<5>, ModelError> {
        Ok(self.without_padding(sum / self.total.clone()))
    }

    fn measure(&self, blended: &Tensor<5>, scene: &DeviceScene) -> Result<RunSums, ModelError> {
        let logits = self.download(blended.clone())?.permuted_axes([1, 2, 3, 0]);
        let logits: Vec<f32> = logits.iter().copied().collect();
        Ok(scene.regions.measure(&logits))
    }

    fn download(&self, blended: Tensor<5>) -> Result<Array4<f32>, ModelError> {
        let [_, c, x, y, z] = blended.dims();
        let values = blended
            .try_into_vec_as::<f32>()
            .map_err(|e| ModelError::Device(e.to_string()))?;
        Array4::from_shape_vec((c, x, y, z), values).map_err(|e| ModelError::Device(e.to_string()))
    }

    fn download_image(&self, image: Tensor<5>) -> Result<Array4<f32>, ModelError> {
        self.download(self.without_padding(image))
    }
}

/// Adds a part (1 × n × part) to a whole (1 × n × whole) where `start` says.
fn add_at(whole: Tensor<5>, part: Tensor<5>, [x, y, z]: [usize; 3]) -> Tensor<5> {
    let [_, n, w, h, d] = part.dims();
    let ranges = [0..1, 0..n, x..x + w, y..y + h, z..z + d];
    let sum = whole.clone().slice(ranges.clone()) + part;
    whole.slice_assign(ranges, sum)
}
