//! The one list of commands: where each stands in the menus, its key, the other words
//! by which the palette finds it, and what it needs.
//!
//! To add a command, add its variant to [`Command`], a line here, and what it does in
//! `app::logic`. Menus, keys, palette and the sheet of keys follow; the tests walk this
//! list.

use std::sync::LazyLock;

use egui::{Key, KeyboardShortcut, Modifiers};

use super::{Command, Need, Pane, Situation};
use crate::base::Plane;
use crate::ui::settings::ThemeChoice;

/// The menus, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    File,
    Edit,
    View,
    Volume,
    Explanation,
    Help,
}

impl Menu {
    pub const ALL: [Self; 6] = [
        Self::File,
        Self::Edit,
        Self::View,
        Self::Volume,
        Self::Explanation,
        Self::Help,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Edit => "Edit",
            Self::View => "View",
            Self::Volume => "3D",
            Self::Explanation => "Explanation",
            Self::Help => "Help",
        }
    }
}

/// One command of the list.
#[derive(Debug, Clone)]
pub struct Entry {
    pub command: Command,
    pub menu: Menu,
    pub label: &'static str,
    /// The first is the one that menus show.
    pub keys: &'static [KeyboardShortcut],
    /// Other words that people use for it.
    pub words: &'static str,
    pub need: Need,
    /// Whether a line is drawn above it in its menu.
    pub starts_group: bool,
}

impl Entry {
    pub(super) const fn keys(mut self, keys: &'static [KeyboardShortcut]) -> Self {
        self.keys = keys;
        self
    }

    pub(super) const fn words(mut self, words: &'static str) -> Self {
        self.words = words;
        self
    }

    pub(super) const fn needs(mut self, need: Need) -> Self {
        self.need = need;
        self
    }

    pub(super) const fn new_group(mut self) -> Self {
        self.starts_group = true;
        self
    }

    /// The label, with what would be undone.
    pub fn label_in(&self, now: &Situation) -> String {
        match (&self.command, now.undo, now.redo) {
            (Command::Undo, Some(what), _) | (Command::Redo, _, Some(what)) => {
                format!("{} {what}", self.label)
            }
            _ => self.label.to_owned(),
        }
    }

    pub fn key(&self) -> Option<KeyboardShortcut> {
        self.keys.first().copied()
    }
}

pub(super) const fn entry(menu: Menu, label: &'static str, command: Command) -> Entry {
    Entry {
        command,
        menu,
        label,
        keys: &[],
        words: "",
        need: Need::Nothing,
        starts_group: false,
    }
}

pub(super) const fn plain(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

pub(super) const fn control(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn control_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

/// All commands that have a place in the menus.
pub static COMMANDS: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let mut all = Vec::from(OF_THE_WINDOW);
    all.extend(super::views::entries());
    all
});

