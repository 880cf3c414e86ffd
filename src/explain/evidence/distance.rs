//! Voxels within a distance of a target, exactly, in millimetres.

use rayon::prelude::*;

use crate::explain::ExplainError;
use crate::explain::error::check_voxels;
use crate::explain::maps::check_spacing;

/// Whether each voxel's centre is within `distance_mm` of the centre of a voxel of the
/// target: the target dilated by a ball. x fastest. By the exact distance transform of
/// Felzenszwalb and Huttenlocher (2012), in time linear in the voxels.
pub fn within_distance(
    target: &[bool],
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    distance_mm: f64,
) -> Result<Vec<bool>, ExplainError> {
    check_voxels("the target", target.len(), dims.iter().product())?;
    check_spacing(spacing_mm)?;
    if !(distance_mm.is_finite() && distance_mm >= 0.0) {
        return Err(ExplainError::BadSetting {
            what: "the distance from the target",
            value: distance_mm,
            allowed: "0 mm or more",
        });
    }
    let far = f64::INFINITY;
    let mut squares: Vec<f64> = target.iter().map(|&t| if t { 0.0 } else { far }).collect();
    let [nx, ny, nz] = dims;
    squares
        .par_chunks_mut(nx.max(1))
        .for_each(|row| lower_envelope(row, spacing_mm[0]));
    squares.par_chunks_mut((nx * ny).max(1)).for_each(|slice| {
        along_columns(slice, nx, ny, spacing_mm[1]);
    });
    if nz > 1 {
        // Columns along z are gathered side by side so that each thread has its own.
        let columns: Vec<Vec<f64>> = (0..nx * ny)
            .into_par_iter()
            .map(|at| {
                let mut column: Vec<f64> =
                    squares.iter().skip(at).step_by(nx * ny).copied().collect();
                lower_envelope(&mut column, spacing_mm[2]);
                column
            })
            .collect();
        let slices = squares.par_chunks_mut(nx * ny).enumerate();
        slices.for_each(|(z, slice)| {
            for (square, column) in slice.iter_mut().zip(&columns) {
                *square = column.get(z).copied().unwrap_or(far);
            }
        });
    }
    // A hair of slack, so that a distance of exactly two voxels reaches two voxels.
    let limit = distance_mm * distance_mm * (1.0 + 1e-9);
    Ok(squares.par_iter().map(|&square| square <= limit).collect())
}

fn along_columns(slice: &mut [f64], nx: usize, ny: usize, spacing_mm: f64) {
    let mut column = vec![0.0; ny];
    for x in 0..nx {
        for (value, at) in column.iter_mut().zip(slice.iter().skip(x).step_by(nx)) {
            *value = *at;
        }
        lower_envelope(&mut column, spacing_mm);
        for (value, at) in column.iter().zip(slice.iter_mut().skip(x).step_by(nx)) {
            *at = *value;
        }
    }
}

/// Replaces f by min over q of f(q) + ((p − q)·spacing)²: the lower envelope of parabolas.
fn lower_envelope(values: &mut [f64], spacing: f64) {
    // The parabolas of the envelope: their place, their height, and where each begins.
    let mut parabolas: Vec<(f64, f64, f64)> = Vec::with_capacity(values.len());
    for (place, &height) in values.iter().enumerate() {
        if height == f64::INFINITY {
            continue;
        }
        let place = place as f64 * spacing;
        let mut begins = f64::NEG_INFINITY;
        while let Some(&(other, other_height, other_begins)) = parabolas.last() {
            let crossing = 0.5 * ((height - other_height) / (place - other) + place + other);
            if crossing > other_begins {
                begins = crossing;
                break;
            }
            parabolas.pop();
        }
        parabolas.push((place, height, begins));
    }
    let mut parabolas = parabolas.into_iter().peekable();
    let Some(mut current) = parabolas.next() else {
        return;
    };
    for (place, value) in values.iter_mut().enumerate() {
        let place = place as f64 * spacing;
        while let Some(next) = parabolas.next_if(|next| next.2 <= place) {
            current = next;
        }
        *value = current.1 + (place - current.0).powi(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ends_of_the_range() {
        let one = [false, true, false, false];
        let reach = |distance| within_distance(&one, [4, 1, 1], [2.0, 1.0, 1.0], distance).unwrap();
        assert_eq!(reach(0.0), one);
        assert_eq!(reach(1.9), one);
        assert_eq!(reach(2.0), [true, true, true, false]);
        assert_eq!(reach(4.0), [true; 4]);
        let none = within_distance(&[false; 8], [2, 2, 2], [1.0; 3], 99.0).unwrap();
        assert_eq!(none, [false; 8]);
        assert!(within_distance(&one, [2, 1, 1], [1.0; 3], 1.0).is_err());
        assert!(within_distance(&one, [4, 1, 1], [1.0, 0.0, 1.0], 1.0).is_err());
        assert!(within_distance(&one, [4, 1, 1], [1.0; 3], f64::NAN).is_err());
    }

    proptest! {
        #[test]
        fn as_by_comparing_every_pair(
            target in prop::collection::vec(prop::bool::weighted(0.08), 5 * 6 * 4),
            distance_mm in 0.0..7.0_f64,
        ) {
            let (dims, spacing_mm) = ([5, 6, 4], [0.8, 1.3, 2.5]);
            let place = |at: usize| [at % 5, at / 5 % 6, at / 30];
            let near = within_distance(&target, dims, spacing_mm, distance_mm).unwrap();
            for (voxel, found) in near.into_iter().enumerate() {
                let square = (0..target.len()).filter(|&t| target[t]).map(|t| {
                    let (a, b) = (place(voxel), place(t));
                    (0..3).map(|k| ((a[k] as f64 - b[k] as f64) * spacing_mm[k]).powi(2)).sum()
                });
                let nearest = square.fold(f64::INFINITY, f64::min);
                prop_assert_eq!(found, nearest <= distance_mm * distance_mm);
            }
        }
    }
}
