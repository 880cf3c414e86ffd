//! Scan, model and region as arguments, and how they become a segmented study.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Common;
use super::progress::ProgressLine;
use crate::base::{CancelToken, Phase, Progress};
use crate::engine::{self, EngineError, RegionChoice, Scan, Segmentation, Study, assets};
use crate::model::{Bundle, SwinUnetr};

/// What is looked at.
#[derive(Debug, Clone, Args)]
pub(crate) struct StudyArguments {
    /// The scan: NIfTI (.nii, .nii.gz), one file for each channel of the model
    #[arg(required = true, value_name = "SCAN")]
    pub(crate) scans: Vec<PathBuf>,
    /// Model bundle: a folder with bundle.json and weights (default: the demonstration's)
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) model: Option<PathBuf>,
    /// auto, whole, or a box in RAS+ millimetres: x0,y0,z0,x1,y1,z1
    #[arg(long, default_value = "auto", allow_hyphen_values = true)]
    pub(crate) region: RegionChoice,
}

/// A study whose region has been segmented, ready for more.
pub(crate) struct Segmented {
    pub(crate) study: Arc<Study>,
    pub(crate) network: Arc<SwinUnetr>,
    pub(crate) segmentation: Arc<Segmentation>,
}

impl StudyArguments {
    /// Opens scan and model and checks that they fit.
    pub(crate) fn open(
        &self,
        line: &mut ProgressLine,
        cancel: &CancelToken,
    ) -> Result<Arc<Study>, EngineError> {
        let bundle = self
            .model
            .clone()
            .unwrap_or_else(assets::demonstration_bundle);
        let bundle = Arc::new(Bundle::open(&bundle)?);
        let scan = Arc::new(Scan::open(&self.scans, &mut |p| line.show(p), cancel)?);
        for warning in &scan.warnings {
            line.end();
            eprintln!("note: {warning}");
        }
        let study = Study::new(scan, bundle, self.region)?;
        if let Some(note) = &study.region_note {
            line.end();
            eprintln!("note: {note}");
        }
        Ok(Arc::new(study))
    }

    /// Opens and segments.
    pub(crate) fn segment(
        &self,
        common: &Common,
        line: &mut ProgressLine,
        cancel: &CancelToken,
    ) -> Result<Segmented, EngineError> {
        Segmented::new(self.open(line, cancel)?, common, line, cancel)
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
        Ok(Self {
            study,
            network,
            segmentation,
        })
    }
}
