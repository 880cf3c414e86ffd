//! Scan, model and region as arguments, and how they become a segmented study.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::Common;
use super::progress::ProgressLine;
use crate::base::{CancelToken, Phase, Progress, VoxelBox};
use crate::engine::{
    self, EngineError, ModelSource, OpenOptions, Reading, RegionChoice, Scan, ScanFile,
    Segmentation, Study, assets,
};
use crate::model::{Bundle, MergeOrder, SwinUnetr};

/// What is looked at.
#[derive(Debug, Clone, Args)]
pub(crate) struct StudyArguments {
    /// The scan: NIfTI, NRRD, MetaImage, NumPy, or a DICOM file or folder (FOLDER#2 for its
    /// second series); one for each channel of the model, in any order that their names make
    /// clear, or one file with as many frames (FILE@2 for its second alone)
    #[arg(required_unless_present = "channels", value_name = "SCAN")]
    pub(crate) scans: Vec<PathBuf>,
    /// Model: a folder with bundle.json, a MONAI bundle's folder, or a weights file
    /// (.pt, .pth, .safetensors) with --preset (default: the demonstration's)
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// auto, whole, or a box in RAS+ millimetres: x0,y0,z0,x1,y1,z1
    #[arg(long, default_value = "auto", allow_hyphen_values = true)]
    pub(crate) region: RegionChoice,
}

/// What paths alone do not say of a model and of scans.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StudyOptions {
    #[command(flatten)]
    pub(crate) model: ModelOptions,
    /// A scan and the channel of the model that it is, as in T1=scan.nii.gz
    #[arg(id = "channels", long = "channel", value_name = "NAME=SCAN")]
    pub(crate) channels: Vec<ScanFile>,
    /// Open every so many voxels along each axis only, for scans that do not fit into memory
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) stride: Option<u16>,
    /// Open only a box of voxels: first voxel and size along each axis
    #[arg(long, value_name = "X,Y,Z,WIDTH,HEIGHT,DEPTH", value_parser = voxel_box)]
    pub(crate) crop: Option<VoxelBox>,
}

/// What a path alone does not say of a model.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ModelOptions {
    /// How a weights file is used: btcv or brats21
    #[arg(long, value_name = "PRESET")]
    pub(crate) preset: Option<String>,
    /// Order in which patch merging takes the eight sub-grids, in place of what the
    /// model says: it is not in the weights
    #[arg(long)]
    pub(crate) merge_order: Option<MergeOrderArgument>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MergeOrderArgument {
    /// MONAI 0.9 to 1.4, and all published BTCV and BraTS weights
    Legacy,
    /// MONAI 1.5 and later
    Merging,
    /// Networks built with downsample="mergingv2"
    Mergingv2,
}

impl From<MergeOrderArgument> for MergeOrder {
    fn from(argument: MergeOrderArgument) -> Self {
        match argument {
            MergeOrderArgument::Legacy => Self::Legacy,
            MergeOrderArgument::Merging => Self::Merging,
            MergeOrderArgument::Mergingv2 => Self::MergingV2,
        }
    }
}

impl ModelOptions {
    /// The model at a path with these options.
    pub(crate) fn source(&self, path: PathBuf) -> ModelSource {
        ModelSource {
            path,
            preset: self.preset.clone(),
            merge_order: self.merge_order.map(Into::into),
        }
    }
}

impl StudyOptions {
    /// All scans: those without a channel's name, then those with one.
    pub(crate) fn files(&self, scans: &[PathBuf]) -> Vec<ScanFile> {
        let unnamed = scans.iter().cloned().map(ScanFile::from);
        unnamed.chain(self.channels.iter().cloned()).collect()
    }

    /// The paths of all scans.
    pub(crate) fn paths(&self, scans: &[PathBuf]) -> Vec<PathBuf> {
        self.files(scans)
            .into_iter()
            .map(|file| file.path)
            .collect()
    }
}

/// A box of voxels as six whole numbers.
pub(crate) fn voxel_box(text: &str) -> Result<VoxelBox, String> {
    let numbers: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[x, y, z, width, height, depth]) => Ok(VoxelBox {
            start: [x, y, z],
            size: [width, height, depth],
        }),
        _ => Err("write the first voxel and the size, as in 0,0,100,512,512,200".to_owned()),
    }
}

/// A study whose region has been segmented, ready for more.
pub(crate) struct Segmented {
    pub(crate) study: Arc<Study>,
    pub(crate) network: Arc<SwinUnetr>,
    pub(crate) segmentation: Arc<Segmentation>,
}

impl StudyArguments {
    /// Opens scan and model, without options, and checks that they fit.
    pub(crate) fn open(
        &self,
        line: &mut ProgressLine,
        cancel: &CancelToken,
    ) -> Result<Arc<Study>, EngineError> {
        self.open_with(&StudyOptions::default(), line, cancel)
    }

    /// Opens scan and model and checks that they fit. What a user should know about
    /// them is printed.
    pub(crate) fn open_with(
        &self,
        options: &StudyOptions,
        line: &mut ProgressLine,
        cancel: &CancelToken,
    ) -> Result<Arc<Study>, EngineError> {
        let model = self
            .model
            .clone()
            .unwrap_or_else(assets::demonstration_bundle);
        let bundle = Arc::new(Bundle::open_source(&options.model.source(model))?);
        let files = options.files(&self.scans);
        let open = OpenOptions {
            channels: bundle.description().channels.len(),
            stride: usize::from(options.stride.unwrap_or(1)),
            part: options.crop,
            ..OpenOptions::default()
        };
        let mut reading = Reading {
            progress: &mut |p| line.show(p),
            slice: &mut |_| {},
            cancel,
        };
        let scan = Arc::new(Scan::open(&files, &open, &mut reading)?);
        let study = Study::new(scan, bundle, self.region)?;
        for note in study.notes().iter().chain(&study.region_note) {
            line.end();
            eprintln!("note: {note}");
        }
        Ok(Arc::new(study))
    }
}

impl Segmented {
    /// Loads the network of a study and segments its region.
    pub(crate) fn new(
        study: Arc<Study>,
        common: &Common,
        line: &mut ProgressLine,
        cancel: &CancelToken,
    ) -> Result<Self, EngineError> {
        line.show(Progress {
            phase: Phase::LoadingModel,
            done: 0,
            total: 0,
        });
        let device = common.compute().device()?;
        let network = Arc::new(study.bundle.load_network(&device)?);
        let segmentation = Arc::new(engine::segment(
            &study,
            &network,
            &mut |p| line.show(p),
            cancel,
        )?);
        line.end();
        for note in &segmentation.notes {
            eprintln!("note: {note}");
        }
        Ok(Self {
            study,
            network,
            segmentation,
        })
    }
}
