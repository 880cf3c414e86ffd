//! The mask put to the test as its threshold rests, and evidence gathered on request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Viewer;
use crate::engine::evidence::{EvidenceSettings, KeepAndDelete};
use crate::explain::relevance_mask::MaskRule;
use crate::ui::command::EvidenceScope;
use crate::ui::layers::Layer;
use crate::ui::state::{Job, mask_threshold};

/// How long the threshold must rest before the mask is tested.
const REST: Duration = Duration::from_millis(150);

/// What is known about the mask that is to be tested.
#[derive(Debug, Default)]
pub struct MaskWatch {
    /// The mask by the threshold of the last frame, and since when it is so.
    mask: Option<(Vec<bool>, Instant)>,
    /// The mask that was asked for last.
    asked: Vec<bool>,
    /// The threshold's share when the mask was asked for, or the map was first seen.
    share: Option<f32>,
}

impl Viewer {
    /// Asks for a test of the mask once its threshold has rested. While an explanation
    /// runs, its values move by themselves: then only a hand on the threshold counts.
    pub(super) fn watch_mask(&mut self, ctx: &egui::Context) {
        let Some(look) = &self.look else { return };
        let (Some(snapshot), Some(players)) = (self.facts.shown(), &self.facts.players) else {
            self.mask_watch = MaskWatch::default();
            return;
        };
        let watch = &mut self.mask_watch;
        let moved = *watch.share.get_or_insert(look.mask_share) != look.mask_share;
        let running = self.job == Job::Explaining;
        let Some(threshold) = mask_threshold(&self.facts, look.mask_share) else {
            return;
        };
        if !look.test_mask || (running && !moved) {
            return;
        }
        let inside = |player: &crate::explain::PlayerEstimate| {
            player.samples > 0 && player.shap_value >= threshold
        };
        let mask: Vec<bool> = snapshot.estimate().players.iter().map(inside).collect();
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
        watch.share = Some(look.mask_share);
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
            mask: MaskRule::ShareOfLargest(f64::from(look.mask_share)).into(),
            seed: self.choices.seed,
            ..EvidenceSettings::default()
        };
        let answers = self.facts.shown().map(|snapshot| snapshot.answer.clone());
        self.engine
            .gather_evidence(answers.into_iter().collect(), settings);
        self.job = Job::starting();
    }
}
