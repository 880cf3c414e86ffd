//! What can be asked of the volume view. Part of [`crate::ui::command::Command`].

use egui::Key;

use super::look::{Switch, VolumeLook};
use crate::base::{Grid, WorldBox};
use crate::gpu::ClipPlane;
use crate::gpu::transfer::{Preset, TransferFunction};
use crate::gpu::{Camera, StandardView};
use crate::ui::state::Look;

/// One wish about the volume view.
#[derive(Debug, Clone, PartialEq)]
pub enum VolumeCommand {
    LookFrom(StandardView),
    ResetCamera,
    Choose(Preset),
    /// Colours and opacities of the user's own.
    SetTransfer(TransferFunction),
    Toggle(Switch),
    /// Draw the scan inside a box only.
    Crop(WorldBox),
    Clip(ClipPlane),
    /// Take away the other side of the clip plane.
    FlipClip,
}

/// The wishes that stand in a menu: their words, and the key that sends them with Shift.
pub fn menu() -> Vec<(&'static str, Option<Key>, VolumeCommand)> {
    use StandardView::{Anterior, Inferior, Left, Posterior, Right, Superior};
    let look = VolumeCommand::LookFrom;
    let toggle = VolumeCommand::Toggle;
    vec![
        ("3D from the front", Some(Key::A), look(Anterior)),
        ("3D from the back", Some(Key::P), look(Posterior)),
        ("3D from the patient's left", Some(Key::L), look(Left)),
        ("3D from the patient's right", Some(Key::R), look(Right)),
        ("3D from the head", Some(Key::S), look(Superior)),
        ("3D from the feet", Some(Key::I), look(Inferior)),
        ("Whole scan in 3D", Some(Key::W), VolumeCommand::ResetCamera),
        (
            "Focus on the evidence in 3D",
            Some(Key::F),
            toggle(Switch::Focus),
        ),
        ("Crop box in 3D", Some(Key::B), toggle(Switch::CropBox)),
        ("Clip plane in 3D", Some(Key::C), toggle(Switch::ClipPlane)),
        (
            "Structures as surfaces in 3D",
            None,
            toggle(Switch::Surfaces),
        ),
        ("Turn freely in 3D", None, toggle(Switch::Trackball)),
        (
            "Colours and opacity in 3D…",
            Some(Key::T),
            toggle(Switch::Editor),
        ),
    ]
}

/// The thinnest crop box, so that its handles stay apart.
const LEAST_CROP_MM: f64 = 2.0;

pub fn carry_out(command: VolumeCommand, look: &mut Look, grid: &Grid) {
    let volume: &mut VolumeLook = &mut look.volume;
    match command {
        VolumeCommand::LookFrom(view) => look.camera.look_from(view),
        VolumeCommand::ResetCamera => look.camera = Camera::framing(grid),
        VolumeCommand::Choose(preset) if preset.applies_to(&volume.values) => volume.choose(preset),
        VolumeCommand::Choose(_) => {}
        VolumeCommand::SetTransfer(transfer) => {
            volume.transfer = transfer;
            volume.preset = None;
        }
        VolumeCommand::Toggle(switch) => {
            volume.toggle(switch, grid, &look.camera, look.crosshair_mm);
        }
        VolumeCommand::Crop(wanted) => volume.crop = Some(possible_crop(wanted, grid)),
        VolumeCommand::Clip(plane) => {
            if plane.point_mm.is_finite()
                && let Some(normal) = plane.normal.try_normalize()
            {
                volume.clip = Some(ClipPlane { normal, ..plane });
            }
        }
        VolumeCommand::FlipClip => {
            if let Some(plane) = &mut volume.clip {
                plane.normal = -plane.normal;
            }
        }
    }
}

/// A box inside the scan with some room in it.
fn possible_crop(wanted: WorldBox, grid: &Grid) -> WorldBox {
    let bounds = grid.world_bounds();
    let mut crop = bounds;
    for axis in 0..3 {
        let (low, high) = (bounds.min[axis], bounds.max[axis]);
        let least = LEAST_CROP_MM.min(high - low);
        let [a, b] = [wanted.min[axis], wanted.max[axis]];
        if !(a.is_finite() && b.is_finite()) {
            continue;
        }
        crop.min[axis] = a.min(b).clamp(low, high - least);
        crop.max[axis] = a.max(b).clamp(crop.min[axis] + least, high);
    }
    crop
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DAffine3;

    #[test]
    fn crop_boxes_stay_in_the_scan_and_have_room() {
        let grid = Grid::new([11, 21, 31], DAffine3::IDENTITY).unwrap();
        let bounds = grid.world_bounds();
        let crop = |min, max| possible_crop(WorldBox { min, max }, &grid);
        assert_eq!(crop([-99.0; 3], [99.0; 3]), bounds);
        let thin = crop([5.0, 30.0, 2.0], [5.0, 40.0, 1.0]);
        for axis in 0..3 {
            assert!(thin.max[axis] - thin.min[axis] >= LEAST_CROP_MM);
            assert!(thin.min[axis] >= bounds.min[axis] && thin.max[axis] <= bounds.max[axis]);
        }
        assert_eq!(crop([f64::NAN; 3], [1.0; 3]), bounds);
    }
}
