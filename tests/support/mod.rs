//! What several test programs share: fixtures, reference weights, an adapter.

// Each test program uses a part of this.
#![allow(dead_code)]

pub mod adapter;

use std::path::PathBuf;

use ndarray::{ArrayD, IxDyn};
use voxplain::model::{ComputeDevice, MergeOrder, NetworkConfig, Weights, expected_tensors};

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

/// All weights of a network by the recipe `swinref-v1`, which draws each tensor from
/// its name and a seed; the fixtures were made with the same.
pub fn recipe_weights(config: &NetworkConfig, seed: u64) -> Weights {
    let mut weights = Weights::default();
    for (key, shape) in expected_tensors(config) {
        let values = recipe_tensor(&key, &shape, seed);
        weights.insert(key, shape, values).unwrap();
    }
    weights
}

/// One tensor of the recipe.
pub fn recipe_tensor(key: &str, shape: &[usize], seed: u64) -> Vec<f32> {
    let mut parts = key.rsplit('.');
    let leaf = parts.next().unwrap();
    let module = parts.next().unwrap_or("");
    let scale: Box<dyn Fn(i64) -> f64> = if leaf == "bias" {
        Box::new(|k| k as f64 * 2.0_f64.powi(-13))
    } else if leaf == "relative_position_bias_table" {
        Box::new(|k| k as f64 * 2.0_f64.powi(-10))
    } else if module.contains("norm") && leaf == "weight" {
        Box::new(|k| 1.0 + (k >> 2) as f64 * 2.0_f64.powi(-10))
    } else {
        let fan_in: usize = if key.contains("transp_conv") {
            shape[0]
        } else {
            shape[1..].iter().product()
        };
        let power = (591.2 * (fan_in as f64).sqrt()).log2().round_ties_even() as i32;
        Box::new(move |k| k as f64 * 2.0_f64.powi(-power))
    };
    let mut state = fnv1a64(key) ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..shape.iter().product::<usize>())
        .map(|_| scale((splitmix64(&mut state) >> 53) as i64 - 1024) as f32)
        .collect()
}

fn fnv1a64(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
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
