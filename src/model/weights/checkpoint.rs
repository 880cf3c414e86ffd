//! A weights file as it was found: which tensors it holds, and their values on demand.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use burn::store::pytorch_reader;
use burn::tensor::{bf16, f16};

use super::selection::{Selection, select};
use super::{Weights, layout, pytorch, safetensors};
use crate::model::ModelError;
use crate::model::swin_unetr::{MergeOrder, NetworkConfig};

/// A buffer in MONAI's checkpoints that is computed, not learned.
const IGNORED_SUFFIX: &str = "relative_position_index";

/// Bytes a network may take for each byte of its file. The containers do not usually
/// compress, but a tensor can be a view that repeats a few bytes without end.
const MAX_EXPANSION: u64 = 4;

/// The container of a weights file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Safetensors,
    /// `torch.save` since PyTorch 1.6.
    PytorchZip,
    /// `torch.save` before PyTorch 1.6: pickles, then storages.
    PytorchStream,
    /// `torch.save` before PyTorch 0.1.10.
    PytorchTar,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::PytorchZip => "PyTorch checkpoint",
            Self::PytorchStream => "PyTorch checkpoint (before 1.6)",
            Self::PytorchTar => "PyTorch checkpoint (before 0.1.10)",
        })
    }
}

/// The type of a stored number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ElementType {
    F16,
    Bf16,
    F32,
    F64,
    /// No float; its name in the file.
    Other(String),
}

impl ElementType {
    /// 0 for what is no float.
    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Other(_) => 0,
        }
    }

    fn label(&self) -> &str {
        match self {
            Self::F16 => "16-bit floats",
            Self::Bf16 => "16-bit brain floats",
            Self::F32 => "32-bit floats",
            Self::F64 => "64-bit floats",
            Self::Other(name) => name,
        }
    }
}

/// Where a tensor's bytes are.
#[derive(Debug)]
pub(super) enum Source {
    /// In the file itself.
    Range {
        start: u64,
        bytes: u64,
    },
    Pytorch(pytorch_reader::Tensor),
}

/// A tensor whose values were not read yet.
#[derive(Debug)]
pub(super) struct StoredTensor {
    pub(super) element: ElementType,
    pub(super) shape: Vec<usize>,
    pub(super) source: Source,
}

/// An opened weights file (.safetensors, or PyTorch's .pt and .pth) with a Swin UNETR
/// in it. Names are known, values are not read yet.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    file: File,
    file_bytes: u64,
    format: Format,
    selection: Selection,
    /// The network's tensors by MONAI's names.
    tensors: BTreeMap<String, StoredTensor>,
}

