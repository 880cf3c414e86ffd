//! Gradient methods on the question of a finished explanation, so that two ways of asking
//! can be held against each other. They are no part of the answer.

use std::path::Path;
use std::sync::Arc;

use ndarray::Array3;
use serde::Serialize;

use crate::base::{CancelToken, GridError};
use crate::engine::explaining::filled_baseline;
use crate::engine::segment::windows_of;
use crate::engine::{Answer, EngineError, Explanation, Task};
use crate::explain::evidence::correlation::spearman;
use crate::explain::{Target, ValueFunction};
use crate::io;
use crate::model::SwinUnetr;
use crate::model::gradients::{
    GradientEffort, GradientMap, GradientNetwork, GradientStudy, SmoothValue, TargetValue,
};
use crate::volume;

pub use crate::model::gradients::GradientMethod;

/// One gradient method on one answer.
#[derive(Debug, Clone, Serialize)]
pub struct CrossCheck {
    pub method: &'static str,
    /// The class that the answer is about, by name.
    pub class: String,
    /// What was differentiated. Another value than the one explained where that is a
    /// step function, which has no derivative.
    pub value: ValueFunction,
    pub value_full: f64,
    pub value_empty: Option<f64>,
    /// What integrated gradients lack to add up to `value_full` − `value_empty`.
    pub completeness_residual: Option<f64>,
    /// Spearman's correlation of SHAP values and the map's sums over supervoxels, over
    /// those whose SHAP value is known.
    pub rank_agreement: Option<f64>,
    /// The same of their sizes, whatever the sign.
    pub rank_agreement_of_sizes: Option<f64>,
    /// The map's sum over each supervoxel.
    pub supervoxel_sums: Vec<f64>,
    /// On the voxels of the explained region, x fastest.
    #[serde(skip)]
    pub map: Vec<f32>,
}

/// Runs gradient methods on answers of an explanation: for each answer all methods.
///
/// `progress` hears what is done and the share of all work done. Errors: not enough
/// memory, a device failure, cancelling, which takes effect between windows.
pub fn cross_check(
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    explanation: &Explanation,
    answers: &[Answer],
    methods: &[GradientMethod],
    cancel: &CancelToken,
    progress: &mut dyn FnMut(GradientMethod, f64),
) -> Result<Vec<CrossCheck>, EngineError> {
    if methods.is_empty() {
        return Ok(Vec::new());
    }
    let bundle = &task.study.bundle;
    let description = bundle.description();
    let prepared = &task.segmentation.prepared;
    let gradients = GradientNetwork::new(
        description.network,
        &bundle.read_weights()?,
        network.device(),
        prepared.grid.dims(),
        &description.inference,
    )?;
    let windows = windows_of(&task.study, network, prepared)?;
    let player_of_voxel = prepared.values_from_region(task.players.labels.labels())?;
    let baseline = filled_baseline(task, &player_of_voxel)?;
    let effort = GradientEffort::default();
    let work: usize = methods
        .iter()
        .map(|method| method.derivatives(effort))
        .sum();
    let work = (work * answers.len()).max(1) as f64;
    let mut done = 0;
    let mut found = Vec::new();
    for answer in answers {
        let (value_function, value) = differentiable(explanation, answer, &player_of_voxel);
        let study = GradientStudy {
            windows: &windows,
            network: &gradients,
            value: &value,
            image: prepared.input.view(),
            baseline: baseline.view(),
            seed: task.settings.seed,
            effort,
        };
        for &method in methods {
            let own = method.derivatives(effort) as f64;
            let map = study.run(method, cancel, &mut |share| {
                progress(method, (f64::from(done) + share * own) / work);
            })?;
            done += u32::try_from(method.derivatives(effort)).unwrap_or(u32::MAX);
            found.push(CrossCheck::new(
                explanation,
                answer,
                value_function,
                &map,
                &player_of_voxel,
            )?);
        }
    }
    Ok(found)
}

