//! Commands of the views and layers.

use egui::Key;

use super::list::{Entry, Menu, control, control_shift, entry, plain, shift};
use super::{Command, Need, Pane};
use crate::base::Plane;
use crate::gpu::StandardView;
use crate::ui::layers::Layer;
use crate::ui::panes::layout::Arrangement;
use crate::ui::panes::volume::{Switch, VolumeCommand};
use crate::ui::settings::ThemeChoice;
use crate::ui::view_command::{Larger, ViewCommand};

pub(super) static VIEW_COMMANDS: &[Entry] = &[
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
    entry(
        Menu::View,
        "Four views",
        Command::View(ViewCommand::Arrange(Arrangement::FourUp)),
    )
    .keys(&[plain(Key::F5)])
    .words("four up layout grid")
    .needs(Need::Scan)
    .new_group(),
    entry(
        Menu::View,
        "One large view",
        Command::View(ViewCommand::Arrange(Arrangement::OneLarge)),
    )
    .keys(&[plain(Key::F6)])
    .words("one large layout")
    .needs(Need::Scan),
    entry(
        Menu::View,
        "Three in a row with 3D",
        Command::View(ViewCommand::Arrange(Arrangement::Row)),
    )
    .keys(&[plain(Key::F7)])
    .words("row layout side by side")
    .needs(Need::Scan),
    entry(Menu::View, "Reset views", Command::ResetViews)
        .keys(&[plain(Key::R)])
        .words("zoom fit home centre center crosshair camera")
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
    .keys(&[control_shift(Key::D)])
    .words("theme dark night mode colors")
    .new_group(),
    entry(
        Menu::View,
        "Light colours",
        Command::SetTheme(ThemeChoice::Light),
    )
    .keys(&[control_shift(Key::L)])
    .words("theme light day mode colors"),
    entry(
        Menu::View,
        "Colours of the system",
        Command::SetTheme(ThemeChoice::System),
    )
    .keys(&[control_shift(Key::U)])
    .words("theme system mode automatic colors"),
    entry(Menu::View, "Full screen", Command::FullScreen)
        .keys(&[plain(Key::F11)])
        .words("maximise window"),
    entry(Menu::View, "Restart the renderer", Command::RestartRenderer)
        .keys(&[control_shift(Key::R)])
        .words("graphics device lost gpu driver black broken")
        .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Next slice",
        Command::View(ViewCommand::Scrub(1)),
    )
    .keys(&[plain(Key::ArrowUp)])
    .words("scrub scroll")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Previous slice",
        Command::View(ViewCommand::Scrub(-1)),
    )
    .keys(&[plain(Key::ArrowDown)])
    .words("scrub scroll")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Ten slices on",
        Command::View(ViewCommand::Scrub(10)),
    )
    .keys(&[plain(Key::PageUp)])
    .words("scrub scroll page")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Ten slices back",
        Command::View(ViewCommand::Scrub(-10)),
    )
    .keys(&[plain(Key::PageDown)])
    .words("scrub scroll page")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "One voxel a pixel",
        Command::View(ViewCommand::OneToOne),
    )
    .keys(&[shift(Key::F)])
    .words("zoom 1:1 actual size")
    .needs(Need::Scan)
    .new_group(),
    entry(
        Menu::Slices,
        "Fit the slice",
        Command::View(ViewCommand::Fit),
    )
    .keys(&[plain(Key::F)])
    .words("zoom whole")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Zoom in",
        Command::View(ViewCommand::Zoom(Larger::In)),
    )
    .keys(&[plain(Key::Plus)])
    .words("magnify larger")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Zoom out",
        Command::View(ViewCommand::Zoom(Larger::Out)),
    )
    .keys(&[plain(Key::Minus)])
    .words("smaller")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Grey window 1",
        Command::View(ViewCommand::GreyWindow(0)),
    )
    .keys(&[plain(Key::Num1)])
    .words("preset contrast level brain lung bone soft tissue liver")
    .needs(Need::Scan)
    .new_group(),
    entry(
        Menu::Slices,
        "Grey window 2",
        Command::View(ViewCommand::GreyWindow(1)),
    )
    .keys(&[plain(Key::Num2)])
    .words("preset contrast level brain lung bone soft tissue liver")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Grey window 3",
        Command::View(ViewCommand::GreyWindow(2)),
    )
    .keys(&[plain(Key::Num3)])
    .words("preset contrast level brain lung bone soft tissue liver")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Grey window 4",
        Command::View(ViewCommand::GreyWindow(3)),
    )
    .keys(&[plain(Key::Num4)])
    .words("preset contrast level brain lung bone soft tissue liver")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Grey window 5",
        Command::View(ViewCommand::GreyWindow(4)),
    )
    .keys(&[plain(Key::Num5)])
    .words("preset contrast level brain lung bone soft tissue liver")
    .needs(Need::Scan),
    entry(Menu::Slices, "Automatic window", Command::AutomaticWindow)
        .keys(&[plain(Key::A)])
        .words("level contrast brightness")
        .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Invert greys",
        Command::View(ViewCommand::Invert),
    )
    .keys(&[plain(Key::I)])
    .words("negative white black")
    .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Swap left and right of the screen",
        Command::SwitchConvention,
    )
    .keys(&[plain(Key::L)])
    .words("radiological neurological convention flip orientation"),
    entry(Menu::Slices, "Where the scan lies", Command::ShowGeometry)
        .keys(&[plain(Key::G)])
        .words("geometry orientation affine header voxel spacing")
        .needs(Need::Scan),
    entry(
        Menu::Slices,
        "Measure lengths",
        Command::View(ViewCommand::MeasureLengths),
    )
    .keys(&[plain(Key::M)])
    .words("ruler distance mm")
    .needs(Need::Scan)
    .new_group(),
    entry(
        Menu::Slices,
        "Remove all lengths",
        Command::View(ViewCommand::RemoveRulers),
    )
    .keys(&[shift(Key::M)])
    .words("ruler clear")
    .needs(Need::Scan),
    entry(
        Menu::Layers,
        "Add overlay…",
        Command::View(ViewCommand::ChooseOverlay),
    )
    .keys(&[control(Key::L)])
    .words("labels reference second scan open")
    .needs(Need::Scan),
    entry(
        Menu::Layers,
        "Show or hide the segmentation",
        Command::View(ViewCommand::Toggle(Layer::Segmentation)),
    )
    .keys(&[plain(Key::S)])
    .words("toggle labels structures")
    .needs(Need::Scan)
    .new_group(),
    entry(
        Menu::Layers,
        "Show or hide the heatmap",
        Command::View(ViewCommand::Toggle(Layer::Heatmap)),
    )
    .keys(&[plain(Key::T)])
    .words("toggle attribution shap")
    .needs(Need::Scan),
    entry(
        Menu::Layers,
        "Show or hide supervoxels",
        Command::View(ViewCommand::Toggle(Layer::Supervoxels)),
    )
    .keys(&[plain(Key::V)])
    .words("toggle boundaries")
    .needs(Need::Scan),
    entry(
        Menu::Layers,
        "Show or hide the relevance mask",
        Command::View(ViewCommand::Toggle(Layer::Mask)),
    )
    .keys(&[plain(Key::K)])
    .words("toggle threshold")
    .needs(Need::Scan),
    entry(
        Menu::Layers,
        "Next rule of the relevance mask",
        Command::View(ViewCommand::NextMaskRule),
    )
    .keys(&[shift(Key::K)])
    .words("threshold volume share count evidence interval otsu")
    .needs(Need::Scan),
    entry(
        Menu::Layers,
        "Next sign of the relevance mask",
        Command::View(ViewCommand::NextMaskSign),
    )
    .keys(&[shift(Key::J)])
    .words("positive negative absolute for against")
    .needs(Need::Scan),
    entry(
        Menu::Layers,
        "Next channel",
        Command::View(ViewCommand::NextChannel),
    )
    .keys(&[plain(Key::H)])
    .words("modality sequence t1 t2 flair")
    .needs(Need::Scan)
    .new_group(),
    entry(
        Menu::Layers,
        "Next interpolation",
        Command::View(ViewCommand::NextInterpolation),
    )
    .keys(&[plain(Key::N)])
    .words("nearest linear cubic smooth pixels")
    .needs(Need::Scan),
    entry(Menu::Volume, "Cut away the front in 3D", Command::CutAway)
        .keys(&[plain(Key::C)])
        .words("clip volume open 3d")
        .needs(Need::Scan),
    entry(
        Menu::Volume,
        "3D from the front",
        Command::Volume(VolumeCommand::LookFrom(StandardView::Anterior)),
    )
    .keys(&[shift(Key::A)])
    .words("anterior camera turn")
    .needs(Need::Scan)
    .new_group(),
    entry(
        Menu::Volume,
        "3D from the back",
        Command::Volume(VolumeCommand::LookFrom(StandardView::Posterior)),
    )
    .keys(&[shift(Key::P)])
    .words("posterior behind camera turn")
    .needs(Need::Scan),
    entry(
        Menu::Volume,
        "3D from the patient's left",
        Command::Volume(VolumeCommand::LookFrom(StandardView::Left)),
    )
    .keys(&[shift(Key::L)])
    .words("side camera turn")
    .needs(Need::Scan),
    entry(
        Menu::Volume,
        "3D from the patient's right",
        Command::Volume(VolumeCommand::LookFrom(StandardView::Right)),
    )
    .keys(&[shift(Key::R)])
    .words("side camera turn")
    .needs(Need::Scan),
    entry(
        Menu::Volume,
        "3D from the head",
        Command::Volume(VolumeCommand::LookFrom(StandardView::Superior)),
    )
    .keys(&[shift(Key::S)])
    .words("superior top above camera turn")
    .needs(Need::Scan),
    entry(
        Menu::Volume,
        "3D from the feet",
        Command::Volume(VolumeCommand::LookFrom(StandardView::Inferior)),
    )
    .keys(&[shift(Key::I)])
    .words("inferior below camera turn")
    .needs(Need::Scan),
    entry(
        Menu::Volume,
        "Whole scan in 3D",
        Command::Volume(VolumeCommand::ResetCamera),
    )
    .keys(&[shift(Key::W)])
    .words("reset camera fit home")
    .needs(Need::Scan),
    entry(
        Menu::Volume,
        "Focus on the evidence in 3D",
        Command::Volume(VolumeCommand::Toggle(Switch::Focus)),
    )
    .keys(&[shift(Key::E)])
    .words("glass transparent")
    .needs(Need::Scan)
    .new_group(),
    entry(
        Menu::Volume,
        "Crop box in 3D",
        Command::Volume(VolumeCommand::Toggle(Switch::CropBox)),
    )
    .keys(&[shift(Key::B)])
    .words("cut clip")
    .needs(Need::Scan),
    entry(
        Menu::Volume,
        "Clip plane in 3D",
        Command::Volume(VolumeCommand::Toggle(Switch::ClipPlane)),
    )
    .keys(&[shift(Key::C)])
    .words("cut")
    .needs(Need::Scan),
    entry(
        Menu::Volume,
        "Structures as surfaces in 3D",
        Command::Volume(VolumeCommand::Toggle(Switch::Surfaces)),
    )
    .keys(&[shift(Key::D)])
    .words("isosurface lit")
    .needs(Need::Scan),
    entry(
        Menu::Volume,
        "Turn freely in 3D",
        Command::Volume(VolumeCommand::Toggle(Switch::Trackball)),
    )
    .keys(&[shift(Key::V)])
    .words("trackball rotate")
    .needs(Need::Scan),
    entry(
        Menu::Volume,
        "Colours and opacity in 3D…",
        Command::Volume(VolumeCommand::Toggle(Switch::Editor)),
    )
    .keys(&[shift(Key::T)])
    .words("transfer function editor")
    .needs(Need::Scan),
];
