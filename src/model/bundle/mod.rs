//! A model bundle: what a model is, and its weights.
//!
//! Three things a user can have become one [`Bundle`]: our own folder with
//! `bundle.json`, a MONAI bundle's folder (read in `monai`), and a weights file alone
//! with a [`Preset`]. Nothing is guessed silently: what had to be assumed is in
//! [`Bundle::notes`].

mod description;
mod preset;
mod source;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

use super::{
    BundleError, Checkpoint, ComputeDevice, MergeOrder, ModelError, NetworkConfig, SwinUnetr,
    Weights, monai,
};

pub use description::{BundleDescription, ClassDescription, SuggestedRegion};
pub use preset::Preset;
pub use source::ModelSource;

/// The largest description that is read, in bytes.
const MAX_DESCRIPTION_BYTES: u64 = 1 << 20;

/// The description of our own bundles, in their folder.
const DESCRIPTION: &str = "bundle.json";

/// A bundle whose description is sound and whose weights file is there.
#[derive(Debug, Clone)]
pub struct Bundle {
    description: BundleDescription,
    source: ModelSource,
    weights: PathBuf,
    weights_hash: String,
    notes: Vec<String>,
}

impl Bundle {
    /// Opens the model at a path; see [`open_source`](Self::open_source).
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        Self::open_source(&ModelSource::at(path))
    }

    /// Reads and checks what describes a model, and hashes its weights file. Numbers
    /// are read by [`load_network`](Self::load_network). The names and shapes of a
    /// MONAI bundle's weights and of weights alone are checked here.
    ///
    /// Errors: a file that cannot be read; a field that is missing, unknown or
    /// impossible; weights without a preset, with one that does not exist or does not
    /// fit.
    pub fn open_source(source: &ModelSource) -> Result<Self, BundleError> {
        let path = &source.path;
        let described = if path.is_file() && path.file_name().is_some_and(|n| n != DESCRIPTION) {
            with_preset(source)?
        } else if source.preset.is_some() {
            return Err(BundleError::PresetForFolder { path: path.clone() });
        } else if monai::is_bundle(path) && !path.join(DESCRIPTION).is_file() {
            monai::describe(path, source.merge_order)?
        } else {
            own(path)?
        };
        let Described {
            mut description,
            weights,
            mut notes,
        } = described;
        if let Some(asked) = source.merge_order
            && asked != description.network.merge_order
        {
            notes.push(format!(
                "patch merging: {asked} was asked for, in place of {}",
                description.network.merge_order
            ));
            description.network.merge_order = asked;
        }
        let weights_hash = hash(&weights)?;
        Ok(Self {
            description,
            source: source.clone(),
            weights,
            weights_hash,
            notes,
        })
    }

    pub fn description(&self) -> &BundleDescription {
        &self.description
    }

    /// What was asked for: enough to open the model again.
    pub fn source(&self) -> &ModelSource {
        &self.source
    }

    /// The weights file.
    pub fn weights(&self) -> &Path {
        &self.weights
    }

    /// BLAKE3 of the weights file, in hexadecimal.
    pub fn weights_hash(&self) -> &str {
        &self.weights_hash
    }

    /// What was assumed or left out, in plain words: a user has to see it.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Reads the weights and builds the network on a device.
    pub fn load_network(&self, device: &ComputeDevice) -> Result<SwinUnetr, BundleError> {
        let weights = self.read_weights()?;
        SwinUnetr::new(self.description.network, &weights, device).map_err(|e| self.failed(e))
    }

    /// The network with the first `stages` of
    /// [`RANDOMISATION_STAGES`](super::RANDOMISATION_STAGES) as if they had never been
    /// trained, in numbers that the seed fixes. With 0 stages it is the network itself.
    pub fn load_randomised(
        &self,
        device: &ComputeDevice,
        stages: usize,
        seed: u64,
    ) -> Result<SwinUnetr, BundleError> {
        let weights = self.read_weights()?.randomised(stages, seed);
        SwinUnetr::new(self.description.network, &weights, device).map_err(|e| self.failed(e))
    }

    /// The numbers in the weights file.
    pub fn read_weights(&self) -> Result<Weights, BundleError> {
        let read = Checkpoint::open(&self.weights).and_then(Checkpoint::read);
        read.map_err(|e| self.failed(e))
    }

    fn failed(&self, error: ModelError) -> BundleError {
        BundleError::Network {
            error,
            path: self.weights.clone(),
        }
    }

    /// The label that stands for a class in a label map.
    pub fn label_of_class(&self, class: usize) -> usize {
        self.description.label_of_class(class)
    }

    /// Whether a class is a structure rather than the background.
    pub fn is_foreground(&self, class: usize) -> bool {
        self.label_of_class(class) > 0 && class < self.description.classes.len()
    }
}

