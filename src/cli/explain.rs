//! `voxplain explain`: from a scan to the explanation folder.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use glam::DVec3;

use super::progress::ProgressLine;
use super::segment::ReferenceArguments;
use super::study::{Segmented, StudyArguments, StudyOptions};
use super::supervoxels::SupervoxelArguments;
use super::{Common, cancel_on_interrupt, check_output};
use crate::base::{CancelToken, Phase, Progress};
use crate::engine::journal;
use crate::engine::{
    Budget, CrossCheck, ExplainSettings, Explanation, FinerMap, GradientMethod, JobControl,
    MapWish, MeasuredPart, Part, SPLIT_BY_CHANNEL, Slot, Snapshot, Task, cross_check, explain,
    finer_maps, folder, modalities, ranked, undecided_players, write_cross_checks,
    write_finer_maps,
};
use crate::explain::baseline::Baseline;
use crate::explain::log::CoalitionLog;
use crate::explain::relevance_mask::SignedMaskRule;
use crate::explain::{Method, ValueFunction};
use crate::model::SwinUnetr;

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    study: StudyArguments,
    #[command(flatten)]
    options: StudyOptions,
    #[command(flatten)]
    supervoxels: SupervoxelArguments,
    /// Class to explain, by name or number (default: every foreground class)
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// One connected part of the class by its size: 1 is the largest
    #[arg(long, value_name = "N", requires = "class", conflicts_with = "at")]
    component: Option<usize>,
    /// What is at a point, x,y,z in RAS+ millimetres: the connected part there, or where there
    /// is none the supervoxel (which needs --class)
    #[arg(long, value_name = "X,Y,Z", allow_hyphen_values = true, value_parser = point)]
    at: Option<DVec3>,
    /// What is measured of it: soft-dice, hard-dice, margin, mean-logit, mean-probability,
    /// true-positive-ml, false-positive-ml or volume-ml
    #[arg(long, value_name = "VALUE", default_value = "soft-dice")]
    value: ValueFunction,
    /// Runs of the network: auto (until another run would rank the supervoxels alike), a number,
    /// or a multiple of the supervoxels such as 4M
    #[arg(long, value_name = "N", default_value = "auto")]
    budget: Budget,
    /// How SHAP values are made of the runs: automatic, permutation, odd-kernel, least-squares,
    /// kernel-shap or exact
    #[arg(long, value_name = "METHOD", default_value = "automatic")]
    estimator: Method,
    /// Go on from the runs that an earlier explanation, finished or not, left in the folder
    #[arg(long)]
    resume: bool,
    /// For scans of several channels: this many of the strongest supervoxels of each class are
    /// also shared among the channels
    #[arg(long, value_name = "N", default_value_t = 3)]
    split: usize,
    /// Explain the reference in place of what the network found, and say how well they agree
    #[command(flatten)]
    reference: ReferenceArguments,
    /// What takes the place of absent supervoxels: harmonic, harmonic:4mm (its sigma), blur, mean,
    /// supervoxel-mean, zero, air, noise or mirror
    #[arg(long, default_value = "harmonic")]
    baseline: Baseline,
    /// Where the network's output is measured: region, or target for a box around the explained
    /// structures, which runs no window that cannot reach it
    #[arg(long, default_value = "region")]
    measure: MeasuredPart,
    /// Rule of the relevance mask: top:10%, players:12, positive:80%, largest:50%, interval or
    /// otsu; of what speaks against the structure with :negative behind it, of both with :absolute
    #[arg(long, value_name = "RULE", default_value = "positive:80%")]
    mask: SignedMaskRule,
    /// Also ask by gradients, and say how well they agree with the SHAP values: gradient,
    /// integrated-gradients, smooth-gradient and grad-cam
    #[arg(long, value_name = "METHOD,…", value_delimiter = ',')]
    cross_check: Vec<GradientMethod>,
    /// Further maps, written beside the others: density, average:4 (over divisions), refined:3
    /// (strongest supervoxels split), smoothed:6 (mm, for the eye alone) or occlusion
    #[arg(long, value_name = "MAP,…", value_delimiter = ',')]
    maps: Vec<MapWish>,
    /// Folder to write; it is created
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Explain {
    /// What the window does first with a scan, for machines without one.
    pub(crate) fn first_look(
        study: StudyArguments,
        options: StudyOptions,
        supervoxels: SupervoxelArguments,
        out: PathBuf,
    ) -> Self {
        let settings = ExplainSettings::default();
        Self {
            study,
            options,
            supervoxels,
            class: None,
            component: None,
            at: None,
            value: settings.value_function,
            budget: settings.budget,
            estimator: settings.method,
            resume: false,
            split: SPLIT_BY_CHANNEL,
            reference: ReferenceArguments::default(),
            baseline: settings.baseline,
            measure: settings.measured,
            mask: settings.mask,
            cross_check: Vec::new(),
            maps: Vec::new(),
            out,
        }
    }

    fn part(&self) -> Part {
        match (self.component, self.at) {
            (Some(number), _) => Part::Component(number),
            (None, Some(world_mm)) => Part::At(world_mm),
            (None, None) => Part::Whole,
        }
    }

    /// The runs that are in the folder, if they are to be used.
    fn earlier(&self) -> anyhow::Result<Option<Arc<CoalitionLog>>> {
        if !self.resume {
            return Ok(None);
        }
        let earlier = journal::read(&self.out.join(folder::LOG))?;
        if earlier.is_none() {
            eprintln!("note: there are no runs to go on from in the folder, so all are made now");
        }
        Ok(earlier.map(Arc::new))
    }
}

