//! Insertion and deletion curves, and the areas under and between them.
//!
//! Insertion shows the players one after the other from the highest value on; deletion
//! hides them in the same order (Petsiuk, Das and Saenko 2018; over supervoxels IROF,
//! Rieger and Hansen 2020). The players left after deleting the top k are the complement
//! of the top k, so both curves come from complementary pairs, and deleting from the
//! *lowest* value on passes through the very coalitions of insertion. The area between
//! the deletion curves of the two orders (ABPC; Samek and others 2017 call their
//! difference to the full value AOPC) is therefore insertion area minus deletion area
//! and needs no further evaluation.

use serde::Serialize;

use super::order::check_order;
use super::{Answers, Steps, descending};
use crate::explain::{Coalition, ExplainError};

/// Which coalitions a pair of curves takes.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvePlan {
    order: Vec<usize>,
    /// Numbers of players at the points of the curves, from 0 to all.
    counts: Vec<usize>,
    /// Volume share of the first `counts` players.
    volume_shares: Vec<f64>,
}

impl CurvePlan {
    /// The curves from the highest value to the lowest. `values` and `volumes_mm3` have
    /// one entry a player; the values may as well be densities.
    pub fn by_value(
        values: &[f64],
        volumes_mm3: &[f64],
        steps: Steps,
    ) -> Result<Self, ExplainError> {
        Self::along(descending(values), volumes_mm3, steps)
    }

    /// The curves along any order that names each player once.
    pub fn along(
        order: Vec<usize>,
        volumes_mm3: &[f64],
        steps: Steps,
    ) -> Result<Self, ExplainError> {
        check_order(&order, volumes_mm3)?;
        let total_mm3: f64 = volumes_mm3.iter().sum();
        if !(total_mm3.is_finite() && total_mm3 > 0.0 && volumes_mm3.iter().all(|&v| v >= 0.0)) {
            return Err(ExplainError::BadSetting {
                what: "the volume of all players",
                value: total_mm3,
                allowed: "above 0 mm³ with no player below 0",
            });
        }
        let mut sum_mm3 = 0.0;
        let mut shares = vec![0.0];
        shares.extend(order.iter().map(|&player| {
            sum_mm3 += volumes_mm3.get(player).copied().unwrap_or(0.0);
            sum_mm3 / total_mm3
        }));
        if let Some(last) = shares.last_mut() {
            *last = 1.0;
        }
        let counts = steps.counts(&shares);
        let volume_shares = counts
            .iter()
            .filter_map(|&count| shares.get(count).copied())
            .collect();
        Ok(Self {
            order,
            counts,
            volume_shares,
        })
    }

    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Numbers of players at the points of the curves.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// For each point the players shown by insertion, then those left by deletion.
    pub fn pairs(&self) -> Vec<[Coalition; 2]> {
        let mut top = Coalition::empty(self.order.len());
        let mut rest = self.order.iter();
        let mut shown = 0;
        self.counts
            .iter()
            .map(|&count| {
                for &player in rest.by_ref().take(count - shown) {
                    top.insert(player);
                }
                shown = count;
                [top.clone(), top.complement()]
            })
            .collect()
    }

    /// The curves, once every coalition of [`CurvePlan::pairs`] has its value.
    pub fn curves(&self, answers: &Answers) -> Result<Curves, ExplainError> {
        let mut missing = 0;
        let mut values = |coalition: &Coalition| {
            let value = answers.get(coalition);
            missing += usize::from(value.is_none());
            value.unwrap_or(0.0)
        };
        let (mut insertion, mut deletion) = (Vec::new(), Vec::new());
        for [shown, left] in self.pairs() {
            insertion.push(values(&shown));
            deletion.push(values(&left));
        }
        if missing > 0 {
            return Err(ExplainError::Unanswered { missing });
        }
        let players = self.order.len() as f64;
        let curve = |values| Curve {
            player_shares: self.counts.iter().map(|&k| k as f64 / players).collect(),
            volume_shares: self.volume_shares.clone(),
            values,
        };
        Ok(Curves {
            players: self.order.len(),
            insertion: curve(insertion),
            deletion: curve(deletion),
        })
    }
}

/// Values over the share of players, and of volume, that has been shown or hidden.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Increasing, from 0 to 1.
    pub player_shares: Vec<f64>,
    /// Not decreasing, from 0 to 1.
    pub volume_shares: Vec<f64>,
    /// In units of the value function.
    pub values: Vec<f64>,
}

/// An area under a curve, or a difference of two, over either axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Area {
    pub by_players: f64,
    pub by_volume: f64,
}

impl Area {
    fn minus(self, other: Self) -> Self {
        Self {
            by_players: self.by_players - other.by_players,
            by_volume: self.by_volume - other.by_volume,
        }
    }
}

impl Curve {
    /// The areas under the curve by the trapezoid rule.
    pub fn area(&self) -> Area {
        Area {
            by_players: trapezoid(&self.player_shares, &self.values),
            by_volume: trapezoid(&self.volume_shares, &self.values),
        }
    }

