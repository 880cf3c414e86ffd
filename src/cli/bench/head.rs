//! A made-up head for timings: tissues with smooth borders, folds, a lesion, a slow
//! change of brightness, noise everywhere, dark noisy air around. The same numbers on
//! every machine up to rounding.

use rayon::prelude::*;

/// Standard deviation of the noise; white and grey matter are 180 apart.
const NOISE: f64 = 22.0;

/// Values from 0 to about 900, x fastest.
pub(super) fn volume(dims: [usize; 3]) -> Vec<f32> {
    let [nx, ny, _] = dims;
    let mut values = vec![0.0; dims.iter().product()];
    let slice = (nx * ny).max(1);
    values
        .par_chunks_mut(slice)
        .enumerate()
        .for_each(|(depth, values)| {
            for (i, value) in values.iter_mut().enumerate() {
                let [x, y, z] = std::array::from_fn(|axis| {
                    let voxel = [i % nx, i / nx, depth][axis] as f64 + 0.5;
                    2.0 * voxel / dims[axis] as f64 - 1.0
                });
                let noise = NOISE * gaussian((depth * slice + i) as u64);
                // A magnitude image: nothing is below zero, not even noise.
                *value = (tissue(x, y, z) * brightness(x, y, z) + noise).abs() as f32;
            }
        });
    values
}

/// The value of the tissue at a place from -1 to 1 along each axis.
fn tissue(x: f64, y: f64, z: f64) -> f64 {
    let radius = ellipsoid([x, y, z], [0.0; 3], [0.82, 0.94, 0.9]);
    let folds = (9.0 * x + 2.0 * (5.0 * y).sin()).sin()
        + (8.0 * y + 2.0 * (6.0 * z).sin()).sin()
        + (10.0 * z + 2.0 * (4.0 * x).sin()).sin();
    let ventricle = |side: f64| ellipsoid([x, y, z], [side * 0.14, 0.05, 0.08], [0.09, 0.35, 0.16]);
    let lesion = ellipsoid([x, y, z], [0.38, -0.25, 0.2], [0.2, 0.17, 0.18]);

    let mut value = 420.0 + 90.0 * (2.0 * folds).tanh();
    value = blend(value, 160.0, 1.0 - ventricle(-1.0), 0.05);
    value = blend(value, 160.0, 1.0 - ventricle(1.0), 0.05);
    value = blend(value, 680.0, 1.0 - lesion, 0.04);
    value = blend(value, 240.0, 0.5 - lesion, 0.04);
    value = blend(value, 110.0, radius - 0.86, 0.01);
    value = blend(value, 750.0, radius - 0.93, 0.01);
    blend(value, 0.0, radius - 1.0, 0.01)
}

/// Distance from the centre in units of the ellipsoid's surface.
fn ellipsoid(at: [f64; 3], centre: [f64; 3], radii: [f64; 3]) -> f64 {
    (0..3)
        .map(|axis| ((at[axis] - centre[axis]) / radii[axis]).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// From `outside` to `inside` where `depth` passes 0, over about `width`.
fn blend(outside: f64, inside: f64, depth: f64, width: f64) -> f64 {
    let share = (0.5 + depth / width).clamp(0.0, 1.0);
    outside + (inside - outside) * share
}

/// The slow change of brightness that receive coils leave.
fn brightness(x: f64, y: f64, z: f64) -> f64 {
    1.0 + 0.12 * (1.7 * x + 0.4).sin() * (1.3 * y).cos() + 0.06 * z
}

/// Nearly normal numbers of a counter: the sum of four even ones, scaled to a standard
/// deviation of 1.
fn gaussian(counter: u64) -> f64 {
    let bits = mix(counter);
    let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xffff).sum();
    (sum as f64 / 65535.0 - 2.0) * 3.0_f64.sqrt()
}

/// SplitMix64 (Steele, Lea & Flood 2014).
fn mix(counter: u64) -> u64 {
    let mut bits = counter.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_is_normal_enough() {
        let values: Vec<f64> = (0..100_000).map(gaussian).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
    }

    #[test]
    fn a_head_in_air() {
        let dims = [40, 48, 32];
        let values = volume(dims);
        let at = |x: usize, y: usize, z: usize| values[x + 40 * (y + 48 * z)];
        assert!(at(0, 0, 0) < 100.0 && at(20, 2, 16) > 500.0 && at(10, 24, 16) > 200.0);
        assert_eq!(values, volume(dims));
    }
}
