//! Evidence as wishes of the window: masks put to the test.

use std::sync::Arc;

use super::{Engine, Event, Request, Worker};
use crate::base::CancelToken;
use crate::engine::evidence::{KeepAndDelete, MaskWish};
use crate::engine::{EngineError, JobControl, Players};

impl Engine {
    /// Asks what the network segments with only a mask kept, and with only it removed. A
    /// mask has one entry a player of the explanation that runs or is finished. The
    /// newest wish replaces the one that is worked on, after the windows that run; an
    /// explanation that runs goes on after it. The answer is [`Event::KeptAndRemoved`].
    pub fn keep_and_delete(&mut self, players: Arc<Players>, mask: Vec<bool>) {
        self.mask_test.cancel();
        self.mask_test = CancelToken::new();
        self.masks.put(MaskWish {
            players,
            mask,
            cancel: self.mask_test.clone(),
        });
        let _ = self
            .requests
            .try_send((Request::TestMask, JobControl::new()));
    }
}

impl Worker {
    /// A wish that came while the explanation ran was answered there.
    pub(super) fn test_mask(&mut self) -> Result<(), EngineError> {
        let (Some(mut ground), Some(study)) = (self.ground.take(), self.study.clone()) else {
            return Ok(());
        };
        let network = self.load_network(&study.bundle);
        let found = network.and_then(|network| ground.serve(&self.masks, &network));
        self.ground = Some(ground);
        self.tell_mask(found);
        Ok(())
    }

    /// Tells what a mask test found. One that failed ends nothing else.
    pub(super) fn tell_mask(&self, found: Result<Option<Arc<KeepAndDelete>>, EngineError>) {
        match found {
            Ok(Some(found)) => self.tell(Event::KeptAndRemoved(found)),
            Ok(None) => {}
            Err(error) => self.tell(Event::Failed(error.to_string())),
        }
    }
}
