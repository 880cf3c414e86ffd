//! The network against MONAI 1.6.1, whose outputs are under tests/fixtures.

#[path = "parity/modules.rs"]
mod modules;
#[path = "parity/networks.rs"]
mod networks;
mod support;
