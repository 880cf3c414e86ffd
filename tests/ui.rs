//! The window, driven as a user drives it: by names, clicks and sliders. Needs no
//! display; what is drawn is looked at where there is a graphics adapter.

#[path = "ui/desk.rs"]
mod desk;
#[path = "ui/drawn.rs"]
mod drawn;
#[path = "ui/menus.rs"]
mod menus;
#[path = "ui/volume.rs"]
mod volume;
#[path = "ui/work.rs"]
mod work;

mod support;
