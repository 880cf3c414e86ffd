//! Windows in main memory, on the processor.
//!
//! Images and logits are kept voxel by voxel, the channels of a voxel side by side.

use std::sync::Arc;

use super::measure::Regions;
use super::{Runner, Scene};
use crate::model::masked::PlayerTable;
use crate::model::swin_unetr::cpu::CpuNetwork;
use crate::model::target::RunSums;
use crate::model::{ModelError, WindowPlan};
use ndarray::{Array4, ArrayView4, Axis, s};
use rayon::prelude::*;

/// A [`Runner`] in main memory.
#[derive(Debug, Clone)]
pub struct HostRunner {
    network: Arc<CpuNetwork>,
    plan: WindowPlan,
    /// Weight of each voxel of a window.
    importance: Arc<Vec<f32>>,
    /// The sum of all windows' weights, for each voxel of the padded image.
    total: Arc<Vec<f32>>,
}

/// A [`Scene`] in main memory.
#[derive(Debug)]
pub struct HostScene {
    /// Padded images.
    scan: Vec<f32>,
    baseline: Vec<f32>,
    /// Labels of the padded image, and their players.
    label_of_voxel: Vec<u16>,
    players: PlayerTable,
    regions: Regions,
}

impl HostRunner {
    pub fn new(network: Arc<CpuNetwork>, plan: WindowPlan, importance: Vec<f32>) -> Self {
        let [px, py, pz] = plan.padded;
        let mut total = vec![0.0; px * py * pz];
        for &start in &plan.starts {
            for_rows(plan.window, plan.padded, start, |window, image| {
                let (Some(total), Some(importance)) =
                    (total.get_mut(image), importance.get(window))
                else {
                    return;
                };
                for (total, weight) in total.iter_mut().zip(importance) {
                    *total += weight;
                }
            });
        }
        // Buffers of another size of window are of no use any more.
        network.release_buffers();
        Self {
            network,
            plan,
            importance: Arc::new(importance),
            total: Arc::new(total),
        }
    }

    /// Values of an image `[[channel, x, y, z]]` in the order of the padded image.
    fn padded<T: Copy + Default>(&self, image: ArrayView4<'_, T>) -> Vec<T> {
        let (channels, x, y, z) = image.dim();
        let [px, py, pz] = self.plan.padded;
        let [bx, by, bz] = self.plan.pad_before;
        let mut padded = Array4::from_elem((px, py, pz, channels), T::default());
        padded
            .slice_mut(s![bx..bx + x, by..by + y, bz..bz + z, ..])
            .assign(&image.permuted_axes([1, 2, 3, 0]));
        padded.into_raw_vec_and_offset().0
    }

    /// The image part of a padded image whose voxels have `width` values.
    fn without_padding(&self, padded: Vec<f32>, width: usize) -> Result<Array4<f32>, ModelError> {
        let [px, py, pz] = self.plan.padded;
        let [bx, by, bz] = self.plan.pad_before;
        let [x, y, z] = self.plan.image;
        let padded = Array4::from_shape_vec((px, py, pz, width), padded)
            .map_err(|e| ModelError::Device(e.to_string()))?;
        Ok(padded
            .slice(s![bx..bx + x, by..by + y, bz..bz + z, ..])
            .as_standard_layout()
            .into_owned())
    }

    fn classes(&self) -> usize {
        self.network.config().out_channels
    }

    fn channels(&self) -> usize {
        self.network.config().in_channels
    }
}

impl Runner for HostRunner {
    type Image = Vec<f32>;
    type Logits = Arc<Vec<f32>>;
    type Sum = Vec<f32>;
    /// x × y × z × class.
    type Blended = Array4<f32>;
    type Scene = HostScene;

    fn plan(&self) -> &WindowPlan {
        &self.plan
    }

    fn upload(&self, image: ArrayView4<'_, f32>) -> Result<Vec<f32>, ModelError> {
        Ok(self.padded(image))
    }

    fn upload_scene(&self, scene: &Scene<'_>) -> Result<HostScene, ModelError> {
        Ok(HostScene {
            scan: self.padded(scene.scan),
            baseline: self.padded(scene.baseline),
            label_of_voxel: self.padded(scene.label_of_voxel.view().insert_axis(Axis(0))),
            players: scene.players.clone(),
            regions: Regions::new(scene),
        })
    }

