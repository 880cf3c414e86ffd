//! `voxplain bench shapley`: how near the estimators come to exact Shapley values at
//! equal budgets, on generated games and on a network's measured ones.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use ndarray::Array1;
use ndarray_npy::ReadNpyExt as _;
use serde_json::json;

use super::median;
use crate::cli::Common;
use crate::engine::Budget;
use crate::explain::exact::shapley_values;
use crate::explain::game::{Game, TableGame};
use crate::explain::solve::play;
use crate::explain::synthetic::{Family, SyntheticGame};
use crate::explain::{Coalition, ExplainError, Method};

/// Relative squared error at which a map is good enough to compare costs.
const WANTED_ERROR: f64 = 0.01;
/// Soft Dice of a Swin UNETR of random weights over ten supervoxels, all 2^10
/// coalitions, for two baselines.
const MEASURED: [(&str, &[u8]); 2] = [
    (
        "swin mean",
        include_bytes!("../../../tests/fixtures/games/swin_M10_mean_values.npy"),
    ),
    (
        "swin blur",
        include_bytes!("../../../tests/fixtures/games/swin_M10_blur_values.npy"),
    ),
];

#[derive(Debug, Args)]
pub(crate) struct Shapley {
    /// Numbers of players of the generated games
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "12,50",
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    players: Vec<u16>,
    /// Numbers of evaluations, or multiples of the players such as 2M
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "2M,3M,5M,10M,20M"
    )]
    budgets: Vec<Budget>,
    /// Estimators: automatic, permutation, odd-kernel, least-squares, kernel-shap
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "automatic,odd-kernel,permutation,least-squares,kernel-shap"
    )]
    methods: Vec<Method>,
    /// Games of each family and number of players
    #[arg(long, value_name = "N", default_value_t = 2)]
    games: u64,
    /// Runs of each game, with different seeds
    #[arg(long, value_name = "N", default_value_t = 3)]
    repetitions: u64,
    /// Writes the games as JSON into this folder, for other programs to play
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
}

/// A game with its exact values.
enum Played {
    Generated(SyntheticGame),
    Measured(TableGame, Vec<f64>),
}

impl Played {
    fn exact(&self) -> &[f64] {
        match self {
            Self::Generated(game) => game.exact(),
            Self::Measured(_, exact) => exact,
        }
    }

    fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Generated(game) => json!(game),
            Self::Measured(table, exact) => json!({
                "players": table.players(),
                "rule": { "table": table.values() },
                "exact": exact,
            }),
        }
    }
}

impl Game for Played {
    fn players(&self) -> usize {
        match self {
            Self::Generated(game) => game.players(),
            Self::Measured(table, _) => table.players(),
        }
    }

    fn evaluate(&mut self, coalitions: &[Coalition]) -> Result<Vec<f64>, ExplainError> {
        match self {
            Self::Generated(game) => game.evaluate(coalitions),
            Self::Measured(table, _) => table.evaluate(coalitions),
        }
    }
}

/// Games of one kind and number of players.
struct Group {
    family: &'static str,
    players: usize,
    games: Vec<Played>,
}

/// The errors of one method on one group, a budget each.
struct Row {
    family: &'static str,
    players: usize,
    method: Method,
    evaluations: Vec<usize>,
    errors: Vec<f64>,
}

impl Row {
    /// Evaluations for the wanted error: the crossing of the line between budgets in
    /// logarithms. `None` if it is not reached, the first budget if it is at once.
    fn evaluations_needed(&self) -> Option<f64> {
        let points: Vec<(f64, f64)> = self
            .evaluations
            .iter()
            .zip(&self.errors)
            .map(|(&n, &e)| ((n as f64).ln(), e.max(1e-300).ln()))
            .collect();
        let wanted = WANTED_ERROR.ln();
        let &(first, error) = points.first()?;
        if error <= wanted {
            return Some(first.exp());
        }
        points.windows(2).find_map(|pair| match *pair {
            [(n0, e0), (n1, e1)] if e0 > wanted && e1 <= wanted => {
                Some((n0 + (n1 - n0) * (e0 - wanted) / (e0 - e1)).exp())
            }
            _ => None,
        })
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "family": self.family,
            "players": self.players,
            "method": self.method,
            "evaluations": self.evaluations,
            "median_relative_squared_error": self.errors,
            "evaluations_needed": self.evaluations_needed(),
        })
    }
}

pub(crate) fn run(arguments: &Shapley, common: &Common) -> anyhow::Result<()> {
    let mut groups = groups(arguments, common.seed)?;
    if let Some(folder) = &arguments.export {
        export(&groups, folder)?;
    }
    let mut rows = Vec::new();
    for group in &mut groups {
        for &method in &arguments.methods {
            rows.push(measure(group, method, arguments, common.seed)?);
        }
    }
    let json = json!({
        "wanted_error": WANTED_ERROR,
        "games": arguments.games,
        "repetitions": arguments.repetitions,
        "rows": rows.iter().map(Row::to_json).collect::<Vec<_>>(),
    });
    common.print(&json, &table(&rows, &arguments.budgets));
    Ok(())
}

