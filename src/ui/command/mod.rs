//! Everything a user can ask for. Menus, keys, the palette, buttons and tests all send
//! these. Which of them have a menu and a key is in [`list`], when they can be carried
//! out in [`need`].

mod list;
mod need;
mod view_commands;
mod window_commands;

use std::path::PathBuf;

use glam::DVec3;

use crate::base::{Plane, WorldBox};
use crate::engine::evidence::EvidencePart;
use crate::engine::{ModelSource, Part, ScanFile};
use crate::explain::{ValueFunction, supervoxels};
use crate::ui::panes::volume::VolumeCommand;
use crate::ui::settings::{RecentScan, ThemeChoice};
use crate::ui::view_command::ViewCommand;

pub use list::{Entry, Menu, all_commands, entry_of, keys_by_precision};
pub use need::{Need, Situation};

/// One wish of the user.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Ask for a scan with the system's file dialog.
    ChooseScan,
    /// Ask for a folder with DICOM files.
    ChooseScanFolder,
    /// Open scans, one a channel, in any order.
    OpenScan(Vec<ScanFile>),
    /// Ask for a model folder with the system's dialog.
    ChooseModel,
    /// Ask for a weights file that is used as a preset says.
    ChooseWeights {
        preset: &'static str,
    },
    OpenModel(ModelSource),
    /// Open a scan again with the model it was opened with.
    OpenRecent(RecentScan),
    OpenDemonstration,
    /// Ask for a folder and write the explanation into it.
    ChooseSaveFolder,
    Save(PathBuf),
    Explain,
    /// As many runs again for a finished explanation.
    GoOn,
    /// Gather evidence for and against the finished explanation.
    GatherEvidence(EvidenceScope),
    PauseOrResume,
    Cancel,
    /// Test the mask as it changes, or not.
    ToggleMaskTest,
    SelectClass(usize),
    /// Ask about a part of the class, or a place.
    AskAbout(Part),
    /// Take a supervoxel into the region that is asked about, or out of it.
    ToggleInRegion(usize),
    SelectValueFunction(ValueFunction),
    SetSupervoxelCount(usize),
    SelectSupervoxelMethod(supervoxels::Method),
    MoveCrosshair(DVec3),
    /// Scrub through a plane by voxels, positive toward right, front or head.
    Scrub(Plane, i32),
    MoveRegion(WorldBox),
    SetWindow {
        low: f64,
        high: f64,
    },
    AutomaticWindow,
    SwitchConvention,
    /// Say where the scan lies in the body, and what is doubtful about it.
    ShowGeometry,
    /// Show one view alone, or all four again.
    Enlarge(Pane),
    ResetViews,
    CutAway,
    /// What can be asked of the views and layers.
    View(ViewCommand),
    Volume(VolumeCommand),
    DismissMessage,
    /// Find a command by its words.
    ShowPalette,
    /// All keys and what the mouse does.
    ShowShortcuts,
    ShowSettings,
    /// Close whatever lies over the window.
    CloseSheet,
    Undo,
    Redo,
    /// Choose what a picture shows, and how large.
    ShowScreenshot,
    /// Ask for a file and write a picture into it.
    ChooseScreenshotFile(Shot),
    SaveScreenshot(PathBuf, Shot),
    CopyScreenshot(Shot),
    SetTheme(ThemeChoice),
    LargerText,
    SmallerText,
    NormalText,
    FullScreen,
    /// Start the renderer of the views again.
    RestartRenderer,
    /// Draw as usual and open what was asked for, although the last run did not end well.
    StartAsUsual,
    /// The first hint has been read.
    CloseHint,
    ForgetRecentFiles,
    Quit,
}

/// What a picture of the window shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shot {
    pub of: ShotOf,
    /// Pixels of the picture for one of the screen.
    pub scale: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShotOf {
    Views,
    Window,
}

/// A key in words: egui's signs for the arrows are in none of the window's fonts.
pub fn key_in_words(ctx: &egui::Context, shortcut: &egui::KeyboardShortcut) -> String {
    let sign = shortcut.logical_key.symbol_or_name();
    let text = ctx.format_shortcut(shortcut);
    match text.strip_suffix(sign) {
        Some(modifiers) if !sign.is_ascii() => {
            format!("{modifiers}{}", shortcut.logical_key.name())
        }
        _ => text,
    }
}

/// How much evidence is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceScope {
    Quick,
    Usual,
    All,
}

impl EvidenceScope {
    pub const ALL: [Self; 3] = [Self::Quick, Self::Usual, Self::All];

    pub fn label(self) -> &'static str {
        match self {
            Self::Quick => "Quick",
            Self::Usual => "Usual",
            Self::All => "All checks",
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::Quick => {
                "What needs next to no runs: fit, place, likeness of masked scans, and the mask"
            }
            Self::Usual => {
                "Also the smallest sufficient part, and insertion and deletion against random \
                 orders: a few hundred runs"
            }
            Self::All => {
                "Also another seed, other baselines, other supervoxels, random weights, occlusion \
                 and gradients: several times the runs of the explanation"
            }
        }
    }

    pub fn parts(self) -> &'static [EvidencePart] {
        match self {
            Self::Quick => &EvidencePart::QUICK,
            Self::Usual => &EvidencePart::USUAL,
            Self::All => &EvidencePart::ALL,
        }
    }
}

/// The four views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Pane {
    Slice(Plane),
    Volume,
}

impl Pane {
    pub const ALL: [Self; 4] = [
        Self::Slice(Plane::Axial),
        Self::Slice(Plane::Coronal),
        Self::Slice(Plane::Sagittal),
        Self::Volume,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Slice(plane) => plane.label(),
            Self::Volume => "3D",
        }
    }
}

impl From<Pane> for &'static str {
    fn from(pane: Pane) -> Self {
        pane.label()
    }
}

impl TryFrom<String> for Pane {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let named = |pane: &Self| pane.label() == name;
        Self::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| format!("there is no view {name}"))
    }
}
