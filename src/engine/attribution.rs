//! Reading an estimate: which players matter, which are undecided, what a mask holds.

use crate::explain::relevance_mask::{MaskRule, MaskSign, RelevanceMask, SignedMaskRule};
use crate::explain::supervoxels::PlayerFacts;
use crate::explain::{DecisionRule, Estimate, PlayerEstimate};
use crate::gpu::{EvidenceSign, MaskCut, PlayerSample};

/// Players with a known value, largest value first; ties keep their order.
pub fn ranked(estimate: &Estimate) -> Vec<usize> {
    let known = |player: &usize| estimate.players.get(*player).is_some_and(|p| p.samples > 0);
    let value = |player: usize| estimate.players.get(player).map_or(0.0, |p| p.shap_value);
    let mut players: Vec<usize> = (0..estimate.players.len()).filter(known).collect();
    players.sort_by(|&a, &b| value(b).total_cmp(&value(a)));
    players
}

/// The players whose sign is not known: their 95 % interval holds zero.
pub fn undecided_players(estimate: &Estimate) -> Vec<usize> {
    estimate.decide(DecisionRule::Threshold(0.0)).undecided
}

/// The largest |SHAP value| known, which colours are scaled to.
pub fn largest_value(estimate: &Estimate) -> Option<f64> {
    let sizes = estimate
        .players
        .iter()
        .map(|player| player.shap_value.abs());
    Some(sizes.fold(0.0, f64::max)).filter(|largest| *largest > 0.0)
}

/// What the views draw for each player.
pub fn player_samples(estimate: &Estimate) -> Vec<PlayerSample> {
    let sample = |player: &PlayerEstimate| PlayerSample {
        value: (player.samples > 0).then_some(player.shap_value as f32),
        interval_half_width: player
            .standard_error
            .map(|error| (error * estimate.interval_factor) as f32),
    };
    estimate.players.iter().map(sample).collect()
}

/// How large a relevance mask is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MaskStatistics {
    pub players: usize,
    pub volume_mm3: f64,
    /// Share of the volume of all players.
    pub volume_share: f64,
    /// Share of the sum of all values that point the mask's way.
    pub evidence_share: f64,
}

impl MaskStatistics {
    /// Measures the mask of an estimate.
    pub fn of(estimate: &Estimate, facts: &[PlayerFacts], of: &RelevanceMask) -> Self {
        let (mut mask, mut volume, mut strength) = (Self::default(), 0.0, 0.0);
        let mut inside = 0.0;
        for ((player, facts), &in_mask) in estimate.players.iter().zip(facts).zip(&of.players) {
            let counts = of.sign.strength(player.shap_value).max(0.0);
            volume += facts.volume_mm3;
            strength += counts;
            if in_mask {
                mask.players += 1;
                mask.volume_mm3 += facts.volume_mm3;
                inside += counts;
            }
        }
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        mask.volume_share = share(mask.volume_mm3, volume);
        mask.evidence_share = share(inside, strength);
        mask
    }
}

/// A mask's sign as the views know it.
pub fn evidence_sign(sign: MaskSign) -> EvidenceSign {
    match sign {
        MaskSign::Positive => EvidenceSign::For,
        MaskSign::Negative => EvidenceSign::Against,
        MaskSign::Absolute => EvidenceSign::Either,
    }
}

/// How the views tell the players of a mask from the others; `None` if it is empty.
pub fn mask_cut(rule: SignedMaskRule, mask: &RelevanceMask) -> Option<MaskCut> {
    Some(MaskCut {
        sign: evidence_sign(mask.sign),
        threshold: mask.cut? as f32,
        certain: rule.rule == MaskRule::IntervalAboveZero,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate() -> Estimate {
        let player = |shap_value, standard_error, samples| PlayerEstimate {
            shap_value,
            standard_error,
            samples,
        };
        Estimate {
            players: vec![
                player(0.1, Some(0.01), 2),
                player(0.3, Some(0.2), 2),
                player(-0.2, Some(0.01), 2),
                player(0.0, None, 0),
            ],
            value_empty: 0.0,
            value_full: 0.2,
            evaluations: 8,
            interval_factor: 2.0,
        }
    }

    #[test]
    fn ranking_and_doubt() {
        let estimate = estimate();
        assert_eq!(ranked(&estimate), vec![1, 0, 2]);
        assert_eq!(undecided_players(&estimate), [1, 3]);
    }

    #[test]
    fn mask_shares() {
        let facts: Vec<PlayerFacts> = [10.0, 30.0, 20.0, 40.0]
            .into_iter()
            .map(|volume_mm3| PlayerFacts {
                voxels: 1,
                volume_mm3,
                centroid_mm: [0.0; 3],
            })
            .collect();
        let volumes_mm3: Vec<f64> = facts.iter().map(|facts| facts.volume_mm3).collect();
        let statistics = |rule: &str| {
            let rule: SignedMaskRule = rule.parse().unwrap();
            let mask = rule.apply(&estimate(), &volumes_mm3).unwrap();
            (
                MaskStatistics::of(&estimate(), &facts, &mask),
                mask_cut(rule, &mask),
            )
        };
        let (mask, _) = statistics("largest:60%");
        assert_eq!(
            (mask.players, mask.volume_mm3, mask.volume_share),
            (1, 30.0, 0.3)
        );
        assert!((mask.evidence_share - 0.75).abs() < 1e-12);
        let (against, _) = statistics("largest:60%:negative");
        assert_eq!((against.players, against.volume_mm3), (1, 20.0));
        assert!((against.evidence_share - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_views_cut_the_mask_that_the_rule_does() {
        let volumes_mm3 = [10.0, 30.0, 20.0, 40.0];
        let samples = player_samples(&estimate());
        for rule in [
            "largest:30%",
            "largest:90%",
            "top:40%",
            "players:1",
            "players:9",
            "positive:80%",
            "interval",
            "otsu",
        ] {
            for sign in ["positive", "negative", "absolute"] {
                let rule: SignedMaskRule = format!("{rule}:{sign}").parse().unwrap();
                let mask = rule.apply(&estimate(), &volumes_mm3).unwrap();
                let cut = mask_cut(rule, &mask);
                let seen: Vec<bool> = samples
                    .iter()
                    .map(|sample| cut.is_some_and(|cut| cut.holds(sample)))
                    .collect();
                assert_eq!(seen, mask.players, "{rule}");
            }
        }
    }
}
