//! Which of a scan's channels the network relies on: exact values of whole channels, and
//! each of the strongest supervoxels shared among its channels.

use std::sync::Arc;

use crate::base::CancelToken;
use crate::engine::explaining::{Measured, masked_network_of};
use crate::engine::{Answer, EngineError, Explanation, Task, ranked};
use crate::explain::channels::{
    MAX_CHANNELS, SplitPlayers, channel_coalitions, channel_shares, channel_values,
};
use crate::explain::game::Game;
use crate::explain::{Coalition, ExplainError, Question, Sizes};
use crate::model::{MaskedNetwork, PlayerTable, SwinUnetr};

/// Random orders for each supervoxel that is shared; an order costs twice 2^C runs of
/// the network, C channels.
const PASSES: usize = 2;

/// What each channel contributes to one answer.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Modalities {
    /// Index of the class that the answer is about.
    pub class: usize,
    pub channels: Vec<String>,
    /// The exact Shapley value of each channel, shown or replaced by the baseline as a
    /// whole. They add up to `value_full` − `value_empty`.
    pub values: Vec<f64>,
    pub value_empty: f64,
    pub value_full: f64,
    pub supervoxels: Vec<SupervoxelShares>,
    /// Runs of the network that this took.
    pub evaluations: usize,
}

/// The SHAP value of one supervoxel, channel by channel.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SupervoxelShares {
    /// The supervoxel, from 0.
    pub player: usize,
    /// They add up to the supervoxel's SHAP value.
    pub shares: Vec<f64>,
    pub standard_errors: Option<Vec<f64>>,
}

/// Shares the answers of a finished explanation among channels, and in each the `split`
/// strongest supervoxels. Nothing for scans of one channel, or of more than can be
/// enumerated.
///
/// `progress` hears of runs made, of how many.
pub fn modalities(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    explanation: &Explanation,
    split: usize,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Modalities>, EngineError> {
    let channels = task.study.scan.channels.len();
    if !(2..=MAX_CHANNELS).contains(&channels) {
        return Ok(Vec::new());
    }
    let sizes = Sizes {
        place_classes: Vec::new(),
        place_voxels: Vec::new(),
        ..explanation.log.header().sizes.clone()
    };
    let labels = task.players.count;
    let whole = run(
        task,
        network,
        PlayerTable::channels(labels, channels),
        &channel_coalitions(channels)?,
        &sizes,
        cancel,
    )?;
    let of_each = (1_usize << channels) * 2 * PASSES;
    let tops: Vec<Vec<usize>> = explanation
        .classes
        .iter()
        .map(|answer| strongest(answer, split))
        .collect();
    let total = whole.len() + of_each * tops.iter().map(Vec::len).sum::<usize>();
    let mut done = whole.len();
    progress(done, total);
    let mut found = Vec::new();
    for (answer, top) in explanation.classes.iter().zip(&tops) {
        let started_at = done;
        let values = whole
            .iter()
            .map(|outcome| answer.question.evaluate(outcome, &sizes))
            .collect::<Result<Vec<f64>, ExplainError>>()?;
        let (value_empty, value_full) = (
            values.first().copied().unwrap_or_default(),
            values.last().copied().unwrap_or_default(),
        );
        let split_players = SplitPlayers::new(labels, top, channels)?;
        let table: Vec<usize> = top.iter().map(|player| player + 1).collect();
        let mut game = ChannelGame {
            masked: masked_network_of(
                task,
                network,
                PlayerTable::supervoxels_by_channel(&table, labels, channels)?,
            )?,
            measured: Measured { sizes: &sizes },
            question: &answer.question,
            cancel,
            failed: None,
        };
        let mut supervoxels = Vec::new();
        for &player in top {
            let shares = channel_shares(
                &mut game,
                &split_players,
                player,
                task.settings.seed,
                PASSES,
            );
            if let Some(error) = game.failed.take() {
                return Err(error);
            }
            let shares = shares?;
            let known = answer.solution.estimate.players.get(player);
            supervoxels.push(SupervoxelShares {
                player,
                shares: shares.summing_to(known.map_or(0.0, |known| known.shap_value)),
                standard_errors: shares.standard_errors,
            });
            done += of_each;
            progress(done, total);
        }
        found.push(Modalities {
            class: answer.class,
            channels: task.study.bundle.description().channels.clone(),
            values: channel_values(values)?,
            value_empty,
            value_full,
            supervoxels,
            evaluations: whole.len() + done - started_at,
        });
    }
    Ok(found)
}

/// The supervoxels of largest |SHAP value|.
fn strongest(answer: &Answer, count: usize) -> Vec<usize> {
    let estimate = &answer.solution.estimate;
    let size = |player: &usize| {
        let known = estimate.players.get(*player);
        known.map_or(0.0, |known| known.shap_value.abs())
    };
    let mut players = ranked(estimate);
    players.sort_by(|a, b| size(b).total_cmp(&size(a)));
    players.truncate(count);
    players
}

/// The outcomes of coalitions of any players.
fn run(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    players: PlayerTable,
    coalitions: &[Coalition],
    sizes: &Sizes,
    cancel: &CancelToken,
) -> Result<Vec<crate::explain::Outcome>, EngineError> {
    let masked = masked_network_of(task, network, players)?;
    Measured { sizes }.outcomes(&masked, coalitions, cancel)
}

/// The game of supervoxels of which some are one player a channel.
struct ChannelGame<'a> {
    masked: MaskedNetwork,
    measured: Measured<'a>,
    question: &'a Question,
    cancel: &'a CancelToken,
    /// Why a run failed, where the estimator can only be told that one did.
    failed: Option<EngineError>,
}

impl Game for ChannelGame<'_> {
    fn players(&self) -> usize {
        self.masked.players()
    }

    fn evaluate(&mut self, coalitions: &[Coalition]) -> Result<Vec<f64>, ExplainError> {
        match self
            .measured
            .outcomes(&self.masked, coalitions, self.cancel)
        {
            Ok(outcomes) => outcomes
                .iter()
                .map(|outcome| self.question.evaluate(outcome, self.measured.sizes))
                .collect(),
            Err(error) => {
                let text = error.to_string();
                self.failed = Some(error);
                Err(ExplainError::Evaluation(text))
            }
        }
    }
}
