//! `voxplain evaluate`: evidence for and against saved explanations.

mod cohort;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::progress::ProgressLine;
use super::segment::ReferenceArguments;
use super::study::{ModelOptions, Segmented};
use super::{Common, cancel_on_interrupt};
use crate::base::{CancelToken, Phase, VoxelBox};
use crate::engine::evidence::{
    self, EarlierEvidence, EvidencePart, EvidenceReport, EvidenceSettings, EvidenceTask,
    EvidenceWatch, Runs,
};
use crate::engine::{
    Answer, Explanation, JobControl, OpenOptions, Reading, SavedExplanation, assets,
};
use crate::explain::relevance_mask::SignedMaskRule;
use crate::model::Bundle;

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// Folders that explain wrote; several are compared in tables
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// The explained scans, or folders that hold them (default: looked for beside the folder and
    /// here); the same files, which is checked
    #[arg(long, value_name = "SCAN", num_args = 1..)]
    scan: Vec<PathBuf>,
    /// The model that was explained (default: the demonstration's)
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    #[command(flatten)]
    options: ModelOptions,
    /// Stride that the scan was explained with
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    stride: Option<u16>,
    /// Box of voxels that the scan was cut to when it was explained
    #[arg(long, value_name = "X,Y,Z,WIDTH,HEIGHT,DEPTH", value_parser = super::study::voxel_box)]
    crop: Option<VoxelBox>,
    #[command(flatten)]
    reference: ReferenceArguments,
    /// Only this class, by name or number
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// Only what takes next to no runs of the network
    #[arg(long, conflicts_with_all = ["full", "part"])]
    quick: bool,
    /// All parts, also those that take as long as several explanations
    #[arg(long, conflicts_with = "part")]
    full: bool,
    /// Only these parts: fit, place, resemblance, mask, minimal, curves, seed, baselines,
    /// supervoxels, weights, methods (default: the first six)
    #[arg(long, value_name = "PART,…", value_delimiter = ',')]
    part: Vec<EvidencePart>,
    /// Rule of the mask that is put to the test (default: the explanation's)
    #[arg(long, value_name = "RULE")]
    mask: Option<SignedMaskRule>,
    /// Random orders that the curves are held against (default: 20)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..))]
    random_orders: Option<u16>,
    /// Points of a curve at most (default: 20)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(4..))]
    steps: Option<u16>,
    /// Folder for the tables of several explanations; it is created
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// One folder with what was found of it.
pub(super) struct Evaluated {
    pub folder: PathBuf,
    pub explanation: Arc<Explanation>,
    pub settings: EvidenceSettings,
    pub report: EvidenceReport,
}

pub(crate) fn run(arguments: &Evaluate, common: &Common) -> anyhow::Result<()> {
    let cancel = cancel_on_interrupt();
    let mut evaluated: Vec<Evaluated> = Vec::new();
    let mut failures = 0;
    for folder in &arguments.folders {
        match evaluate(arguments, folder, common, &cancel) {
            Ok(found) => {
                if !common.json {
                    println!("{}", table::of(&found));
                }
                evaluated.push(found);
            }
            Err(error) if arguments.folders.len() == 1 || super::is_cancelled(&error) => {
                return Err(error);
            }
            // The others are still worth it.
            Err(error) => {
                failures += 1;
                eprintln!("voxplain: {}: {error:#}", folder.display());
            }
        }
    }
    let cohort = (evaluated.len() > 1).then(|| cohort::Cohort::of(&evaluated));
    if let (Some(cohort), Some(out)) = (&cohort, &arguments.out) {
        cohort.write(out)?;
    }
    if common.json {
        let folders: Vec<_> = evaluated.iter().map(in_json).collect();
        let json = serde_json::json!({ "folders": folders, "cohort": cohort });
        common.print(&json, "");
    } else if let Some(cohort) = &cohort {
        println!("{}", cohort.lines());
    }
    anyhow::ensure!(
        failures == 0,
        "{failures} of {} folders could not be evaluated; the reasons are above",
        arguments.folders.len()
    );
    Ok(())
}

fn in_json(found: &Evaluated) -> serde_json::Value {
    serde_json::json!({
        "folder": found.folder,
        "evidence": evidence::in_json(&found.explanation, &found.settings, &found.report),
    })
}

