//! MONAI bundles: folders with `configs/metadata.json`, `configs/inference.json` or
//! `.yaml`, and `models/model.pt`.
//!
//! Their configuration is a program in a language of its own. What matters here, how a
//! scan becomes the network's input and its output a segmentation, is read off it and
//! nothing of it is executed. What is not understood is an error with its name, or, if
//! it does not change what the network sees, a note.

mod config;
mod literal;
mod metadata;
mod postprocessing;
mod transforms;
mod yaml;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bundle::{Described, inspect_weights, read_text};
use super::{
    Blend, BundleDescription, BundleError, ClassDescription, Inference, MergeOrder, NetworkConfig,
};
use crate::base::colour::Rgb;
use config::{Component, Config};
use metadata::Metadata;

/// Names of the weights file in `models`, the usual one first.
const WEIGHTS: [&str; 4] = ["model.pt", "model.safetensors", "model.pth", "best.pt"];

/// Names of the inference configuration in `configs`.
const CONFIGS: [&str; 3] = ["inference.json", "inference.yaml", "inference.yml"];

/// Transforms and lists of them that a configuration may have.
const MAX_STEPS: usize = 256;

/// Colours of classes, in the order they are given out. Every two of them differ, also
/// for those who do not see red, green or blue (CIE 1976 ΔE of 15 or more).
const COLOURS: [[u8; 3]; 20] = [
    [0xe6, 0x9b, 0x14],
    [0x14, 0xe6, 0xf5],
    [0x8c, 0x14, 0xaa],
    [0xe6, 0xf5, 0xb9],
    [0x32, 0x5f, 0x41],
    [0xd7, 0x23, 0x9b],
    [0x9b, 0x9b, 0x5f],
    [0x41, 0x7d, 0xf5],
    [0x8c, 0xc8, 0xaa],
    [0xe6, 0xc8, 0x6e],
    [0xe6, 0x23, 0x14],
    [0xb9, 0x5f, 0x6e],
    [0x9b, 0xf5, 0xe6],
    [0x7d, 0x7d, 0xd7],
    [0x5f, 0xb9, 0xf5],
    [0x6e, 0x50, 0x7d],
    [0xb9, 0xc8, 0x8c],
    [0xc8, 0x7d, 0xc8],
    [0xaa, 0x14, 0x14],
    [0x14, 0x41, 0xe6],
];

/// Whether a folder is a MONAI bundle's.
pub(super) fn is_bundle(folder: &Path) -> bool {
    let configs = folder.join("configs");
    configs.join("metadata.json").is_file()
        || CONFIGS.iter().any(|name| configs.join(name).is_file())
}

/// Reads a bundle's description off its configuration, and checks it against its
/// weights. `asked` is the order of patch merging that the user gave, if any.
pub(super) fn describe(folder: &Path, asked: Option<MergeOrder>) -> Result<Described, BundleError> {
    let failed = |why: String| BundleError::Monai {
        why,
        path: folder.to_owned(),
    };
    let configs = folder.join("configs");
    let config_path = CONFIGS
        .iter()
        .map(|name| configs.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| failed("configs has no inference.json or inference.yaml".into()))?;
    let config = Config::parse(
        &read_text(&config_path)?,
        config_path.extension().is_some_and(|e| e != "json"),
    )
    .map_err(failed)?;
    let metadata = Metadata::parse(&read_text(&configs.join("metadata.json"))?).map_err(failed)?;
    let weights = weights_path(folder).map_err(failed)?;

    let mut notes = Vec::new();
    let arguments = network_arguments(&config).map_err(failed)?;
    let merge_order = merge_order(&arguments, &config, &metadata, asked, &mut notes);
    let merge_order = merge_order.map_err(failed)?;
    let (network, found) = inspect_weights(&weights, merge_order)?;
    notes.extend(found);
    agree(&arguments, &config, &network).map_err(failed)?;

    let preprocessing = config
        .get("preprocessing")
        .or_else(|| config.get("pre_transforms"))
        .ok_or("inference has no `preprocessing`")
        .map_err(|e| failed(e.into()))?;
    let preprocessing =
        transforms::preprocessing(&config, preprocessing, network.in_channels, &mut notes)
            .map_err(failed)?;
    let inference = inferer(&config, &mut notes).map_err(failed)?;
    let activation =
        postprocessing::activation(&config, network.out_channels, &mut notes).map_err(failed)?;

    let channels = metadata.channels(network.in_channels).map_err(failed)?;
    let names = metadata.classes(network.out_channels).map_err(failed)?;
    let classes = names
        .into_iter()
        .enumerate()
        .map(|(class, name)| ClassDescription {
            name,
            colour: class_colour(activation.label_of_channel(class)),
            label: None,
        })
        .collect();
    let description = BundleDescription {
        name: metadata.name(folder),
        licence: metadata.licence(),
        source: metadata.source(),
        weights: weights
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        network,
        preprocessing,
        inference,
        activation,
        channels,
        classes,
        paint_order: None,
        region_mm: None,
    };
    if let Some((field, why)) = description.problem() {
        return Err(failed(format!("its `{field}` cannot be used: {why}")));
    }
    Ok(Described {
        description,
        weights,
        notes,
    })
}

