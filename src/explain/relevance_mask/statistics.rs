//! What a mask is like, before the network is asked whether it is true.

use super::{PlayerAdjacency, RelevanceMask};
use crate::explain::{Estimate, ExplainError, game::check_players};

/// The size and shape of a relevance mask.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MaskStatistics {
    /// Number of players in the mask.
    pub players: usize,
    pub volume_mm3: f64,
    /// Volume over that of all players, in 0..=1.
    pub share_of_region: f64,
    /// Connected pieces under voxel faces.
    pub pieces: usize,
    /// Volume of the largest piece over that of the mask, in 0..=1.
    pub largest_piece_share: f64,
    /// Share of all players' volume whose 95 % interval reaches from one side of the
    /// mask's cut to the other, or is not known: it could fall in or out with more
    /// evaluations. `None` if the mask is empty, since there is no cut then.
    pub undecided_share: Option<f64>,
}

impl RelevanceMask {
    /// Measures the mask of an estimate. `volumes_mm3` has one entry a player.
    pub fn statistics(
        &self,
        estimate: &Estimate,
        volumes_mm3: &[f64],
        adjacency: &PlayerAdjacency,
    ) -> Result<MaskStatistics, ExplainError> {
        let players = self.players.len();
        check_players(estimate.players.len(), players)?;
        check_players(volumes_mm3.len(), players)?;
        check_players(adjacency.players(), players)?;
        let volume = |player: usize| volumes_mm3.get(player).copied().unwrap_or(0.0);
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let total_mm3: f64 = volumes_mm3.iter().sum();
        let pieces: Vec<f64> = adjacency
            .pieces(&self.players)
            .iter()
            .map(|piece| piece.iter().map(|&player| volume(player)).sum())
            .collect();
        let volume_mm3: f64 = pieces.iter().sum();
        let largest = pieces.iter().copied().fold(0.0, f64::max);
        let undecided_share = self.cut.map(|cut| {
            let undecided = (0..players).filter(|&player| !self.decided(estimate, player, cut));
            share(undecided.map(volume).sum(), total_mm3)
        });
        Ok(MaskStatistics {
            players: self.players.iter().filter(|&&inside| inside).count(),
            volume_mm3,
            share_of_region: share(volume_mm3, total_mm3),
            pieces: pieces.len(),
            largest_piece_share: share(largest, volume_mm3),
            undecided_share,
        })
    }

    /// Whether the interval of a player's strength lies on one side of the cut.
    fn decided(&self, estimate: &Estimate, player: usize, cut: f64) -> bool {
        estimate.interval(player).is_some_and(|interval| {
            let [low, high] = self.sign.interval(interval);
            low >= cut || high <= cut
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{VOLUMES_MM3, estimate};
    use super::super::{MaskRule, SignedMaskRule};
    use super::*;

    /// Players 0 to 4 in a row: 0 touches 1, 1 touches 2, and so on.
    fn row() -> PlayerAdjacency {
        PlayerAdjacency::of(&[1, 2, 3, 4, 5], [5, 1, 1], 5).unwrap()
    }

    #[test]
    fn size_pieces_and_what_is_undecided() {
        // Players 0, 2, 3, 4 in; the cut is half of the smallest value, 0.05.
        let mask = MaskRule::TopPlayers(9)
            .apply(&estimate(), &VOLUMES_MM3)
            .unwrap();
        let found = mask.statistics(&estimate(), &VOLUMES_MM3, &row()).unwrap();
        assert_eq!((found.players, found.pieces), (4, 2));
        assert!((found.volume_mm3 - 90.0).abs() < 1e-12);
        assert!((found.share_of_region - 0.9).abs() < 1e-12);
        assert!((found.largest_piece_share - 80.0 / 90.0).abs() < 1e-12);
        // Intervals: 0: -0.02..0.22, 2: -0.1..0.9 cross the cut; 1, 3 and 4 do not.
        assert!((found.undecided_share.unwrap() - 0.3).abs() < 1e-12);
    }

    #[test]
    fn an_empty_mask_and_an_unknown_interval() {
        let empty = MaskRule::TopVolume(0.01)
            .apply(&estimate(), &VOLUMES_MM3)
            .unwrap();
        let found = empty.statistics(&estimate(), &VOLUMES_MM3, &row()).unwrap();
        assert_eq!((found.players, found.pieces), (0, 0));
        assert_eq!(
            (found.largest_piece_share, found.undecided_share),
            (0.0, None)
        );

        let mut unknown = estimate();
        for player in &mut unknown.players {
            player.standard_error = None;
        }
        let rule: SignedMaskRule = "otsu:absolute".parse().unwrap();
        let mask = rule.apply(&unknown, &VOLUMES_MM3).unwrap();
        let found = mask.statistics(&unknown, &VOLUMES_MM3, &row()).unwrap();
        assert_eq!(found.undecided_share, Some(1.0));
    }
}
