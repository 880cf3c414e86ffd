//! The model floor against MONAI 1.6.1, whose outputs are under tests/fixtures.

#[path = "parity/kernels.rs"]
mod kernels;
#[path = "parity/modules.rs"]
mod modules;
#[path = "parity/networks.rs"]
mod networks;
#[path = "parity/pipeline.rs"]
mod pipeline;
#[path = "parity/players.rs"]
mod players;
#[path = "parity/preprocessing.rs"]
mod preprocessing;
#[path = "parity/windows.rs"]
mod windows;

mod support;
