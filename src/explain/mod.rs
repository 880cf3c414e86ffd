//! Floor 3: why the network segmented what it did.
//!
//! The image is cut into players (supervoxels), coalitions of them are kept while
//! the rest is replaced by a baseline, and Shapley values share the change of the
//! output among the players. This floor holds the players, the coalitions and
//! their outcomes, the append-only log, the estimators, and the mask rules. It
//! runs no network: whoever owns one evaluates the coalitions this floor asks for.

pub mod baseline;
pub mod channels;
mod cholesky;
mod coalition;
mod decision;
mod error;
mod estimate;
pub mod evidence;
pub mod exact;
pub mod game;
pub mod least_squares;
pub mod log;
pub mod maps;
mod method;
pub mod odd_kernel;
pub mod outcome;
pub mod permutation;
mod question;
mod random;
pub mod relevance_mask;
mod repeatability;
pub mod sampler;
pub mod solve;
mod statistics;
pub mod supervoxels;
pub mod synthetic;

pub use coalition::Coalition;
pub use decision::{Decision, DecisionRule, DecisionWatch, Looks, next_look};
pub use error::ExplainError;
pub use estimate::{Estimate, Forecast, PlayerEstimate};
pub use method::Method;
pub use outcome::{ClassSums, Outcome, Sizes};
pub use question::{Question, Target, ValueFunction};

/// Largest number of players: ids are 16 bits and 0 means "not a player".
pub const MAX_PLAYERS: usize = u16::MAX as usize;
