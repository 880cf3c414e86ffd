//! What can go wrong on this floor, in words a user can act on.

use std::path::{Path, PathBuf};

use crate::base::{Cancelled, GridError};

/// Why a network could not be built or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("the network settings cannot be used: {0}; correct them in bundle.json")]
    Settings(String),
    #[error(
        "the weights file cannot be read ({reason}); choose a complete .safetensors file or \
         PyTorch checkpoint (.pt, .pth): {path}"
    )]
    UnreadableWeights { reason: String, path: PathBuf },
    #[error(
        "the weights lack {count} of the tensors this network needs, first {first:?}; they belong \
         to a network of another kind or the file is incomplete"
    )]
    MissingWeights { count: usize, first: String },
    #[error(
        "the weights hold {count} tensors this network has no place for, first {first:?}; check \
         `use_v2` and that the file is a Swin UNETR's"
    )]
    UnexpectedWeights { count: usize, first: String },
    #[error(
        "these are not the weights of a Swin UNETR, they look like {kind} (first missing \
         {missing:?}, first unexpected {unexpected:?}); choose weights of MONAI's SwinUNETR"
    )]
    OtherNetwork {
        kind: &'static str,
        missing: String,
        unexpected: String,
    },
    #[error(
        "these weights are a pre-trained Swin encoder alone (such as model_swinvit.pt): without \
         the decoder, first missing \"encoder1.layer.conv1.conv.weight\", nothing can be \
         segmented; train a SwinUNETR from them and choose its weights"
    )]
    EncoderOnly,
    #[error(
        "the weights are of a Swin UNETR whose {what} is {found} where this program runs \
         {supported}; choose weights of such a network"
    )]
    UnsupportedNetwork {
        what: &'static str,
        found: String,
        supported: String,
    },
    #[error(
        "the weight {key:?} has shape {actual:?} where the network settings need {expected:?}; \
         check in_channels, out_channels and feature_size in bundle.json"
    )]
    WeightShape {
        key: String,
        expected: Vec<usize>,
        actual: Vec<usize>,
    },
    #[error("the weight {key:?} cannot be used as numbers ({reason}); save the weights again")]
    WeightValues { key: String, reason: String },
    #[error(
        "the network cannot take an input of {0} × {1} × {2} voxels; every dimension must be a \
         multiple of 32 and one of them at least 64"
    )]
    InputSize(usize, usize, usize),
    #[error("the network takes {expected} channels but was given {actual}; open that many scans")]
    InputChannels { expected: usize, actual: usize },
    #[error("the {what} has shape {actual:?} where {expected:?} is needed")]
    Shape {
        what: &'static str,
        expected: Vec<usize>,
        actual: Vec<usize>,
    },
    #[error("player {id} appears in the player map, but there are only {players} players")]
    UnknownPlayer { id: u16, players: usize },
    #[error("label {label} is to be split by channel, but labels are numbered from 1 to {labels}")]
    UnknownLabel { label: usize, labels: usize },
    #[error("{players} players are more than the {most} there can be; split fewer supervoxels")]
    TooManyPlayers { players: usize, most: usize },
    #[error(
        "no graphics adapter can compute ({0}); install a graphics driver or choose the CPU device"
    )]
    NoAdapter(String),
    #[error(
        "the compute device refused the work ({0}); free graphics memory, use a smaller window, \
         or choose the CPU device"
    )]
    Device(String),
    #[error(
        "the graphics memory does not hold the work ({0}); use a smaller window, close other \
         programs that draw, or choose the CPU device"
    )]
    OutOfMemory(String),
    #[error(
        "the model's window and overlap make {windows} windows of this region, more than {most}; \
         choose a smaller region, or correct `inference` in bundle.json"
    )]
    TooManyWindows { windows: usize, most: usize },
    #[error(
        "half precision was asked for, and {0} does not have it; use single precision or another \
         device"
    )]
    NoHalfPrecision(String),
    #[error(
        "the network needs about {window_mib} MiB for one window and {region_mib} MiB for the \
         region, and {limit_mib} MiB may be used; choose a smaller region or a model with a \
         smaller window, close other programs, or raise --memory-limit"
    )]
    MemoryLimit {
        window_mib: u64,
        region_mib: u64,
        limit_mib: u64,
    },
    #[error(
        "gradients need about {needed_mib} MiB for one window, and {limit_mib} MiB may be used; \
         leave them out, choose a model with a smaller window, close other programs, or raise \
         --memory-limit"
    )]
    GradientMemory { needed_mib: u64, limit_mib: u64 },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Why a model bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error(
        "the model cannot be read ({reason}); choose a folder with a bundle.json, a MONAI \
         bundle's folder, or a weights file: {path}"
    )]
    Unreadable {
        reason: std::io::Error,
        path: PathBuf,
    },
    #[error("bundle.json does not describe a model ({reason}); correct it: {path}")]
    Malformed {
        reason: serde_json::Error,
        path: PathBuf,
    },
    #[error("bundle.json has an unusable `{field}`: {why}; correct it: {path}")]
    Invalid {
        field: &'static str,
        why: String,
        path: PathBuf,
    },
    #[error(
        "weights alone do not say how they are used; they take {inputs} channel(s) and give \
         {outputs}: {advice}: {path}"
    )]
    PresetNeeded {
        inputs: usize,
        outputs: usize,
        advice: String,
        path: PathBuf,
    },
    #[error("there is no preset {name:?}; choose one of {known}")]
    NoSuchPreset { name: String, known: String },
    #[error(
        "the preset {name} is for {} channel(s) in and {} out, and these weights have {} and {}; \
         choose the preset of the model they were trained as: {path}",
        wanted[0], wanted[1], found[0], found[1]
    )]
    PresetMisfit {
        name: &'static str,
        wanted: [usize; 2],
        found: [usize; 2],
        path: PathBuf,
    },
    #[error("a preset is for a weights file, and this is a folder; leave --preset out: {path}")]
    PresetForFolder { path: PathBuf },
    #[error("the MONAI bundle cannot be used: {why}; describe the model in a bundle.json: {path}")]
    Monai { why: String, path: PathBuf },
    // Not called `source`: the line holds it already.
    #[error("{}", weights_line(error, path))]
    Network { error: ModelError, path: PathBuf },
}

/// One line about weights that ends in their path, which some errors already do.
fn weights_line(source: &ModelError, path: &Path) -> String {
    match source {
        ModelError::UnreadableWeights { .. } => source.to_string(),
        _ => format!("{source}: {}", path.display()),
    }
}

/// Why scans cannot be brought into the form a network needs.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessingError {
    #[error("no scan was given; open one for each channel of the model")]
    NoChannels,
    #[error(
        "the scan {name:?} does not lie on the voxels of {first:?}; resample it to the same grid \
         first"
    )]
    DifferentGrids { name: String, first: String },
    #[error(
        "the scan {name:?} has voxels that are not finite numbers (NaN or infinite) in the \
         region; replace them and open it again"
    )]
    NotFinite { name: String },
    #[error(
        "the region has no voxel above 0 after scaling, so it cannot be cropped to the \
         foreground as the model asks; choose a region that shows part of the body"
    )]
    NoForeground,
    #[error("the {what} has {actual} voxels where the grid has {expected}")]
    Size {
        what: &'static str,
        expected: usize,
        actual: usize,
    },
    #[error(
        "resampling to {spacing_mm:?} mm would give {voxels} voxels, more than this program \
         takes at once; choose a smaller region"
    )]
    TooLarge { spacing_mm: [f64; 3], voxels: u128 },
    #[error(transparent)]
    Grid(#[from] GridError),
}
