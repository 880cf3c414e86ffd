//! Estimators against games whose Shapley values are known: tables of all values with
//! exact Shapley values, and fixed observations with a reference implementation's fit.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, s};
use voxplain::explain::exact::shapley_values;
use voxplain::explain::game::{Game as _, TableGame};
use voxplain::explain::least_squares::PairedLeastSquares;
use voxplain::explain::odd_kernel::OddKernel;
use voxplain::explain::permutation::{PermutationEstimator, PermutationSampler};
use voxplain::explain::solve::play;
use voxplain::explain::{Coalition, Estimate, Method};

const GAMES: [&str; 7] = [
    "linear",
    "product",
    "quadratic",
    "soum",
    "local",
    "dice",
    "mix",
];

fn fixture(name: &str) -> std::path::PathBuf {
    format!("{}/tests/fixtures/games/{name}", env!("CARGO_MANIFEST_DIR")).into()
}

fn json<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_reader(std::fs::File::open(fixture(name)).unwrap()).unwrap()
}

fn table(name: &str) -> TableGame {
    let values: ndarray::Array1<f64> = ndarray_npy::read_npy(fixture(name)).unwrap();
    TableGame::new(values.to_vec()).unwrap()
}

/// All fixture games with their exact values.
fn games() -> Vec<(String, TableGame, Vec<f64>)> {
    #[derive(serde::Deserialize)]
    struct Exact {
        shapley: Vec<f64>,
    }
    let exact: BTreeMap<String, Exact> = json("exact_M12.json");
    let synthetic = GAMES.iter().map(|&name| {
        (
            name.to_owned(),
            table(&format!("{name}_M12_v.npy")),
            exact[name].shapley.clone(),
        )
    });
    let measured = ["mean", "blur"].map(|name| {
        let exact: Exact = json(&format!("swin_M10_{name}.json"));
        (
            format!("swin {name}"),
            table(&format!("swin_M10_{name}_values.npy")),
            exact.shapley,
        )
    });
    synthetic.chain(measured).collect()
}