/// A world point as `x,y,z`.
fn point(text: &str) -> Result<DVec3, String> {
    let numbers: Option<Vec<f64>> = text
        .split(',')
        .map(|part| part.trim().parse().ok().filter(|v: &f64| v.is_finite()))
        .collect();
    match numbers.as_deref() {
        Some(&[x, y, z]) => Ok(DVec3::new(x, y, z)),
        _ => Err("write a point in RAS+ millimetres as x,y,z".to_owned()),
    }
}

pub(crate) fn run(arguments: &Explain, common: &Common) -> anyhow::Result<()> {
    let outcome = run_into_folder(arguments, common);
    if outcome.is_err() {
        // Removes nothing but an empty folder, which is what a job that ended early made.
        let _ = std::fs::remove_dir(&arguments.out);
        if arguments.out.join(folder::LOG).exists() {
            eprintln!(
                "note: the runs that were made are kept in {}; the same command with --resume goes on from them",
                arguments.out.join(folder::LOG).display()
            );
        }
    }
    outcome
}

fn run_into_folder(arguments: &Explain, common: &Common) -> anyhow::Result<()> {
    check_output(&arguments.out)?;
    let cancel = cancel_on_interrupt();
    let mut line = ProgressLine::new();
    let study = arguments
        .study
        .open_with(&arguments.options, &mut line, &cancel)?;
    let class = arguments
        .class
        .as_deref()
        .map(|name| study.class_index(name))
        .transpose()?;
    let reference = arguments.reference.open(&study, &mut line, &cancel)?;
    folder::create(&arguments.out)?;
    let earlier = arguments.earlier()?;
    let Segmented {
        study,
        network,
        segmentation,
    } = Segmented::new(study, common, &mut line, &cancel)?;

    line.show(Progress {
        phase: Phase::Supervoxels,
        done: 0,
        total: 0,
    });
    let players = arguments.supervoxels.find(&study, &segmentation, &cancel)?;
    if players.air_voxels > 0 {
        line.end();
        eprintln!(
            "note: air around the body ({} voxels) is always shown and is no supervoxel",
            players.air_voxels
        );
    }
    let settings = ExplainSettings {
        class,
        part: arguments.part(),
        value_function: arguments.value,
        method: arguments.estimator,
        baseline: arguments.baseline,
        measured: arguments.measure,
        budget: arguments.budget,
        seed: common.seed,
        mask: arguments.mask,
    };
    let task = Task {
        reference: reference.map(Arc::new),
        earlier,
        journal: Some(arguments.out.join(folder::LOG)),
        ..Task::new(study, segmentation, Arc::new(players), &settings)
    };
    let job = JobControl::with_token(cancel);
    let mut explanation = explain(&task, &network, &job, &Slot::default(), &mut |snapshot| {
        line.draw(
            Phase::Explaining.label(),
            Some(snapshot.evaluations as f64 / snapshot.budget.max(1) as f64),
            &progress_text(&snapshot),
        );
    })?;
    let token = job.cancel_token();
    explanation.modalities = modalities(
        &task,
        &network,
        &explanation,
        arguments.split,
        token,
        &mut |done, total| {
            let share = done as f64 / total.max(1) as f64;
            line.draw("Channels", Some(share), &format!("{done} of {total} runs"));
        },
    )?;
    line.show(Progress {
        phase: Phase::Saving,
        done: 0,
        total: 0,
    });
    folder::write(&explanation, &arguments.out)?;
    let checks = cross_checks(arguments, &task, &network, &explanation, token, &mut line)?;
    let explanation = Arc::new(explanation);
    let mut show = |wish: &MapWish, done: usize, total: usize| {
        let share = done as f64 / total.max(1) as f64;
        let text = format!("{wish}, {done} of {total} runs");
        line.draw("Further maps", Some(share), &text);
    };
    let maps = finer_maps(
        &task,
        &network,
        &explanation,
        &arguments.maps,
        &job,
        &mut show,
    )?;
    if !maps.is_empty() {
        write_finer_maps(&explanation, &maps, &arguments.out)?;
    }
    line.end();
    print_result(&explanation, &checks, &maps, arguments, common);
    Ok(())
}

