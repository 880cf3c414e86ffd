//! How often the 95 % intervals of the automatic method hold the truth, on generated
//! games and on a network's measured ones.

use voxplain::explain::exact::shapley_values;
use voxplain::explain::game::{Game, TableGame};
use voxplain::explain::solve::play;
use voxplain::explain::synthetic::{Family, SyntheticGame};
use voxplain::explain::{Estimate, Method};

/// True values inside their intervals, and all.
fn inside(estimate: &Estimate, exact: &[f64]) -> (usize, usize) {
    let holds = |(player, exact): (usize, &f64)| {
        let [low, high] = estimate.interval(player).unwrap();
        low - 1e-12 <= *exact && *exact <= high + 1e-12
    };
    (
        exact.iter().enumerate().filter(|p| holds(*p)).count(),
        exact.len(),
    )
}

/// Share of true values inside the intervals over all runs of some games.
fn coverage(games: &mut [(impl Game, Vec<f64>)], multiple: usize, runs: u64) -> f64 {
    let (mut held, mut all) = (0, 0);
    for (index, (game, exact)) in games.iter_mut().enumerate() {
        for run in 0..runs {
            let budget = multiple * game.players();
            let seed = 7919 * run + 31 * index as u64 + multiple as u64;
            let solution = play(game, Method::Automatic, budget, seed).unwrap();
            let (h, a) = inside(&solution.estimate, exact);
            (held, all) = (held + h, all + a);
        }
    }
    held as f64 / all as f64
}

fn generated(family: Family, players: usize, number: u64) -> Vec<(SyntheticGame, Vec<f64>)> {
    let game = |index| {
        let game = SyntheticGame::new(family, players, 100 * players as u64 + index);
        let exact = game.exact().to_vec();
        (game, exact)
    };
    (0..number).map(game).collect()
}

fn measured() -> Vec<(TableGame, Vec<f64>)> {
    let game = |name: &str| {
        let path = format!(
            "{}/tests/fixtures/games/swin_M10_{name}_values.npy",
            env!("CARGO_MANIFEST_DIR")
        );
        let values: ndarray::Array1<f64> = ndarray_npy::read_npy(path).unwrap();
        let table = TableGame::new(values.to_vec()).unwrap();
        let exact = shapley_values(&table).unwrap();
        (table, exact)
    };
    ["mean", "blur"].map(game).into()
}

/// Prints the coverage of every family and holds their mean.
fn check(players: usize, number: u64, runs: u64, multiples: &[usize]) {
    for &multiple in multiples {
        let shares = Family::ALL
            .map(|family| coverage(&mut generated(family, players, number), multiple, runs));
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        println!("{players} players, {multiple}M: {shares:.3?}, mean {mean:.3}");
        assert!(
            (0.90..=0.98).contains(&mean),
            "{players} {multiple}M: {mean}"
        );
        assert!(
            shares.iter().all(|share| *share > 0.82),
            "{players} {multiple}M"
        );
    }
}

#[test]
fn intervals_hold_the_truth_in_games_of_12_players() {
    check(12, 6, 4, &[3, 5, 10]);
}

#[test]
fn intervals_hold_the_truth_in_games_of_50_players() {
    check(50, 4, 1, &[3, 5]);
}

#[test]
#[ignore = "a minute of work"]
fn intervals_hold_the_truth_in_larger_runs() {
    check(12, 6, 5, &[4, 8, 20, 40]);
    check(50, 5, 2, &[3, 4, 6, 8, 10]);
    check(100, 8, 2, &[3, 5]);
}

#[test]
fn intervals_hold_the_truth_in_measured_games() {
    for multiple in [3, 5, 10, 20] {
        let share = coverage(&mut measured(), multiple, 10);
        println!("measured, {multiple}M: {share:.3}");
        assert!(share > 0.85, "{multiple}M: {share}");
    }
}
