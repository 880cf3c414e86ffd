//! Sums over boxes of voxels, in time that does not depend on the size of the box.

use rayon::prelude::*;

/// Voxels that may be stored in single precision; sums always run in double.
pub(in crate::explain) trait Sample: Copy + Send + Sync {
    fn wide(self) -> f64;
    fn narrow(wide: f64) -> Self;
}

impl Sample for f64 {
    fn wide(self) -> f64 {
        self
    }
    fn narrow(wide: f64) -> Self {
        wide
    }
}

impl Sample for f32 {
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn narrow(wide: f64) -> Self {
        wide as f32
    }
}

/// Replaces each voxel by the sum over the box of `radius` voxels to either side along
/// each axis; outside the image there is nothing. x fastest.
pub(in crate::explain) fn box_sums<T: Sample>(
    values: &mut [T],
    dims: [usize; 3],
    radius: [usize; 3],
) {
    let [nx, ny, nz] = dims;
    if values.is_empty() || values.len() != nx * ny * nz {
        return;
    }
    values
        .par_chunks_mut(nx)
        .for_each(|row| running_sums(row, 1, nx, radius[0]));
    values
        .par_chunks_mut(nx * ny)
        .for_each(|slice| running_sums(slice, nx, ny, radius[1]));
    let slice = nx * ny;
    // Along z all threads share each slice: a band of columns each.
    let band = slice.div_ceil(rayon::current_num_threads().max(1)).max(1);
    let columns: Vec<Vec<T>> = (0..slice.div_ceil(band))
        .into_par_iter()
        .map(|at| {
            let (from, to) = (at * band, ((at + 1) * band).min(slice));
            let planes = values.chunks(slice).filter_map(|plane| plane.get(from..to));
            let mut own: Vec<T> = planes.flatten().copied().collect();
            running_sums(&mut own, to - from, nz, radius[2]);
            own
        })
        .collect();
    values
        .par_chunks_mut(slice)
        .enumerate()
        .for_each(|(z, plane)| {
            for (part, own) in plane.chunks_mut(band).zip(&columns) {
                if let Some(sums) = own.get(z * part.len()..(z + 1) * part.len()) {
                    part.copy_from_slice(sums);
                }
            }
        });
}

/// Box sums along the slow axis of `count` rows of `width` values.
fn running_sums<T: Sample>(values: &mut [T], width: usize, count: usize, radius: usize) {
    if radius == 0 || width == 0 {
        return;
    }
    let source = values.to_vec();
    let row = |at: usize| source.get(at * width..(at + 1) * width).unwrap_or(&[]);
    let mut sums = vec![0.0_f64; width];
    for at in 0..radius.min(count) {
        add(&mut sums, row(at), 1.0);
    }
    for (at, out) in values.chunks_mut(width).enumerate() {
        if at + radius < count {
            add(&mut sums, row(at + radius), 1.0);
        }
        if at > radius {
            add(&mut sums, row(at - radius - 1), -1.0);
        }
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out = T::narrow(*sum);
        }
    }
}

fn add<T: Sample>(sums: &mut [f64], row: &[T], sign: f64) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += sign * value.wide();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_boxes_cut_off_at_the_border() {
        let dims = [4, 3, 5];
        let values: Vec<f64> = (0..60).map(|i| f64::from(i * i % 17) - 6.0).collect();
        for radius in [[0, 0, 0], [1, 2, 1], [9, 0, 2], [2, 1, 9]] {
            let mut sums = values.clone();
            box_sums(&mut sums, dims, radius);
            for (index, sum) in sums.iter().enumerate() {
                let at = [index % 4, index / 4 % 3, index / 12];
                let inside = (0..60).filter(|&other: &usize| {
                    let place = [other % 4, other / 4 % 3, other / 12];
                    (0..3).all(|axis| at[axis].abs_diff(place[axis]) <= radius[axis])
                });
                let expected: f64 = inside.map(|other| values[other]).sum();
                assert!((sum - expected).abs() < 1e-9, "{radius:?} at {at:?}");
            }
        }
    }
}