/// Writes a map for each method, one frame for each answer, on the scan's grid, and what is
/// known of them as `cross_check.json`.
pub fn write_cross_checks(
    explanation: &Explanation,
    checks: &[CrossCheck],
    folder: &Path,
) -> Result<(), EngineError> {
    let (grid, part) = (
        explanation.study.first_channel().grid(),
        &explanation.study.part,
    );
    for method in GradientMethod::ALL {
        let frames = checks
            .iter()
            .filter(|check| check.method == method.name())
            .map(|check| {
                volume::embed(&check.map, grid, part, 0.0)
                    .ok_or(EngineError::Grid(GridError::OutsideScan))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if !frames.is_empty() {
            let frames: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
            let name = format!("cross_check_{}.nii.gz", method.name().replace('-', "_"));
            io::nifti::write_value_frames(&folder.join(name), grid, &frames)?;
        }
    }
    let path = folder.join("cross_check.json");
    let text = serde_json::to_vec_pretty(checks).map_err(|error| EngineError::Write {
        what: "the cross-checks",
        why: error.to_string(),
        path: path.clone(),
    })?;
    Ok(io::atomic::write_bytes(&path, &text)?)
}

impl CrossCheck {
    fn new(
        explanation: &Explanation,
        answer: &Answer,
        value: ValueFunction,
        map: &GradientMap,
        player_of_voxel: &Array3<u16>,
    ) -> Result<Self, EngineError> {
        let sums = map.sums_of_players(player_of_voxel, explanation.players.count);
        let players = &answer.solution.estimate.players;
        let known = players.iter().zip(&sums).filter(|(p, _)| p.samples > 0);
        let (shap, own): (Vec<f64>, Vec<f64>) = known.map(|(p, &sum)| (p.shap_value, sum)).unzip();
        let sizes = |values: &[f64]| values.iter().map(|v| v.abs()).collect::<Vec<f64>>();
        let prepared = &explanation.segmentation.prepared;
        Ok(Self {
            method: map.method.name(),
            class: explanation.study.class_name(answer.class).to_owned(),
            value,
            value_full: map.value_full,
            value_empty: map.value_empty,
            completeness_residual: map.completeness_residual(),
            rank_agreement: spearman(&shap, &own),
            rank_agreement_of_sizes: spearman(&sizes(&shap), &sizes(&own)),
            map: prepared.values_to_region(map.map.view())?,
            supervoxel_sums: sums,
        })
    }

    /// One line for a reader.
    pub fn summary(&self) -> String {
        let share = |value: Option<f64>| {
            value.map_or_else(|| "not known".to_owned(), |value| format!("{value:+.2}"))
        };
        let mut text = format!(
            "{}: {} ranks the supervoxels as the SHAP values do to {} (1 is alike, 0 unrelated), \
             their sizes to {}",
            self.class,
            self.method,
            share(self.rank_agreement),
            share(self.rank_agreement_of_sizes)
        );
        if let Some(residual) = self.completeness_residual {
            text += &format!("; {residual:+.4} is lacking to the whole");
        }
        text
    }
}

/// The value of an answer's question where it has a derivative, else the nearest that has:
/// for steps the smooth overlap, of places the mean probability.
fn differentiable(
    explanation: &Explanation,
    answer: &Answer,
    player_of_voxel: &Array3<u16>,
) -> (ValueFunction, TargetValue) {
    let places = matches!(answer.question.target, Target::Places { .. });
    let (function, value) = match answer.question.value_function {
        ValueFunction::Margin => (ValueFunction::Margin, SmoothValue::Margin),
        ValueFunction::MeanLogit => (ValueFunction::MeanLogit, SmoothValue::MeanLogit),
        ValueFunction::MeanProbability => {
            (ValueFunction::MeanProbability, SmoothValue::MeanProbability)
        }
        _ if places => (ValueFunction::MeanProbability, SmoothValue::MeanProbability),
        _ => (ValueFunction::SoftDice, SmoothValue::SoftDice),
    };
    let targets = explanation.targets();
    let components = targets.components();
    let part = |x: usize, y: usize, z: usize| {
        let number = components.get([answer.class, x, y, z]).copied();
        number.unwrap_or(0) as usize
    };
    let inside = |x: usize, y: usize, z: usize| match &answer.question.target {
        Target::Class(_) => part(x, y, z) > 0,
        Target::Component(index) => part(x, y, z) == index + 1,
        Target::Places { players, .. } => {
            let player = player_of_voxel.get([x, y, z]).copied().unwrap_or(0);
            usize::from(player)
                .checked_sub(1)
                .is_some_and(|player| players.contains(&player))
        }
    };
    let mask = |holds: &dyn Fn(usize, usize, usize) -> bool| {
        Array3::from_shape_fn(player_of_voxel.dim(), |(x, y, z)| {
            targets.is_measured([x, y, z]) && holds(x, y, z)
        })
    };
    let region = match &answer.question.target {
        Target::Class(_) => mask(&|_, _, _| true),
        Target::Component(_) => mask(&|x, y, z| inside(x, y, z) || part(x, y, z) == 0),
        Target::Places { .. } => mask(&inside),
    };
    let value = TargetValue {
        value,
        class: answer.class,
        activation: explanation.study.bundle.description().activation,
        target: mask(&inside),
        region,
    };
    (function, value)
}
