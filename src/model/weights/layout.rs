//! Which tensors a Swin UNETR has, and which Swin UNETR a list of tensors belongs to.
//!
//! Names and shapes only; values are read elsewhere. Names are those of MONAI's
//! `SwinUNETR` without any prefix.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ModelError;
use crate::model::swin_unetr::{
    BLOCKS_PER_STAGE, HEADS, MLP_RATIO, MergeOrder, NetworkConfig, POSITIONS,
};

/// The first tensor of the encoder: where it is, there is a Swin UNETR.
pub(super) const EMBEDDING: &str = "swinViT.patch_embed.proj.weight";
/// The last convolution.
const HEAD: &str = "out.conv.conv.weight";
/// Edge of a voxel patch.
const PATCH: usize = 2;

/// Shapes by name.
pub(super) type Shapes = BTreeMap<String, Vec<usize>>;

/// The settings of the network that these tensors belong to. The merge order is in
/// neither name nor shape, so the caller has to know it.
///
/// Errors: a tensor that settles a setting is missing; a 2-D network; another patch
/// size, depth, number of heads or window than this program runs.
pub(super) fn detect(
    shapes: &Shapes,
    merge_order: MergeOrder,
) -> Result<NetworkConfig, ModelError> {
    let shape = |key: &str| {
        shapes
            .get(key)
            .map(Vec::as_slice)
            .ok_or_else(|| ModelError::MissingWeights {
                count: 1,
                first: key.to_owned(),
            })
    };
    let embedding = shape(EMBEDDING)?;
    if shapes.keys().any(|key| key.contains("hyena")) {
        return Err(unsupported("attention", "Hyena", "window attention"));
    }
    let &[feature_size, in_channels, depth, height, width] = embedding else {
        let found = format!("{}-D images", embedding.len().saturating_sub(2));
        return Err(unsupported("images", &found, "3-D images"));
    };
    if [depth, height, width] != [PATCH; 3] {
        let found = format!("{depth} × {height} × {width}");
        return Err(unsupported("patch size", &found, "2 × 2 × 2"));
    }
    let &[out_channels, ..] = shape(HEAD)? else {
        return Err(unsupported("last layer", "no channels", "one or more"));
    };
    let depths: Vec<usize> = (1..=HEADS.len()).map(|s| blocks(shapes, s)).collect();
    if depths != [BLOCKS_PER_STAGE; HEADS.len()] {
        let supported = format!("{:?}", [BLOCKS_PER_STAGE; HEADS.len()]);
        return Err(unsupported("depths", &format!("{depths:?}"), &supported));
    }
    let mut heads = Vec::new();
    for stage in 1..=HEADS.len() {
        let table = shape(&format!(
            "swinViT.layers{stage}.0.blocks.0.attn.relative_position_bias_table"
        ))?;
        let &[rows, columns] = table else {
            return Err(unsupported(
                "relative positions",
                &format!("a table of {} axes", table.len()),
                "2 axes",
            ));
        };
        if rows != POSITIONS {
            let supported = window_of(POSITIONS);
            return Err(unsupported("window", &window_of(rows), &supported));
        }
        heads.push(columns);
    }
    if heads != HEADS {
        let supported = format!("{HEADS:?}");
        return Err(unsupported("num_heads", &format!("{heads:?}"), &supported));
    }
    let config = NetworkConfig {
        in_channels,
        out_channels,
        feature_size,
        use_v2: shapes
            .keys()
            .any(|key| key.starts_with("swinViT.layers1c.")),
        merge_order,
    };
    config.validate()?;
    Ok(config)
}

fn unsupported(what: &'static str, found: &str, supported: &str) -> ModelError {
    ModelError::UnsupportedNetwork {
        what,
        found: found.to_owned(),
        supported: supported.to_owned(),
    }
}

/// Swin blocks of a stage, counted from 1.
fn blocks(shapes: &Shapes, stage: usize) -> usize {
    let prefix = format!("swinViT.layers{stage}.0.blocks.");
    let found: BTreeSet<&str> = shapes
        .keys()
        .filter_map(|key| key.strip_prefix(&prefix)?.split('.').next())
        .collect();
    found.len()
}

/// The attention window whose relative positions fill a table of so many rows:
/// (2w − 1)³ of them.
fn window_of(rows: usize) -> String {
    (1..=64)
        .find(|w| (2 * w - 1_usize).pow(3) == rows)
        .map_or_else(
            || format!("one of {rows} relative positions"),
            |w| format!("{w} × {w} × {w}"),
        )
}

/// An error unless the tensors are exactly those of the network, in name and shape.
pub(super) fn check(shapes: &Shapes, config: &NetworkConfig) -> Result<(), ModelError> {
    let expected = expected_tensors(config);
    let missing: Vec<_> = expected
        .iter()
        .filter(|(key, _)| !shapes.contains_key(key))
        .collect();
    let known: BTreeMap<_, _> = expected.iter().cloned().collect();
    let unexpected: Vec<_> = shapes
        .keys()
        .filter(|key| !known.contains_key(*key))
        .collect();
    match (missing.first(), unexpected.first()) {
        (Some((missing, _)), Some(unexpected)) => {
            return Err(ModelError::OtherNetwork {
                kind: kind_of(shapes.keys().map(String::as_str)),
                missing: missing.clone(),
                unexpected: (*unexpected).clone(),
            });
        }
        (Some((first, _)), None) => {
            return Err(ModelError::MissingWeights {
                count: missing.len(),
                first: first.clone(),
            });
        }
        (None, Some(first)) => {
            return Err(ModelError::UnexpectedWeights {
                count: unexpected.len(),
                first: (*first).clone(),
            });
        }
        (None, None) => {}
    }
    for (key, expected) in &known {
        if let Some(actual) = shapes.get(key)
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

/// What network a list of names seems to belong to, in words that follow "they look
/// like".
pub(super) fn kind_of<'a>(keys: impl Iterator<Item = &'a str> + Clone) -> &'static str {
    let any = |part: &str| keys.clone().any(|key| key.contains(part));
    if any("hyena") {
        "a Swin UNETR with Hyena layers"
    } else if any("swinViT.") {
        "another version of Swin UNETR"
    } else if any("vit.patch_embedding") || any("vit.blocks.") {
        "MONAI's UNETR"
    } else if any("encoder.stages.") || any("seg_layers.") || any("conv_blocks_context.") {
        "an nnU-Net"
    } else if any("down_layers.") && any("up_layers.") {
        "MONAI's SegResNet"
    } else if any("input_block.") && any("upsamples.") {
        "MONAI's DynUNet"
    } else if any("model.0.conv.unit0") || any(".submodule.") {
        "MONAI's UNet"
    } else {
        "another network"
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
