//! Gradient methods: derivatives through the network against finite differences and
//! PyTorch, and the promises of the methods built on them.

mod support;

#[path = "gradients/network.rs"]
mod network;

#[path = "gradients/operations.rs"]
mod operations;
