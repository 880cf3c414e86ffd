//! Weights on the host, under the names MONAI gives them.
//!
//! A network is built by taking each tensor it needs by name. What is missing,
//! left over or of another shape is a named error before anything is built.

use std::collections::BTreeMap;
use std::path::Path;

use burn::store::{ModuleStore, SafetensorsStore, bridge};
use burn::tensor::DType;

use super::ModelError;
use super::swin_unetr::{BLOCKS_PER_STAGE, HEADS, MLP_RATIO, MergeOrder, NetworkConfig, POSITIONS};

/// A buffer in MONAI's checkpoints that is computed, not learned.
const IGNORED_SUFFIX: &str = "relative_position_index";

/// Tensors by name, row-major, `f32`.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Weights {
    /// Adds a tensor of a shape. An error if the number of values is not the shape's.
    pub fn insert(
        &mut self,
        key: impl Into<String>,
        shape: Vec<usize>,
        values: Vec<f32>,
    ) -> Result<(), ModelError> {
        let key = key.into();
        if shape.iter().product::<usize>() != values.len() {
            return Err(ModelError::WeightValues {
                key,
                reason: format!("{} values for shape {shape:?}", values.len()),
            });
        }
        self.tensors.insert(key, (shape, values));
        Ok(())
    }

    /// Reads a .safetensors file. 16-bit and 64-bit floats become `f32`;
    /// `relative_position_index` buffers are left out.
    pub fn read_safetensors(path: &Path) -> Result<Self, ModelError> {
        let unreadable = |reason: String| ModelError::UnreadableWeights {
            reason,
            path: path.to_owned(),
        };
        let mut store = SafetensorsStore::from_file(path);
        let tensors = store
            .get_all_tensors()
            .map_err(|e| unreadable(e.to_string()))?;
        let mut weights = Self::default();
        for (key, tensor) in tensors {
            if key.ends_with(IGNORED_SUFFIX) {
                continue;
            }
            let bad = |reason: String| ModelError::WeightValues {
                key: key.clone(),
                reason,
            };
            if !matches!(
                tensor.dtype,
                DType::F16 | DType::BF16 | DType::F32 | DType::F64
            ) {
                return Err(bad(format!("stored as {:?}, not as floats", tensor.dtype)));
            }
            let data = bridge::to_data(tensor).map_err(|e| unreadable(e.to_string()))?;
            let values = data
                .convert::<f32>()
                .try_into_vec::<f32>()
                .map_err(|e| bad(e.to_string()))?;
            if !values.iter().all(|v| v.is_finite()) {
                return Err(bad("not finite".into()));
            }
            weights.insert(key.clone(), tensor.shape.to_vec(), values)?;
        }
        Ok(weights)
    }

    /// An error unless the tensors are exactly those of the network, in name and shape.
    pub fn check(&self, config: &NetworkConfig) -> Result<(), ModelError> {
        let expected = expected_tensors(config);
        let missing: Vec<_> = expected
            .iter()
            .filter(|(key, _)| !self.tensors.contains_key(key))
            .collect();
        if let Some((first, _)) = missing.first() {
            return Err(ModelError::MissingWeights {
                count: missing.len(),
                first: first.clone(),
            });
        }
        let known: BTreeMap<_, _> = expected.into_iter().collect();
        let unexpected: Vec<_> = self
            .tensors
            .keys()
            .filter(|key| !known.contains_key(*key))
            .collect();
        if let Some(first) = unexpected.first() {
            return Err(ModelError::UnexpectedWeights {
                count: unexpected.len(),
                first: (*first).clone(),
            });
        }
        for (key, expected) in &known {
            if let Some((actual, _)) = self.tensors.get(key)
                && actual != expected
            {
                return Err(ModelError::WeightShape {
                    key: key.clone(),
                    expected: expected.clone(),
                    actual: actual.clone(),
                });
            }
        }
        Ok(())
    }

    /// The settings of the network that these weights belong to, read off their names
    /// and shapes. The merge order is in neither, so the caller has to know it.
    pub fn network_config(&self, merge_order: MergeOrder) -> Result<NetworkConfig, ModelError> {
        let shape = |key: &str| {
            self.tensors
                .get(key)
                .map(|(shape, _)| shape.as_slice())
                .ok_or_else(|| ModelError::MissingWeights {
                    count: 1,
                    first: key.to_owned(),
                })
        };
        let embedding = "swinViT.patch_embed.proj.weight";
        let head = "out.conv.conv.weight";
        let wrong = |key: &str, actual: &[usize]| ModelError::WeightShape {
            key: key.to_owned(),
            expected: vec![0; 5],
            actual: actual.to_vec(),
        };
        let &[feature_size, in_channels, ..] = shape(embedding)? else {
            return Err(wrong(embedding, shape(embedding)?));
        };
        let &[out_channels, ..] = shape(head)? else {
            return Err(wrong(head, shape(head)?));
        };
        let use_v2 = self
            .tensors
            .keys()
            .any(|key| key.starts_with("swinViT.layers1c."));
        let config = NetworkConfig {
            in_channels,
            out_channels,
            feature_size,
            use_v2,
            merge_order,
        };
        config.validate()?;
        Ok(config)
    }

    /// The values of a tensor that must have this shape, row-major.
    pub(super) fn take<const D: usize>(
        &self,
        key: &str,
        shape: [usize; D],
    ) -> Result<Vec<f32>, ModelError> {
        let (actual, values) = self
            .tensors
            .get(key)
            .ok_or_else(|| ModelError::MissingWeights {
                count: 1,
                first: key.to_owned(),
            })?;
        if actual.as_slice() != shape {
            return Err(ModelError::WeightShape {
                key: key.to_owned(),
                expected: shape.to_vec(),
                actual: actual.clone(),
            });
        }
        Ok(values.clone())
    }
}

