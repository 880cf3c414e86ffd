//! Which pairs to evaluate, and how much each counts.
//!
//! Pairs {S, N∖S} are drawn without replacement, uniform within a size. The sizes
//! get numbers in proportion to `(s (M−s))^−a`, and a size with fewer pairs than its
//! share is enumerated completely, the rest going to the others. A pair's weight is
//! the Shapley kernel over its probability of being drawn.

use std::collections::HashSet;

use rand_chacha::ChaCha8Rng;

use crate::explain::game::check_player_count;
use crate::explain::random::{below, keyed, unit};
use crate::explain::{Coalition, ExplainError};

/// How many pairs of each size are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SizeSampling {
    /// By the Shapley kernel's mass a size, a = 1 (KernelSHAP).
    #[default]
    Kernel,
    /// By the rows' leverage, a = 0: all sizes alike (Musco and Witter 2025).
    Leverage,
    /// In between, a = ½.
    Balanced,
}

impl SizeSampling {
    fn mass(self, size: usize, players: usize) -> f64 {
        let product = size as f64 * (players - size) as f64;
        let mass = match self {
            Self::Kernel => 1.0 / product,
            Self::Leverage => 1.0,
            Self::Balanced => 1.0 / product.sqrt(),
        };
        // Of the middle size, S and N∖S are both drawn by one pair.
        if 2 * size == players {
            0.5 * mass
        } else {
            mass
        }
    }
}

/// A pair to evaluate: the coalition and its complement.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedDraw {
    pub coalition: Coalition,
    /// Kernel over inclusion probability, largest 1.
    pub weight: f64,
    /// Probability that this pair is in the design.
    pub inclusion: f64,
}

/// The pairs of a budget.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedDesign {
    pub draws: Vec<PairedDraw>,
}

/// A stream of random numbers that permutation passes do not use.
const DESIGN_STREAM: u64 = u64::MAX;

impl PairedDesign {
    /// `pairs` pairs, or all there are if they are fewer.
    pub fn new(
        players: usize,
        pairs: usize,
        sampling: SizeSampling,
        seed: u64,
    ) -> Result<Self, ExplainError> {
        check_player_count(players)?;
        let mut random = keyed(seed, DESIGN_STREAM);
        let sizes: Vec<usize> = (1..=players / 2).collect();
        let available: Vec<f64> = sizes
            .iter()
            .map(|&size| pairs_of_size(players, size))
            .collect();
        let all: f64 = available.iter().sum();
        let masses: Vec<f64> = sizes.iter().map(|&s| sampling.mass(s, players)).collect();
        let expected = water_fill((pairs as f64).min(all), &masses, &available);
        let numbers = round_to_sum(&expected, unit(&mut random));

        let mut draws = Vec::new();
        let mut log_weights = Vec::new();
        let per_size = sizes
            .iter()
            .zip(&available)
            .zip(expected.iter().zip(numbers));
        for ((&size, &available), (&expected, number)) in per_size {
            // In logarithms, since the number of pairs may be beyond f64.
            let ln_sizes = ln_choose(players, size);
            let ln_available = if 2 * size == players {
                ln_sizes - 2_f64.ln()
            } else {
                ln_sizes
            };
            let ln_inclusion = if expected < available {
                (expected.ln() - ln_available).min(0.0)
            } else {
                0.0
            };
            let inclusion = ln_inclusion.exp();
            let log_kernel = -(size as f64 * (players - size) as f64).ln() - ln_sizes;
            for coalition in distinct(players, size, number, available, &mut random) {
                draws.push(PairedDraw {
                    coalition,
                    weight: 1.0,
                    inclusion,
                });
                log_weights.push(log_kernel - ln_inclusion);
            }
        }
        let largest = log_weights
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        for (draw, log_weight) in draws.iter_mut().zip(log_weights) {
            draw.weight = (log_weight - largest).exp();
        }
        Ok(Self { draws })
    }
}

/// Number of pairs whose smaller side has this size.
fn pairs_of_size(players: usize, size: usize) -> f64 {
    let all = choose(players, size);
    if 2 * size == players { all / 2.0 } else { all }
}

/// C(n, k), exact below 2^53 and infinite where it is larger than f64 holds.
fn choose(n: usize, k: usize) -> f64 {
    (0..k).fold(1.0, |product, i| {
        (product * (n - i) as f64 / (i + 1) as f64).round()
    })
}

fn ln_choose(n: usize, k: usize) -> f64 {
    (0..k).map(|i| ((n - i) as f64 / (i + 1) as f64).ln()).sum()
}

/// Shares `total` in proportion to `masses`, none above its limit.
fn water_fill(total: f64, masses: &[f64], limits: &[f64]) -> Vec<f64> {
    let mut shares = vec![0.0; masses.len()];
    let mut open = vec![true; masses.len()];
    let mut left = total;
    loop {
        let mass: f64 = masses
            .iter()
            .zip(&open)
            .filter(|(_, open)| **open)
            .map(|(m, _)| m)
            .sum();
        let mut filled = false;
        let level = left / mass;
        for (index, &limit) in limits.iter().enumerate() {
            if open[index] && level * masses[index] >= limit {
                shares[index] = limit;
                open[index] = false;
                left -= limit;
                filled = true;
            }
        }
        if !filled {
            for index in (0..masses.len()).filter(|&index| open[index]) {
                shares[index] = level * masses[index];
            }
            return shares;
        }
        left = left.max(0.0);
    }
}

