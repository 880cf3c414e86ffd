//! The smallest sufficient and necessary sets.

use proptest::prelude::*;
use voxplain::base::Cancelled;
use voxplain::explain::evidence::{
    Goal, MinimalSet, SearchLimits, checks, descending, minimal_set,
};
use voxplain::explain::{Coalition, ExplainError};

const NO_TESTS: SearchLimits = SearchLimits {
    removals: 0,
    swaps: 0,
};

fn search(
    values: &[f64],
    volumes: &[f64],
    goal: Goal,
    limits: SearchLimits,
    score: impl Fn(&Coalition) -> f64,
) -> Option<MinimalSet> {
    minimal_set(&descending(values), volumes, goal, limits, |c| Ok(score(c))).unwrap()
}

fn chosen(set: &MinimalSet) -> Vec<usize> {
    (0..set.players.len()).filter(|&p| set.players[p]).collect()
}

proptest! {
    /// On monotone scores the search finds the smallest number in order, in few evaluations.
    #[test]
    fn the_smallest_number_in_order(
        values in prop::collection::vec(0.01..1.0_f64, 1..80),
        wanted in 0.05..0.95_f64,
        keep in any::<bool>(),
    ) {
        let total: f64 = values.iter().sum();
        let goal = if keep { Goal::KeepAtLeast(wanted) } else { Goal::HideToAtMost(wanted) };
        let score = |c: &Coalition| c.iter().map(|p| values[p]).sum::<f64>() / total;
        let volumes = vec![2.0; values.len()];
        let set = search(&values, &volumes, goal, NO_TESTS, score).unwrap();

        let order = descending(&values);
        let mut sum = 0.0;
        let passes = |sum: f64| if keep { sum / total >= wanted } else { 1.0 - sum / total <= wanted };
        let smallest = order.iter().position(|&p| { sum += values[p]; passes(sum) }).unwrap() + 1;
        prop_assert_eq!(set.count, smallest);
        prop_assert_eq!(set.count_in_order, smallest);
        prop_assert!(set.monotone());
        prop_assert!((set.volume_mm3 - 2.0 * smallest as f64).abs() < 1e-9);
        let most = 2 * (usize::BITS - values.len().leading_zeros()) as usize + 1;
        prop_assert!(set.evaluations <= most, "{} of {}", set.evaluations, most);
    }

    /// Whatever the score does, what is returned reaches the goal with the score given.
    #[test]
    fn the_set_does_what_is_said(
        table in prop::collection::vec(0.0..1.0_f64, 64),
        values in prop::collection::vec(-1.0..1.0_f64, 6),
        volumes in prop::collection::vec(0.1..4.0_f64, 6),
        keep in any::<bool>(),
    ) {
        let goal = if keep { Goal::KeepAtLeast(0.7) } else { Goal::HideToAtMost(0.3) };
        let score = |c: &Coalition| table[c.words()[0] as usize];
        let limits = SearchLimits { removals: 4, swaps: 3 };
        if let Some(set) = search(&values, &volumes, goal, limits, score) {
            let coalition = goal.coalition(&Coalition::from_bools(&set.players));
            prop_assert_eq!(set.score, score(&coalition));
            let reached = if keep { set.score >= 0.7 } else { set.score <= 0.3 };
            prop_assert!(reached);
            let volume: f64 = chosen(&set).iter().map(|&p| volumes[p]).sum();
            prop_assert!((set.volume_mm3 - volume).abs() < 1e-9);
            prop_assert!(set.evaluations <= 7 + 4 + 3);
            prop_assert_eq!(set.count_in_order - set.removed, set.count);
        }
    }
}

/// Only players 1 and 3 matter, yet the values also put 0 and 2 high.
fn two_matter(c: &Coalition) -> f64 {
    if c.contains(1) && c.contains(3) {
        0.95
    } else {
        0.2
    }
}

#[test]
fn removal_finds_what_is_not_needed() {
    let values = [0.9, 0.8, 0.7, 0.6, 0.1];
    let set = search(
        &values,
        &[1.0; 5],
        Goal::SUFFICIENT,
        SearchLimits::default(),
        two_matter,
    )
    .unwrap();
    assert_eq!((set.count_in_order, chosen(&set)), (4, vec![1, 3]));
    assert_eq!((set.removed, set.swapped, set.score), (2, 0, 0.95));
    // 1, 2, 4 and 3 players; then 2, 1 and 0 dropped for a test.
    assert_eq!(set.evaluations, 7);
}

#[test]
fn a_smaller_player_takes_the_place_of_a_large_one() {
    // Any two players are enough; the first is large.
    let score = |c: &Coalition| if c.count() >= 2 { 1.0 } else { 0.0 };
    let values = [0.9, 0.8, 0.7];
    let limits = SearchLimits::default();
    let set = search(&values, &[9.0, 1.0, 2.0], Goal::SUFFICIENT, limits, score).unwrap();
    assert_eq!((chosen(&set), set.swapped), (vec![1, 2], 1));
    assert_eq!(set.volume_mm3, 3.0);
}

#[test]
fn a_setback_is_reported_and_makes_the_check_doubtful() {
    // Two players do worse than one, and four are enough.
    let score = |c: &Coalition| [0.0, 0.6, 0.3, 0.85, 0.95][c.count()];
    let set = search(
        &[4.0, 3.0, 2.0, 1.0],
        &[1.0; 4],
        Goal::SUFFICIENT,
        NO_TESTS,
        score,
    )
    .unwrap();
    assert_eq!(set.count, 4);
    assert!((set.largest_setback - 0.3).abs() < 1e-12 && !set.monotone());
    let check = checks::small_set(Some(&set), 100.0);
    assert_eq!(check.verdict.label(), "Doubtful");
    assert!(
        check.sentence.contains("a smaller part may exist"),
        "{}",
        check.sentence
    );
}

#[test]
fn what_cannot_be_reached_and_what_is_stopped() {
    let none = search(&[1.0, 2.0], &[1.0; 2], Goal::SUFFICIENT, NO_TESTS, |_| 0.5);
    assert_eq!(none, None);
    let one = search(
        &[1.0],
        &[1.0],
        Goal::NECESSARY,
        SearchLimits::default(),
        |c| c.count() as f64,
    );
    assert_eq!(one.map(|set| (set.count, set.evaluations)), Some((1, 1)));
    let stopped = minimal_set(&[0, 1], &[1.0; 2], Goal::SUFFICIENT, NO_TESTS, |_| {
        Err(ExplainError::Cancelled(Cancelled))
    });
    assert!(matches!(stopped, Err(ExplainError::Cancelled(_))));
    let strange = minimal_set(&[0, 1], &[1.0; 2], Goal::SUFFICIENT, NO_TESTS, |_| {
        Ok(f64::NAN)
    });
    assert!(matches!(strange, Err(ExplainError::NotFinite)));
    let twice = minimal_set(&[0, 0], &[1.0; 2], Goal::SUFFICIENT, NO_TESTS, |_| Ok(1.0));
    assert!(matches!(twice, Err(ExplainError::NotAnOrder(2))));
}
