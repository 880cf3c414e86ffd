//! Gaussian blurs.

use ndarray::parallel::prelude::*;
use ndarray::{Array, Array4, ArrayView4, Axis, Dimension, Zip};

use crate::explain::ExplainError;

/// Widest Gaussian in voxels: more is the mean in all but name, and slow.
const MAX_SIGMA_VOXELS: f64 = 1000.0;
/// The Gaussian is cut off at this many sigma.
const TRUNCATE: f64 = 4.0;

/// Separable Gaussian; beyond its border the image continues with its border voxel,
/// so that the edges are neither darkened nor mirrored.
///
/// Errors: a sigma that is not between 0 and 1000 voxels.
pub(super) fn blurred(
    image: ArrayView4<'_, f32>,
    spacing_mm: [f64; 3],
    sigma_mm: f64,
) -> Result<Array4<f32>, ExplainError> {
    let kernels = half_gaussians(spacing_mm, sigma_mm)?;
    let mut out = image.to_owned();
    for (axis, half_kernel) in kernels.iter().enumerate() {
        let from = out.clone();
        convolve(
            &from,
            &mut out,
            Axis(axis + 1),
            half_kernel,
            Beyond::Continued,
        );
    }
    Ok(out)
}

/// Gaussians along each axis from their centre outward, normalised over both sides.
///
/// Errors: a sigma that is not between 0 and 1000 voxels.
pub(super) fn half_gaussians(
    spacing_mm: [f64; 3],
    sigma_mm: f64,
) -> Result<[Vec<f64>; 3], ExplainError> {
    let sigmas = spacing_mm.map(|spacing| sigma_mm / spacing);
    match sigmas
        .iter()
        .find(|s| !(0.0..=MAX_SIGMA_VOXELS).contains(*s))
    {
        Some(&value) => Err(ExplainError::BadSetting {
            what: "the baseline's sigma in voxels",
            value,
            allowed: "between 0 and 1000",
        }),
        None => Ok(sigmas.map(half_gaussian)),
    }
}

fn half_gaussian(sigma: f64) -> Vec<f64> {
    if sigma == 0.0 {
        return vec![1.0];
    }
    let radius = (TRUNCATE * sigma).ceil() as usize;
    let mut half: Vec<f64> = (0..=radius)
        .map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp())
        .collect();
    let sum = 2.0 * half.iter().sum::<f64>() - 1.0;
    half.iter_mut().for_each(|weight| *weight /= sum);
    half
}

/// What lies beyond the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// Its last value, on and on.
    Continued,
    Nothing,
}

/// A convolution with a symmetric kernel along one axis, in double precision.
pub(super) fn convolve<T, D>(
    from: &Array<T, D>,
    to: &mut Array<T, D>,
    axis: Axis,
    half_kernel: &[f64],
    beyond: Beyond,
) where
    T: Sample,
    D: Dimension,
{
    if half_kernel.len() < 2 {
        to.assign(from);
        return;
    }
    let lanes = Zip::from(to.lanes_mut(axis)).and(from.lanes(axis));
    lanes.into_par_iter().for_each(|(mut to, from)| {
        let length = from.len();
        let (Some(first), Some(last)) = (from.first(), from.last()) else {
            return;
        };
        // Where nothing lies beyond a line, nothing lies farther away than it is long.
        let (sides, ends) = match beyond {
            Beyond::Continued => (half_kernel.len(), [first.to_f64(), last.to_f64()]),
            Beyond::Nothing => (half_kernel.len().min(length), [0.0; 2]),
        };
        let radius = sides - 1;
        let mut line = vec![ends[0]; radius];
        line.extend(from.iter().map(|value| value.to_f64()));
        line.resize(length + 2 * radius, ends[1]);
        let mut sums: Vec<f64> = line[radius..][..length]
            .iter()
            .map(|value| half_kernel[0] * value)
            .collect();
        for (offset, weight) in half_kernel.iter().enumerate().take(sides).skip(1) {
            let (before, after) = (&line[radius - offset..], &line[radius + offset..]);
            for ((sum, before), after) in sums.iter_mut().zip(before).zip(after) {
                *sum += weight * (before + after);
            }
        }
        for (to, sum) in to.iter_mut().zip(sums) {
            *to = T::from_f64(sum);
        }
    });
}

/// A number that an image is made of.
pub(super) trait Sample: Copy + Send + Sync {
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
}

impl Sample for f32 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Sample for f64 {
    fn to_f64(self) -> f64 {
        self
    }

    fn from_f64(value: f64) -> Self {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Gaussian blurred by a Gaussian is a wider, lower Gaussian.
    #[test]
    fn blur_of_a_gaussian_is_analytic() {
        let spacing_mm = [1.0, 0.5, 2.0];
        let (own, blur): (f64, f64) = (4.0, 3.0);
        let wide = own.hypot(blur);
        let bell = |sigma: f64, x: usize, y: usize, z: usize| {
            let r2 = (x as f64 - 20.0).powi(2)
                + (0.5 * (y as f64 - 40.0)).powi(2)
                + (2.0 * (z as f64 - 10.0)).powi(2);
            (own / sigma).powi(3) * (-0.5 * r2 / sigma.powi(2)).exp()
        };
        let image =
            Array4::from_shape_fn((1, 41, 81, 21), |(_, x, y, z)| bell(own, x, y, z) as f32);
        let found = blurred(image.view(), spacing_mm, blur).unwrap();
        for ([_, x, y, z], value) in found
            .indexed_iter()
            .map(|((c, x, y, z), v)| ([c, x, y, z], v))
        {
            let inner = (8..33).contains(&x) && (16..65).contains(&y) && (4..17).contains(&z);
            let expected = bell(wide, x, y, z);
            assert!(
                !inner || (f64::from(*value) - expected).abs() < 2e-3,
                "{x} {y} {z}"
            );
        }
    }

    #[test]
    fn borders_are_not_darkened_and_zero_sigma_changes_nothing() {
        let flat = Array4::from_elem((1, 7, 1, 3), 5.0);
        let found = blurred(flat.view(), [1.0; 3], 30.0).unwrap();
        assert!(found.iter().all(|v| (v - 5.0).abs() < 1e-5));
        let image = Array4::from_shape_fn((1, 5, 4, 3), |(_, x, y, z)| (x * y + z) as f32);
        assert_eq!(blurred(image.view(), [1.0; 3], 0.0).unwrap(), image);
    }

    #[test]
    fn bad_sigmas_are_named() {
        let image = Array4::zeros((1, 2, 2, 2));
        for sigma_mm in [-1.0, f64::NAN, f64::INFINITY, 1e9] {
            let found = blurred(image.view(), [1.0; 3], sigma_mm);
            assert!(
                matches!(found, Err(ExplainError::BadSetting { .. })),
                "{sigma_mm}"
            );
        }
    }
}
