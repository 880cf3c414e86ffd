//! Which players are relevant: one rule turns SHAP values into one set.
//!
//! Only evidence counts that points the way the mask asks for: with the usual sign a
//! player whose value is not above zero is never in a mask, so a mask may cover less
//! than its rule allows. Here are the rules, their text form, and what can be said of
//! a mask without running the network; whether the mask is true is asked in
//! `evidence`.

mod adjacency;
mod otsu;
mod statistics;
mod text;

pub use adjacency::PlayerAdjacency;
pub use statistics::MaskStatistics;

use super::{Estimate, ExplainError};

/// How the relevance mask is cut from the SHAP values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaskRule {
    /// `top:10%`: the highest values that together fill at most this share of the
    /// players' volume.
    TopVolume(f64),
    /// `players:12`: this many players of the highest values.
    TopPlayers(usize),
    /// `positive:80%`: the fewest players that carry this share of all positive value.
    CumulativePositive(f64),
    /// `largest:50%`: players whose value is at least this share of the largest.
    ShareOfLargest(f64),
    /// `interval`: players whose whole 95 % interval is above zero.
    IntervalAboveZero,
    /// `otsu`: the cut that separates the values best into low and high (Otsu 1979),
    /// every player counting by its volume.
    Otsu,
}

/// Which values a mask is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MaskSign {
    /// Players that speak for the structure: the value itself ranks them.
    #[default]
    Positive,
    /// Players that speak against it: the value with its sign turned ranks them.
    Negative,
    /// Both: the size of the value ranks them.
    Absolute,
}

/// A rule with its sign: `top:10%` or `top:10%:negative`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignedMaskRule {
    pub rule: MaskRule,
    pub sign: MaskSign,
}

/// The players of a mask.
#[derive(Debug, Clone, PartialEq)]
pub struct RelevanceMask {
    /// One entry a player: whether it is in the mask.
    pub players: Vec<bool>,
    /// The smallest strength in the mask: for all rules but `interval` the mask is the
    /// players of at least this strength. A strength is the value seen through the
    /// mask's sign (φ, −φ or |φ|). `None` if the mask is empty.
    pub threshold: Option<f64>,
    /// The strength that a player must pass: half way between the weakest inside and
    /// the strongest outside, but 0 for `interval`. `None` if the mask is empty.
    pub cut: Option<f64>,
    pub sign: MaskSign,
}

impl MaskSign {
    /// A SHAP value as this mask sees it: the larger, the sooner it is in.
    pub fn strength(self, shap_value: f64) -> f64 {
        match self {
            Self::Positive => shap_value,
            Self::Negative => -shap_value,
            Self::Absolute => shap_value.abs(),
        }
    }

    /// The interval of a strength, from the interval of its value.
    fn interval(self, [low, high]: [f64; 2]) -> [f64; 2] {
        match self {
            Self::Positive => [low, high],
            Self::Negative => [-high, -low],
            Self::Absolute if low <= 0.0 && high >= 0.0 => [0.0, high.max(-low)],
            Self::Absolute => [low.abs().min(high.abs()), low.abs().max(high.abs())],
        }
    }
}

impl From<MaskRule> for SignedMaskRule {
    fn from(rule: MaskRule) -> Self {
        let sign = MaskSign::Positive;
        Self { rule, sign }
    }
}

impl MaskRule {
    /// The mask of the players that speak for the structure; see [`SignedMaskRule::apply`].
    pub fn apply(
        self,
        estimate: &Estimate,
        volumes_mm3: &[f64],
    ) -> Result<RelevanceMask, ExplainError> {
        SignedMaskRule::from(self).apply(estimate, volumes_mm3)
    }
}