    fn masked_image(&self, scene: &HostScene, present: &[bool]) -> Result<Vec<f32>, ModelError> {
        let channels = self.channels();
        let rows = scene.players.shown(present);
        let mut image = scene.baseline.clone();
        let voxels = image
            .chunks_exact_mut(channels)
            .zip(scene.scan.chunks_exact(channels))
            .zip(&scene.label_of_voxel);
        let is_shown =
            |row: &[bool], label: &u16| row.get(usize::from(*label)).copied().unwrap_or(true);
        if let [row] = &rows[..] {
            voxels
                .filter(|(_, label)| is_shown(row, label))
                .for_each(|((image, scan), _)| image.copy_from_slice(scan));
        } else {
            for ((image, scan), label) in voxels {
                for ((image, scan), row) in image.iter_mut().zip(scan).zip(&rows) {
                    if is_shown(row, label) {
                        *image = *scan;
                    }
                }
            }
        }
        Ok(image)
    }

    fn run(&self, windows: &[(&Vec<f32>, usize)]) -> Result<Vec<Arc<Vec<f32>>>, ModelError> {
        let channels = self.channels();
        let run = || {
            let windows = windows.par_iter();
            windows
                .map(|&(image, window)| {
                    let mut input = vec![0.0; self.plan.window_voxels() * channels];
                    let start = self.plan.start(window);
                    for_rows(self.plan.window, self.plan.padded, start, |own, whole| {
                        let (own, whole) = (scaled(own, channels), scaled(whole, channels));
                        if let (Some(own), Some(whole)) = (input.get_mut(own), image.get(whole)) {
                            own.copy_from_slice(whole);
                        }
                    });
                    Ok(Arc::new(self.network.forward(&input, self.plan.window)?))
                })
                .collect()
        };
        self.network.on_threads(run)
    }

    fn start(&self) -> Result<Vec<f32>, ModelError> {
        Ok(vec![0.0; self.total.len() * self.classes()])
    }

    fn add(
        &self,
        sum: &mut Vec<f32>,
        logits: &Arc<Vec<f32>>,
        window: usize,
    ) -> Result<(), ModelError> {
        let classes = self.classes();
        let start = self.plan.start(window);
        for_rows(self.plan.window, self.plan.padded, start, |own, whole| {
            let (Some(importance), Some(logits), Some(sum)) = (
                self.importance.get(own.clone()),
                logits.get(scaled(own, classes)),
                sum.get_mut(scaled(whole, classes)),
            ) else {
                return;
            };
            for ((sum, logits), weight) in sum
                .chunks_exact_mut(classes)
                .zip(logits.chunks_exact(classes))
                .zip(importance)
            {
                for (sum, logit) in sum.iter_mut().zip(logits) {
                    *sum += logit * weight;
                }
            }
        });
        Ok(())
    }

    fn finish(&self, mut sum: Vec<f32>) -> Result<Array4<f32>, ModelError> {
        let classes = self.classes();
        for (logits, total) in sum.chunks_exact_mut(classes).zip(self.total.iter()) {
            for logit in logits {
                *logit /= total;
            }
        }
        self.without_padding(sum, classes)
    }

    fn measure(&self, blended: &Array4<f32>, scene: &HostScene) -> Result<RunSums, ModelError> {
        let logits = blended.as_slice().unwrap_or_default();
        Ok(self.network.on_threads(|| scene.regions.measure(logits)))
    }

    fn download(&self, blended: Array4<f32>) -> Result<Array4<f32>, ModelError> {
        Ok(blended
            .permuted_axes([3, 0, 1, 2])
            .as_standard_layout()
            .into_owned())
    }

    fn download_image(&self, image: Vec<f32>) -> Result<Array4<f32>, ModelError> {
        let image = self.without_padding(image, self.channels())?;
        self.download(image)
    }
}

/// Calls `row` with the place of each row of a window (voxels along z) in the window
/// and in the padded image.
fn for_rows(
    window: [usize; 3],
    padded: [usize; 3],
    [sx, sy, sz]: [usize; 3],
    mut row: impl FnMut(std::ops::Range<usize>, std::ops::Range<usize>),
) {
    let [wx, wy, wz] = window;
    for x in 0..wx {
        for y in 0..wy {
            let own = (x * wy + y) * wz;
            let whole = ((sx + x) * padded[1] + sy + y) * padded[2] + sz;
            row(own..own + wz, whole..whole + wz);
        }
    }
}

fn scaled(range: std::ops::Range<usize>, by: usize) -> std::ops::Range<usize> {
    range.start * by..range.end * by
}
