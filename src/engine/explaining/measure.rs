//! What is measured of each run: the frozen targets, and which sums go to the log.

use crate::base::CancelToken;
use crate::engine::{EngineError, MeasuredPart, Task};
use crate::explain::outcome::{ComponentSize, PartSums};
use crate::explain::{ClassSums, Coalition, Outcome, Sizes};
use crate::model::{MaskedNetwork, RegionSums, RunSums, TargetMasks};

/// Voxels around the targets that are measured with them.
const MARGIN_VOXELS: usize = 8;

/// Most bytes that sums over places may take in a log, in memory and on disk.
const MOST_PLACE_BYTES: usize = 512 << 20;

/// The frozen targets of a task: the segmentation's, or a reference's.
pub(super) fn targets(task: &Task<'_>) -> Result<TargetMasks, EngineError> {
    let activation = task.study.bundle.description().activation;
    let targets = match &task.reference {
        Some(reference) => reference.targets(&task.segmentation.prepared)?,
        None => TargetMasks::from_logits(task.segmentation.logits.view(), activation),
    };
    Ok(match task.settings.measured {
        MeasuredPart::Region => targets,
        MeasuredPart::Target => {
            let channels = match task.settings.class {
                Some(class) => vec![class],
                None => task.study.foreground().collect(),
            };
            targets.measured_around(&channels, MARGIN_VOXELS)
        }
    })
}

/// Which sums of a run are kept, and their sizes.
pub(super) fn sizes(
    task: &Task<'_>,
    targets: &TargetMasks,
    evaluations: usize,
) -> Result<Sizes, EngineError> {
    let count = |voxels: &usize| *voxels as u64;
    let parts = targets.channel_of_component().iter();
    let components = parts
        .zip(targets.component_sizes())
        .map(|(&class, voxels)| ComponentSize {
            class,
            voxels: count(voxels),
        });
    let place_classes = match &task.earlier {
        Some(earlier) => earlier.header().sizes.place_classes.clone(),
        None => place_classes(task, evaluations),
    };
    let place_voxels = if place_classes.is_empty() {
        Vec::new()
    } else {
        place_voxels(task, targets)?
    };
    Ok(Sizes {
        classes: targets.voxel_counts().iter().map(count).collect(),
        components: components.collect(),
        place_classes,
        place_voxels,
        voxel_volume_mm3: task.segmentation.prepared.grid.voxel_volume_mm3(),
    })
}

/// The classes whose sums over places fit into memory: all structures, the explained
/// one, or none.
fn place_classes(task: &Task<'_>, evaluations: usize) -> Vec<usize> {
    let fits = |classes: &[usize]| {
        let sums = [
            classes.len(),
            task.players.count + 1,
            PartSums::LEN * size_of::<f32>(),
            evaluations,
        ];
        sums.into_iter()
            .try_fold(1_usize, usize::checked_mul)
            .is_some_and(|bytes| bytes <= MOST_PLACE_BYTES)
    };
    let all: Vec<usize> = task.study.foreground().collect();
    let own: Vec<usize> = task.settings.class.into_iter().collect();
    [all, own]
        .into_iter()
        .find(|classes| fits(classes))
        .unwrap_or_default()
}

/// Measured voxels of no player, then of each player.
fn place_voxels(task: &Task<'_>, targets: &TargetMasks) -> Result<Vec<u64>, EngineError> {
    let labels = task.players.labels.labels();
    let players = task.segmentation.prepared.values_from_region(labels)?;
    let mut voxels = vec![0; task.players.count + 1];
    for ((x, y, z), &player) in players.indexed_iter() {
        if targets.is_measured([x, y, z])
            && let Some(count) = voxels.get_mut(usize::from(player))
        {
            *count += 1;
        }
    }
    Ok(voxels)
}

/// How runs are measured.
pub struct Measured<'a> {
    pub sizes: &'a Sizes,
}

impl Measured<'_> {
    /// The outcome of each coalition.
    pub fn outcomes(
        &self,
        masked: &MaskedNetwork,
        coalitions: &[Coalition],
        cancel: &CancelToken,
    ) -> Result<Vec<Outcome>, EngineError> {
        let present: Vec<Vec<bool>> = coalitions.iter().map(Coalition::to_bools).collect();
        let sums = masked.evaluate(&present, cancel)?;
        Ok(sums
            .into_iter()
            .map(|sums| outcome(sums, self.sizes))
            .collect())
    }
}

/// The sums of a run that are kept.
pub fn outcome(sums: RunSums, sizes: &Sizes) -> Outcome {
    let part = |sums: RegionSums| PartSums {
        probability: sums.probability,
        logit: sums.logit,
        margin: sums.margin,
        hard: sums.hard,
    };
    let places = sizes.place_voxels.len();
    let place_sums = sizes.place_classes.iter().flat_map(|class| {
        let own = sums.players.get(class * places..(class + 1) * places);
        own.unwrap_or_default()
            .iter()
            .map(|sums| part(*sums).to_array().map(|sum| sum as f32))
    });
    Outcome {
        places: place_sums.collect(),
        classes: sums
            .classes
            .iter()
            .map(|sums| ClassSums {
                probability_in_target: sums.probability_in_target,
                probability_total: sums.probability_total,
                logit_in_target: sums.logit_in_target,
                margin_in_target: sums.margin_in_target,
                hard_in_target: sums.hard_in_target,
                hard_total: sums.hard_total,
            })
            .collect(),
        components: sums.components.iter().map(|sums| part(*sums)).collect(),
    }
}
