//! `voxplain debug masked`: what the network sees of a coalition.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::progress::ProgressLine;
use super::study::{Segmented, StudyArguments, StudyOptions};
use super::supervoxels::SupervoxelArguments;
use super::{Common, cancel_on_interrupt, check_map_output};
use crate::engine::{ExplainSettings, Task, masked_scan};
use crate::explain::baseline::Baseline;
use crate::io;

#[derive(Debug, Args)]
pub(crate) struct Masked {
    #[command(flatten)]
    study: StudyArguments,
    #[command(flatten)]
    options: StudyOptions,
    #[command(flatten)]
    supervoxels: SupervoxelArguments,
    /// Supervoxels that are shown, from 1, with commas between them; all others are replaced
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
    keep: Vec<usize>,
    /// What takes the place of the others, as in explain
    #[arg(long, default_value = "harmonic")]
    baseline: Baseline,
    /// Image to write (.nii or .nii.gz): the network's input on its own grid, one frame a channel
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &Masked, common: &Common) -> anyhow::Result<()> {
    check_map_output(
        &arguments.out,
        &arguments.options.paths(&arguments.study.scans),
    )?;
    let cancel = cancel_on_interrupt();
    let mut line = ProgressLine::new();
    let study = arguments
        .study
        .open_with(&arguments.options, &mut line, &cancel)?;
    let Segmented {
        study,
        network,
        segmentation,
    } = Segmented::new(study, common, &mut line, &cancel)?;
    let players = arguments.supervoxels.find(&study, &segmentation, &cancel)?;
    let count = players.count;
    let mut present = vec![false; count];
    for &number in &arguments.keep {
        let shown = number.checked_sub(1).and_then(|p| present.get_mut(p));
        *shown.ok_or_else(|| {
            anyhow::anyhow!("there is no supervoxel {number}; they are numbered 1 to {count}")
        })? = true;
    }
    let settings = ExplainSettings {
        baseline: arguments.baseline,
        seed: common.seed,
        ..ExplainSettings::default()
    };
    let task = Task::new(study, segmentation, Arc::new(players), &settings);
    let channels = masked_scan(&task, &network, &present)?;
    let values: Vec<Vec<f32>> = channels.iter().map(|channel| channel.to_f32()).collect();
    let frames: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
    let grid = task.segmentation.prepared.grid;
    io::nifti::write_value_frames(&arguments.out, &grid, &frames)?;
    line.end();
    let json = serde_json::json!({
        "supervoxels": count,
        "kept": arguments.keep,
        "baseline": arguments.baseline.to_string(),
        "out": arguments.out,
    });
    let lines = format!(
        "{} of {count} supervoxels shown, the others replaced ({}): {}\n{}",
        arguments.keep.len(),
        arguments.baseline,
        arguments.out.display(),
        arguments.baseline.pitfall(),
    );
    common.print(&json, &lines);
    Ok(())
}
