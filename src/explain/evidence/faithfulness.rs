//! Do the values predict coalitions that they were not made from?
//!
//! The rows are evaluations that the estimate did not use: held out by the estimator, or
//! evaluated for the curves. Nothing further has to be run.

use serde::Serialize;

use super::correlation::pearson;
use crate::explain::maps::check_finite;
use crate::explain::{Coalition, ExplainError, game::check_players};

/// Fewest rows of one size for which a correlation is given.
const ROWS_OF_A_SIZE: usize = 10;

/// How well values predict held-out coalitions. With A the players that are absent from
/// a row's coalition S, the predicted drop is Σ_A φ and the true drop v(N) − v(S).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Faithfulness {
    pub rows: usize,
    /// Faithfulness correlation (Bhatt and others 2020): Pearson's correlation of the
    /// predicted and the true drops. `None` if either is the same in all rows.
    pub correlation: Option<f64>,
    /// The same with each number of absent players centred by itself, so that "more
    /// missing, larger drop" alone earns nothing.
    pub correlation_within_size: Option<f64>,
    /// Sensitivity-n (Ancona and others 2018): the correlation at a fixed number of
    /// absent players, where at least ten rows have it.
    pub by_size: Vec<SizeCorrelation>,
    /// Infidelity (Yeh and others 2019): mean of (predicted − true drop)².
    pub infidelity: Option<f64>,
    /// Infidelity over (v(N) − v(∅))²: free of units. `None` if the two ends are equal.
    pub relative_infidelity: Option<f64>,
    /// R² of the additive prediction v(∅) + Σ_S φ on the rows: 1 is perfect, 0 no better
    /// than the rows' mean, below 0 worse. `None` if the rows all have one value.
    pub surrogate_fit: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SizeCorrelation {
    /// Number of absent players.
    pub absent: usize,
    pub rows: usize,
    pub correlation: f64,
}

/// Measures `values` (one entry a player) on `rows` of coalitions and their values.
pub fn faithfulness(
    values: &[f64],
    value_empty: f64,
    value_full: f64,
    rows: &[(Coalition, f64)],
) -> Result<Faithfulness, ExplainError> {
    for (coalition, _) in rows {
        check_players(coalition.players(), values.len())?;
    }
    let ends = [value_empty, value_full];
    let measured = rows.iter().map(|(_, value)| value);
    check_finite(values.iter().chain(&ends).chain(measured))?;
    let sum = |coalition: &Coalition| -> f64 {
        coalition
            .iter()
            .filter_map(|player| values.get(player))
            .sum()
    };
    let total: f64 = values.iter().sum();
    let mut points: Vec<Point> = rows
        .iter()
        .map(|(coalition, value)| {
            let present = sum(coalition);
            Point {
                absent: values.len() - coalition.count(),
                predicted_drop: total - present,
                drop: value_full - value,
                error: value_empty + present - value,
            }
        })
        .collect();
    points.sort_by_key(|point| point.absent);

    let by_size = points
        .chunk_by(|a, b| a.absent == b.absent)
        .filter(|group| group.len() >= ROWS_OF_A_SIZE)
        .filter_map(|group| {
            Some(SizeCorrelation {
                absent: group.first()?.absent,
                rows: group.len(),
                correlation: correlation(group)?,
            })
        })
        .collect();
    let range = value_full - value_empty;
    let infidelity = mean(points.iter().map(|p| (p.predicted_drop - p.drop).powi(2)));
    Ok(Faithfulness {
        rows: rows.len(),
        correlation: correlation(&points),
        correlation_within_size: correlation(&centred_by_size(&points)),
        by_size,
        infidelity,
        relative_infidelity: infidelity
            .map(|infidelity| infidelity / (range * range))
            .filter(|relative| relative.is_finite()),
        surrogate_fit: fit(&points),
    })
}

#[derive(Debug, Clone, Copy)]
struct Point {
    absent: usize,
    predicted_drop: f64,
    drop: f64,
    /// Additive prediction of the value minus the value.
    error: f64,
}

fn correlation(points: &[Point]) -> Option<f64> {
    let predicted: Vec<f64> = points.iter().map(|point| point.predicted_drop).collect();
    let drops: Vec<f64> = points.iter().map(|point| point.drop).collect();
    pearson(&predicted, &drops)
}

/// The points with the means of their size taken off; sizes of one row say nothing.
fn centred_by_size(points: &[Point]) -> Vec<Point> {
    let groups = points.chunk_by(|a, b| a.absent == b.absent);
    groups
        .filter(|group| group.len() > 1)
        .flat_map(|group| {
            let predicted = mean(group.iter().map(|p| p.predicted_drop)).unwrap_or(0.0);
            let drop = mean(group.iter().map(|p| p.drop)).unwrap_or(0.0);
            group.iter().map(move |point| Point {
                predicted_drop: point.predicted_drop - predicted,
                drop: point.drop - drop,
                ..*point
            })
        })
        .collect()
}

fn fit(points: &[Point]) -> Option<f64> {
    let mean_drop = mean(points.iter().map(|p| p.drop))?;
    let spread: f64 = points.iter().map(|p| (p.drop - mean_drop).powi(2)).sum();
    let largest = points.iter().fold(0.0_f64, |m, p| m.max(p.drop.abs()));
    let errors: f64 = points.iter().map(|p| p.error * p.error).sum();
    let constant = spread.sqrt() <= 1e-13 * largest * (points.len() as f64).sqrt();
    (!constant).then(|| 1.0 - errors / spread)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}
