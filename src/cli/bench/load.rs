//! `voxplain bench load`: how soon the first slice of a scan is there, and all of it.
//!
//! The scans are made up: a head of 16-bit numbers with noise, which deflate makes two
//! to three times smaller, as it does with real ones. They were just written, so they
//! come from the system's cache and not from the drive.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use glam::{DAffine3, DVec3};
use rayon::prelude::*;
use serde::Serialize;

use super::median;
use super::process::{
    forget_peak_memory, memory_text, peak_memory_mib, processor, resident_memory_mib,
};
use crate::base::{CancelToken, Grid, Pace};
use crate::cli::progress::ProgressLine;
use crate::cli::{Common, cancel_on_interrupt};
use crate::io::{self, Reading, Request};
use crate::volume::{Volume, Voxels};

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Sizes of the scans in voxels
    #[arg(long, value_name = "SIZE,…", value_delimiter = ',', default_values = ["240x240x155", "512x512x300"], value_parser = scan_size)]
    size: Vec<[usize; 3]>,
    /// Times that each scan is opened, after a first time that does not count
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Write the scans into this folder and leave them there
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// How one scan opened; medians.
#[derive(Debug, Serialize)]
struct Case {
    size: [usize; 3],
    /// The scan, where it was kept.
    path: Option<PathBuf>,
    file_mib: f64,
    /// What the voxels take in memory.
    raw_mib: f64,
    first_slice_milliseconds: f64,
    all_milliseconds: f64,
    /// The same while the file is hashed.
    hashed_milliseconds: f64,
    /// The most that opening took, on top of what the program held before.
    peak_memory_mib: Option<f64>,
    peak_memory_per_raw: Option<f64>,
}

pub(crate) fn run(arguments: &Load, common: &Common) -> anyhow::Result<()> {
    let cancel = cancel_on_interrupt();
    let mut line = ProgressLine::new();
    let folder = Folder::open(arguments.keep.as_deref())?;
    let mut cases = Vec::new();
    for &size in &arguments.size {
        let path = folder.path.join(format!("head_{}.nii.gz", size_text(size)));
        line.draw("Writing a scan", None, &size_text(size));
        write_head(&path, size, common.seed)?;
        line.draw("Opening it", None, &size_text(size));
        let mut case = measure(&path, size, arguments.runs, &cancel)?;
        case.path = arguments.keep.is_some().then_some(path);
        cases.push(case);
    }
    line.end();

    let json = serde_json::json!({
        "processor": processor(),
        "threads": rayon::current_num_threads(),
        "runs": arguments.runs,
        "cases": cases,
    });
    let mut lines = format!(
        "{}, {} threads, medians of {} runs\n\n\
         scan           file MiB  raw MiB  first slice ms   all ms  with hash ms  peak memory\n",
        processor(),
        rayon::current_num_threads(),
        arguments.runs,
    );
    for case in &cases {
        lines += &format!(
            "{:<14} {:>8.1} {:>8.1} {:>15.1} {:>8.0} {:>13.0} {:>12}\n",
            size_text(case.size),
            case.file_mib,
            case.raw_mib,
            case.first_slice_milliseconds,
            case.all_milliseconds,
            case.hashed_milliseconds,
            memory_text(case.peak_memory_mib),
        );
    }
    common.print(&json, &lines);
    Ok(())
}

