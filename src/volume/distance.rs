//! Exact Euclidean distances between sets of voxels, in millimetres.
//!
//! One pass along each axis with its own spacing: along z by two sweeps, along y and x
//! by the lower envelope of parabolas (Felzenszwalb and Huttenlocher, Distance
//! transforms of sampled functions, Theory of Computing 8, 2012). The voxel axes must
//! be at right angles.

use rayon::prelude::*;

/// For each voxel that is true in `queries`, in the order of the data, the distance in
/// mm from its centre to the centre of the nearest voxel that is true in `sources`.
/// `dims` and `spacing_mm` name the fastest axis first.
///
/// `None` if there is no source or a list is not of the size of `dims`.
pub(super) fn distances_mm(
    queries: &[bool],
    sources: &[bool],
    dims: [usize; 3],
    spacing_mm: [f64; 3],
) -> Option<Vec<f64>> {
    let [nx, ny, nz] = dims;
    let count = nx * ny * nz;
    if count == 0 || queries.len() != count || sources.len() != count || !sources.contains(&true) {
        return None;
    }
    let mut squares = along_slices(sources, nx * ny, spacing_mm[2]);
    squares.par_chunks_mut(nx * ny).for_each_init(
        || (Envelope::default(), Vec::new()),
        |(envelope, column), slice| along_columns(slice, nx, spacing_mm[1], envelope, column),
    );
    let distances = squares.par_chunks(nx).zip(queries.par_chunks(nx)).map_init(
        Envelope::default,
        |envelope, (squares, queries)| {
            if !queries.contains(&true) {
                return Vec::new();
            }
            envelope.build(squares.iter().copied(), spacing_mm[0]);
            let wanted = queries.iter().zip(0..).filter(|&(&wanted, _)| wanted);
            envelope
                .values(wanted.map(|(_, x): (_, u32)| f64::from(x) * spacing_mm[0]))
                .map(f64::sqrt)
                .collect()
        },
    );
    Some(distances.collect::<Vec<Vec<f64>>>().concat())
}

/// The squared distance in mm² of each voxel to the nearest source in its line along
/// the slowest axis; infinite where the line has none.
fn along_slices(sources: &[bool], slice: usize, spacing_mm: f64) -> Vec<f32> {
    let mut steps = vec![f32::INFINITY; sources.len()];
    for (step, &source) in steps.iter_mut().zip(sources) {
        if source {
            *step = 0.0;
        }
    }
    let closer = |step: &mut f32, before: f32| *step = step.min(before + 1.0);
    for start in (slice..steps.len()).step_by(slice) {
        let (before, rest) = steps.split_at_mut(start);
        let before = before.iter().skip(start - slice);
        rest.iter_mut()
            .zip(before)
            .for_each(|(step, &before)| closer(step, before));
    }
    for start in (slice..steps.len()).step_by(slice).rev() {
        let (rest, after) = steps.split_at_mut(start);
        let rest = rest.iter_mut().skip(start - slice);
        rest.zip(after.iter())
            .for_each(|(step, &after)| closer(step, after));
    }
    steps
        .into_par_iter()
        .map(|step| (f64::from(step) * spacing_mm).powi(2) as f32)
        .collect()
}

/// Adds what the nearest source in other rows of a slice says to each voxel.
fn along_columns(
    slice: &mut [f32],
    nx: usize,
    spacing_mm: f64,
    envelope: &mut Envelope,
    column: &mut Vec<f64>,
) {
    for x in 0..nx {
        envelope.build(slice.iter().skip(x).step_by(nx).copied(), spacing_mm);
        if envelope.parabolas.is_empty() {
            continue;
        }
        let rows = u32::try_from(slice.len() / nx).unwrap_or(u32::MAX);
        column.clear();
        column.extend(envelope.values((0..rows).map(|y| f64::from(y) * spacing_mm)));
        let voxels = slice.iter_mut().skip(x).step_by(nx);
        for (square, &value) in voxels.zip(column.iter()) {
            *square = value as f32;
        }
    }
}

