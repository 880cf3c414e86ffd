//! Undo and redo of how the user looks at a study: one step a gesture.
//!
//! Nothing reports its changes. Between gestures the history compares what is with what
//! was, so whatever changes a look can be undone, by whichever way it was changed.

use glam::DVec3;

use crate::base::{Convention, WorldBox};
use crate::engine::Study;
use crate::explain::relevance_mask::SignedMaskRule;
use crate::gpu::Window;
use crate::ui::layers::LayerLooks;
use crate::ui::state::Look;

/// Most steps that are kept.
const MOST: usize = 100;

/// Changes of one kind that follow each other within this time are one gesture: notches
/// of a wheel, repeats of a key.
const ONE_GESTURE_S: f64 = 0.4;

/// What can be undone of a look.
#[derive(Debug, Clone, PartialEq)]
pub struct Stance {
    crosshair_mm: DVec3,
    selected_player: Option<usize>,
    window: Window,
    convention: Convention,
    opacities: [f32; 3],
    layers: LayerLooks,
    class_visible: Vec<bool>,
    mask: SignedMaskRule,
    cut_away: bool,
    region: WorldBox,
}

impl Stance {
    pub fn of(look: &Look, study: &Study) -> Self {
        Self {
            crosshair_mm: look.crosshair_mm,
            selected_player: look.selected_player,
            window: look.window,
            convention: look.convention,
            opacities: [
                look.segmentation_opacity,
                look.boundary_opacity,
                look.heatmap_opacity,
            ],
            layers: look.layers.clone(),
            class_visible: look.class_visible.clone(),
            mask: look.mask,
            cut_away: look.cut_away,
            region: study.region,
        }
    }

    /// Puts all but the region back, which only the engine can move.
    pub fn restore(&self, look: &mut Look) {
        look.crosshair_mm = self.crosshair_mm;
        look.selected_player = self.selected_player;
        look.window = self.window;
        look.convention = self.convention;
        [
            look.segmentation_opacity,
            look.boundary_opacity,
            look.heatmap_opacity,
        ] = self.opacities;
        look.layers = self.layers.clone();
        if look.class_visible.len() == self.class_visible.len() {
            look.class_visible.clone_from(&self.class_visible);
        }
        look.mask = self.mask;
        look.cut_away = self.cut_away;
    }

    pub fn region(&self) -> WorldBox {
        self.region
    }

    /// What a user would say has changed.
    fn change_to(&self, other: &Self) -> Option<Change> {
        let changed = [
            (self.region != other.region, Change::Region),
            (self.window != other.window, Change::Window),
            (self.mask != other.mask, Change::Mask),
            (
                self.opacities != other.opacities
                    || self.layers != other.layers
                    || self.class_visible != other.class_visible,
                Change::Layers,
            ),
            (self.convention != other.convention, Change::Sides),
            (self.cut_away != other.cut_away, Change::CutAway),
            (
                self.crosshair_mm != other.crosshair_mm
                    || self.selected_player != other.selected_player,
                Change::Crosshair,
            ),
        ];
        changed
            .into_iter()
            .find_map(|(changed, change)| changed.then_some(change))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Crosshair,
    Window,
    Mask,
    Region,
    Layers,
    Sides,
    CutAway,
}

impl Change {
    /// Completes "undo" and "redo".
    fn label(self) -> &'static str {
        match self {
            Self::Crosshair => "the move of the crosshair",
            Self::Window => "the change of window and level",
            Self::Mask => "the change of the relevance mask",
            Self::Region => "the move of the region",
            Self::Layers => "the change of the layers",
            Self::Sides => "the swap of left and right",
            Self::CutAway => "the cut in 3D",
        }
    }
}

/// A gesture: what was before it, and after it.
#[derive(Debug, Clone)]
struct Step {
    change: Change,
    before: Stance,
    after: Stance,
}

/// The steps that can be undone and redone.
#[derive(Debug, Default)]
pub struct History {
    past: Vec<Step>,
    future: Vec<Step>,
    /// How the user looked when the last gesture had ended.
    settled: Option<Stance>,
    /// When the last step was made or grew.
    last_change_s: f64,
    /// A region that was asked for by undo or redo and has not come yet.
    awaited: Option<WorldBox>,
}

impl History {
    /// Another scan: there is nothing to go back to.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// The engine will not bring the region that was asked for.
    pub fn stop_waiting(&mut self) {
        self.awaited = None;
        self.settled = None;
    }

    /// Takes notice of how the user looks now. `in_gesture`: a mouse button is down.
    pub fn observe(&mut self, now: Stance, in_gesture: bool, time_s: f64) {
        if let Some(region) = self.awaited {
            if now.region == region {
                self.awaited = None;
                self.settled = Some(now);
            }
            return;
        }
        let Some(before) = &self.settled else {
            self.settled = Some(now);
            return;
        };
        if in_gesture {
            return;
        }
        let Some(change) = before.change_to(&now) else {
            return;
        };
        let recent = time_s - self.last_change_s < ONE_GESTURE_S;
        match self.past.last_mut() {
            Some(step) if recent && step.change == change && self.future.is_empty() => {
                step.after = now.clone();
            }
            _ => {
                self.past.push(Step {
                    change,
                    before: before.clone(),
                    after: now.clone(),
                });
                if self.past.len() > MOST {
                    self.past.remove(0);
                }
            }
        }
        self.future.clear();
        self.last_change_s = time_s;
        self.settled = Some(now);
    }

