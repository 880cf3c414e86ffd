//! What is kept of gathered evidence in an explanation's folder.

use std::path::Path;

use super::{CurveEvidence, Evidence, EvidencePart, EvidenceReport, EvidenceSettings, Runs};
use crate::base::RESEARCH_USE;
use crate::engine::explaining::journal;
use crate::engine::folder::on_scan_grid;
use crate::engine::{EngineError, Explanation};
use crate::explain::evidence::Curves;
use crate::explain::log::CoalitionLog;
use crate::explain::relevance_mask::SignedMaskRule;
use crate::io;
use crate::report::ReportError;
use crate::volume::LabelMap;

/// Name of the log of the runs that were made for evidence.
pub const CACHE: &str = "evaluations.voxlog";

/// The version of the layout of `evidence.json`.
const SCHEMA_VERSION: u32 = 1;

impl Runs {
    /// Takes up the runs that a file keeps, if it is there and of the same game.
    pub fn read_cache(&mut self, path: &Path) -> Result<(), EngineError> {
        let Ok(Some(cache)) = journal::read(path) else {
            return Ok(());
        };
        if cache.header() == self.explanation().log.header() {
            for (coalition, outcome) in cache.records() {
                self.remember(coalition.clone(), outcome.clone())?;
            }
        }
        Ok(())
    }

    /// Writes all runs that were made besides those of the log. Nothing if there are none.
    pub fn write_cache(&self, path: &Path) -> Result<(), EngineError> {
        if self.made().is_empty() {
            return Ok(());
        }
        let mut cache = CoalitionLog::new(self.explanation().log.header().clone())?;
        for (coalition, outcome) in self.made() {
            cache.append(coalition.clone(), outcome.clone())?;
        }
        let mut bytes = Vec::with_capacity(cache.byte_len());
        cache.write(&mut bytes)?;
        Ok(io::atomic::write_bytes(path, &bytes)?)
    }
}

/// Name of the folder with the runs of further games.
pub const FURTHER_RUNS: &str = "evidence_runs";

/// What an `evidence.json` that is already there holds of the same explanation.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierEvidence {
    pub parts: Vec<EvidencePart>,
    /// Indices of the classes it is about.
    pub classes: Vec<usize>,
    pub mask_rule: Option<SignedMaskRule>,
    pub random_orders: Option<usize>,
    pub steps: Option<usize>,
}

impl EarlierEvidence {
    /// `None` if there is none, or it is of other supervoxels, weights or baselines.
    pub fn read(explanation: &Explanation, folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join("evidence.json")).ok()?;
        let found: serde_json::Value = serde_json::from_str(&text).ok()?;
        let number = |key: &str| usize::try_from(found[key].as_u64()?).ok();
        let list = |key: &str| found[key].as_array().cloned().unwrap_or_default();
        let same = found["weights_blake3"] == explanation.study.bundle.weights_hash()
            && found["supervoxels_blake3"] == explanation.players.hash()
            && found["baseline"] == explanation.settings.baseline.to_string();
        let parts = list("parts");
        let answers = list("answers");
        let class = |answer: &serde_json::Value| usize::try_from(answer["class"].as_u64()?).ok();
        same.then(|| Self {
            parts: parts
                .iter()
                .filter_map(|part| serde_json::from_value(part.clone()).ok())
                .collect(),
            classes: answers.iter().filter_map(class).collect(),
            mask_rule: found["mask_rule"]
                .as_str()
                .and_then(|rule| rule.parse().ok()),
            random_orders: number("random_orders"),
            steps: number("steps"),
        })
    }
}

/// The evidence with where it comes from: what `evidence.json` holds.
pub fn in_json(
    explanation: &Explanation,
    settings: &EvidenceSettings,
    report: &EvidenceReport,
) -> serde_json::Value {
    let answers: Vec<serde_json::Value> = report
        .answers
        .iter()
        .map(|answer| {
            let mut json = serde_json::json!(answer);
            json["checks"] = serde_json::json!(answer.checks());
            json
        })
        .collect();
    serde_json::json!({
        "schema_version": SCHEMA_VERSION,
        "program_version": env!("CARGO_PKG_VERSION"),
        "notice": RESEARCH_USE,
        "weights_blake3": explanation.study.bundle.weights_hash(),
        "supervoxels_blake3": explanation.players.hash(),
        "baseline": explanation.settings.baseline.to_string(),
        "seed": explanation.settings.seed,
        "device": explanation.device,
        "mask_rule": settings.mask.to_string(),
        "random_orders": settings.random_orders,
        "steps": settings.steps,
        "answers": answers,
        "parts": report.parts,
        "failed": report.failed,
        "runs": report.runs,
        "seconds": report.seconds,
    })
}

