//! `voxplain info`: what a scan is and where it lies.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::progress::ProgressLine;
use super::study::ModelOptions;
use super::{Common, cancel_on_interrupt};
use crate::base::{CancelToken, Convention};
use crate::engine::Scan;
use crate::gpu::{self, AdapterFacts, AdapterKind};
use crate::io::{self, dicom::SeriesList};
use crate::model::{Bundle, Checkpoint};
use crate::volume::{self, Statistics};

#[derive(Debug, Args)]
pub(crate) struct Info {
    /// The scan: a file, or a DICOM folder, whose series are listed where it has several
    #[arg(required_unless_present = "model", value_name = "SCAN")]
    scans: Vec<PathBuf>,
    /// Also say what a model is: a folder with bundle.json, a MONAI bundle's folder, or
    /// a weights file (.pt, .pth, .safetensors)
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Also show who was scanned, where a DICOM file says it. It is never written anywhere
    #[arg(long)]
    patient: bool,
    #[command(flatten)]
    options: ModelOptions,
}

pub(crate) fn run(arguments: &Info, common: &Common) -> anyhow::Result<()> {
    let cancel = cancel_on_interrupt();
    let mut lines = String::new();
    let mut json = Vec::new();
    for path in &arguments.scans {
        if let Some(list) = series_of(path, &cancel)? {
            lines += &format!("{}\n", path.display());
            for (number, series) in (1..).zip(&list.series) {
                lines += &format!("  #{number} {}\n", series.label());
            }
            json.push(serde_json::json!({
                "folder": path,
                "series": list.series.iter().map(|series| series.label()).collect::<Vec<_>>(),
                "other_files": list.other_files,
                "unreadable_files": list.unreadable_files,
            }));
            continue;
        }
        let mut line = ProgressLine::new();
        let scan = Scan::open_one(path, &mut |p| line.show(p), &cancel)?;
        line.end();
        let (volume, Some(input), Some(card)) =
            (scan.first()?, scan.inputs.first(), scan.cards.first())
        else {
            continue;
        };
        let statistics = Statistics::of(&volume.to_f32()).with_context(|| {
            format!(
                "the scan holds no finite values, so there is nothing to show: {}",
                path.display()
            )
        })?;
        let (low, high) = volume::default_window(volume);
        let voxel_type = volume.voxels().voxel_type().label();
        let (slope, intercept) = volume.value_scale();
        let convention = Convention::default();
        lines += &format!("{}\n", input.file_name);
        for said in card.lines(convention) {
            lines += &format!("  {said}\n");
        }
        lines += &format!(
            "  {voxel_type}, values {} to {}, mean {:.4}, window {low:.4} to {high:.4}\n",
            statistics.minimum, statistics.maximum, statistics.mean,
        );
        if (slope, intercept) != (1.0, 0.0) {
            lines += &format!("  values are stored × {slope} + {intercept}\n");
        }
        for (name, value) in &input.acquisition {
            lines += &format!("  {name}: {value}\n");
        }
        for warning in &scan.warnings {
            lines += &format!("  note: {warning}\n");
        }
        if arguments.patient && io::dicom::is_dicom(path) {
            let patient = io::dicom::patient_facts(path)?;
            eprintln!(
                "patient: {}, ID {}, born {}",
                patient.name, patient.id, patient.birth_date
            );
        }
        json.push(serde_json::json!({
            "file": input.file_name,
            "hash": input.hash,
            "dims": card.dims,
            "spacing_mm": card.spacing_mm,
            "orientation": card.orientation,
            "voxel_type": voxel_type,
            "slope": slope,
            "intercept": intercept,
            "bounds_mm": card.bounds_mm,
            "world_from_voxel": affine_rows(volume.grid()),
            "min": statistics.minimum,
            "max": statistics.maximum,
            "mean": statistics.mean,
            "window": [low, high],
            "warnings": scan.warnings,
            "geometry": card,
            "screen": convention.label(),
        }));
    }
    let Some(path) = &arguments.model else {
        common.print(&serde_json::json!(json), &lines);
        return Ok(());
    };
    let bundle = Bundle::open_source(&arguments.options.source(path.clone()))?;
    let (model, said) = describe_model(&bundle)?;
    let json = serde_json::json!({ "scans": json, "model": model });
    common.print(&json, &(lines + &said));
    Ok(())
}

