//! `voxplain debug`: single parts of the program, so that anyone can hold them against
//! MONAI and shap.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::masked::Masked;
use super::study::MergeOrderArgument;
use super::{Common, check_output};
use crate::explain::Method;
use crate::explain::game::TableGame;
use crate::explain::solve::play;
use crate::io;
use crate::model::{SwinUnetr, Weights};

#[derive(Debug, Subcommand)]
pub(crate) enum Debug {
    /// Run the bare network on a NumPy array
    Forward(Forward),
    /// Run an estimator on a game given as a table
    Shapley(Shapley),
    /// Write what the network sees of a coalition of supervoxels
    Masked(Box<Masked>),
}

/// The network alone: no preprocessing, no windows, no activation.
#[derive(Debug, Args)]
pub(crate) struct Forward {
    /// Weights (.safetensors, .pt, .pth); channels, classes and feature size are read off the shapes
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// Input, N×C×D×H×W, float32 (.npy)
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Logits to write (.npy)
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Order in which patch merging takes the eight sub-grids: it is not in the weights
    #[arg(long, default_value = "legacy")]
    merge_order: MergeOrderArgument,
}

/// An estimator on a table of all values.
#[derive(Debug, Args)]
pub(crate) struct Shapley {
    /// Table of 2^M values (.npy, float64); bit i of the index: player i is present
    #[arg(long, value_name = "FILE")]
    values: PathBuf,
    /// Number of evaluations
    #[arg(long, value_name = "N")]
    budget: usize,
    /// automatic, permutation, odd-kernel, least-squares, kernel-shap, or exact, which
    /// takes all 2^M values whatever the budget
    #[arg(long, default_value_t = Method::Automatic)]
    method: Method,
}

pub(crate) fn run(arguments: &Debug, common: &Common) -> anyhow::Result<()> {
    match arguments {
        Debug::Forward(forward) => run_forward(forward, common),
        Debug::Shapley(shapley) => run_shapley(shapley, common),
        Debug::Masked(masked) => super::masked::run(masked, common),
    }
}

fn run_forward(arguments: &Forward, common: &Common) -> anyhow::Result<()> {
    check_output(&arguments.output)?;
    let weights = Weights::read(&arguments.weights)?;
    let config = weights.network_config(arguments.merge_order.into())?;
    let device = common.compute().device()?;
    let network = SwinUnetr::new(config, &weights, &device)?;
    let input = io::npy::read_f32(&arguments.input)?;
    let pace = crate::base::Pace::start();
    let logits = network.forward_array(input)?;
    let seconds = pace.elapsed_s();
    io::npy::write_f32(&arguments.output, &logits)?;
    let json = serde_json::json!({
        "shape": logits.shape(),
        "network": config,
        "device": device.label(),
        "seconds": seconds,
        "output": arguments.output,
    });
    let lines = format!(
        "logits {:?} in {seconds:.2} s on {}: {}",
        logits.shape(),
        device.label(),
        arguments.output.display()
    );
    common.print(&json, &lines);
    Ok(())
}

fn run_shapley(arguments: &Shapley, common: &Common) -> anyhow::Result<()> {
    let table = io::npy::read_f64(&arguments.values)?;
    let mut game = TableGame::new(table.iter().copied().collect())?;
    let budget = match arguments.method {
        Method::Exact => game.values().len(),
        _ => arguments.budget,
    };
    let solution = play(&mut game, arguments.method, budget, common.seed)?;
    let estimate = &solution.estimate;
    let mut lines = String::new();
    for (player, values) in estimate.players.iter().enumerate() {
        let error = values
            .standard_error
            .map_or_else(|| "not known".to_owned(), |e| format!("{e:.6}"));
        let value = values.shap_value;
        lines += &format!("player {player:>4}  {value:+.9}  standard error {error}\n");
    }
    lines += &format!("{} evaluations, {}", estimate.evaluations, arguments.method);
    if solution.method != arguments.method {
        lines += &format!(" by {}", solution.method);
    }
    let players = &estimate.players;
    let json = serde_json::json!({
        "shapley": players.iter().map(|p| p.shap_value).collect::<Vec<_>>(),
        "standard_error": players.iter().map(|p| p.standard_error).collect::<Vec<_>>(),
        "evaluations": estimate.evaluations,
        "method": arguments.method,
        "estimator": solution.method,
        "surrogate_fit": solution.surrogate_fit,
    });
    common.print(&json, &lines);
    Ok(())
}
