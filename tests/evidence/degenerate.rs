//! Constant values, one player, all zeros, and bounds that always hold: no NaN ever leaves.

use proptest::prelude::*;
use voxplain::explain::Coalition;
use voxplain::explain::evidence::correlation::{kendall, pearson, spearman};
use voxplain::explain::evidence::similarity::{
    compare_segmentations, compare_values, jaccard, structural_similarity,
};
use voxplain::explain::evidence::{
    Answers, CurvePlan, Groups, RandomOrders, Steps, faithfulness, localisation, sparsity,
};
use voxplain::explain::maps::{Segmentation, SmoothSettings, average, smooth};

use super::Additive;

/// Every number of a value as it is written to a file: what JSON has no word for, NaN and
/// infinity, is written as null, so the `None`s are counted too.
fn nulls(value: &impl serde::Serialize) -> usize {
    fn count(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Null => 1,
            serde_json::Value::Array(list) => list.iter().map(count).sum(),
            serde_json::Value::Object(fields) => fields.values().map(count).sum(),
            _ => 0,
        }
    }
    count(&serde_json::to_value(value).unwrap())
}

#[test]
fn curves_without_anything_to_share() {
    for values in [
        vec![0.0; 5],
        vec![0.3; 5],
        vec![0.7],
        vec![0.0],
        vec![1.0, -1.0],
    ] {
        let volumes = vec![1.0; values.len()];
        let plan = CurvePlan::by_value(&values, &volumes, Steps::Logarithmic(9)).unwrap();
        let orders = RandomOrders::new(&volumes, Steps::Logarithmic(9), 3, 0).unwrap();
        let mut answers = Answers::default();
        let mut game = Additive::new(&values, 0.0);
        answers
            .complete(orders.plans().iter().chain([&plan]), &mut game)
            .unwrap();
        let curves = plan.curves(&answers).unwrap();
        assert_eq!(nulls(&curves) + nulls(&curves.areas()), 0);
        let shares_something = values.iter().sum::<f64>() != 0.0;
        assert_eq!(curves.normalised().is_some(), shares_something);
        for normalised in [false, true] {
            let band = orders
                .band(&curves.insertion, &answers, normalised)
                .unwrap();
            assert_eq!(band.is_some(), shares_something || !normalised);
            assert_eq!(band.map_or(0, |band| nulls(&band)), 0);
        }
    }
}

#[test]
fn faithfulness_without_rows_or_without_change() {
    let none = faithfulness(&[0.5, 0.2], 0.0, 0.7, &[]).unwrap();
    assert_eq!(
        (none.rows, none.correlation, none.infidelity),
        (0, None, None)
    );
    let flat: Vec<(Coalition, f64)> = (0..20)
        .map(|i| (Coalition::from_bools(&[i % 2 == 0, i % 3 == 0]), 0.1))
        .collect();
    let flat = faithfulness(&[0.0; 2], 0.1, 0.1, &flat).unwrap();
    assert_eq!((flat.correlation, flat.surrogate_fit), (None, None));
    assert_eq!(
        (flat.infidelity, flat.relative_infidelity),
        (Some(0.0), None)
    );
    let wrong = faithfulness(&[0.0; 3], 0.0, 1.0, &[(Coalition::empty(2), 0.0)]);
    assert!(wrong.is_err());
    let nan = faithfulness(&[0.0; 2], 0.0, 1.0, &[(Coalition::empty(2), f64::NAN)]);
    assert!(nan.is_err());
}

#[test]
fn places_of_maps_that_hold_nothing() {
    let target = [true, false, false, false];
    for map in [[0.0_f32; 4], [-0.5; 4]] {
        let groups = Groups::of_voxels(&map, None, &target, &target).unwrap();
        let found = localisation(&groups).unwrap();
        assert_eq!((found.mass_accuracy, found.leakage), (None, None));
        assert_eq!((found.pointing, found.rank_accuracy), (0.25, 0.25));
    }
    let nowhere = Groups::of_voxels(&[1.0; 4], None, &[false; 4], &[false; 4]).unwrap();
    assert_eq!(localisation(&nowhere), None);
    let empty = Groups::of_players(&[], &[0; 4], &target, &target).unwrap();
    assert_eq!(localisation(&empty), None);
    assert!(Groups::of_players(&[1.0], &[2; 4], &target, &target).is_err());
    assert!(Groups::of_voxels(&[f32::NAN; 4], None, &target, &target).is_err());
    assert!(Groups::of_voxels(&[1.0; 3], None, &target, &target).is_err());
}

#[test]
fn averages_of_segmentations() {
    let one = Segmentation {
        labels: &[1, 1, 2, 2],
        values: &[2.0, 4.0],
    };
    let other = Segmentation {
        labels: &[1, 2, 2, 2],
        values: &[3.0, 3.0],
    };
    let both = average(&[one, other], 0.5).unwrap();
    assert_eq!(both.density, [4.0, 2.0, 3.0, 3.0]);
    let deviation = both.standard_deviation.unwrap();
    for (found, expected) in deviation
        .iter()
        .zip([8.0_f32.sqrt(), 0.0, 2_f32.sqrt(), 2_f32.sqrt()])
    {
        assert!((found - expected).abs() < 1e-6);
    }
    let sum: f32 = both.density.iter().sum::<f32>() * 0.5;
    assert!((sum - 6.0).abs() < 1e-6);
    let alone = average(&[one], 0.5).unwrap();
    assert_eq!(
        (alone.density, alone.standard_deviation),
        (one.density(0.5).unwrap(), None)
    );
    assert!(average(&[], 1.0).is_err());
}

