//! The order in which players are shown or hidden, and the steps at which one looks.

use crate::explain::{ExplainError, game::check_player_count, game::check_players};

/// Players from the highest value to the lowest, so those against the structure come
/// last. Equal values are in the order of the players.
pub fn descending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |player: usize| values.get(player).copied().unwrap_or(0.0);
    order.sort_by(|&a, &b| value(b).total_cmp(&value(a)).then(a.cmp(&b)));
    order
}

/// An error unless an order names each player once and each has a volume.
pub(super) fn check_order(order: &[usize], volumes_mm3: &[f64]) -> Result<(), ExplainError> {
    check_player_count(order.len())?;
    check_players(volumes_mm3.len(), order.len())?;
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if sorted.iter().enumerate().all(|(at, &player)| at == player) {
        Ok(())
    } else {
        Err(ExplainError::NotAnOrder(order.len()))
    }
}

/// At which numbers of players a curve is measured. Between them it is read off the
/// straight line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// After every player.
    All,
    /// At most this many numbers, dense at the two ends, where curves bend: their
    /// distances from the nearer end grow by a constant factor.
    Logarithmic(usize),
    /// About this many numbers, with as equal volumes between them as players allow.
    EqualVolume(usize),
}

impl Steps {
    /// Increasing numbers of players from 0 to all. `volume_shares` has the volume of the
    /// first k players over that of all, for k from 0.
    pub(super) fn counts(self, volume_shares: &[f64]) -> Vec<usize> {
        let players = volume_shares.len().saturating_sub(1);
        let mut counts: Vec<usize> = match self {
            Self::All => (0..=players).collect(),
            Self::Logarithmic(most) => logarithmic(players, most),
            Self::EqualVolume(wanted) => {
                let wanted = wanted.max(1);
                let nearest = |share: f64| {
                    let after = volume_shares.partition_point(|&found| found < share);
                    let before = after.saturating_sub(1);
                    let gap = |at: usize| {
                        let found = volume_shares.get(at).copied().unwrap_or(f64::INFINITY);
                        (found - share).abs()
                    };
                    if gap(before) <= gap(after) {
                        before
                    } else {
                        after
                    }
                };
                (0..=wanted)
                    .map(|step| nearest(step as f64 / wanted as f64))
                    .collect()
            }
        };
        counts.extend([0, players]);
        counts.sort_unstable();
        counts.dedup();
        counts
    }
}

/// Numbers whose distances from the nearer end are powers of one factor.
fn logarithmic(players: usize, most: usize) -> Vec<usize> {
    let half = players / 2;
    let levels = most.saturating_sub(2) / 2;
    if levels == 0 || half == 0 {
        return Vec::new();
    }
    let growth = (half as f64).ln() / (levels.saturating_sub(1)).max(1) as f64;
    (0..levels)
        .map(|level| (growth * level as f64).exp().round() as usize)
        .flat_map(|distance| [distance.min(half), players - distance.min(half)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even(players: usize) -> Vec<f64> {
        (0..=players).map(|k| k as f64 / players as f64).collect()
    }

    #[test]
    fn highest_first_and_negative_last() {
        assert_eq!(descending(&[0.1, -2.0, 0.5, 0.1, 0.0]), [2, 0, 3, 4, 1]);
        assert!(descending(&[]).is_empty());
    }

    #[test]
    fn steps_reach_from_nobody_to_everybody() {
        assert_eq!(Steps::All.counts(&even(3)), [0, 1, 2, 3]);
        let log = Steps::Logarithmic(12).counts(&even(200));
        assert_eq!(log, [0, 1, 3, 10, 32, 100, 168, 190, 197, 199, 200]);
        for players in [1, 2, 3, 7] {
            for most in [0, 1, 2, 5, 50] {
                let counts = Steps::Logarithmic(most).counts(&even(players));
                assert_eq!((counts[0], counts[counts.len() - 1]), (0, players));
                assert!(counts.len() <= most.max(2));
            }
        }
    }

    #[test]
    fn steps_of_equal_volume() {
        // One player of half the volume, then five of a tenth.
        let shares = [0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
        assert_eq!(Steps::EqualVolume(2).counts(&shares), [0, 1, 6]);
        assert_eq!(Steps::EqualVolume(4).counts(&shares), [0, 1, 3, 6]);
        assert_eq!(Steps::EqualVolume(0).counts(&shares), [0, 6]);
    }
}
