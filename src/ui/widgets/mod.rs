//! Small things that panels share.

pub mod colour_bar;
