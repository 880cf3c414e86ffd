//! Which players are relevant: one rule turns SHAP values into one set.
//!
//! Only evidence for the structure counts: a player whose value is not above zero is
//! never in a mask, so a mask may cover less than its rule allows.

use std::fmt;
use std::str::FromStr;

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
}

/// The players of a mask.
#[derive(Debug, Clone, PartialEq)]
pub struct RelevanceMask {
    /// One entry a player: whether it is in the mask.
    pub players: Vec<bool>,
    /// The smallest value in the mask: for all rules but `interval` the mask is the
    /// players of at least this value. `None` if the mask is empty.
    pub threshold: Option<f64>,
}

impl MaskRule {
    /// The mask of an estimate. `volumes_mm3` has one entry a player. Players of equal
    /// value are in the mask together or not at all; where a rule's limit falls
    /// between them they are in, except for `top:`, whose limit is kept.
    pub fn apply(
        self,
        estimate: &Estimate,
        volumes_mm3: &[f64],
    ) -> Result<RelevanceMask, ExplainError> {
        let players = estimate.players.len();
        super::game::check_players(volumes_mm3.len(), players)?;
        let value = |player: usize| estimate.players.get(player).map_or(0.0, |p| p.shap_value);
        let mut ranked: Vec<usize> = (0..players).filter(|&p| value(p) > 0.0).collect();
        ranked.sort_by(|&a, &b| value(b).total_cmp(&value(a)).then(a.cmp(&b)));

        let largest = ranked.first().map_or(0.0, |&player| value(player));
        let mut chosen = vec![false; players];
        let mut count = 0;
        let mut threshold = None;
        let total_mm3: f64 = volumes_mm3.iter().sum();
        let total_positive: f64 = ranked.iter().map(|&player| value(player)).sum();
        let (mut volume_mm3, mut positive) = (0.0, 0.0);
        for equals in ranked.chunk_by(|&a, &b| value(a) == value(b)) {
            let added_mm3: f64 = equals
                .iter()
                .filter_map(|&player| volumes_mm3.get(player))
                .sum();
            let wanted = |player: usize| match self {
                // A hair of slack, so that 10 % of ten equal players is one player.
                Self::TopVolume(share) => {
                    volume_mm3 + added_mm3 <= share * total_mm3 * (1.0 + 1e-9)
                }
                Self::TopPlayers(most) => count < most,
                Self::ShareOfLargest(share) => value(player) >= share * largest,
                Self::CumulativePositive(share) => positive < share * total_positive * (1.0 - 1e-9),
                Self::IntervalAboveZero => {
                    estimate.interval(player).is_some_and(|[low, _]| low > 0.0)
                }
            };
            let taken: Vec<usize> = equals.iter().copied().filter(|&p| wanted(p)).collect();
            if taken.is_empty() && self != Self::IntervalAboveZero {
                break;
            }
            for player in taken {
                if let Some(chosen) = chosen.get_mut(player) {
                    *chosen = true;
                }
                count += 1;
                threshold = Some(value(player));
                positive += value(player);
            }
            volume_mm3 += added_mm3;
        }
        Ok(RelevanceMask {
            players: chosen,
            threshold,
        })
    }
}

impl FromStr for MaskRule {
    type Err = ExplainError;

    fn from_str(text: &str) -> Result<Self, ExplainError> {
        let bad = || ExplainError::BadMaskRule(text.to_owned());
        let share = |number: &str| {
            let percent: Option<f64> = number.strip_suffix('%').and_then(|n| n.trim().parse().ok());
            let percent = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
            percent.map(|percent| percent / 100.0).ok_or_else(bad)
        };
        match text.trim().split_once(':') {
            None if text.trim() == "interval" => Ok(Self::IntervalAboveZero),
            Some(("top", rest)) => share(rest).map(Self::TopVolume),
            Some(("largest", rest)) => share(rest).map(Self::ShareOfLargest),
            Some(("positive", rest)) => share(rest).map(Self::CumulativePositive),
            Some(("players", rest)) => match rest.trim().parse() {
                Ok(count) if count > 0 => Ok(Self::TopPlayers(count)),
                _ => Err(bad()),
            },
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for MaskRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Percentages to a millionth, so that 0.07 is written 7 and not 7.000000000000001.
        let percent = |share: f64| (share * 1e8).round() / 1e6;
        match self {
            Self::TopVolume(share) => write!(f, "top:{}%", percent(*share)),
            Self::TopPlayers(count) => write!(f, "players:{count}"),
            Self::CumulativePositive(share) => write!(f, "positive:{}%", percent(*share)),
            Self::ShareOfLargest(share) => write!(f, "largest:{}%", percent(*share)),
            Self::IntervalAboveZero => write!(f, "interval"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::PlayerEstimate;

    /// Values 0.1, -0.3, 0.4, 0.2, 0.2 with a standard error of 0.06 (0.2 for the largest).
    fn estimate() -> Estimate {
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

    fn mask(rule: &str) -> (Vec<usize>, Option<f64>) {
        let rule: MaskRule = rule.parse().unwrap();
        let mask = rule
            .apply(&estimate(), &[10.0, 10.0, 20.0, 30.0, 30.0])
            .unwrap();
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
        assert_eq!(mask("interval"), (vec![3, 4], Some(0.2)));
    }

    #[test]
    fn text_round_trips_and_nonsense_is_refused() {
        for text in [
            "top:10%",
            "top:7%",
            "top:0.5%",
            "players:12",
            "positive:80%",
            "interval",
        ] {
            assert_eq!(text.parse::<MaskRule>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "top",
            "top:10",
            "top:0%",
            "top:101%",
            "top:NaN%",
            "players:0",
            "players:-1",
            "all:5%",
        ] {
            let error = text.parse::<MaskRule>().unwrap_err().to_string();
            assert!(
                error.contains(text) && error.contains("positive:80%"),
                "{error}"
            );
        }
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
