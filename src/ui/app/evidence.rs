//! The mask put to the test as it rests, and evidence gathered on request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Viewer;
use crate::engine::evidence::{EvidenceSettings, KeepAndDelete};
use crate::explain::relevance_mask::SignedMaskRule;
use crate::ui::command::EvidenceScope;
use crate::ui::layers::Layer;
use crate::ui::state::{Job, relevance_mask};

/// How long the mask must rest before the mask is tested.
const REST: Duration = Duration::from_millis(150);

/// What is known about the mask that is to be tested.
#[derive(Debug, Default)]
pub struct MaskWatch {
    /// The mask of the last frame, and since when it is so.
    mask: Option<(Vec<bool>, Instant)>,
    /// The mask that was asked for last.
    asked: Vec<bool>,
    /// The mask's rule when the mask was asked for, or the map was first seen.
    rule: Option<SignedMaskRule>,
}

impl Viewer {
    /// Asks for a test of the mask once it has rested. While an explanation
    /// runs, its values move by themselves: then only a hand on its rule counts.
    pub(super) fn watch_mask(&mut self, ctx: &egui::Context) {
        let Some(look) = &self.look else { return };
        let (Some(_), Some(players)) = (self.facts.shown(), &self.facts.players) else {
            self.mask_watch = MaskWatch::default();
            return;
        };
        let watch = &mut self.mask_watch;
        let moved = *watch.rule.get_or_insert(look.mask) != look.mask;
        let running = self.job == Job::Explaining;
        if !look.test_mask || (running && !moved) {
            return;
        }
        let Some(mask) = relevance_mask(&self.facts, look.mask) else {
            return;
        };
        let mask = mask.players;
        if mask == watch.asked {
            return;
        }
        let rested = match &watch.mask {
            Some((known, since)) if *known == mask => since.elapsed(),
            _ => {
                watch.mask = Some((mask.clone(), Instant::now()));
                Duration::ZERO
            }
        };
        if rested < REST {
            ctx.request_repaint_after(REST.saturating_sub(rested));
            return;
        }
        watch.asked.clone_from(&mask);
        watch.rule = Some(look.mask);
        let players = Arc::clone(players);
        self.engine.keep_and_delete(players, mask);
        self.facts.mask_test_runs = true;
    }

    pub(super) fn show_mask_test(&mut self, found: Arc<KeepAndDelete>) {
        let fits = self.facts.players.as_ref();
        if fits.is_none_or(|players| players.count != found.mask.len()) {
            return;
        }
        self.facts.mask_test_runs = found.mask != self.mask_watch.asked;
        self.show_masked(Layer::Kept, Some(Arc::clone(&found.kept.labels)));
        self.show_masked(Layer::Removed, Some(Arc::clone(&found.removed.labels)));
        self.facts.mask_test = Some(found);
    }

    pub(super) fn gather_evidence(&mut self, scope: EvidenceScope) {
        let (Some(_), Some(look)) = (&self.facts.explanation, &self.look) else {
            return;
        };
        if self.job != Job::Idle {
            return;
        }
        let settings = EvidenceSettings {
            parts: scope.parts().to_vec(),
            mask: look.mask,
            seed: self.choices.seed,
            ..EvidenceSettings::default()
        };
        let answers = self.facts.shown().map(|snapshot| snapshot.answer.clone());
        self.engine
            .gather_evidence(answers.into_iter().collect(), settings);
        self.job = Job::starting();
    }
}
