//! Class activation maps by gradients (Seg-Grad-CAM).
//!
//! Selvaraju et al., "Grad-CAM", 2017; Vinogradova et al., "Towards Interpretable Semantic
//! Segmentation via Gradient-weighted Class Activation Mapping", 2020.

use ndarray::{Array1, Array3, ArrayView3, Axis, Zip};

use super::windows::WindowFeatures;

/// For each window the rectified sum of its features, each weighted with the mean
/// derivative with respect to it over all windows.
pub(super) fn activation_maps(windows: &[WindowFeatures]) -> Vec<(usize, Array3<f32>)> {
    let Some(first) = windows.first() else {
        return Vec::new();
    };
    let (channels, x, y, z) = first.features.dim();
    let mut weights = Array1::<f64>::zeros(channels);
    for window in windows {
        for (weight, derivative) in weights.iter_mut().zip(window.derivative.outer_iter()) {
            *weight += derivative.iter().map(|&d| f64::from(d)).sum::<f64>();
        }
    }
    weights /= (windows.len() * x * y * z).max(1) as f64;
    let of_window = |window: &WindowFeatures| {
        let mut sum = Array3::<f32>::zeros((x, y, z));
        for (features, &weight) in window.features.axis_iter(Axis(0)).zip(&weights) {
            sum.scaled_add(weight as f32, &features);
        }
        (window.window, sum.mapv_into(|value| value.max(0.0)))
    };
    windows.iter().map(of_window).collect()
}

/// A map on a grid `scale` times finer along each axis, by trilinear interpolation between
/// the centres of its voxels; beyond the outermost centres their value.
pub fn upsampled(map: ArrayView3<'_, f32>, scale: usize) -> Array3<f32> {
    let mut result = map.to_owned();
    for axis in 0..3 {
        result = along(&result, Axis(axis), scale.max(1));
    }
    result
}

fn along(map: &Array3<f32>, axis: Axis, scale: usize) -> Array3<f32> {
    let length = map.len_of(axis);
    let mut shape = map.raw_dim();
    shape[axis.index()] = length * scale;
    let mut result = Array3::zeros(shape);
    if length == 0 {
        return result;
    }
    for (index, mut plane) in result.axis_iter_mut(axis).enumerate() {
        let at = ((index as f32 + 0.5) / scale as f32 - 0.5).clamp(0.0, length as f32 - 1.0);
        let low = at.floor() as usize;
        let (share, high) = (at - at.floor(), (low + 1).min(length - 1));
        let (low, high) = (map.index_axis(axis, low), map.index_axis(axis, high));
        Zip::from(&mut plane)
            .and(&low)
            .and(&high)
            .for_each(|value, &low, &high| *value = low + share * (high - low));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;

    #[test]
    fn upsampling_is_linear_between_centres() {
        let map = Array3::from_shape_fn((4, 1, 2), |(x, _, z)| x as f32 + 10.0 * z as f32);
        let fine = upsampled(map.view(), 2);
        assert_eq!(fine.dim(), (8, 2, 4));
        let column: Vec<f32> = fine.slice(ndarray::s![.., 1, 0]).to_vec();
        assert_eq!(column, [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0]);
        assert_eq!(fine[[0, 0, 1]], 2.5);
        assert_eq!(upsampled(map.view(), 1), map);
    }

    #[test]
    fn features_are_weighted_by_their_mean_derivative_and_rectified() {
        let window = |window, scale: f32| WindowFeatures {
            window,
            features: Array4::from_shape_fn((2, 2, 1, 1), |(c, x, _, _)| {
                scale * (c as f32 + x as f32)
            }),
            derivative: Array4::from_shape_fn(
                (2, 2, 1, 1),
                |(c, _, _, _)| {
                    if c == 0 { -3.0 } else { 1.0 }
                },
            ),
        };
        let maps = activation_maps(&[window(4, 1.0), window(5, -1.0)]);
        // −3 · 0 + 1 · 1 and −3 · 1 + 1 · 2, and their opposites, without what is below 0.
        let flat = |map: &Array3<f32>| map.iter().copied().collect::<Vec<_>>();
        assert_eq!((maps[0].0, flat(&maps[0].1)), (4, vec![1.0, 0.0]));
        assert_eq!((maps[1].0, flat(&maps[1].1)), (5, vec![0.0, 1.0]));
    }
}
