use super::*;
use crate::explain::permutation::PermutationEstimator;
use proptest::prelude::*;

/// Values of 2^players coalitions without any structure.
fn table(players: usize, seed: u64) -> TableGame {
    let values = (0..1_u64 << players).map(|n| {
        let bits = (n + 1 + (seed << 20)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((bits ^ bits >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / 1e6
    });
    TableGame::new(values.collect()).unwrap()
}

/// The game of whole supervoxels.
fn quotient(game: &TableGame, players: &SplitPlayers) -> TableGame {
    let values = (0..1_usize << players.supervoxels()).map(|present| {
        let mut coalition = Coalition::empty(players.players());
        for supervoxel in (0..players.supervoxels()).filter(|s| present >> s & 1 == 1) {
            players
                .players_of(supervoxel)
                .for_each(|p| coalition.insert(p));
        }
        game.value(&coalition).unwrap()
    });
    TableGame::new(values.collect()).unwrap()
}

fn orders(of: &[usize]) -> Vec<Vec<usize>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |&first: &usize| {
        let rest: Vec<usize> = of.iter().copied().filter(|&o| o != first).collect();
        orders(&rest).into_iter().map(move |mut order| {
            order.insert(0, first);
            order
        })
    };
    of.iter().flat_map(with_first).collect()
}

/// Owen's value by its definition: the mean marginal over all orders of the players in
/// which those of a supervoxel follow one another.
fn owen(game: &TableGame, players: &SplitPlayers) -> Vec<f64> {
    let mut sums = vec![0.0; players.players()];
    let mut count = 0.0;
    let supervoxels: Vec<usize> = (0..players.supervoxels()).collect();
    for outer in orders(&supervoxels) {
        let mut whole = vec![Vec::new()];
        for &supervoxel in &outer {
            let own: Vec<usize> = players.players_of(supervoxel).collect();
            let inner = orders(&own);
            whole = whole
                .iter()
                .flat_map(|start: &Vec<usize>| {
                    inner.iter().map(move |own| [&start[..], own].concat())
                })
                .collect();
        }
        for order in whole {
            let mut coalition = Coalition::empty(players.players());
            let mut before = game.value(&coalition).unwrap();
            for player in order {
                coalition.insert(player);
                let value = game.value(&coalition).unwrap();
                sums[player] += value - before;
                before = value;
            }
            count += 1.0;
        }
    }
    sums.iter().map(|sum| sum / count).collect()
}

#[test]
fn channels_are_players_of_an_exact_game() {
    let coalitions = channel_coalitions(3).unwrap();
    let mut game = table(3, 1);
    let values = game.evaluate(&coalitions).unwrap();
    assert_eq!(values, game.values());
    let found = channel_values(values).unwrap();
    assert_eq!(found, shapley_values(&game).unwrap());
    let change = game.values()[7] - game.values()[0];
    assert!((found.iter().sum::<f64>() - change).abs() < 1e-12);
    assert!(matches!(
        channel_coalitions(9),
        Err(ExplainError::TooManyToEnumerate(9, 8))
    ));
    assert!(matches!(
        channel_coalitions(0),
        Err(ExplainError::NoChannels)
    ));
    assert!(channel_values(vec![1.0; 5]).is_err());
}

/// From all coalitions before a supervoxel, weighted by how often they come before it,
/// the shares are Owen's by definition; whole supervoxels have their Shapley value.
#[test]
fn shares_are_owens() {
    let players = SplitPlayers::new(4, &[1, 3], 3).unwrap();
    assert_eq!(players.players_of(1), 1..4);
    let mut game = table(players.players(), 5);
    let expected = owen(&game, &players);
    let outer = quotient(&game, &players);
    let shapley = shapley_values(&outer).unwrap();
    for supervoxel in 0..4 {
        let own = &expected[players.players_of(supervoxel)];
        assert!((own.iter().sum::<f64>() - shapley[supervoxel]).abs() < 1e-10);
    }
    for supervoxel in [1, 3] {
        // Every order once, with its reverse.
        let values = orders(&[0, 1, 2, 3]).into_iter().map(|order| {
            let at = order.iter().position(|&s| s == supervoxel).unwrap();
            [&order[..at], &order[at + 1..]].map(|before| {
                let present: Vec<bool> = (0..4).map(|s| before.contains(&s)).collect();
                let before = Coalition::from_bools(&present);
                let inner = players.inner_coalitions(supervoxel, &before).unwrap();
                game.evaluate(&inner).unwrap()
            })
        });
        let values: Vec<_> = values.collect();
        let found = ChannelShares::from_values(values).unwrap();
        for (found, expected) in found
            .values
            .iter()
            .zip(&expected[players.players_of(supervoxel)])
        {
            assert!((found - expected).abs() < 1e-10, "{found} {expected}");
        }
        // So do random orders in the end, within five standard errors.
        let sampled = channel_shares(&mut game, &players, supervoxel, 3, 400).unwrap();
        let errors = sampled.standard_errors.unwrap();
        for ((found, error), expected) in sampled
            .values
            .iter()
            .zip(errors)
            .zip(&expected[players.players_of(supervoxel)])
        {
            assert!((found - expected).abs() < 5.0 * error && error > 0.0);
        }
    }
}

#[test]
fn wrong_questions_are_named() {
    let players = SplitPlayers::new(3, &[2], 2).unwrap();
    let before = Coalition::empty(3);
    assert!(matches!(
        players.inner_coalitions(0, &before),
        Err(ExplainError::NotSplit(0))
    ));
    assert!(players.inner_coalitions(2, &Coalition::empty(4)).is_err());
    assert!(matches!(
        SplitPlayers::new(3, &[3], 2),
        Err(ExplainError::NoSuchSupervoxel { supervoxel: 3, .. })
    ));
    assert!(SplitPlayers::new(0, &[], 2).is_err());
    assert!(coalitions_before(3, 3, 0, 1).is_err());
    assert!(channel_shares(&mut table(5, 0), &players, 2, 0, 1).is_err());
    assert!(ChannelShares::from_values([]).is_err());
    let uneven = [vec![0.0; 4], vec![0.0; 8]];
    assert!(ChannelShares::from_values([uneven]).is_err());
    let one = channel_shares(&mut table(4, 0), &players, 2, 0, 1).unwrap();
    assert_eq!(one.standard_errors, None);
}

proptest! {
    /// The channels of a supervoxel add up to its SHAP value from the same random orders,
    /// which are those of a permutation run of the same seed.
    #[test]
    fn channels_add_up_to_their_supervoxel(
        supervoxels in 2_usize..6,
        channels in 1_usize..4,
        passes in 1_usize..4,
        seed in 0_u64..1000,
    ) {
        let split = supervoxels - 1 - seed as usize % supervoxels.min(2);
        let players = SplitPlayers::new(supervoxels, &[split], channels).unwrap();
        let mut game = table(players.players(), seed);
        let shares = channel_shares(&mut game, &players, split, seed, passes).unwrap();
        let mut outer = quotient(&game, &players);
        let mut sampler = PermutationSampler::new(supervoxels, seed).unwrap();
        let mut estimator = PermutationEstimator::new(supervoxels, seed).unwrap();
        while estimator.passes() < passes {
            let (coalition, complement) = sampler.next_pair().unwrap();
            let values = outer.evaluate(&[coalition, complement]).unwrap();
            estimator.absorb(values[0], values[1]).unwrap();
        }
        let whole = estimator.complete().unwrap().players[split].shap_value;
        prop_assert!((shares.total - whole).abs() < 1e-9, "{} {}", shares.total, whole);
        let moved: f64 = shares.summing_to(1.25).iter().sum();
        prop_assert!((moved - 1.25).abs() < 1e-9);
    }
}
