//! voxplain: see why a Swin UNETR segmented a CT or MR scan the way it did.
//!
//! The crate is a house of floors; each uses only floors below it, and
//! `tests/floors.rs` fails on a breach.
//!
//! | floor | module | holds |
//! |---|---|---|
//! | 0 | [`base`] | grids, affines, orientation, progress and cancelling |
//! | 1 | [`volume`] | scans, label maps, resampling, components, statistics |
//! | 1 | [`io`] | NIfTI: probe, header, read, write (uses `volume`) |
//! | 2 | [`model`] | Swin UNETR, weights, bundles, preprocessing, windows |
//! | 2 | [`report`] | tables, pictures, HTML, provenance |
//! | 3 | [`gpu`] | device tiers, textures, slices, raycast and their CPU twins |
//! | 3 | [`explain`] | supervoxels, games, coalition log, estimators, mask |
//! | 4 | [`engine`] | study, jobs, worker thread, messages |
//! | 5 | [`cli`] | one file a subcommand |
//! | 5 | [`ui`] | the window |
//!
//! `gpu`, `model` and `explain` do not know each other; they meet in `engine`
//! through plain data. `ui` never names burn, `engine` never names egui.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo)
)]

pub mod base;
pub mod cli;
pub mod engine;
pub mod explain;
pub mod gpu;
pub mod io;
pub mod model;
pub mod report;
pub mod ui;
pub mod volume;