/// Those that are not about how views and layers look.
const OF_THE_WINDOW: [Entry; 37] = [
    entry(Menu::File, "Open scan…", Command::ChooseScan)
        .keys(&[control(Key::O)])
        .words("load file image nifti nrrd metaimage volume"),
    entry(Menu::File, "Open DICOM folder…", Command::ChooseScanFolder)
        .keys(&[control_shift(Key::O)])
        .words("load series directory"),
    entry(
        Menu::File,
        "Open the demonstration",
        Command::OpenDemonstration,
    )
    .keys(&[control(Key::D)])
    .words("example sample brain hippocampus"),
    entry(
        Menu::File,
        "Forget recent files",
        Command::ForgetRecentFiles,
    )
    .needs(Need::RecentFiles)
    .words("clear history privacy"),
    entry(Menu::File, "Choose model…", Command::ChooseModel)
        .keys(&[control(Key::M)])
        .words("network bundle monai weights")
        .new_group(),
    entry(
        Menu::File,
        "Choose BTCV weights…",
        Command::ChooseWeights { preset: "btcv" },
    )
    .words("abdomen organs ct network model"),
    entry(
        Menu::File,
        "Choose BraTS 2021 weights…",
        Command::ChooseWeights { preset: "brats21" },
    )
    .words("glioma tumour tumor brain mr network model"),
    entry(Menu::File, "Save explanation…", Command::ChooseSaveFolder)
        .keys(&[control(Key::S)])
        .words("export report write nifti csv html")
        .needs(Need::FinishedExplanation)
        .new_group(),
    entry(Menu::File, "Save a picture…", Command::ShowScreenshot)
        .keys(&[control_shift(Key::S)])
        .words("screenshot capture export png image clipboard copy"),
    entry(Menu::File, "Settings…", Command::ShowSettings)
        .keys(&[control(Key::Comma)])
        .words("preferences options mouse theme font")
        .new_group(),
    entry(Menu::File, "Quit", Command::Quit)
        .keys(&[control(Key::Q)])
        .words("exit close"),
    entry(Menu::Edit, "Undo", Command::Undo)
        .keys(&[control(Key::Z)])
        .words("back revert")
        .needs(Need::Undoable),
    entry(Menu::Edit, "Redo", Command::Redo)
        .keys(&[control_shift(Key::Z), control(Key::Y)])
        .words("again forward")
        .needs(Need::Redoable),
    entry(
        Menu::View,
        "Enlarge axial",
        Command::Enlarge(Pane::Slice(Plane::Axial)),
    )
    .keys(&[plain(Key::F1)])
    .words("maximise one view large")
    .needs(Need::Scan),
    entry(
        Menu::View,
        "Enlarge coronal",
        Command::Enlarge(Pane::Slice(Plane::Coronal)),
    )
    .keys(&[plain(Key::F2)])
    .words("maximise one view large")
    .needs(Need::Scan),
    entry(
        Menu::View,
        "Enlarge sagittal",
        Command::Enlarge(Pane::Slice(Plane::Sagittal)),
    )
    .keys(&[plain(Key::F3)])
    .words("maximise one view large")
    .needs(Need::Scan),
    entry(Menu::View, "Enlarge 3D", Command::Enlarge(Pane::Volume))
        .keys(&[plain(Key::F4)])
        .words("maximise one view large volume rendering")
        .needs(Need::Scan),
    entry(Menu::View, "Reset views", Command::ResetViews)
        .keys(&[plain(Key::R)])
        .words("zoom fit home centre center crosshair camera")
        .needs(Need::Scan),
    entry(Menu::View, "Automatic window", Command::AutomaticWindow)
        .keys(&[plain(Key::A)])
        .words("level contrast brightness")
        .needs(Need::Scan)
        .new_group(),
    entry(
        Menu::View,
        "Swap left and right of the screen",
        Command::SwitchConvention,
    )
    .keys(&[plain(Key::L)])
    .words("radiological neurological convention flip orientation"),
    entry(Menu::View, "Where the scan lies", Command::ShowGeometry)
        .keys(&[plain(Key::G)])
        .words("geometry orientation affine header voxel spacing")
        .needs(Need::Scan),
    entry(Menu::View, "Cut away the front in 3D", Command::CutAway)
        .keys(&[plain(Key::C)])
        .words("clip volume open")
        .needs(Need::Scan),
    entry(Menu::View, "Larger text", Command::LargerText)
        .keys(&[control(Key::Plus), control(Key::Equals)])
        .words("zoom in font size scale bigger")
        .new_group(),
    entry(Menu::View, "Smaller text", Command::SmallerText)
        .keys(&[control(Key::Minus)])
        .words("zoom out font size scale"),
    entry(Menu::View, "Normal text", Command::NormalText)
        .keys(&[control(Key::Num0)])
        .words("font size scale reset"),
    entry(
        Menu::View,
        "Dark colours",
        Command::SetTheme(ThemeChoice::Dark),
    )
    .words("theme night mode colors")
    .new_group(),
    entry(
        Menu::View,
        "Light colours",
        Command::SetTheme(ThemeChoice::Light),
    )
    .words("theme day mode colors"),
    entry(
        Menu::View,
        "Colours of the system",
        Command::SetTheme(ThemeChoice::System),
    )
    .words("theme mode automatic colors"),
    entry(Menu::View, "Full screen", Command::FullScreen)
        .keys(&[plain(Key::F11)])
        .words("maximise window"),
    entry(Menu::View, "Restart the renderer", Command::RestartRenderer)
        .words("graphics device lost gpu driver")
        .needs(Need::LostDevice),
    entry(Menu::Explanation, "Explain", Command::Explain)
        .keys(&[control(Key::E)])
        .words("run start shap shapley attribution heatmap")
        .needs(Need::ReadyToExplain),
    entry(
        Menu::Explanation,
        "Go on with as many runs again",
        Command::GoOn,
    )
    .keys(&[control_shift(Key::E)])
    .words("continue more precise refine resume")
    .needs(Need::IdleWithExplanation),
    entry(Menu::Explanation, "Pause or resume", Command::PauseOrResume)
        .keys(&[plain(Key::Space)])
        .words("hold continue stop")
        .needs(Need::RunningExplanation),
    entry(Menu::Explanation, "Cancel", Command::Cancel)
        .keys(&[plain(Key::Escape)])
        .words("stop abort end close message")
        .needs(Need::SomethingToCancel),
    entry(Menu::Help, "Find a command…", Command::ShowPalette)
        .keys(&[control(Key::K), control_shift(Key::P)])
        .words("palette search"),
    entry(Menu::Help, "Keys and mouse", Command::ShowShortcuts)
        .keys(&[plain(Key::Questionmark), plain(Key::F12)])
        .words("shortcuts keyboard help cheat sheet"),
    entry(Menu::Help, "Close the message", Command::DismissMessage)
        .keys(&[plain(Key::Backspace)])
        .words("dismiss note failure")
        .needs(Need::Message),
];

