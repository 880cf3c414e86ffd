//! Floor 1: images in memory.
//!
//! A [`Volume`] keeps its voxels in the type of its file and becomes `f32` only
//! where numbers are computed. A [`LabelMap`] holds one class or supervoxel a
//! voxel. Reading and writing files is in `io`; orientation and intensity rules of
//! a network are in `model`.

mod label_map;
mod voxels;

pub use label_map::LabelMap;
pub use voxels::{Volume, VoxelType, Voxels};
