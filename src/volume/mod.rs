//! Floor 1: images in memory.
//!
//! A [`Volume`] keeps its voxels in the type of its file and becomes `f32` only
//! where numbers are computed. A [`LabelMap`] holds one class or supervoxel a
//! voxel. Reading and writing files is in `io`; orientation and intensity rules of
//! a network are in `model`.

mod boxes;
mod components;
mod label_map;
mod resample;
mod statistics;
mod voxels;

pub use boxes::{crop, embed};
pub use components::{Components, Connectivity};
pub use label_map::LabelMap;
pub use resample::{resample_labels_nearest, resample_values_linear};
pub use statistics::{SOFT_TISSUE_WINDOW, SortedSample, Statistics, default_window};
pub use voxels::{SharedVoxels, Volume, VoxelSlice, VoxelType, Voxels};
