//! `voxplain bench soak`: thousands of evaluations of one study, watched for memory that
//! grows and evaluations that take far longer than the others.
//!
//! Runs what `explain` runs for each coalition, in the order in which it would. Memory
//! is that of the process; what a graphics card holds for it is not seen.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::median;
use super::process::{memory_text, processor, resident_memory_mib};
use crate::base::{CancelToken, Pace};
use crate::cli::progress::ProgressLine;
use crate::cli::study::{Segmented, StudyArguments};
use crate::cli::supervoxels::SupervoxelArguments;
use crate::cli::{Common, cancel_on_interrupt};
use crate::engine::{
    EngineError, ExplainSettings, Players, RegionChoice, Task, assets, masked_network,
};
use crate::explain::permutation::PermutationSampler;
use crate::model::{MaskedNetwork, TargetMasks};

/// Growth that an allocator shows without any leak: whichever is more counts.
const ALLOWED_GROWTH_MIB: f64 = 16.0;
const ALLOWED_GROWTH_SHARE: f64 = 0.05;

/// An evaluation stalls if it takes this many times as long as its windows usually do,
/// and this much longer.
const STALL_FACTOR: f64 = 10.0;
const STALL_MILLISECONDS: f64 = 1000.0;

const PARTS: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// The scan, one file for each channel of the model (default: the demonstration's)
    #[arg(value_name = "SCAN")]
    scans: Vec<PathBuf>,
    /// Model bundle: a folder with bundle.json and weights (default: the demonstration's)
    #[arg(long, value_name = "BUNDLE")]
    model: Option<PathBuf>,
    /// auto, whole, or a box in RAS+ millimetres: x0,y0,z0,x1,y1,z1
    #[arg(long, default_value = "auto", allow_hyphen_values = true)]
    region: RegionChoice,
    #[command(flatten)]
    supervoxels: SupervoxelArguments,
    /// Coalitions to evaluate, after a first one that is reported apart
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(20..))]
    evaluations: u32,
}

/// One evaluation as it was seen.
#[derive(Debug, Clone, Copy)]
struct Evaluation {
    milliseconds: f64,
    /// Windows that the network ran; the others were known from earlier evaluations.
    windows: u64,
    resident_memory_mib: Option<f64>,
}

/// A tenth of the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Tenth {
    evaluations: usize,
    milliseconds_per_evaluation: f64,
    /// Windows that the network ran.
    windows_per_evaluation: f64,
    longest_milliseconds: f64,
    /// The median of what was used after each of its evaluations.
    resident_memory_mib: Option<f64>,
}

/// What is said about a run.
#[derive(Debug, PartialEq, Serialize)]
struct Verdict {
    median_milliseconds: f64,
    longest_milliseconds: f64,
    /// Of an evaluation for each window that it ran.
    median_milliseconds_per_window: f64,
    stalls: bool,
    /// From the second tenth to the last: the first fills caches.
    memory_growth_mib: Option<f64>,
    memory_grows: Option<bool>,
}

