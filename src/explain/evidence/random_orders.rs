//! What curves look like when the order means nothing.

use serde::Serialize;

use super::{Answers, Area, Curve, CurvePlan, Curves, Steps};
use crate::explain::statistics::student_t_975;
use crate::explain::{ExplainError, random};

/// Curves along orders drawn at random.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomOrders {
    plans: Vec<CurvePlan>,
}

/// Mean and 95 % band of one kind of curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Band {
    /// Points on the axis: shares of players or of volume.
    pub shares: Vec<f64>,
    pub mean: Vec<f64>,
    /// Where 95 of 100 further random orders would lie, by Student's t: mean ∓ t·s·√(1 + 1/R).
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}

/// Mean of an area over the orders, with the bounds of further random orders.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AreaBand {
    pub mean: Area,
    pub low: Area,
    pub high: Area,
}

/// What the random orders give; everything in the units of the curves they came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RandomBand {
    pub orders: usize,
    pub insertion_by_players: Band,
    pub insertion_by_volume: Band,
    pub deletion_by_players: Band,
    pub deletion_by_volume: Band,
    pub insertion_area: AreaBand,
    pub deletion_area: AreaBand,
    pub between_area: AreaBand,
}

impl RandomOrders {
    /// `count` orders, at least 2, each fixed by the seed and its number. Each takes two
    /// evaluations a step.
    pub fn new(
        volumes_mm3: &[f64],
        steps: Steps,
        count: usize,
        seed: u64,
    ) -> Result<Self, ExplainError> {
        if count < 2 {
            return Err(ExplainError::BadSetting {
                what: "the number of random orders",
                value: count as f64,
                allowed: "at least 2, as a band needs",
            });
        }
        let plans = (0..count as u64).map(|part| {
            let mut stream = random::keyed(seed, part);
            let mut order: Vec<usize> = (0..volumes_mm3.len()).collect();
            for end in (1..order.len()).rev() {
                order.swap(end, random::below(&mut stream, end + 1));
            }
            CurvePlan::along(order, volumes_mm3, steps)
        });
        let plans = plans.collect::<Result<_, _>>()?;
        Ok(Self { plans })
    }

    pub fn plans(&self) -> &[CurvePlan] {
        &self.plans
    }

    /// The band at the points of the curves it is held against. `None` for a normalised
    /// band whose ends are the same.
    pub fn band(
        &self,
        against: &Curve,
        answers: &Answers,
        normalised: bool,
    ) -> Result<Option<RandomBand>, ExplainError> {
        let curves = self
            .plans
            .iter()
            .map(|plan| plan.curves(answers))
            .collect::<Result<Vec<_>, _>>()?;
        let curves: Option<Vec<Curves>> = if normalised {
            curves.iter().map(Curves::normalised).collect()
        } else {
            Some(curves)
        };
        Ok(curves.map(|curves| gather(&curves, against)))
    }
}

fn gather(curves: &[Curves], against: &Curve) -> RandomBand {
    let band = |shares: &[f64], read: &dyn Fn(&Curves, f64) -> f64| {
        let points: Vec<[f64; 3]> = shares
            .iter()
            .map(|&share| spread(&curves.iter().map(|c| read(c, share)).collect::<Vec<_>>()))
            .collect();
        Band {
            shares: shares.to_vec(),
            mean: points.iter().map(|p| p[0]).collect(),
            low: points.iter().map(|p| p[1]).collect(),
            high: points.iter().map(|p| p[2]).collect(),
        }
    };
    let area = |read: &dyn Fn(&Curves) -> Area| {
        let areas: Vec<Area> = curves.iter().map(read).collect();
        let players = spread(&areas.iter().map(|a| a.by_players).collect::<Vec<_>>());
        let volume = spread(&areas.iter().map(|a| a.by_volume).collect::<Vec<_>>());
        let [mean, low, high] = [0, 1, 2].map(|at| Area {
            by_players: players[at],
            by_volume: volume[at],
        });
        AreaBand { mean, low, high }
    };
    let (players, volume) = (&against.player_shares, &against.volume_shares);
    RandomBand {
        orders: curves.len(),
        insertion_by_players: band(players, &|c, x| c.insertion.at_players(x)),
        insertion_by_volume: band(volume, &|c, x| c.insertion.at_volume(x)),
        deletion_by_players: band(players, &|c, x| c.deletion.at_players(x)),
        deletion_by_volume: band(volume, &|c, x| c.deletion.at_volume(x)),
        insertion_area: area(&|c| c.areas().insertion),
        deletion_area: area(&|c| c.areas().deletion),
        between_area: area(&|c| c.areas().between),
    }
}

/// Mean, and the bounds of one further value of the same kind.
fn spread(values: &[f64]) -> [f64; 3] {
    let count = values.len().max(2) as f64;
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / (count - 1.0)).sqrt();
    let half = student_t_975(count - 1.0) * deviation * (1.0 + 1.0 / count).sqrt();
    [mean, mean - half, mean + half]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_two_and_of_equal_values() {
        let [mean, low, high] = spread(&[1.0, 3.0]);
        // t with one degree of freedom is 12.706, s = √2, √1.5.
        assert!((mean - 2.0).abs() < 1e-12);
        assert!((high - mean - 12.706_204_736 * 3.0_f64.sqrt()).abs() < 1e-6);
        assert!((mean - low - (high - mean)).abs() < 1e-12);
        assert_eq!(spread(&[0.5; 4]), [0.5; 3]);
    }

    #[test]
    fn seeds_fix_orders_and_differ() {
        let orders = |seed| RandomOrders::new(&[1.0; 20], Steps::All, 3, seed).unwrap();
        assert_eq!(orders(1), orders(1));
        assert_ne!(orders(1), orders(2));
        assert_ne!(orders(1).plans[0].order(), orders(1).plans[1].order());
        assert!(RandomOrders::new(&[1.0; 20], Steps::All, 1, 0).is_err());
    }
}
