//! From a study to its segmentation.

use std::sync::Arc;

use ndarray::{Array3, Array4};

use crate::base::{CancelToken, Pace, Phase, Progress};
use crate::engine::{EngineError, Study};
use crate::model::{self, Prepared, SlidingWindow, SwinUnetr};
use crate::volume::{LabelMap, Volume};

/// What the network says about a region.
#[derive(Debug, Clone)]
pub struct Segmentation {
    /// The network's input and where it lies.
    pub prepared: Prepared,
    /// Stitched logits on the model grid, C × X × Y × Z.
    pub logits: Array4<f32>,
    /// Class of each voxel of the model grid.
    pub model_labels: Array3<u16>,
    /// Class of each voxel of the scan in the region.
    pub labels: LabelMap,
    /// Volume of each class in millilitres, background included.
    pub volumes_ml: Vec<f64>,
    pub seconds: f64,
}

/// Windows that go through the network together, if memory allows: on the CPU as many as
/// threads, up to a few, since small windows do not keep many cores busy; on a graphics
/// card a coalition and its complement. Cancelling takes effect after each batch.
pub(super) fn windows_at_once(network: &SwinUnetr) -> usize {
    if network.device().is_cpu() {
        rayon::current_num_threads().clamp(2, 8)
    } else {
        2
    }
}

/// Runs the network once over the region of a study.
pub fn segment(
    study: &Study,
    network: &Arc<SwinUnetr>,
    progress: &mut dyn FnMut(Progress),
    cancel: &CancelToken,
) -> Result<Segmentation, EngineError> {
    let pace = Pace::start();
    let description = study.bundle.description();
    let channels: Vec<&Volume> = study.scan.channels.iter().map(AsRef::as_ref).collect();
    let prepared = model::prepare(&channels, &study.part, &description.preprocessing)?;
    let windows = SlidingWindow::new(
        Arc::clone(network),
        prepared.grid.dims(),
        &description.inference,
        windows_at_once(network),
    )?;
    if !network.device().is_cpu() {
        // The first run compiles and tunes kernels, which can take many seconds.
        progress(Progress {
            phase: Phase::Preparing,
            done: 0,
            total: 0,
        });
    }
    let logits = windows.logits(prepared.input.view(), cancel, &mut |done, total| {
        progress(Progress {
            phase: Phase::Segmenting,
            done: done as u64,
            total: total as u64,
        });
    })?;
    let model_labels = description.activation.labels(logits.view());
    let labels = prepared.labels_to_region(&model_labels)?;
    let counts = labels.counts();
    let millilitres = labels.grid().voxel_volume_mm3() / 1000.0;
    let volumes_ml = (0..description.classes.len())
        .map(|class| {
            let label = study.bundle.label_of_class(class);
            counts
                .get(label)
                .map_or(0.0, |&count| count as f64 * millilitres)
        })
        .collect();
    Ok(Segmentation {
        prepared,
        logits,
        model_labels,
        labels,
        volumes_ml,
        seconds: pace.elapsed_s(),
    })
}