/// A parabola (position − vertex)² + height, and where it becomes the lowest, in mm.
#[derive(Debug, Clone, Copy)]
struct Parabola {
    vertex: f64,
    height: f64,
    from: f64,
}

/// The lowest of parabolas along a line.
#[derive(Debug, Default)]
struct Envelope {
    parabolas: Vec<Parabola>,
}

impl Envelope {
    /// From the height at each voxel of a line; infinite ones carry no parabola.
    fn build(&mut self, heights: impl Iterator<Item = f32>, spacing_mm: f64) {
        self.parabolas.clear();
        for (index, height) in (0_u32..).zip(heights) {
            if height.is_infinite() {
                continue;
            }
            let (vertex, height) = (f64::from(index) * spacing_mm, f64::from(height));
            let mut from = f64::NEG_INFINITY;
            while let Some(last) = self.parabolas.last() {
                from =
                    0.5 * ((height - last.height) / (vertex - last.vertex) + vertex + last.vertex);
                if from > last.from {
                    break;
                }
                self.parabolas.pop();
                from = f64::NEG_INFINITY;
            }
            self.parabolas.push(Parabola {
                vertex,
                height,
                from,
            });
        }
    }

    /// The lowest value at positions in mm that ascend; infinite without a parabola.
    fn values(&self, positions: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
        let mut at = 0;
        positions.map(move |position| {
            while self
                .parabolas
                .get(at + 1)
                .is_some_and(|next| next.from <= position)
            {
                at += 1;
            }
            self.parabolas.get(at).map_or(f64::INFINITY, |parabola| {
                (position - parabola.vertex).powi(2) + parabola.height
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIMS: [usize; 3] = [7, 6, 5];

    fn brute_force(queries: &[bool], sources: &[bool], spacing_mm: [f64; 3]) -> Vec<f64> {
        let [nx, ny, _] = DIMS;
        let place = |i: usize| [i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64);
        let all = |set: &[bool]| -> Vec<[f64; 3]> {
            let indices = (0..set.len()).filter(|&i| set[i]);
            indices.map(place).collect()
        };
        let sources = all(sources);
        let distance = |a: [f64; 3], b: [f64; 3]| {
            let square = |axis: usize| ((a[axis] - b[axis]) * spacing_mm[axis]).powi(2);
            (square(0) + square(1) + square(2)).sqrt()
        };
        all(queries)
            .into_iter()
            .map(|q| {
                sources
                    .iter()
                    .map(|&s| distance(q, s))
                    .fold(f64::INFINITY, f64::min)
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn are_those_of_comparing_all_pairs(
            chances in prop::collection::vec(0.0..1.0_f64, 210),
            queries in prop::collection::vec(prop::bool::ANY, 210),
            share in 0.005..0.5_f64,
            spacing_mm in prop::array::uniform3(0.3..6.0_f64),
        ) {
            let mut sources: Vec<bool> = chances.iter().map(|&c| c < share).collect();
            sources[17] = true;
            let found = distances_mm(&queries, &sources, DIMS, spacing_mm).unwrap();
            let wanted = brute_force(&queries, &sources, spacing_mm);
            prop_assert_eq!(found.len(), wanted.len());
            for (found, wanted) in found.into_iter().zip(wanted) {
                prop_assert!((found - wanted).abs() < 1e-5, "{} {}", found, wanted);
            }
        }
    }

    #[test]
    fn nothing_to_be_near_is_no_distance() {
        let [none, all] = [false, true].map(|v| vec![v; 210]);
        assert_eq!(distances_mm(&all, &none, DIMS, [1.0; 3]), None);
        assert_eq!(distances_mm(&all[1..], &all, DIMS, [1.0; 3]), None);
        assert_eq!(distances_mm(&none, &all, DIMS, [1.0; 3]), Some(vec![]));
        assert_eq!(
            distances_mm(&[], &[], [0, 6, 5], [1.0; 3]),
            None,
            "an axis without voxels"
        );
    }
}