fn evaluate(
    arguments: &Evaluate,
    folder: &Path,
    common: &Common,
    cancel: &CancelToken,
) -> anyhow::Result<Evaluated> {
    let mut line = ProgressLine::new();
    let saved = SavedExplanation::open(folder)?;
    let model = arguments.model.clone();
    let model = model.unwrap_or_else(assets::demonstration_bundle);
    let bundle = Arc::new(Bundle::open_source(&arguments.options.source(model))?);
    let open = OpenOptions {
        channels: bundle.description().channels.len(),
        stride: usize::from(arguments.stride.unwrap_or(1)),
        part: arguments.crop,
        ..OpenOptions::default()
    };
    let mut reading = Reading {
        progress: &mut |p| line.show(p),
        slice: &mut |_| {},
        cancel,
    };
    let scans = saved.find_scans(&arguments.scan)?;
    let study = Arc::new(saved.study(&scans, bundle, &open, &mut reading)?);
    let class = arguments.class.as_deref();
    let class = class.map(|name| study.class_index(name)).transpose()?;
    let reference = arguments.reference.open(&study, &mut line, cancel)?;
    let reference = reference.map(Arc::new);
    let Segmented {
        study,
        network,
        segmentation,
    } = Segmented::new(study, common, &mut line, cancel)?;
    let job = JobControl::with_token(cancel.clone());
    let explanation = saved.restore(&study, &network, &segmentation, reference.clone(), &job)?;
    let explanation = Arc::new(explanation);
    let earlier = EarlierEvidence::read(&explanation, folder);
    let wanted = |answer: &&Answer| class.is_none_or(|class| class == answer.class);
    anyhow::ensure!(
        explanation.classes.iter().any(|answer| wanted(&answer)),
        "the folder does not explain {}; it explains {}",
        class.map_or("", |class| study.class_name(class)),
        saved.provenance.parameters.classes.join(", ")
    );
    // What the folder holds already is written again with what is new.
    let held = |answer: &Answer| {
        let earlier = earlier.as_ref();
        earlier.is_some_and(|earlier| earlier.classes.contains(&answer.class))
    };
    let answers = explanation.classes.iter();
    let answers: Vec<Answer> = answers
        .filter(|answer| wanted(answer) || held(answer))
        .cloned()
        .collect();
    let settings = arguments.settings(&saved, earlier.as_ref(), common);
    let mut runs = Runs::new(&explanation, &network)?;
    let cache = folder.join(evidence::CACHE);
    runs.read_cache(&cache)?;
    let task = EvidenceTask {
        explanation: &explanation,
        answers: &answers,
        network: &network,
        reference: reference.as_deref(),
        keep: Some(&folder.join(evidence::FURTHER_RUNS)),
    };
    let gathered = evidence::gather(&task, &mut runs, &settings, &job, &mut Line(&mut line));
    // Also when it was cancelled: no run is made twice.
    runs.write_cache(&cache)?;
    let report = gathered?;
    line.end();
    evidence::write(&explanation, &settings, &report, folder)?;
    Ok(Evaluated {
        folder: folder.to_owned(),
        explanation,
        settings,
        report,
    })
}

impl Evaluate {
    /// What is to be gathered: what was asked for and, as its runs are kept, what the
    /// folder holds already.
    fn settings(
        &self,
        saved: &SavedExplanation,
        earlier: Option<&EarlierEvidence>,
        common: &Common,
    ) -> EvidenceSettings {
        let first = EvidenceSettings::default();
        let mut parts = self.parts();
        parts.extend(
            earlier
                .iter()
                .flat_map(|earlier| earlier.parts.iter().copied()),
        );
        parts.sort_unstable();
        parts.dedup();
        let random_orders = self.random_orders.map(usize::from);
        let steps = self.steps.map(usize::from);
        EvidenceSettings {
            parts,
            mask: self
                .mask
                .or(earlier.and_then(|earlier| earlier.mask_rule))
                .unwrap_or_else(|| saved.mask_rule()),
            random_orders: random_orders
                .or(earlier.and_then(|earlier| earlier.random_orders))
                .unwrap_or(first.random_orders),
            steps: steps
                .or(earlier.and_then(|earlier| earlier.steps))
                .unwrap_or(first.steps),
            seed: common.seed,
        }
    }

    fn parts(&self) -> Vec<EvidencePart> {
        if self.quick {
            EvidencePart::QUICK.to_vec()
        } else if self.full {
            EvidencePart::ALL.to_vec()
        } else if self.part.is_empty() {
            EvidencePart::USUAL.to_vec()
        } else {
            self.part.clone()
        }
    }
}

/// Progress on the line of the terminal.
struct Line<'a>(&'a mut ProgressLine);

impl EvidenceWatch for Line<'_> {
    fn progress(&mut self, part: EvidencePart, done: usize, total: usize) {
        // Searches ask for one run at a time, which is no progress to draw.
        let share = (total > 2).then(|| done as f64 / total as f64);
        let detail = match total {
            0..=2 => String::new(),
            total => format!("{done} of {total} runs"),
        };
        let name = format!("{}: {}", Phase::Evidence.label(), part.label());
        self.0.draw(&name, share, &detail);
    }

    fn found(&mut self, _report: &EvidenceReport) {}
}
