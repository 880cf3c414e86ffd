//! The relevance mask put to the test: what the network segments when only the mask is
//! kept, and when only the mask is removed.

use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;

use crate::base::{CancelToken, Grid, Pace, VoxelBox};
use crate::engine::explaining::outcome;
use crate::engine::{EngineError, Players, Reference, Segmentation, Study};
use crate::explain::{ExplainError, Outcome, Sizes};
use crate::model::{Activation, MaskedNetwork, ModelError, RunSums};
use crate::volume::{Components, Connectivity, LabelMap};

use ndarray::Array4;

/// A mask and the two segmentations that put it to the test.
#[derive(Debug, Clone, Serialize)]
pub struct KeepAndDelete {
    /// One entry a player: whether it is in the mask.
    pub mask: Vec<bool>,
    /// Players in the mask.
    pub supervoxels: usize,
    pub volume_ml: f64,
    /// Share of the volume of all players.
    pub volume_share: f64,
    /// Only the mask is shown; all other players are replaced by the baseline.
    pub kept: MaskedSegmentation,
    /// Only the mask is replaced.
    pub removed: MaskedSegmentation,
    pub seconds: f64,
}

/// What the network segments when parts of the scan are replaced.
#[derive(Debug, Clone, Serialize)]
pub struct MaskedSegmentation {
    /// On the region's grid, as [`Segmentation::labels`].
    #[serde(skip)]
    pub labels: Arc<LabelMap>,
    /// What the evaluation log keeps of such a run.
    #[serde(skip)]
    pub outcome: Outcome,
    /// One entry for each structure of the model, in class order.
    pub classes: Vec<ClassUnderMask>,
}

impl MaskedSegmentation {
    pub fn class(&self, class: usize) -> Option<&ClassUnderMask> {
        self.classes.iter().find(|found| found.class == class)
    }
}

/// One structure of a masked segmentation against the segmentation of the whole scan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassUnderMask {
    /// Index of the class.
    pub class: usize,
    pub name: String,
    /// Overlap with the segmentation of the whole scan. `None` if neither has it.
    pub dice: Option<f64>,
    /// Overlap with the reference. `None` without one, or if neither has it.
    pub reference_dice: Option<f64>,
    pub volume_ml: f64,
    /// In the segmentation of the whole scan.
    pub original_volume_ml: f64,
    /// Voxels that the whole scan did not give to the structure.
    pub false_positive_voxels: usize,
    pub false_positive_ml: f64,
    /// Connected parts that share no voxel with the structure of the whole scan.
    pub new_parts: usize,
}

/// What a mask is tested on.
#[derive(Debug, Clone, Copy)]
pub struct MaskTest<'a> {
    pub study: &'a Study,
    pub segmentation: &'a Segmentation,
    pub players: &'a Players,
    /// The layout of the outcomes.
    pub sizes: &'a Sizes,
    /// Ground truth to hold the masked segmentations against.
    pub reference: Option<&'a Reference>,
}

impl MaskTest<'_> {
    /// Segments with only the mask kept, and with only the mask removed. `mask` has one
    /// entry a player.
    ///
    /// Errors: a mask of another number of players, a device failure, cancelling, which
    /// takes effect after the windows that run.
    pub fn run(
        &self,
        masked: &MaskedNetwork,
        mask: &[bool],
        cancel: &CancelToken,
    ) -> Result<KeepAndDelete, EngineError> {
        let pace = Pace::start();
        check_mask(mask, self.players.count)?;
        let rest: Vec<bool> = mask.iter().map(|inside| !inside).collect();
        let mut runs = masked.evaluate_with_logits(&[mask.to_vec(), rest], cancel)?;
        let (Some(removed), Some(kept)) = (runs.pop(), runs.pop()) else {
            return Err(ModelError::Device("the network gave too few results".into()).into());
        };
        let facts = self.players.facts.iter();
        let total_mm3: f64 = facts.clone().map(|facts| facts.volume_mm3).sum();
        let inside = facts.zip(mask).filter(|&(_, &inside)| inside);
        let volume_mm3: f64 = inside.map(|(facts, _)| facts.volume_mm3).sum();
        Ok(KeepAndDelete {
            supervoxels: mask.iter().filter(|&&inside| inside).count(),
            volume_ml: volume_mm3 / 1000.0,
            volume_share: if total_mm3 > 0.0 {
                volume_mm3 / total_mm3
            } else {
                0.0
            },
            kept: self.segmentation_of(kept)?,
            removed: self.segmentation_of(removed)?,
            mask: mask.to_vec(),
            seconds: pace.elapsed_s(),
        })
    }

    fn segmentation_of(
        &self,
        (sums, logits): (RunSums, Array4<f32>),
    ) -> Result<MaskedSegmentation, EngineError> {
        let description = self.study.bundle.description();
        let labels = description.labels(logits.view());
        let labels = self.segmentation.prepared.labels_to_region(&labels)?;
        let foreground: Vec<usize> = self.study.foreground().collect();
        let classes = foreground
            .into_par_iter()
            .map(|class| self.compare(class, &labels, &logits))
            .collect::<Result<_, _>>()?;
        Ok(MaskedSegmentation {
            outcome: outcome(sums, self.sizes),
            labels: Arc::new(labels),
            classes,
        })
    }

    fn compare(
        &self,
        class: usize,
        labels: &LabelMap,
        logits: &Array4<f32>,
    ) -> Result<ClassUnderMask, EngineError> {
        let original = &self.segmentation;
        let before = self.class_voxels(class, &original.labels, &original.logits)?;
        let after = self.class_voxels(class, labels, logits)?;
        let reference = self
            .reference
            .filter(|reference| !reference.values_of_class(class).is_empty())
            .map(|reference| reference.class_voxels(class));
        let grid = labels.grid();
        let volume_ml = |voxels: usize| voxels as f64 * grid.voxel_volume_mm3() / 1000.0;
        let new = after.iter().zip(&before).filter(|&(&a, &b)| a && !b);
        let false_positive_voxels = new.count();
        let (parts, reach) = if false_positive_voxels > 0 {
            parts_and_reached(&before, &after, grid)
        } else {
            (0, 0)
        };
        Ok(ClassUnderMask {
            class,
            name: self.study.class_name(class).to_owned(),
            dice: dice(&after, &before),
            reference_dice: reference.and_then(|reference| dice(&after, &reference)),
            volume_ml: volume_ml(count(&after)),
            original_volume_ml: volume_ml(count(&before)),
            false_positive_voxels,
            false_positive_ml: volume_ml(false_positive_voxels),
            new_parts: parts - reach,
        })
    }

    /// Whether each voxel of the region belongs to a class. Classes that overlap cover
    /// each other in the label map and are read off their logits.
    fn class_voxels(
        &self,
        class: usize,
        labels: &LabelMap,
        logits: &Array4<f32>,
    ) -> Result<Vec<bool>, EngineError> {
        let description = self.study.bundle.description();
        let is = |map: &LabelMap, label: usize| -> Vec<bool> {
            let labels = map.labels().iter();
            labels.map(|&l| usize::from(l) == label).collect()
        };
        Ok(match description.activation {
            Activation::Softmax => is(labels, description.label_of_class(class)),
            Activation::Sigmoid => {
                let voxels = description.class_voxels(logits.view(), class);
                is(&self.segmentation.prepared.labels_to_region(&voxels)?, 1)
            }
        })
    }
}

