//! Small things that panels share.

pub mod activity;
pub mod colour_bar;
pub mod early_slice;
pub mod eye;
pub mod raise;
