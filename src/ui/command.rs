//! Everything a user can ask for. Menus, keys, buttons and tests all send these.

use std::path::PathBuf;

use egui::{Key, KeyboardShortcut, Modifiers};
use glam::DVec3;

use crate::base::{Plane, WorldBox};
use crate::engine::{ModelSource, Part, ScanFile};
use crate::explain::{ValueFunction, supervoxels};
use crate::ui::layers::Layer;
use crate::ui::panes::layout::Arrangement;
use crate::ui::panes::volume::{self, VolumeCommand};
use crate::ui::view_command::{Larger, ViewCommand};

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
    OpenDemonstration,
    /// Ask for a folder and write the explanation into it.
    ChooseSaveFolder,
    Save(PathBuf),
    Explain,
    /// As many runs again for a finished explanation.
    GoOn,
    PauseOrResume,
    Cancel,
    SelectClass(usize),
    /// Ask about a part of the class, or a place.
    AskAbout(Part),
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

/// A command of the menus: its words, its place and its key.
pub struct MenuEntry {
    pub menu: &'static str,
    pub label: &'static str,
    pub shortcut: Option<KeyboardShortcut>,
    pub command: Command,
}

const fn key(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::NONE, key))
}

const fn command_key(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::COMMAND, key))
}

/// The names of the menus, in order.
pub const MENUS: [&str; 4] = ["File", "Explanation", "View", "3D"];

