//! `voxplain bench forward`: how fast the bare network is on this machine.
//!
//! No preprocessing, no windows, no activation: a pass over an input that lies in
//! memory, to logits in memory. Where several networks or sizes are measured, each is
//! in a process of its own, so that its peak memory and its first run are its own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use clap::{Args, ValueEnum as _};
use ndarray::ArrayD;
use serde::{Deserialize, Serialize};

use super::median;
use super::process::{cpu_seconds, forget_peak_memory, memory_text, peak_memory_mib, processor};
use crate::base::{CancelToken, Cancelled, Pace};
use crate::cli::progress::ProgressLine;
use crate::cli::{Common, cancel_on_interrupt};
use crate::model::swin_unetr::{Implementation, check_input_dims};
use crate::model::{
    ComputeDevice, MergeOrder, NetworkConfig, SwinUnetr, Weights, floating_point_operations, recipe,
};

#[derive(Debug, Args)]
pub(crate) struct Forward {
    /// Feature sizes of the networks to measure
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [12, 24, 48], conflicts_with = "weights")]
    feature_size: Vec<usize>,
    /// Sizes of the input in voxels: an edge, or DxHxW
    #[arg(long, value_name = "SIZE,…", value_delimiter = ',', default_values = ["64", "96"], value_parser = input_size)]
    size: Vec<[usize; 3]>,
    /// Timed passes, after a first one that is reported apart
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Channels of the input
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        conflicts_with = "weights"
    )]
    channels: usize,
    /// Classes of the output
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        conflicts_with = "weights"
    )]
    classes: usize,
    /// Measure SwinUNETR-V2
    #[arg(long, conflicts_with = "weights")]
    v2: bool,
    /// Show where the time of a pass goes, by part of the network (on the CPU)
    #[arg(long)]
    parts: bool,
    /// Weights (.safetensors) instead of made up ones; the network is read off their shapes
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// An input's size: `96` or `96x96x64`.
fn input_size(text: &str) -> Result<[usize; 3], String> {
    let numbers: Option<Vec<usize>> = text
        .split(['x', '×'])
        .map(|part| part.trim().parse().ok())
        .collect();
    let dims = match numbers.as_deref() {
        Some(&[edge]) => [edge; 3],
        Some(&[depth, height, width]) => [depth, height, width],
        _ => return Err("write an edge such as 96, or a size such as 96x96x64".to_owned()),
    };
    check_input_dims(dims).map_err(|error| error.to_string())?;
    Ok(dims)
}

/// A network and an input to measure.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// `None` where a file holds the weights.
    feature_size: Option<usize>,
    size: [usize; 3],
}

/// What is printed as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    processor: String,
    threads: usize,
    /// `None` if nothing could be measured.
    device: Option<String>,
    seed: u64,
    weights: Option<PathBuf>,
    runs: u32,
    measurements: Vec<Measurement>,
    /// The cases that could not be measured.
    failed: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Measurement {
    feature_size: usize,
    channels: usize,
    classes: usize,
    use_v2: bool,
    size: [usize; 3],
    /// Billions of floating-point operations in a pass.
    gflop: f64,
    first_run_milliseconds: f64,
    /// Each timed pass.
    milliseconds: Vec<f64>,
    median_milliseconds: f64,
    minimum_milliseconds: f64,
    /// Of the process in a pass, all threads together.
    cpu_seconds: Option<f64>,
    gflop_per_second: f64,
    peak_memory_mib: Option<f64>,
    /// Where the time of a pass goes, if that was asked for.
    #[serde(default)]
    parts: Vec<Part>,
    /// Until weights and input were in place.
    loading_peak_memory_mib: Option<f64>,
    /// From then on.
    running_peak_memory_mib: Option<f64>,
}

/// A part of the network and the time it takes of a pass, on average.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    name: String,
    milliseconds: f64,
}

pub(crate) fn run(arguments: &Forward, common: &Common) -> anyhow::Result<()> {
    let cancel = cancel_on_interrupt();
    let cases = cases(arguments);
    if arguments.weights.is_none() {
        for &case in &cases {
            made_up_network(case, arguments).validate()?;
        }
    }
    let report = match cases.as_slice() {
        &[case] => {
            let device = common.compute().device()?;
            let measurement = measure(case, arguments, common, &device, &cancel)?;
            Report {
                processor: processor(),
                threads: rayon::current_num_threads(),
                device: Some(device.label().to_owned()),
                seed: common.seed,
                weights: arguments.weights.clone(),
                runs: arguments.runs,
                measurements: vec![measurement],
                failed: Vec::new(),
            }
        }
        several => measure_apart(several, arguments, common, &cancel)?,
    };
    common.print(&serde_json::to_value(&report)?, &table(&report));
    if let Some(first) = report.failed.first() {
        anyhow::bail!(
            "{} of {} measurements failed, the first: {first}",
            report.failed.len(),
            cases.len()
        );
    }
    Ok(())
}

