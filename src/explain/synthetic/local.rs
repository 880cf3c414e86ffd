//! A sum of sigmoid responses, each of a few neighbouring players.

use super::Draws;
use crate::explain::Coalition;
use crate::explain::exact::shapley_values;
use crate::explain::game::TableGame;

/// One response: `height / (1 + exp(−4 (Σ w − threshold) / ‖w‖))` over its players.
#[derive(Debug, Clone, serde::Serialize)]
struct Response {
    members: Vec<usize>,
    weights: Vec<f64>,
    threshold: f64,
    height: f64,
    steepness: f64,
}

impl Response {
    fn value(&self, present: impl Fn(usize) -> bool) -> f64 {
        let sum: f64 = self
            .weights
            .iter()
            .enumerate()
            .filter(|(index, _)| present(*index))
            .map(|(_, weight)| weight)
            .sum();
        self.height / (1.0 + (-self.steepness * (sum - self.threshold)).exp())
    }
}

#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Local {
    players: usize,
    responses: Vec<Response>,
}

impl Local {
    /// Players at random places; one response around each, of its nearest `size`
    /// players. Three of four weights are positive.
    pub(super) fn new(players: usize, size: usize, random: &mut Draws) -> Self {
        let size = size.min(players);
        let places: Vec<[f64; 3]> = (0..players)
            .map(|_| std::array::from_fn(|_| random.unit()))
            .collect();
        let responses = places.iter().map(|centre| {
            let distance = |other: &usize| -> f64 {
                let other = places[*other];
                (0..3)
                    .map(|axis| (centre[axis] - other[axis]).powi(2))
                    .sum()
            };
            let mut members: Vec<usize> = (0..players).collect();
            members.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
            members.truncate(size);
            let weight = |random: &mut Draws| {
                let size = random.normal().abs();
                if random.unit() < 0.75 {
                    size
                } else {
                    -0.5 * size
                }
            };
            let weights: Vec<f64> = (0..size).map(|_| weight(random)).collect();
            let length = weights.iter().map(|w| w * w).sum::<f64>().sqrt();
            Response {
                members,
                threshold: (0.2 + 0.6 * random.unit()) * weights.iter().sum::<f64>(),
                height: random.exponential(),
                steepness: 4.0 / length.max(f64::MIN_POSITIVE),
                weights,
            }
        });
        Self {
            players,
            responses: responses.collect(),
        }
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.responses.iter_mut().for_each(|r| r.height *= factor);
    }

    pub(super) fn value(&self, coalition: &Coalition) -> f64 {
        self.responses
            .iter()
            .map(|response| response.value(|index| coalition.contains(response.members[index])))
            .sum()
    }

    /// The responses' own Shapley values, by enumeration, added up.
    pub(super) fn exact(&self) -> Vec<f64> {
        let mut exact = vec![0.0; self.players];
        for response in &self.responses {
            let table: Vec<f64> = (0..1_usize << response.members.len())
                .map(|set| response.value(|index| set >> index & 1 == 1))
                .collect();
            // A table of finite values of so few players cannot be refused.
            let shapley = TableGame::new(table).and_then(|game| shapley_values(&game));
            for (&member, value) in response.members.iter().zip(shapley.unwrap_or_default()) {
                exact[member] += value;
            }
        }
        exact
    }
}
