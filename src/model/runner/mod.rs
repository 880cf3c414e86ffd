//! Where windows are run: in main memory, or on a graphics device.
//!
//! A [`Runner`] holds a network and the windows over images of one size, and does the
//! steps of a run: bring an image, run windows of it, blend their logits, and measure
//! the result. Which windows to run, in which order and whether one can be left out, is
//! decided once for all runners, in `inference` and `masked`.

pub(super) mod device;
pub(super) mod host;
mod measure;

use std::fmt::Debug;

use ndarray::{Array3, Array4, ArrayView4};

use super::masked::PlayerTable;
use super::target::{RunSums, TargetMasks};
use super::{Activation, ModelError, WindowPlan};

/// The images that a masked network chooses from, voxel by voxel.
pub(super) struct Scene<'a> {
    /// `[[channel, x, y, z]]`, shown where the player of a voxel's label is present.
    pub scan: ArrayView4<'a, f32>,
    /// `[[channel, x, y, z]]`, shown elsewhere.
    pub baseline: ArrayView4<'a, f32>,
    /// `[[x, y, z]]`: the label of each voxel.
    pub label_of_voxel: &'a Array3<u16>,
    /// Whose they are, in each channel.
    pub players: &'a PlayerTable,
    pub targets: &'a TargetMasks,
    pub activation: Activation,
}

/// Runs a network over windows of images of one size.
pub(super) trait Runner: Debug + Send + Sync {
    /// An image, padded to at least one window.
    type Image: Debug + Send + Sync;
    /// What the network gave for one window. Clones share memory.
    type Logits: Debug + Clone + Send + Sync;
    /// The windows' logits, added up with their weights.
    type Sum: Debug + Send;
    /// The blended logits of an image.
    type Blended: Debug + Send;
    /// A [`Scene`] where the runner can use it.
    type Scene: Debug + Send + Sync;

    fn plan(&self) -> &WindowPlan;

    /// Takes an image `[[channel, x, y, z]]` over.
    fn upload(&self, image: ArrayView4<'_, f32>) -> Result<Self::Image, ModelError>;

    /// Takes a scene over.
    fn upload_scene(&self, scene: &Scene<'_>) -> Result<Self::Scene, ModelError>;

    /// The image of a coalition, which lists for each player whether it is present.
    /// Chosen voxel by voxel, never computed: with all players present it is the scan
    /// bit for bit.
    fn masked_image(
        &self,
        scene: &Self::Scene,
        present: &[bool],
    ) -> Result<Self::Image, ModelError>;

    /// Runs windows, given by their image and number, in one batch. The result for a
    /// window does not depend on the others of its batch.
    fn run(&self, windows: &[(&Self::Image, usize)]) -> Result<Vec<Self::Logits>, ModelError>;

    /// An empty sum.
    fn start(&self) -> Result<Self::Sum, ModelError>;

    /// Adds a window's logits to the sum.
    fn add(
        &self,
        sum: &mut Self::Sum,
        logits: &Self::Logits,
        window: usize,
    ) -> Result<(), ModelError>;

    /// The weighted means of all windows, without the padding.
    fn finish(&self, sum: Self::Sum) -> Result<Self::Blended, ModelError>;

    /// The sums that are kept of a run.
    fn measure(&self, blended: &Self::Blended, scene: &Self::Scene) -> Result<RunSums, ModelError>;

    /// Logits `[[class, x, y, z]]`.
    fn download(&self, blended: Self::Blended) -> Result<Array4<f32>, ModelError>;

    /// An image without its padding, `[[channel, x, y, z]]`.
    fn download_image(&self, image: Self::Image) -> Result<Array4<f32>, ModelError>;
}
