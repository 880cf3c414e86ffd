//! Floor 3: drawing. Slices and the volume rendering of a scan, with its
//! segmentation, supervoxels and attributions, in plain wgpu.
//!
//! A [`Scene`] holds the layers as textures, uploaded once; [`SlicePass`] and
//! [`RaycastPass`] draw a [`SliceView`] or a [`RaycastView`] of it into a [`Target`],
//! which a window can show and [`capture()`] can read. What changes while the user looks
//! is a uniform block and one small entry a player.
//!
//! Everything that depends on what the graphics adapter can do is decided in
//! [`device`]. The [`twin`] draws the same pictures on the CPU.

mod camera;
mod capture;
pub mod device;
mod error;
pub mod matter;
mod mean;
mod pass;
pub mod pick;
mod picture;
pub mod plane_layers;
mod raycast;
mod scene;
pub mod shaders;
mod slice;
pub mod supervoxels;
pub mod tables;
pub mod texels;
pub mod transfer;
pub mod twin;
pub mod uniform;
mod view;

pub use camera::{Camera, StandardView};
pub use capture::capture;
pub use device::{AdapterFacts, AdapterKind, GpuContext, Tier, device_descriptor, list_adapters};
pub use error::GpuError;
pub use mean::{FRAMES, Mean};
pub use pass::{TARGET_FORMAT, Target};
pub use picture::Picture;
pub use plane_layers::{LabelSlot, LabelStyle, PlaneLayers, SliceLayer};
pub use raycast::RaycastPass;
pub use scene::Scene;
pub use slice::SlicePass;
pub use view::{
    ClassStyle, ClipPlane, CrosshairView, Cutaway, EvidenceSign, Interpolation, MaskCut,
    OverlayStyle, PlayerSample, Quality, RaycastView, RegionView, ScanStyle, SliceView, Window,
};
