//! SHAP values with their uncertainty, and how long a wanted accuracy takes.

/// What is known of one player.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlayerEstimate {
    /// The estimated Shapley value, in units of the value function. 0 while
    /// `samples` is 0: nothing is known of the player yet.
    pub shap_value: f64,
    /// Standard error of the value. `None` while nothing is known of it.
    pub standard_error: Option<f64>,
    /// Marginal contributions seen: two a pass.
    pub samples: usize,
}

/// SHAP values of all players.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    pub players: Vec<PlayerEstimate>,
    /// v(∅): everything replaced by the baseline.
    pub value_empty: f64,
    /// v(N): the image as it is.
    pub value_full: f64,
    /// Evaluations that were used, the two ends included.
    pub evaluations: usize,
    /// Half-width of a 95 % interval in standard errors (a Student t point).
    pub interval_factor: f64,
}

impl Estimate {
    /// The 95 % interval of a player's value.
    pub fn interval(&self, player: usize) -> Option<[f64; 2]> {
        let estimate = self.players.get(player)?;
        let half_width = self.interval_factor * estimate.standard_error?;
        Some([
            estimate.shap_value - half_width,
            estimate.shap_value + half_width,
        ])
    }

    /// Share of the players of which something is known, in 0..=1.
    pub fn visited(&self) -> f64 {
        let visited = self
            .players
            .iter()
            .filter(|player| player.samples > 0)
            .count();
        visited as f64 / self.players.len().max(1) as f64
    }

    /// `Σφ − (v(N) − v(∅))`: zero but for rounding when every player has been
    /// visited equally often.
    pub fn completeness_residual(&self) -> f64 {
        let sum: f64 = self.players.iter().map(|player| player.shap_value).sum();
        sum - (self.value_full - self.value_empty)
    }

    /// Evaluations until the largest standard error is `tolerance` times the range
    /// of the values: `n (ratio / tolerance)²`, since errors fall with `√n` (Covert
    /// and Lee 2021). 0.05 suits a look, 0.01 a report. `None` while a player has
    /// not been visited, or if all values are equal but uncertain.
    pub fn forecast(&self, tolerance: f64) -> Option<Forecast> {
        let (mut low, mut high, mut error) = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
        for player in &self.players {
            low = low.min(player.shap_value);
            high = high.max(player.shap_value);
            error = error.max(player.standard_error?);
        }
        let ratio = if error == 0.0 {
            0.0
        } else {
            error / (high - low)
        };
        if !ratio.is_finite() || tolerance.is_nan() || tolerance <= 0.0 {
            return None;
        }
        let needed = (self.evaluations as f64 * (ratio / tolerance).powi(2)).ceil();
        // `as` saturates: a hopeless forecast is u64::MAX.
        Some(Forecast {
            ratio,
            tolerance,
            evaluations_needed: needed as u64,
        })
    }
}

/// When an estimate will be good enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Largest standard error over the range of the values, now.
    pub ratio: f64,
    /// The ratio that is wanted.
    pub tolerance: f64,
    /// Evaluations in all that the wanted ratio takes, those made included.
    pub evaluations_needed: u64,
}

impl Forecast {
    pub fn reached(&self) -> bool {
        self.ratio <= self.tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(values: &[(f64, Option<f64>)]) -> Estimate {
        let players = values
            .iter()
            .map(|&(shap_value, standard_error)| PlayerEstimate {
                shap_value,
                standard_error,
                samples: 2 * usize::from(standard_error.is_some()),
            })
            .collect();
        Estimate {
            players,
            value_empty: 0.5,
            value_full: 1.5,
            evaluations: 100,
            interval_factor: 2.0,
        }
    }

    #[test]
    fn forecast_follows_the_square_root_law() {
        let now = estimate(&[(0.2, Some(0.01)), (0.8, Some(0.06)), (0.0, Some(0.0))]);
        let forecast = now.forecast(0.025).unwrap();
        assert!((forecast.ratio - 0.075).abs() < 1e-12 && !forecast.reached());
        assert_eq!(forecast.evaluations_needed, 900);
        assert!(now.forecast(0.1).unwrap().reached());
        assert_eq!(now.forecast(0.0), None);
        assert_eq!(
            estimate(&[(0.2, Some(0.1)), (0.0, None)]).forecast(0.1),
            None
        );
        assert_eq!(estimate(&[(0.2, Some(0.1))]).forecast(0.1), None);
        assert_eq!(
            estimate(&[(0.2, Some(0.0))]).forecast(0.1).unwrap().ratio,
            0.0
        );
    }

    #[test]
    fn intervals_and_completeness() {
        let now = estimate(&[(0.25, Some(0.125)), (0.75, None)]);
        assert_eq!(now.interval(0), Some([0.0, 0.5]));
        assert_eq!((now.interval(1), now.interval(2)), (None, None));
        assert_eq!((now.visited(), now.completeness_residual()), (0.5, 0.0));
    }
}