/// A sound description, where its weights are, and what was assumed for it.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) description: BundleDescription,
    pub(super) weights: PathBuf,
    pub(super) notes: Vec<String>,
}

/// Our own bundle: a folder with `bundle.json`, or that file.
fn own(path: &Path) -> Result<Described, BundleError> {
    let (folder, path) = if path.is_dir() || !path.exists() {
        (path, path.join(DESCRIPTION))
    } else {
        (path.parent().unwrap_or(path), path.to_owned())
    };
    let text = read_text(&path)?;
    let malformed = |reason| BundleError::Malformed {
        reason,
        path: path.clone(),
    };
    let mut value: serde_json::Value = serde_json::from_str(&text).map_err(malformed)?;
    let mut notes = Vec::new();
    if let Some(network) = value.get_mut("network").and_then(|n| n.as_object_mut())
        && !network.contains_key("merge_order")
    {
        network.insert("merge_order".into(), MergeOrder::Legacy.name().into());
        notes.push(assumed_merge_order("the bundle does not say it"));
    }
    let description: BundleDescription = serde_json::from_value(value).map_err(malformed)?;
    if let Some((field, why)) = description.problem() {
        return Err(BundleError::Invalid { field, why, path });
    }
    let mut parts = Path::new(&description.weights).components();
    let plain_name = matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    );
    if !plain_name || !ModelSource::is_model(Path::new(&description.weights)) {
        return Err(BundleError::Invalid {
            field: "weights",
            why: "it must be the name of a .safetensors, .pt or .pth file in the bundle's folder"
                .into(),
            path,
        });
    }
    Ok(Described {
        weights: folder.join(&description.weights),
        description,
        notes,
    })
}

/// Weights alone, with the preset that was named.
fn with_preset(source: &ModelSource) -> Result<Described, BundleError> {
    let path = &source.path;
    let (network, mut notes) = inspect_weights(path, MergeOrder::Legacy)?;
    let Some(name) = &source.preset else {
        let fitting = Preset::fitting(&network)?;
        let advice = if fitting.is_empty() {
            "no preset fits; describe the model in a bundle.json beside the weights".to_owned()
        } else {
            format!("say --preset {}", fitting.join(" or --preset "))
        };
        return Err(BundleError::PresetNeeded {
            inputs: network.in_channels,
            outputs: network.out_channels,
            advice,
            path: path.clone(),
        });
    };
    let preset = Preset::named(name)?;
    if !preset.fits(&network) {
        let wanted = preset.description.network;
        return Err(BundleError::PresetMisfit {
            name: preset.name,
            wanted: [wanted.in_channels, wanted.out_channels],
            found: [network.in_channels, network.out_channels],
            path: path.clone(),
        });
    }
    let mut description = preset.description;
    description.network = NetworkConfig {
        merge_order: description.network.merge_order,
        ..network
    };
    description.weights = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if source.merge_order.is_none() {
        notes.push(assumed_merge_order("weights alone do not say it"));
    }
    if let Some((field, why)) = description.problem() {
        return Err(BundleError::Invalid {
            field,
            why,
            path: path.clone(),
        });
    }
    Ok(Described {
        description,
        weights: path.clone(),
        notes,
    })
}

/// That a merge order had to be assumed, and why.
fn assumed_merge_order(why: &str) -> String {
    format!(
        "patch merging: legacy (MONAI 0.9 to 1.4, as all published BTCV and BraTS weights) is \
         assumed, because {why}; with another order the result is wrong without any error, so \
         say --merge-order merging if the weights were trained with MONAI 1.5 or later"
    )
}

/// Which network a weights file holds, and what a user should know about the file.
pub(super) fn inspect_weights(
    path: &Path,
    merge_order: MergeOrder,
) -> Result<(NetworkConfig, Vec<String>), BundleError> {
    let failed = |error: ModelError| BundleError::Network {
        error,
        path: path.to_owned(),
    };
    let checkpoint = Checkpoint::open(path).map_err(failed)?;
    let network = checkpoint.network_config(merge_order).map_err(failed)?;
    Ok((network, checkpoint.notes()))
}

/// A small text file.
pub(super) fn read_text(path: &Path) -> Result<String, BundleError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_DESCRIPTION_BYTES).read_to_string(&mut text))
        .map_err(unreadable(path))?;
    Ok(text)
}

fn hash(path: &Path) -> Result<String, BundleError> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(BufReader::new(file)).map(|_| ()))
        .map_err(unreadable(path))?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> BundleError {
    let path = path.to_owned();
    |reason| BundleError::Unreadable { reason, path }
}
