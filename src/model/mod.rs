//! Floor 2: the network and everything between a scan and its logits.
//!
//! A [`Bundle`] names weights, preprocessing and classes; [`prepare`] brings scans
//! into the network's form; [`SwinUnetr`] is the network; [`SlidingWindow`] runs it
//! over an image; [`MaskedNetwork`] runs it with parts of the image removed. Arrays
//! are `[[c, x, y, z]]` in C order (z fastest). No explanation method and no drawing
//! lives here.

mod device;
mod error;
pub mod swin_unetr;
mod weights;

pub use device::ComputeDevice;
pub use error::{BundleError, ModelError, PreprocessingError};
pub use swin_unetr::{MergeOrder, NetworkConfig, SwinUnetr};
pub use weights::{Weights, expected_tensors};
