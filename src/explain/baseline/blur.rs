//! A Gaussian blur of the image.

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array4, ArrayView1, ArrayView4, Axis};

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
    let mut out = image.to_owned();
    for (axis, spacing) in spacing_mm.into_iter().enumerate() {
        let sigma = sigma_mm / spacing;
        if !(0.0..=MAX_SIGMA_VOXELS).contains(&sigma) {
            return Err(ExplainError::BadSetting {
                what: "the blur's sigma in voxels",
                value: sigma,
                allowed: "between 0 and 1000",
            });
        }
        let half_kernel = half_gaussian(sigma);
        if half_kernel.len() > 1 {
            let from = out.clone();
            let axis = Axis(axis + 1);
            let lanes = ndarray::Zip::from(out.lanes_mut(axis)).and(from.lanes(axis));
            lanes.into_par_iter().for_each(|(mut to, from)| {
                for (to, value) in to.iter_mut().zip(convolved(from, &half_kernel)) {
                    *to = value;
                }
            });
        }
    }
    Ok(out)
}

/// The kernel from its centre outward, normalised over both sides.
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

fn convolved(line: ArrayView1<f32>, half_kernel: &[f64]) -> Array1<f32> {
    let last = line.len().saturating_sub(1);
    let at = |index: usize| {
        line.get(index.min(last))
            .map_or(0.0, |&value| f64::from(value))
    };
    Array1::from_shape_fn(line.len(), |centre| {
        let pairs = half_kernel
            .iter()
            .enumerate()
            .map(|(offset, weight)| match offset {
                0 => weight * at(centre),
                _ => weight * (at(centre.saturating_sub(offset)) + at(centre + offset)),
            });
        pairs.sum::<f64>() as f32
    })
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
