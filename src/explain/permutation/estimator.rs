//! From values in the sampler's order to SHAP values.

use super::uncertainty::{PairStatistics, moderated_variances};
use super::{Orders, PermutationSampler};
use crate::explain::game::check_player_count;
use crate::explain::{Coalition, Estimate, ExplainError, Outcome, PlayerEstimate};

/// Takes the values of the sampler's pairs, one pair after the other.
#[derive(Debug, Clone)]
pub struct PermutationEstimator {
    orders: Orders,
    /// v(∅) and v(N), once known.
    ends: Option<(f64, f64)>,
    /// Pairs absorbed in the current pass.
    step: usize,
    /// v(S) and v(N∖S) of the last pair.
    last: (f64, f64),
    /// Sums over complete passes.
    statistics: Vec<PairStatistics>,
    /// Pairs of marginals of the current pass.
    pending: Vec<Option<(f64, f64)>>,
    passes: usize,
}

impl PermutationEstimator {
    pub fn new(players: usize, seed: u64) -> Result<Self, ExplainError> {
        check_player_count(players)?;
        Ok(Self {
            orders: Orders::new(players, seed),
            ends: None,
            step: 0,
            last: (0.0, 0.0),
            statistics: vec![PairStatistics::default(); players],
            pending: vec![None; players],
            passes: 0,
        })
    }

    /// The estimator as it would stand after streaming a log's records, each valued
    /// by `value`. A last record whose partner is missing is left out. The records
    /// must be those of [`PermutationSampler`] with these players and this seed.
    pub fn from_log(
        records: &[(Coalition, Outcome)],
        players: usize,
        seed: u64,
        mut value: impl FnMut(&Outcome) -> Result<f64, ExplainError>,
    ) -> Result<Self, ExplainError> {
        let mut estimator = Self::new(players, seed)?;
        let mut sampler = PermutationSampler::new(players, seed)?;
        let (pairs, _) = records.as_chunks::<2>();
        for (index, [record, partner]) in pairs.iter().enumerate() {
            let expected = sampler.next_pair();
            if !expected.is_some_and(|(s, c)| record.0 == s && partner.0 == c) {
                return Err(ExplainError::LogOrder {
                    record: 2 * index,
                    seed,
                });
            }
            estimator.absorb(value(&record.1)?, value(&partner.1)?)?;
        }
        Ok(estimator)
    }

    /// Takes the values of the next pair: v(S) and v of its complement.
    pub fn absorb(&mut self, value: f64, complement_value: f64) -> Result<(), ExplainError> {
        if !value.is_finite() || !complement_value.is_finite() {
            return Err(ExplainError::NotFinite);
        }
        let players = self.orders.players();
        let Some((empty, full)) = self.ends else {
            self.ends = Some((value, complement_value));
            self.last = (value, complement_value);
            if players == 1 {
                self.finish_pass(value, complement_value);
            }
            return Ok(());
        };
        if players == 1 {
            // The sampler asks for nothing more; neither does this.
            return Ok(());
        }
        self.record_marginals(value, complement_value);
        if self.step + 1 == players {
            self.finish_pass(empty, full);
        }
        Ok(())
    }

    /// The player of this step went from the last pair's coalition to this one's.
    fn record_marginals(&mut self, value: f64, complement_value: f64) {
        let (last_value, last_complement) = self.last;
        let pair = (value - last_value, last_complement - complement_value);
        if let Some(player) = self.orders.player(self.step)
            && let Some(pending) = self.pending.get_mut(player)
        {
            *pending = Some(pair);
        }
        self.last = (value, complement_value);
        self.step += 1;
    }

    /// The last player's marginals lead to the known ends, so they cost nothing.
    fn finish_pass(&mut self, empty: f64, full: f64) {
        self.record_marginals(full, empty);
        for (statistics, pending) in self.statistics.iter_mut().zip(&mut self.pending) {
            if let Some(pair) = pending.take() {
                statistics.add(pair);
            }
        }
        self.passes += 1;
        self.orders.next_order();
        self.step = 0;
        self.last = (empty, full);
    }

    /// Complete passes so far.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// Evaluations absorbed so far.
    pub fn evaluations(&self) -> usize {
        self.evaluations_after(self.passes) + 2 * self.step
    }

    fn evaluations_after(&self, passes: usize) -> usize {
        match self.ends {
            None => 0,
            Some(_) => 2 + 2 * (self.orders.players() - 1) * passes,
        }
    }

    /// The values of complete passes alone, which sum to v(N) − v(∅). This is the
    /// result. `None` before the first pass is complete.
    pub fn complete(&self) -> Option<Estimate> {
        let ends = self.ends?;
        (self.passes > 0)
            .then(|| estimate(&self.statistics, ends, self.evaluations_after(self.passes)))
    }

    /// Everything known now, for display while values stream in: players already
    /// visited in the current pass are one pair of samples ahead of the others, and
    /// in the first pass the others have none. Does not sum to v(N) − v(∅) inside a
    /// pass. `None` before the first pair.
    pub fn current(&self) -> Option<Estimate> {
        let ends = self.ends?;
        let mut statistics = self.statistics.clone();
        for (statistics, pending) in statistics.iter_mut().zip(&self.pending) {
            if let Some(pair) = *pending {
                statistics.add(pair);
            }
        }
        Some(estimate(&statistics, ends, self.evaluations()))
    }
}

