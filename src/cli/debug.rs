//! `voxplain debug`: single parts of the program, so that anyone can hold them against
//! MONAI and shap.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::study::MergeOrderArgument;
use super::{Common, check_output};
use crate::explain::game::{Game, TableGame};
use crate::explain::least_squares;
use crate::explain::odd_kernel;
use crate::explain::permutation::{PermutationEstimator, PermutationSampler};
use crate::explain::{Estimate, ExplainError, exact};
use crate::io;
use crate::model::{SwinUnetr, Weights};

#[derive(Debug, Subcommand)]
pub(crate) enum Debug {
    /// Run the bare network on a NumPy array
    Forward(Forward),
    /// Run an estimator on a game given as a table
    Shapley(Shapley),
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
    #[arg(long, default_value = "permutation")]
    method: Method,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Antithetic permutation sampling
    Permutation,
    /// Paired KernelSHAP regression with the efficiency constraint
    LeastSquares,
    /// Kernel regression on the odd part of the game
    OddKernel,
    /// All 2^M coalitions
    Exact,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Permutation => "permutation",
            Self::LeastSquares => "least-squares",
            Self::OddKernel => "odd-kernel",
            Self::Exact => "exact",
        }
    }
}

pub(crate) fn run(arguments: &Debug, common: &Common) -> anyhow::Result<()> {
    match arguments {
        Debug::Forward(forward) => run_forward(forward, common),
        Debug::Shapley(shapley) => run_shapley(shapley, common),
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

/// SHAP values with standard errors, and the evaluations they took.
struct Values {
    shapley: Vec<f64>,
    standard_error: Vec<Option<f64>>,
    evaluations: usize,
}

impl From<Estimate> for Values {
    fn from(estimate: Estimate) -> Self {
        Self {
            shapley: estimate.players.iter().map(|p| p.shap_value).collect(),
            standard_error: estimate.players.iter().map(|p| p.standard_error).collect(),
            evaluations: estimate.evaluations,
        }
    }
}

fn run_shapley(arguments: &Shapley, common: &Common) -> anyhow::Result<()> {
    let table = io::npy::read_f64(&arguments.values)?;
    let mut game = TableGame::new(table.iter().copied().collect())?;
    let values = match arguments.method {
        Method::Permutation => permutation(&mut game, arguments.budget, common.seed)?,
        Method::LeastSquares => least_squares::run(&mut game, arguments.budget, common.seed)?
            .estimate
            .into(),
        Method::OddKernel => odd_kernel::run(&mut game, arguments.budget, common.seed)?
            .estimate
            .into(),
        Method::Exact => Values {
            shapley: exact::shapley_values(&game)?,
            standard_error: vec![Some(0.0); game.players()],
            evaluations: game.values().len(),
        },
    };
    let mut lines = String::new();
    for (player, (value, error)) in values
        .shapley
        .iter()
        .zip(&values.standard_error)
        .enumerate()
    {
        let error = error.map_or_else(|| "not known".to_owned(), |e| format!("{e:.6}"));
        lines += &format!("player {player:>4}  {value:+.9}  standard error {error}\n");
    }
    lines += &format!(
        "{} evaluations, {}",
        values.evaluations,
        arguments.method.name()
    );
    let json = serde_json::json!({
        "shapley": values.shapley,
        "standard_error": values.standard_error,
        "evaluations": values.evaluations,
        "method": arguments.method.name(),
    });
    common.print(&json, &lines);
    Ok(())
}

/// Complete passes as far as the budget goes, or the start of the first.
fn permutation(game: &mut TableGame, budget: usize, seed: u64) -> Result<Values, ExplainError> {
    let players = game.players();
    let mut sampler = PermutationSampler::new(players, seed)?;
    let mut estimator = PermutationEstimator::new(players, seed)?;
    while estimator.evaluations() + 2 <= budget.max(2) {
        let Some((coalition, complement)) = sampler.next_pair() else {
            break;
        };
        if let [value, complement_value] = game.evaluate(&[coalition, complement])?[..] {
            estimator.absorb(value, complement_value)?;
        }
    }
    let estimate = estimator.complete().or_else(|| estimator.current());
    Ok(estimate
        .ok_or(ExplainError::TooFewObservations {
            observations: 0,
            players,
        })?
        .into())
}
