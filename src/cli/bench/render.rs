//! `voxplain bench render`: how fast the volume is drawn, and how much work that is.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use glam::{DAffine3, DVec3};
use ndarray::Array3;
use rayon::prelude::*;
use serde_json::json;

use super::process::{peak_memory_mib, processor};
use super::{head, median};
use crate::base::{Grid, Pace};
use crate::cli::progress::ProgressLine;
use crate::cli::{Common, cancel_on_interrupt};
use crate::gpu::transfer::TransferTable;
use crate::gpu::twin::{TwinScene, Work, render_raycast_counted};
use crate::gpu::{
    GpuContext, Quality, RaycastPass, RaycastView, ScanStyle, Scene, Target, Window, capture,
};
use crate::io;
use crate::volume::{Volume, Voxels};

#[derive(Debug, Args)]
pub(crate) struct Render {
    /// Voxels along each side of the made-up scans
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [256, 512])]
    sides: Vec<usize>,
    /// Sizes of the picture
    #[arg(long, value_name = "WxH,…", value_delimiter = ',', value_parser = size,
          default_values = ["1280x720", "1920x1080"])]
    sizes: Vec<[u32; 2]>,
    /// What is drawn; all of them without this
    #[arg(long, value_enum, value_delimiter = ',')]
    scenes: Vec<Subject>,
    /// Pictures around the body
    #[arg(long, value_name = "N", default_value_t = 360, value_parser = clap::value_parser!(u32).range(1..))]
    frames: u32,
    /// Who draws
    #[arg(long, value_enum, default_value_t = DrawnBy::Cpu)]
    drawn_by: DrawnBy,
    /// Write the scans as .npy files (axes z, y, x) into a folder, for other programs
    #[arg(long, value_name = "FOLDER")]
    save_scans: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// A few thin vessels
    Sparse,
    /// A head, lit
    Surface,
    /// A head as fog: no ray ends early
    Fog,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DrawnBy {
    /// The processor, as in windows without a graphics card
    Cpu,
    /// The graphics adapter, whatever it is
    Adapter,
    Both,
}

fn size(text: &str) -> Result<[u32; 2], String> {
    let numbers = text.split_once(['x', '×']).and_then(|(width, height)| {
        let number = |text: &str| text.trim().parse().ok().filter(|n| (1..=8192).contains(n));
        Some([number(width)?, number(height)?])
    });
    numbers.ok_or_else(|| "write a size such as 1280x720".to_owned())
}

impl Subject {
    const ALL: [Self; 3] = [Self::Sparse, Self::Surface, Self::Fog];

    fn name(self) -> &'static str {
        match self {
            Self::Sparse => "sparse",
            Self::Surface => "surface",
            Self::Fog => "fog",
        }
    }

    fn values(self, side: usize) -> Vec<f32> {
        match self {
            Self::Sparse => vessels(side),
            Self::Surface | Self::Fog => head::volume([side; 3]),
        }
    }

    fn style(self) -> ScanStyle {
        let window = Window {
            low: 0.0,
            high: 900.0,
        };
        let (empty_below, full_above, density_per_mm, lit) = match self {
            Self::Sparse => (300.0, 700.0, 1.0, true),
            Self::Surface => (200.0, 500.0, 0.9, true),
            Self::Fog => (0.0, 900.0, 0.004, false),
        };
        ScanStyle {
            window,
            empty_below,
            full_above,
            density_per_mm,
            edge_emphasis: 0.0,
            lit,
        }
    }
}

/// Three thin vessels that wind around the middle.
fn vessels(side: usize) -> Vec<f32> {
    let mut values = vec![0.0; side.pow(3)];
    let place = |n: usize| 2.0 * (n as f64 + 0.5) / side as f64 - 1.0;
    values
        .par_chunks_mut((side * side).max(1))
        .enumerate()
        .for_each(|(depth, slice)| {
            let z = place(depth);
            for (index, value) in slice.iter_mut().enumerate() {
                let (x, y) = (place(index % side), place(index / side));
                let nearest = (0..3)
                    .map(|n| {
                        let turn = 2.5 * z + f64::from(n) * 2.1;
                        (x - 0.55 * turn.cos()).hypot(y - 0.55 * turn.sin())
                    })
                    .fold(f64::INFINITY, f64::min);
                *value = (1000.0 * (1.0 - nearest / 0.035).clamp(0.0, 1.0)) as f32;
            }
        });
    values
}

