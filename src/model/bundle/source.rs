//! Which model a user asks for.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::MergeOrder;

/// A model as a user names it: a path, and what the path alone does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSource {
    /// A bundle's folder, a MONAI bundle's folder, or a weights file.
    pub path: PathBuf,
    /// Name of the preset that says how a weights file is used.
    pub preset: Option<String>,
    /// Order of patch merging, in place of what the bundle says.
    pub merge_order: Option<MergeOrder>,
}

impl ModelSource {
    /// The model at a path, as the path itself describes it.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            preset: None,
            merge_order: None,
        }
    }

    /// Whether a path looks like a model rather than a scan: a folder with a bundle's
    /// description, or a file whose name ends like a weights file's.
    pub fn is_model(path: &Path) -> bool {
        let weights = path.extension().is_some_and(|extension| {
            ["pt", "pth", "safetensors"]
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known))
        });
        weights
            || path.join("bundle.json").is_file()
            || path.join("configs").join("metadata.json").is_file()
    }
}

impl From<PathBuf> for ModelSource {
    fn from(path: PathBuf) -> Self {
        Self::at(path)
    }
}

impl MergeOrder {
    /// The name in `bundle.json` and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Merging => "merging",
            Self::MergingV2 => "mergingv2",
        }
    }
}

impl fmt::Display for MergeOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