/// All commands of the menus, with the keys that send them.
pub fn menu_entries() -> Vec<MenuEntry> {
    let entry = |menu, label, shortcut, command| MenuEntry {
        menu,
        label,
        shortcut,
        command,
    };
    let mut entries = vec![
        entry(
            "File",
            "Open scan…",
            command_key(Key::O),
            Command::ChooseScan,
        ),
        entry(
            "File",
            "Open DICOM folder…",
            Some(KeyboardShortcut::new(
                Modifiers::COMMAND.plus(Modifiers::SHIFT),
                Key::O,
            )),
            Command::ChooseScanFolder,
        ),
        entry(
            "File",
            "Choose model…",
            command_key(Key::M),
            Command::ChooseModel,
        ),
        entry(
            "File",
            "Choose BTCV weights…",
            None,
            Command::ChooseWeights { preset: "btcv" },
        ),
        entry(
            "File",
            "Choose BraTS 2021 weights…",
            None,
            Command::ChooseWeights { preset: "brats21" },
        ),
        entry(
            "File",
            "Open the demonstration",
            command_key(Key::D),
            Command::OpenDemonstration,
        ),
        entry(
            "File",
            "Save explanation…",
            command_key(Key::S),
            Command::ChooseSaveFolder,
        ),
        entry(
            "Explanation",
            "Explain",
            command_key(Key::E),
            Command::Explain,
        ),
        entry(
            "Explanation",
            "Pause or resume",
            key(Key::Space),
            Command::PauseOrResume,
        ),
        entry("Explanation", "Cancel", key(Key::Escape), Command::Cancel),
        entry(
            "View",
            "Automatic window",
            key(Key::A),
            Command::AutomaticWindow,
        ),
        entry(
            "View",
            "Swap left and right of the screen",
            key(Key::L),
            Command::SwitchConvention,
        ),
        entry(
            "View",
            "Where the scan lies",
            key(Key::G),
            Command::ShowGeometry,
        ),
        entry(
            "View",
            "Cut away the front in 3D",
            key(Key::C),
            Command::CutAway,
        ),
        entry("View", "Reset views", key(Key::R), Command::ResetViews),
    ];
    let keys = [Key::F1, Key::F2, Key::F3, Key::F4];
    let labels = [
        "Enlarge axial",
        "Enlarge coronal",
        "Enlarge sagittal",
        "Enlarge 3D",
    ];
    for ((pane, pressed), label) in Pane::ALL.into_iter().zip(keys).zip(labels) {
        entries.push(entry("View", label, key(pressed), Command::Enlarge(pane)));
    }
    let shift = |key| Some(KeyboardShortcut::new(Modifiers::SHIFT, key));
    let mut view = |menu, label, shortcut, command| {
        entries.push(entry(menu, label, shortcut, Command::View(command)));
    };
    view(
        "File",
        "Add overlay…",
        command_key(Key::L),
        ViewCommand::ChooseOverlay,
    );
    for (arrangement, pressed) in Arrangement::ALL
        .into_iter()
        .zip([Key::F5, Key::F6, Key::F7])
    {
        view(
            "View",
            arrangement.label(),
            key(pressed),
            ViewCommand::Arrange(arrangement),
        );
    }
    view(
        "View",
        "Next slice",
        key(Key::ArrowUp),
        ViewCommand::Scrub(1),
    );
    view(
        "View",
        "Previous slice",
        key(Key::ArrowDown),
        ViewCommand::Scrub(-1),
    );
    view(
        "View",
        "Ten slices on",
        key(Key::PageUp),
        ViewCommand::Scrub(10),
    );
    view(
        "View",
        "Ten slices back",
        key(Key::PageDown),
        ViewCommand::Scrub(-10),
    );
    view(
        "View",
        "One voxel a pixel",
        shift(Key::F),
        ViewCommand::OneToOne,
    );
    view("View", "Fit the slice", key(Key::F), ViewCommand::Fit);
    view(
        "View",
        "Zoom in",
        key(Key::Plus),
        ViewCommand::Zoom(Larger::In),
    );
    view(
        "View",
        "Zoom out",
        key(Key::Minus),
        ViewCommand::Zoom(Larger::Out),
    );
    let numbers = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5];
    let labels = [
        "Grey window 1",
        "Grey window 2",
        "Grey window 3",
        "Grey window 4",
        "Grey window 5",
    ];
    for ((index, label), pressed) in labels.into_iter().enumerate().zip(numbers) {
        view("View", label, key(pressed), ViewCommand::GreyWindow(index));
    }
    view("View", "Invert greys", key(Key::I), ViewCommand::Invert);
    view(
        "View",
        "Next interpolation",
        key(Key::N),
        ViewCommand::NextInterpolation,
    );
    view(
        "View",
        "Next channel",
        key(Key::H),
        ViewCommand::NextChannel,
    );
    view(
        "View",
        "Remove all lengths",
        shift(Key::M),
        ViewCommand::RemoveRulers,
    );
    view(
        "View",
        "Measure lengths",
        key(Key::M),
        ViewCommand::MeasureLengths,
    );
    let layers = [
        Layer::Segmentation,
        Layer::Heatmap,
        Layer::Supervoxels,
        Layer::Mask,
    ];
    let labels = [
        "Show or hide the segmentation",
        "Show or hide the heatmap",
        "Show or hide supervoxels",
        "Show or hide the relevance mask",
    ];
    for ((layer, label), pressed) in
        layers
            .into_iter()
            .zip(labels)
            .zip([Key::S, Key::T, Key::V, Key::K])
    {
        view("View", label, key(pressed), ViewCommand::Toggle(layer));
    }
    for (label, pressed, command) in volume::menu() {
        let shortcut = pressed.map(|key| KeyboardShortcut::new(Modifiers::SHIFT, key));
        entries.push(entry("3D", label, shortcut, Command::Volume(command)));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_and_every_menu_is_used() {
        let entries = menu_entries();
        for (i, a) in entries.iter().enumerate() {
            assert!(MENUS.contains(&a.menu), "{}", a.menu);
            for b in &entries[i + 1..] {
                assert!(
                    a.shortcut.is_none() || a.shortcut != b.shortcut,
                    "{} {}",
                    a.label,
                    b.label
                );
                assert_ne!(a.label, b.label);
            }
        }
        for menu in MENUS {
            assert!(entries.iter().any(|entry| entry.menu == menu));
        }
    }
}