impl SignedMaskRule {
    /// The mask of an estimate. `volumes_mm3` has one entry a player. Players of equal
    /// strength are in the mask together or not at all; where a rule's limit falls
    /// between them they are in, except for `top:`, whose limit is kept.
    pub fn apply(
        self,
        estimate: &Estimate,
        volumes_mm3: &[f64],
    ) -> Result<RelevanceMask, ExplainError> {
        let players = estimate.players.len();
        super::game::check_players(volumes_mm3.len(), players)?;
        let strengths: Vec<f64> = estimate
            .players
            .iter()
            .map(|player| self.sign.strength(player.shap_value))
            .collect();
        let strength = |player: usize| strengths.get(player).copied().unwrap_or(0.0);
        let volume = |player: usize| volumes_mm3.get(player).copied().unwrap_or(0.0);
        let supported = |player: usize| {
            let interval = estimate.interval(player).map(|i| self.sign.interval(i));
            interval.is_some_and(|[low, _]| low > 0.0)
        };
        let mut ranked: Vec<usize> = (0..players).filter(|&p| strength(p) > 0.0).collect();
        ranked.sort_by(|&a, &b| strength(b).total_cmp(&strength(a)).then(a.cmp(&b)));

        let largest = ranked.first().map_or(0.0, |&player| strength(player));
        let total_mm3: f64 = volumes_mm3.iter().sum();
        let total_strength: f64 = ranked.iter().map(|&player| strength(player)).sum();
        let split = match self.rule {
            MaskRule::Otsu => otsu::split(&strengths, volumes_mm3),
            _ => 0.0,
        };
        let mut chosen = vec![false; players];
        let mut threshold = None;
        let (mut count, mut volume_mm3, mut gathered) = (0, 0.0, 0.0);
        for equals in ranked.chunk_by(|&a, &b| strength(a) == strength(b)) {
            let added_mm3: f64 = equals.iter().map(|&player| volume(player)).sum();
            let wanted = |player: usize| match self.rule {
                // A hair of slack, so that 10 % of ten equal players is one player.
                MaskRule::TopVolume(share) => {
                    volume_mm3 + added_mm3 <= share * total_mm3 * (1.0 + 1e-9)
                }
                MaskRule::TopPlayers(most) => count < most,
                MaskRule::ShareOfLargest(share) => strength(player) >= share * largest,
                MaskRule::CumulativePositive(share) => {
                    gathered < share * total_strength * (1.0 - 1e-9)
                }
                MaskRule::IntervalAboveZero => supported(player),
                MaskRule::Otsu => strength(player) > split,
            };
            let taken: Vec<usize> = equals.iter().copied().filter(|&p| wanted(p)).collect();
            if taken.is_empty() && self.rule != MaskRule::IntervalAboveZero {
                break;
            }
            for player in taken {
                if let Some(chosen) = chosen.get_mut(player) {
                    *chosen = true;
                }
                count += 1;
                threshold = Some(strength(player));
                gathered += strength(player);
            }
            volume_mm3 += added_mm3;
        }
        let outside = strengths
            .iter()
            .zip(&chosen)
            .filter(|&(_, &inside)| !inside);
        let next = outside.map(|(&s, _)| s).fold(0.0, f64::max);
        let cut = threshold.map(|threshold| match self.rule {
            MaskRule::IntervalAboveZero => 0.0,
            _ => 0.5 * (threshold + next),
        });
        Ok(RelevanceMask {
            players: chosen,
            threshold,
            cut,
            sign: self.sign,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::PlayerEstimate;

    /// Values 0.1, -0.3, 0.4, 0.2, 0.2 with a standard error of 0.06 (0.25 for the largest).
    pub(super) fn estimate() -> Estimate {
        let player = |shap_value, error| PlayerEstimate {
            shap_value,
            standard_error: Some(error),
            samples: 2,
        };
        Estimate {
            players: vec![
                player(0.1, 0.06),
                player(-0.3, 0.06),
                player(0.4, 0.25),
                player(0.2, 0.06),
                player(0.2, 0.06),
            ],
            value_empty: 0.0,
            value_full: 0.6,
            evaluations: 10,
            interval_factor: 2.0,
        }
    }

    pub(super) const VOLUMES_MM3: [f64; 5] = [10.0, 10.0, 20.0, 30.0, 30.0];

    fn mask(rule: &str) -> (Vec<usize>, Option<f64>) {
        let rule: SignedMaskRule = rule.parse().unwrap();
        let mask = rule.apply(&estimate(), &VOLUMES_MM3).unwrap();
        let players = (0..5).filter(|&player| mask.players[player]).collect();
        (players, mask.threshold)
    }

    #[test]
    fn rules() {
        assert_eq!(mask("top:20%"), (vec![2], Some(0.4)));
        assert_eq!(mask("top:79%"), (vec![2], Some(0.4)));
        assert_eq!(mask("top:80%"), (vec![2, 3, 4], Some(0.2)));
        assert_eq!(mask("top:100%"), (vec![0, 2, 3, 4], Some(0.1)));
        assert_eq!(mask("top:5%"), (vec![], None));
        assert_eq!(mask("players:1"), (vec![2], Some(0.4)));
        assert_eq!(mask("players:2"), (vec![2, 3, 4], Some(0.2)));
        assert_eq!(mask("players:99"), (vec![0, 2, 3, 4], Some(0.1)));
        assert_eq!(mask("positive:40%"), (vec![2], Some(0.4)));
        assert_eq!(mask("positive:100%"), (vec![0, 2, 3, 4], Some(0.1)));
        assert_eq!(mask("largest:50%"), (vec![2, 3, 4], Some(0.2)));
        assert_eq!(mask("interval"), (vec![3, 4], Some(0.2)));
        assert_eq!(mask("otsu"), (vec![2], Some(0.4)));
    }

    #[test]
    fn signs() {
        assert_eq!(mask("players:3:negative"), (vec![1], Some(0.3)));
        assert_eq!(mask("interval:negative"), (vec![1], Some(0.3)));
        assert_eq!(mask("players:2:absolute"), (vec![1, 2], Some(0.3)));
        assert_eq!(mask("interval:absolute"), (vec![1, 3, 4], Some(0.2)));
        assert_eq!(mask("top:30%:absolute"), (vec![1, 2], Some(0.3)));
        assert_eq!(mask("top:20%:positive"), mask("top:20%"));
    }

    #[test]
    fn intervals_turn_with_the_sign() {
        let turned = |sign: MaskSign, low, high| sign.interval([low, high]);
        assert_eq!(turned(MaskSign::Positive, -0.4, 0.1), [-0.4, 0.1]);
        assert_eq!(turned(MaskSign::Negative, -0.4, 0.1), [-0.1, 0.4]);
        assert_eq!(turned(MaskSign::Absolute, -0.4, 0.1), [0.0, 0.4]);
        assert_eq!(turned(MaskSign::Absolute, -0.4, -0.1), [0.1, 0.4]);
    }

    #[test]
    fn the_cut_lies_between_inside_and_outside() {
        let cut = |rule: &str| {
            let rule: SignedMaskRule = rule.parse().unwrap();
            rule.apply(&estimate(), &VOLUMES_MM3).unwrap().cut
        };
        assert!((cut("players:2").unwrap() - 0.15).abs() < 1e-12);
        assert!((cut("players:99").unwrap() - 0.05).abs() < 1e-12);
        assert_eq!(cut("interval"), Some(0.0));
        assert_eq!(cut("top:5%"), None);
    }

    #[test]
    fn a_rule_without_its_sign_is_positive() {
        let plain = MaskRule::TopPlayers(2).apply(&estimate(), &VOLUMES_MM3);
        let signed: SignedMaskRule = "players:2".parse().unwrap();
        assert_eq!(
            plain.unwrap(),
            signed.apply(&estimate(), &VOLUMES_MM3).unwrap()
        );
    }

    #[test]
    fn volumes_must_match_the_players() {
        let few = MaskRule::TopPlayers(1).apply(&estimate(), &[1.0; 4]);
        assert!(matches!(
            few,
            Err(ExplainError::WrongPlayers {
                found: 4,
                expected: 5
            })
        ));
    }
}
