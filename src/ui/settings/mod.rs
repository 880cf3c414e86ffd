//! What the window remembers from one run to the next. Where and how it is kept is in
//! [`store`].

mod recent;
mod store;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::Convention;
use crate::engine::{Budget, ExplainSettings};
use crate::explain::ValueFunction;
use crate::ui::panes::layout::Layout;

pub use recent::{RecentFile, RecentScan};
pub use store::{SettingsStore, settings_folder};

/// Smallest and largest size of text and controls.
pub const TEXT_SCALES: std::ops::RangeInclusive<f32> = 0.75..=2.0;

/// Settings of the window. Fields that a file lacks have their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Version of the file's format, [`store::VERSION`].
    pub version: u32,
    pub theme: ThemeChoice,
    /// Size of text and controls, 1 for the size that the system asks for.
    pub text_scale: f32,
    pub sides: Sides,
    pub mouse: MouseProfile,
    /// How much work an explanation may be, as on the command line: `6M`, `auto`.
    pub budget: String,
    pub value_function: ValueFunction,
    /// How the views are arranged, in the words of the views themselves.
    pub layout: Option<serde_json::Value>,
    /// Size of the window in points.
    pub window_size: Option<[f32; 2]>,
    /// Folder of the last file dialog.
    pub last_folder: Option<PathBuf>,
    /// Scans opened before, newest first.
    pub recent: Vec<RecentScan>,
    /// Whether the first hint has been read.
    pub hint_was_read: bool,
    /// Fields that another version of the program wrote: they are kept.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Default for Settings {
    fn default() -> Self {
        let explanation = ExplainSettings::default();
        Self {
            version: store::VERSION,
            theme: ThemeChoice::default(),
            text_scale: 1.0,
            sides: Sides::default(),
            mouse: MouseProfile::default(),
            budget: explanation.budget.to_string(),
            value_function: explanation.value_function,
            layout: None,
            window_size: None,
            last_folder: None,
            recent: Vec::new(),
            hint_was_read: false,
            other: serde_json::Map::new(),
        }
    }
}

impl Settings {
    pub fn budget(&self) -> Budget {
        self.budget
            .parse()
            .unwrap_or_else(|_| ExplainSettings::default().budget)
    }

    /// How the views were arranged, as far as it can be understood.
    pub fn kept_layout(&self) -> Layout {
        self.layout
            .clone()
            .and_then(|kept| serde_json::from_value(kept).ok())
            .unwrap_or_default()
    }

    /// Replaces what no window can be drawn with.
    fn made_sound(mut self) -> Self {
        let scale = self.text_scale;
        self.text_scale = if scale.is_finite() {
            scale.clamp(*TEXT_SCALES.start(), *TEXT_SCALES.end())
        } else {
            1.0
        };
        self.window_size = self.window_size.filter(|size| {
            size.iter()
                .all(|side| side.is_finite() && (200.0..=20_000.0).contains(side))
        });
        self.recent.truncate(recent::MOST);
        self
    }
}

/// The colours of the panels. Views of scans are dark in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeChoice {
    #[default]
    Dark,
    Light,
    System,
}

impl ThemeChoice {
    pub const ALL: [Self; 3] = [Self::Dark, Self::Light, Self::System];

    pub fn label(self) -> &'static str {
        match self {
            Self::Dark => "Dark",
            Self::Light => "Light",
            Self::System => "As the system",
        }
    }
}

/// On which side of the screen the patient's left is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sides {
    #[default]
    Radiological,
    Neurological,
}

impl Sides {
    pub fn convention(self) -> Convention {
        match self {
            Self::Radiological => Convention::Radiological,
            Self::Neurological => Convention::Neurological,
        }
    }
}

impl From<Convention> for Sides {
    fn from(convention: Convention) -> Self {
        match convention {
            Convention::Radiological => Self::Radiological,
            Convention::Neurological => Self::Neurological,
        }
    }
}

/// What dragging with a mouse button does in a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drag {
    /// Move the crosshair to the pointer.
    Crosshair,
    /// Contrast across, brightness up and down.
    Window,
    Pan,
    Zoom,
    /// Through the slices.
    Scrub,
}

impl Drag {
    pub fn label(self) -> &'static str {
        match self {
            Self::Crosshair => "move the crosshair",
            Self::Window => "change window and level",
            Self::Pan => "move the picture",
            Self::Zoom => "zoom",
            Self::Scrub => "go through the slices",
        }
    }
}

/// Which button does what, after the programs that people come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MouseProfile {
    /// As in ITK-SNAP and NiiVue: the left button moves the crosshair.
    #[default]
    Research,
    /// As on a reading station: the left button changes window and level, a click moves
    /// the crosshair.
    Radiology,
}

impl MouseProfile {
    pub const ALL: [Self; 2] = [Self::Research, Self::Radiology];

    pub fn label(self) -> &'static str {
        match self {
            Self::Research => "Research",
            Self::Radiology => "Radiology",
        }
    }

    /// What dragging with a button does in a slice.
    pub fn drag(self, button: egui::PointerButton) -> Option<Drag> {
        use egui::PointerButton::{Middle, Primary, Secondary};
        Some(match (self, button) {
            (Self::Research, Primary) => Drag::Crosshair,
            (Self::Research, Secondary) | (Self::Radiology, Primary) => Drag::Window,
            (_, Middle) => Drag::Pan,
            (Self::Radiology, Secondary) => Drag::Zoom,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_mouse_profiles_offer_what_readers_need() {
        use egui::PointerButton::{Middle, Primary, Secondary};
        for profile in MouseProfile::ALL {
            let drags = [Primary, Middle, Secondary].map(|button| profile.drag(button));
            assert!(drags.contains(&Some(Drag::Window)), "{profile:?}");
            assert!(drags.contains(&Some(Drag::Pan)), "{profile:?}");
        }
        assert_eq!(
            MouseProfile::Radiology.drag(Primary),
            Some(Drag::Window),
            "the left button of a reading station"
        );
    }

    #[test]
    fn numbers_that_no_window_can_have_are_replaced() {
        let settings = Settings {
            text_scale: f32::NAN,
            window_size: Some([f32::INFINITY, 3.0]),
            budget: "much".to_owned(),
            ..Settings::default()
        }
        .made_sound();
        assert_eq!(settings.text_scale, 1.0);
        assert_eq!(settings.window_size, None);
        assert_eq!(settings.budget(), ExplainSettings::default().budget);
    }
}