/// Black for the background, and a colour for each label after it.
fn class_colour(label: usize) -> Rgb {
    let colour = label
        .checked_sub(1)
        .and_then(|index| COLOURS.get(index % COLOURS.len()));
    Rgb(colour.copied().unwrap_or_default())
}

fn weights_path(folder: &Path) -> Result<PathBuf, String> {
    let models = folder.join("models");
    if let Some(found) = WEIGHTS
        .iter()
        .map(|name| models.join(name))
        .find(|path| path.is_file())
    {
        return Ok(found);
    }
    if models.join("model.ts").is_file() {
        return Err(
            "it has only a TorchScript program (models/model.ts), which would have to be \
             executed; it needs models/model.pt"
                .into(),
        );
    }
    Err("models has no model.pt; download the bundle's weights into it".into())
}

/// The arguments of the network's constructor.
fn network_arguments(config: &Config) -> Result<Component, String> {
    let network = ["network_def", "network"]
        .iter()
        .filter_map(|id| config.get(id))
        .find_map(|value| config.component(value))
        .ok_or("inference has no `network_def` with a `_target_`")?;
    if network.name != "SwinUNETR" {
        return Err(format!(
            "its network is {}, and this program runs SwinUNETR",
            network.name
        ));
    }
    Ok(network)
}

/// The order of patch merging: what the network is built with, else what the version
/// of MONAI means by its default.
fn merge_order(
    arguments: &Component,
    config: &Config,
    metadata: &Metadata,
    asked: Option<MergeOrder>,
    notes: &mut Vec<String>,
) -> Result<MergeOrder, String> {
    let downsample = arguments.text(config, "downsample")?;
    match downsample.as_deref() {
        Some("mergingv2") => return Ok(MergeOrder::MergingV2),
        None | Some("merging") => {}
        Some(other) => return Err(format!("its network merges patches by {other:?}")),
    }
    let version = metadata.monai_version();
    let order = if version.is_some_and(|version| version >= (1, 5)) {
        MergeOrder::Merging
    } else {
        MergeOrder::Legacy
    };
    if asked.is_none() {
        let version = version.map_or_else(
            || "does not say for which MONAI it was made".to_owned(),
            |(major, minor)| format!("was made for MONAI {major}.{minor}"),
        );
        let other = match order {
            MergeOrder::Merging => "legacy if the weights were trained before MONAI 1.5",
            _ => "merging if the weights were trained with MONAI 1.5 or later",
        };
        notes.push(format!(
            "patch merging: {order} is assumed, because the bundle {version}; with another \
             order the result is wrong without any error, so say --merge-order {other}"
        ));
    }
    Ok(order)
}

