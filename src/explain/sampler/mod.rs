//! Which coalitions to run, in what order.
//!
//! A [`Sampler`] hands out complementary pairs. The order is a function of method,
//! number of players and seed alone: how many pairs will be asked for need not be
//! known, so a run can stop or go on anywhere, and the first n coalitions are the same
//! however they were fetched. What a pair weighs in a fit depends on how many pairs of
//! its size there are so far, and is computed when it is needed.
//!
//! The automatic order begins with one antithetic permutation pass, after which there
//! is a first complete map, and goes on with pairs that were not yet drawn, sizes by
//! `(s (M−s))^−½`. A game of few players is in the end enumerated.

mod replacement;
mod sizes;

use super::exact;
use super::game::check_player_count;
use super::method::MOST_REGRESSED;
use super::permutation::PermutationSampler;
use super::{Coalition, ExplainError, Method};
use replacement::ReplacementSampler;
use sizes::SizedSampler;
pub(super) use sizes::{SizeSampling, Strata};

/// Hands out the coalitions of a method, in complementary pairs.
#[derive(Debug, Clone)]
pub struct Sampler {
    players: usize,
    pairs: usize,
    order: Order,
}

#[derive(Debug, Clone)]
enum Order {
    Permutation(PermutationSampler),
    Sized(SizedSampler),
    /// The first pass, then the rest.
    Automatic(PermutationSampler, SizedSampler),
    Replacement(ReplacementSampler),
}

impl Sampler {
    pub fn new(method: Method, players: usize, seed: u64) -> Result<Self, ExplainError> {
        check_player_count(players)?;
        if method.regresses(players) && players > MOST_REGRESSED {
            return Err(ExplainError::TooManyToRegress(players, MOST_REGRESSED));
        }
        let sized = |sampling| SizedSampler::new(players, sampling, seed);
        let order = match method {
            Method::Permutation | Method::Automatic if !method.regresses(players) => {
                Order::Permutation(PermutationSampler::new(players, seed)?)
            }
            Method::Permutation | Method::Automatic => Order::Automatic(
                PermutationSampler::new(players, seed)?,
                sized(SizeSampling::Balanced),
            ),
            Method::OddKernel => Order::Sized(sized(SizeSampling::Balanced)),
            Method::LeastSquares => Order::Sized(sized(SizeSampling::Leverage)),
            Method::KernelShap => Order::Replacement(ReplacementSampler::new(players, seed)),
            Method::Exact if players > exact::MAX_PLAYERS => {
                return Err(ExplainError::TooManyToEnumerate(
                    players,
                    exact::MAX_PLAYERS,
                ));
            }
            Method::Exact => Order::Sized(sized(SizeSampling::Kernel)),
        };
        Ok(Self {
            players,
            pairs: 0,
            order,
        })
    }

    /// The sampler as it stands after it has handed out `evaluations` coalitions; of
    /// an odd number the last is handed out again with its partner.
    pub fn resume(
        method: Method,
        players: usize,
        seed: u64,
        evaluations: usize,
    ) -> Result<Self, ExplainError> {
        let mut sampler = Self::new(method, players, seed)?;
        for _ in 0..evaluations / 2 {
            if sampler.next_pair().is_none() {
                break;
            }
        }
        Ok(sampler)
    }

    /// Coalitions handed out so far.
    pub fn evaluations(&self) -> usize {
        2 * self.pairs
    }

    /// The next coalition and its complement, to be evaluated and logged in this
    /// order. The first pair is (nobody, everybody). `None` once every coalition has
    /// been handed out, where the method does not repeat any.
    pub fn next_pair(&mut self) -> Option<(Coalition, Coalition)> {
        let coalition = if self.pairs == 0 {
            Coalition::empty(self.players)
        } else if self.players == 1 {
            return None;
        } else {
            self.order.next(self.players, self.pairs)?
        };
        if self.pairs == 0 {
            self.order.begin();
        }
        self.pairs += 1;
        let complement = coalition.complement();
        Some((coalition, complement))
    }
}

impl Order {
    /// Permutation samplers hand out the ends themselves.
    fn begin(&mut self) {
        if let Self::Permutation(sampler) | Self::Automatic(sampler, _) = self {
            sampler.next_pair();
        }
    }

    /// The pair after `pairs` pairs, the ends included.
    fn next(&mut self, players: usize, pairs: usize) -> Option<Coalition> {
        match self {
            Self::Permutation(sampler) => Some(sampler.next_pair()?.0),
            Self::Sized(sampler) => sampler.next(),
            Self::Automatic(pass, rest) => {
                if pairs < players {
                    let coalition = pass.next_pair()?.0;
                    rest.note(&coalition);
                    return Some(coalition);
                }
                rest.next()
            }
            Self::Replacement(sampler) => sampler.next(),
        }
    }
}

/// What the pairs of a method's order weigh in a least squares fit, the ends left out.
pub(super) struct PairWeights {
    /// Shapley kernel over the probability of being drawn, largest 1.
    pub weights: Vec<f64>,
    /// The probability that a pair is drawn; 1 where all of its size are.
    pub inclusions: Vec<f64>,
}

