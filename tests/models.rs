//! Models from the wild: weights files of every kind, bundles of others, presets,
//! and channels in any order.

#[path = "support/program.rs"]
#[allow(dead_code, reason = "this program uses a part of it")]
mod program;
mod support;

#[path = "models/files.rs"]
mod files;

#[path = "models/weights.rs"]
mod weights;

#[path = "models/randomised.rs"]
mod randomised;

#[path = "models/foreign.rs"]
mod foreign;

#[path = "models/hostile.rs"]
mod hostile;

#[path = "models/presets.rs"]
mod presets;

#[path = "models/monai.rs"]
mod monai;

#[path = "models/study.rs"]
mod study;

#[path = "models/program.rs"]
mod command_line;
