//! Where in a checkpoint the network's tensors are.
//!
//! Checkpoints wrap a state dict in further dictionaries (`state_dict`, `model`), beside
//! optimizer and epoch, and training code adds prefixes of its own (`module.`,
//! `_orig_mod.`). Both are parts of a dotted name here: the network is what follows the
//! prefix of its first tensor.

use super::layout::{EMBEDDING, kind_of};
use crate::model::ModelError;

/// Parts of names that wrappers and training code are known to add.
const KNOWN_PARTS: [&str; 20] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "module_state_dict",
    "network_weights",
    "weights",
    "params",
    "ema",
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema_model",
    "module",
    "model",
    "net",
    "network",
    "backbone",
    "_orig_mod",
    "student",
    "teacher",
];

/// Prefix of the network's tensors, and of other networks in the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    /// Empty or ending in a dot.
    pub(super) prefix: String,
    pub(super) others: Vec<String>,
}

impl Selection {
    /// What a user should know about the choice, if anything.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.others.is_empty() {
            let others: Vec<&str> = self.others.iter().map(|p| shown(p)).collect();
            notes.push(format!(
                "the file holds several sets of weights; those under {} are used, not those \
                 under {}",
                shown(&self.prefix),
                others.join(", ")
            ));
        }
        let unknown = self.prefix.split_terminator('.').find(|p| !is_known(p));
        if let Some(part) = unknown {
            notes.push(format!(
                "the weights lie under {}, of which {part:?} is not a name training code \
                 usually gives",
                shown(&self.prefix)
            ));
        }
        notes
    }
}

fn shown(prefix: &str) -> &str {
    if prefix.is_empty() {
        "the top"
    } else {
        prefix.trim_end_matches('.')
    }
}

fn is_known(part: &str) -> bool {
    KNOWN_PARTS.contains(&part)
}

/// Finds the network among dotted names. Of several the one under the most usual prefix
/// is taken: weights averaged over training come last, then the shorter prefix first.
///
/// Errors: an encoder alone, another network.
pub(super) fn select<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<Selection, ModelError> {
    let mut prefixes: Vec<String> = names
        .clone()
        .filter_map(|name| name.strip_suffix(EMBEDDING))
        .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        .map(str::to_owned)
        .collect();
    prefixes.sort_by_key(|prefix| {
        let parts = || prefix.split_terminator('.');
        (
            parts().filter(|part| !is_known(part)).count(),
            parts().any(|part| part.contains("ema") || part == "teacher"),
            prefix.len(),
            prefix.clone(),
        )
    });
    if !prefixes.is_empty() {
        let prefix = prefixes.remove(0);
        return Ok(Selection {
            prefix,
            others: prefixes,
        });
    }
    let encoder = names
        .clone()
        .any(|name| name.ends_with("patch_embed.proj.weight") && !name.contains("patch_embedding"))
        && names.clone().any(|name| name.contains("layers1."));
    if encoder && !names.clone().any(|name| name.contains("decoder")) {
        return Err(ModelError::EncoderOnly);
    }
    Err(ModelError::OtherNetwork {
        kind: kind_of(names.clone()),
        missing: EMBEDDING.to_owned(),
        unexpected: names.min().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(names: &[&str]) -> Result<Selection, ModelError> {
        select(names.iter().copied())
    }

    #[test]
    fn prefixes_are_stripped_as_often_as_they_were_added() {
        for prefix in [
            "",
            "module.",
            "state_dict.module.model.",
            "model.net.",
            "_orig_mod.network.backbone.",
        ] {
            let name = format!("{prefix}{EMBEDDING}");
            let found = selected(&[&name, "optimizer.state.0.exp_avg"]).unwrap();
            assert_eq!(found.prefix, prefix);
            assert!(found.notes().is_empty(), "{prefix}");
        }
        let odd = format!("state_dict.my_part.{EMBEDDING}");
        let notes = selected(&[&odd]).unwrap().notes();
        assert!(notes[0].contains("my_part"), "{notes:?}");
        // A name that merely ends alike is no network.
        assert!(selected(&["xswinViT.patch_embed.proj.weight"]).is_err());
    }

    #[test]
    fn of_several_networks_the_usual_one_is_taken_and_said() {
        let ema = format!("ema.{EMBEDDING}");
        let own = format!("state_dict.{EMBEDDING}");
        let found = selected(&[&ema, &own]).unwrap();
        assert_eq!(found.prefix, "state_dict.");
        assert_eq!(found.others, ["ema."]);
        let notes = found.notes();
        assert!(notes[0].contains("under state_dict are used"), "{notes:?}");
        assert!(notes[0].contains("ema"), "{notes:?}");
    }

    #[test]
    fn other_networks_are_named() {
        let encoder = [
            "state_dict.module.patch_embed.proj.weight",
            "state_dict.module.layers1.0.blocks.0.norm1.weight",
        ];
        assert!(matches!(selected(&encoder), Err(ModelError::EncoderOnly)));
        let error = selected(&[
            "network_weights.encoder.stages.0.0.convs.0.conv.weight",
            "network_weights.decoder.seg_layers.0.bias",
        ])
        .unwrap_err();
        let ModelError::OtherNetwork {
            kind,
            missing,
            unexpected,
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!(kind, "an nnU-Net");
        assert_eq!(missing, EMBEDDING);
        assert_eq!(unexpected, "network_weights.decoder.seg_layers.0.bias");
    }
}
