//! From a scan to the network's input, as a bundle's preprocessing has it.

use serde_json::Value;

use super::config::{Component, Config};
use super::steps;
use crate::model::preprocessing::{ForegroundCrop, Intensity, ModelOrientation, Preprocessing};

/// Transforms that change how an image is held, not what it is.
const PASSIVE: [&str; 12] = [
    "LoadImage",
    "EnsureChannelFirst",
    "AddChannel",
    "AsChannelFirst",
    "EnsureType",
    "ToTensor",
    "ToDevice",
    "CastToType",
    "Identity",
    "DataStats",
    "SelectItems",
    "ConcatItems",
];

/// Padding that sliding windows do themselves.
const PADDING: [&str; 3] = ["SpatialPad", "DivisiblePad", "BorderPad"];

/// The steps this program knows, in the order it makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Orientation,
    Spacing,
    Intensity,
    Crop,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Orientation => "Orientation",
            Self::Spacing => "Spacing",
            Self::Intensity => "the scaling of intensities",
            Self::Crop => "CropForeground",
        }
    }
}

/// The preprocessing of a list of transforms.
///
/// Errors: a transform or an argument that is not understood, a step that comes twice.
pub(super) fn preprocessing(
    config: &Config,
    value: &Value,
    in_channels: usize,
    notes: &mut Vec<String>,
) -> Result<Preprocessing, String> {
    let mut order: Vec<Step> = Vec::new();
    let (mut orientation, mut spacing_mm, mut intensity, mut crop_foreground) =
        (None, None, None, None);
    for step in steps(config, value)? {
        let keys = step.keys(config)?;
        let only_labels = !keys.is_empty() && keys.iter().all(|key| key.contains("label"));
        let name = step.transform_name();
        if only_labels || PASSIVE.contains(&name) {
            continue;
        }
        let kind = match name {
            "Orientation" => {
                orientation = Some(orientation_of(config, &step)?);
                Step::Orientation
            }
            "Spacing" => {
                spacing_mm = Some(spacing_of(config, &step, notes)?);
                Step::Spacing
            }
            "ScaleIntensityRange" | "NormalizeIntensity" => {
                intensity = Some(intensity_of(config, &step, in_channels)?);
                Step::Intensity
            }
            "CropForeground" => {
                crop_foreground = Some(crop_of(config, &step)?);
                Step::Crop
            }
            name if PADDING.contains(&name) => {
                notes.push(format!(
                    "the bundle's {name} is left out: scans smaller than a window are padded \
                     with zeros"
                ));
                continue;
            }
            name => return Err(format!("its transform {name} is not understood")),
        };
        if order.contains(&kind) {
            return Err(format!("{} comes twice", kind.name()));
        }
        order.push(kind);
    }
    for pair in order.windows(2) {
        if let [first, second] = pair
            && first > second
        {
            notes.push(format!(
                "the bundle has {} before {}; here it comes after it, so results may differ a \
                 little",
                first.name(),
                second.name()
            ));
        }
    }
    if orientation.is_none() {
        notes.push(
            "the bundle does not turn scans: their voxels are fed in the order of the file".into(),
        );
    }
    if intensity.is_none() {
        notes.push("the bundle does not scale intensities: they are fed in as they are".into());
    }
    Ok(Preprocessing {
        orientation: orientation.unwrap_or(ModelOrientation::NATIVE),
        spacing_mm,
        intensity: intensity.unwrap_or(Intensity::Range {
            from: [0.0, 1.0],
            to: [0.0, 1.0],
            clip: false,
        }),
        crop_foreground,
    })
}

fn orientation_of(config: &Config, step: &Component) -> Result<ModelOrientation, String> {
    if step.switch(config, "as_closest_canonical")? == Some(true) {
        return Ok(ModelOrientation::ras());
    }
    let axcodes = step
        .text(config, "axcodes")?
        .ok_or("its Orientation has no axcodes")?;
    ModelOrientation::from_letters(&axcodes)
        .filter(|known| *known != ModelOrientation::NATIVE)
        .ok_or_else(|| format!("its Orientation has the axcodes {axcodes:?}"))
}

fn spacing_of(
    config: &Config,
    step: &Component,
    notes: &mut Vec<String>,
) -> Result<[f64; 3], String> {
    for name in ["diagonal", "align_corners", "scale_extent"] {
        if step.switch(config, name)? == Some(true) {
            return Err(format!("its Spacing has {name}, which is not read"));
        }
    }
    let mode = step.value(config, "mode")?;
    let linear = match &mode {
        None => true,
        Some(Value::Array(items)) => items.first().is_none_or(is_linear),
        Some(mode) => is_linear(mode),
    };
    if !linear {
        return Err("its Spacing of the image is not bilinear".into());
    }
    if let Some(padding) = step.text(config, "padding_mode")?
        && padding != "border"
    {
        notes.push(format!(
            "the bundle's Spacing pads by {padding:?}; here the border's value continues"
        ));
    }
    step.numbers(config, "pixdim", 3)?
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| "its Spacing has no pixdim".into())
}

fn is_linear(mode: &Value) -> bool {
    mode == "bilinear" || mode == 1
}

fn intensity_of(
    config: &Config,
    step: &Component,
    in_channels: usize,
) -> Result<Intensity, String> {
    if step.transform_name() == "ScaleIntensityRange" {
        let bound = |name: &str| {
            step.number(config, name)?
                .ok_or_else(|| format!("its ScaleIntensityRange has no {name}"))
        };
        return Ok(Intensity::Range {
            from: [bound("a_min")?, bound("a_max")?],
            to: [bound("b_min")?, bound("b_max")?],
            clip: step.switch(config, "clip")?.unwrap_or(false),
        });
    }
    for name in ["subtrahend", "divisor"] {
        if step.value(config, name)?.is_some() {
            return Err(format!(
                "its NormalizeIntensity has a {name}, which is not read"
            ));
        }
    }
    let channel_wise = step.switch(config, "channel_wise")?.unwrap_or(false);
    if !channel_wise && in_channels > 1 {
        return Err("its NormalizeIntensity takes all channels together".into());
    }
    Ok(if step.switch(config, "nonzero")?.unwrap_or(false) {
        Intensity::ZScoreNonzero {}
    } else {
        Intensity::ZScore {}
    })
}

fn crop_of(config: &Config, step: &Component) -> Result<ForegroundCrop, String> {
    for name in ["select_fn", "channel_indices"] {
        if step.value(config, name)?.is_some() {
            return Err(format!(
                "its CropForeground has a {name}, which is not read"
            ));
        }
    }
    let whole = |name: &str, default: usize| -> Result<usize, String> {
        let Some(numbers) = step.numbers(config, name, 3)? else {
            return Ok(default);
        };
        let first = numbers.first().copied().unwrap_or_default();
        let alike = numbers.iter().all(|&n| n == first);
        let fits = alike && first.fract() == 0.0 && (0.0..=4096.0).contains(&first);
        fits.then_some(first as usize)
            .ok_or_else(|| format!("its CropForeground has the {name} {numbers:?}"))
    };
    Ok(ForegroundCrop {
        margin_voxels: whole("margin", 0)?,
        divisible_by: whole("k_divisible", 1)?,
        stay_inside: step.switch(config, "allow_smaller")?.unwrap_or(false),
    })
}
