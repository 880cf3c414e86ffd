//! The way from a log to SHAP values: that it is a function of the log's prefix alone,
//! and what happens at the ends of what can be asked.

use voxplain::explain::game::{Game as _, TableGame};
use voxplain::explain::permutation::{PermutationEstimator, PermutationSampler};
use voxplain::explain::sampler::Sampler;
use voxplain::explain::solve::{Design, Effort, Solution, play};
use voxplain::explain::synthetic::{Family, SyntheticGame};
use voxplain::explain::{Coalition, ExplainError, Method};

fn first(method: Method, players: usize, seed: u64, number: usize) -> Vec<Coalition> {
    let mut sampler = Sampler::new(method, players, seed).unwrap();
    std::iter::from_fn(|| sampler.next_pair())
        .take(number.div_ceil(2))
        .flat_map(|(s, c)| [s, c])
        .take(number)
        .collect()
}

fn solve(method: Method, game: &SyntheticGame, players: usize, number: usize) -> Solution {
    let coalitions = first(method, players, 3, number);
    let values: Vec<f64> = coalitions.iter().map(|c| game.value(c)).collect();
    let design = Design::new(method, players, 3, &coalitions).unwrap();
    design.solve(&values, Effort::Full).unwrap()
}

#[test]
fn estimates_grow_from_nothing_to_exact() {
    let players = 8;
    let game = SyntheticGame::new(Family::Mix, players, 1);
    for method in Method::ALL {
        for number in (2..=256).step_by(2) {
            let solution = solve(method, &game, players, number);
            let estimate = &solution.estimate;
            assert!(estimate.evaluations <= number, "{method} {number}");
            let finite = |v: f64| v.is_finite();
            assert!(estimate.players.iter().all(|p| finite(p.shap_value)
                && p.standard_error.is_none_or(finite)
                && (p.samples > 0 || p.shap_value == 0.0 && p.standard_error.is_none())));
            assert!(
                solution
                    .surrogate_fit
                    .is_none_or(|fit| fit.is_finite() && fit <= 1.0)
            );
            if estimate.visited() == 1.0 && solution.method != Method::Permutation {
                assert!(
                    estimate.completeness_residual().abs() < 1e-9,
                    "{method} {number}"
                );
            }
            let odd = solve(method, &game, players, number + 1).estimate;
            if number < 256 {
                assert_eq!(&odd, estimate, "a record without its partner waits");
            }
        }
    }
}

#[test]
fn the_first_pass_is_the_permutation_estimate() {
    let players = 20;
    let game = SyntheticGame::new(Family::Local, players, 2);
    for number in [2, 10, 24, 38, 40] {
        let mut sampler = PermutationSampler::new(players, 3).unwrap();
        let mut estimator = PermutationEstimator::new(players, 3).unwrap();
        for _ in 0..number / 2 {
            let (s, c) = sampler.next_pair().unwrap();
            estimator.absorb(game.value(&s), game.value(&c)).unwrap();
        }
        let solution = solve(Method::Automatic, &game, players, number);
        assert_eq!(solution.method, Method::Permutation);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        let expected = estimator
            .complete()
            .or_else(|| estimator.current())
            .unwrap();
        assert_eq!(solution.estimate.evaluations, expected.evaluations);
        for (found, expected) in solution.estimate.players.iter().zip(expected.players) {
            assert!(close(found.shap_value, expected.shap_value));
            assert_eq!(found.samples, expected.samples);
        }
    }
    let later = solve(Method::Automatic, &game, players, 80);
    assert_eq!(later.method, Method::OddKernel);
    assert!(later.surrogate_fit.unwrap() > 0.5 && later.hyperparameters.is_some());
}

#[test]
fn one_design_serves_all_values_and_threads_do_not_matter() {
    let players = 30;
    let games = [1, 2, 3].map(|seed| SyntheticGame::new(Family::Dice, players, seed));
    let coalitions = first(Method::Automatic, players, 7, 150);
    let design = Design::new(Method::Automatic, players, 7, &coalitions).unwrap();
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    for effort in [Effort::Live, Effort::Full] {
        for game in &games {
            let values: Vec<f64> = coalitions.iter().map(|c| game.value(c)).collect();
            let shared = design.solve(&values, effort).unwrap();
            let alone = one.install(|| {
                let design = Design::new(Method::Automatic, players, 7, &coalitions).unwrap();
                design.solve(&values, effort).unwrap()
            });
            assert_eq!(shared, alone);
        }
    }
}

#[test]
fn additive_games_are_exact_and_known_to_be() {
    let players = 25;
    let weights: Vec<f64> = (0..players).map(|i| (i as f64 - 7.0).powi(3)).collect();
    let value = |c: &Coalition| 3.0 + c.iter().map(|i| weights[i]).sum::<f64>();
    for number in [50, 54, 100, 200] {
        let coalitions = first(Method::Automatic, players, 1, number);
        let design = Design::new(Method::Automatic, players, 1, &coalitions).unwrap();
        let values: Vec<f64> = coalitions.iter().map(value).collect();
        let solution = design.solve(&values, Effort::Full).unwrap();
        let largest = weights.iter().fold(0.0, |a: f64, w| a.max(w.abs()));
        for (player, weight) in solution.estimate.players.iter().zip(&weights) {
            assert!(
                (player.shap_value - weight).abs() < 1e-9 * largest,
                "{number}"
            );
            assert!(player.standard_error.unwrap() < 1e-6 * largest, "{number}");
        }
    }
}

