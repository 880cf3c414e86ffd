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
//! is read and written between them are buffers of burn's device (`queue`).

pub mod attention;
pub mod layers;
pub mod network;
pub mod norm;
pub mod product;
pub mod program;
pub mod queue;

pub use network::{Footprint, KernelFeatures, KernelNetwork};
pub use product::Map;
pub use program::{Precision, Program};
pub use queue::{Buffer, Queue, Work};