/// A folder that is deleted in the end, unless it is the user's.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn open(keep: Option<&Path>) -> anyhow::Result<Self> {
        let path = keep.map_or_else(
            || std::env::temp_dir().join(format!("voxplain-bench-{}", std::process::id())),
            Path::to_owned,
        );
        std::fs::create_dir_all(&path)
            .with_context(|| format!("the folder cannot be made: {}", path.display()))?;
        Ok(Self {
            path,
            temporary: keep.is_none(),
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be deleted is left to the system, which empties this place.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn measure(path: &Path, size: [usize; 3], runs: u32, cancel: &CancelToken) -> anyhow::Result<Case> {
    let raw_mib = (size.iter().product::<usize>() * 2) as f64 / f64::from(1 << 20);
    let (mut first, mut all, mut hashed, mut peaks) = (vec![], vec![], vec![], vec![]);
    for run in 0..=runs {
        let before = resident_memory_mib().filter(|_| forget_peak_memory());
        let once = open(path, false, cancel)?;
        let peak = before.zip(peak_memory_mib());
        let with_hash = open(path, true, cancel)?;
        if run > 0 {
            first.push(once.first_slice_milliseconds);
            all.push(once.all_milliseconds);
            hashed.push(with_hash.all_milliseconds);
            peaks.extend(peak.map(|(before, peak)| peak - before));
        }
    }
    let peak_memory_mib = (!peaks.is_empty()).then(|| median(&peaks));
    Ok(Case {
        size,
        path: None,
        file_mib: std::fs::metadata(path)?.len() as f64 / f64::from(1 << 20),
        raw_mib,
        first_slice_milliseconds: median(&first),
        all_milliseconds: median(&all),
        hashed_milliseconds: median(&hashed),
        peak_memory_mib,
        peak_memory_per_raw: peak_memory_mib.map(|peak| peak / raw_mib),
    })
}

struct Opening {
    first_slice_milliseconds: f64,
    all_milliseconds: f64,
}

fn open(path: &Path, hash: bool, cancel: &CancelToken) -> anyhow::Result<Opening> {
    let request = Request {
        hash,
        ..Request::default()
    };
    let pace = Pace::start();
    let mut first_slice_milliseconds = None;
    let opened = io::open(
        path,
        &request,
        &mut Reading {
            progress: &mut |_| {},
            slice: &mut |_| {
                first_slice_milliseconds.get_or_insert(pace.elapsed_s() * 1e3);
            },
            cancel,
        },
    )?;
    let all_milliseconds = pace.elapsed_s() * 1e3;
    std::hint::black_box(opened);
    Ok(Opening {
        first_slice_milliseconds: first_slice_milliseconds.context("no slice came early")?,
        all_milliseconds,
    })
}

/// Writes an egg of tissue with noise in it and around it.
fn write_head(path: &Path, size: [usize; 3], seed: u64) -> anyhow::Result<()> {
    let world_from_voxel = DAffine3::from_translation(DVec3::from(size.map(|n| n as f64 / -2.0)));
    let grid = Grid::new(size, world_from_voxel)?;
    let voxels = (0..grid.voxel_count())
        .into_par_iter()
        .map(|index| voxel(&grid, index, seed))
        .collect();
    // Always some: a voxel for each of the grid.
    let volume = Volume::new(grid, Voxels::I16(voxels), (1.0, 0.0), "head");
    io::nifti::write_volume(path, &volume.context("the scan has too many voxels")?)?;
    Ok(())
}

fn voxel(grid: &Grid, index: usize, seed: u64) -> i16 {
    let at = grid.position(index);
    let [x, y, z] = std::array::from_fn(|axis| {
        let middle = grid.dims()[axis] as f64 / 2.0;
        (at[axis] as f64 + 0.5 - middle) / middle
    });
    let radius = (x * x / 0.7 + y * y / 0.8 + z * z / 0.8).sqrt();
    let random = scrambled(index as u64 ^ seed << 40);
    // Two throws make most noise small, as it is in a scan.
    let noise = |most: u64| (random % most + (random >> 32) % most) as f64;
    let value = if radius > 1.0 {
        noise(9)
    } else if radius > 0.93 {
        1100.0 + noise(60)
    } else {
        let folds = (9.0 * x).sin() * (11.0 * y).sin() * (10.0 * z).sin();
        600.0 + 150.0 * folds - 100.0 * radius + noise(50)
    };
    value as i16
}

/// The finaliser of SplitMix64: neighbouring numbers become unlike each other.
fn scrambled(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn scan_size(text: &str) -> Result<[usize; 3], String> {
    let sizes: Option<Vec<usize>> = text
        .split(['x', '×'])
        .map(|part| part.trim().parse().ok().filter(|n| (1..=2048).contains(n)))
        .collect();
    sizes
        .and_then(|sizes| <[usize; 3]>::try_from(sizes).ok())
        .ok_or_else(|| "write three numbers from 1 to 2048, for example 240x240x155".into())
}

fn size_text([x, y, z]: [usize; 3]) -> String {
    format!("{x}x{y}x{z}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read() {
        assert_eq!(scan_size("240x240x155"), Ok([240, 240, 155]));
        for wrong in ["240", "240x240", "0x1x1", "1x1x4096", "axbxc", ""] {
            assert!(scan_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_head_shrinks_as_real_scans_do() {
        let folder = Folder::open(None).unwrap();
        let path = folder.path.join("head.nii.gz");
        let size = [96, 96, 64];
        write_head(&path, size, 0).unwrap();
        let raw = (size.iter().product::<usize>() * 2) as f64;
        let ratio = raw / std::fs::metadata(&path).unwrap().len() as f64;
        assert!((2.0..3.0).contains(&ratio), "{ratio}");
        let case = measure(&path, size, 1, &CancelToken::new()).unwrap();
        assert!(case.first_slice_milliseconds <= case.all_milliseconds);
        let kept = folder.path.clone();
        drop(folder);
        assert!(!kept.exists());
    }
}
