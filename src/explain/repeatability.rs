//! How alike the ranks of another run would be, before there is one.
//!
//! Two runs with different seeds see the same game with errors of their own. Their ranks
//! agree as far as the values differ by more than the errors; this is what can be known
//! of it from one run and its standard errors.

use super::Estimate;
use super::evidence::correlation::spearman;
use super::random::{keyed, standard_normal};

/// Pairs of runs that are made up.
const DRAWS: u64 = 24;

impl Estimate {
    /// The rank correlation (Spearman) of |SHAP value| to expect between two runs, over
    /// the half of the players with the largest. The middle of made-up pairs of runs:
    /// values drawn toward each other, so that their spread is what is left without the
    /// errors, plus normal errors of the known standard errors.
    ///
    /// `None` while a player's error is not known or all values are alike; 1 for fewer
    /// than four players, whose half has no ranks to speak of.
    pub fn expected_rank_agreement(&self) -> Option<f64> {
        let mut largest: Vec<(f64, f64)> = self
            .players
            .iter()
            .map(|player| Some((player.shap_value.abs(), player.standard_error?)))
            .collect::<Option<_>>()?;
        if largest.len() < 4 {
            return Some(1.0);
        }
        largest.sort_by(|a, b| b.0.total_cmp(&a.0));
        largest.truncate(largest.len().div_ceil(2));
        let count = largest.len() as f64;
        let mean = largest.iter().map(|(value, _)| value).sum::<f64>() / count;
        let spread = largest.iter().map(|(v, _)| (v - mean).powi(2)).sum::<f64>() / count;
        let noise = largest.iter().map(|(_, error)| error * error).sum::<f64>() / count;
        if spread <= 0.0 {
            return None;
        }
        let shrink = (1.0 - noise / spread).max(0.0).sqrt();
        let mut random = keyed(0, 0);
        let mut run = || -> Vec<f64> {
            let drawn = largest.iter().map(|(value, error)| {
                mean + shrink * (value - mean) + error * standard_normal(&mut random)
            });
            drawn.map(f64::abs).collect()
        };
        let mut agreements: Vec<f64> = (0..DRAWS)
            .filter_map(|_| {
                let (first, second) = (run(), run());
                spearman(&first, &second)
            })
            .collect();
        agreements.sort_by(f64::total_cmp);
        agreements.get(agreements.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::PlayerEstimate;

    /// Values i² of 40 players with the same error, as a run with other errors sees them.
    fn run(error: f64, seed: u64) -> Estimate {
        let mut random = keyed(seed, 1);
        let player = |i: usize| PlayerEstimate {
            shap_value: (i * i) as f64 + error * standard_normal(&mut random),
            standard_error: Some(error),
            samples: 2,
        };
        Estimate {
            players: (0..40).map(player).collect(),
            value_empty: 0.0,
            value_full: 1.0,
            evaluations: 100,
            interval_factor: 2.0,
        }
    }

    fn ranks_of_the_larger_half(a: &Estimate, b: &Estimate) -> f64 {
        let values = |e: &Estimate| -> Vec<f64> {
            let larger = e.players.iter().skip(20);
            larger.map(|player| player.shap_value.abs()).collect()
        };
        spearman(&values(a), &values(b)).unwrap()
    }

    #[test]
    fn it_foretells_how_two_runs_agree() {
        for error in [10.0, 60.0, 150.0] {
            let mut found: Vec<f64> = (0..41)
                .map(|seed| {
                    ranks_of_the_larger_half(&run(error, 2 * seed), &run(error, 2 * seed + 1))
                })
                .collect();
            found.sort_by(f64::total_cmp);
            let mut told: Vec<f64> = (0..41)
                .filter_map(|seed| run(error, seed).expected_rank_agreement())
                .collect();
            told.sort_by(f64::total_cmp);
            assert!(
                (found[20] - told[20]).abs() < 0.05,
                "{error}: {} {}",
                found[20],
                told[20]
            );
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        assert!(run(0.0, 1).expected_rank_agreement() > Some(0.999));
        let mut unknown = run(1.0, 1);
        unknown.players[3].standard_error = None;
        assert_eq!(unknown.expected_rank_agreement(), None);
        let mut alike = run(1.0, 1);
        alike.players.iter_mut().for_each(|p| p.shap_value = 2.0);
        assert_eq!(alike.expected_rank_agreement(), None);
        alike.players.truncate(3);
        assert_eq!(alike.expected_rank_agreement(), Some(1.0));
    }
}
