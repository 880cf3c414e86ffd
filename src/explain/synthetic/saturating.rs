//! One saturating function of the sum of integer weights, as soft Dice is of overlap.

use std::collections::HashMap;

use super::Draws;
use crate::explain::Coalition;

/// `f(x) = 2x/(1+x) + 0.15 sin 6x` of the present share x of all weight.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Saturating {
    weights: Vec<usize>,
    total: usize,
    height: f64,
}

impl Saturating {
    /// Heavy-tailed weights that sum to about 400.
    pub(super) fn new(players: usize, random: &mut Draws) -> Self {
        const SUM: f64 = 400.0;
        let sizes: Vec<f64> = (0..players).map(|_| random.pareto(1.5) + 0.05).collect();
        let sum: f64 = sizes.iter().sum();
        let weights: Vec<usize> = sizes
            .iter()
            .map(|size| ((size / sum * SUM).round() as usize).max(1))
            .collect();
        Self {
            total: weights.iter().sum(),
            weights,
            height: 1.0,
        }
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.height *= factor;
    }

    pub(super) fn value(&self, coalition: &Coalition) -> f64 {
        self.response(coalition.iter().map(|player| self.weights[player]).sum())
    }

    fn response(&self, weight: usize) -> f64 {
        let x = weight as f64 / self.total as f64;
        self.height * (2.0 * x / (1.0 + x) + 0.15 * (6.0 * x).sin())
    }

    /// `φ_i = ∫₀¹ E[f(X + w_i) − f(X)] dq`, X the weight of the others when each is
    /// present with probability q (Owen 1972). The integrand is a polynomial of degree
    /// M − 1 in q, which Gauss-Legendre quadrature integrates exactly.
    pub(super) fn exact(&self) -> Vec<f64> {
        let nodes = gauss_legendre(self.weights.len() / 2 + 1);
        let mut known: HashMap<usize, f64> = HashMap::new();
        let value = |player: usize| {
            let weight = self.weights[player];
            *known.entry(weight).or_insert_with(|| {
                nodes
                    .iter()
                    .map(|&(q, share)| share * self.gain(player, q))
                    .sum()
            })
        };
        (0..self.weights.len()).map(value).collect()
    }

    fn gain(&self, player: usize, q: f64) -> f64 {
        let mut probability = vec![0.0; self.total + 1];
        probability[0] = 1.0;
        let mut reached = 0;
        for (_, &weight) in self
            .weights
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != player)
        {
            for sum in (0..=reached).rev() {
                probability[sum + weight] += q * probability[sum];
                probability[sum] *= 1.0 - q;
            }
            reached += weight;
        }
        let own = self.weights[player];
        (0..=reached)
            .map(|sum| probability[sum] * (self.response(sum + own) - self.response(sum)))
            .sum()
    }
}

/// Nodes and weights on 0..1, by Newton's method on the Legendre polynomials.
fn gauss_legendre(number: usize) -> Vec<(f64, f64)> {
    let n = number as f64;
    let node = |index: usize| {
        let mut x = (std::f64::consts::PI * (index as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..50 {
            let (mut before, mut value) = (1.0, x);
            for k in 2..=number {
                let k = k as f64;
                (before, value) = (
                    value,
                    ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k,
                );
            }
            slope = n * (x * value - before) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        (0.5 * (1.0 + x), 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..number).map(node).collect()
}