/// An error unless a mask has one entry a player.
pub(super) fn check_mask(mask: &[bool], players: usize) -> Result<(), EngineError> {
    if mask.len() == players {
        return Ok(());
    }
    Err(ExplainError::WrongPlayers {
        found: mask.len(),
        expected: players,
    }
    .into())
}

fn count(voxels: &[bool]) -> usize {
    voxels.iter().filter(|&&inside| inside).count()
}

/// 2·|A∩B| / (|A|+|B|); `None` if both are empty.
fn dice(a: &[bool], b: &[bool]) -> Option<f64> {
    let both = a.iter().zip(b).filter(|&(&a, &b)| a && b).count();
    let total = count(a) + count(b);
    (total > 0).then(|| 2.0 * both as f64 / total as f64)
}

/// The connected parts of a structure, and those of them that reach into the original.
fn parts_and_reached(before: &[bool], after: &[bool], grid: &Grid) -> (usize, usize) {
    let Some(part) = box_around(after, grid) else {
        return (0, 0);
    };
    let crop = |voxels: &[bool]| crate::volume::crop(voxels, grid, &part).unwrap_or_default();
    let (before, after) = (crop(before), crop(after));
    let parts = Components::of_voxels(after.into_iter(), part.size, Connectivity::Corners26);
    let mut reached = vec![false; parts.sizes().len() + 1];
    for (&id, _) in parts.ids().iter().zip(&before).filter(|&(_, &b)| b) {
        if let Some(reached) = reached.get_mut(id as usize) {
            *reached = true;
        }
    }
    let reached = reached.iter().skip(1).filter(|&&r| r).count();
    (parts.sizes().len(), reached)
}

/// The smallest box around the voxels that are true.
fn box_around(voxels: &[bool], grid: &Grid) -> Option<VoxelBox> {
    let mut found: Option<[[usize; 3]; 2]> = None;
    for (index, _) in voxels.iter().enumerate().filter(|&(_, &inside)| inside) {
        let voxel = grid.position(index);
        let [low, high] = found.get_or_insert([voxel; 2]);
        for axis in 0..3 {
            low[axis] = low[axis].min(voxel[axis]);
            high[axis] = high[axis].max(voxel[axis]);
        }
    }
    let [start, high] = found?;
    Some(VoxelBox {
        start,
        size: std::array::from_fn(|axis| high[axis] + 1 - start[axis]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DAffine3;

    #[test]
    fn new_parts_are_those_that_touch_nothing_of_the_original() {
        let grid = Grid::new([9, 3, 1], DAffine3::IDENTITY).unwrap();
        let row = |text: &str| -> Vec<bool> { text.chars().map(|c| c == '#').collect() };
        let before = row("##.......##.......##.......");
        let after = row(".##...#.#.......#....#.....");
        // Only the part at the left reaches the original.
        let (parts, reached) = parts_and_reached(&before, &after, &grid);
        assert_eq!((parts, reached), (3, 1));
        assert_eq!(dice(&after, &before), Some(2.0 / 12.0));
        assert_eq!(dice(&[false], &[false]), None);
        assert_eq!(parts_and_reached(&before, &[false; 27], &grid), (0, 0));
    }
}
