//! From a scan to the explanation folder and back: what the program writes is whole,
//! agrees with itself and with what it printed, and lies where the scan lies.

#[path = "pipeline/evidence.rs"]
mod evidence;
#[path = "pipeline/folder.rs"]
mod folder;
#[path = "support/images.rs"]
mod images;
#[path = "support/orientations.rs"]
mod orientations;
#[path = "support/program.rs"]
mod program;
#[path = "pipeline/questions.rs"]
mod questions;
#[path = "pipeline/reference.rs"]
mod reference;
mod support;
#[path = "pipeline/worker.rs"]
mod worker;
