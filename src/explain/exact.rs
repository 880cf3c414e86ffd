//! Exact Shapley values by enumeration, for games of few players.

use super::ExplainError;
use super::game::Game as _;
use super::game::TableGame;

/// Largest game that is enumerated: 65536 values.
pub const MAX_PLAYERS: usize = 16;

/// The Shapley values of a table game, from their definition:
/// `φ_i = Σ_{S ∌ i} |S|! (M−|S|−1)! / M! · (v(S ∪ i) − v(S))`.
pub fn shapley_values(game: &TableGame) -> Result<Vec<f64>, ExplainError> {
    let players = game.players();
    if players > MAX_PLAYERS {
        return Err(ExplainError::TooManyToEnumerate(players, MAX_PLAYERS));
    }
    let weights = size_weights(players);
    let values = game.values();
    let shapley = (0..players).map(|player| {
        let bit = 1_usize << player;
        let marginals = values
            .iter()
            .enumerate()
            .filter(|(index, _)| index & bit == 0);
        marginals
            .filter_map(|(index, without)| {
                let weight = weights.get(index.count_ones() as usize)?;
                Some(weight * (values.get(index | bit)? - without))
            })
            .sum()
    });
    Ok(shapley.collect())
}

/// `s! (M−s−1)! / M!` for s = 0..M: the probability that exactly a given set of
/// size s comes before a given player in a random order.
fn size_weights(players: usize) -> Vec<f64> {
    let mut weight = 1.0 / players as f64;
    (0..players)
        .map(|size| {
            let this = weight;
            weight *= (size + 1) as f64 / (players - size).saturating_sub(1).max(1) as f64;
            this
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glove_game() {
        // Player 0 has a left glove, players 1 and 2 a right one; a pair is worth 1.
        let values = (0..8_u32)
            .map(|s| f64::from(s & 1 == 1 && s & 6 != 0))
            .collect();
        let shapley = shapley_values(&TableGame::new(values).unwrap()).unwrap();
        let expected = [2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0];
        assert!(
            shapley
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-15)
        );
    }

    #[test]
    fn too_many_players_are_refused() {
        let game = TableGame::new(vec![0.0; 1 << 17]).unwrap();
        assert!(matches!(
            shapley_values(&game),
            Err(ExplainError::TooManyToEnumerate(17, 16))
        ));
        assert!(matches!(
            TableGame::new(vec![0.0; 3]),
            Err(ExplainError::BadTable(3))
        ));
    }
}
