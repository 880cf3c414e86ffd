//! Floor 5: the window. Names no burn; everything a network does comes as facts
//! from `engine`.

pub mod app;
mod capture;
mod cards;
pub mod command;
mod dialogs;
pub mod grey_windows;
mod history;
pub mod layers;
mod looking;
pub mod mask_rule;
mod measure;
pub mod overlays;
mod panels;
pub mod panes;
pub mod plane;
mod render;
pub mod settings;
mod sheets;
pub mod state;
mod theme;
pub mod view_command;
mod widgets;
mod window;

pub use app::{Launch, Viewer, ViewerError};
pub use measure::{FrameTimes, WindowLoad, measure};
pub use render::DrawOn;
pub use window::{WindowError, run};
