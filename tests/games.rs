//! Estimators against games whose Shapley values are known: tables of all values with
//! exact Shapley values, and fixed observations with a reference implementation's fit.

use std::collections::BTreeMap;

use voxplain::explain::exact::shapley_values;
use voxplain::explain::game::{Game as _, TableGame};
use voxplain::explain::least_squares::{self, PairObservation, PairedDesign, SizeSampling, fit};
use voxplain::explain::odd_kernel::{self, Residual};
use voxplain::explain::permutation::{PermutationEstimator, PermutationSampler};
use voxplain::explain::{Coalition, Estimate, ExplainError};

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

fn regression(game: &TableGame, pairs: usize, sampling: SizeSampling, seed: u64) -> Estimate {
    let players = game.players();
    let design = PairedDesign::new(players, pairs, sampling, seed).unwrap();
    let observations: Vec<PairObservation> = design
        .draws
        .into_iter()
        .map(|draw| PairObservation {
            value: game.value(&draw.coalition).unwrap(),
            complement_value: game.value(&draw.coalition.complement()).unwrap(),
            coalition: draw.coalition,
            weight: draw.weight,
            inclusion: draw.inclusion,
        })
        .collect();
    let ends = [Coalition::empty(players), Coalition::full(players)];
    let [empty, full] = ends.map(|coalition| game.value(&coalition).unwrap());
    fit(&observations, players, empty, full).unwrap().estimate
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
fn enumerated_regression_is_exact_for_every_game() {
    for (name, game, exact) in games() {
        for sampling in [
            SizeSampling::Kernel,
            SizeSampling::Leverage,
            SizeSampling::Balanced,
        ] {
            let estimate = regression(&game, 1 << 12, sampling, 1);
            assert!(
                largest_difference(values(&estimate), &exact) < 1e-9,
                "{name}"
            );
            assert!(
                estimate
                    .players
                    .iter()
                    .all(|p| p.standard_error == Some(0.0)),
                "{name}"
            );
        }
    }
}

#[test]
fn sampled_regression_is_near_and_exact_where_it_must_be() {
    for (name, game, exact) in games() {
        for sampling in [SizeSampling::Kernel, SizeSampling::Leverage] {
            let estimate = regression(&game, 10 * game.players(), sampling, 1);
            let error = relative_squared_error(&values(&estimate), &exact);
            let limit = if name == "linear" { 1e-20 } else { 0.2 };
            assert!(error < limit, "{name}: {error}");
            assert!(estimate.completeness_residual().abs() < 1e-9);
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

impl Parity {
    fn observations(&self) -> Vec<PairObservation> {
        let pairs = self.v.len() / 2;
        let observation = |pair: usize| {
            let present: Vec<bool> = self.coalitions[pair].iter().map(|&p| p == 1).collect();
            PairObservation {
                coalition: Coalition::from_bools(&present),
                value: self.v[pair],
                complement_value: self.v[pair + pairs],
                weight: self.kernel_weight[pair],
                inclusion: 0.0,
            }
        };
        (0..pairs).map(observation).collect()
    }
}

#[test]
fn regressions_agree_with_the_reference() {
    for (name, parity) in json::<BTreeMap<String, Parity>>("estimator_parity.json") {
        let players = parity.wls_paired.len();
        let ends = (parity.v_empty, parity.v_full);
        let found = fit(&parity.observations(), players, ends.0, ends.1).unwrap();
        let difference = largest_difference(values(&found.estimate), &parity.wls_paired);
        assert!(
            difference < 1e-9 && found.ridge == 0.0,
            "{name}: {difference}"
        );

        let odd = |residual| {
            odd_kernel::fit(&parity.observations(), players, ends, residual)
                .unwrap()
                .estimate
        };
        let fitted = values(&odd(Residual::Fit));
        let difference = largest_difference(fitted, &parity.odd_gp_residual);
        assert!(difference < 1e-6, "{name} with residual: {difference}");
        // The reference leaves out the shift that makes the values efficient.
        let missing = ends.1 - ends.0 - parity.odd_gp_no_residual.iter().sum::<f64>();
        let shifted: Vec<f64> = parity
            .odd_gp_no_residual
            .iter()
            .map(|v| v + missing / players as f64)
            .collect();
        let difference = largest_difference(values(&odd(Residual::Shift)), &shifted);
        assert!(difference < 1e-6, "{name} without: {difference}");
        println!("{name}: {difference:.1e}");
    }
}

#[test]
fn the_odd_kernel_beats_the_other_estimators_at_equal_budgets() {
    for (name, mut game, exact) in games().into_iter().filter(|(name, ..)| name != "linear") {
        let (mut odd, mut paired) = (0.0, 0.0);
        for seed in 0..5 {
            let budget = 10 * game.players();
            let found = odd_kernel::run(&mut game, budget, seed).unwrap();
            assert!(
                found.estimate.completeness_residual().abs() < 1e-9,
                "{name}"
            );
            odd += relative_squared_error(&values(&found.estimate), &exact) / 5.0;
            let design = regression(&game, budget / 2 - 1, SizeSampling::Kernel, seed);
            paired += relative_squared_error(&values(&design), &exact) / 5.0;
        }
        println!("{name}: odd kernel {odd:.2e}, paired least squares {paired:.2e}");
        assert!(odd < paired || odd < 1e-4, "{name}: {odd} against {paired}");
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

impl voxplain::explain::game::Game for Interacting {
    fn players(&self) -> usize {
        self.own.len()
    }

    fn evaluate(&mut self, coalitions: &[Coalition]) -> Result<Vec<f64>, ExplainError> {
        Ok(coalitions
            .iter()
            .map(|coalition| self.value(coalition))
            .collect())
    }
}

/// Coverage of a regression's intervals, and its mean relative squared error.
fn regression_coverage(
    run: impl Fn(&mut Interacting, u64) -> Estimate,
    crowding: i32,
) -> (f64, f64) {
    let (players, runs, mut inside, mut error) = (40, 10, 0, 0.0);
    for seed in 0..runs {
        let mut game = Interacting::new(players, seed, crowding);
        let estimate = run(&mut game, seed);
        let exact = game.exact();
        error += relative_squared_error(&values(&estimate), &exact) / runs as f64;
        for (player, exact) in exact.into_iter().enumerate() {
            let [low, high] = estimate.interval(player).unwrap();
            inside += u32::from(low <= exact && exact <= high);
        }
    }
    (f64::from(inside) / (players as u64 * runs) as f64, error)
}

#[test]
fn regression_intervals_cover_the_truth() {
    for (crowding, multiple) in [(1, 4), (1, 10), (5, 4), (5, 10)] {
        let (squares, squares_error) = regression_coverage(
            |game, seed| {
                least_squares::run(game, multiple * 40, seed)
                    .unwrap()
                    .estimate
            },
            crowding,
        );
        let (odd, odd_error) = regression_coverage(
            |game, seed| odd_kernel::run(game, multiple * 40, seed).unwrap().estimate,
            crowding,
        );
        println!(
            "crowding {crowding}, {multiple}M: least squares {squares:.3} ({squares_error:.1e}), odd kernel {odd:.3} ({odd_error:.1e})"
        );
        assert!(
            (0.87..=0.99).contains(&squares),
            "{crowding} {multiple}M: {squares}"
        );
        assert!(odd >= 0.94, "{crowding} {multiple}M: {odd}");
        assert!(odd_error < 0.7 * squares_error, "{crowding} {multiple}M");
    }
}