fn groups(arguments: &Shapley, seed: u64) -> anyhow::Result<Vec<Group>> {
    let mut groups = Vec::new();
    for (family, bytes) in MEASURED {
        let values = Array1::<f64>::read_npy(bytes).context("a built-in game is damaged")?;
        let table = TableGame::new(values.to_vec())?;
        let exact = shapley_values(&table)?;
        groups.push(Group {
            family,
            players: table.players(),
            games: vec![Played::Measured(table, exact)],
        });
    }
    for &players in &arguments.players {
        let players = usize::from(players);
        for family in Family::ALL {
            let game = |index| {
                let seed = seed.wrapping_add(1000 * players as u64 + index);
                Played::Generated(SyntheticGame::new(family, players, seed))
            };
            groups.push(Group {
                family: family.name(),
                players,
                games: (0..arguments.games.max(1)).map(game).collect(),
            });
        }
    }
    Ok(groups)
}

fn export(groups: &[Group], folder: &std::path::Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("the folder cannot be made: {}", folder.display()))?;
    for group in groups {
        for (index, game) in group.games.iter().enumerate() {
            let name = group.family.replace(' ', "_");
            let path = folder.join(format!("{name}_M{}_{index}.json", group.players));
            let mut json = game.to_json();
            if let Some(object) = json.as_object_mut() {
                object.insert("family".to_owned(), json!(group.family));
            }
            std::fs::write(&path, json.to_string())
                .with_context(|| format!("the game cannot be written: {}", path.display()))?;
        }
    }
    Ok(())
}

fn measure(
    group: &mut Group,
    method: Method,
    arguments: &Shapley,
    seed: u64,
) -> anyhow::Result<Row> {
    let mut row = Row {
        family: group.family,
        players: group.players,
        method,
        evaluations: Vec::new(),
        errors: Vec::new(),
    };
    for budget in &arguments.budgets {
        let evaluations = budget.evaluations(group.players);
        let mut errors = Vec::new();
        for (index, game) in group.games.iter_mut().enumerate() {
            for repetition in 0..arguments.repetitions.max(1) {
                let seed = seed.wrapping_add(7919 * repetition + 31 * index as u64);
                let solution = play(game, method, evaluations, seed)?;
                let found = solution.estimate.players.iter().map(|p| p.shap_value);
                errors.push(relative_squared_error(found, game.exact()));
            }
        }
        row.evaluations.push(evaluations);
        row.errors.push(median(&errors));
    }
    Ok(row)
}

/// `‖φ̂ − φ‖² / ‖φ‖²`; of a game without any effect the error itself.
fn relative_squared_error(found: impl Iterator<Item = f64>, exact: &[f64]) -> f64 {
    let error: f64 = found.zip(exact).map(|(a, b)| (a - b).powi(2)).sum();
    let square: f64 = exact.iter().map(|b| b * b).sum();
    if square > 0.0 { error / square } else { error }
}

fn table(rows: &[Row], budgets: &[Budget]) -> String {
    let mut text = format!("{:<10} {:>7}  {:<14}", "game", "players", "method");
    for budget in budgets {
        text += &format!(" {:>9}", budget.to_string());
    }
    text += "  runs for 0.01\n";
    for row in rows {
        let method = row.method.name();
        text += &format!("{:<10} {:>7}  {method:<14}", row.family, row.players);
        for error in &row.errors {
            text += &format!(" {error:>9.1e}");
        }
        text += &match row.evaluations_needed() {
            Some(needed) => format!("  {needed:>6.0} ({:.1}M)\n", needed / row.players as f64),
            None => "  not reached\n".to_owned(),
        };
    }
    text += "Median relative squared errors of the SHAP values against exact ones.";
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_for_an_error_are_read_between_budgets() {
        let row = |errors: [f64; 3]| Row {
            family: "dice",
            players: 10,
            method: Method::Automatic,
            evaluations: vec![10, 100, 1000],
            errors: errors.to_vec(),
        };
        let needed = row([1.0, 1e-1, 1e-3]).evaluations_needed().unwrap();
        assert!((needed - 10_f64.powf(2.5)).abs() < 1e-6);
        assert_eq!(row([1.0, 0.5, 0.02]).evaluations_needed(), None);
        let at_once = row([1e-3, 1e-4, 1e-5]).evaluations_needed().unwrap();
        assert!((at_once - 10.0).abs() < 1e-9);
    }
}