    /// The value at a share of players, on the straight line between points.
    pub fn at_players(&self, share: f64) -> f64 {
        on_line(&self.player_shares, &self.values, share)
    }

    /// The value at a share of volume, on the straight line between points.
    pub fn at_volume(&self, share: f64) -> f64 {
        on_line(&self.volume_shares, &self.values, share)
    }

    fn scaled(&self, scale: impl Fn(f64) -> f64) -> Self {
        Self {
            values: self.values.iter().map(|&value| scale(value)).collect(),
            ..self.clone()
        }
    }
}

/// The insertion and the deletion curve of one order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curves {
    pub players: usize,
    pub insertion: Curve,
    pub deletion: Curve,
}

/// What is read off a pair of curves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurveAreas {
    /// High if few players restore the value.
    pub insertion: Area,
    /// Low if few missing players destroy it.
    pub deletion: Area,
    /// ABPC, `insertion − deletion`: the area between deleting from the lowest value on
    /// and deleting from the highest on. 0 for a map that orders nothing.
    pub between: Area,
    /// AOPC: mean of `v(N) − v(N without the top k)` over k from 0 to all players,
    /// `(1/(M+1)) Σ_k`, values between measured points on the straight line.
    pub mean_drop: f64,
}

impl Curves {
    /// v(∅): nothing shown.
    pub fn value_empty(&self) -> f64 {
        self.insertion.values.first().copied().unwrap_or(0.0)
    }

    /// v(N): everything shown.
    pub fn value_full(&self) -> f64 {
        self.deletion.values.first().copied().unwrap_or(0.0)
    }

    /// The curves with v scaled to v(∅) = 0 and v(N) = 1. `None` if the two are the same
    /// to nine digits of the curves' largest value: there is then nothing to share.
    pub fn normalised(&self) -> Option<Self> {
        let (empty, full) = (self.value_empty(), self.value_full());
        let all = self.insertion.values.iter().chain(&self.deletion.values);
        let largest = all.fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let range = full - empty;
        (range.abs() > 1e-9 * largest).then(|| Self {
            players: self.players,
            insertion: self.insertion.scaled(|v| (v - empty) / range),
            deletion: self.deletion.scaled(|v| (v - empty) / range),
        })
    }

    /// Areas in the units of these curves: raw, or normalised if the curves are.
    pub fn areas(&self) -> CurveAreas {
        let (insertion, deletion) = (self.insertion.area(), self.deletion.area());
        CurveAreas {
            insertion,
            deletion,
            between: insertion.minus(deletion),
            mean_drop: self.mean_drop(self.players),
        }
    }

    /// AOPC over the first `most` players only: `(1/(K+1)) Σ_{k=0}^{K} [v(N) − v(N without
    /// the top k)]` (Samek and others 2017, equation 12).
    pub fn mean_drop(&self, most: usize) -> f64 {
        let most = most.min(self.players);
        let players = self.players.max(1) as f64;
        let left = (0..=most).map(|k| self.deletion.at_players(k as f64 / players));
        self.value_full() - left.sum::<f64>() / (most + 1) as f64
    }
}

fn trapezoid(x: &[f64], y: &[f64]) -> f64 {
    let points = x.iter().zip(y);
    let next = points.clone().skip(1);
    points
        .zip(next)
        .map(|((x0, y0), (x1, y1))| (x1 - x0) * 0.5 * (y0 + y1))
        .sum()
}

/// The value at `at` on the line through the points, whose x do not decrease.
fn on_line(x: &[f64], y: &[f64], at: f64) -> f64 {
    let after = x
        .partition_point(|&x| x < at)
        .min(x.len().saturating_sub(1));
    let before = after.saturating_sub(1);
    let point = |i: usize| (x.get(i).copied(), y.get(i).copied());
    let ((Some(x0), Some(y0)), (Some(x1), Some(y1))) = (point(before), point(after)) else {
        return 0.0;
    };
    if x1 > x0 {
        y0 + (y1 - y0) * ((at - x0) / (x1 - x0)).clamp(0.0, 1.0)
    } else {
        y1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_points_the_line_is_read() {
        let (x, y) = ([0.0, 0.5, 0.5, 1.0], [0.0, 1.0, 3.0, 4.0]);
        let read = |at| on_line(&x, &y, at);
        assert_eq!((read(0.0), read(0.25), read(0.75)), (0.0, 0.5, 3.5));
        assert_eq!((read(1.0), read(2.0), read(-1.0)), (4.0, 4.0, 0.0));
        assert_eq!(on_line(&[], &[], 0.3), 0.0);
        assert_eq!(trapezoid(&x, &y), 0.25 + 1.75);
    }

    #[test]
    fn an_order_names_everybody_once() {
        for order in [vec![0, 0, 1], vec![1, 2, 3], vec![0, 2, 7]] {
            let plan = CurvePlan::along(order, &[1.0; 3], Steps::All);
            assert!(matches!(plan, Err(ExplainError::NotAnOrder(3))));
        }
        assert!(CurvePlan::along(vec![], &[], Steps::All).is_err());
        assert!(CurvePlan::along(vec![0], &[0.0], Steps::All).is_err());
    }
}
