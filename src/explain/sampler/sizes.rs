//! Pairs without replacement, drawn one after the other.
//!
//! The smaller side's size s is a stratum. After n pairs a stratum should hold its
//! share of n in proportion to a mass of its size, or all its pairs where they are
//! fewer, the rest going to the others; the next pair is of the size that lags most,
//! and uniform among those of its size that were not yet drawn. So whatever n is, a
//! size's pairs are a simple random sample of known number, and the probability of
//! one is that number over all there are.

use std::collections::HashSet;

use rand_chacha::ChaCha8Rng;

use crate::explain::Coalition;
use crate::explain::random::{below, coalition_of_size, keyed, unit};

/// How the pairs spread over sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SizeSampling {
    /// By the Shapley kernel's mass a size, `1/(s (M−s))` (KernelSHAP).
    Kernel,
    /// By the rows' leverage: all sizes alike (Musco and Witter 2025).
    Leverage,
    /// In between, `(s (M−s))^−½`.
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

/// A stream of random numbers that permutation passes do not use.
const STREAM: u64 = u64::MAX;
/// A stratum of at most this many pairs is listed once half of it is drawn, since
/// drawing again and again until a new one comes would take long.
const LISTED: f64 = 1_048_576.0;

#[derive(Debug, Clone)]
pub(super) struct SizedSampler {
    players: usize,
    random: ChaCha8Rng,
    masses: Vec<f64>,
    /// Pairs there are of each size, from 1.
    available: Vec<f64>,
    /// Head start of each size below one pair, so that no size is favoured.
    offsets: Vec<f64>,
    drawn: Vec<usize>,
    total: usize,
    seen: HashSet<Coalition>,
    /// What is left of a stratum that is listed, in the order in which it is drawn.
    rest: Vec<Option<Vec<Coalition>>>,
}

impl SizedSampler {
    pub(super) fn new(players: usize, sampling: SizeSampling, seed: u64) -> Self {
        let sizes = 1..=players / 2;
        let mut random = keyed(seed, STREAM);
        Self {
            players,
            masses: sizes.clone().map(|s| sampling.mass(s, players)).collect(),
            available: sizes.clone().map(|s| pairs_of_size(players, s)).collect(),
            offsets: sizes.clone().map(|_| unit(&mut random)).collect(),
            drawn: vec![0; players / 2],
            rest: vec![None; players / 2],
            total: 0,
            seen: HashSet::new(),
            random,
        }
    }

    /// Takes note of a pair that was drawn elsewhere.
    pub(super) fn note(&mut self, coalition: &Coalition) {
        let side = smaller_side(coalition.clone());
        let index = side.count().wrapping_sub(1);
        if self.seen.insert(side)
            && let Some(drawn) = self.drawn.get_mut(index)
        {
            *drawn += 1;
            self.total += 1;
        }
    }

    /// A pair that was not yet drawn, by its smaller side; `None` when all are.
    pub(super) fn next(&mut self) -> Option<Coalition> {
        let index = self.most_lagging()?;
        let coalition = self.draw(index)?;
        self.drawn[index] += 1;
        self.total += 1;
        Some(coalition)
    }

    fn most_lagging(&self) -> Option<usize> {
        let all: f64 = self.available.iter().sum();
        let wanted = ((self.total + 1) as f64).min(all);
        let shares = water_fill(wanted, &self.masses, &self.available);
        let lag = |&index: &usize| shares[index] + self.offsets[index] - self.drawn[index] as f64;
        (0..shares.len())
            .filter(|&index| (self.drawn[index] as f64) < self.available[index])
            .reduce(|best, index| {
                if lag(&index) > lag(&best) {
                    index
                } else {
                    best
                }
            })
    }

    fn draw(&mut self, index: usize) -> Option<Coalition> {
        let available = self.available[index];
        if self.rest[index].is_none()
            && available <= LISTED
            && 2.0 * self.drawn[index] as f64 >= available
        {
            self.rest[index] = Some(self.shuffled_rest(index + 1));
        }
        if let Some(rest) = &mut self.rest[index] {
            return rest.pop();
        }
        loop {
            let coalition =
                smaller_side(coalition_of_size(&mut self.random, self.players, index + 1));
            if self.seen.insert(coalition.clone()) {
                return Some(coalition);
            }
        }
    }