/// Whole numbers with the same sum (rounded) and with the shares as expectation:
/// systematic rounding by one uniform number.
fn round_to_sum(shares: &[f64], uniform: f64) -> Vec<usize> {
    let mut sum = 0.0;
    let mut before = 0;
    let last = shares.len().saturating_sub(1);
    let total = shares.iter().sum::<f64>().round() as usize;
    let rounded = shares.iter().enumerate().map(|(index, share)| {
        sum += share;
        // Sums that are whole up to rounding errors must not be cut by them.
        let upto = if index == last {
            total
        } else {
            ((sum + 1e-9 + uniform) as usize).min(total)
        };
        let number = upto.saturating_sub(before);
        before = before.max(upto);
        number
    });
    rounded.collect()
}

/// Distinct coalitions of one size, no two of them complements of each other.
fn distinct(
    players: usize,
    size: usize,
    number: usize,
    available: f64,
    random: &mut ChaCha8Rng,
) -> Vec<Coalition> {
    /// Up to this many are listed and shuffled where rejection would repeat itself.
    const LISTED: f64 = 20_000.0;
    let number = if (number as f64) < available {
        number
    } else {
        available as usize
    };
    if number as f64 >= available || (available < LISTED && 4.0 * number as f64 > available) {
        let mut all = combinations(players, size);
        for index in 0..number.min(all.len().saturating_sub(1)) {
            let other = index + below(random, all.len() - index);
            all.swap(index, other);
        }
        all.truncate(number);
        return all;
    }
    let mut seen = HashSet::new();
    let mut picked = Vec::with_capacity(number);
    let mut order: Vec<usize> = (0..players).collect();
    while picked.len() < number {
        let mut coalition = Coalition::empty(players);
        for index in 0..size {
            let other = index + below(random, players - index);
            order.swap(index, other);
            coalition.insert(order[index]);
        }
        if 2 * size == players && !coalition.contains(0) {
            coalition = coalition.complement();
        }
        if seen.insert(coalition.clone()) {
            picked.push(coalition);
        }
    }
    picked
}

/// All coalitions of a size in lexicographic order; of the middle size those with
/// player 0.
fn combinations(players: usize, size: usize) -> Vec<Coalition> {
    let mut members: Vec<usize> = (0..size).collect();
    let mut all = Vec::new();
    loop {
        if 2 * size == players && members.first() != Some(&0) {
            return all;
        }
        let mut coalition = Coalition::empty(players);
        members.iter().for_each(|&member| coalition.insert(member));
        all.push(coalition);
        let Some(at) = (0..size).rev().find(|&i| members[i] < players - size + i) else {
            return all;
        };
        members[at] += 1;
        for next in at + 1..size {
            members[next] = members[next - 1] + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design(players: usize, pairs: usize, sampling: SizeSampling, seed: u64) -> Vec<PairedDraw> {
        PairedDesign::new(players, pairs, sampling, seed)
            .unwrap()
            .draws
    }

    #[test]
    fn a_large_budget_enumerates_every_pair_once() {
        for players in [2, 3, 6, 7] {
            let draws = design(players, 10_000, SizeSampling::Kernel, 1);
            let mut all: Vec<_> = draws
                .iter()
                .flat_map(|d| [d.coalition.to_bytes(), d.coalition.complement().to_bytes()])
                .collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), (1 << players) - 2);
            assert!(draws.iter().all(|d| d.inclusion == 1.0));
        }
        assert!(design(1, 5, SizeSampling::Kernel, 1).is_empty());
    }

    #[test]
    fn pairs_are_distinct_and_the_budget_is_kept() {
        for (players, pairs) in [(12, 60), (12, 200), (40, 500), (1200, 30), (13, 4000)] {
            for sampling in [
                SizeSampling::Kernel,
                SizeSampling::Leverage,
                SizeSampling::Balanced,
            ] {
                let draws = design(players, pairs, sampling, 9);
                assert_eq!(draws.len(), pairs.min((1 << (players.min(30) - 1)) - 1));
                let mut seen = HashSet::new();
                for draw in &draws {
                    assert!(seen.insert(draw.coalition.clone()));
                    assert!(seen.insert(draw.coalition.complement()));
                    assert!(draw.weight > 0.0 && draw.weight <= 1.0, "{}", draw.weight);
                }
            }
        }
    }

    #[test]
    fn inclusion_probabilities_are_what_happens() {
        let (mut hits, runs) = ([0_u32; 3], 3000);
        for seed in 0..runs {
            for draw in design(6, 9, SizeSampling::Kernel, seed) {
                // One pair of each size: {0}, {0,1}, {0,1,2}.
                for (size, hit) in hits.iter_mut().enumerate() {
                    let same = draw.coalition.iter().eq(0..=size);
                    *hit += u32::from(same);
                }
            }
        }
        for (size, hit) in hits.into_iter().enumerate() {
            let draws = design(6, 9, SizeSampling::Kernel, 0);
            let drawn = draws
                .iter()
                .find(|d| d.coalition.count() == size + 1)
                .unwrap();
            let share = f64::from(hit) / runs as f64;
            assert!(
                (share - drawn.inclusion).abs() < 0.04,
                "{size}: {share} {}",
                drawn.inclusion
            );
        }
    }
}
