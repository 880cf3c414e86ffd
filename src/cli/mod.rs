//! Floor 5: the command line. One file a subcommand; each ends in the same calls of
//! `engine` that the window makes.
//!
//! Results go to standard output (as JSON with `--json`), progress to standard
//! error. Exit codes: 0 done, 1 failed with one clear line, 2 wrong usage, 130
//! cancelled.

mod bench;
mod debug;
mod evaluate;
mod explain;
mod info;
mod masked;
mod open;
mod progress;
mod render;
mod segment;
mod study;
mod supervoxels;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

pub use bench::{MeasureRequest, MeasureWindow, Measured};
pub use open::{NoWindow, OpenWindow, WindowRequest};

use crate::base::{CancelToken, Cancelled, MemoryLimit};
use crate::engine::{Compute, ComputeOptions, DeviceChoice, EngineError, Precision};

/// See why a Swin UNETR segmented a CT or MR scan the way it did.
///
/// Without a subcommand the window opens: with the given scans, or with the
/// demonstration. Research use only. Not for diagnostic use.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    open: open::Open,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what a scan's header says and where it lies in the body
    Info(info::Info),
    /// Segment a scan
    Segment(segment::Segment),
    /// Divide a scan into supervoxels
    Supervoxels(supervoxels::Supervoxels),
    /// Segment a scan and explain the segmentation with supervoxel Shapley values
    Explain(explain::Explain),
    /// Gather evidence for and against saved explanations
    Evaluate(evaluate::Evaluate),
    /// Draw a scan, its structures and its evidence in 3D into picture files
    Render(render::Render),
    /// Measure the program on this machine
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Hold single parts of the program against other software
    #[command(subcommand)]
    Debug(debug::Debug),
}

/// Options that every subcommand takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Print the result as JSON on standard output
    #[arg(long, global = true)]
    json: bool,
    /// Processor that runs the network; "list" shows what there is
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto")]
    device: DeviceArgument,
    /// Seed of all random choices
    #[arg(long, global = true, default_value_t = 0)]
    seed: u64,
    /// Most memory for a run of the network, for example 4G (default: what is free)
    #[arg(long, global = true, value_name = "SIZE")]
    memory_limit: Option<MemoryLimit>,
    /// Precision of the network's numbers on a graphics card: half takes half the memory and
    /// shows how far its logits are off
    #[arg(long, global = true, default_value = "single")]
    precision: PrecisionArgument,
    /// Number of CPU threads (default: all)
    #[arg(long, global = true, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeviceArgument {
    Auto,
    Gpu,
    Cpu,
    List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrecisionArgument {
    Single,
    Half,
}

impl Common {
    fn device_choice(&self) -> DeviceChoice {
        match self.device {
            DeviceArgument::Auto | DeviceArgument::List => DeviceChoice::Automatic,
            DeviceArgument::Gpu => DeviceChoice::Gpu,
            DeviceArgument::Cpu => DeviceChoice::Cpu,
        }
    }

    /// What runs the network, without a view to share a device with.
    fn compute(&self) -> Compute {
        Compute::alone(self.device_choice(), self.compute_options())
    }

    fn compute_options(&self) -> ComputeOptions {
        ComputeOptions {
            memory_limit: self.memory_limit.unwrap_or_default(),
            precision: match self.precision {
                PrecisionArgument::Single => Precision::Single,
                PrecisionArgument::Half => Precision::Half,
            },
        }
    }

    /// Prints a result: JSON for scripts, or lines for people.
    fn print(&self, json: &serde_json::Value, lines: &str) {
        let mut output = std::io::stdout().lock();
        // A reader that has seen enough closes the pipe; that is no failure.
        let _ = if self.json {
            writeln!(output, "{json:#}")
        } else {
            writeln!(output, "{}", lines.trim_end())
        };
    }
}

/// Runs the program and returns its exit code. `open_window` is called where no
/// subcommand is given, `measure_window` by `bench ui`: the window is another floor's.
pub fn main(open_window: OpenWindow<'_>, measure_window: MeasureWindow<'_>) -> ExitCode {
    let arguments = Arguments::parse();
    start_log();
    match run(arguments, open_window, measure_window) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_cancelled(&error) => {
            eprintln!("voxplain: cancelled");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("voxplain: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(
    arguments: Arguments,
    open_window: OpenWindow<'_>,
    measure_window: MeasureWindow<'_>,
) -> anyhow::Result<()> {
    let common = arguments.common;
    if let Some(threads) = common.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .context("the number of threads cannot be set")?;
    }
    if common.device == DeviceArgument::List {
        return info::list_devices(&common);
    }
    if arguments.command.is_some() && arguments.open.is_given() {
        Arguments::command()
            .error(
                ErrorKind::ArgumentConflict,
                "write --model and scans after the subcommand",
            )
            .exit();
    }
    match arguments.command {
        None => open::run(&arguments.open, &common, open_window),
        Some(Command::Info(info)) => info::run(&info, &common),
        Some(Command::Segment(segment)) => segment::run(&segment, &common),
        Some(Command::Supervoxels(supervoxels)) => supervoxels::run(&supervoxels, &common),
        Some(Command::Explain(explain)) => explain::run(&explain, &common),
        Some(Command::Evaluate(evaluate)) => evaluate::run(&evaluate, &common),
        Some(Command::Render(render)) => render::run(&render, &common),
        Some(Command::Bench(bench)) => bench::run(&bench, &common, measure_window),
        Some(Command::Debug(debug)) => debug::run(&debug, &common),
    }
}

fn is_cancelled(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<EngineError>()
        .is_some_and(EngineError::is_cancelled)
        || error.downcast_ref::<Cancelled>().is_some()
}

/// Warnings of the program and errors of its graphics layers; `RUST_LOG` overrides.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error,voxplain=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// A token that Ctrl-C cancels; a second Ctrl-C ends the program at once.
fn cancel_on_interrupt() -> CancelToken {
    use signal_hook::consts::SIGINT;
    use signal_hook::flag;
    let token = CancelToken::new();
    // The order matters: the first signal finds the switch off and only turns it on.
    let installed = flag::register_conditional_shutdown(SIGINT, 130, token.switch())
        .and_then(|_| flag::register(SIGINT, token.switch()));
    if let Err(error) = installed {
        tracing::warn!("Ctrl-C ends the program without tidying up: {error}");
    }
    token
}

/// A path as an output: its folder must exist, so that hours of work are not lost.
fn check_output(path: &Path) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    anyhow::ensure!(
        folder.is_dir(),
        "the folder for the output does not exist; create it first: {}",
        folder.display()
    );
    Ok(())
}

/// A label map as an output: also of a kind that can be written, and not an input.
fn check_map_output(path: &Path, inputs: &[PathBuf]) -> anyhow::Result<()> {
    check_output(path)?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase());
    anyhow::ensure!(
        name.is_some_and(|name| name.ends_with(".nii") || name.ends_with(".nii.gz")),
        "maps are written as .nii or .nii.gz; name the output so: {}",
        path.display()
    );
    let output = path.canonicalize().ok();
    anyhow::ensure!(
        output.is_none()
            || inputs
                .iter()
                .all(|input| input.canonicalize().ok() != output),
        "the output would replace a scan; choose another name: {}",
        path.display()
    );
    Ok(())
}
