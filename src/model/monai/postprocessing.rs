//! From logits to labels, as a bundle's postprocessing has it.

use super::config::Config;
use super::steps;
use crate::model::activation::Activation;

/// Transforms that do not decide a voxel's label.
const PASSIVE: [&str; 9] = [
    "Invert",
    "SaveImage",
    "EnsureType",
    "EnsureChannelFirst",
    "CopyItems",
    "DeleteItems",
    "Lambda",
    "ToTensor",
    "CastToType",
];

/// Softmax or sigmoid.
///
/// Errors: nothing that says which of them, or both.
pub(super) fn activation(
    config: &Config,
    out_channels: usize,
    notes: &mut Vec<String>,
) -> Result<Activation, String> {
    let value = config
        .get("postprocessing")
        .or_else(|| config.get("post_transforms"))
        .ok_or("inference has no `postprocessing`")?;
    let (mut softmax, mut sigmoid) = (false, false);
    let (mut argmax, mut threshold) = (false, None);
    for step in steps(config, value)? {
        match step.transform_name() {
            "Activations" => {
                softmax |= step.switch(config, "softmax")? == Some(true);
                sigmoid |= step.switch(config, "sigmoid")? == Some(true);
            }
            "AsDiscrete" => {
                argmax |= step.switch(config, "argmax")? == Some(true);
                threshold = step.number(config, "threshold")?.or(threshold);
            }
            name if PASSIVE.contains(&name) => {}
            name => notes.push(format!(
                "the bundle's {name} after the network is left out: labels are those of the \
                 network itself"
            )),
        }
    }
    if let Some(threshold) = threshold
        && !(sigmoid && threshold == 0.5)
    {
        return Err(format!(
            "its labels are cut at {threshold}{}; this program takes what is more likely than not",
            if sigmoid { "" } else { " without sigmoid" }
        ));
    }
    match (softmax || (argmax && !sigmoid), sigmoid) {
        (true, false) if out_channels > 1 => Ok(Activation::Softmax),
        (false, true) => Ok(Activation::Sigmoid),
        (true, true) => Err("its postprocessing has softmax and sigmoid".into()),
        _ => Err("its postprocessing has neither softmax nor sigmoid".into()),
    }
}
