//! `voxplain segment`: a scan's segmentation as a label map on the scan's grid.

use std::path::PathBuf;

use clap::Args;

use super::progress::ProgressLine;
use super::study::{Segmented, StudyArguments, StudyOptions};
use super::{Common, cancel_on_interrupt, check_map_output, check_output};
use crate::engine::folder;
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
}

pub(crate) fn run(arguments: &Segment, common: &Common) -> anyhow::Result<()> {
    let scans = arguments.options.paths(&arguments.study.scans);
    check_map_output(&arguments.out, &scans)?;
    if let Some(path) = &arguments.logits {
        check_output(path)?;
    }
    let cancel = cancel_on_interrupt();
    let mut line = ProgressLine::new();
    let study = arguments
        .study
        .open_with(&arguments.options, &mut line, &cancel)?;
    let segmented = Segmented::new(study, common, &mut line, &cancel)?;
    let (study, segmentation) = (&segmented.study, &segmented.segmentation);

    let whole = folder::on_scan_grid(
        &segmentation.labels,
        study.first_channel().grid(),
        &study.part,
    )?;
    io::nifti::write_labels(&arguments.out, &whole)?;
    if let Some(path) = &arguments.logits {
        io::npy::write_f32(path, &segmentation.logits)?;
    }

    let mut lines = String::new();
    let mut classes = Vec::new();
    for index in study.foreground() {
        let name = study.class_name(index);
        let volume_ml = segmentation.volumes_ml.get(index).copied().unwrap_or(0.0);
        lines += &format!("{:<32} {volume_ml:>10.3} mL\n", name);
        classes.push(serde_json::json!({ "class": name, "label": study.bundle.label_of_class(index), "volume_ml": volume_ml }));
    }
    lines += &format!(
        "segmented in {:.1} s on {}: {}",
        segmentation.seconds,
        segmented.network.device().label(),
        arguments.out.display()
    );
    let json = serde_json::json!({
        "segmentation": arguments.out,
        "classes": classes,
        "seconds": segmentation.seconds,
        "device": segmented.network.device().label(),
        "region_mm": study.region,
        "merge_order": study.bundle.description().network.merge_order,
        "notes": study.notes(),
    });
    common.print(&json, &lines);
    Ok(())
}
