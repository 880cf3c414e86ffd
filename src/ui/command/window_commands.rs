//! Commands of the window and of the explanation.

use egui::Key;

use super::list::{Entry, Menu, control, control_shift, entry, plain, shift};
use super::{Command, EvidenceScope, Need};

pub(super) static WINDOW_COMMANDS: &[Entry] = &[
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
    .keys(&[control_shift(Key::F)])
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
    .keys(&[control_shift(Key::B)])
    .words("abdomen organs ct network model"),
    entry(
        Menu::File,
        "Choose BraTS 2021 weights…",
        Command::ChooseWeights { preset: "brats21" },
    )
    .keys(&[control_shift(Key::G)])
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
    entry(
        Menu::Explanation,
        "Test the mask as it changes",
        Command::ToggleMaskTest,
    )
    .keys(&[control_shift(Key::K)])
    .words("keep delete remove segment again evidence")
    .needs(Need::Scan),
    entry(
        Menu::Explanation,
        "Gather quick evidence",
        Command::GatherEvidence(EvidenceScope::Quick),
    )
    .keys(&[shift(Key::Q)])
    .words("check evaluate trust faithfulness localisation")
    .needs(Need::IdleWithExplanation)
    .new_group(),
    entry(
        Menu::Explanation,
        "Gather the usual evidence",
        Command::GatherEvidence(EvidenceScope::Usual),
    )
    .keys(&[shift(Key::G)])
    .words("check evaluate trust insertion deletion curves minimal")
    .needs(Need::IdleWithExplanation),
    entry(
        Menu::Explanation,
        "Make all checks",
        Command::GatherEvidence(EvidenceScope::All),
    )
    .keys(&[shift(Key::H)])
    .words("evidence evaluate sanity seed baseline random weights")
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
