//! A model bundle: a folder with `bundle.json` and a weights file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::preprocessing::Preprocessing;
use super::windows::Inference;
use super::{BundleError, ComputeDevice, NetworkConfig, SwinUnetr, Weights};
use crate::base::WorldBox;
use crate::base::colour::Rgb;

/// The largest `bundle.json` that is read, in bytes.
const MAX_DESCRIPTION_BYTES: u64 = 1 << 20;

/// Everything `bundle.json` says. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleDescription {
    pub name: String,
    /// Licence of the weights.
    pub licence: String,
    /// Who made the model, and from what.
    pub source: String,
    /// Name of the weights file in the bundle's folder.
    pub weights: String,
    pub network: NetworkConfig,
    pub preprocessing: Preprocessing,
    pub inference: Inference,
    pub activation: Activation,
    /// What each input channel must be, for example `T1`.
    pub channels: Vec<String>,
    /// One for each output channel. With softmax the first is the background.
    pub classes: Vec<ClassDescription>,
    /// Where to look first, if the model needs a part of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_mm: Option<SuggestedRegion>,
}

/// An output channel's structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassDescription {
    pub name: String,
    pub colour: Rgb,
}

/// A box in RAS+ millimetres, in the space of the scans the model is meant for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuggestedRegion {
    pub name: String,
    pub min: [f64; 3],
    pub max: [f64; 3],
}

impl SuggestedRegion {
    pub fn world_box(&self) -> WorldBox {
        WorldBox {
            min: self.min,
            max: self.max,
        }
    }
}

/// A bundle whose description is sound and whose weights file is there.
#[derive(Debug, Clone)]
pub struct Bundle {
    description: BundleDescription,
    folder: PathBuf,
    weights_hash: String,
}

impl Bundle {
    /// Reads and checks `folder/bundle.json` and hashes the weights file. The weights
    /// themselves are checked by [`load_network`](Self::load_network).
    ///
    /// Errors: a file that cannot be read, a field that is missing, unknown or
    /// impossible.
    pub fn open(folder: &Path) -> Result<Self, BundleError> {
        let path = folder.join("bundle.json");
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            |reason| BundleError::Unreadable { reason, path }
        };
        let mut text = String::new();
        File::open(&path)
            .and_then(|file| file.take(MAX_DESCRIPTION_BYTES).read_to_string(&mut text))
            .map_err(unreadable(&path))?;
        let description: BundleDescription =
            serde_json::from_str(&text).map_err(|reason| BundleError::Malformed {
                reason,
                path: path.clone(),
            })?;
        if let Some((field, why)) = description.problem() {
            return Err(BundleError::Invalid { field, why, path });
        }
        let weights = folder.join(&description.weights);
        let mut hasher = blake3::Hasher::new();
        File::open(&weights)
            .and_then(|file| hasher.update_reader(BufReader::new(file)).map(|_| ()))
            .map_err(unreadable(&weights))?;
        Ok(Self {
            description,
            folder: folder.to_owned(),
            weights_hash: hasher.finalize().to_hex().to_string(),
        })
    }

    pub fn description(&self) -> &BundleDescription {
        &self.description
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// BLAKE3 of the weights file, in hexadecimal.
    pub fn weights_hash(&self) -> &str {
        &self.weights_hash
    }

    /// Reads the weights and builds the network on a device.
    pub fn load_network(&self, device: &ComputeDevice) -> Result<SwinUnetr, BundleError> {
        let path = self.folder.join(&self.description.weights);
        Weights::read(&path)
            .and_then(|weights| SwinUnetr::new(self.description.network, &weights, device))
            .map_err(|source| BundleError::Network { source, path })
    }

    /// The label that stands for a class in a label map; see
    /// [`Activation::label_of_channel`].
    pub fn label_of_class(&self, class: usize) -> usize {
        self.description.activation.label_of_channel(class)
    }

    /// Whether a class is a structure rather than the background.
    pub fn is_foreground(&self, class: usize) -> bool {
        self.label_of_class(class) > 0 && class < self.description.classes.len()
    }
}

impl BundleDescription {
    /// The first field that cannot be, and why.
    fn problem(&self) -> Option<(&'static str, String)> {
        let network = &self.network;
        let mut parts = Path::new(&self.weights).components();
        let plain_name = matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(_)), None)
        );
        if self.name.trim().is_empty() {
            return Some(("name", "it is empty".into()));
        }
        if !plain_name || !self.weights.ends_with(".safetensors") {
            let why = "it must be the name of a .safetensors file in the bundle's folder".into();
            return Some(("weights", why));
        }
        if let Err(e) = network.validate() {
            return Some(("network", e.to_string()));
        }
        if let Some(why) = self.preprocessing.problem() {
            return Some(("preprocessing", why));
        }
        if let Some(why) = self.inference.problem() {
            return Some(("inference", why));
        }
        if self.channels.len() != network.in_channels {
            let why = format!(
                "it names {} channels and the network takes {}",
                self.channels.len(),
                network.in_channels
            );
            return Some(("channels", why));
        }
        if self.classes.len() != network.out_channels {
            let why = format!(
                "it names {} classes and the network has {}",
                self.classes.len(),
                network.out_channels
            );
            return Some(("classes", why));
        }
        if self.activation == Activation::Softmax && self.classes.len() < 2 {
            return Some(("classes", "softmax needs a background and one class".into()));
        }
        for (index, class) in self.classes.iter().enumerate() {
            if class.name.trim().is_empty() {
                return Some(("classes", format!("class {index} has no name")));
            }
            if self.classes[..index]
                .iter()
                .any(|other| other.name == class.name)
            {
                return Some((
                    "classes",
                    format!("two classes are called {:?}", class.name),
                ));
            }
        }
        if let Some(region) = &self.region_mm
            && !(0..3).all(|a| {
                let size = region.max[a] - region.min[a];
                size.is_finite() && size > 0.0
            })
        {
            return Some((
                "region_mm",
                "max must be greater than min along each axis".into(),
            ));
        }
        None
    }
}