/// What gradient methods say, written beside the explanation, which is safe by now.
fn cross_checks(
    arguments: &Explain,
    task: &Task<'_>,
    network: &Arc<SwinUnetr>,
    explanation: &Explanation,
    cancel: &CancelToken,
    line: &mut ProgressLine,
) -> anyhow::Result<Vec<CrossCheck>> {
    let mut methods = arguments.cross_check.clone();
    methods.sort();
    methods.dedup();
    if methods.is_empty() {
        return Ok(Vec::new());
    }
    let mut show = |method: GradientMethod, share| {
        line.draw("Cross-checking", Some(share), method.name());
    };
    let checks = cross_check(
        task,
        network,
        explanation,
        &explanation.classes,
        &methods,
        cancel,
        &mut show,
    )?;
    write_cross_checks(explanation, &checks, &arguments.out)?;
    Ok(checks)
}

/// Evaluations, rate, time left, largest interval and forecast.
fn progress_text(snapshot: &Snapshot) -> String {
    let rate = snapshot.evaluations as f64 / snapshot.elapsed_s.max(1e-9);
    let mut text = format!(
        "{} of {} runs, {rate:.2}/s",
        snapshot.evaluations, snapshot.budget
    );
    if let Some(left) = snapshot.remaining_s {
        text += &format!(", {left:.0} s left");
    }
    let estimate = snapshot.estimate();
    let largest = estimate
        .players
        .iter()
        .filter_map(|p| p.standard_error)
        .fold(0.0, f64::max);
    if largest > 0.0 {
        text += &format!(
            ", largest interval ±{:.4}",
            largest * estimate.interval_factor
        );
    }
    if let Some(forecast) = snapshot.forecast()
        && !forecast.reached()
    {
        text += &format!(", 5 % at {} runs", forecast.evaluations_needed);
    }
    text
}

/// Name and value of each channel for a class, if there are several.
fn channels_of(
    explanation: &Explanation,
    class: usize,
) -> impl Iterator<Item = (&String, f64)> + '_ {
    let found = explanation
        .modalities
        .iter()
        .filter(move |m| m.class == class);
    found.flat_map(|m| m.channels.iter().zip(m.values.iter().copied()))
}

fn print_result(
    explanation: &Explanation,
    checks: &[CrossCheck],
    maps: &[FinerMap],
    arguments: &Explain,
    common: &Common,
) {
    const SHOWN: usize = 5;
    let study = &explanation.study;
    let mut lines = String::new();
    let mut classes = Vec::new();
    for explained in &explanation.classes {
        let name = study.class_name(explained.class);
        let estimate = &explained.solution.estimate;
        lines += &format!(
            "{name}: overlap {:.4} with everything shown, {:.4} with nothing\n",
            estimate.value_full, estimate.value_empty
        );
        for player in ranked(estimate).into_iter().take(SHOWN) {
            let Some(known) = estimate.players.get(player) else {
                continue;
            };
            let interval = known.standard_error.map_or_else(
                || "not known".to_owned(),
                |error| format!("± {:.5}", error * estimate.interval_factor),
            );
            lines += &format!(
                "  supervoxel {:>4}  {:+.5} {interval}\n",
                player + 1,
                known.shap_value
            );
        }
        for channel in channels_of(explanation, explained.class) {
            lines += &format!("  channel {:<10} {:+.5}\n", channel.0, channel.1);
        }
        classes.push(serde_json::json!({
            "class": name,
            "value_function": explained.question.value_function,
            "target": explained.question.target,
            "method": explained.solution.method,
            "surrogate_fit": explained.solution.surrogate_fit,
            "undecided": undecided_players(estimate).len(),
            "expected_rank_agreement": estimate.expected_rank_agreement(),
            "value_full": estimate.value_full,
            "value_empty": estimate.value_empty,
            "completeness_residual": estimate.completeness_residual(),
            "shap_values": estimate.players.iter().map(|p| (p.samples > 0).then_some(p.shap_value)).collect::<Vec<_>>(),
            "standard_errors": estimate.players.iter().map(|p| p.standard_error).collect::<Vec<_>>(),
        }));
    }
    for check in checks {
        lines += &check.summary();
        lines.push('\n');
    }
    for map in maps {
        lines += &format!("{}.nii.gz: {}\n", map.name, map.description);
        for note in &map.notes {
            lines += &format!("  {note}\n");
        }
    }
    let evaluations = explanation.log.records().len();
    let windows = explanation.windows;
    lines += &format!(
        "{evaluations} runs of the network in {:.1} s on {}, {:.0} % of their windows known from earlier runs: {}",
        explanation.seconds,
        explanation.device,
        100.0 * windows.reused_share(),
        arguments.out.display()
    );
    let json = serde_json::json!({
        "folder": arguments.out,
        "supervoxels": explanation.players.count,
        "evaluations": evaluations,
        "decided": explanation.decided,
        "modalities": explanation.modalities,
        "cross_checks": checks,
        "maps": maps,
        "windows_run": windows.run,
        "windows_reused": windows.reused,
        "seconds": explanation.seconds,
        "device": explanation.device,
        "classes": classes,
        "merge_order": study.bundle.description().network.merge_order,
        "notes": study.notes(),
    });
    common.print(&json, &lines);
}
