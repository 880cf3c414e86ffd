//! The thread that finds supervoxels while a slider moves.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::{Event, Waker};
use crate::base::CancelToken;
use crate::engine::{Players, Slot, Study};
use crate::explain::supervoxels::SupervoxelSettings;

/// The supervoxel thread: always works on the newest wish.
pub(super) fn follow_slider(
    wanted: &Slot<(Arc<Study>, SupervoxelSettings)>,
    events: &Sender<Event>,
    waker: &Waker,
) {
    while let Some((study, settings)) = wanted.wait() {
        let event = match Players::find(&study.scan, study.part, &settings, &CancelToken::new()) {
            Ok(players) => Event::Players(Arc::new(players)),
            Err(error) => Event::Failed(error.to_string()),
        };
        if events.send(event).is_err() {
            return;
        }
        waker();
    }
}
