//! The window, driven as a user drives it: by names, clicks and sliders. Needs no
//! display; what is drawn is looked at where there is a graphics adapter.

#[path = "ui/desk.rs"]
mod desk;
#[path = "ui/drawn.rs"]
mod drawn;
#[path = "ui/habits.rs"]
mod habits;
#[path = "support/images.rs"]
mod images;
#[path = "ui/job.rs"]
mod job;
#[path = "ui/menus.rs"]
mod menus;
#[path = "support/orientations.rs"]
mod orientations;
#[path = "ui/overlays.rs"]
mod overlays;
#[path = "ui/readouts.rs"]
mod readouts;
#[path = "ui/region.rs"]
mod region;
#[path = "ui/snapshots.rs"]
mod snapshots;
#[path = "ui/states.rs"]
mod states;
#[path = "ui/views.rs"]
mod views;
#[path = "ui/volume.rs"]
mod volume;
#[path = "ui/work.rs"]
mod work;

mod support;