/// Every learned tensor of MONAI's `SwinUNETR` with its shape, in no special order.
pub fn expected_tensors(config: &NetworkConfig) -> Vec<(String, Vec<usize>)> {
    let c = config.feature_size;
    let mut list: Vec<(String, Vec<usize>)> = vec![
        (
            "swinViT.patch_embed.proj.weight".into(),
            vec![c, config.in_channels, 2, 2, 2],
        ),
        ("swinViT.patch_embed.proj.bias".into(), vec![c]),
        (
            "out.conv.conv.weight".into(),
            vec![config.out_channels, c, 1, 1, 1],
        ),
        ("out.conv.conv.bias".into(), vec![config.out_channels]),
    ];
    for (stage, &heads) in HEADS.iter().enumerate() {
        let d = config.stage_width(stage);
        let layer = format!("swinViT.layers{}", stage + 1);
        for block in 0..BLOCKS_PER_STAGE {
            let block = format!("{layer}.0.blocks.{block}");
            for (name, shape) in [
                ("norm1.weight", vec![d]),
                ("norm1.bias", vec![d]),
                ("attn.relative_position_bias_table", vec![POSITIONS, heads]),
                ("attn.qkv.weight", vec![3 * d, d]),
                ("attn.qkv.bias", vec![3 * d]),
                ("attn.proj.weight", vec![d, d]),
                ("attn.proj.bias", vec![d]),
                ("norm2.weight", vec![d]),
                ("norm2.bias", vec![d]),
                ("mlp.linear1.weight", vec![MLP_RATIO * d, d]),
                ("mlp.linear1.bias", vec![MLP_RATIO * d]),
                ("mlp.linear2.weight", vec![d, MLP_RATIO * d]),
                ("mlp.linear2.bias", vec![d]),
            ] {
                list.push((format!("{block}.{name}"), shape));
            }
        }
        list.push((
            format!("{layer}.0.downsample.reduction.weight"),
            vec![2 * d, 8 * d],
        ));
        list.push((format!("{layer}.0.downsample.norm.weight"), vec![8 * d]));
        list.push((format!("{layer}.0.downsample.norm.bias"), vec![8 * d]));
        if config.use_v2 {
            push_residual_block(&mut list, &format!("{layer}c.0.layer"), d, d);
        }
    }
    for (name, from, to) in [
        ("encoder1", config.in_channels, c),
        ("encoder2", c, c),
        ("encoder3", 2 * c, 2 * c),
        ("encoder4", 4 * c, 4 * c),
        ("encoder10", 16 * c, 16 * c),
    ] {
        push_residual_block(&mut list, &format!("{name}.layer"), from, to);
    }
    for (name, from, to) in [
        ("decoder5", 16 * c, 8 * c),
        ("decoder4", 8 * c, 4 * c),
        ("decoder3", 4 * c, 2 * c),
        ("decoder2", 2 * c, c),
        ("decoder1", c, c),
    ] {
        list.push((
            format!("{name}.transp_conv.conv.weight"),
            vec![from, to, 2, 2, 2],
        ));
        push_residual_block(&mut list, &format!("{name}.conv_block"), 2 * to, to);
    }
    list
}

fn push_residual_block(list: &mut Vec<(String, Vec<usize>)>, prefix: &str, from: usize, to: usize) {
    list.push((
        format!("{prefix}.conv1.conv.weight"),
        vec![to, from, 3, 3, 3],
    ));
    list.push((format!("{prefix}.conv2.conv.weight"), vec![to, to, 3, 3, 3]));
    if from != to {
        list.push((
            format!("{prefix}.conv3.conv.weight"),
            vec![to, from, 1, 1, 1],
        ));
    }
}
