//! Weights whose training is undone from the output toward the input.
//!
//! An explanation that stays the same when the network has forgotten what it learned
//! explains the image, not the network (Adebayo et al., "Sanity Checks for Saliency
//! Maps", 2018: cascading randomisation). What is compared is not decided here.

use rand::SeedableRng as _;
use rand::rand_core::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::Weights;

/// The layers that lose their training stage by stage, from the output toward the input.
/// A step of the decoder goes with the convolutions of its skip connection.
pub const RANDOMISATION_STAGES: [&str; 12] = [
    "output layer",
    "decoder step to full resolution",
    "decoder step to 1/2 of the resolution",
    "decoder step to 1/4 of the resolution",
    "decoder step to 1/8 of the resolution",
    "decoder step to 1/16 of the resolution",
    "bottleneck",
    "fourth transformer stage",
    "third transformer stage",
    "second transformer stage",
    "first transformer stage",
    "patch embedding",
];

/// What the names of each stage's tensors start with.
const PREFIXES: [&[&str]; RANDOMISATION_STAGES.len()] = [
    &["out."],
    &["decoder1.", "encoder1."],
    &["decoder2.", "encoder2."],
    &["decoder3.", "encoder3."],
    &["decoder4.", "encoder4."],
    &["decoder5."],
    &["encoder10."],
    &["swinViT.layers4.", "swinViT.layers4c."],
    &["swinViT.layers3.", "swinViT.layers3c."],
    &["swinViT.layers2.", "swinViT.layers2c."],
    &["swinViT.layers1.", "swinViT.layers1c."],
    &["swinViT.patch_embed."],
];

/// Standard deviation of fresh relative position biases, as MONAI draws them.
const POSITION_DEVIATION: f64 = 0.02;

impl Weights {
    /// These weights with the first `stages` of [`RANDOMISATION_STAGES`] drawn afresh, as
    /// PyTorch and MONAI would before training; 0 leaves all as it is.
    ///
    /// A tensor's numbers depend on its name and the seed alone, so that each stage keeps
    /// those of the stages before it.
    #[must_use]
    pub fn randomised(&self, stages: usize, seed: u64) -> Self {
        let prefixes: Vec<&str> = PREFIXES
            .iter()
            .take(stages)
            .flat_map(|prefixes| prefixes.iter().copied())
            .collect();
        let mut weights = self.clone();
        for (key, (shape, values)) in &mut weights.tensors {
            if prefixes.iter().any(|prefix| key.starts_with(prefix)) {
                let inputs = self.inputs_of(key, shape);
                draw(key, inputs, seed, values);
            }
        }
        weights
    }

    /// How many numbers a unit of the layer of a tensor adds up, as PyTorch counts: for a
    /// transposed convolution by its outputs.
    fn inputs_of(&self, key: &str, shape: &[usize]) -> usize {
        let shape = match key.strip_suffix(".bias") {
            Some(layer) => self
                .tensor(&format!("{layer}.weight"))
                .map_or(shape, |(shape, _)| shape),
            None => shape,
        };
        shape.iter().skip(1).product::<usize>().max(1)
    }
}

/// Fresh values of a tensor.
fn draw(key: &str, inputs: usize, seed: u64, values: &mut [f32]) {
    let mut parts = key.rsplit('.');
    let leaf = parts.next().unwrap_or_default();
    let is_norm = parts.next().is_some_and(|module| module.contains("norm"));
    if is_norm {
        values.fill(if leaf == "weight" { 1.0 } else { 0.0 });
        return;
    }
    let mut random = keyed(key, seed);
    if leaf == "relative_position_bias_table" {
        for value in values {
            *value = (POSITION_DEVIATION * standard_normal(&mut random)) as f32;
        }
    } else {
        let bound = 1.0 / (inputs as f64).sqrt();
        for value in values {
            *value = (bound * (2.0 * unit(&mut random) - 1.0)) as f32;
        }
    }
}

/// The random numbers of a name and a seed.
fn keyed(name: &str, seed: u64) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(name.as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// A uniform number in 0..1, of 53 bits.
fn unit(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A standard normal number (Box and Muller 1958).
fn standard_normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(random)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(random)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MergeOrder, NetworkConfig, recipe};

    const CONFIG: NetworkConfig = NetworkConfig {
        in_channels: 1,
        out_channels: 3,
        feature_size: 12,
        use_v2: true,
        merge_order: MergeOrder::Merging,
    };

    fn changed(a: &Weights, b: &Weights) -> Vec<String> {
        let keys = a
            .tensors
            .iter()
            .filter(|(key, own)| b.tensors[*key] != **own);
        keys.map(|(key, _)| key.clone()).collect()
    }

    #[test]
    fn every_tensor_is_of_one_stage_and_changes_there() {
        let trained = recipe::weights(&CONFIG, 1).unwrap();
        assert!(changed(&trained, &trained.randomised(0, 7)).is_empty());
        let mut seen = 0;
        for (stage, prefixes) in PREFIXES.iter().enumerate() {
            let before = trained.randomised(stage, 7);
            let changed = changed(&before, &before.randomised(stage + 1, 7));
            assert!(!changed.is_empty(), "{}", RANDOMISATION_STAGES[stage]);
            for key in &changed {
                assert!(
                    prefixes.iter().any(|prefix| key.starts_with(prefix)),
                    "{key}"
                );
            }
            seen += changed.len();
        }
        assert_eq!(seen, trained.tensors.len());
        trained.randomised(99, 7).check(&CONFIG).unwrap();
    }

    #[test]
    fn a_seed_fixes_all_numbers_and_they_have_pytorchs_size() {
        let trained = recipe::weights(&CONFIG, 1).unwrap();
        let all = trained.randomised(12, 7);
        assert!(changed(&all, &trained.randomised(12, 7)).is_empty());
        assert!(!changed(&all, &trained.randomised(12, 8)).is_empty());
        let largest = |key: &str| {
            let (_, values) = all.tensor(key).unwrap();
            values
                .iter()
                .fold(0.0_f32, |largest, v| largest.max(v.abs()))
        };
        // 1/√(12 · 27), and for the transposed convolution 1/√(12 · 8).
        for (key, bound) in [
            ("encoder2.layer.conv1.conv.weight", 0.05556),
            ("decoder1.transp_conv.conv.weight", 0.10206),
            ("swinViT.layers1.0.blocks.0.attn.qkv.bias", 0.28868),
        ] {
            assert!((0.9..=1.0).contains(&(largest(key) / bound)), "{key}");
        }
    }
}
