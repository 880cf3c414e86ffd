//! Evidence for and against an explanation: does the map tell the truth?
//!
//! Each question has a file: do the highest players restore the segmentation first
//! ([`CurvePlan`], [`RandomOrders`]); do the values predict coalitions that they were not
//! made from ([`faithfulness()`]); how few players suffice ([`minimal_set`]); does the map
//! point at a known target ([`localisation()`]); is it the same again under another seed,
//! cut or baseline ([`correlation`], [`similarity`]); do the masked inputs look like scans
//! ([`ScanRange`]). [`checks`] turns the answers into verdicts in plain words.
//!
//! Nothing here runs a network. What needs evaluations either names its coalitions and
//! is given their values ([`Answers`]), or takes a closure that evaluates one; the closure
//! may fail, and that is how a cancelled run ends.

mod answers;
pub mod checks;
pub mod correlation;
mod curves;
mod distance;
mod faithfulness;
mod groups;
mod localisation;
mod minimal;
mod order;
mod random_orders;
mod resemblance;
pub mod similarity;
pub mod sparsity;
mod verdict;

pub use answers::Answers;
pub use curves::{Area, Curve, CurveAreas, CurvePlan, Curves};
pub use distance::within_distance;
pub use faithfulness::{Faithfulness, SizeCorrelation, faithfulness};
pub use groups::Groups;
pub use localisation::{Localisation, localisation};
pub use minimal::{Goal, MinimalSet, SearchLimits, minimal_set};
pub use order::{Steps, descending};
pub use random_orders::{AreaBand, Band, RandomBand, RandomOrders};
pub use resemblance::{LogitShift, Resemblance, ScanRange, logit_shift};
pub use verdict::{Check, Verdict};
