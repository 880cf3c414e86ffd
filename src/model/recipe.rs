//! Weights and inputs made up from a seed: the recipe `swinref-v1`.
//!
//! A network without training is enough to measure speed and to hold two programs'
//! logits against each other, if both make the same weights. Every tensor is drawn from
//! its name and the seed with integer arithmetic, and every value is exactly a 16-bit
//! float, so other programs make them bit for bit without a file (tests/bench/recipe.py
//! does). Biases are not zero, norms not one and relative positions count, so that a
//! mistake in any part of a network shows.
//!
//! ```text
//! state      = fnv1a64(name) XOR (seed · 0x9E3779B97F4A7C15)
//! element i:   k = (splitmix64 of state >> 53) − 1024, from −1024 to 1023
//!
//! any bias                        k · 2⁻¹³
//! relative position bias table    k · 2⁻¹⁰
//! weight of a norm                1 + (k >> 2) · 2⁻¹⁰
//! any other weight                k · 2⁻ᵖ, p = round(log₂(591.2 · √(inputs of a unit)))
//! input (named "input")           k · 2⁻¹⁰
//! ```

use ndarray::ArrayD;

use super::{ModelError, NetworkConfig, Weights, expected_tensors};

/// 2⁶⁴ divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// All weights of a network.
///
/// Errors: settings no network can have.
pub fn weights(config: &NetworkConfig, seed: u64) -> Result<Weights, ModelError> {
    config.validate()?;
    let mut weights = Weights::default();
    for (key, shape) in expected_tensors(config) {
        let values = tensor(&key, &shape, seed);
        weights.insert(key, shape, values)?;
    }
    Ok(weights)
}

/// One tensor of the weights, row-major.
pub fn tensor(key: &str, shape: &[usize], seed: u64) -> Vec<f32> {
    let mut parts = key.rsplit('.');
    let leaf = parts.next().unwrap_or_default();
    let module = parts.next().unwrap_or_default();
    let numbers = draw(key, seed).take(shape.iter().product());
    if leaf == "bias" {
        numbers.map(|k| times_power_of_two(k, -13)).collect()
    } else if leaf == "relative_position_bias_table" {
        numbers.map(|k| times_power_of_two(k, -10)).collect()
    } else if module.contains("norm") && leaf == "weight" {
        numbers
            .map(|k| 1.0 + times_power_of_two(k >> 2, -10))
            .collect()
    } else {
        // Transposed convolutions hold (in, out, 2, 2, 2) and add up over `in` alone.
        let inputs: usize = if key.contains("transp_conv") {
            shape.first().copied().unwrap_or(1)
        } else {
            shape.iter().skip(1).product()
        };
        let power = (591.2 * (inputs as f64).sqrt()).log2().round_ties_even() as i32;
        numbers.map(|k| times_power_of_two(k, -power)).collect()
    }
}

/// A network's input of a shape, with values between −1 and 1.
pub fn input(shape: &[usize], seed: u64) -> ArrayD<f32> {
    let mut numbers = draw("input", seed);
    ArrayD::from_shape_simple_fn(shape, || {
        times_power_of_two(numbers.next().unwrap_or_default(), -10)
    })
}

/// k · 2^power, exactly.
fn times_power_of_two(k: i64, power: i32) -> f32 {
    (k as f64 * 2.0_f64.powi(power)) as f32
}

/// The integers of a name and a seed, without end.
fn draw(name: &str, seed: u64) -> impl Iterator<Item = i64> {
    let mut state = fnv1a64(name) ^ seed.wrapping_mul(GOLDEN);
    std::iter::repeat_with(move || (splitmix64(&mut state) >> 53) as i64 - 1024)
}

fn fnv1a64(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(GOLDEN);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recipe's own test vector: other programs rely on these very numbers.
    #[test]
    fn draws_are_the_recipes() {
        let key = "out.conv.conv.bias";
        assert_eq!(fnv1a64(key), 0x6A3E_CDE6_8C3D_D52E);
        let numbers: Vec<i64> = draw(key, 1).take(3).collect();
        assert_eq!(numbers, [-17, -551, -423]);
        let expected = [-17.0, -551.0, -423.0].map(|k: f32| k / 8192.0);
        assert_eq!(tensor(key, &[3], 1), expected);
    }

    #[test]
    fn inputs_lie_between_minus_one_and_one() {
        let input = input(&[1, 2, 8, 8, 8], 5);
        assert_eq!(input.shape(), [1, 2, 8, 8, 8]);
        assert!(input.iter().all(|value| (-1.0..1.0).contains(value)));
        let mean = input.iter().sum::<f32>() / input.len() as f32;
        assert!(mean.abs() < 0.1, "{mean}");
    }
}