#[test]
fn smoothing_what_is_flat_or_empty() {
    let dims = [5, 4, 3];
    let run = |map: &[f32], scan: &[f32], include: &[bool]| {
        smooth(
            map,
            scan,
            include,
            dims,
            [1.0; 3],
            SmoothSettings::default(),
        )
    };
    let scan: Vec<f32> = (0..60).map(|i| (i as f32).sin()).collect();
    let flat = run(&[0.25; 60], &scan, &[true; 60]).unwrap();
    assert!(flat.values.iter().all(|value| (value - 0.25).abs() < 1e-6));
    assert!(flat.sum_correction < 1e-6);
    let zero = run(&[0.0; 60], &[7.0; 60], &[true; 60]).unwrap();
    assert_eq!(zero.values, [0.0; 60]);
    let outside = run(&scan, &[f32::NAN; 60], &[false; 60]).unwrap();
    assert_eq!(outside.values, [0.0; 60]);
    let unknown = run(&scan, &[f32::NAN; 60], &[true; 60]).unwrap();
    assert!(unknown.values.iter().all(|value| value.is_finite()));
    assert!(run(&[f32::NAN; 60], &scan, &[true; 60]).is_err());
    assert!(run(&scan[1..], &scan, &[true; 60]).is_err());
}

proptest! {
    #[test]
    fn correlations_keep_their_bounds(
        x in prop::collection::vec(-1e3..1e3_f64, 0..12),
        y in prop::collection::vec(-1e-3..1e-3_f64, 0..12),
    ) {
        for measure in [pearson, spearman, kendall] {
            let found = measure(&x, &y);
            prop_assert!(found.is_none_or(|r| (-1.0..=1.0).contains(&r)));
            match (found, measure(&y, &x)) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-12),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }

    #[test]
    fn overlaps_keep_their_bounds(
        masks in prop::collection::vec((any::<bool>(), any::<bool>(), 0.0..9.0_f64), 0..12),
    ) {
        let a: Vec<bool> = masks.iter().map(|mask| mask.0).collect();
        let b: Vec<bool> = masks.iter().map(|mask| mask.1).collect();
        let weights: Vec<f64> = masks.iter().map(|mask| mask.2).collect();
        let overlap = jaccard(&a, &b, &weights).unwrap();
        prop_assert!((0.0..=1.0).contains(&overlap));
        prop_assert_eq!(Some(overlap), jaccard(&b, &a, &weights));
        prop_assert_eq!(jaccard(&a, &a, &weights), Some(1.0));
    }

    #[test]
    fn structure_keeps_its_bounds(
        a in prop::collection::vec(-1.0..1.0_f32, 343),
        b in prop::collection::vec(-1.0..1.0_f32, 343),
    ) {
        let found = structural_similarity(&a, &b, [7; 3], 2.0).unwrap();
        prop_assert!((-1.0..=1.0 + 1e-12).contains(&found));
        prop_assert!((found - structural_similarity(&b, &a, [7; 3], 2.0).unwrap()).abs() < 1e-12);
    }

    #[test]
    fn sparsity_keeps_its_bounds(
        players in prop::collection::vec((-1.0..1.0_f64, 0.1..4.0_f64), 1..30),
    ) {
        let (values, volumes): (Vec<f64>, Vec<f64>) = players.into_iter().unzip();
        let found = sparsity::sparsity(&values, &volumes).unwrap();
        prop_assert!((0.0..=1.0).contains(&found.gini));
        prop_assert!((1.0 - 1e-9..=values.len() as f64 + 1e-9).contains(&found.equal_players));
        prop_assert!((0.1 - 1e-9..=1.0).contains(&found.share_in_top_tenth));
        prop_assert!((0.1 - 1e-9..=1.0).contains(&found.share_in_top_tenth_of_volume));
    }

    /// The exact comparison of two cuts is that of their voxels.
    #[test]
    fn other_cuts_are_compared_voxel_by_voxel(
        labels in prop::collection::vec((0..4_u16, 0..5_u16), 40),
        a in prop::collection::vec(-1.0..1.0_f64, 3),
        b in prop::collection::vec(-1.0..1.0_f64, 4),
    ) {
        let (first, second): (Vec<u16>, Vec<u16>) = labels.iter().copied().unzip();
        let cut = |labels, values| Segmentation { labels, values };
        let (one, other) = (cut(&first, &a), cut(&second, &b));
        let found = compare_segmentations(one, other).unwrap();
        let (x, y) = (one.voxel_values().unwrap(), other.voxel_values().unwrap());
        let (x, y): (Vec<f64>, Vec<f64>) = labels
            .iter()
            .filter(|(a, b)| *a > 0 && *b > 0)
            .map(|&(a, b)| (x[usize::from(a) - 1], y[usize::from(b) - 1]))
            .unzip();
        let expected = compare_values(&x, &y);
        for (found, expected) in [
            (found.spearman, expected.spearman),
            (found.pearson, expected.pearson),
        ] {
            match (found, expected) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-9),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}