pub(crate) fn run(arguments: &Soak, common: &Common) -> anyhow::Result<()> {
    let cancel = cancel_on_interrupt();
    let mut line = ProgressLine::new();
    let scans = if arguments.scans.is_empty() {
        vec![assets::demonstration_scan()]
    } else {
        arguments.scans.clone()
    };
    let study = StudyArguments {
        scans,
        model: arguments.model.clone(),
        region: arguments.region,
    };
    let Segmented {
        study,
        network,
        segmentation,
    } = Segmented::new(study.open(&mut line, &cancel)?, common, &mut line, &cancel)?;
    let players = Players::find(
        &study.scan,
        study.part,
        &arguments.supervoxels.settings(),
        &cancel,
    )?;
    let activation = study.bundle.description().activation;
    let targets = TargetMasks::from_logits(segmentation.logits.view(), activation);
    let settings = ExplainSettings {
        seed: common.seed,
        ..ExplainSettings::default()
    };
    let task = Task::new(study, segmentation, Arc::new(players), &settings);
    let masked = masked_network(&task, &network, targets)?;
    // The network's weights and the masked study are all that stays in memory.
    drop(task);

    let pace = Pace::start();
    evaluate(&masked, vec![true; masked.players()], &cancel)?;
    let first_run_milliseconds = pace.elapsed_s() * 1e3;
    let evaluations = watch(&masked, arguments, common, &mut line, &cancel)?;
    let tenths = tenths(&evaluations);
    let verdict = Verdict::of(&evaluations, &tenths);

    let windows = masked.windows().window_count();
    let json = serde_json::json!({
        "processor": processor(),
        "threads": rayon::current_num_threads(),
        "device": network.device().label(),
        "supervoxels": masked.players(),
        "windows": windows,
        "evaluations": evaluations.len(),
        "first_run_milliseconds": first_run_milliseconds,
        "tenths": tenths,
        "verdict": verdict,
    });
    let mut lines = format!(
        "{}, network on {}, {} supervoxels, {windows} windows, {} evaluations\n\
         first run {first_run_milliseconds:.0} ms\n\n\
         tenth  evaluations  ms an evaluation  windows run  longest ms  resident memory\n",
        processor(),
        network.device().label(),
        masked.players(),
        evaluations.len(),
    );
    for (index, tenth) in tenths.iter().enumerate() {
        lines += &format!(
            "{:>5} {:>12} {:>17.1} {:>12.2} {:>11.1} {:>16}\n",
            index + 1,
            tenth.evaluations,
            tenth.milliseconds_per_evaluation,
            tenth.windows_per_evaluation,
            tenth.longest_milliseconds,
            memory_text(tenth.resident_memory_mib),
        );
    }
    lines += &format!("\n{}\n{}", verdict.time_text(), verdict.memory_text());
    common.print(&json, &lines);

    let mut problems = Vec::new();
    if verdict.stalls {
        problems.push(verdict.time_text());
    }
    if verdict.memory_grows == Some(true) {
        problems.push(verdict.memory_text());
    }
    anyhow::ensure!(problems.is_empty(), "{}", problems.join("; "));
    Ok(())
}

/// Evaluates coalition after coalition, one at a time so that each is timed.
fn watch(
    masked: &MaskedNetwork,
    arguments: &Soak,
    common: &Common,
    line: &mut ProgressLine,
    cancel: &CancelToken,
) -> anyhow::Result<Vec<Evaluation>> {
    let wanted = arguments.evaluations as usize;
    let mut sampler = PermutationSampler::new(masked.players(), common.seed)?;
    let mut seen = Vec::with_capacity(wanted);
    while seen.len() < wanted {
        let Some((coalition, complement)) = sampler.next_pair() else {
            anyhow::bail!(
                "one supervoxel has only two coalitions; ask for more with --supervoxels"
            );
        };
        for coalition in [coalition, complement] {
            if seen.len() == wanted {
                break;
            }
            let windows_before = masked.statistics().run;
            let pace = Pace::start();
            evaluate(masked, coalition.to_bools(), cancel)?;
            seen.push(Evaluation {
                milliseconds: pace.elapsed_s() * 1e3,
                windows: masked.statistics().run - windows_before,
                resident_memory_mib: resident_memory_mib(),
            });
            let share = seen.len() as f64 / wanted as f64;
            let detail = format!("{} of {wanted}", seen.len());
            line.draw("Evaluating", Some(share), &detail);
        }
    }
    line.end();
    Ok(seen)
}

fn evaluate(
    masked: &MaskedNetwork,
    present: Vec<bool>,
    cancel: &CancelToken,
) -> Result<(), EngineError> {
    masked.evaluate(&[present], cancel)?;
    Ok(())
}

/// The run in ten parts, as equal as can be.
fn tenths(evaluations: &[Evaluation]) -> Vec<Tenth> {
    let bound = |part: usize| part * evaluations.len() / PARTS;
    (0..PARTS)
        .map(|part| {
            let part = evaluations
                .get(bound(part)..bound(part + 1))
                .unwrap_or_default();
            let milliseconds = part.iter().map(|evaluation| evaluation.milliseconds);
            let memory: Option<Vec<f64>> = part
                .iter()
                .map(|evaluation| evaluation.resident_memory_mib)
                .collect();
            let windows: u64 = part.iter().map(|evaluation| evaluation.windows).sum();
            let count = part.len().max(1) as f64;
            Tenth {
                evaluations: part.len(),
                milliseconds_per_evaluation: milliseconds.clone().sum::<f64>() / count,
                windows_per_evaluation: windows as f64 / count,
                longest_milliseconds: milliseconds.fold(0.0, f64::max),
                resident_memory_mib: memory.map(|values| median(&values)),
            }
        })
        .collect()
}

