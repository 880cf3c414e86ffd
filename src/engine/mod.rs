//! Floor 4: where scan, network, supervoxels and estimators meet.
//!
//! `model`, `explain` and `gpu` do not know each other; this floor carries plain data
//! between them. The same functions serve the command line (called directly) and the
//! window (called by the worker thread). No egui here: a waker closure stands for
//! "repaint".

pub mod assets;
mod attribution;
mod channels;
mod compute;
mod control;
mod cross_check;
mod error;
pub mod evidence;
mod explaining;
mod finer_maps;
pub mod folder;
mod geometry;
mod masked_scan;
mod modalities;
mod overlay;
mod picture;
mod players;
mod reference;
pub mod rendering;
mod reporting;
mod saved;
mod scan;
mod segment;
mod settings;
mod slot;
mod study;
mod supervoxel_rounds;
mod worker;

pub use attribution::{
    MaskStatistics, evidence_sign, largest_value, mask_cut, player_samples, ranked,
    undecided_players,
};
pub use channels::{ChannelFacts, ChannelOrder, ScanFile, match_channels};
pub use compute::{Compute, ComputeOptions};
pub use control::JobControl;
pub use cross_check::{CrossCheck, GradientMethod, cross_check, write_cross_checks};
pub use error::EngineError;
pub use explaining::{
    Answer, Ask, Between, Explanation, Part, Snapshot, Task, WANTED_TOLERANCE, explain,
    explain_between, journal, masked_network,
};
pub use finer_maps::{FinerMap, MapWish, finer_maps, write_finer_maps};
pub use geometry::{GeometryCard, VoxelAxis};
pub use masked_scan::masked_scan;
pub use modalities::{Modalities, SupervoxelShares, modalities};
pub use overlay::{Comparison, LabelOverlay, Overlay, OverlayFound, OverlayLoader, ScanOverlay};
pub use players::{Division, Players};
pub use reference::{ClassAgreement, Reference, ReferenceClasses, ReferenceFile};
pub use reporting::evidence_of;
pub use saved::{SavedError, SavedExplanation};
pub use scan::{InputFile, OpenOptions, Scan};
pub use segment::{Segmentation, segment};
pub use settings::{
    Budget, DeviceChoice, ExplainSettings, FIRST_SUPERVOXELS, MeasuredPart, RegionChoice,
    SettingError,
};
pub use slot::Slot;
pub use study::{Study, whole_region};
pub use supervoxel_rounds::DeviceRounds;
pub use worker::{Engine, Event, SPLIT_BY_CHANNEL, Waker};

pub use crate::io::atomic::write_bytes;
pub use crate::io::dicom::series_path;
pub use crate::io::{EarlySlice, LabelNames, Reading};
pub use crate::model::{ModelSource, Precision};
