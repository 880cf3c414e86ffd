//! Floor 2: the network and everything between a scan and its logits.
//!
//! A [`Bundle`] names weights, preprocessing and classes; [`prepare`] brings scans
//! into the network's form; [`SwinUnetr`] is the network; [`SlidingWindow`] runs it
//! over an image; [`MaskedNetwork`] runs it with parts of the image removed. Arrays
//! are `[[c, x, y, z]]` in C order (z fastest). No explanation method and no drawing
//! lives here.

mod activation;
mod bundle;
mod device;
mod error;
pub mod gradients;
mod inference;
mod masked;
mod memory;
mod monai;
mod preprocessing;
pub mod recipe;
mod runner;
pub mod swin_unetr;
mod target;
mod watch;
mod weights;
mod windows;

pub use activation::Activation;
pub use bundle::{
    Bundle, BundleDescription, ClassDescription, ModelSource, Preset, SuggestedRegion,
};
pub use device::ComputeDevice;
pub use error::{BundleError, ModelError, PreprocessingError};
pub use inference::SlidingWindow;
pub use masked::{MaskedNetwork, PlayerTable, WindowStatistics};
pub use memory::{MemoryPlan, window_bytes};
pub use preprocessing::{
    CropBox, ForegroundCrop, Intensity, ModelOrientation, Prepared, Preprocessing, prepare,
};
pub use swin_unetr::{
    MergeOrder, NetworkConfig, Precision, PrecisionError, SwinUnetr, floating_point_operations,
};
pub use target::{ClassSums, RegionSums, RunSums, TargetMasks};
pub use watch::DeviceEvent;
pub use weights::{Checkpoint, RANDOMISATION_STAGES, Weights, expected_tensors};
pub use windows::{Blend, Inference, WindowPlan, importance};
