//! How the user looks at the volume: colours, opacity, what is cut away, what is marked.

use std::sync::Arc;

use glam::DVec3;

use crate::base::{Grid, WorldBox};
use crate::gpu::transfer::{Preset, ScanValues, TransferFunction, TransferTable};
use crate::gpu::{Camera, ClipPlane, ScanStyle};
use crate::volume::Volume;

/// How a drag turns the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Navigation {
    /// The head stays up.
    #[default]
    Turntable,
    /// Like a ball under the pointer, any way round.
    Trackball,
}

impl Navigation {
    pub fn turn(self, camera: &mut Camera, by_points: egui::Vec2) {
        /// Radians that a drag of one point turns the body by.
        const PER_POINT: f64 = 0.008;
        let [across, down] = [by_points.x, by_points.y].map(|p| f64::from(p) * PER_POINT);
        match self {
            Self::Turntable => camera.orbit(-across, down),
            Self::Trackball => camera.tumble(across, down),
        }
    }
}

/// What can be turned on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// The body as clear glass around the evidence.
    Focus,
    /// Structures as lit surfaces, or as a tint of the scan.
    Surfaces,
    Crosshair,
    RegionBox,
    Trackball,
    CropBox,
    ClipPlane,
    /// The window with the control points.
    Editor,
}

/// The look of the volume.
#[derive(Debug, Clone, PartialEq)]
pub struct VolumeLook {
    pub values: Arc<ScanValues>,
    /// `None` where the user has made a function of their own.
    pub preset: Option<Preset>,
    pub transfer: TransferFunction,
    pub navigation: Navigation,
    pub focus: bool,
    pub surfaces: bool,
    pub crosshair: bool,
    pub region_box: bool,
    /// The scan is drawn inside only.
    pub crop: Option<WorldBox>,
    pub clip: Option<ClipPlane>,
    pub editor_is_open: bool,
    /// The control point that is being edited.
    pub selected_point: usize,
}

impl VolumeLook {
    /// The first look at a scan: what suits its kind.
    pub fn of(scan: &Volume) -> Self {
        let values = Arc::new(ScanValues::of(scan));
        let preset = Preset::for_scan(&values);
        Self {
            transfer: preset.function(&values),
            preset: Some(preset),
            values,
            navigation: Navigation::default(),
            focus: false,
            surfaces: true,
            crosshair: true,
            region_box: true,
            crop: None,
            clip: None,
            editor_is_open: false,
            selected_point: 0,
        }
    }

    pub fn choose(&mut self, preset: Preset) {
        self.preset = Some(preset);
        self.transfer = preset.function(&self.values);
        self.selected_point = 0;
    }

    /// What the march reads: with the focus on the evidence, the body as clear glass.
    pub fn table(&self) -> TransferTable {
        if self.focus {
            ScanStyle::glass(self.values.tissue).table()
        } else {
            self.transfer.table()
        }
    }

    /// The preset's name, or that it is the user's own.
    pub fn label(&self) -> &'static str {
        self.preset.map_or("Own colours", Preset::label)
    }

    pub fn is_on(&self, switch: Switch) -> bool {
        match switch {
            Switch::Focus => self.focus,
            Switch::Surfaces => self.surfaces,
            Switch::Crosshair => self.crosshair,
            Switch::RegionBox => self.region_box,
            Switch::Trackball => self.navigation == Navigation::Trackball,
            Switch::CropBox => self.crop.is_some(),
            Switch::ClipPlane => self.clip.is_some(),
            Switch::Editor => self.editor_is_open,
        }
    }

    /// Turns something on or off, in a scan seen by a camera with the crosshair at a place.
    pub fn toggle(&mut self, switch: Switch, grid: &Grid, camera: &Camera, crosshair_mm: DVec3) {
        match switch {
            Switch::Focus => self.focus = !self.focus,
            Switch::Surfaces => self.surfaces = !self.surfaces,
            Switch::Crosshair => self.crosshair = !self.crosshair,
            Switch::RegionBox => self.region_box = !self.region_box,
            Switch::Editor => self.editor_is_open = !self.editor_is_open,
            Switch::Trackball => {
                self.navigation = match self.navigation {
                    Navigation::Turntable => Navigation::Trackball,
                    Navigation::Trackball => Navigation::Turntable,
                }
            }
            Switch::CropBox => {
                self.crop = match self.crop {
                    Some(_) => None,
                    None => Some(grid.world_bounds()),
                }
            }
            Switch::ClipPlane => {
                self.clip = match self.clip {
                    Some(_) => None,
                    None => Some(ClipPlane {
                        point_mm: crosshair_mm,
                        normal: -camera.forward(),
                    }),
                }
            }
        }
    }
}