/// The list's line for a command.
pub fn entry_of(command: &Command) -> Option<&'static Entry> {
    COMMANDS.iter().find(|entry| entry.command == *command)
}

/// All keys with their commands. Those with more modifiers come first, because a key
/// also counts as pressed where Shift is held besides.
pub fn keys_by_precision() -> Vec<(KeyboardShortcut, &'static Entry)> {
    let mut keys: Vec<_> = COMMANDS
        .iter()
        .flat_map(|entry| entry.keys.iter().map(move |key| (*key, entry)))
        .collect();
    let held = |key: &KeyboardShortcut| {
        let modifiers = key.modifiers;
        u8::from(modifiers.shift) + u8::from(modifiers.alt) + u8::from(modifiers.command)
    };
    keys.sort_by_key(|(key, _)| std::cmp::Reverse(held(key)));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_and_no_name_means_two_things() {
        let keys = keys_by_precision();
        for (i, (a, entry)) in keys.iter().enumerate() {
            for (b, other) in &keys[i + 1..] {
                assert_ne!(a, b, "{} and {}", entry.label, other.label);
            }
        }
        for (i, entry) in COMMANDS.iter().enumerate() {
            for other in &COMMANDS[i + 1..] {
                assert_ne!(entry.label, other.label);
                assert_ne!(entry.command, other.command);
            }
            assert_eq!(entry_of(&entry.command).unwrap().label, entry.label);
        }
        for menu in Menu::ALL {
            assert!(COMMANDS.iter().any(|entry| entry.menu == menu), "{menu:?}");
        }
    }

    #[test]
    fn what_is_held_besides_a_key_decides_first() {
        let keys = keys_by_precision();
        let place = |wanted| keys.iter().position(|(key, _)| *key == wanted).unwrap();
        assert!(place(control_shift(Key::O)) < place(control(Key::O)));
        assert!(place(control_shift(Key::Z)) < place(control(Key::Z)));
    }
}