/// One measurement: a scene drawn by someone at a size.
struct Measured {
    milliseconds: Vec<f64>,
    rays: f64,
    work: Work,
}

pub(crate) fn run(arguments: &Render, common: &Common) -> anyhow::Result<()> {
    let cancel = cancel_on_interrupt();
    let mut line = ProgressLine::new();
    let by_cpu = arguments.drawn_by != DrawnBy::Adapter;
    let gpu = match arguments.drawn_by {
        DrawnBy::Cpu => None,
        DrawnBy::Adapter | DrawnBy::Both => Some(GpuContext::headless()?),
    };
    let subjects = match arguments.scenes.as_slice() {
        [] => &Subject::ALL[..],
        chosen => chosen,
    };
    let mut rows = Vec::new();
    for &side in &arguments.sides {
        anyhow::ensure!(
            (8..=1024).contains(&side),
            "a scan of {side} voxels a side cannot be made up; choose from 8 to 1024"
        );
        for &subject in subjects {
            line.draw("Making up a scan", None, subject.name());
            let values = subject.values(side);
            if let Some(folder) = &arguments.save_scans {
                save(folder, subject, side, &values)?;
            }
            let spacing = 256.0 / side as f64;
            let world_from_voxel = DAffine3::from_scale(DVec3::splat(spacing));
            let grid = Grid::new([side; 3], world_from_voxel)?;
            let scan = Volume::new(grid, Voxels::F32(values), (1.0, 0.0), subject.name())
                .context("the made-up scan has not as many values as voxels")?;
            let table = subject.style().table();
            let mut twin = TwinScene::new();
            twin.set_scan(Some(&scan));
            twin.set_transfer(&table);
            for &size_px in &arguments.sizes {
                let view = |number: u32| view_of(&grid, subject, size_px, number, arguments.frames);
                let mut report = |drawn_by: &str, measured: &Measured| {
                    rows.push(row(
                        subject,
                        side,
                        size_px,
                        drawn_by,
                        measured,
                        twin.empty_share(),
                    ));
                };
                if by_cpu {
                    line.draw("Drawing", None, &format!("{} {side}", subject.name()));
                    let measured = by_twin(&twin, arguments.frames, view, &cancel)?;
                    report("cpu", &measured);
                }
                if let Some(gpu) = &gpu {
                    let measured = by_adapter(gpu, &scan, &table, size_px, arguments.frames, view)?;
                    report(&gpu.name, &measured);
                }
            }
        }
    }
    line.end();
    let json = json!({
        "processor": processor(),
        "threads": rayon::current_num_threads(),
        "adapter": gpu.as_ref().map(|gpu| gpu.name.clone()),
        "frames": arguments.frames,
        "peak_memory_mib": peak_memory_mib(),
        "measurements": rows,
    });
    common.print(&json, &table_of(&rows));
    Ok(())
}

/// A step of one voxel, as other programs take by themselves.
fn view_of(
    grid: &Grid,
    subject: Subject,
    size_px: [u32; 2],
    number: u32,
    frames: u32,
) -> RaycastView {
    let quality = Quality {
        scale: 1.0,
        step_mm: grid.spacing_mm()[0],
    };
    let mut view = RaycastView::of(grid, subject.style().window, size_px, quality);
    view.camera.yaw = std::f64::consts::TAU * f64::from(number) / f64::from(frames);
    view
}

fn by_twin(
    scene: &TwinScene,
    frames: u32,
    view: impl Fn(u32) -> RaycastView,
    cancel: &crate::base::CancelToken,
) -> anyhow::Result<Measured> {
    let mut measured = Measured {
        milliseconds: Vec::new(),
        rays: 0.0,
        work: Work::default(),
    };
    for number in 0..frames {
        cancel.check()?;
        let view = view(number);
        let pace = Pace::start();
        let (_, work) = render_raycast_counted(scene, &view);
        measured.milliseconds.push(pace.elapsed_s() * 1e3);
        measured.work += work;
        measured.rays += view.size_px.iter().map(|&n| f64::from(n)).product::<f64>();
    }
    Ok(measured)
}

