//! `voxplain explain`: from a scan to the explanation folder.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::progress::ProgressLine;
use super::study::{Segmented, StudyArguments, StudyOptions};
use super::supervoxels::SupervoxelArguments;
use super::{Common, cancel_on_interrupt, check_output};
use crate::base::{Phase, Progress};
use crate::engine::{
    Budget, ExplainSettings, Explanation, JobControl, MeasuredPart, Players, Slot, Snapshot, Task,
    explain, folder, ranked,
};
use crate::explain::baseline::Baseline;
use crate::explain::relevance_mask::MaskRule;

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
    /// Runs of the network: a number, or a multiple of the supervoxels such as 4M
    #[arg(long, value_name = "N", default_value = "4M")]
    budget: Budget,
    /// What takes the place of absent supervoxels: blur, blur:4mm (its sigma), harmonic, mean,
    /// supervoxel-mean, zero, air, noise or mirror
    #[arg(long, default_value = "blur")]
    baseline: Baseline,
    /// Where the network's output is measured: region, or target for a box around the explained
    /// structures, which runs no window that cannot reach it
    #[arg(long, default_value = "region")]
    measure: MeasuredPart,
    /// Rule of the relevance mask: top:10%, players:12, positive:80%, largest:50% or interval
    #[arg(long, value_name = "RULE", default_value = "positive:80%")]
    mask: MaskRule,
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
            budget: settings.budget,
            baseline: settings.baseline,
            measure: settings.measured,
            mask: settings.mask,
            out,
        }
    }
}

pub(crate) fn run(arguments: &Explain, common: &Common) -> anyhow::Result<()> {
    let outcome = run_into_folder(arguments, common);
    if outcome.is_err() {
        // Removes nothing but an empty folder, which is what a job that ended early made.
        let _ = std::fs::remove_dir(&arguments.out);
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
    folder::create(&arguments.out)?;
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
    let players = Players::find(
        &study.scan,
        study.part,
        &arguments.supervoxels.settings(),
        &cancel,
    )?;
    let settings = ExplainSettings {
        class,
        baseline: arguments.baseline,
        measured: arguments.measure,
        budget: arguments.budget,
        seed: common.seed,
        mask: arguments.mask,
        ..ExplainSettings::default()
    };
    let task = Task {
        study,
        segmentation,
        players: Arc::new(players),
        settings: &settings,
        earlier: None,
        journal: None,
    };
    let job = JobControl::with_token(cancel);
    let explanation = explain(&task, &network, &job, &Slot::default(), &mut |snapshot| {
        line.draw(
            Phase::Explaining.label(),
            Some(snapshot.evaluations as f64 / snapshot.budget.max(1) as f64),
            &progress_text(&snapshot),
        );
    })?;
    line.show(Progress {
        phase: Phase::Saving,
        done: 0,
        total: 0,
    });
    folder::write(&explanation, &arguments.out)?;
    line.end();
    print_result(&explanation, arguments, common);
    Ok(())
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

fn print_result(explanation: &Explanation, arguments: &Explain, common: &Common) {
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
        classes.push(serde_json::json!({
            "class": name,
            "value_full": estimate.value_full,
            "value_empty": estimate.value_empty,
            "completeness_residual": estimate.completeness_residual(),
            "shap_values": estimate.players.iter().map(|p| (p.samples > 0).then_some(p.shap_value)).collect::<Vec<_>>(),
            "standard_errors": estimate.players.iter().map(|p| p.standard_error).collect::<Vec<_>>(),
        }));
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