impl Verdict {
    fn of(evaluations: &[Evaluation], tenths: &[Tenth]) -> Self {
        let milliseconds: Vec<f64> = evaluations.iter().map(|e| e.milliseconds).collect();
        let median_milliseconds = median(&milliseconds);
        let longest_milliseconds = milliseconds.iter().copied().fold(0.0, f64::max);
        let ran: Vec<f64> = evaluations
            .iter()
            .filter(|e| e.windows > 0)
            .map(|e| e.milliseconds / e.windows as f64)
            .collect();
        let per_window = median(&ran);
        // One that ran no window is held against the time of one.
        let stalls = evaluations.iter().any(|e| {
            let usual = per_window * e.windows.max(1) as f64;
            e.milliseconds > STALL_FACTOR * usual && e.milliseconds > usual + STALL_MILLISECONDS
        });
        let memory_of = |tenth: Option<&Tenth>| tenth.and_then(|t| t.resident_memory_mib);
        let memory = memory_of(tenths.get(1)).zip(memory_of(tenths.last()));
        Self {
            median_milliseconds,
            longest_milliseconds,
            median_milliseconds_per_window: per_window,
            stalls,
            memory_growth_mib: memory.map(|(second, last)| last - second),
            memory_grows: memory.map(|(second, last)| {
                last - second > ALLOWED_GROWTH_MIB.max(ALLOWED_GROWTH_SHARE * second)
            }),
        }
    }

    fn time_text(&self) -> String {
        let verdict = if self.stalls {
            "stalls"
        } else {
            "does not stall"
        };
        format!(
            "{verdict}: the longest evaluation took {:.0} ms, the median is {:.0} ms, or {:.0} ms for each window run",
            self.longest_milliseconds,
            self.median_milliseconds,
            self.median_milliseconds_per_window
        )
    }

    fn memory_text(&self) -> String {
        match (self.memory_grows, self.memory_growth_mib) {
            (Some(grows), Some(growth)) => {
                let verdict = if grows { "grows" } else { "does not grow" };
                format!("memory {verdict}: {growth:+.1} MiB from the second tenth to the last")
            }
            _ => "memory: this system does not tell it".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(of: impl Fn(usize) -> (f64, f64)) -> Vec<Evaluation> {
        (0..200)
            .map(of)
            .map(|(milliseconds, mib)| Evaluation {
                milliseconds,
                windows: 2,
                resident_memory_mib: Some(mib),
            })
            .collect()
    }

    fn verdict(evaluations: &[Evaluation]) -> Verdict {
        Verdict::of(evaluations, &tenths(evaluations))
    }

    #[test]
    fn a_steady_run_passes() {
        // What fills up in the first tenth is no growth.
        let steady = run(|i| (400.0, if i < 20 { 100.0 } else { 180.0 }));
        let tenths = tenths(&steady);
        assert_eq!(tenths.len(), PARTS);
        assert!(tenths.iter().all(|tenth| tenth.evaluations == 20));
        let verdict = verdict(&steady);
        assert_eq!((verdict.stalls, verdict.memory_grows), (false, Some(false)));
        assert_eq!(verdict.memory_growth_mib, Some(0.0));
    }

    #[test]
    fn a_leak_is_seen() {
        let leaking = run(|i| (400.0, 180.0 + 0.15 * i as f64));
        let verdict = verdict(&leaking);
        assert_eq!((verdict.stalls, verdict.memory_grows), (false, Some(true)));
    }

    #[test]
    fn a_stall_is_seen_where_it_would_be_felt() {
        let slow_once =
            |milliseconds| run(move |i| (if i == 70 { milliseconds } else { 20.0 }, 180.0));
        assert!(verdict(&slow_once(5000.0)).stalls);
        // Ten times the median, but nobody would notice.
        assert!(!verdict(&slow_once(300.0)).stalls);
    }

    #[test]
    fn an_evaluation_that_runs_more_windows_may_take_longer() {
        let mut evaluations = run(|_| (200.0, 180.0));
        if let Some(evaluation) = evaluations.last_mut() {
            evaluation.milliseconds = 4800.0;
            evaluation.windows = 48;
        }
        assert!(!verdict(&evaluations).stalls);
        if let Some(evaluation) = evaluations.last_mut() {
            evaluation.windows = 0;
        }
        assert!(verdict(&evaluations).stalls);
    }

    #[test]
    fn where_memory_is_not_told_nothing_is_said() {
        let mut evaluations = run(|_| (20.0, 0.0));
        for evaluation in &mut evaluations {
            evaluation.resident_memory_mib = None;
        }
        assert_eq!(verdict(&evaluations).memory_grows, None);
    }
}
