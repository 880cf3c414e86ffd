//! Shapley values by antithetic permutation sampling, one evaluation pair at a time.
//!
//! A random order π of the players is walked from both ends. With
//! S_k = {π_1 … π_k}, the prefixes of the reversed order are exactly the
//! complements of the S_k, so evaluating S_k and its complement gives both
//! marginal contributions of the same player:
//!
//! ```text
//! forward:   v(S_k) − v(S_{k−1})            π_k joins those before it
//! backward:  v(N∖S_{k−1}) − v(N∖S_k)        π_k joins those after it
//! ```
//!
//! v(∅) and v(N) are evaluated once. A pass over M players then costs 2(M−1)
//! evaluations (2M with the first two) and gives every player two marginals, an
//! unbiased estimate whose sum is v(N) − v(∅) exactly. (Castro et al. 2009; the
//! antithetic pairs as in Mitchell et al. 2022, JMLR 23:43.)
//!
//! [`PermutationSampler`] says what to evaluate next, [`PermutationEstimator`]
//! takes the values in the same order. Both follow from the number of players and
//! the seed alone, so an estimate for another class or value function is made from
//! the log, bit for bit as if it had been streamed.

mod estimator;
mod uncertainty;

pub use super::estimate::{Estimate, Forecast, PlayerEstimate};
pub use estimator::PermutationEstimator;

use super::game::check_player_count;
use super::random::{below, keyed};
use super::{Coalition, ExplainError};

/// Walks random orders of the players and hands out the coalitions to evaluate.
#[derive(Debug, Clone)]
pub struct PermutationSampler {
    orders: Orders,
    /// S of the last pair; `None` before the first.
    last: Option<Coalition>,
    /// Number of players in it.
    step: usize,
}

impl PermutationSampler {
    pub fn new(players: usize, seed: u64) -> Result<Self, ExplainError> {
        check_player_count(players)?;
        Ok(Self {
            orders: Orders::new(players, seed),
            last: None,
            step: 0,
        })
    }

    /// The next coalition and its complement, to be evaluated and logged in this
    /// order. The first pair is (nobody, everybody). `None` only in a game of one
    /// player, of which the first pair says all.
    pub fn next_pair(&mut self) -> Option<(Coalition, Coalition)> {
        let players = self.orders.players();
        let mut coalition = match self.last.take() {
            None => Coalition::empty(players),
            Some(last) if players == 1 => {
                self.last = Some(last);
                return None;
            }
            Some(last) => {
                let mut next = if self.step + 1 == players {
                    self.orders.next_order();
                    self.step = 0;
                    Coalition::empty(players)
                } else {
                    last
                };
                if let Some(player) = self.orders.player(self.step) {
                    next.insert(player);
                }
                self.step += 1;
                next
            }
        };
        coalition = self.last.insert(coalition).clone();
        let complement = coalition.complement();
        Some((coalition, complement))
    }
}

/// The random orders of the players, one a pass.
///
/// Pass p of seed s is drawn from ChaCha8 keyed with (s, p) by a Fisher-Yates
/// shuffle with rejection. Both are fixed here rather than taken from a library's
/// sampling functions, so that a log can be replayed under any later version.
#[derive(Debug, Clone)]
struct Orders {
    seed: u64,
    pass: u64,
    order: Vec<usize>,
}

impl Orders {
    fn new(players: usize, seed: u64) -> Self {
        Self {
            seed,
            pass: 0,
            order: random_order(players, seed, 0),
        }
    }

    fn players(&self) -> usize {
        self.order.len()
    }

    /// The player that joins at a step of this pass.
    fn player(&self, step: usize) -> Option<usize> {
        self.order.get(step).copied()
    }

    fn next_order(&mut self) {
        self.pass += 1;
        self.order = random_order(self.order.len(), self.seed, self.pass);
    }
}

fn random_order(players: usize, seed: u64, pass: u64) -> Vec<usize> {
    let mut random = keyed(seed, pass);
    let mut order: Vec<usize> = (0..players).collect();
    for last in (1..players).rev() {
        order.swap(last, below(&mut random, last + 1));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_visits_every_size_once_and_nests() {
        let mut sampler = PermutationSampler::new(5, 3).unwrap();
        let (empty, full) = sampler.next_pair().unwrap();
        assert_eq!((empty.count(), full.count()), (0, 5));
        for _pass in 0..3 {
            let mut before = empty.clone();
            for size in 1..5 {
                let (coalition, complement) = sampler.next_pair().unwrap();
                assert_eq!(coalition.count(), size);
                assert_eq!(coalition.complement(), complement);
                assert!(before.iter().all(|player| coalition.contains(player)));
                before = coalition;
            }
        }
    }

    #[test]
    fn one_player_needs_one_pair() {
        let mut sampler = PermutationSampler::new(1, 0).unwrap();
        assert!(sampler.next_pair().is_some());
        assert!(sampler.next_pair().is_none() && sampler.next_pair().is_none());
        assert!(PermutationSampler::new(0, 0).is_err());
        assert!(PermutationSampler::new(1 << 16, 0).is_err());
    }

    #[test]
    fn orders_are_uniform_and_follow_from_the_seed() {
        let mut counts = [0_u32; 6];
        for pass in 0..6000 {
            let order = random_order(3, 11, pass);
            counts[2 * order[0] + usize::from(order[1] > order[2])] += 1;
        }
        // 1000 each, standard deviation 29.
        assert!(
            counts.iter().all(|&count| (880..1120).contains(&count)),
            "{counts:?}"
        );
        assert_eq!(random_order(50, 11, 2), random_order(50, 11, 2));
        assert_ne!(random_order(50, 11, 2), random_order(50, 12, 2));
        assert_ne!(random_order(50, 11, 2), random_order(50, 11, 3));
    }

    /// The orders are part of the log's format: these were drawn when it was defined.
    #[test]
    fn orders_do_not_change_between_versions() {
        assert_eq!(random_order(8, 1, 0), [1, 3, 2, 6, 4, 0, 5, 7]);
    }
}
