//! How an explanation came about: `explanation.json`.
//!
//! Enough to say what was done, to hold two runs against each other, and to run
//! one again. Files are named without their folders. Patient data of headers is
//! never copied here.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ReportError;
use crate::base::{Orientation, WorldBox};
use crate::io::atomic::write_bytes;
use crate::io::{IoError, file_hash};
use crate::volume::Volume;

/// The version of the file's layout. It grows when a field changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything about one run of `explain`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    pub schema_version: u32,
    pub program_version: String,
    /// Always [`crate::base::RESEARCH_USE`].
    pub notice: String,
    pub bundle: Bundle,
    /// One a channel, in the network's order.
    pub inputs: Vec<InputFile>,
    /// The explained part of the scan, in world millimetres (RAS+).
    pub region_mm: WorldBox,
    pub parameters: Parameters,
    /// The device the network ran on, in words.
    pub device: String,
    pub counts: Counts,
    pub classes: Vec<ClassResult>,
    /// What a reader should know besides: warnings, fallbacks, early stops.
    pub notes: Vec<String>,
}

/// The model that was explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    pub name: String,
    /// BLAKE3 of the weight file, as hex.
    pub weights_blake3: String,
    /// All of `bundle.json`: the network's settings, preprocessing and windows.
    pub description: serde_json::Value,
}

/// One file the network saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputFile {
    /// The file's name, without its folder.
    pub name: String,
    /// BLAKE3 of the file's bytes, as hex.
    pub blake3: String,
    pub dims: [usize; 3],
    pub spacing_mm: [f64; 3],
    /// Three letters such as `RAS`.
    pub orientation: String,
    /// How a DICOM series was acquired; nothing that tells who was scanned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub acquisition: BTreeMap<String, String>,
}

impl InputFile {
    /// Describes a volume that was opened from `path`, and hashes that file.
    pub fn describe(path: &Path, volume: &Volume) -> Result<Self, IoError> {
        let grid = volume.grid();
        Ok(Self {
            name: path
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default(),
            blake3: file_hash(path)?,
            dims: grid.dims(),
            spacing_mm: grid.spacing_mm(),
            orientation: Orientation::of(grid).letters(),
            acquisition: BTreeMap::new(),
        })
    }
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// The explained classes, by name.
    pub classes: Vec<String>,
    /// Which part of a class, if not all of it: `component 1` by size, `at -25,-18,-20` in
    /// world millimetres, `supervoxels 3,8` by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    pub supervoxels: Supervoxels,
    /// What stands in for a removed supervoxel, for example `blur 10 mm`.
    pub baseline: String,
    /// The outcome that is shared out, for example `mean class probability`.
    pub value_function: String,
    /// Where the outcome is measured: `region` or `target`.
    #[serde(default)]
    pub measured: String,
    /// Unit of values and SHAP values.
    pub value_unit: String,
    pub estimator: String,
    /// Network evaluations that were allowed.
    pub budget: u64,
    pub seed: u64,
    /// The rule that turned values into the relevance mask, for example `top:10%`.
    pub mask_rule: Option<String>,
}

/// How the scan was cut into players.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Supervoxels {
    pub method: String,
    /// How many were asked for.
    pub requested: u32,
    /// How many there are.
    pub count: u32,
    pub compactness: f64,
}

/// What it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Coalitions that were evaluated.
    pub evaluations: u64,
    /// Windows that ran through the network.
    pub windows: u64,
    /// Windows whose result was known from an earlier run, since they showed the same.
    #[serde(default)]
    pub windows_reused: u64,
    pub seconds: f64,
}

/// What came out for one class. Figures that were not computed are absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassResult {
    pub name: String,
    /// Volume of the class in the segmentation.
    pub segmentation_ml: f64,
    /// Outcome with every supervoxel removed.
    pub value_empty: f64,
    /// Outcome of the scan as it is.
    pub value_full: f64,
    /// Sum of the SHAP values less (`value_full` − `value_empty`); zero is complete.
    pub completeness_residual: f64,
    /// R² of the additive surrogate on the evaluated coalitions.
    pub surrogate_fit: Option<f64>,
    /// Mean squared error of the estimate on pairs it did not use, relative.
    pub held_out_error: Option<f64>,
    pub mask: Option<MaskResult>,
}

/// The relevance mask of one class and what the network makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaskResult {
    pub rule: String,
    pub supervoxels: u32,
    pub volume_ml: f64,
    /// Share of the positive evidence that the mask holds, 0 to 1.
    pub evidence_share: f64,
    /// Dice with the original segmentation when only the mask is kept.
    pub keep_only_dice: Option<f64>,
    /// Dice with the original segmentation when only the mask is deleted.
    pub delete_only_dice: Option<f64>,
}

impl Explanation {
    /// The file's text. An error names what is not a finite number.
    pub fn to_json(&self) -> Result<String, String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        // JSON has no NaN and holds null in its place, which does not read back.
        serde_json::from_str::<Self>(&text).map_err(|e| e.to_string())?;
        Ok(text + "\n")
    }

    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let text = self.to_json().map_err(|why| ReportError::NotFinite {
            why,
            path: path.into(),
        })?;
        Ok(write_bytes(path, text.as_bytes())?)
    }

    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let bad = |why: String| ReportError::BadProvenance {
            why,
            path: path.into(),
        };
        let text = std::fs::read(path).map_err(|source| IoError::reading(source, path))?;
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        let Version { schema_version } =
            serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
        if schema_version > SCHEMA_VERSION {
            return Err(bad(format!(
                "its layout {schema_version} is newer than {SCHEMA_VERSION}; use a newer program"
            )));
        }
        serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))
    }
}
