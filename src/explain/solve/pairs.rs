//! A log's pairs as rows of a regression.

use ndarray::{Array1, Array2, ArrayView2, s};

use crate::explain::sampler::pair_weights;
use crate::explain::{Coalition, Method};

/// The pairs of a design, without the ends.
#[derive(Debug)]
pub(super) struct Pairs {
    /// A row a pair, +1 where the player is in S and −1 elsewhere, and the row of
    /// (N, ∅) last.
    rows: Array2<f64>,
    weights: Vec<f64>,
    inclusions: Vec<f64>,
    enumerated: bool,
}

/// The values of a design's coalitions.
pub(super) struct Observed {
    pub value_empty: f64,
    pub value_full: f64,
    /// `(v(S) − v(N∖S))/2` of each row.
    pub odd: Array1<f64>,
}

impl Observed {
    pub(super) fn difference(&self) -> f64 {
        self.value_full - self.value_empty
    }

    /// Without the row of the ends.
    pub(super) fn odd_of_pairs(&self) -> Array1<f64> {
        self.odd.slice(s![..self.odd.len() - 1]).to_owned()
    }

    /// Mean square over the pairs.
    pub(super) fn mean_square(&self) -> f64 {
        let pairs = self.odd.slice(s![..self.odd.len() - 1]);
        pairs.dot(&pairs) / pairs.len().max(1) as f64
    }
}

impl Pairs {
    pub(super) fn new(method: Method, players: usize, seed: u64, drawn: &[Coalition]) -> Self {
        if !method.regresses(players) {
            // Permutation passes need no rows, and of many players they would be large.
            return Self {
                rows: Array2::ones((1, 0)),
                weights: vec![1.0; drawn.len()],
                inclusions: vec![0.0; drawn.len()],
                enumerated: false,
            };
        }
        let mut rows = Array2::from_elem((drawn.len() + 1, players), -1.0);
        rows.row_mut(drawn.len()).fill(1.0);
        for (mut row, coalition) in rows.outer_iter_mut().zip(drawn) {
            for player in coalition.iter() {
                row[player] = 1.0;
            }
        }
        let weights = pair_weights(method, players, seed, drawn);
        let all = 1_usize
            .checked_shl(players.saturating_sub(1) as u32)
            .map(|all| all - 1);
        Self {
            rows,
            weights: weights.weights,
            inclusions: weights.inclusions,
            enumerated: players < 32 && all == Some(drawn.len()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether these are all pairs there are.
    pub(super) fn enumerated(&self) -> bool {
        self.enumerated
    }

    pub(super) fn rows(&self) -> ArrayView2<'_, f64> {
        self.rows.view()
    }

    /// Without the row of the ends.
    pub(super) fn signs(&self) -> ArrayView2<'_, f64> {
        self.rows.slice(s![..self.len(), ..])
    }

    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
    }

    pub(super) fn inclusions(&self) -> &[f64] {
        &self.inclusions
    }

    /// The values of the coalitions in the log's order: the two ends first.
    pub(super) fn observe(&self, values: &[f64]) -> Observed {
        let (of_pairs, _) = values.as_chunks::<2>();
        let mut odd: Vec<f64> = of_pairs.iter().map(|[v, c]| 0.5 * (v - c)).collect();
        let [value_empty, value_full] = of_pairs.first().copied().unwrap_or_default();
        // The ends become the last row, as (N, ∅).
        odd.rotate_left(1);
        if let Some(last) = odd.last_mut() {
            *last = 0.5 * (value_full - value_empty);
        }
        Observed {
            value_empty,
            value_full,
            odd: Array1::from(odd),
        }
    }
}
