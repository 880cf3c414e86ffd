//! What several test programs share: fixtures, reference weights, an adapter.

// Each test program uses a part of this.
#![allow(dead_code)]

pub mod adapter;

use std::path::PathBuf;

use ndarray::{ArrayD, IxDyn};
use voxplain::model::{ComputeDevice, MergeOrder, NetworkConfig, Weights, recipe};

/// A file under tests/fixtures.
pub fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(path)
}

/// A file of the larger fixtures beside the project.
pub fn large_fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/fixtures")
        .join(path)
}

/// An array of a NumPy file.
pub fn npy<T: ndarray_npy::ReadableElement>(path: PathBuf) -> ArrayD<T> {
    ndarray_npy::read_npy(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A device on a graphics adapter; see [`adapter::needed`].
pub fn adapter_or_skip() -> Option<ComputeDevice> {
    adapter::needed(ComputeDevice::wgpu().map_err(|error| error.to_string()))
}

/// Settings of a reference network with one input channel.
pub fn config(feature_size: usize, out_channels: usize, merge_order: MergeOrder) -> NetworkConfig {
    NetworkConfig {
        in_channels: 1,
        out_channels,
        feature_size,
        use_v2: false,
        merge_order,
    }
}

/// All weights of a network by the recipe that the fixtures were made with.
pub fn recipe_weights(config: &NetworkConfig, seed: u64) -> Weights {
    recipe::weights(config, seed).unwrap()
}

/// One tensor of the recipe.
pub fn recipe_tensor(key: &str, shape: &[usize], seed: u64) -> Vec<f32> {
    recipe::tensor(key, shape, seed)
}

/// Largest and mean absolute difference.
pub fn difference(actual: &[f32], expected: &[f32]) -> (f64, f64) {
    assert_eq!(actual.len(), expected.len());
    let (mut largest, mut sum) = (0.0_f64, 0.0_f64);
    for (&a, &b) in actual.iter().zip(expected) {
        let d = (f64::from(a) - f64::from(b)).abs();
        assert!(d.is_finite());
        largest = largest.max(d);
        sum += d;
    }
    (largest, sum / actual.len() as f64)
}

/// The shape of an array as an array of `D` numbers.
pub fn shape_of<T, const D: usize>(array: &ArrayD<T>) -> [usize; D] {
    let shape: &IxDyn = &array.raw_dim();
    std::array::from_fn(|axis| shape[axis])
}
