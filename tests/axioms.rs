//! The axioms that define Shapley values, on random games: every estimator must keep
//! those that its method promises at any budget.

use proptest::prelude::*;
use voxplain::explain::exact::shapley_values;
use voxplain::explain::game::{Game as _, TableGame};
use voxplain::explain::permutation::{PermutationEstimator, PermutationSampler};
use voxplain::explain::sampler::Sampler;
use voxplain::explain::solve::{Design, Effort, play};
use voxplain::explain::{Coalition, Method};

const PLAYERS: usize = 6;
const TOLERANCE: f64 = 1e-9;

fn any_game() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1.0..1.0_f64, 1 << PLAYERS)
}

fn exact(values: &[f64]) -> Vec<f64> {
    shapley_values(&TableGame::new(values.to_vec()).unwrap()).unwrap()
}

fn permutation(values: &[f64], passes: usize, seed: u64) -> Vec<f64> {
    let game = TableGame::new(values.to_vec()).unwrap();
    let mut sampler = PermutationSampler::new(game.players(), seed).unwrap();
    let mut estimator = PermutationEstimator::new(game.players(), seed).unwrap();
    while estimator.passes() < passes {
        let (s, c) = sampler.next_pair().unwrap();
        estimator
            .absorb(game.value(&s).unwrap(), game.value(&c).unwrap())
            .unwrap();
    }
    let estimate = estimator.complete().unwrap();
    estimate
        .players
        .iter()
        .map(|player| player.shap_value)
        .collect()
}

fn played(method: Method, values: &[f64], budget: usize, seed: u64) -> Vec<f64> {
    let mut game = TableGame::new(values.to_vec()).unwrap();
    let estimate = play(&mut game, method, budget, seed).unwrap().estimate;
    estimate
        .players
        .iter()
        .map(|player| player.shap_value)
        .collect()
}

fn regression(values: &[f64], budget: usize, seed: u64) -> Vec<f64> {
    played(Method::LeastSquares, values, budget, seed)
}

/// A budget that is short of all pairs, and one that has them all.
const BUDGETS: [usize; 2] = [30, 1 << PLAYERS];

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < TOLERANCE
}

