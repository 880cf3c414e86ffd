//! How planes lie along their normal: evenly, with some missing, or unevenly.

/// How planes are spread, and which of them make an even stack.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Spread {
    Even,
    /// Steps are multiples of one spacing. For each plane of the even stack the
    /// nearest one that is there.
    Missing {
        nearest: Vec<usize>,
    },
    /// For each plane of an even stack over the same extent: the ones below and above
    /// it, and the share of the one above.
    Uneven {
        between: Vec<(usize, usize, f64)>,
        shortest_mm: f64,
        longest_mm: f64,
    },
}

/// Of the spacing: how far a plane may be from its even place.
const TOLERANCE: f64 = 0.02;
/// An even stack has no more than this many planes for one that is there.
const MOST_PLANES: usize = 2;

/// `along_mm` grows strictly.
pub(super) fn spread(along_mm: &[f64]) -> Spread {
    let (Some(&low), Some(&high)) = (along_mm.first(), along_mm.last()) else {
        return Spread::Even;
    };
    let count = along_mm.len();
    if count < 3 || is_even(along_mm, low, (high - low) / (count - 1) as f64) {
        return Spread::Even;
    }
    let mut steps: Vec<f64> = along_mm.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_by(f64::total_cmp);
    let shortest_mm = steps.first().copied().unwrap_or(0.0);
    let longest_mm = steps.last().copied().unwrap_or(0.0);
    let median = steps.get(steps.len() / 2).copied().unwrap_or(shortest_mm);
    if let Some(nearest) = with_missing(along_mm, median) {
        return Spread::Missing { nearest };
    }
    let planes = ((high - low) / median).round() as usize + 1;
    let planes = planes.clamp(2, count.saturating_mul(MOST_PLANES));
    let step = (high - low) / (planes - 1) as f64;
    let between = (0..planes).map(|plane| bracket(along_mm, low + step * plane as f64));
    Spread::Uneven {
        between: between.collect(),
        shortest_mm,
        longest_mm,
    }
}

fn is_even(along_mm: &[f64], low: f64, step: f64) -> bool {
    let mut planes = along_mm.iter().enumerate();
    planes.all(|(i, place)| (place - (low + step * i as f64)).abs() <= TOLERANCE * step)
}

/// The nearest plane for each of an even stack, if every step is a multiple of one.
fn with_missing(along_mm: &[f64], step: f64) -> Option<Vec<usize>> {
    let low = along_mm.first()?;
    let extent = along_mm.last()? - low;
    let last = (extent / step).round();
    if last < 1.0 || last as usize >= along_mm.len().saturating_mul(MOST_PLANES) {
        return None;
    }
    // Refined over the whole extent, so that rounded spacings do not add up.
    let step = extent / last;
    let mut numbers = Vec::new();
    for place in along_mm {
        let number = (place - low) / step;
        if (number - number.round()).abs() > TOLERANCE {
            return None;
        }
        numbers.push(number.round() as usize);
    }
    if numbers.windows(2).any(|pair| pair[0] == pair[1]) {
        return None;
    }
    let nearest = (0..=last as usize).map(|plane| {
        let above = numbers
            .partition_point(|&number| number < plane)
            .min(numbers.len() - 1);
        let below = above.saturating_sub(1);
        let distance = |i: usize| numbers.get(i).map_or(usize::MAX, |n| n.abs_diff(plane));
        if distance(below) <= distance(above) {
            below
        } else {
            above
        }
    });
    Some(nearest.collect())
}

/// The planes around a place and the share of the upper one.
fn bracket(along_mm: &[f64], place: f64) -> (usize, usize, f64) {
    let last = along_mm.len() - 1;
    let above = along_mm
        .partition_point(|&other| other < place)
        .clamp(1, last);
    let below = above - 1;
    let (Some(low), Some(high)) = (along_mm.get(below), along_mm.get(above)) else {
        return (0, 0, 0.0);
    };
    let share = ((place - low) / (high - low)).clamp(0.0, 1.0);
    if share < TOLERANCE / 2.0 {
        (below, below, 0.0)
    } else if share > 1.0 - TOLERANCE / 2.0 {
        (above, above, 0.0)
    } else {
        (below, above, share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_positions_are_even() {
        let along: Vec<f64> = (0..300)
            .map(|i| (f64::from(i) * 0.703_125 * 100.0).round() / 100.0)
            .collect();
        assert_eq!(spread(&along), Spread::Even);
        assert_eq!(spread(&[3.0]), Spread::Even);
        assert_eq!(spread(&[3.0, 9.0]), Spread::Even);
    }

    #[test]
    fn missing_planes_are_found() {
        assert_eq!(
            spread(&[0.0, 2.5, 5.0, 12.5, 15.0]),
            Spread::Missing {
                nearest: vec![0, 1, 2, 2, 3, 3, 4]
            }
        );
    }

    #[test]
    fn uneven_planes_keep_their_places() {
        let along = [0.0, 2.0, 5.0, 7.0, 9.5];
        let Spread::Uneven {
            between,
            shortest_mm,
            longest_mm,
        } = spread(&along)
        else {
            panic!("not uneven")
        };
        assert_eq!((shortest_mm, longest_mm), (2.0, 3.0));
        let step = 9.5 / (between.len() - 1) as f64;
        for (plane, (below, above, share)) in between.into_iter().enumerate() {
            let place = along[below] * (1.0 - share) + along[above] * share;
            assert!(
                (place - step * plane as f64).abs() < 0.05,
                "{plane}: {place}"
            );
        }
    }
}
