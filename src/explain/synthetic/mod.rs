//! Generated games of any number of players whose Shapley values are known exactly:
//! what estimators are tested and measured on.
//!
//! Four families, from abstract to like a segmentation: unanimity games, sums of local
//! saturating parts (receptive fields), one global saturation (soft Dice), and a mix
//! of the last two. They are those of the estimator study, drawn by another
//! generator, so single games differ from it and families do not.

mod local;
mod saturating;

use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use self::local::Local;
use self::saturating::Saturating;
use super::game::{Game, check_players};
use super::random::{below, keyed, standard_normal, unit};
use super::{Coalition, ExplainError};

/// A kind of game.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// 4M groups of one to five players that are worth something only together.
    Unanimity,
    /// M overlapping groups of nine neighbours, each with a sigmoid response.
    Local,
    /// One saturating function of a sum of heavy-tailed weights.
    Dice,
    /// 0.6 local and 0.4 Dice, by their standard deviations.
    Mix,
}

impl Family {
    pub const ALL: [Self; 4] = [Self::Unanimity, Self::Local, Self::Dice, Self::Mix];

    pub fn name(self) -> &'static str {
        match self {
            Self::Unanimity => "soum",
            Self::Local => "local",
            Self::Dice => "dice",
            Self::Mix => "mix",
        }
    }
}

/// A generated game with its exact Shapley values. Written out, its numbers let other
/// programs play it.
#[derive(Debug, Clone, Serialize)]
pub struct SyntheticGame {
    players: usize,
    rule: Rule,
    exact: Vec<f64>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    Unanimity(Vec<(Vec<usize>, f64)>),
    Local(Local),
    Dice(Saturating),
    Mix(Local, Saturating),
}

impl SyntheticGame {
    /// The game of a seed. `players` is at least 1.
    pub fn new(family: Family, players: usize, seed: u64) -> Self {
        let players = players.max(1);
        let mut random = Draws(keyed(seed, players as u64));
        let (rule, exact) = match family {
            Family::Unanimity => unanimity(players, &mut random),
            Family::Local => {
                let local = Local::new(players, 9, &mut random);
                let exact = local.exact();
                (Rule::Local(local), exact)
            }
            Family::Dice => {
                let dice = Saturating::new(players, &mut random);
                let exact = dice.exact();
                (Rule::Dice(dice), exact)
            }
            Family::Mix => mix(players, &mut random),
        };
        Self {
            players,
            rule,
            exact,
        }
    }

    pub fn value(&self, coalition: &Coalition) -> f64 {
        match &self.rule {
            Rule::Unanimity(groups) => groups
                .iter()
                .filter(|(members, _)| members.iter().all(|&m| coalition.contains(m)))
                .map(|(_, value)| value)
                .sum(),
            Rule::Local(local) => local.value(coalition),
            Rule::Dice(dice) => dice.value(coalition),
            Rule::Mix(local, dice) => local.value(coalition) + dice.value(coalition),
        }
    }

    /// The exact Shapley values.
    pub fn exact(&self) -> &[f64] {
        &self.exact
    }
}

impl Game for SyntheticGame {
    fn players(&self) -> usize {
        self.players
    }

    fn evaluate(&mut self, coalitions: &[Coalition]) -> Result<Vec<f64>, ExplainError> {
        let value = |coalition: &Coalition| {
            check_players(coalition.players(), self.players)?;
            Ok(self.value(coalition))
        };
        coalitions.iter().map(value).collect()
    }
}

fn unanimity(players: usize, random: &mut Draws) -> (Rule, Vec<f64>) {
    /// Share of groups of at most 1, 2, … players.
    const UP_TO: [f64; 5] = [0.4, 0.65, 0.8, 0.9, 1.0];
    let mut exact = vec![0.0; players];
    let mut groups = Vec::with_capacity(4 * players);
    for _ in 0..4 * players {
        let draw = random.unit();
        let size = 1 + UP_TO.iter().take_while(|&&upto| draw >= upto).count();
        let members = random.distinct(players, size.min(players));
        let value = random.normal();
        for &member in &members {
            exact[member] += value / members.len() as f64;
        }
        groups.push((members, value));
    }
    (Rule::Unanimity(groups), exact)
}

fn mix(players: usize, random: &mut Draws) -> (Rule, Vec<f64>) {
    let mut local = Local::new(players, 8, random);
    let mut dice = Saturating::new(players, random);
    let coalitions: Vec<Coalition> = (0..200)
        .map(|_| {
            let present: Vec<bool> = (0..players).map(|_| random.unit() < 0.5).collect();
            Coalition::from_bools(&present)
        })
        .collect();
    local.scale(0.6 / deviation(coalitions.iter().map(|c| local.value(c)).collect()));
    dice.scale(0.4 / deviation(coalitions.iter().map(|c| dice.value(c)).collect()));
    let parts = local.exact().into_iter().zip(dice.exact());
    let exact = parts.map(|(local, dice)| local + dice).collect();
    (Rule::Mix(local, dice), exact)
}

fn deviation(values: Vec<f64>) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    square.sqrt().max(f64::MIN_POSITIVE)
}

/// Random numbers of the distributions that the games need.
struct Draws(ChaCha8Rng);

impl Draws {
    fn unit(&mut self) -> f64 {
        unit(&mut self.0)
    }

    fn normal(&mut self) -> f64 {
        standard_normal(&mut self.0)
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Pareto of the second kind, from 0.
    fn pareto(&mut self, shape: f64) -> f64 {
        (1.0 - self.unit()).powf(-1.0 / shape) - 1.0
    }

    fn distinct(&mut self, from: usize, number: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..from).collect();
        for index in 0..number {
            let other = index + below(&mut self.0, from - index);
            all.swap(index, other);
        }
        all.truncate(number);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::exact::shapley_values;
    use crate::explain::game::TableGame;

    #[test]
    fn exact_values_are_those_of_enumeration() {
        for family in Family::ALL {
            for players in [1, 2, 5, 11] {
                let game = SyntheticGame::new(family, players, 7);
                let values = (0..1_u64 << players).map(|set| {
                    let coalition = Coalition::from_bytes(players, &set.to_le_bytes());
                    game.value(&coalition.unwrap())
                });
                let table = TableGame::new(values.collect()).unwrap();
                let enumerated = shapley_values(&table).unwrap();
                for (found, expected) in game.exact().iter().zip(enumerated) {
                    assert!((found - expected).abs() < 1e-12, "{family:?} {players}");
                }
            }
        }
    }

    #[test]
    fn games_follow_from_the_seed() {
        let exact = |seed| SyntheticGame::new(Family::Mix, 20, seed).exact().to_vec();
        assert_eq!(exact(1), exact(1));
        assert_ne!(exact(1), exact(2));
    }
}
