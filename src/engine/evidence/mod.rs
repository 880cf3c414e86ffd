//! Evidence for or against an explanation, made by running the network again.
//!
//! What is kept of a run and how evidence is counted is `explain::evidence`; here are the
//! runs themselves. Everything starts from a finished [`Explanation`](super::Explanation):
//! its log answers what it can, and only what it does not hold is run ([`Runs`]). Each
//! part gives a plain result that the window and the command line show alike
//! ([`Evidence`]).

mod curves;
mod files;
mod fit;
mod gather;
mod keep_and_delete;
mod methods;
mod minimal;
mod page;
mod part;
mod place;
mod runs;
mod service;
mod stability;
mod weights;

pub use curves::{CurveEvidence, OtherBaseline};
pub use files::{CACHE, EarlierEvidence, FURTHER_RUNS, in_json, write};
pub use fit::{FitEvidence, ResemblanceEvidence};
pub use gather::{Evidence, EvidenceReport, EvidenceTask, EvidenceWatch, gather};
pub use keep_and_delete::{ClassUnderMask, KeepAndDelete, MaskTest, MaskedSegmentation};
pub use minimal::MinimalEvidence;
pub use part::{EvidencePart, EvidenceSettings};
pub use place::{NEAR_MM, PlaceEvidence, PlaceShares, target_voxels};
pub use runs::Runs;
pub(crate) use service::Ground;
pub use service::MaskWish;
pub use stability::{Comparison, RandomStep, StabilityEvidence, WeightsEvidence};