    /// What would be undone, in words.
    pub fn undo_label(&self) -> Option<&'static str> {
        self.past.last().map(|step| step.change.label())
    }

    pub fn redo_label(&self) -> Option<&'static str> {
        self.future.last().map(|step| step.change.label())
    }

    /// How the user looked before the last gesture.
    pub fn undo(&mut self) -> Option<Stance> {
        let step = self.past.pop()?;
        let target = step.before.clone();
        self.future.push(step);
        Some(self.go_to(target))
    }

    /// How the user looked after the gesture that was undone last.
    pub fn redo(&mut self) -> Option<Stance> {
        let step = self.future.pop()?;
        let target = step.after.clone();
        self.past.push(step);
        Some(self.go_to(target))
    }

    fn go_to(&mut self, target: Stance) -> Stance {
        let region = self.settled.as_ref().map(|settled| settled.region);
        if region != Some(target.region) {
            self.awaited = Some(target.region);
        }
        self.settled = Some(target.clone());
        // The next change is a gesture of its own.
        self.last_change_s = f64::NEG_INFINITY;
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::relevance_mask::MaskRule;
    use crate::ui::mask_rule;

    fn stance() -> Stance {
        Stance {
            crosshair_mm: DVec3::ZERO,
            selected_player: None,
            window: Window {
                low: 0.0,
                high: 1.0,
            },
            convention: Convention::default(),
            opacities: [0.5; 3],
            layers: LayerLooks::default(),
            class_visible: vec![true; 3],
            mask: mask_rule::FIRST,
            cut_away: true,
            region: WorldBox {
                min: [0.0; 3],
                max: [1.0; 3],
            },
        }
    }

    fn at(x: f64) -> Stance {
        Stance {
            crosshair_mm: DVec3::X * x,
            ..stance()
        }
    }

    #[test]
    fn a_drag_is_one_step() {
        let mut history = History::default();
        history.observe(stance(), false, 0.0);
        for frame in 1..30 {
            history.observe(at(f64::from(frame)), true, f64::from(frame) / 60.0);
        }
        assert_eq!(history.undo_label(), None, "not before it has ended");
        history.observe(at(30.0), false, 0.5);
        assert_eq!(history.undo_label(), Some("the move of the crosshair"));
        assert_eq!(history.undo(), Some(stance()));
        assert_eq!(history.undo_label(), None);
        // What undo brings back is not a change.
        history.observe(stance(), false, 0.6);
        assert_eq!(history.undo_label(), None);
        assert_eq!(history.redo(), Some(at(30.0)));
    }

    #[test]
    fn notches_of_a_wheel_are_one_step_and_other_kinds_their_own() {
        let mut history = History::default();
        history.observe(stance(), false, 10.0);
        for notch in 1..5 {
            history.observe(at(f64::from(notch)), false, 10.0 + 0.1 * f64::from(notch));
        }
        let masked = Stance {
            mask: MaskRule::ShareOfLargest(0.9).into(),
            ..at(4.0)
        };
        history.observe(masked.clone(), false, 10.5);
        history.observe(
            Stance {
                crosshair_mm: DVec3::X,
                ..masked.clone()
            },
            false,
            10.6,
        );
        assert_eq!(history.undo(), Some(masked));
        assert_eq!(
            history.undo_label(),
            Some("the change of the relevance mask")
        );
        assert_eq!(history.undo(), Some(at(4.0)));
        assert_eq!(history.undo(), Some(stance()));
        assert_eq!(history.undo(), None);
    }

    #[test]
    fn a_new_gesture_ends_what_could_be_redone() {
        let mut history = History::default();
        history.observe(stance(), false, 0.0);
        history.observe(at(1.0), false, 1.0);
        history.undo();
        assert!(history.redo_label().is_some());
        history.observe(at(2.0), false, 1.1);
        assert_eq!(history.redo_label(), None);
        assert_eq!(history.undo(), Some(stance()));
    }

    #[test]
    fn a_region_that_is_awaited_is_no_gesture() {
        let mut history = History::default();
        let moved = Stance {
            region: WorldBox {
                min: [5.0; 3],
                max: [6.0; 3],
            },
            ..at(5.5)
        };
        history.observe(stance(), false, 0.0);
        history.observe(moved.clone(), false, 1.0);
        assert_eq!(history.undo_label(), Some("the move of the region"));
        assert_eq!(history.undo(), Some(stance()));
        // The engine takes its time, and the crosshair comes to the middle of the region.
        history.observe(moved, false, 1.1);
        history.observe(at(0.5), false, 3.0);
        history.observe(at(0.5), false, 3.1);
        assert_eq!(history.undo_label(), None);
        assert!(history.redo_label().is_some());
    }

    #[test]
    fn steps_do_not_grow_without_end() {
        let mut history = History::default();
        for time in 0..500 {
            history.observe(at(f64::from(time)), false, f64::from(time));
        }
        let steps = std::iter::from_fn(|| history.undo()).count();
        assert_eq!(steps, MOST);
    }
}
