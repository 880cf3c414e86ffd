//! The network on a burn device.

pub mod kernels;
