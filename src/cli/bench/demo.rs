//! `voxplain bench demo`: the demonstration from opening to the finished map.

use clap::Args;

use super::process::{peak_memory_mib, processor};
use crate::base::{Pace, Phase};
use crate::cli::progress::ProgressLine;
use crate::cli::study::{Segmented, StudyArguments};
use crate::cli::{Common, cancel_on_interrupt};
use crate::engine::{
    Budget, ExplainSettings, FIRST_SUPERVOXELS, JobControl, Players, RegionChoice, Slot, Task,
    assets, explain,
};
use crate::explain::supervoxels::SupervoxelSettings;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Number of supervoxels
    #[arg(long, value_name = "N", default_value_t = FIRST_SUPERVOXELS)]
    supervoxels: usize,
    /// Runs of the network: a number, or a multiple of the supervoxels such as 2M
    #[arg(long, value_name = "N", default_value = "2M")]
    budget: Budget,
}

pub(crate) fn run(arguments: &Demo, common: &Common) -> anyhow::Result<()> {
    let cancel = cancel_on_interrupt();
    let mut line = ProgressLine::new();
    let whole = Pace::start();
    let study = StudyArguments {
        scans: vec![assets::demonstration_scan()],
        model: None,
        region: RegionChoice::Automatic,
    };
    let study = study.open(&mut line, &cancel)?;
    let open_s = whole.elapsed_s();

    let Segmented {
        study,
        network,
        segmentation,
    } = Segmented::new(study, common, &mut line, &cancel)?;
    let segment_s = segmentation.seconds;
    let settings = SupervoxelSettings {
        count: arguments.supervoxels,
        ..Default::default()
    };
    let pace = Pace::start();
    let players = Players::find(&study.scan, study.part, &settings, &cancel)?;
    let supervoxels_s = pace.elapsed_s();

    let settings = ExplainSettings {
        budget: arguments.budget,
        seed: common.seed,
        ..ExplainSettings::default()
    };
    let device_label = network.device().label().to_owned();
    let task = Task::new(study, segmentation, players.into(), &settings);
    let mut first_value_s = 0.0;
    let pace = Pace::start();
    let explanation = explain(
        &task,
        &network,
        &JobControl::with_token(cancel),
        &Slot::default(),
        &mut |snapshot| {
            if snapshot.estimate().visited() > 0.0 && first_value_s == 0.0 {
                first_value_s = pace.elapsed_s();
            }
            line.draw(
                Phase::Explaining.label(),
                Some(snapshot.evaluations as f64 / snapshot.budget.max(1) as f64),
                "",
            );
        },
    )?;
    line.end();

    let runs = explanation.log.records().len();
    let per_run_s = explanation.seconds / runs.max(1) as f64;
    let memory_mib = peak_memory_mib();
    let json = serde_json::json!({
        "processor": processor(),
        "threads": rayon::current_num_threads(),
        "device": device_label,
        "supervoxels": explanation.players.count,
        "runs": runs,
        "open_s": open_s,
        "segment_s": segment_s,
        "supervoxels_s": supervoxels_s,
        "first_value_s": first_value_s,
        "explain_s": explanation.seconds,
        "seconds_per_run": per_run_s,
        "total_s": whole.elapsed_s(),
        "peak_memory_mib": memory_mib,
    });
    let memory = memory_mib.map_or_else(|| "not known".to_owned(), |mib| format!("{mib:.0} MiB"));
    let lines = format!(
        "{}, {} threads, network on {device_label}\n\
         open scan                {open_s:>9.2} s\n\
         segment the region       {segment_s:>9.2} s\n\
         {:<4} supervoxels         {supervoxels_s:>9.3} s\n\
         first values             {first_value_s:>9.2} s after the start of the explanation\n\
         explain, {runs} runs{:>17.2} s ({per_run_s:.3} s a run)\n\
         in all                   {:>9.2} s\n\
         peak memory              {memory:>11}\n",
        processor(),
        rayon::current_num_threads(),
        explanation.players.count,
        explanation.seconds,
        whole.elapsed_s(),
    );
    common.print(&json, &lines);
    Ok(())
}