/// The series of a folder that holds several.
fn series_of(path: &Path, cancel: &CancelToken) -> anyhow::Result<Option<SeriesList>> {
    if !path.is_dir() {
        return Ok(None);
    }
    let list = io::dicom::series_in(path, cancel)?;
    Ok((list.series.len() > 1).then_some(list))
}

/// A model for scripts and for people.
fn describe_model(bundle: &Bundle) -> anyhow::Result<(serde_json::Value, String)> {
    let description = bundle.description();
    let checkpoint = Checkpoint::open(bundle.weights())?;
    let network = &description.network;
    let names = |names: &mut dyn Iterator<Item = &str>| names.collect::<Vec<_>>().join(", ");
    let preprocessing = &description.preprocessing;
    let spacing = preprocessing.spacing_mm.map_or_else(
        || "the scan's own voxels".to_owned(),
        |[x, y, z]| format!("voxels of {x} × {y} × {z} mm"),
    );
    let [x, y, z] = description.inference.window;
    let mut lines = format!(
        "{}\n  Swin UNETR{}, feature size {}, {} channel(s) in, {} out, patch merging {}\n  \
         weights: {} of {}{}\n  channels: {}\n  classes: {}\n  {}, {spacing}, windows of \
         {x} × {y} × {z}\n",
        description.name,
        if network.use_v2 { " V2" } else { "" },
        network.feature_size,
        network.in_channels,
        network.out_channels,
        network.merge_order,
        checkpoint.format(),
        checkpoint.precision(),
        match checkpoint.prefix().trim_end_matches('.') {
            "" => String::new(),
            prefix => format!(" under {prefix}"),
        },
        description.channels.join(", "),
        names(&mut description.classes.iter().map(|class| class.name.as_str())),
        preprocessing.orientation.letters(),
    );
    for note in bundle.notes() {
        lines += &format!("  note: {note}\n");
    }
    let json = serde_json::json!({
        "description": description,
        "weights_blake3": bundle.weights_hash(),
        "format": checkpoint.format().to_string(),
        "precision": checkpoint.precision(),
        "prefix": checkpoint.prefix(),
        "merge_order": network.merge_order,
        "notes": bundle.notes(),
    });
    Ok((json, lines))
}

/// The affine as rows of a 4 × 4 matrix, as other software prints it.
fn affine_rows(grid: &crate::base::Grid) -> [[f64; 4]; 4] {
    let affine = grid.world_from_voxel();
    let (m, t) = (affine.matrix3, affine.translation);
    let row = |i: usize| [m.x_axis[i], m.y_axis[i], m.z_axis[i], t[i]];
    [row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]]
}

fn describe(adapter: &AdapterFacts) -> String {
    let kind = match adapter.kind {
        AdapterKind::Software => "software",
        AdapterKind::Real => "hardware",
    };
    format!(
        "{} ({kind}, {}, {})",
        adapter.name, adapter.backend, adapter.driver
    )
}

/// `--device list`: the processors that can run the network and draw.
pub(crate) fn list_devices(common: &Common) -> anyhow::Result<()> {
    let adapters = gpu::list_adapters();
    let threads = rayon::current_num_threads();
    let mut lines = format!("cpu   {threads} threads\n");
    for adapter in &adapters {
        lines += &format!("gpu   {}\n", describe(adapter));
    }
    if adapters.is_empty() {
        lines += "gpu   none found\n";
    }
    let names: Vec<String> = adapters.iter().map(describe).collect();
    common.print(
        &serde_json::json!({ "cpu_threads": threads, "gpu": names }),
        &lines,
    );
    Ok(())
}