    fn shuffled_rest(&mut self, size: usize) -> Vec<Coalition> {
        let mut rest = combinations(self.players, size);
        rest.retain(|coalition| !self.seen.contains(coalition));
        for last in (1..rest.len()).rev() {
            rest.swap(last, below(&mut self.random, last + 1));
        }
        rest
    }
}

/// How many pairs of each size there are in a log, and what that makes them weigh.
#[derive(Debug, Clone)]
pub(crate) struct Strata {
    players: usize,
    drawn: Vec<usize>,
}

impl Strata {
    pub(crate) fn new(players: usize) -> Self {
        Self {
            players,
            drawn: vec![0; players / 2 + 1],
        }
    }

    fn size(&self, coalition: &Coalition) -> usize {
        let count = coalition.count();
        count.min(self.players - count)
    }

    pub(crate) fn count(&mut self, coalition: &Coalition) {
        let size = self.size(coalition);
        self.drawn[size] += 1;
    }

    /// Logarithm of the Shapley kernel over the probability of being drawn, and that
    /// probability.
    pub(crate) fn log_weight_and_inclusion(&self, coalition: &Coalition) -> (f64, f64) {
        let (size, players) = (self.size(coalition), self.players);
        let drawn = self.drawn[size] as f64;
        // In logarithms, since the number of pairs may be beyond f64.
        let ln_sets = ln_choose(players, size);
        let middle = if 2 * size == players { 2_f64.ln() } else { 0.0 };
        let ln_inclusion = if drawn < pairs_of_size(players, size) {
            (drawn.ln() - (ln_sets - middle)).min(0.0)
        } else {
            0.0
        };
        let ln_kernel = -((size * (players - size)) as f64).ln() - ln_sets;
        (ln_kernel - ln_inclusion, ln_inclusion.exp())
    }
}

/// The smaller of a pair's sides; of two equal ones that with player 0.
fn smaller_side(coalition: Coalition) -> Coalition {
    let (count, players) = (2 * coalition.count(), coalition.players());
    if count > players || count == players && !coalition.contains(0) {
        coalition.complement()
    } else {
        coalition
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

    #[test]
    fn shares_follow_the_masses_up_to_the_limits() {
        assert_eq!(water_fill(10.0, &[1.0, 1.0], &[2.0, 100.0]), [2.0, 8.0]);
        assert_eq!(water_fill(12.0, &[2.0, 1.0], &[90.0, 90.0]), [8.0, 4.0]);
        assert_eq!(choose(16, 8), 12870.0);
        assert!((ln_choose(16, 8) - 12870_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn inclusion_probabilities_are_what_happens() {
        let (mut hits, runs, pairs) = ([0_u32; 3], 3000, 9);
        let mut expected = [0.0; 3];
        for seed in 0..runs {
            let mut sampler = SizedSampler::new(6, SizeSampling::Kernel, seed);
            let mut strata = Strata::new(6);
            let drawn: Vec<Coalition> = (0..pairs).filter_map(|_| sampler.next()).collect();
            drawn.iter().for_each(|c| strata.count(c));
            for coalition in &drawn {
                // One pair of each size: {0}, {0,1}, {0,1,2}.
                let size = coalition.count() - 1;
                hits[size] += u32::from(coalition.iter().eq(0..=size));
            }
            for (size, expected) in expected.iter_mut().enumerate() {
                let coalition = Coalition::from_bools(&[0, 1, 2, 3, 4, 5].map(|i| i <= size));
                *expected += strata.log_weight_and_inclusion(&coalition).1;
            }
        }
        for (size, hit) in hits.into_iter().enumerate() {
            let (share, expected) = (f64::from(hit) / runs as f64, expected[size] / runs as f64);
            assert!(
                (share - expected).abs() < 0.03,
                "{size}: {share} {expected}"
            );
        }
    }

    #[test]
    fn sizes_keep_to_their_shares_all_along() {
        let mut sampler = SizedSampler::new(40, SizeSampling::Balanced, 1);
        for pairs in 1..600 {
            sampler.next().unwrap();
            let shares = water_fill(pairs as f64, &sampler.masses, &sampler.available);
            for (share, &drawn) in shares.iter().zip(&sampler.drawn) {
                assert!(
                    (share - drawn as f64).abs() < 2.0,
                    "{pairs}: {share} {drawn}"
                );
            }
        }
    }
}
