//! What the network sees of a coalition, as a volume that can be looked at.

use std::sync::Arc;

use crate::base::GridError;
use crate::engine::explaining::masked_network_of;
use crate::engine::{EngineError, Task};
use crate::model::{PlayerTable, SwinUnetr};
use crate::volume::{Volume, Voxels};

/// The network's input with some players replaced by the baseline, one volume a channel,
/// on the model grid and in the model's units. `present` has one entry a player.
pub fn masked_scan(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    present: &[bool],
) -> Result<Vec<Volume>, EngineError> {
    let masked = masked_network_of(task, network, PlayerTable::supervoxels(task.players.count))?;
    let input = masked.masked_input(present)?;
    let grid = task.segmentation.prepared.grid;
    input
        .outer_iter()
        .zip(&task.study.scan.channels)
        .map(|(image, channel)| {
            // x fastest.
            let values: Vec<f32> = image.t().iter().copied().collect();
            let name = format!("{}, as masked", channel.name());
            Volume::new(grid, Voxels::F32(values), (1.0, 0.0), name)
                .ok_or(EngineError::Grid(GridError::OutsideScan))
        })
        .collect()
}
