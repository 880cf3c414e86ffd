//! The checks of an explanation, each with its limits and its plain sentence.
//!
//! A check takes what was measured, `None` if it was not, and never fails: what cannot be
//! said is "Not computed". The limits are stated beside each check. They are
//! conventions of this program; the numbers are given so that a reader can use others.

use super::verdict::Limits;
use super::{
    Area, AreaBand, Check, CurveAreas, Faithfulness, Goal, Localisation, MinimalSet, RandomBand,
    Resemblance, Verdict, similarity::RandomWeights,
};

/// Restoring the regions from the highest value on against random orders: supported above
/// the 95 % band of random orders, refuted below their mean. By volume, normalised.
pub fn insertion(measured: Option<(&CurveAreas, &RandomBand)>) -> Check {
    against_random(
        "insertion",
        measured.map(|(areas, band)| (areas.insertion, &band.insertion_area)),
        1.0,
        "Showing the most important regions first brings the segmentation back",
    )
}

/// Hiding the regions from the highest value on against random orders: supported below the
/// 95 % band, refuted above the mean. By volume, normalised.
pub fn deletion(measured: Option<(&CurveAreas, &RandomBand)>) -> Check {
    against_random(
        "deletion",
        measured.map(|(areas, band)| (areas.deletion, &band.deletion_area)),
        -1.0,
        "Hiding the most important regions first makes the segmentation vanish",
    )
}

fn against_random(
    name: &'static str,
    measured: Option<(Area, &AreaBand)>,
    sign: f64,
    what: &str,
) -> Check {
    let Some((area, band)) = measured else {
        return Check::of(name, None, NO_LIMITS, |_, _| String::new());
    };
    let mean = band.mean.by_volume;
    let edge = if sign > 0.0 { band.high } else { band.low }.by_volume;
    let limits = Limits {
        supported: edge,
        // A hair apart, so that a band without width still knows its better side.
        refuted: if edge == mean {
            mean - sign * 1e-12
        } else {
            mean
        },
    };
    Check::of(name, Some(area.by_volume), limits, |value, verdict| {
        let reading = verdict.pick([
            "clearly faster than a random order",
            "somewhat faster than a random order, but not beyond chance",
            "no faster than a random order",
        ]);
        format!("{what} {reading} (area {value:.2}; random orders {mean:.2}).")
    })
}

/// Drops of held-out coalitions against their prediction: supported from a correlation of
/// 0.7, refuted up to 0.4.
pub fn prediction(measured: Option<&Faithfulness>) -> Check {
    let value = measured.and_then(|found| found.correlation);
    let rows = measured.map_or(0, |found| found.rows);
    let limits = limits(0.7, 0.4);
    Check::of("prediction", value, limits, |value, verdict| {
        let reading = verdict.pick(["well", "only roughly", "hardly"]);
        format!(
            "The values {reading} predict what hiding regions does in {rows} runs that were not used to compute them (correlation {value:.2})."
        )
    })
}

/// Fit of the sum of values on held-out coalitions: supported from R² of 0.8, refuted up
/// to 0.5.
pub fn additive_fit(measured: Option<&Faithfulness>) -> Check {
    let value = measured.and_then(|found| found.surrogate_fit);
    Check::of("additive fit", value, limits(0.8, 0.5), |value, verdict| {
        let reading = verdict.pick([
            "Adding up the regions' values describes the network well here",
            "Regions act partly together, so adding up their values describes the network roughly",
            "Regions act together, so single values do not describe the network well here",
        ]);
        format!("{reading} (fit {value:.2}, where 1 is perfect).")
    })
}

/// Dice of the segmentation when only the mask is kept: supported from 0.9, refuted up
/// to 0.5.
pub fn keep_only_mask(dice: Option<f64>) -> Check {
    let limits = limits(0.9, 0.5);
    Check::of("keep only the mask", dice, limits, |value, verdict| {
        let reading = verdict.pick([
            "gives almost the same segmentation",
            "gives part of the segmentation",
            "does not give the segmentation back",
        ]);
        format!("Keeping only the mask {reading} (overlap {value:.2}).")
    })
}

/// Dice of the segmentation when the mask is hidden: supported down to 0.5, refuted
/// from 0.9.
pub fn hide_mask(dice: Option<f64>) -> Check {
    let limits = limits(0.5, 0.9);
    Check::of("hide the mask", dice, limits, |value, verdict| {
        let reading = verdict.pick([
            "takes the segmentation away",
            "changes the segmentation in part",
            "hardly changes the segmentation",
        ]);
        format!("Hiding the mask {reading} (overlap {value:.2}).")
    })
}