fn cases(arguments: &Forward) -> Vec<Case> {
    let feature_sizes: Vec<Option<usize>> = match arguments.weights {
        Some(_) => vec![None],
        None => arguments.feature_size.iter().copied().map(Some).collect(),
    };
    feature_sizes
        .into_iter()
        .flat_map(|feature_size| {
            arguments
                .size
                .iter()
                .map(move |&size| Case { feature_size, size })
        })
        .collect()
}

/// The network of a case whose weights are made up. Time and memory do not depend on
/// the merge order.
fn made_up_network(case: Case, arguments: &Forward) -> NetworkConfig {
    NetworkConfig {
        in_channels: arguments.channels,
        out_channels: arguments.classes,
        feature_size: case.feature_size.unwrap_or_default(),
        use_v2: arguments.v2,
        merge_order: MergeOrder::Merging,
    }
}

/// Measures in this process.
fn measure(
    case: Case,
    arguments: &Forward,
    common: &Common,
    device: &ComputeDevice,
    cancel: &CancelToken,
) -> anyhow::Result<Measurement> {
    let mut line = ProgressLine::new();
    let name = case.to_string();
    line.draw(&name, None, "making the network");
    let (config, weights) = match &arguments.weights {
        Some(path) => {
            let weights = Weights::read(path)?;
            (weights.network_config(MergeOrder::Merging)?, weights)
        }
        None => {
            let config = made_up_network(case, arguments);
            (config, recipe::weights(&config, common.seed)?)
        }
    };
    let network = SwinUnetr::new(config, &weights, device)?;
    drop(weights);
    let [depth, height, width] = case.size;
    let shape = [1, config.in_channels, depth, height, width];
    let input = recipe::input(&shape, common.seed);
    let loading_peak = peak_memory_mib();
    let forgotten = forget_peak_memory();

    line.draw(&name, Some(0.0), "first run");
    let pass = || {
        let input = input.clone();
        let pace = Pace::start();
        let logits = network.forward_array(input)?;
        anyhow::Ok((pace.elapsed_s() * 1e3, logits))
    };
    let (first_run_milliseconds, logits) = pass()?;
    anyhow::ensure!(
        logits.iter().all(|logit| logit.is_finite()),
        "the network gives logits that are not finite numbers; its time says nothing"
    );
    drop(logits);
    let mut milliseconds = Vec::new();
    let cpu_before = cpu_seconds();
    for run in 1..=arguments.runs {
        cancel.check()?;
        milliseconds.push(pass()?.0);
        let share = f64::from(run) / f64::from(arguments.runs);
        line.draw(
            &name,
            Some(share),
            &format!("run {run} of {}", arguments.runs),
        );
    }
    let cpu_after = cpu_seconds();
    let parts = if arguments.parts {
        parts(&network, &input, arguments.runs)?
    } else {
        Vec::new()
    };
    line.end();

    let running_peak = forgotten.then(peak_memory_mib).flatten();
    let gflop = floating_point_operations(&config, case.size) as f64 / 1e9;
    let median_milliseconds = median(&milliseconds);
    Ok(Measurement {
        feature_size: config.feature_size,
        channels: config.in_channels,
        classes: config.out_channels,
        use_v2: config.use_v2,
        size: case.size,
        gflop,
        first_run_milliseconds,
        median_milliseconds,
        minimum_milliseconds: milliseconds.iter().copied().fold(f64::INFINITY, f64::min),
        milliseconds,
        cpu_seconds: cpu_after
            .zip(cpu_before)
            .map(|(after, before)| (after - before) / f64::from(arguments.runs)),
        gflop_per_second: gflop / (median_milliseconds / 1e3).max(1e-9),
        peak_memory_mib: match running_peak {
            Some(running) => loading_peak.map(|loading| loading.max(running)),
            // The peak was not started anew, so it is that of everything.
            None => peak_memory_mib(),
        },
        parts,
        loading_peak_memory_mib: loading_peak,
        running_peak_memory_mib: running_peak,
    })
}

/// Passes that are timed part by part. On a graphics device, whose work is not done when
/// it is asked for, there are none.
fn parts(network: &SwinUnetr, input: &ArrayD<f32>, runs: u32) -> anyhow::Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    let Implementation::Cpu(network) = network.implementation() else {
        return Ok(parts);
    };
    let &[_, _, depth, height, width] = input.shape() else {
        return Ok(parts);
    };
    // Voxel by voxel, channels side by side.
    let image: Vec<f32> = input
        .view()
        .permuted_axes(vec![0, 2, 3, 4, 1])
        .iter()
        .copied()
        .collect();
    for _ in 0..runs {
        let mut pace = Pace::start();
        network.forward_observed(&image, [depth, height, width], &mut |name| {
            let milliseconds = pace.elapsed_s() * 1e3 / f64::from(runs);
            match parts.iter_mut().find(|part| part.name == name) {
                Some(part) => part.milliseconds += milliseconds,
                None => parts.push(Part {
                    name: name.to_owned(),
                    milliseconds,
                }),
            }
            pace = Pace::start();
        })?;
    }
    Ok(parts)
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(feature_size) = self.feature_size {
            write!(f, "Feature size {feature_size}, ")?;
        }
        f.write_str(&size_text(self.size))
    }
}

