//! Mask tests as the window asks for them: only the newest wish counts, also while an
//! explanation runs, and what was found is kept.

use std::sync::Arc;

use super::{KeepAndDelete, MaskTest};
use crate::base::CancelToken;
use crate::engine::explaining::{self, Between, Task};
use crate::engine::{
    EngineError, ExplainSettings, Explanation, Players, Reference, Segmentation, Slot, Study,
};
use crate::explain::Sizes;
use crate::model::{MaskedNetwork, SwinUnetr};

/// Results that are kept, if they are not too large.
const MOST_KEPT: usize = 32;
const MOST_KEPT_BYTES: usize = 256 << 20;

/// A mask to put to the test.
#[derive(Debug, Clone)]
pub struct MaskWish {
    /// The players that the mask is made of.
    pub players: Arc<Players>,
    /// One entry a player: whether it is in the mask.
    pub mask: Vec<bool>,
    /// Ends the test.
    pub(crate) cancel: CancelToken,
}

/// The game on which masks are tested: that of the newest explanation, finished or not.
pub(crate) struct Ground {
    study: Arc<Study>,
    segmentation: Arc<Segmentation>,
    players: Arc<Players>,
    settings: ExplainSettings,
    reference: Option<Arc<Reference>>,
    /// Made when it is first needed.
    masked: Option<(Arc<MaskedNetwork>, Sizes)>,
    kept: Vec<Arc<KeepAndDelete>>,
}

impl Ground {
    pub fn new(task: &Task<'_>) -> Self {
        Self {
            study: Arc::clone(&task.study),
            segmentation: Arc::clone(&task.segmentation),
            players: Arc::clone(&task.players),
            settings: task.settings.clone(),
            reference: task.reference.clone(),
            masked: None,
            kept: Vec::new(),
        }
    }

    /// Whether this is the game of an explanation.
    pub fn is_of(&self, explanation: &Explanation) -> bool {
        Arc::ptr_eq(&self.players, &explanation.players)
            && self.settings.baseline == explanation.settings.baseline
            && self.settings.measured == explanation.settings.measured
            && self.settings.seed == explanation.settings.seed
    }

    /// The masked network, if it was made and its device is still there.
    pub fn masked(&self) -> Option<Arc<MaskedNetwork>> {
        let (masked, _) = self.masked.as_ref()?;
        let lost = masked.windows().network().device().is_lost();
        (!lost).then(|| Arc::clone(masked))
    }

    /// Forgets the masked network, whose state may be unknown.
    pub fn forget_network(&mut self) {
        self.masked = None;
    }

    /// The newest wish that is about these players and not given up.
    fn next(&self, wishes: &Slot<MaskWish>) -> Option<MaskWish> {
        wishes
            .take()
            .filter(|wish| Arc::ptr_eq(&wish.players, &self.players))
            .filter(|wish| !wish.cancel.is_cancelled())
    }

    fn find(&self, mask: &[bool]) -> Option<Arc<KeepAndDelete>> {
        self.kept.iter().find(|kept| kept.mask == mask).cloned()
    }

    fn keep(&mut self, found: &Arc<KeepAndDelete>) {
        let bytes = 2 * size_of_val(found.kept.labels.labels());
        let most = (MOST_KEPT_BYTES / bytes.max(1)).clamp(1, MOST_KEPT);
        self.kept.insert(0, Arc::clone(found));
        self.kept.truncate(most);
    }

    /// Answers the newest wish between two runs of the explanation that is made. `None` if
    /// there is no wish, or a newer one has ended it.
    pub fn serve_between(
        &mut self,
        wishes: &Slot<MaskWish>,
        between: &Between<'_>,
    ) -> Result<Option<Arc<KeepAndDelete>>, EngineError> {
        match self.next(wishes) {
            Some(wish) => self.test(&wish, between.masked, between.sizes),
            None => Ok(None),
        }
    }

    /// Answers the newest wish when nothing else runs.
    pub fn serve(
        &mut self,
        wishes: &Slot<MaskWish>,
        network: &Arc<SwinUnetr>,
    ) -> Result<Option<Arc<KeepAndDelete>>, EngineError> {
        let Some(wish) = self.next(wishes) else {
            return Ok(None);
        };
        if self.masked().is_none() {
            let task = Task {
                reference: self.reference.clone(),
                ..Task::new(
                    Arc::clone(&self.study),
                    Arc::clone(&self.segmentation),
                    Arc::clone(&self.players),
                    &self.settings,
                )
            };
            let table = crate::model::PlayerTable::supervoxels(self.players.count);
            let masked = explaining::masked_network_of(&task, network, table)?;
            let sizes = explaining::sizes_of(&task, &masked)?;
            self.masked = Some((Arc::new(masked), sizes));
        }
        match self.masked.clone() {
            Some((masked, sizes)) => self.test(&wish, &masked, &sizes),
            None => Ok(None),
        }
    }

    fn test(
        &mut self,
        wish: &MaskWish,
        masked: &MaskedNetwork,
        sizes: &Sizes,
    ) -> Result<Option<Arc<KeepAndDelete>>, EngineError> {
        if let Some(known) = self.find(&wish.mask) {
            return Ok(Some(known));
        }
        let test = MaskTest {
            study: &self.study,
            segmentation: &self.segmentation,
            players: &self.players,
            sizes,
            reference: self.reference.as_deref(),
        };
        match test.run(masked, &wish.mask, &wish.cancel) {
            Ok(found) => {
                let found = Arc::new(found);
                self.keep(&found);
                Ok(Some(found))
            }
            Err(error) if error.is_cancelled() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
