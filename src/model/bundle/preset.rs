//! Models that are published as weights alone, described once.
//!
//! A preset is a `bundle.json` without weights. Feature size and version of the network
//! are read off the weights; channels and classes must fit.

use super::BundleDescription;
use crate::model::{BundleError, NetworkConfig};

/// Name and text of each preset.
const PRESETS: [(&str, &str); 2] = [
    ("btcv", include_str!("../../../assets/presets/btcv.json")),
    (
        "brats21",
        include_str!("../../../assets/presets/brats21.json"),
    ),
];

/// A description that waits for weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    pub name: &'static str,
    pub description: BundleDescription,
}

impl Preset {
    /// All presets, in the order they are offered.
    ///
    /// Errors: none for the files the program is built with.
    pub fn all() -> Result<Vec<Self>, BundleError> {
        PRESETS
            .into_iter()
            .map(|(name, text)| {
                let description =
                    serde_json::from_str(text).map_err(|reason| BundleError::Malformed {
                        reason,
                        path: format!("assets/presets/{name}.json").into(),
                    })?;
                Ok(Self { name, description })
            })
            .collect()
    }

    /// The preset of a name.
    ///
    /// Errors: no such preset.
    pub fn named(name: &str) -> Result<Self, BundleError> {
        let presets = Self::all()?;
        let known = presets.iter().map(|preset| preset.name).collect::<Vec<_>>();
        let known = known.join(", ");
        presets
            .into_iter()
            .find(|preset| preset.name == name)
            .ok_or_else(|| BundleError::NoSuchPreset {
                name: name.to_owned(),
                known,
            })
    }

    /// Whether weights of a network can be the preset's.
    pub fn fits(&self, network: &NetworkConfig) -> bool {
        self.description.network.in_channels == network.in_channels
            && self.description.network.out_channels == network.out_channels
    }

    /// Names of the presets that fit a network.
    pub fn fitting(network: &NetworkConfig) -> Result<Vec<&'static str>, BundleError> {
        Ok(Self::all()?
            .iter()
            .filter(|preset| preset.fits(network))
            .map(|preset| preset.name)
            .collect())
    }
}
