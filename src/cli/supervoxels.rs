//! `voxplain supervoxels`: the players of a scan as a label map.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::progress::ProgressLine;
use super::{Common, cancel_on_interrupt, check_map_output};
use crate::base::{Pace, Phase, Progress};
use crate::engine::{
    EngineError, FIRST_SUPERVOXELS, Players, RegionChoice, Scan, ScanFile, folder, whole_region,
};
use crate::explain::supervoxels::SupervoxelSettings;
use crate::io;

#[derive(Debug, Args)]
pub(crate) struct Supervoxels {
    /// The scan: NIfTI (.nii, .nii.gz), one file for each channel
    #[arg(required = true, value_name = "SCAN")]
    scans: Vec<PathBuf>,
    /// whole, or a box in RAS+ millimetres: x0,y0,z0,x1,y1,z1
    #[arg(long, default_value = "whole", allow_hyphen_values = true)]
    region: RegionChoice,
    #[command(flatten)]
    settings: SupervoxelArguments,
    /// Label map to write (.nii or .nii.gz); supervoxels are numbered from 1
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// How a region is divided.
#[derive(Debug, Clone, Args)]
pub(crate) struct SupervoxelArguments {
    /// Number of supervoxels
    #[arg(
        long = "supervoxels",
        visible_alias = "count",
        value_name = "N",
        default_value_t = 100
    )]
    count: usize,
    /// Shape against contents: larger gives rounder supervoxels
    #[arg(long, value_name = "C")]
    compactness: Option<f64>,
}

impl SupervoxelArguments {
    /// What the window starts with.
    pub(crate) fn first_look() -> Self {
        Self {
            count: FIRST_SUPERVOXELS,
            compactness: None,
        }
    }

    pub(crate) fn settings(&self) -> SupervoxelSettings {
        let mut settings = SupervoxelSettings {
            count: self.count,
            ..SupervoxelSettings::default()
        };
        if let Some(compactness) = self.compactness {
            settings.compactness = compactness;
        }
        settings
    }
}

pub(crate) fn run(arguments: &Supervoxels, common: &Common) -> anyhow::Result<()> {
    check_map_output(&arguments.out, &arguments.scans)?;
    let cancel = cancel_on_interrupt();
    let mut line = ProgressLine::new();
    let files: Vec<ScanFile> = arguments.scans.iter().cloned().map(Into::into).collect();
    let scan = Scan::open(&files, &mut |p| line.show(p), &cancel)?.on_first_grid()?;
    for note in scan.warnings.iter().chain(&scan.channel_notes) {
        line.end();
        eprintln!("note: {note}");
    }
    let scan = Arc::new(scan);
    let grid = *scan.first()?.grid();
    let region = match arguments.region {
        RegionChoice::Box(region) => region,
        RegionChoice::Whole | RegionChoice::Automatic => whole_region(&grid),
    };
    let part = grid.voxels_in(&region).map_err(EngineError::from)?;
    line.show(Progress {
        phase: Phase::Supervoxels,
        done: 0,
        total: 0,
    });
    let pace = Pace::start();
    let players = Players::find(&scan, part, &arguments.settings.settings(), &cancel)?;
    let seconds = pace.elapsed_s();
    line.end();
    io::nifti::write_labels(
        &arguments.out,
        &folder::on_scan_grid(&players.labels, &grid, &part)?,
    )?;
    let json = serde_json::json!({
        "supervoxels": players.count,
        "asked": arguments.settings.count,
        "seconds": seconds,
        "out": arguments.out,
    });
    let lines = format!(
        "{} supervoxels in {seconds:.2} s: {}",
        players.count,
        arguments.out.display()
    );
    common.print(&json, &lines);
    Ok(())
}