/// A minimal set's share of all volume: supported up to a quarter, refuted from three
/// quarters. A set that grew and shrank in score is at best doubtful.
pub fn small_set(measured: Option<&MinimalSet>, total_mm3: f64) -> Check {
    let value = measured.map(|set| set.volume_mm3 / total_mm3);
    let name = match measured.map(|set| set.goal) {
        Some(Goal::HideToAtMost(_)) => "smallest necessary part",
        _ => "smallest sufficient part",
    };
    let mut check = Check::of(name, value, limits(0.25, 0.75), |value, _| {
        let Some(set) = measured else {
            return String::new();
        };
        let does = match set.goal {
            Goal::KeepAtLeast(_) => "Keeping",
            Goal::HideToAtMost(_) => "Hiding",
        };
        let regions = if set.count == 1 { "region" } else { "regions" };
        let warning = if set.monotone() {
            ""
        } else {
            " Showing more did not always raise the overlap, so a smaller part may exist."
        };
        format!(
            "{does} {} {regions} ({:.1} mL, {:.0} % of the volume) leaves an overlap of {:.2}.{warning}",
            set.count,
            set.volume_mm3 / 1000.0,
            100.0 * value,
            set.score,
        )
    });
    let jumps = measured.is_some_and(|set| !set.monotone());
    if jumps && check.verdict == Verdict::Supported {
        check.verdict = Verdict::Doubtful;
    }
    check
}

/// Positive value in the target over what a map without knowledge would have there:
/// supported from 2, refuted up to 1.
pub fn points_at_target(measured: Option<&Localisation>) -> Check {
    let value = measured.and_then(|found| Some(found.mass_accuracy? / found.target_share));
    let limits = limits(2.0, 1.0);
    Check::of("points at the target", value, limits, |value, _| {
        let mass = measured
            .and_then(|found| found.mass_accuracy)
            .unwrap_or(0.0);
        format!(
            "{:.0} % of the evidence lies inside the target, {value:.1} times what its size alone would give.",
            100.0 * mass,
        )
    })
}

/// Positive value far from the target: supported up to 0.2, refuted from 0.5.
pub fn leakage(measured: Option<&Localisation>, distance_mm: f64) -> Check {
    let value = measured.and_then(|found| found.leakage);
    Check::of(
        "far from the target",
        value,
        limits(0.2, 0.5),
        |value, _| {
            format!(
                "{:.0} % of the evidence lies more than {distance_mm} mm from the target.",
                100.0 * value
            )
        },
    )
}

/// Spearman's correlation of the values under another seed: supported from 0.9, refuted
/// up to 0.5.
pub fn same_under_another_seed(spearman: Option<f64>) -> Check {
    let limits = limits(0.9, 0.5);
    Check::of("another seed", spearman, limits, |value, verdict| {
        let reading = verdict.pick([
            "The map stays the same",
            "The map changes somewhat",
            "The map is mostly chance: it changes",
        ]);
        format!("{reading} when other random runs are made (rank correlation {value:.2}).")
    })
}

/// Overlap of the masks under another seed: supported from 0.8, refuted up to 0.5.
pub fn mask_under_another_seed(jaccard: Option<f64>) -> Check {
    let limits = limits(0.8, 0.5);
    Check::of("mask, another seed", jaccard, limits, |value, _| {
        format!(
            "The masks of two runs share {:.0} % of the volume that either covers.",
            100.0 * value
        )
    })
}

/// Spearman's correlation of the values under another way to hide a region: supported from
/// 0.7, refuted up to 0.3.
pub fn same_under_another_baseline(spearman: Option<f64>) -> Check {
    let limits = limits(0.7, 0.3);
    Check::of("another baseline", spearman, limits, |value, verdict| {
        let reading = verdict.pick([
            "depends little on",
            "depends in part on",
            "is mostly an effect of",
        ]);
        format!("The map {reading} how hidden regions are filled (rank correlation {value:.2}).")
    })
}

/// Spearman's correlation over voxels with the map of other supervoxels: supported from
/// 0.7, refuted up to 0.3.
pub fn same_under_other_supervoxels(spearman: Option<f64>) -> Check {
    let limits = limits(0.7, 0.3);
    Check::of("other supervoxels", spearman, limits, |value, verdict| {
        let reading = verdict.pick([
            "depends little on",
            "depends in part on",
            "is mostly an effect of",
        ]);
        format!("The map {reading} how the scan is cut into regions (rank correlation {value:.2}).")
    })
}