fn size_text([depth, height, width]: [usize; 3]) -> String {
    format!("{depth}×{height}×{width}")
}

/// Measures each case with this program in a process of its own.
fn measure_apart(
    cases: &[Case],
    arguments: &Forward,
    common: &Common,
    cancel: &CancelToken,
) -> anyhow::Result<Report> {
    let mut whole = Report {
        processor: processor(),
        threads: rayon::current_num_threads(),
        device: None,
        seed: common.seed,
        weights: arguments.weights.clone(),
        runs: arguments.runs,
        measurements: Vec::new(),
        failed: Vec::new(),
    };
    for case in cases {
        cancel.check()?;
        let finished = command(case, arguments, common)?
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("this program cannot start itself again; measure one case at a time")?;
        match finished.status.code() {
            Some(0) => {
                let report: Report = serde_json::from_slice(&finished.stdout)
                    .with_context(|| format!("{case}: its measurement cannot be read"))?;
                whole.device = report.device;
                whole.measurements.extend(report.measurements);
            }
            Some(130) => return Err(Cancelled.into()),
            Some(_) => whole.failed.push(format!("{case} (why: see above)")),
            // Linux ends a process this way when memory runs out.
            None => whole.failed.push(format!(
                "{case} (the system ended it, which it does when memory runs out)"
            )),
        }
    }
    Ok(whole)
}

/// This program, asked to measure one case.
fn command(case: &Case, arguments: &Forward, common: &Common) -> anyhow::Result<Command> {
    let program = std::env::current_exe()
        .context("this program cannot find itself; measure one case at a time")?;
    let mut command = Command::new(program);
    command.args(["bench", "forward", "--json"]);
    let [depth, height, width] = case.size;
    let mut options = vec![
        ("--size", format!("{depth}x{height}x{width}")),
        ("--runs", arguments.runs.to_string()),
        ("--seed", common.seed.to_string()),
    ];
    if let Some(device) = common.device.to_possible_value() {
        options.push(("--device", device.get_name().to_owned()));
    }
    if let Some(threads) = common.threads {
        options.push(("--threads", threads.to_string()));
    }
    if let Some(feature_size) = case.feature_size {
        options.push(("--feature-size", feature_size.to_string()));
        options.push(("--channels", arguments.channels.to_string()));
        options.push(("--classes", arguments.classes.to_string()));
    }
    for (name, value) in options {
        command.arg(name).arg(value);
    }
    if arguments.v2 {
        command.arg("--v2");
    }
    if arguments.parts {
        command.arg("--parts");
    }
    if let Some(weights) = &arguments.weights {
        command.arg("--weights").arg(weights);
    }
    Ok(command)
}

fn table(report: &Report) -> String {
    let weights = match &report.weights {
        Some(path) => format!("weights from {}", path.display()),
        None => format!("weights made up from seed {}", report.seed),
    };
    let mut lines = format!("{}, {} threads, ", report.processor, report.threads);
    if let Some(device) = &report.device {
        lines += &format!(
            "network on {device}, {weights}, timed runs: {}\n\n\
             feature         input   GFLOP  first run     median    minimum   CPU time  GFLOP/s   peak memory  of it running\n",
            report.runs
        );
    } else {
        lines += "nothing was measured\n";
    }
    for measured in &report.measurements {
        let cpu = measured.cpu_seconds.map_or_else(
            || "not known".to_owned(),
            |seconds| format!("{seconds:.2} s"),
        );
        lines += &format!(
            "{:>7} {:>13} {:>7.1} {:>7.0} ms {:>7.0} ms {:>7.0} ms {cpu:>10} {:>8.1} {:>13} {:>14}\n",
            measured.feature_size,
            size_text(measured.size),
            measured.gflop,
            measured.first_run_milliseconds,
            measured.median_milliseconds,
            measured.minimum_milliseconds,
            measured.gflop_per_second,
            memory_text(measured.peak_memory_mib),
            memory_text(measured.running_peak_memory_mib),
        );
    }
    for measured in report.measurements.iter().filter(|m| !m.parts.is_empty()) {
        let whole: f64 = measured.parts.iter().map(|part| part.milliseconds).sum();
        lines += &format!(
            "\nfeature size {}, {}\n",
            measured.feature_size,
            size_text(measured.size)
        );
        for part in &measured.parts {
            lines += &format!(
                "{:>28} {:>8.1} ms {:>5.1} %\n",
                part.name,
                part.milliseconds,
                100.0 * part.milliseconds / whole
            );
        }
    }
    for failed in &report.failed {
        lines += &format!("failed: {failed}\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::input_size;

    #[test]
    fn sizes_read() {
        assert_eq!(input_size("96"), Ok([96; 3]));
        assert_eq!(input_size("64x32x96"), Ok([64, 32, 96]));
        for bad in ["", "64x64", "32", "65", "64x64x64x64", "axbxc", "-64"] {
            assert!(input_size(bad).is_err(), "{bad}");
        }
    }
}
