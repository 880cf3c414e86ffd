//! The network as our own kernels, on a graphics device that burn shares.
//!
//! Maps lie images × depth × height × width × channels, so that the tokens of the
//! transformer and the voxels of the convolutions are rows of the same kind. One kernel
//! multiplies rows with weights, gathering them from their grid as it goes; attention is
//! another. Norms, rectifiers, biases, shortcuts, padding, windows and shifts are done
//! where a map is read or written anyway, never by a pass of their own.
//!
//! The kernels are WGSL and not cubecl's own language: the project's shaders are, tests
//! validate them without a device, and they need no tuning when the program starts. What
//! is read and written between them are buffers of burn's device (`queue`). The same
//! network in burn's own operations is in `plain`, as a reference for tests.

pub mod attention;
pub mod convolution;
pub mod images;
pub mod measure;
pub mod network;
pub mod norm;
mod pace;
pub mod plain;
pub mod product;
pub mod program;
pub mod queue;
pub mod transformer;

pub use network::{DeviceNetwork, Features, Footprint};
pub use product::Map;
pub use program::{Precision, Program};
pub use queue::{Buffer, Queue, Work};