/// Spearman's correlation of the values with those of the most alike of other methods:
/// supported from 0.5, refuted up to 0.1. Methods that ask otherwise answer otherwise, so
/// the limits are loose.
pub fn other_methods_agree(spearman: Option<f64>) -> Check {
    let limits = limits(0.5, 0.1);
    Check::of("other methods", spearman, limits, |value, verdict| {
        let reading = verdict.pick([
            "Another way to ask the network ranks the regions much alike",
            "Other ways to ask the network rank the regions somewhat alike",
            "No other way to ask the network ranks the regions alike",
        ]);
        format!("{reading} (rank correlation {value:.2} at best).")
    })
}

/// The larger likeness to the map of a network with random weights: supported up to 0.3,
/// refuted from 0.7.
pub fn differs_from_random_weights(measured: Option<&RandomWeights>) -> Check {
    let value = measured.and_then(
        |found| match (found.spearman, found.structural_similarity) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        },
    );
    let limits = limits(0.3, 0.7);
    Check::of("random weights", value, limits, |value, verdict| {
        let reading = verdict.pick([
            "a very different map, so the map shows what the network has learned",
            "a map that is partly alike, so part of the map is the scan's own structure",
            "almost the same map, so the map does not show what the network has learned",
        ]);
        format!("A network with random weights gives {reading} (likeness {value:.2}).")
    })
}

/// `|Σφ − (v(N) − v(∅))|` over `|v(N) − v(∅)|`: supported up to 0.01, refuted from 0.1.
pub fn adds_up(residual: f64, value_empty: f64, value_full: f64) -> Check {
    let range = (value_full - value_empty).abs();
    let value = (range > 0.0).then(|| residual.abs() / range);
    Check::of("adds up", value, limits(0.01, 0.1), |value, _| {
        format!(
            "The regions' values add up to the whole effect but for {:.1} % of it.",
            100.0 * value
        )
    })
}

/// Unusual voxels of masked inputs: supported up to a tenth, refuted from a half.
pub fn looks_like_a_scan(measured: Option<&Resemblance>) -> Check {
    let value = measured.map(Resemblance::unusual_share);
    let limits = limits(0.1, 0.5);
    Check::of("looks like a scan", value, limits, |value, verdict| {
        let reading = verdict.pick([
            "look much like the scan",
            "look partly unlike the scan",
            "look unlike any scan, so the network's answers to them may mean little",
        ]);
        format!(
            "Inputs with hidden regions {reading}: {:.0} % of their voxels have a brightness, an edge or a texture that the scan hardly has.",
            100.0 * value
        )
    })
}

const NO_LIMITS: Limits = limits(0.0, 0.0);

const fn limits(supported: f64, refuted: f64) -> Limits {
    Limits { supported, refuted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_direction_has_three_verdicts() {
        let verdicts = |check: &dyn Fn(Option<f64>) -> Check, values: [f64; 3]| {
            values.map(|value| check(Some(value)).verdict)
        };
        let all = [Verdict::Supported, Verdict::Doubtful, Verdict::Refuted];
        assert_eq!(verdicts(&keep_only_mask, [0.9, 0.6, 0.5]), all);
        assert_eq!(verdicts(&hide_mask, [0.5, 0.6, 0.9]), all);
        assert_eq!(verdicts(&same_under_another_seed, [1.0, 0.7, -0.2]), all);
    }

    #[test]
    fn what_is_missing_is_not_computed() {
        let missing = [
            insertion(None),
            deletion(None),
            prediction(None),
            additive_fit(None),
            keep_only_mask(Some(f64::NAN)),
            hide_mask(None),
            small_set(None, 1.0),
            points_at_target(None),
            leakage(None, 5.0),
            differs_from_random_weights(None),
            adds_up(0.0, 1.0, 1.0),
            looks_like_a_scan(None),
        ];
        for check in missing {
            assert_eq!(check.verdict, Verdict::NotComputed);
            assert_eq!(
                (check.value, check.sentence.as_str()),
                (None, "Not computed.")
            );
            assert!(check.threshold.is_finite());
        }
    }

    #[test]
    fn sentences_carry_their_numbers() {
        let kept = keep_only_mask(Some(0.934));
        assert_eq!(
            kept.sentence,
            "Keeping only the mask gives almost the same segmentation (overlap 0.93)."
        );
        let off = adds_up(-0.02, 0.0, 1.0);
        assert_eq!(off.verdict, Verdict::Doubtful);
        assert!(off.sentence.contains("2.0 %"), "{}", off.sentence);
    }
}
