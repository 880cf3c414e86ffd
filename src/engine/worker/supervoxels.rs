//! The thread that finds supervoxels while a slider moves.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::{Event, Waker};
use crate::base::CancelToken;
use crate::engine::{Division, Slot};
use crate::gpu::GpuContext;

/// Always works on the newest wish.
pub(super) fn follow_slider(
    graphics: Option<&GpuContext>,
    wanted: &Slot<Division>,
    events: &Sender<Event>,
    waker: &Waker,
) {
    while let Some(division) = wanted.wait() {
        let event = match division.find_on(graphics, &CancelToken::new()) {
            Ok(players) => Event::Players(Arc::new(players)),
            Err(error) => Event::Failed(error.to_string()),
        };
        if events.send(event).is_err() {
            return;
        }
        waker();
    }
}
