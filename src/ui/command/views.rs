//! The list's lines about views and layers.

use std::sync::LazyLock;

use egui::{Key, KeyboardShortcut, Modifiers};

use super::list::{Entry, Menu, control, entry, plain};
use super::{Command, Need};
use crate::ui::layers::Layer;
use crate::ui::panes::layout::Arrangement;
use crate::ui::panes::volume;
use crate::ui::view_command::{Larger, ViewCommand};

const fn shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::SHIFT, key)
}

/// A key with Shift, as lines of the list hold it.
fn with_shift(key: Key) -> &'static [KeyboardShortcut] {
    static ALL: LazyLock<Vec<KeyboardShortcut>> =
        LazyLock::new(|| Key::ALL.iter().map(|&key| shift(key)).collect());
    let found = ALL.iter().find(|shortcut| shortcut.logical_key == key);
    found.map_or(&[], std::slice::from_ref)
}

const fn view(label: &'static str, command: ViewCommand) -> Entry {
    entry(Menu::View, label, Command::View(command)).needs(Need::Scan)
}

/// The lines, in the order of the menus.
pub fn entries() -> Vec<Entry> {
    let mut all = Vec::from(OF_THE_VIEWS);
    all.extend(volume::menu().into_iter().map(|(label, key, command)| {
        let entry = entry(Menu::Volume, label, Command::Volume(command)).needs(Need::Scan);
        match key {
            Some(key) => entry.keys(with_shift(key)),
            None => entry,
        }
    }));
    all
}

const OF_THE_VIEWS: [Entry; 26] = [
    entry(
        Menu::File,
        "Add overlay…",
        Command::View(ViewCommand::ChooseOverlay),
    )
    .keys(&[control(Key::L)])
    .words("label map reference ground truth second scan layer")
    .needs(Need::Scan),
    view("Four views", ViewCommand::Arrange(Arrangement::FourUp))
        .keys(&[plain(Key::F5)])
        .words("layout arrange grid")
        .new_group(),
    view(
        "One large view",
        ViewCommand::Arrange(Arrangement::OneLarge),
    )
    .keys(&[plain(Key::F6)])
    .words("layout arrange"),
    view(
        "Three in a row with 3D",
        ViewCommand::Arrange(Arrangement::Row),
    )
    .keys(&[plain(Key::F7)])
    .words("layout arrange columns"),
    view("Next slice", ViewCommand::Scrub(1))
        .keys(&[plain(Key::ArrowUp)])
        .new_group(),
    view("Previous slice", ViewCommand::Scrub(-1)).keys(&[plain(Key::ArrowDown)]),
    view("Ten slices on", ViewCommand::Scrub(10)).keys(&[plain(Key::PageUp)]),
    view("Ten slices back", ViewCommand::Scrub(-10)).keys(&[plain(Key::PageDown)]),
    view("Fit the slice", ViewCommand::Fit)
        .keys(&[plain(Key::F)])
        .words("zoom all whole"),
    view("One voxel a pixel", ViewCommand::OneToOne)
        .keys(&[plain(Key::Num0)])
        .words("zoom 1:1 actual size"),
    view("Zoom in", ViewCommand::Zoom(Larger::In))
        .keys(&[plain(Key::Plus)])
        .words("larger magnify"),
    view("Zoom out", ViewCommand::Zoom(Larger::Out))
        .keys(&[plain(Key::Minus)])
        .words("smaller"),
    view("Grey window 1", ViewCommand::GreyWindow(0))
        .keys(&[plain(Key::Num1)])
        .words("preset level contrast brain")
        .new_group(),
    view("Grey window 2", ViewCommand::GreyWindow(1))
        .keys(&[plain(Key::Num2)])
        .words("preset level contrast lung"),
    view("Grey window 3", ViewCommand::GreyWindow(2))
        .keys(&[plain(Key::Num3)])
        .words("preset level contrast bone"),
    view("Grey window 4", ViewCommand::GreyWindow(3))
        .keys(&[plain(Key::Num4)])
        .words("preset level contrast soft tissue"),
    view("Grey window 5", ViewCommand::GreyWindow(4))
        .keys(&[plain(Key::Num5)])
        .words("preset level contrast liver"),
    view("Invert greys", ViewCommand::Invert)
        .keys(&[plain(Key::I)])
        .words("negative"),
    view("Next interpolation", ViewCommand::NextInterpolation)
        .keys(&[plain(Key::N)])
        .words("nearest linear cubic smooth"),
    view("Next channel", ViewCommand::NextChannel)
        .keys(&[plain(Key::H)])
        .words("modality sequence"),
    view("Measure lengths", ViewCommand::MeasureLengths)
        .keys(&[plain(Key::M)])
        .words("ruler distance mm")
        .new_group(),
    view("Remove all lengths", ViewCommand::RemoveRulers)
        .keys(&[shift(Key::M)])
        .words("ruler distance"),
    view(
        "Show or hide the segmentation",
        ViewCommand::Toggle(Layer::Segmentation),
    )
    .keys(&[plain(Key::S)])
    .new_group(),
    view(
        "Show or hide the heatmap",
        ViewCommand::Toggle(Layer::Heatmap),
    )
    .keys(&[plain(Key::T)]),
    view(
        "Show or hide supervoxels",
        ViewCommand::Toggle(Layer::Supervoxels),
    )
    .keys(&[plain(Key::V)]),
    view(
        "Show or hide the relevance mask",
        ViewCommand::Toggle(Layer::Mask),
    )
    .keys(&[plain(Key::K)]),
];
