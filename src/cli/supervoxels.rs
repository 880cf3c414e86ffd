//! `voxplain supervoxels`: the players of a scan as a label map.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::progress::ProgressLine;
use super::{Common, cancel_on_interrupt, check_map_output};
use crate::base::{CancelToken, Grid, Pace, Phase, Progress, VoxelBox};
use crate::engine::{
    DeviceChoice, EngineError, FIRST_SUPERVOXELS, OpenOptions, Players, Reading, RegionChoice,
    Scan, ScanFile, Segmentation, Study, folder, whole_region,
};
use crate::explain::supervoxels::{Cells, Method, SupervoxelSettings};
use crate::gpu::GpuContext;
use crate::io;

#[derive(Debug, Args)]
pub(crate) struct Supervoxels {
    /// The scan, one file for each channel
    #[arg(required = true, value_name = "SCAN")]
    scans: Vec<PathBuf>,
    /// whole, or a box in RAS+ millimetres: x0,y0,z0,x1,y1,z1
    #[arg(long, default_value = "whole", allow_hyphen_values = true)]
    region: RegionChoice,
    #[command(flatten)]
    settings: SupervoxelArguments,
    /// Segmentation on the scan's grid, for the methods that go by organs
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Label map to write (.nii or .nii.gz); supervoxels are numbered from 1
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn cells(text: &str) -> Result<Cells, String> {
    match text {
        "slic" => Ok(Cells::Slic),
        "cubes" => Ok(Cells::Cubes),
        "fcc" => Ok(Cells::Fcc),
        _ => Err("write slic, cubes or fcc".to_owned()),
    }
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
    /// How the scan is cut: slic, cubes, fcc (cells of a lattice), organs, organ-hybrid
    /// (cells that end where the organ does)
    #[arg(
        long = "supervoxel-method",
        visible_alias = "method",
        value_name = "METHOD",
        default_value = "slic"
    )]
    method: Method,
    /// Cells between organs, or of a hybrid: slic, cubes or fcc
    #[arg(long, default_value = "slic", value_parser = cells)]
    cells: Cells,
    /// Cut the air around the body as well
    #[arg(long)]
    keep_air: bool,
}

impl SupervoxelArguments {
    /// What the window starts with.
    pub(crate) fn first_look() -> Self {
        Self {
            count: FIRST_SUPERVOXELS,
            compactness: None,
            method: Method::default(),
            cells: Cells::default(),
            keep_air: false,
        }
    }

    /// The supervoxels of a study's region, with its segmentation for the methods that go
    /// by organs.
    pub(crate) fn find(
        &self,
        study: &Study,
        segmentation: &Segmentation,
        cancel: &CancelToken,
    ) -> Result<Players, EngineError> {
        let classes = Some(segmentation.labels.labels());
        Players::find_with_classes(&study.scan, study.part, classes, &self.settings(), cancel)
    }

    pub(crate) fn settings(&self) -> SupervoxelSettings {
        let mut settings = SupervoxelSettings {
            count: self.count,
            method: self.method,
            cells: self.cells,
            leave_out_air: !self.keep_air,
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
    let mut reading = Reading {
        progress: &mut |p| line.show(p),
        slice: &mut |_| {},
        cancel: &cancel,
    };
    let scan = Scan::open(&files, &OpenOptions::default(), &mut reading)?.on_first_grid()?;
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
    let settings = arguments.settings.settings();
    let classes = match &arguments.labels {
        Some(path) => Some(classes(path, &grid, &part, &mut line, &cancel)?),
        None => None,
    };
    line.show(Progress {
        phase: Phase::Supervoxels,
        done: 0,
        total: 0,
    });
    let pace = Pace::start();
    // Only where it is asked for: bringing up a device takes longer than the processor does.
    let gpu = match common.device_choice() {
        DeviceChoice::Gpu => Some(GpuContext::headless()?),
        DeviceChoice::Automatic | DeviceChoice::Cpu => None,
    };
    let classes = classes.as_deref();
    let players = Players::find_on(gpu.as_ref(), &scan, part, classes, &settings, &cancel)?;
    let seconds = pace.elapsed_s();
    line.end();
    io::nifti::write_labels(
        &arguments.out,
        &folder::on_scan_grid(&players.labels, &grid, &part)?,
    )?;
    let sizes = Sizes::of(&players);
    let json = serde_json::json!({
        "supervoxels": players.count,
        "asked": settings.count,
        "method": settings.method.name(),
        "size_mm3": sizes,
        "air_voxels": players.air_voxels,
        "seconds": seconds,
        "device": gpu.as_ref().map_or("CPU", |gpu| &gpu.name),
        "out": arguments.out,
    });
    let air = match players.air_voxels {
        0 => String::new(),
        voxels => format!("\nair around the body: {voxels} voxels, not a supervoxel"),
    };
    let lines = format!(
        "{} supervoxels in {seconds:.2} s: {}\n\
         {:.0} to {:.0} mm³, half of them at least {:.0} mm³{air}",
        players.count,
        arguments.out.display(),
        sizes.least,
        sizes.most,
        sizes.median,
    );
    common.print(&json, &lines);
    Ok(())
}

/// Volumes of supervoxels in mm³.
#[derive(Debug, serde::Serialize)]
struct Sizes {
    least: f64,
    median: f64,
    most: f64,
}

impl Sizes {
    fn of(players: &Players) -> Self {
        let mut sizes: Vec<f64> = players.facts.iter().map(|f| f.volume_mm3).collect();
        sizes.sort_by(f64::total_cmp);
        let at = |index: usize| sizes.get(index).copied().unwrap_or_default();
        Self {
            least: at(0),
            median: at(sizes.len() / 2),
            most: at(sizes.len().saturating_sub(1)),
        }
    }
}

/// The classes of a part of a scan from a label map on the scan's grid.
fn classes(
    path: &Path,
    grid: &Grid,
    part: &VoxelBox,
    line: &mut ProgressLine,
    cancel: &CancelToken,
) -> anyhow::Result<Vec<u16>> {
    let volume = io::open_volume(path, &mut |p| line.show(p), cancel)?.volume;
    anyhow::ensure!(
        volume.grid().same_place(grid),
        "the segmentation {} is not on the scan's grid; resample it first",
        path.display()
    );
    let class = |&value: &f32| {
        let whole = value.fract() == 0.0 && (0.0..=f32::from(u16::MAX)).contains(&value);
        whole.then_some(value as u16)
    };
    let values = volume.crop_to_f32(part);
    let classes: Option<Vec<u16>> = values.iter().map(class).collect();
    classes.with_context(|| {
        format!(
            "{} is no segmentation: its values are not whole numbers from 0 to 65535",
            path.display()
        )
    })
}
