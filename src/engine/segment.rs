//! From a study to its segmentation.

use std::sync::Arc;

use ndarray::{Array3, Array4};

use crate::base::{CancelToken, Pace, Phase, Progress};
use crate::engine::{EngineError, Study};
use crate::model::{self, Activation, Precision, Prepared, SlidingWindow, SwinUnetr};
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
    /// What a reader should know of how it was made.
    pub notes: Vec<String>,
}

/// Windows that go through the network together, if memory allows: on the CPU as many as
/// threads, up to a few, since small windows do not keep many cores busy; on a graphics
/// card a coalition and its complement. Cancelling takes effect after each batch.
fn windows_at_once(network: &SwinUnetr) -> usize {
    if network.device().is_cpu() {
        rayon::current_num_threads().clamp(2, 8)
    } else {
        2
    }
}

/// The windows in which the network goes over a prepared scan.
pub(super) fn windows_of(
    study: &Study,
    network: &Arc<SwinUnetr>,
    prepared: &Prepared,
) -> Result<SlidingWindow, EngineError> {
    Ok(SlidingWindow::new(
        Arc::clone(network),
        prepared.grid.dims(),
        &study.bundle.description().inference,
        windows_at_once(network),
    )?)
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
    let windows = windows_of(study, network, &prepared)?;
    if !network.device().is_cpu() {
        progress(Progress {
            phase: Phase::Preparing,
            done: 0,
            total: 0,
        });
        network.prepare()?;
    }
    let logits = windows.logits(prepared.input.view(), cancel, &mut |done, total| {
        progress(Progress {
            phase: Phase::Segmenting,
            done: done as u64,
            total: total as u64,
        });
    })?;
    let notes = match network.device().precision() {
        Precision::Single => Vec::new(),
        Precision::Half => vec![precision_note(study, network, &windows, &prepared)?],
    };
    let model_labels = description.labels(logits.view());
    let labels = prepared.labels_to_region(&model_labels)?;
    let volumes_ml = volumes_ml(study, &prepared, &logits, &labels)?;
    Ok(Segmentation {
        prepared,
        logits,
        model_labels,
        labels,
        volumes_ml,
        seconds: pace.elapsed_s(),
        notes,
    })
}

/// What half precision costs, measured on the window in the middle.
fn precision_note(
    study: &Study,
    network: &SwinUnetr,
    windows: &SlidingWindow,
    prepared: &Prepared,
) -> Result<String, EngineError> {
    let device = network.device().clone().with_precision(Precision::Single)?;
    let single = study.bundle.load_network(&device)?;
    let input = windows.middle_window(prepared.input.view());
    let error = single.logit_error(network, &input)?;
    Ok(format!(
        "half precision: logits of one window are off by {:.4} at most and {:.5} on average",
        error.largest, error.mean
    ))
}

/// Volume of each class in millilitres. Classes that may overlap are counted on their
/// own: the label map shows only one of them at each voxel.
fn volumes_ml(
    study: &Study,
    prepared: &Prepared,
    logits: &Array4<f32>,
    labels: &LabelMap,
) -> Result<Vec<f64>, EngineError> {
    let description = study.bundle.description();
    let classes = 0..description.classes.len();
    if description.activation == Activation::Softmax {
        let counts = labels.counts();
        let millilitres = labels.grid().voxel_volume_mm3() / 1000.0;
        return Ok(classes
            .map(|class| {
                let count = counts.get(description.label_of_class(class));
                count.map_or(0.0, |&count| count as f64 * millilitres)
            })
            .collect());
    }
    classes
        .map(|class| {
            let voxels = description.class_voxels(logits.view(), class);
            Ok(prepared.labels_to_region(&voxels)?.volume_ml(1))
        })
        .collect()
}
