//! Weights on the host, under the names MONAI gives them.
//!
//! A network is built by taking each tensor it needs by name. What is missing,
//! left over or of another shape is a named error before anything is built. Files are
//! opened in [`Checkpoint`]; nothing in them is ever executed.

mod checkpoint;
mod layout;
mod pickle_scan;
mod pytorch;
mod randomise;
mod safetensors;
mod selection;

use std::collections::BTreeMap;
use std::path::Path;

use super::ModelError;
use super::swin_unetr::{MergeOrder, NetworkConfig};

pub use checkpoint::Checkpoint;
pub use layout::expected_tensors;
pub use randomise::RANDOMISATION_STAGES;

/// Tensors by name, row-major, `f32`.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Weights {
    /// Adds a tensor of a shape. An error if the number of values is not the shape's.
    pub fn insert(
        &mut self,
        key: impl Into<String>,
        shape: Vec<usize>,
        values: Vec<f32>,
    ) -> Result<(), ModelError> {
        let key = key.into();
        let wanted = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
        if wanted != Some(values.len()) {
            return Err(ModelError::WeightValues {
                key,
                reason: format!("{} values for shape {shape:?}", values.len()),
            });
        }
        self.tensors.insert(key, (shape, values));
        Ok(())
    }

    /// Reads the weights of a Swin UNETR from a .safetensors file or a PyTorch
    /// checkpoint; see [`Checkpoint`].
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Checkpoint::open(path)?.read()
    }

    /// An error unless the tensors are exactly those of the network, in name and shape.
    pub fn check(&self, config: &NetworkConfig) -> Result<(), ModelError> {
        layout::check(&self.shapes(), config)
    }

    /// The settings of the network that these weights belong to, read off their names
    /// and shapes. The merge order is in neither, so the caller has to know it.
    pub fn network_config(&self, merge_order: MergeOrder) -> Result<NetworkConfig, ModelError> {
        layout::detect(&self.shapes(), merge_order)
    }

    /// Shape and values (row-major) of a tensor.
    pub fn tensor(&self, key: &str) -> Option<(&[usize], &[f32])> {
        let (shape, values) = self.tensors.get(key)?;
        Some((shape, values))
    }

    fn shapes(&self) -> layout::Shapes {
        self.tensors
            .iter()
            .map(|(key, (shape, _))| (key.clone(), shape.clone()))
            .collect()
    }

    /// The values of a tensor that must have this shape, row-major.
    pub(super) fn take<const D: usize>(
        &self,
        key: &str,
        shape: [usize; D],
    ) -> Result<Vec<f32>, ModelError> {
        let (actual, values) = self
            .tensors
            .get(key)
            .ok_or_else(|| ModelError::MissingWeights {
                count: 1,
                first: key.to_owned(),
            })?;
        if actual.as_slice() != shape {
            return Err(ModelError::WeightShape {
                key: key.to_owned(),
                expected: shape.to_vec(),
                actual: actual.clone(),
            });
        }
        Ok(values.clone())
    }
}