/// An error unless the configured network is the one whose weights are there, and is
/// one that runs here.
fn agree(arguments: &Component, config: &Config, network: &NetworkConfig) -> Result<(), String> {
    let numbers = [
        ("in_channels", network.in_channels),
        ("out_channels", network.out_channels),
        ("feature_size", network.feature_size),
        ("spatial_dims", 3),
    ];
    for (name, found) in numbers {
        if let Some(said) = arguments.number(config, name)?
            && said != found as f64
        {
            return Err(format!(
                "its configuration says {name} {said} and its weights have {found}"
            ));
        }
    }
    let switches = [
        ("use_v2", network.use_v2),
        ("normalize", true),
        ("qkv_bias", true),
        ("patch_norm", false),
    ];
    for (name, found) in switches {
        if let Some(said) = arguments.switch(config, name)?
            && said != found
        {
            return Err(format!(
                "its network has {name} {said}, which is not what its weights or this program have"
            ));
        }
    }
    if let Some(norm) = arguments.text(config, "norm_name")?
        && norm != "instance"
    {
        return Err(format!(
            "its network normalises by {norm:?}, and this program runs \"instance\""
        ));
    }
    Ok(())
}

/// How windows are run: `SlidingWindowInferer`.
fn inferer(config: &Config, notes: &mut Vec<String>) -> Result<Inference, String> {
    let value = config.get("inferer").ok_or("inference has no `inferer`")?;
    let inferer = config
        .component(value)
        .ok_or("its `inferer` has no `_target_`")?;
    if !inferer.name.starts_with("SlidingWindowInferer") {
        return Err(format!(
            "its inferer is {}, and this program runs SlidingWindowInferer",
            inferer.name
        ));
    }
    let roi = inferer
        .numbers(config, "roi_size", 3)?
        .ok_or("its inferer has no roi_size")?;
    let mut window = [0; 3];
    for (size, &wanted) in window.iter_mut().zip(&roi) {
        if wanted.fract() != 0.0 || !(1.0..=1024.0).contains(&wanted) {
            return Err(format!("its inferer has the roi_size {roi:?}"));
        }
        *size = wanted as usize;
    }
    let blend = match inferer.text(config, "mode")?.as_deref() {
        None | Some("constant") => Blend::Constant,
        Some("gaussian") => Blend::Gaussian,
        Some(other) => return Err(format!("its inferer blends by {other:?}")),
    };
    if blend == Blend::Gaussian
        && let Some(sigma) = inferer.number(config, "sigma_scale")?
        && sigma != 0.125
    {
        return Err(format!(
            "its inferer has the sigma_scale {sigma}, not 0.125"
        ));
    }
    if let Some(padding) = inferer.text(config, "padding_mode")?
        && padding != "constant"
    {
        notes.push(format!(
            "the bundle pads small scans by {padding:?}; here they are padded with zeros"
        ));
    }
    Ok(Inference {
        window,
        overlap: inferer.number(config, "overlap")?.unwrap_or(0.25),
        blend,
    })
}

/// The items of a `Compose`, of a plain list, or one item alone.
fn steps(config: &Config, value: &Value) -> Result<Vec<Component>, String> {
    let mut steps = Vec::new();
    let mut left = MAX_STEPS;
    collect_steps(config, value, &mut left, &mut steps)?;
    Ok(steps)
}

/// `left` bounds lists inside each other, which may also be a circle.
fn collect_steps(
    config: &Config,
    value: &Value,
    left: &mut usize,
    steps: &mut Vec<Component>,
) -> Result<(), String> {
    *left = left
        .checked_sub(1)
        .ok_or("its transforms are too many, or hold themselves")?;
    let value = config.resolve(value)?;
    let list = match &value {
        Value::Null => return Ok(()),
        Value::Array(items) => items.clone(),
        _ => {
            let step = config
                .component(&value)
                .ok_or_else(|| format!("a transform is not understood: {}", short(&value)))?;
            if step.switch(config, "_disabled_")? == Some(true) {
                return Ok(());
            }
            if step.name != "Compose" {
                steps.push(step);
                return Ok(());
            }
            match step.value(config, "transforms")? {
                Some(Value::Array(items)) => items,
                _ => return Err("a Compose has no list of transforms".into()),
            }
        }
    };
    list.iter()
        .try_for_each(|item| collect_steps(config, item, left, steps))
}

/// A value in a message: one line, not too long.
fn short(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
