//! Playing a game whose values can be asked for at once: tables, tests, benchmarks.

use super::{Design, Effort, Solution};
use crate::explain::game::Game;
use crate::explain::sampler::Sampler;
use crate::explain::{Coalition, ExplainError, Method};

/// The solution of at most `budget` evaluations of a game, the two ends included.
pub fn play(
    game: &mut impl Game,
    method: Method,
    budget: usize,
    seed: u64,
) -> Result<Solution, ExplainError> {
    let players = game.players();
    let mut sampler = Sampler::new(method, players, seed)?;
    let needed = match method {
        Method::Exact => 1 << players,
        _ if players == 1 => 2,
        _ => 4,
    };
    if budget < needed {
        return Err(ExplainError::BudgetTooSmall { budget, needed });
    }
    let mut coalitions: Vec<Coalition> = Vec::new();
    while coalitions.len() + 2 <= budget
        && let Some((coalition, complement)) = sampler.next_pair()
    {
        coalitions.extend([coalition, complement]);
    }
    let values = game.evaluate(&coalitions)?;
    Design::new(method, players, seed, &coalitions)?.solve(&values, Effort::Full)
}
