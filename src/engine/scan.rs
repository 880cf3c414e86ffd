//! The files of one scan, a channel each, on one grid.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::{CancelToken, Progress};
use crate::engine::{ChannelFacts, EngineError, GeometryCard, ScanFile, match_channels};
use crate::io;
use crate::volume::{self, Volume, Voxels};

/// A file that was read, as provenance names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Name without folders: a path may name a patient or a person.
    pub file_name: String,
    /// BLAKE3 of the file's bytes, in hexadecimal.
    pub hash: String,
}

/// The channels of one scan. Those of a study are in its model's order and on the grid
/// of the first; see [`arrange`](Self::arrange).
#[derive(Debug, Clone)]
pub struct Scan {
    pub channels: Vec<Arc<Volume>>,
    /// Where the files are and what the user said they are. For opening them again;
    /// never written to any output.
    pub files: Vec<ScanFile>,
    pub inputs: Vec<InputFile>,
    /// Where each file lies in the body.
    pub cards: Vec<GeometryCard>,
    /// What is odd about the files, in plain words.
    pub warnings: Vec<String>,
    /// How the files became the model's channels, where that is worth knowing.
    pub channel_notes: Vec<String>,
    /// Free text of each file's header.
    header_texts: Vec<String>,
    /// The model's channels that the files were arranged for.
    arranged_for: Option<Vec<String>>,
}

impl Scan {
    /// Opens one file a channel, in any order, each on the grid of its own.
    pub fn open(
        files: &[ScanFile],
        progress: &mut dyn FnMut(Progress),
        cancel: &CancelToken,
    ) -> Result<Self, EngineError> {
        let mut scan = Self {
            channels: Vec::new(),
            files: files.to_vec(),
            inputs: Vec::new(),
            cards: Vec::new(),
            warnings: Vec::new(),
            channel_notes: Vec::new(),
            header_texts: Vec::new(),
            arranged_for: None,
        };
        for file in files {
            let opened = io::open_volume(&file.path, progress, cancel)?;
            let name = file_name(&file.path);
            let several = files.len() > 1;
            scan.warnings.extend(opened.warnings.iter().map(|warning| {
                if several {
                    format!("{name}: {warning}")
                } else {
                    warning.to_string()
                }
            }));
            scan.inputs.push(InputFile {
                file_name: name,
                hash: io::file_hash(&file.path)?,
            });
            scan.cards.push(GeometryCard::new(
                &opened.volume,
                opened.summary.placed_by,
                opened.warnings.iter().map(ToString::to_string).collect(),
            ));
            scan.header_texts.push(opened.summary.description);
            scan.channels.push(Arc::new(opened.volume));
        }
        Ok(scan)
    }

    /// Opens the file of a scan with one channel.
    pub fn open_one(
        path: &Path,
        progress: &mut dyn FnMut(Progress),
        cancel: &CancelToken,
    ) -> Result<Self, EngineError> {
        Self::open(&[PathBuf::from(path).into()], progress, cancel)
    }

    /// The channel that is shown and whose grid all maps are written on.
    pub fn first(&self) -> Result<&Arc<Volume>, EngineError> {
        self.channels.first().ok_or(EngineError::NoScan)
    }

    /// The scan with its channels in a model's order (see [`match_channels`]), all on
    /// the grid of the first: those on another grid are resampled to it linearly, by
    /// place in the world. There must be as many as the model has. A scan that needs
    /// no change is returned as it is.
    ///
    /// Errors: channel names that do not fit, a channel that lies elsewhere.
    pub fn arrange(scan: Arc<Self>, channels: &[String]) -> Result<Arc<Self>, EngineError> {
        if scan.arranged_for.as_deref() == Some(channels) {
            return Ok(scan);
        }
        let facts: Vec<ChannelFacts> = scan
            .inputs
            .iter()
            .zip(&scan.files)
            .zip(&scan.header_texts)
            .map(|((input, file), header_text)| ChannelFacts {
                file_name: input.file_name.clone(),
                header_text: header_text.clone(),
                asked: file.channel.clone(),
            })
            .collect();
        let order = match_channels(channels, &facts)?;
        let arranged = Self {
            channels: in_order(&scan.channels, &order.scans),
            files: in_order(&scan.files, &order.scans),
            inputs: in_order(&scan.inputs, &order.scans),
            cards: in_order(&scan.cards, &order.scans),
            warnings: scan.warnings.clone(),
            channel_notes: order.notes,
            header_texts: in_order(&scan.header_texts, &order.scans),
            arranged_for: Some(channels.to_vec()),
        };
        Ok(Arc::new(arranged.on_first_grid()?))
    }

    /// The scan with all channels on the grid of the first, in their order.
    ///
    /// Errors: a channel that lies elsewhere, no channel.
    pub fn on_first_grid(mut self) -> Result<Self, EngineError> {
        let mut channels = self.channels.iter_mut();
        let first = Arc::clone(channels.next().ok_or(EngineError::NoScan)?);
        for channel in channels {
            if channel.grid().same_place(first.grid()) {
                continue;
            }
            self.channel_notes.push(format!(
                "{} lies on another grid than {} and was resampled to it (linearly, by place in \
                 the body)",
                channel.name(),
                first.name()
            ));
            *channel = Arc::new(resampled(channel, &first)?);
        }
        Ok(self)
    }
}

fn in_order<T: Clone>(items: &[T], order: &[usize]) -> Vec<T> {
    order
        .iter()
        .filter_map(|&index| items.get(index).cloned())
        .collect()
}

/// A volume on the grid of another; outside its own image it has its smallest value.
fn resampled(volume: &Volume, to: &Volume) -> Result<Volume, EngineError> {
    let apart = || EngineError::Apart {
        first: to.name().to_owned(),
        other: volume.name().to_owned(),
    };
    let (own, wanted) = (volume.grid().world_bounds(), to.grid().world_bounds());
    let touch = (0..3).all(|a| own.min[a] < wanted.max[a] && wanted.min[a] < own.max[a]);
    if !touch {
        return Err(apart());
    }
    let values = volume.to_f32();
    let smallest = values.iter().copied().fold(f32::INFINITY, f32::min);
    let outside = if smallest.is_finite() { smallest } else { 0.0 };
    volume::resample_values_linear(&values, volume.grid(), to.grid(), outside)
        .and_then(|values| Volume::new(*to.grid(), Voxels::F32(values), (1.0, 0.0), volume.name()))
        .ok_or_else(apart)
}

/// A path's last part: a path may name a patient or a person.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    )
}
