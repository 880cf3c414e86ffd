//! What can be asked of the views and layers. Part of [`super::command::Command`].

use crate::engine::ScanFile;
use crate::explain::relevance_mask::SignedMaskRule;
use crate::gpu::Interpolation;
use crate::ui::layers::{HeatShown, Layer};
use crate::ui::panes::layout::Arrangement;

/// One wish about the views and layers.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewCommand {
    Arrange(Arrangement),
    /// Scrub through the plane that was looked at last, by slices.
    Scrub(i32),
    /// All of the scan in the slice view that was looked at last.
    Fit,
    /// One voxel a pixel.
    OneToOne,
    Zoom(Larger),
    /// Set a window of [`crate::ui::grey_windows`], from 0.
    GreyWindow(usize),
    Invert,
    Interpolate(Interpolation),
    NextInterpolation,
    /// Drags measure lengths, or move the crosshair again.
    MeasureLengths,
    RemoveRulers,
    RemoveRuler(usize),
    /// Show another channel of the scan.
    ShowChannel(usize),
    NextChannel,
    /// Open another frame of the scan's file.
    ShowFrame(usize),
    /// Cut the relevance mask by a rule.
    CutMask(SignedMaskRule),
    NextMaskRule,
    NextMaskSign,
    Toggle(Layer),
    Solo(Layer),
    /// Draw a layer over the next one above it.
    Raise(Layer),
    ShowHeat(HeatShown),
    /// Ask for a label map or another scan.
    ChooseOverlay,
    OpenOverlay(ScanFile),
    RemoveOverlay(Layer),
}

/// Whether a zoom step makes things larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Larger {
    In,
    Out,
}