/// The weights of the first `coalitions` of an order, one a pair.
pub(super) fn pair_weights(
    method: Method,
    players: usize,
    seed: u64,
    coalitions: &[Coalition],
) -> PairWeights {
    if method == Method::KernelShap {
        return PairWeights {
            weights: ReplacementSampler::counts(players, seed, coalitions.len()),
            inclusions: vec![0.0; coalitions.len()],
        };
    }
    let mut strata = Strata::new(players);
    coalitions.iter().for_each(|c| strata.count(c));
    let (logarithms, inclusions): (Vec<f64>, Vec<f64>) = coalitions
        .iter()
        .map(|coalition| strata.log_weight_and_inclusion(coalition))
        .unzip();
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = logarithms.iter().map(|log| (log - largest).exp()).collect();
    PairWeights {
        weights,
        inclusions,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn first(method: Method, players: usize, seed: u64, pairs: usize) -> Vec<Coalition> {
        let mut sampler = Sampler::new(method, players, seed).unwrap();
        (0..pairs)
            .filter_map(|_| sampler.next_pair())
            .flat_map(|(s, c)| [s, c])
            .collect()
    }

    #[test]
    fn pairs_are_complementary_and_begin_with_the_ends() {
        for method in Method::ALL {
            for players in [1, 2, 3, 9, 16] {
                let coalitions = first(method, players, 5, 300);
                assert_eq!(coalitions[0], Coalition::empty(players));
                for pair in coalitions.chunks(2) {
                    assert_eq!(pair[0].complement(), pair[1], "{method} {players}");
                }
            }
        }
        assert!(Sampler::new(Method::Exact, 17, 0).is_err());
        assert!(Sampler::new(Method::Automatic, 0, 0).is_err());
        assert!(Sampler::new(Method::OddKernel, 2000, 0).is_err());
        assert!(Sampler::new(Method::Automatic, 2000, 0).is_ok());
    }

    #[test]
    fn small_games_are_enumerated_once_each() {
        for method in [
            Method::Automatic,
            Method::OddKernel,
            Method::LeastSquares,
            Method::Exact,
        ] {
            for players in [1, 2, 3, 4, 7, 10] {
                let coalitions = first(method, players, 3, 1 << players);
                let distinct: HashSet<_> = coalitions.iter().collect();
                assert_eq!(
                    (distinct.len(), coalitions.len()),
                    (1 << players, 1 << players)
                );
            }
        }
    }

    #[test]
    fn an_order_can_be_resumed_anywhere() {
        for method in Method::ALL {
            let all = first(method, 14, 8, 200);
            for made in [0, 2, 13, 26, 28, 31, 200] {
                let mut resumed = Sampler::resume(method, 14, 8, made).unwrap();
                assert_eq!(resumed.evaluations(), made / 2 * 2);
                let (next, _) = resumed.next_pair().unwrap();
                assert_eq!(next, all[made / 2 * 2], "{method} {made}");
            }
            assert_ne!(all, first(method, 14, 9, 200));
        }
    }

    #[test]
    fn the_automatic_order_begins_with_the_permutation_pass() {
        let automatic = first(Method::Automatic, 30, 4, 200);
        assert_eq!(automatic[..60], first(Method::Permutation, 30, 4, 30));
        let distinct: HashSet<_> = automatic.iter().collect();
        assert_eq!(distinct.len(), 400);
    }

    /// The order is part of the log's format: this was drawn when it was defined.
    #[test]
    fn orders_do_not_change_between_versions() {
        let sets = |method| -> Vec<u64> {
            let coalitions = first(method, 8, 1, 14);
            coalitions.iter().step_by(2).map(|c| c.words()[0]).collect()
        };
        assert_eq!(
            sets(Method::Automatic),
            [0, 2, 10, 14, 78, 94, 95, 127, 8, 65, 4, 193, 197, 32]
        );
        assert_eq!(
            sets(Method::KernelShap),
            [
                0, 109, 70, 247, 251, 151, 135, 225, 253, 245, 136, 221, 63, 183
            ]
        );
    }

    #[test]
    fn weights_make_every_size_count_as_the_kernel_says() {
        // Whatever was drawn, the weights of a size add up to the kernel's mass of it.
        let coalitions: Vec<Coalition> = first(Method::Automatic, 20, 2, 80)
            .into_iter()
            .step_by(2)
            .skip(1)
            .collect();
        let found = pair_weights(Method::Automatic, 20, 2, &coalitions);
        let mut of_size = [0.0; 11];
        for (coalition, weight) in coalitions.iter().zip(&found.weights) {
            let size = coalition.count();
            of_size[size.min(20 - size)] += weight;
        }
        for size in 2..=9 {
            let expected = 19.0 / (size * (20 - size)) as f64;
            assert!((of_size[size] / of_size[1] / expected - 1.0).abs() < 1e-9);
        }
        assert!((of_size[10] / of_size[1] / (0.5 * 19.0 / 100.0) - 1.0).abs() < 1e-9);
    }
}
