//! Insertion and deletion curves and the areas of them.

use std::collections::HashSet;

use proptest::prelude::*;
use voxplain::explain::ExplainError;
use voxplain::explain::evidence::{Answers, CurveAreas, CurvePlan, RandomOrders, Steps, checks};
use voxplain::explain::exact::shapley_values;
use voxplain::explain::game::{Game, TableGame};

use super::Additive;

fn areas(plan: &CurvePlan, game: &mut impl Game) -> CurveAreas {
    let mut answers = Answers::default();
    answers.complete([plan], game).unwrap();
    plan.curves(&answers).unwrap().areas()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

proptest! {
    /// In closed form player j, at place j of the order, is shown on all of the axis after its
    /// own step and on half of that step.
    #[test]
    fn additive_games_have_analytic_curves(
        players in prop::collection::vec((-2.0..2.0_f64, 0.1..5.0_f64), 1..20),
        empty in -1.0..1.0_f64,
    ) {
        let (values, volumes): (Vec<f64>, Vec<f64>) = players.into_iter().unzip();
        let plan = CurvePlan::by_value(&values, &volumes, Steps::All).unwrap();
        let mut game = Additive::new(&values, empty);
        let mut answers = Answers::default();
        answers.complete([&plan], &mut game).unwrap();
        prop_assert_eq!(game.evaluations, 2 * values.len());
        let curves = plan.curves(&answers).unwrap();

        let (count, total_mm3): (f64, f64) = (values.len() as f64, volumes.iter().sum());
        let full = empty + values.iter().sum::<f64>();
        let (mut shown, mut shown_mm3) = (0.0, 0.0);
        let (mut by_players, mut by_volume, mut mean_drop) = (empty, empty, 0.0);
        for (place, &player) in plan.order().iter().enumerate() {
            by_players += values[player] * (count - place as f64 - 0.5) / count;
            by_volume += values[player] * (1.0 - (shown_mm3 + 0.5 * volumes[player]) / total_mm3);
            shown += values[player];
            shown_mm3 += volumes[player];
            mean_drop += shown / (count + 1.0);
            prop_assert!(close(curves.insertion.values[place + 1], empty + shown));
            prop_assert!(close(curves.deletion.values[place + 1], full - shown));
            prop_assert!(close(curves.insertion.volume_shares[place + 1], shown_mm3 / total_mm3));
        }
        let areas = curves.areas();
        prop_assert!(close(areas.insertion.by_players, by_players));
        prop_assert!(close(areas.insertion.by_volume, by_volume));
        prop_assert!(close(areas.deletion.by_players, full + empty - by_players));
        prop_assert!(close(areas.deletion.by_volume, full + empty - by_volume));
        prop_assert!(close(areas.mean_drop, mean_drop));
        // Pairs of an additive game sum to v(∅) + v(N): what is left is twice the gain.
        prop_assert!(close(areas.between.by_players, 2.0 * by_players - full - empty));
        if (full - empty).abs() > 1e-3 {
            let normalised = curves.normalised().unwrap().areas();
            let scaled = (by_players - empty) / (full - empty);
            prop_assert!((normalised.insertion.by_players - scaled).abs() < 1e-6);
            prop_assert!((normalised.mean_drop - mean_drop / (full - empty)).abs() < 1e-6);
        }
    }

    #[test]
    fn areas_do_not_depend_on_the_numbering(
        table in prop::collection::vec(-1.0..1.0_f64, 32),
        order in Just([0_usize, 1, 2, 3, 4]).prop_shuffle(),
        steps in prop::sample::select(vec![Steps::All, Steps::Logarithmic(4), Steps::EqualVolume(3)]),
    ) {
        let (values, volumes) = ([0.5, -0.2, 0.9, 0.1, 0.3], [1.0, 4.0, 2.0, 3.0, 0.5]);
        // Player p of the first game is player order[p] of the second.
        let renamed = |coalition: usize| -> usize {
            (0..5).filter(|p| coalition >> p & 1 == 1).map(|p| 1 << order[p]).sum()
        };
        let (mut table2, mut values2, mut volumes2) = (vec![0.0; 32], [0.0; 5], [0.0; 5]);
        for coalition in 0..32 {
            table2[renamed(coalition)] = table[coalition];
        }
        for p in 0..5 {
            values2[order[p]] = values[p];
            volumes2[order[p]] = volumes[p];
        }
        let plans = [(&values, &volumes), (&values2, &volumes2)]
            .map(|(values, volumes)| CurvePlan::by_value(values, volumes, steps).unwrap());
        let first = areas(&plans[0], &mut TableGame::new(table).unwrap());
        let second = areas(&plans[1], &mut TableGame::new(table2).unwrap());
        prop_assert_eq!(first, second);
    }

    /// The area between the deletion curves of the two orders, evaluated with both orders.
    #[test]
    fn the_area_between_is_that_of_both_orders(
        table in prop::collection::vec(-1.0..1.0_f64, 64),
        values in prop::collection::vec(-1.0..1.0_f64, 6),
        volumes in prop::collection::vec(0.1..4.0_f64, 6),
    ) {
        let mut game = TableGame::new(table).unwrap();
        let plan = CurvePlan::by_value(&values, &volumes, Steps::All).unwrap();
        let mut reversed = plan.order().to_vec();
        reversed.reverse();
        let least_first = CurvePlan::along(reversed, &volumes, Steps::All).unwrap();
        let most = areas(&plan, &mut game);
        let least = areas(&least_first, &mut game);
        let by_players = least.deletion.by_players - most.deletion.by_players;
        let by_volume = least.deletion.by_volume - most.deletion.by_volume;
        prop_assert!(close(most.between.by_players, by_players));
        prop_assert!(close(most.between.by_volume, by_volume));
    }
}

#[test]
fn few_steps_are_close_and_exact_where_they_are() {
    let values: Vec<f64> = (0..300).map(|i| 0.97_f64.powi(i)).collect();
    let volumes = vec![1.0; 300];
    let mut game = Additive::new(&values, 0.0);
    let all = CurvePlan::by_value(&values, &volumes, Steps::All).unwrap();
    let some = CurvePlan::by_value(&values, &volumes, Steps::Logarithmic(32)).unwrap();
    assert!(some.counts().len() <= 32);
    let (all, some) = (areas(&all, &mut game), areas(&some, &mut game));
    let relative = some.insertion.by_players / all.insertion.by_players - 1.0;
    assert!(relative.abs() < 0.02, "{relative}");
}

#[test]
fn no_coalition_is_asked_for_twice() {
    let values = [0.4, 0.1, -0.2, 0.3, 0.05, 0.2];
    let volumes = [1.0; 6];
    let mut answers = Answers::default();
    let main = CurvePlan::by_value(&values, &volumes, Steps::All).unwrap();
    let random = RandomOrders::new(&volumes, Steps::All, 8, 3).unwrap();
    let plans = || random.plans().iter().chain([&main, &main]);
    let missing = answers.missing(plans());
    let distinct: HashSet<_> = missing.iter().collect();
    assert_eq!(distinct.len(), missing.len());
    // Everything is asked for in complementary pairs.
    for pair in missing.chunks(2) {
        assert_eq!(pair[0].complement(), pair[1]);
    }
    assert!(matches!(
        main.curves(&answers),
        Err(ExplainError::Unanswered { missing: 14 })
    ));
    let mut game = Additive::new(&values, 0.0);
    answers.complete(plans(), &mut game).unwrap();
    assert!(answers.missing(plans()).is_empty());
    assert_eq!(game.evaluations, missing.len());
    assert!(answers.insert(missing[0].clone(), f64::NAN).is_err());
}

#[test]
fn random_orders_of_equal_players_are_one_line() {
    let values = [0.25; 4];
    let orders = RandomOrders::new(&[1.0; 4], Steps::All, 5, 0).unwrap();
    let mut answers = Answers::default();
    let mut game = Additive::new(&values, 1.0);
    answers.complete(orders.plans(), &mut game).unwrap();
    let against = orders.plans()[0].curves(&answers).unwrap().insertion;
    let band = orders.band(&against, &answers, true).unwrap().unwrap();
    for (at, share) in against.player_shares.iter().enumerate() {
        let band = &band.insertion_by_players;
        assert!((band.mean[at] - share).abs() < 1e-12);
        assert!((band.high[at] - band.low[at]).abs() < 1e-9);
    }
    assert!((band.insertion_area.mean.by_volume - 0.5).abs() < 1e-12);
    let raw = orders.band(&against, &answers, false).unwrap().unwrap();
    assert!((raw.insertion_area.mean.by_players - 1.5).abs() < 1e-12);
}

/// Measured games of a Swin UNETR: its exact Shapley values must order better than chance.
#[test]
fn exact_values_of_a_network_beat_random_orders() {
    for name in ["mean", "blur"] {
        let path = format!(
            "{}/tests/fixtures/games/swin_M10_{name}_values.npy",
            env!("CARGO_MANIFEST_DIR")
        );
        let table: ndarray::Array1<f64> = ndarray_npy::read_npy(path).unwrap();
        let mut game = TableGame::new(table.to_vec()).unwrap();
        let values = shapley_values(&game).unwrap();
        let volumes = [1.0; 10];
        let plan = CurvePlan::by_value(&values, &volumes, Steps::All).unwrap();
        let orders = RandomOrders::new(&volumes, Steps::All, 20, 1).unwrap();
        let mut answers = Answers::default();
        answers
            .complete(orders.plans().iter().chain([&plan]), &mut game)
            .unwrap();
        let curves = plan.curves(&answers).unwrap().normalised().unwrap();
        let band = orders
            .band(&curves.insertion, &answers, true)
            .unwrap()
            .unwrap();
        let areas = curves.areas();
        for check in [
            checks::insertion(Some((&areas, &band))),
            checks::deletion(Some((&areas, &band))),
        ] {
            assert!(
                check.sentence.contains("faster than a random order"),
                "{name}: {check:?}"
            );
        }
        // Backwards the order is worse than chance, and said to be.
        let mut reversed = plan.order().to_vec();
        reversed.reverse();
        let plan = CurvePlan::along(reversed, &volumes, Steps::All).unwrap();
        answers.complete([&plan], &mut game).unwrap();
        let areas = plan.curves(&answers).unwrap().normalised().unwrap().areas();
        let check = checks::insertion(Some((&areas, &band)));
        assert!(
            check.sentence.contains("no faster than"),
            "{name}: {check:?}"
        );
    }
}