/// Writes `evidence.json`, `evidence.html`, `curves.csv` where there are curves, and the
/// smallest sufficient parts as `sufficient.nii.gz` where they were searched, each on the
/// scan's grid with one label a class.
pub fn write(
    explanation: &Explanation,
    settings: &EvidenceSettings,
    report: &EvidenceReport,
    folder: &Path,
) -> Result<(), EngineError> {
    let json = serde_json::to_string_pretty(&in_json(explanation, settings, report));
    let json = json.map_err(|error| ReportError::NotFinite {
        why: error.to_string(),
        path: folder.join("evidence.json").as_path().into(),
    })?;
    io::atomic::write_bytes(&folder.join("evidence.json"), (json + "\n").as_bytes())?;
    if report.answers.iter().any(|answer| answer.curves.is_some()) {
        let text = curves_csv(report);
        io::atomic::write_bytes(&folder.join("curves.csv"), text.as_bytes())?;
    }
    if let Some(map) = sufficient_parts(explanation, report)? {
        io::nifti::write_labels_named(
            &folder.join("sufficient.nii.gz"),
            &map,
            &explanation.study.label_names(),
        )?;
    }
    super::page::write(explanation, report, &folder.join("evidence.html"))
}

/// One row a point of a curve: shares of supervoxels and of volume, and the value.
fn curves_csv(report: &EvidenceReport) -> String {
    let mut text = "class,baseline,curve,share_of_supervoxels,share_of_volume,value\n".to_owned();
    for answer in &report.answers {
        let Some(found) = &answer.curves else {
            continue;
        };
        for (baseline, curves) in sets(found) {
            let both = [
                ("insertion", &curves.insertion),
                ("deletion", &curves.deletion),
            ];
            for (name, curve) in both {
                let points = curve.player_shares.iter().zip(&curve.volume_shares);
                for ((players, volume), value) in points.zip(&curve.values) {
                    let class = answer.class_name.replace(['"', ','], " ");
                    text += &format!("{class},{baseline},{name},{players},{volume},{value}\n");
                }
            }
        }
    }
    text
}

/// The curves with the explanation's own baseline, then with another.
fn sets(found: &CurveEvidence) -> Vec<(&str, &Curves)> {
    let other = found.other_baseline.as_ref();
    let other = other.map(|other| (other.baseline.as_str(), &other.curves));
    [("own", &found.curves)].into_iter().chain(other).collect()
}

/// The smallest sufficient part of each answer as labels; where two meet, the first.
fn sufficient_parts(
    explanation: &Explanation,
    report: &EvidenceReport,
) -> Result<Option<LabelMap>, EngineError> {
    let found: Vec<(&Evidence, &[bool])> = report
        .answers
        .iter()
        .filter_map(|answer| {
            let set = answer.minimal.as_ref()?.sufficient.as_ref()?;
            Some((answer, set.players.as_slice()))
        })
        .collect();
    if found.is_empty() {
        return Ok(None);
    }
    let study = &explanation.study;
    let label_of = |player: usize| {
        let of_class = found
            .iter()
            .find(|(_, set)| set.get(player).copied().unwrap_or(false));
        let label = of_class.map(|(answer, _)| study.bundle.label_of_class(answer.class));
        label.and_then(|label| u16::try_from(label).ok())
    };
    let players = &explanation.players;
    let labels: Vec<u16> = (0..players.count)
        .map(|player| label_of(player).unwrap_or(0))
        .collect();
    let voxels = players.labels.labels().iter().map(|&label| {
        let player = usize::from(label).checked_sub(1);
        let label = player.and_then(|player| labels.get(player));
        label.copied().unwrap_or(0)
    });
    let outside = EngineError::Grid(crate::base::GridError::OutsideScan);
    let region = LabelMap::new(study.region_grid, voxels.collect()).ok_or(outside)?;
    let grid = study.first_channel().grid();
    on_scan_grid(&region, grid, &study.part).map(Some)
}
