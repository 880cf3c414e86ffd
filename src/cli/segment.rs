//! `voxplain segment`: a scan's segmentation as a label map on the scan's grid, and how it
//! agrees with another one.

use std::path::PathBuf;

use clap::Args;

use super::progress::ProgressLine;
use super::study::{Segmented, StudyArguments, StudyOptions};
use super::{Common, cancel_on_interrupt, check_map_output, check_output};
use crate::base::CancelToken;
use crate::engine::{
    ClassAgreement, EngineError, Reference, ReferenceClasses, ReferenceFile, Study, folder,
};
use crate::io;

#[derive(Debug, Args)]
pub(crate) struct Segment {
    #[command(flatten)]
    study: StudyArguments,
    #[command(flatten)]
    options: StudyOptions,
    /// Label map to write (.nii or .nii.gz)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also write the stitched logits of the region (.npy, C×X×Y×Z on the model's grid)
    #[arg(long, value_name = "FILE")]
    logits: Option<PathBuf>,
    #[command(flatten)]
    reference: ReferenceArguments,
}

/// A label map to hold the segmentation against.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReferenceArguments {
    /// Label map of the scan to compare with, on any grid and in any format that opens
    #[arg(long, value_name = "FILE")]
    pub(crate) reference: Option<PathBuf>,
    /// Classes that the reference's values stand for, where they are not the model's own
    /// labels, as in 1=anterior,2=posterior
    #[arg(long, value_name = "VALUE=CLASS,…", requires = "reference")]
    pub(crate) reference_classes: Option<ReferenceClasses>,
}

impl ReferenceArguments {
    /// Opens the reference and brings it onto a study's region. What a user should know
    /// about it is printed.
    pub(crate) fn open(
        &self,
        study: &Study,
        line: &mut ProgressLine,
        cancel: &CancelToken,
    ) -> Result<Option<Reference>, EngineError> {
        let Some(path) = &self.reference else {
            return Ok(None);
        };
        let file = ReferenceFile::open(path, &mut |p| line.show(p), cancel)?;
        let said = self.reference_classes.clone().unwrap_or_default();
        let reference = Reference::new(&file, study, &said)?;
        line.end();
        for note in &reference.notes {
            eprintln!("note: {note}");
        }
        Ok(Some(reference))
    }
}

pub(crate) fn run(arguments: &Segment, common: &Common) -> anyhow::Result<()> {
    let mut inputs = arguments.options.paths(&arguments.study.scans);
    inputs.extend(arguments.reference.reference.clone());
    check_map_output(&arguments.out, &inputs)?;
    if let Some(path) = &arguments.logits {
        check_output(path)?;
    }
    let cancel = cancel_on_interrupt();
    let mut line = ProgressLine::new();
    let study = arguments
        .study
        .open_with(&arguments.options, &mut line, &cancel)?;
    let reference = arguments.reference.open(&study, &mut line, &cancel)?;
    let segmented = Segmented::new(study, common, &mut line, &cancel)?;
    let (study, segmentation) = (&segmented.study, &segmented.segmentation);

    let whole = folder::on_scan_grid(
        &segmentation.labels,
        study.first_channel().grid(),
        &study.part,
    )?;
    io::nifti::write_labels_named(&arguments.out, &whole, &study.label_names())?;
    if let Some(path) = &arguments.logits {
        io::npy::write_f32(path, &segmentation.logits)?;
    }

    let agreements = match &reference {
        Some(reference) => reference.agreement(study, segmentation)?,
        None => Vec::new(),
    };
    let mut lines = String::new();
    if reference.is_some() {
        lines += &format!(
            "{:<32} {:>13} {:>13} {:>6} {:>9} {:>9}\n",
            "", "found", "reference", "Dice", "HD95", "surface"
        );
    }
    let mut classes = Vec::new();
    for index in study.foreground() {
        let name = study.class_name(index);
        let volume_ml = segmentation.volumes_ml.get(index).copied().unwrap_or(0.0);
        let mut class = serde_json::json!({ "class": name, "label": study.bundle.label_of_class(index), "volume_ml": volume_ml });
        lines += &format!("{name:<32} {volume_ml:>10.3} mL");
        if let Some(found) = agreements.iter().find(|found| found.class == index) {
            lines += &columns(found);
            class["reference"] = in_json(found);
        }
        lines += "\n";
        classes.push(class);
    }
    lines += &format!(
        "segmented in {:.1} s on {}: {}",
        segmentation.seconds,
        segmented.network.device().label(),
        arguments.out.display()
    );
    let mut json = serde_json::json!({
        "segmentation": arguments.out,
        "classes": classes,
        "seconds": segmentation.seconds,
        "device": segmented.network.device().label(),
        "region_mm": study.region,
        "merge_order": study.bundle.description().network.merge_order,
        "notes": study.notes(),
    });
    if let Some(reference) = &reference {
        json["reference"] = serde_json::json!({
            "file": reference.input.file_name,
            "hash": reference.input.hash,
            "notes": reference.notes,
        });
    }
    common.print(&json, &lines);
    Ok(())
}

/// A class's volume in the reference, Dice, 95th-percentile Hausdorff distance and mean
/// surface distance, or why they are missing.
fn columns(found: &ClassAgreement) -> String {
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
    };
    let reason = found.reason();
    let reason = reason.map_or_else(String::new, |reason| format!("  ({reason})"));
    let Some(agreement) = &found.agreement else {
        return reason;
    };
    format!(
        " {:>10.3} mL {:>6} {:>6} mm {:>6} mm{reason}",
        agreement.reference_volume_ml,
        number(agreement.dice, 3),
        number(agreement.hausdorff_95_mm, 2),
        number(agreement.mean_surface_distance_mm, 2),
    )
}

/// The same for scripts: `null` where undefined, with a reason.
fn in_json(found: &ClassAgreement) -> serde_json::Value {
    let agreement = found.agreement.as_ref();
    serde_json::json!({
        "labels": found.reference_labels,
        "volume_ml": agreement.map(|a| a.reference_volume_ml),
        "dice": agreement.and_then(|a| a.dice),
        "hausdorff_95_mm": agreement.and_then(|a| a.hausdorff_95_mm),
        "mean_surface_distance_mm": agreement.and_then(|a| a.mean_surface_distance_mm),
        "reason": found.reason(),
    })
}