/// The game in which player i plays the part of `part[i]`.
fn renamed(values: &[f64], part: &[usize]) -> Vec<f64> {
    let original = |index: usize| {
        let members = (0..PLAYERS).filter(|player| index >> player & 1 == 1);
        members.map(|player| 1 << part[player]).sum::<usize>()
    };
    (0..values.len())
        .map(|index| values[original(index)])
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn efficiency(values in any_game(), seed: u64, passes in 1..4_usize) {
        let gain = values[values.len() - 1] - values[0];
        prop_assert!(near(exact(&values).iter().sum(), gain));
        prop_assert!((permutation(&values, passes, seed).iter().sum::<f64>() - gain).abs() < 1e-12);
        for budget in BUDGETS {
            prop_assert!(near(regression(&values, budget, seed).iter().sum(), gain));
            for method in [Method::Automatic, Method::OddKernel, Method::KernelShap] {
                prop_assert!(near(played(method, &values, budget, seed).iter().sum(), gain));
            }
        }
    }

    #[test]
    fn null_player(values in any_game(), seed: u64, null in 0..PLAYERS) {
        let without: Vec<f64> = (0..values.len()).map(|i| values[i & !(1 << null)]).collect();
        prop_assert!(near(exact(&without)[null], 0.0));
        // Every marginal of a null player is 0, so sampling cannot miss it.
        prop_assert_eq!(permutation(&without, 2, seed)[null], 0.0);
        prop_assert!(near(regression(&without, 1 << PLAYERS, seed)[null], 0.0));
        prop_assert!(near(played(Method::Automatic, &without, 1 << PLAYERS, seed)[null], 0.0));
    }

    #[test]
    fn symmetry(values in any_game(), seed: u64, a in 0..PLAYERS, b in 0..PLAYERS) {
        let mut part: Vec<usize> = (0..PLAYERS).collect();
        part.swap(a, b);
        let swapped = renamed(&values, &part);
        let symmetric: Vec<f64> = values.iter().zip(&swapped).map(|(v, w)| v + w).collect();
        let values = exact(&symmetric);
        prop_assert!(near(values[a], values[b]));
        for method in [Method::LeastSquares, Method::Automatic] {
            let values = played(method, &symmetric, 1 << PLAYERS, seed);
            prop_assert!(near(values[a], values[b]));
        }
    }

    #[test]
    fn linearity(v in any_game(), w in any_game(), factor in -3.0..3.0_f64, seed: u64) {
        let sum: Vec<f64> = v.iter().zip(&w).map(|(v, w)| v + factor * w).collect();
        let check = |of: &dyn Fn(&[f64]) -> Vec<f64>| {
            let (of_v, of_w, of_sum) = (of(&v), of(&w), of(&sum));
            (0..PLAYERS).all(|i| near(of_sum[i], of_v[i] + factor * of_w[i]))
        };
        prop_assert!(check(&|values| exact(values)));
        // With the same seed the same coalitions are used, so it holds for estimates too.
        prop_assert!(check(&|values| permutation(values, 2, seed)));
        for budget in BUDGETS {
            prop_assert!(check(&|values| regression(values, budget, seed)));
        }
    }

    #[test]
    fn names_do_not_matter(
        values in any_game(),
        seed: u64,
        part in Just((0..PLAYERS).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let other = renamed(&values, &part);
        let (original, found) = (exact(&values), exact(&other));
        prop_assert!((0..PLAYERS).all(|player| near(found[player], original[part[player]])));
        let budget = 1 << PLAYERS;
        let (original, found) = (regression(&values, budget, seed), regression(&other, budget, seed));
        prop_assert!((0..PLAYERS).all(|player| near(found[player], original[part[player]])));
        let of_original = played(Method::Automatic, &values, budget, seed);
        let found = played(Method::Automatic, &other, budget, seed);
        prop_assert!((0..PLAYERS).all(|player| near(found[player], of_original[part[player]])));
    }

    #[test]
    fn additive_games_are_exact_at_once(weights in prop::collection::vec(-1.0..1.0_f64, 20), seed: u64) {
        let value = |coalition: &Coalition| coalition.iter().map(|i| weights[i]).sum::<f64>();
        let mut sampler = PermutationSampler::new(20, seed).unwrap();
        let mut estimator = PermutationEstimator::new(20, seed).unwrap();
        while estimator.passes() == 0 {
            let (s, c) = sampler.next_pair().unwrap();
            estimator.absorb(value(&s), value(&c)).unwrap();
        }
        let estimate = estimator.complete().unwrap();
        for (player, weight) in estimate.players.iter().zip(&weights) {
            prop_assert!(near(player.shap_value, *weight));
            prop_assert!(player.standard_error.unwrap() < TOLERANCE);
        }
    }

    /// What is prepared is linear in the values where the same kernel and estimator are
    /// chosen for all, as for multiples of a game and for an added constant.
    #[test]
    fn multiples_of_a_game_have_multiples_of_its_values(
        values in any_game(),
        factor in 0.01..100.0_f64,
        constant in -10.0..10.0_f64,
        seed: u64,
    ) {
        let other: Vec<f64> = values.iter().map(|v| factor * v + constant).collect();
        for budget in [12, 20, 30, 1 << PLAYERS] {
            let original = played(Method::Automatic, &values, budget, seed);
            let found = played(Method::Automatic, &other, budget, seed);
            for (found, original) in found.iter().zip(original) {
                prop_assert!((found - factor * original).abs() < 1e-6 * factor.max(1.0));
            }
        }
    }

    /// Symmetric and null players of a sampled game, within the errors that are stated.
    #[test]
    fn sampled_estimates_keep_symmetry_and_null_players_within_their_errors(seed: u64) {
        let players = 14;
        // Players 0 and 1 are alike, player 2 does nothing.
        let value = |coalition: &Coalition| {
            let weight = |i: usize| [1.0, 1.0, 0.0, 0.7, 0.5].get(i).copied().unwrap_or(0.2);
            let sum: f64 = coalition.iter().map(weight).sum();
            2.0 * sum / (4.0 + sum)
        };
        let mut sampler = Sampler::new(Method::Automatic, players, seed).unwrap();
        let coalitions: Vec<Coalition> = std::iter::from_fn(|| sampler.next_pair())
            .take(5 * players / 2)
            .flat_map(|(s, c)| [s, c])
            .collect();
        let design = Design::new(Method::Automatic, players, seed, &coalitions).unwrap();
        let values: Vec<f64> = coalitions.iter().map(value).collect();
        let estimate = design.solve(&values, Effort::Full).unwrap().estimate;
        let [a, b, null] = [0, 1, 2].map(|i| estimate.players[i]);
        let error = |p: voxplain::explain::PlayerEstimate| p.standard_error.unwrap();
        prop_assert!((a.shap_value - b.shap_value).abs() < 6.0 * (error(a) + error(b)) + 0.01);
        prop_assert!(null.shap_value.abs() < 6.0 * error(null) + 0.01);
    }
}