#[test]
fn games_of_one_and_two_players_are_exact() {
    for method in Method::ALL {
        let mut one = TableGame::new(vec![0.25, 1.0]).unwrap();
        let player = play(&mut one, method, 2, 0).unwrap().estimate.players[0];
        assert_eq!(
            (player.shap_value, player.standard_error),
            (0.75, Some(0.0))
        );
        let mut two = TableGame::new(vec![0.0, 1.0, 2.0, 4.0]).unwrap();
        let estimate = play(&mut two, method, 4, 0).unwrap().estimate;
        let values: Vec<f64> = estimate.players.iter().map(|p| p.shap_value).collect();
        assert!((values[0] - 1.5).abs() < 1e-12 && (values[1] - 2.5).abs() < 1e-12);
    }
}

#[test]
fn constant_huge_and_tiny_games_give_numbers() {
    for factor in [0.0, 1e-300, 1e-150, 1.0, 1e150, 1e300] {
        for method in Method::ALL {
            for budget in [30, 60, 1024] {
                let values = (0..1024_u32).map(|set| factor * (1.0 + f64::from(set % 37) / 37.0));
                let mut game = TableGame::new(values.collect()).unwrap();
                if method == Method::Exact && budget < 1024 {
                    continue;
                }
                let solution = play(&mut game, method, budget, 1).unwrap();
                assert!(solution.surrogate_fit.is_none_or(f64::is_finite));
                for player in &solution.estimate.players {
                    assert!(player.shap_value.is_finite(), "{method} {factor}");
                    assert!(player.standard_error.is_none_or(f64::is_finite));
                    assert!(factor > 0.0 || player.shap_value == 0.0);
                }
            }
        }
    }
}

#[test]
fn many_players_are_left_to_permutation_passes() {
    let players = 1500;
    let value = |c: &Coalition| c.iter().map(|i| (i % 7) as f64).sum::<f64>();
    let coalitions = first(Method::Automatic, players, 1, 3100);
    let design = Design::new(Method::Automatic, players, 1, &coalitions).unwrap();
    let values: Vec<f64> = coalitions.iter().map(value).collect();
    let solution = design.solve(&values, Effort::Full).unwrap();
    assert_eq!(
        (solution.method, solution.estimate.evaluations),
        (Method::Permutation, 3000)
    );
}

#[test]
fn what_cannot_be_solved_is_refused() {
    let mut game = TableGame::new((0..1024).map(f64::from).collect()).unwrap();
    for (method, budget, enough) in [
        (Method::Exact, 1023, 1024),
        (Method::Automatic, 3, 4),
        (Method::KernelShap, 0, 4),
    ] {
        let refused = play(&mut game, method, budget, 0);
        assert!(matches!(
            refused,
            Err(ExplainError::BudgetTooSmall { needed, .. }) if needed == enough
        ));
    }
    let coalitions = first(Method::Automatic, game.players(), 1, 40);
    let design =
        |seed, coalitions: &[Coalition]| Design::new(Method::Automatic, 10, seed, coalitions);
    assert!(matches!(
        design(2, &coalitions),
        Err(ExplainError::LogOrder { record: 2, seed: 2 })
    ));
    assert!(matches!(
        design(1, &coalitions[..1]),
        Err(ExplainError::TooFewObservations { .. })
    ));
    assert!(matches!(
        design(1, &first(Method::Automatic, 11, 1, 4)),
        Err(ExplainError::WrongPlayers {
            found: 11,
            expected: 10
        })
    ));
    let design = design(1, &coalitions).unwrap();
    assert!(matches!(
        design.solve(&[0.0; 39], Effort::Live),
        Err(ExplainError::ValueCount {
            values: 39,
            coalitions: 40
        })
    ));
    let mut values = [0.5; 40];
    values[17] = f64::NAN;
    assert!(matches!(
        design.solve(&values, Effort::Live),
        Err(ExplainError::NotFinite)
    ));
}

#[test]
#[ignore = "half a minute of work"]
fn more_pairs_than_a_kernel_takes_are_still_used() {
    let game = SyntheticGame::new(Family::Mix, 13, 1);
    let error = |evaluations| {
        let found = solve(Method::Automatic, &game, 13, evaluations);
        let pairs = found.estimate.players.iter().zip(game.exact());
        assert_eq!(found.method, Method::OddKernel);
        assert!(found.estimate.completeness_residual().abs() < 1e-9);
        pairs.map(|(p, e)| (p.shap_value - e).powi(2)).sum::<f64>()
    };
    let (few, many) = (error(2000), error(7600));
    assert!(many < 0.5 * few, "{many} {few}");
}
