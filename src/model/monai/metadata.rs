//! `metadata.json`: what a bundle is called, and its channels and classes.

use std::path::Path;

use serde_json::{Map, Value};

/// Channel names that do not say what the channel is.
const PLAIN_NAMES: [&str; 4] = ["image", "img", "input", "channel"];

/// A bundle's metadata.
#[derive(Debug)]
pub(super) struct Metadata {
    root: Map<String, Value>,
}

impl Metadata {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map(|root| Self { root })
            .map_err(|e| format!("its metadata.json is damaged: {e}"))
    }

    fn text(&self, key: &str) -> Option<String> {
        let text = self.root.get(key)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.replace(['\n', '\r'], " "))
    }

    pub(super) fn name(&self, folder: &Path) -> String {
        let name = self
            .text("name")
            .or_else(|| Some(folder.file_name()?.to_string_lossy().into_owned()))
            .unwrap_or_else(|| "MONAI bundle".to_owned());
        match self.text("version") {
            Some(version) => format!("{name} {version}"),
            None => name,
        }
    }

    pub(super) fn licence(&self) -> String {
        self.text("license")
            .or_else(|| self.text("copyright"))
            .unwrap_or_else(|| "not stated in the bundle's metadata".to_owned())
    }

    pub(super) fn source(&self) -> String {
        let parts = ["description", "authors", "data_source"];
        let known: Vec<String> = parts.iter().filter_map(|key| self.text(key)).collect();
        if known.is_empty() {
            "a MONAI bundle".to_owned()
        } else {
            format!("MONAI bundle: {}", known.join("; "))
        }
    }

    /// Major and minor version of the MONAI the bundle was made for.
    pub(super) fn monai_version(&self) -> Option<(u32, u32)> {
        let version = self.text("monai_version")?;
        let mut parts = version.split('.');
        let major = parts.next()?.trim().parse().ok()?;
        Some((major, parts.next()?.trim().parse().ok()?))
    }

    /// What each input channel must be.
    pub(super) fn channels(&self, count: usize) -> Result<Vec<String>, String> {
        let input = self.format("inputs");
        let mut names = input
            .and_then(|input| definition(input, count))
            .unwrap_or_default();
        let modality = input
            .and_then(|input| input.get("modality"))
            .and_then(Value::as_str)
            .filter(|modality| !modality.trim().is_empty());
        if let (1, Some(modality)) = (count, modality) {
            let plain = names
                .first()
                .is_none_or(|name| PLAIN_NAMES.contains(&name.to_lowercase().as_str()));
            if plain {
                names = vec![modality.to_owned()];
            }
        }
        if names.len() == count {
            return Ok(names);
        }
        if count == 1 && names.is_empty() {
            return Ok(vec!["image".to_owned()]);
        }
        Err(format!(
            "its metadata does not name the {count} input channels (channel_def)"
        ))
    }

    /// The structure of each output channel.
    pub(super) fn classes(&self, count: usize) -> Result<Vec<String>, String> {
        self.format("outputs")
            .and_then(|output| definition(output, count))
            .ok_or_else(|| {
                format!("its metadata does not name the {count} output channels (channel_def)")
            })
    }

    /// The only entry, or the one that is usual, of the network's inputs or outputs.
    fn format(&self, side: &str) -> Option<&Map<String, Value>> {
        let entries = self
            .root
            .get("network_data_format")?
            .get(side)?
            .as_object()?;
        let usual = ["image", "pred"].iter().find_map(|key| entries.get(*key));
        usual.or_else(|| entries.values().next())?.as_object()
    }
}

/// The names of `channel_def`, which must be for the channels 0 to `count` − 1.
fn definition(format: &Map<String, Value>, count: usize) -> Option<Vec<String>> {
    let names = format.get("channel_def")?.as_object()?;
    if names.len() != count {
        return None;
    }
    (0..count)
        .map(|channel| {
            let name = names.get(&channel.to_string())?.as_str()?.trim();
            (!name.is_empty()).then(|| name.to_owned())
        })
        .collect()
}
