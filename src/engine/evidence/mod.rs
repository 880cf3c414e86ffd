//! Evidence for or against an explanation, made by running the network again.
//!
//! What is kept of a run and how evidence is counted is `explain::evidence`; here are the
//! runs themselves. Everything starts from a finished [`Explanation`](super::Explanation):
//! its log answers what it can, and only what it does not hold is run ([`Runs`]). Each
//! part gives a plain result that the window and the command line show alike.

mod keep_and_delete;
mod runs;
mod service;

pub use keep_and_delete::{ClassUnderMask, KeepAndDelete, MaskTest, MaskedSegmentation};
pub use runs::Runs;
pub(crate) use service::Ground;
pub use service::MaskWish;