/// Times from the submission to the end of the work, and the samples of the first
/// picture, which the shader counts.
fn by_adapter(
    gpu: &GpuContext,
    scan: &Volume,
    table: &TransferTable,
    size_px: [u32; 2],
    frames: u32,
    view: impl Fn(u32) -> RaycastView,
) -> anyhow::Result<Measured> {
    let mut scene = Scene::new(gpu)?;
    scene.set_scan(Some(scan))?;
    scene.set_transfer(table)?;
    let pass = RaycastPass::new(gpu)?;
    let target = Target::new(gpu, size_px)?;
    let mut milliseconds = Vec::new();
    // The first picture pays for the upload and the shader.
    for number in (0..1).chain(0..frames) {
        let pace = Pace::start();
        pass.draw(gpu, &scene, &view(number), &target);
        gpu.wait()?;
        milliseconds.push(pace.elapsed_s() * 1e3);
    }
    milliseconds.remove(0);
    pass.draw_work(gpu, &scene, &view(0), &target);
    let counts = capture(gpu, &target)?;
    let mut work = Work::default();
    for count in counts.rgba.chunks_exact(4) {
        work.samples += u64::from(count[0]) + 256 * u64::from(count[1]);
        work.leaps += u64::from(count[2]);
    }
    Ok(Measured {
        milliseconds,
        rays: size_px.iter().map(|&n| f64::from(n)).product(),
        work,
    })
}

fn row(
    subject: Subject,
    side: usize,
    size_px: [u32; 2],
    drawn_by: &str,
    measured: &Measured,
    empty_share: f64,
) -> serde_json::Value {
    let mut sorted = measured.milliseconds.clone();
    sorted.sort_by(f64::total_cmp);
    let late = sorted.get(sorted.len() * 95 / 100).or(sorted.last());
    let (work, rays) = (measured.work, measured.rays.max(1.0));
    let samples = work.samples as f64;
    json!({
        "scene": subject.name(),
        "side": side,
        "size_px": size_px,
        "drawn_by": drawn_by,
        "median_ms": median(&measured.milliseconds),
        "p95_ms": late,
        "samples_per_ray": samples / rays,
        "leaps_per_ray": work.leaps as f64 / rays,
        // Known on the CPU only, where what was leapt over is counted too.
        "spared": (work.spared > 0).then(|| (samples + work.spared as f64) / samples.max(1.0)),
        "empty_share": empty_share,
    })
}

fn table_of(rows: &[serde_json::Value]) -> String {
    let mut text = format!(
        "{:<8} {:>5} {:>11} {:<24} {:>10} {:>10} {:>8} {:>7} {:>8} {:>6}\n",
        "scene",
        "side",
        "picture",
        "drawn by",
        "median ms",
        "p95 ms",
        "samples",
        "leaps",
        "spared",
        "empty"
    );
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap_or_default();
        let spared = row["spared"]
            .as_f64()
            .map_or_else(|| "-".to_owned(), |spared| format!("{spared:.1}x"));
        let name: String = row["drawn_by"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .take(24)
            .collect();
        text += &format!(
            "{:<8} {:>5} {:>11} {:<24} {:>10.1} {:>10.1} {:>8.1} {:>7.1} {:>8} {:>5.0}%\n",
            row["scene"].as_str().unwrap_or_default(),
            row["side"],
            format!("{}x{}", row["size_px"][0], row["size_px"][1]),
            name,
            number("median_ms"),
            number("p95_ms"),
            number("samples_per_ray"),
            number("leaps_per_ray"),
            spared,
            100.0 * number("empty_share"),
        );
    }
    text
}

fn save(
    folder: &std::path::Path,
    subject: Subject,
    side: usize,
    values: &[f32],
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let array = Array3::from_shape_vec((side, side, side), values.to_vec())
        .context("the scan does not have the size that was asked for")?;
    io::npy::write_f32(
        &folder.join(format!("{}_{side}.npy", subject.name())),
        &array,
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaping_spares_most_samples_where_little_is_to_see() {
        let side = 64;
        let world_from_voxel = DAffine3::from_scale(DVec3::splat(4.0));
        let grid = Grid::new([side; 3], world_from_voxel).unwrap();
        let subject = Subject::Sparse;
        let values = Voxels::F32(subject.values(side));
        let scan = Volume::new(grid, values, (1.0, 0.0), "sparse").unwrap();
        let mut scene = TwinScene::new();
        scene.set_scan(Some(&scan));
        scene.set_transfer(&subject.style().table());
        let view = view_of(&grid, subject, [64, 48], 0, 1);
        let (_, work) = render_raycast_counted(&scene, &view);
        // At the sizes that are measured it is more than five times.
        assert!(work.spared > work.samples, "{work:?}");
    }

    #[test]
    fn sizes() {
        assert_eq!(size("1280x720"), Ok([1280, 720]));
        assert!(size("1280").is_err() && size("0x1").is_err());
    }
}
