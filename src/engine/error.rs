//! What can go wrong between a scan and its explanation.

use std::path::PathBuf;

use crate::base::{Cancelled, GridError, WorldBox};
use crate::engine::SavedError;
use crate::explain::ExplainError;
use crate::gpu::GpuError;
use crate::io::IoError;
use crate::model::{BundleError, ModelError, PreprocessingError};
use crate::report::ReportError;
use crate::volume::NotLabels;

/// One line each: what, why, what to do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(
        "the question is about supervoxels of this division and cannot be asked of another; ask about a class or a connected part"
    )]
    OfThisDivision,
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Preprocessing(#[from] PreprocessingError),
    #[error(transparent)]
    Explain(#[from] ExplainError),
    #[error(transparent)]
    Grid(#[from] GridError),
    #[error(transparent)]
    Gpu(#[from] GpuError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    NotLabels(#[from] NotLabels),
    #[error(transparent)]
    Saved(#[from] SavedError),
    #[error("no scan was given; name at least one file")]
    NoScan,
    #[error(
        "the model {bundle:?} takes one scan for each of its channels ({names}: {expected}) and got {got}"
    )]
    Channels {
        bundle: String,
        expected: usize,
        names: String,
        got: usize,
    },
    #[error("the model has no channel {name:?}; its channels are {known}")]
    NoSuchChannel { name: String, known: String },
    #[error("two scans were given as the channel {name:?}; give one for each")]
    ChannelTwice { name: String },
    #[error(
        "{other} does not lie where {first} does, so no voxel of it can be brought there; give scans of the same part of the same patient"
    )]
    Apart { first: String, other: String },
    #[error(
        "the reference {name} lies elsewhere than the {what}: {} against {} (RAS+); give a label map of this part of this patient",
        in_mm(&places.0),
        in_mm(&places.1)
    )]
    ReferenceApart {
        name: String,
        /// Scan or region.
        what: &'static str,
        /// Of the reference and of that.
        places: Box<(WorldBox, WorldBox)>,
    },
    #[error(
        "the reference holds the values {values}, and none of them stands for a class of the model; say what they are, as in --reference-classes 1=NAME,2=NAME"
    )]
    ReferenceValues { values: String },
    #[error(
        "the reference holds 3 and 4, of which either can be the enhancing tumour; say what its values are, as in --reference-classes 1=NAME,2=NAME"
    )]
    AmbiguousReference,
    #[error("the model has no class {name:?}; it has {known}")]
    NoSuchClass { name: String, known: String },
    #[error(
        "the network found no {class} in this region, so there is nothing to explain; move the region or choose another class"
    )]
    EmptyTarget { class: String },
    #[error(
        "only a box around another structure was measured, so {class} cannot be explained from these runs; explain it anew, or measure in the whole region"
    )]
    NotMeasured { class: String },
    #[error("say which structure is meant; there may be several")]
    WhichClass,
    #[error("{class} has {parts} connected part(s); choose one of them, 1 is the largest")]
    NoSuchPart { class: String, parts: usize },
    #[error(
        "there is no structure and no supervoxel at {world_mm:?} mm; point at the explained region"
    )]
    NothingAt { world_mm: [f64; 3] },
    #[error(
        "the evaluations that are there belong to another explanation ({differs} differ); give another folder, or the same settings"
    )]
    OtherGame { differs: &'static str },
    #[error("a graphics card was asked for, but there is none: {why}; use --device cpu")]
    NoGpu { why: String },
    #[error(
        "the work broke off unexpectedly ({why}); try again, and if it happens again use --device cpu"
    )]
    Broken { why: String },
    #[error("a picture could not be put together; please report this")]
    Picture,
    #[error("cannot write {what} ({why}): {}", path.display())]
    Write {
        what: &'static str,
        why: String,
        path: PathBuf,
    },
}

impl EngineError {
    /// Whether this is the answer to a wish to stop, rather than a failure.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Cancelled(_)
                | Self::Io(IoError::Cancelled(_))
                | Self::Model(ModelError::Cancelled(_))
                | Self::Explain(ExplainError::Cancelled(_))
        )
    }
}

fn in_mm(part: &WorldBox) -> String {
    let [x, y, z] = [0, 1, 2].map(|axis| format!("{:.1} to {:.1}", part.min[axis], part.max[axis]));
    format!("x {x}, y {y}, z {z} mm")
}
