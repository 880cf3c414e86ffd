//! `voxplain bench supervoxels`: how fast a made-up head is cut.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use ndarray::Array3;

use super::process::{cpu_seconds, memory_text, peak_memory_mib, processor};
use super::{head, median};
use crate::base::Pace;
use crate::cli::progress::ProgressLine;
use crate::cli::{Common, cancel_on_interrupt};
use crate::explain::supervoxels::{Image, Method, Restriction, SupervoxelSettings, find};
use crate::io;

#[derive(Debug, Args)]
pub(crate) struct Supervoxels {
    /// Size of the head in voxels of 1 mm
    #[arg(long, value_name = "WxDxH", default_value = "240x240x155", value_parser = size)]
    size: [usize; 3],
    /// Number of supervoxels
    #[arg(long, value_name = "N", default_value_t = 1000)]
    count: usize,
    /// slic, cubes or fcc
    #[arg(long, default_value = "slic")]
    method: Method,
    /// Timed runs, after a first one that is reported apart
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Write the head as a .npy file (axes z, y, x), for other programs to cut
    #[arg(long, value_name = "FILE")]
    save_image: Option<PathBuf>,
}

fn size(text: &str) -> Result<[usize; 3], String> {
    let numbers: Option<Vec<usize>> = text
        .split(['x', '×'])
        .map(|part| part.trim().parse().ok().filter(|n| (1..=2048).contains(n)))
        .collect();
    match numbers.as_deref() {
        Some(&[edge]) => Ok([edge; 3]),
        Some(&[x, y, z]) => Ok([x, y, z]),
        _ => Err("write an edge such as 128, or a size such as 240x240x155".to_owned()),
    }
}

pub(crate) fn run(arguments: &Supervoxels, common: &Common) -> anyhow::Result<()> {
    anyhow::ensure!(
        !arguments.method.needs_classes(),
        "the made-up head has no segmentation; choose slic, cubes or fcc"
    );
    let cancel = cancel_on_interrupt();
    let dims = arguments.size;
    let values = head::volume(dims);
    if let Some(path) = &arguments.save_image {
        let [nx, ny, nz] = dims;
        let array = Array3::from_shape_vec((nz, ny, nx), values.clone())
            .context("the head does not have the size that was asked for")?;
        io::npy::write_f32(path, &array)?;
    }
    let image = Image {
        channels: &[&values],
        dims,
        spacing_mm: [1.0; 3],
    };
    let settings = SupervoxelSettings {
        method: arguments.method,
        count: arguments.count,
        ..Default::default()
    };
    let mut line = ProgressLine::new();
    let mut milliseconds = Vec::new();
    let mut processor_seconds = Vec::new();
    let mut found = 0;
    for run in 0..=arguments.runs {
        let (pace, before) = (Pace::start(), cpu_seconds());
        found = find(&image, &Restriction::default(), &settings, &cancel)?.count;
        milliseconds.push(pace.elapsed_s() * 1e3);
        processor_seconds.extend(
            before
                .zip(cpu_seconds())
                .map(|(before, after)| after - before),
        );
        let share = f64::from(run + 1) / f64::from(arguments.runs + 1);
        line.draw("Cutting", Some(share), "");
    }
    line.end();

    let first = milliseconds.remove(0);
    // Of the first run the memory's first use is a part.
    let cpu = processor_seconds.get(1..).filter(|timed| !timed.is_empty());
    let cpu = cpu.map(|timed| timed.iter().sum::<f64>() / timed.len() as f64);
    let middle = median(&milliseconds);
    let least = milliseconds.iter().copied().fold(f64::INFINITY, f64::min);
    let threads = rayon::current_num_threads();
    let memory = peak_memory_mib();
    let json = serde_json::json!({
        "processor": processor(),
        "threads": threads,
        "size": dims,
        "method": arguments.method.name(),
        "asked": arguments.count,
        "supervoxels": found,
        "iterations": settings.iterations,
        "compactness": settings.compactness,
        "first_run_milliseconds": first,
        "milliseconds": milliseconds,
        "median_milliseconds": middle,
        "minimum_milliseconds": least,
        "cpu_seconds": cpu,
        "peak_memory_mib": memory,
    });
    let cpu = cpu.map_or_else(|| "not known".to_owned(), |cpu| format!("{cpu:.2} s"));
    let [nx, ny, nz] = dims;
    let lines = format!(
        "{}, {threads} threads\n\
         {nx}x{ny}x{nz}, {found} supervoxels ({})\n\
         median                   {middle:>9.1} ms\n\
         fastest                  {least:>9.1} ms\n\
         first                    {first:>9.1} ms\n\
         processor time           {cpu:>12}\n\
         peak memory              {:>12}\n",
        processor(),
        arguments.method.name(),
        memory_text(memory),
    );
    common.print(&json, &lines);
    Ok(())
}