fn largest_difference(a: impl IntoIterator<Item = f64>, b: &[f64]) -> f64 {
    a.into_iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

fn values(estimate: &Estimate) -> Vec<f64> {
    estimate
        .players
        .iter()
        .map(|player| player.shap_value)
        .collect()
}

fn relative_squared_error(found: &[f64], exact: &[f64]) -> f64 {
    let error: f64 = found.iter().zip(exact).map(|(a, b)| (a - b).powi(2)).sum();
    error / exact.iter().map(|b| b * b).sum::<f64>()
}

fn permutation(game: &mut TableGame, passes: usize, seed: u64) -> Estimate {
    let players = game.players();
    let mut sampler = PermutationSampler::new(players, seed).unwrap();
    let mut estimator = PermutationEstimator::new(players, seed).unwrap();
    while estimator.passes() < passes {
        let (coalition, complement) = sampler.next_pair().unwrap();
        let values = game.evaluate(&[coalition, complement]).unwrap();
        estimator.absorb(values[0], values[1]).unwrap();
    }
    estimator.complete().unwrap()
}

#[test]
fn enumeration_is_exact() {
    for (name, game, exact) in games() {
        let found = shapley_values(&game).unwrap();
        assert!(largest_difference(found, &exact) < 1e-12, "{name}");
    }
}

#[test]
fn permutation_converges_and_every_complete_pass_is_efficient() {
    for (name, mut game, exact) in games() {
        for passes in [1, 2, 5] {
            let estimate = permutation(&mut game, passes, 3);
            assert!(estimate.completeness_residual().abs() < 1e-12, "{name}");
            assert_eq!(estimate.evaluations, 2 + 2 * (game.players() - 1) * passes);
        }
        let error = relative_squared_error(&values(&permutation(&mut game, 400, 3)), &exact);
        assert!(error < 2e-3, "{name}: {error}");
    }
}

#[test]
fn every_method_that_enumerates_is_exact_for_every_game() {
    for (name, mut game, exact) in games() {
        let budget = 1 << game.players();
        for method in [
            Method::Automatic,
            Method::OddKernel,
            Method::LeastSquares,
            Method::Exact,
        ] {
            // Budgets beyond all coalitions change nothing.
            let solution = play(&mut game, method, budget + 100, 1).unwrap();
            let estimate = &solution.estimate;
            let difference = largest_difference(values(estimate), &exact);
            assert!(difference < 1e-9, "{name} {method}: {difference}");
            assert_eq!(
                (solution.method, estimate.evaluations),
                (Method::Exact, budget)
            );
            let errors = estimate.players.iter().map(|p| p.standard_error);
            assert!(errors.eq(vec![Some(0.0); game.players()]), "{name}");
        }
    }
}

#[test]
fn sampled_regressions_are_near_and_exact_where_they_must_be() {
    for (name, mut game, exact) in games() {
        for method in [Method::LeastSquares, Method::KernelShap, Method::Automatic] {
            let budget = 10 * game.players();
            let estimate = play(&mut game, method, budget, 1).unwrap().estimate;
            let error = relative_squared_error(&values(&estimate), &exact);
            let limit = if name == "linear" { 1e-20 } else { 0.2 };
            assert!(error < limit, "{name} {method}: {error}");
            assert!(estimate.completeness_residual().abs() < 1e-9);
            assert!(estimate.evaluations <= budget);
        }
    }
}

#[derive(serde::Deserialize)]
struct Parity {
    #[serde(rename = "Z")]
    coalitions: Vec<Vec<u8>>,
    kernel_weight: Vec<f64>,
    v: Vec<f64>,
    v_empty: f64,
    v_full: f64,
    wls_paired: Vec<f64>,
    odd_gp_no_residual: Vec<f64>,
    odd_gp_residual: Vec<f64>,
}

#[test]
fn regressions_agree_with_the_reference() {
    for (name, parity) in json::<BTreeMap<String, Parity>>("estimator_parity.json") {
        let (pairs, players) = (parity.v.len() / 2, parity.wls_paired.len());
        let mut rows = Array2::ones((pairs + 1, players));
        for pair in 0..pairs {
            for player in 0..players {
                rows[[pair, player]] = 2.0 * f64::from(parity.coalitions[pair][player]) - 1.0;
            }
        }
        let difference = parity.v_full - parity.v_empty;
        let mut odd: Array1<f64> = (0..pairs)
            .map(|pair| 0.5 * (parity.v[pair] - parity.v[pair + pairs]))
            .collect();
        let signs = rows.slice(s![..pairs, ..]);
        let squares = PairedLeastSquares::new(signs, &parity.kernel_weight[..pairs]).unwrap();
        let fitted = squares.solve(signs, &odd, difference).shap_values;
        let error = largest_difference(fitted, &parity.wls_paired);
        assert!(error < 1e-9 && squares.ridge() == 0.0, "{name}: {error}");

        odd.append(ndarray::Axis(0), ndarray::array![0.5 * difference].view())
            .unwrap();
        for (correction, expected) in [
            (Some(squares.operator()), &parity.odd_gp_residual),
            (None, &parity.odd_gp_no_residual),
        ] {
            let kernel = OddKernel::new(rows.view(), 0, correction);
            let fit = kernel.solve(&odd, false).unwrap();
            let error = largest_difference(fit.shap_values, expected);
            println!("{name}: {error:.1e}");
            assert!(error < 1e-6, "{name}: {error}");
        }
    }
}

#[test]
fn the_kernels_beat_the_other_estimators_at_equal_budgets() {
    for (name, mut game, exact) in games().into_iter().filter(|(name, ..)| name != "linear") {
        let budget = 10 * game.players();
        let mut error = |method| -> f64 {
            let errors = (0..5).map(|seed| {
                let estimate = play(&mut game, method, budget, seed).unwrap().estimate;
                relative_squared_error(&values(&estimate), &exact)
            });
            errors.sum::<f64>() / 5.0
        };
        let (automatic, odd) = (error(Method::Automatic), error(Method::OddKernel));
        let squares = error(Method::LeastSquares);
        println!("{name}: automatic {automatic:.1e}, odd kernel {odd:.1e}, squares {squares:.1e}");
        for kernel in [automatic, odd] {
            assert!(
                kernel < 0.5 * squares || kernel < 1e-4,
                "{name}: {kernel} {squares}"
            );
        }
    }
}

/// A game of many players with known Shapley values: additive, with pairs, triples
/// and quadruples of players that only count together.
struct Interacting {
    own: Vec<f64>,
    together: Vec<(Vec<usize>, f64)>,
}

impl Interacting {
    /// With a large `crowding` a few players take part in most interactions and most
    /// players in none, as where a network looks at a small structure.
    fn new(players: usize, seed: u64, crowding: i32) -> Self {
        // A small generator is enough here; the values only need variety.
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        let own = (0..players).map(|_| draw().powi(4) - 0.05).collect();
        let together = (0..3 * players)
            .map(|index| {
                let members =
                    (0..2 + index % 3).map(|_| (draw().powi(crowding) * players as f64) as usize);
                let mut members: Vec<usize> = members.collect();
                members.sort_unstable();
                members.dedup();
                (members, draw() - 0.4)
            })
            .collect();
        Self { own, together }
    }

    fn value(&self, coalition: &Coalition) -> f64 {
        let own: f64 = coalition.iter().map(|player| self.own[player]).sum();
        let complete = |members: &[usize]| members.iter().all(|&m| coalition.contains(m));
        own + self
            .together
            .iter()
            .filter(|(m, _)| complete(m))
            .map(|(_, v)| v)
            .sum::<f64>()
    }

    fn exact(&self) -> Vec<f64> {
        let mut exact = self.own.clone();
        for (members, value) in &self.together {
            members
                .iter()
                .for_each(|&m| exact[m] += value / members.len() as f64);
        }
        exact
    }
}

/// Share of true values inside the 95 % intervals.
fn coverage(passes: usize, runs: u64, crowding: i32) -> f64 {
    let (players, mut inside, mut all) = (40, 0, 0);
    for run in 0..runs {
        let game = Interacting::new(players, run, crowding);
        let mut sampler = PermutationSampler::new(players, run).unwrap();
        let mut estimator = PermutationEstimator::new(players, run).unwrap();
        while estimator.passes() < passes {
            let (s, c) = sampler.next_pair().unwrap();
            estimator.absorb(game.value(&s), game.value(&c)).unwrap();
        }
        let estimate = estimator.complete().unwrap();
        for (player, exact) in game.exact().into_iter().enumerate() {
            let [low, high] = estimate.interval(player).unwrap();
            inside += u32::from(low <= exact && exact <= high);
            all += 1;
        }
    }
    f64::from(inside) / f64::from(all)
}

#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    for crowding in [1, 5] {
        for passes in [1, 2, 3, 4, 8, 32] {
            let covered = coverage(passes, 60, crowding);
            println!("crowding {crowding}, {passes} passes: {covered:.3}");
            if passes >= 4 {
                assert!(
                    (0.90..=0.98).contains(&covered),
                    "{crowding} {passes}: {covered}"
                );
            }
        }
    }
}
