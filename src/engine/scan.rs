//! The files of one scan, a channel each, on one grid.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::{CancelToken, MemoryLimit, Progress, VoxelBox};
use crate::engine::{ChannelFacts, EngineError, GeometryCard, ScanFile, match_channels};
use crate::io::{self, Format, Frames, Opened, Reading, Request};
use crate::volume::{self, Volume, Voxels};

/// A file that was read, as provenance names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Name without folders: a path may name a patient or a person.
    pub file_name: String,
    /// BLAKE3 of the file's bytes, in hexadecimal.
    pub hash: String,
    /// How a DICOM series was acquired, by the names that may be kept: nothing that tells
    /// who was scanned.
    pub acquisition: Vec<(&'static str, String)>,
}

/// The channels of one scan. Those of a study are in its model's order and on the grid
/// of the first; see [`arrange`](Self::arrange).
#[derive(Debug, Clone)]
pub struct Scan {
    pub channels: Vec<Arc<Volume>>,
    /// Where the files are and what the user said they are. For opening them again;
    /// never written to any output.
    pub files: Vec<ScanFile>,
    /// Frames that each file has, of which one is a channel.
    pub frame_counts: Vec<usize>,
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

/// How scans are opened.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    /// Channels that are wanted in all.
    pub channels: usize,
    /// Every so many voxels along each axis; 1 for all.
    pub stride: usize,
    /// Only these voxels of each file.
    pub part: Option<VoxelBox>,
    /// Most memory that voxels may take.
    pub memory: MemoryLimit,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            channels: 1,
            stride: 1,
            part: None,
            memory: MemoryLimit::default(),
        }
    }
}

impl Scan {
    /// Opens one file a channel, in any order, each on the grid of its own. One file
    /// with as many frames as there are channels gives them all.
    pub fn open(
        files: &[ScanFile],
        options: &OpenOptions,
        reading: &mut Reading<'_>,
    ) -> Result<Self, EngineError> {
        let mut scan = Self {
            channels: Vec::new(),
            files: Vec::new(),
            frame_counts: Vec::new(),
            inputs: Vec::new(),
            cards: Vec::new(),
            warnings: Vec::new(),
            channel_notes: Vec::new(),
            header_texts: Vec::new(),
            arranged_for: None,
        };
        for file in files {
            let request = Request {
                frames: frames_of(file, files.len(), options)?,
                stride: [options.stride.max(1); 3],
                part: options.part,
                memory_limit: options.memory.bytes(),
                hash: true,
                ..Request::default()
            };
            let opened = io::open(&file.path, &request, reading)?;
            scan.add(file, opened, files.len() > 1)?;
        }
        if options.stride > 1 {
            scan.warnings.push(format!(
                "only every {}th voxel along each axis was opened; structures smaller than that are lost",
                options.stride
            ));
        }
        Ok(scan)
    }

    /// Takes up the frames that were read of a file.
    fn add(
        &mut self,
        file: &ScanFile,
        opened: Vec<Opened>,
        name_warnings: bool,
    ) -> Result<(), EngineError> {
        let name = file_name(&file.path);
        let known = opened.first().and_then(|first| first.file_hash.clone());
        let hash = match known {
            Some(hash) => hash,
            None => io::file_hash(&file.path)?,
        };
        let is_dicom = opened
            .first()
            .is_some_and(|first| first.summary.format == Format::Dicom);
        let acquisition = if is_dicom {
            io::dicom::acquisition_facts(&file.path)?
        } else {
            Vec::new()
        };
        for (index, frame) in opened.into_iter().enumerate() {
            let warnings: Vec<String> = frame.warnings.iter().map(ToString::to_string).collect();
            if index == 0 {
                self.warnings.extend(warnings.iter().map(|warning| {
                    if name_warnings {
                        format!("{name}: {warning}")
                    } else {
                        warning.clone()
                    }
                }));
            }
            let placed_by = frame.summary.placed_by;
            let card = GeometryCard::new(&frame.volume, placed_by, warnings);
            self.cards.push(card);
            self.frame_counts.push(frame.summary.frames);
            self.files.push(ScanFile {
                frame: (frame.summary.frames > 1).then_some(frame.summary.frame),
                ..file.clone()
            });
            self.inputs.push(InputFile {
                file_name: name.clone(),
                hash: hash.clone(),
                acquisition: acquisition.clone(),
            });
            self.header_texts.push(frame.summary.description);
            self.channels.push(Arc::new(frame.volume));
        }
        Ok(())
    }

    /// Opens the file of a scan with one channel.
    pub fn open_one(
        path: &Path,
        progress: &mut dyn FnMut(Progress),
        cancel: &CancelToken,
    ) -> Result<Self, EngineError> {
        let mut reading = Reading {
            progress,
            slice: &mut |_| {},
            cancel,
        };
        Self::open(
            &[PathBuf::from(path).into()],
            &OpenOptions::default(),
            &mut reading,
        )
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
            frame_counts: in_order(&scan.frame_counts, &order.scans),
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

/// The frames of a file that make channels.
fn frames_of(file: &ScanFile, files: usize, options: &OpenOptions) -> Result<Frames, EngineError> {
    if let Some(frame) = file.frame {
        return Ok(Frames::One(frame));
    }
    if files == 1 && options.channels > 1 {
        let described = io::describe(&file.path)?;
        if described.summary.frames == options.channels {
            return Ok(Frames::All);
        }
    }
    Ok(Frames::First)
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