impl Checkpoint {
    /// Opens a file, by its content whatever its name, and finds the network in it:
    /// wrappers such as `state_dict` and prefixes such as `module.` are stripped, and
    /// `relative_position_index` buffers are left out.
    ///
    /// Errors: a file that cannot be read or is no weights file; an encoder alone or
    /// another network.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let unreadable = |reason: String| ModelError::UnreadableWeights {
            reason,
            path: path.to_owned(),
        };
        let open = || -> std::io::Result<(File, u64, Vec<u8>)> {
            let mut file = File::open(path)?;
            let length = file.metadata()?.len();
            let mut head = Vec::new();
            (&mut file).take(512).read_to_end(&mut head)?;
            Ok((file, length, head))
        };
        let (mut file, file_bytes, head) = open().map_err(|e| unreadable(e.to_string()))?;
        let (format, stored) = if safetensors::begins(&head) {
            (Format::Safetensors, safetensors::open(&mut file))
        } else if let Some(format) = pytorch::container(&head) {
            (format, pytorch::open(path, format))
        } else {
            return Err(unreadable("it is neither of the two".into()));
        };
        let stored = stored.map_err(unreadable)?;
        if stored.is_empty() {
            return Err(unreadable("it holds no tensors".into()));
        }
        let selection = select(stored.keys().map(String::as_str))?;
        let tensors: BTreeMap<String, StoredTensor> = stored
            .into_iter()
            .filter_map(|(key, tensor)| {
                let key = key.strip_prefix(&selection.prefix)?.to_owned();
                (!key.ends_with(IGNORED_SUFFIX)).then_some((key, tensor))
            })
            .collect();
        if !tensors
            .keys()
            .any(|key| key.starts_with("decoder") || key.starts_with("encoder"))
        {
            return Err(ModelError::EncoderOnly);
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            file_bytes,
            format,
            selection,
            tensors,
        })
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// Prefix of the network's names in the file: empty, or ending in a dot.
    pub fn prefix(&self) -> &str {
        &self.selection.prefix
    }

    /// How the numbers are stored, in words.
    pub fn precision(&self) -> &str {
        self.tensors
            .values()
            .next()
            .map_or("", |tensor| tensor.element.label())
    }

    /// What a user should know about the file, in plain words.
    pub fn notes(&self) -> Vec<String> {
        self.selection.notes()
    }

    /// The settings of the network, read off names and shapes. All names and shapes
    /// are checked against them.
    pub fn network_config(&self, merge_order: MergeOrder) -> Result<NetworkConfig, ModelError> {
        let shapes = self.shapes();
        // A foreign network may lack what settles a setting: say what it is instead.
        let config = match layout::detect(&shapes, merge_order) {
            Err(ModelError::MissingWeights { .. }) => {
                let guess = NetworkConfig {
                    in_channels: 1,
                    out_channels: 1,
                    feature_size: 48,
                    use_v2: false,
                    merge_order,
                };
                layout::check(&shapes, &guess)?;
                guess
            }
            other => other?,
        };
        layout::check(&shapes, &config)?;
        Ok(config)
    }

    /// Reads all values as `f32`: one tensor at a time, so that the file's bytes are
    /// never in memory together.
    ///
    /// Errors: names or shapes that are no Swin UNETR's; numbers that are no floats,
    /// not finite, or not all there.
    pub fn read(mut self) -> Result<Weights, ModelError> {
        // The merge order has no part in names and shapes.
        self.network_config(MergeOrder::Legacy)?;
        let claimed = self.tensors.values().try_fold(0_u64, |sum, tensor| {
            let bytes = tensor.element.size_bytes() as u64;
            let bytes = tensor
                .shape
                .iter()
                .try_fold(bytes, |n, &d| n.checked_mul(d as u64))?;
            sum.checked_add(bytes)
        });
        let most = self.file_bytes.saturating_mul(MAX_EXPANSION);
        if claimed.is_none_or(|claimed| claimed > most) {
            return Err(ModelError::UnreadableWeights {
                reason: "its tensors claim more data than the file can hold".into(),
                path: self.path,
            });
        }
        let mut weights = Weights::default();
        for (key, tensor) in std::mem::take(&mut self.tensors) {
            let values = self.values(&key, &tensor)?;
            weights.insert(key, tensor.shape, values)?;
        }
        Ok(weights)
    }

    fn values(&mut self, key: &str, tensor: &StoredTensor) -> Result<Vec<f32>, ModelError> {
        let bad = |reason: String| ModelError::WeightValues {
            key: key.to_owned(),
            reason,
        };
        if let ElementType::Other(name) = &tensor.element {
            return Err(bad(format!("stored as {name}, not as floats")));
        }
        let bytes = match &tensor.source {
            Source::Range { start, bytes } => {
                let mut read = Vec::new();
                self.file
                    .seek(SeekFrom::Start(*start))
                    .and_then(|_| (&mut self.file).take(*bytes).read_to_end(&mut read))
                    .map_err(|e| bad(e.to_string()))?;
                read
            }
            Source::Pytorch(tensor) => tensor
                .read()
                .map_err(|e| bad(pytorch::first_line(&e.to_string())))?,
        };
        let values = to_f32(&bytes, &tensor.element);
        if !values.iter().all(|v| v.is_finite()) {
            return Err(bad("not finite".into()));
        }
        Ok(values)
    }

    fn shapes(&self) -> layout::Shapes {
        self.tensors
            .iter()
            .map(|(key, tensor)| (key.clone(), tensor.shape.clone()))
            .collect()
    }
}

/// Little-endian floats as `f32`.
fn to_f32(bytes: &[u8], element: &ElementType) -> Vec<f32> {
    fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let (numbers, _) = bytes.as_chunks::<N>();
        numbers.iter().map(|&number| value(number)).collect()
    }
    match element {
        ElementType::F16 => convert(bytes, |b| f16::from_le_bytes(b).to_f32()),
        ElementType::Bf16 => convert(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        ElementType::F32 => convert(bytes, f32::from_le_bytes),
        ElementType::F64 => convert(bytes, |b| f64::from_le_bytes(b) as f32),
        ElementType::Other(_) => Vec::new(),
    }
}
