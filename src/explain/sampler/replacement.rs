//! Pairs drawn with replacement, as KernelSHAP was published: a size by the Shapley
//! kernel's mass, then a uniform set of it. A pair that comes again is not evaluated
//! again but weighs more. (The shap package enumerates the sizes that a known budget
//! can hold and samples the rest so; captum and Covert and Lee (2021) only sample.)

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;

use crate::explain::Coalition;
use crate::explain::random::{coalition_of_size, keyed, unit};

/// A stream of random numbers that no other order uses.
const STREAM: u64 = u64::MAX - 1;
/// Draws without a new pair after which a small game counts as exhausted.
const PATIENCE: usize = 10_000;

#[derive(Debug, Clone)]
pub(super) struct ReplacementSampler {
    players: usize,
    random: ChaCha8Rng,
    /// Mass of sizes 1 to s, the last 1.
    cumulative: Vec<f64>,
    /// For each pair its place in the order.
    seen: HashMap<Coalition, usize>,
    /// How often each was drawn.
    counts: Vec<f64>,
}

impl ReplacementSampler {
    pub(super) fn new(players: usize, seed: u64) -> Self {
        let masses = (1..players).map(|size| 1.0 / (size * (players - size)) as f64);
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = masses
            .map(|mass| {
                sum += mass;
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|upto| *upto /= sum);
        Self {
            players,
            random: keyed(seed, STREAM),
            cumulative,
            seen: HashMap::new(),
            counts: Vec::new(),
        }
    }

    /// The next pair that was not drawn before; `None` if none comes any more.
    pub(super) fn next(&mut self) -> Option<Coalition> {
        (0..PATIENCE).find_map(|_| self.draw())
    }

    fn draw(&mut self) -> Option<Coalition> {
        let draw = unit(&mut self.random);
        let size = 1 + self
            .cumulative
            .iter()
            .take_while(|&&upto| draw >= upto)
            .count();
        let size = size.min(self.players - 1);
        let coalition = coalition_of_size(&mut self.random, self.players, size);
        let side = if coalition.contains(0) {
            coalition.clone()
        } else {
            coalition.complement()
        };
        let next = self.counts.len();
        let place = *self.seen.entry(side).or_insert(next);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1.0;
            return None;
        }
        self.counts.push(1.0);
        Some(coalition)
    }

    /// How often each of the first `pairs` pairs was drawn by the time the last came.
    pub(super) fn counts(players: usize, seed: u64, pairs: usize) -> Vec<f64> {
        let mut sampler = Self::new(players, seed);
        while sampler.counts.len() < pairs && sampler.next().is_some() {}
        sampler.counts.resize(pairs, 1.0);
        sampler.counts
    }
}
