//! The parts that evidence is gathered in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::engine::SettingError;
use crate::explain::relevance_mask::{MaskRule, SignedMaskRule};

/// One question to an explanation, with its runs of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidencePart {
    /// Do the values predict runs that they were not made from? No runs.
    Fit,
    /// Where does the map point, and how concentrated is it? No runs.
    Place,
    /// Do masked scans look like scans? No runs.
    Resemblance,
    /// What is segmented with only the mask kept, and with only it removed? Two runs.
    Mask,
    /// How few supervoxels suffice, and how few are necessary? A few dozen runs.
    Minimal,
    /// Insertion and deletion against random orders. A few hundred runs.
    Curves,
    /// Is the map the same with another seed? As many runs as the explanation.
    Seed,
    /// Is it the same with other ways to fill what is hidden? Four runs a supervoxel each.
    Baselines,
    /// Is it the same with half and twice as many supervoxels? Ten runs a supervoxel.
    Supervoxels,
    /// Is it another map when the network's weights are random? As `baselines`.
    Weights,
    /// Do occlusion and gradients of the network rank the supervoxels alike? A run a
    /// supervoxel, and some dozen derivatives.
    Methods,
}

impl EvidencePart {
    pub const ALL: [Self; 11] = [
        Self::Fit,
        Self::Place,
        Self::Resemblance,
        Self::Mask,
        Self::Minimal,
        Self::Curves,
        Self::Seed,
        Self::Baselines,
        Self::Supervoxels,
        Self::Weights,
        Self::Methods,
    ];

    /// What takes next to no runs.
    pub const QUICK: [Self; 4] = [Self::Fit, Self::Place, Self::Resemblance, Self::Mask];

    /// What is gathered if nothing else is asked for.
    pub const USUAL: [Self; 6] = [
        Self::Fit,
        Self::Place,
        Self::Resemblance,
        Self::Mask,
        Self::Minimal,
        Self::Curves,
    ];

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Place => "place",
            Self::Resemblance => "resemblance",
            Self::Mask => "mask",
            Self::Minimal => "minimal",
            Self::Curves => "curves",
            Self::Seed => "seed",
            Self::Baselines => "baselines",
            Self::Supervoxels => "supervoxels",
            Self::Weights => "weights",
            Self::Methods => "methods",
        }
    }

    /// What to call it in a window or report.
    pub fn label(self) -> &'static str {
        match self {
            Self::Fit => "Prediction of other runs",
            Self::Place => "Where the map points",
            Self::Resemblance => "Likeness of masked scans",
            Self::Mask => "Keep and remove the mask",
            Self::Minimal => "Smallest sufficient part",
            Self::Curves => "Insertion and deletion",
            Self::Seed => "Another seed",
            Self::Baselines => "Other ways to hide",
            Self::Supervoxels => "Other supervoxels",
            Self::Weights => "Random weights",
            Self::Methods => "Other methods",
        }
    }
}

impl fmt::Display for EvidencePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EvidencePart {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let known = Self::ALL
            .into_iter()
            .find(|part| part.name() == text.trim());
        known.ok_or_else(|| {
            SettingError::new(
                "a part of the evidence",
                text,
                "fit, place, resemblance, mask, minimal, curves, seed, baselines, supervoxels, weights or methods",
            )
        })
    }
}

/// What is gathered, and how much work it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceSettings {
    pub parts: Vec<EvidencePart>,
    /// The rule of the mask that is put to the test.
    pub mask: SignedMaskRule,
    /// Random orders that curves are held against, at least 2.
    pub random_orders: usize,
    /// Points of a curve at most.
    pub steps: usize,
    /// Fixes the random orders; the other seed is the explanation's and this plus one.
    pub seed: u64,
}

impl Default for EvidenceSettings {
    fn default() -> Self {
        Self {
            parts: EvidencePart::USUAL.to_vec(),
            mask: MaskRule::CumulativePositive(0.8).into(),
            random_orders: 20,
            steps: 20,
            seed: 0,
        }
    }
}

impl EvidenceSettings {
    /// Whether a part is wanted.
    pub fn wants(&self, part: EvidencePart) -> bool {
        self.parts.contains(&part)
    }
}
