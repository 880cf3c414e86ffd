//! What every kind of supervoxels promises on any image, organs, and air.

#[path = "supervoxels/air.rs"]
mod air;
#[path = "supervoxels/methods.rs"]
mod methods;
#[path = "supervoxels/organs.rs"]
mod organs;
#[path = "supervoxels/sound.rs"]
mod sound;
