//! Floor 5: the window. Names no burn; everything a network does comes as facts
//! from `engine`.

pub mod app;
mod capture;
mod cards;
pub mod command;
mod dialogs;
mod history;
mod measure;
mod panels;
mod panes;
pub mod plane;
mod render;
pub mod settings;
mod sheets;
pub mod state;
mod theme;
mod widgets;
mod window;

pub use app::{Launch, Viewer, ViewerError};
pub use measure::{FrameTimes, WindowLoad, measure};
pub use render::DrawOn;
pub use window::{WindowError, run};