fn estimate(
    statistics: &[PairStatistics],
    (value_empty, value_full): (f64, f64),
    evaluations: usize,
) -> Estimate {
    let moderated = moderated_variances(statistics);
    let players = statistics
        .iter()
        .zip(&moderated.variances)
        .map(|(statistics, &variance)| PlayerEstimate {
            shap_value: statistics.mean(),
            standard_error: variance.map(|v| (v / statistics.pairs() as f64).sqrt()),
            samples: 2 * statistics.pairs(),
        })
        .collect();
    Estimate {
        players,
        value_empty,
        value_full,
        evaluations,
        interval_factor: moderated.interval_factor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{ClassSums, Outcome};

    /// Three players; the third matters only with the first.
    fn value(coalition: &Coalition) -> f64 {
        let has = |player| f64::from(u8::from(coalition.contains(player)));
        0.5 + 2.0 * has(0) - has(1) + 3.0 * has(0) * has(2)
    }

    fn log(pairs: usize) -> Vec<(Coalition, Outcome)> {
        let mut sampler = PermutationSampler::new(3, 5).unwrap();
        let mut records = Vec::new();
        for _ in 0..pairs {
            let (s, c) = sampler.next_pair().unwrap();
            for coalition in [s, c] {
                let sums = ClassSums {
                    logit_in_target: value(&coalition),
                    ..Default::default()
                };
                let outcome = Outcome {
                    classes: vec![sums],
                    ..Default::default()
                };
                records.push((coalition, outcome));
            }
        }
        records
    }

    fn logit(outcome: &Outcome) -> Result<f64, ExplainError> {
        Ok(outcome.classes[0].logit_in_target)
    }

    #[test]
    fn pairwise_interactions_are_exact_after_one_pass() {
        let estimator = PermutationEstimator::from_log(&log(3), 3, 5, logit).unwrap();
        let estimate = estimator.complete().unwrap();
        let values: Vec<f64> = estimate.players.iter().map(|p| p.shap_value).collect();
        assert!(
            values
                .iter()
                .zip([3.5, -1.0, 1.5])
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
        assert_eq!((estimate.evaluations, estimator.passes()), (6, 1));
        assert!(estimate.completeness_residual().abs() < 1e-12);
    }

    #[test]
    fn streaming_shows_whom_it_has_visited() {
        assert_eq!(PermutationEstimator::new(3, 5).unwrap().current(), None);
        let visited = |pairs| {
            let estimator = PermutationEstimator::from_log(&log(pairs), 3, 5, logit).unwrap();
            let current = estimator.current().unwrap();
            let mut samples: Vec<usize> = current.players.iter().map(|p| p.samples).collect();
            samples.sort_unstable();
            assert_eq!(current.evaluations, 2 * pairs);
            (
                samples,
                estimator.complete().map(|estimate| estimate.evaluations),
            )
        };
        assert_eq!(visited(1), (vec![0, 0, 0], None));
        assert_eq!(visited(2), (vec![0, 0, 2], None));
        assert_eq!(visited(3), (vec![2, 2, 2], Some(6)));
        assert_eq!(visited(4), (vec![2, 2, 4], Some(6)));
        assert_eq!(visited(5), (vec![4, 4, 4], Some(10)));
    }

    #[test]
    fn a_replay_is_bit_for_bit_the_stream() {
        let records = log(40);
        let mut streamed = PermutationEstimator::new(3, 5).unwrap();
        for pair in records.chunks(2) {
            streamed
                .absorb(value(&pair[0].0), value(&pair[1].0))
                .unwrap();
        }
        // The odd record at the end waits for its partner.
        let replayed = PermutationEstimator::from_log(&log(41)[..81], 3, 5, logit).unwrap();
        assert_eq!(replayed.current(), streamed.current());
        assert_eq!(replayed.complete(), streamed.complete());
    }

    #[test]
    fn foreign_logs_and_bad_values_are_refused() {
        let other_seed = PermutationEstimator::from_log(&log(9), 3, 6, logit);
        assert!(matches!(
            other_seed,
            Err(ExplainError::LogOrder { seed: 6, .. })
        ));
        let mut estimator = PermutationEstimator::new(3, 5).unwrap();
        assert!(matches!(
            estimator.absorb(0.0, f64::NAN),
            Err(ExplainError::NotFinite)
        ));
    }

    #[test]
    fn one_and_two_players_are_exact() {
        let mut one = PermutationEstimator::new(1, 0).unwrap();
        one.absorb(0.25, 1.0).unwrap();
        one.absorb(9.0, 9.0).unwrap();
        let player = one.complete().unwrap().players[0];
        assert_eq!(
            (player.shap_value, player.standard_error),
            (0.75, Some(0.0))
        );

        let mut two = PermutationEstimator::new(2, 0).unwrap();
        for (v, c) in [(0.0, 4.0), (1.0, 2.0)] {
            two.absorb(v, c).unwrap();
        }
        let estimate = two.complete().unwrap();
        let mut values: Vec<f64> = estimate.players.iter().map(|p| p.shap_value).collect();
        values.sort_by(f64::total_cmp);
        assert_eq!(values, [1.5, 2.5]);
        assert!(
            estimate
                .players
                .iter()
                .all(|p| p.standard_error == Some(0.0))
        );
    }
}
