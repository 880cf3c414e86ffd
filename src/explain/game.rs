//! What an estimator asks of a game, and games given as a table of all values.

use super::{Coalition, ExplainError, MAX_PLAYERS};

/// A cooperative game that can be evaluated. A network behind it is one game; a
/// table of values is another.
pub trait Game {
    fn players(&self) -> usize;

    /// The value of each coalition, in order.
    fn evaluate(&mut self, coalitions: &[Coalition]) -> Result<Vec<f64>, ExplainError>;
}

/// A game of M players given by all 2^M values. Bit `i` of the index is set where
/// player `i` is present, so index 0 is the empty coalition.
#[derive(Debug, Clone, PartialEq)]
pub struct TableGame {
    players: usize,
    values: Vec<f64>,
}

impl TableGame {
    /// A table whose length is a power of two, at least 2, and whose values are finite.
    pub fn new(values: Vec<f64>) -> Result<Self, ExplainError> {
        if values.len() < 2 || !values.len().is_power_of_two() {
            return Err(ExplainError::BadTable(values.len()));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(ExplainError::NotFinite);
        }
        Ok(Self {
            players: values.len().trailing_zeros() as usize,
            values,
        })
    }

    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The value of one coalition.
    pub fn value(&self, coalition: &Coalition) -> Result<f64, ExplainError> {
        check_players(coalition.players(), self.players)?;
        // A table fits in memory, so its players fit in one word.
        let index = coalition.words().first().map_or(0, |&word| word as usize);
        self.values
            .get(index)
            .copied()
            .ok_or(ExplainError::BadTable(self.values.len()))
    }
}

impl Game for TableGame {
    fn players(&self) -> usize {
        self.players
    }

    fn evaluate(&mut self, coalitions: &[Coalition]) -> Result<Vec<f64>, ExplainError> {
        coalitions
            .iter()
            .map(|coalition| self.value(coalition))
            .collect()
    }
}

/// An error unless a coalition belongs to a game of `expected` players.
pub(super) fn check_players(found: usize, expected: usize) -> Result<(), ExplainError> {
    if found == expected {
        Ok(())
    } else {
        Err(ExplainError::WrongPlayers { found, expected })
    }
}

/// An error unless a game can have this many players.
pub(super) fn check_player_count(players: usize) -> Result<(), ExplainError> {
    if (1..=MAX_PLAYERS).contains(&players) {
        Ok(())
    } else {
        Err(ExplainError::BadPlayerCount(players))
    }
}
