//! An explanation as the rows, sentences and provenance of its report.

use crate::base::{Orientation, RESEARCH_USE};
use crate::engine::{Answer, EngineError, Explanation, MaskStatistics, Part, ranked};
use crate::explain::Estimate;
use crate::explain::relevance_mask::MaskSign;
use crate::report::PlayerRow;
use crate::report::provenance::{
    self, Bundle, ClassResult, Counts, InputFile, MaskResult, Parameters, Supervoxels,
};

/// One row a supervoxel of a class; none for those that were not visited.
pub fn player_rows(explanation: &Explanation, explained: &Answer) -> Vec<PlayerRow> {
    let estimate = &explained.solution.estimate;
    let total: f64 = estimate
        .players
        .iter()
        .map(|player| player.shap_value.abs())
        .sum();
    estimate
        .players
        .iter()
        .zip(&explanation.players.facts)
        .zip(1..)
        .filter(|((player, _), _)| player.samples > 0)
        .map(|((player, facts), id)| PlayerRow {
            id,
            class: explanation.study.class_name(explained.class).to_owned(),
            volume_mm3: facts.volume_mm3,
            centroid_mm: facts.centroid_mm,
            shap_value: player.shap_value,
            standard_error: player.standard_error,
            share: if total > 0.0 {
                player.shap_value.abs() / total
            } else {
                0.0
            },
        })
        .collect()
}

/// What was found for a class, in plain words with its uncertainty.
pub fn sentence(explanation: &Explanation, explained: &Answer) -> Result<String, EngineError> {
    let study = &explanation.study;
    let class = study.class_name(explained.class);
    let estimate = &explained.solution.estimate;
    let mut text = format!(
        "With the whole region shown, the overlap with {class} is {:.2}; with every supervoxel replaced ({}) it is {:.2}.",
        estimate.value_full, explanation.settings.baseline, estimate.value_empty,
    );
    if let Some(&strongest) = ranked(estimate).first()
        && let Some(known) = estimate.players.get(strongest)
    {
        let interval = known.standard_error.map_or_else(String::new, |error| {
            format!(" ± {:.3}", error * estimate.interval_factor)
        });
        text += &format!(
            " Supervoxel {} contributes most: showing it changes the overlap by {:+.3}{interval} on average.",
            strongest + 1,
            known.shap_value,
        );
    }
    let mask = mask_result(explanation, estimate)?;
    text += &format!(
        " The relevance mask ({}) holds {} with {:.2} mL and {:.0} % of {}.",
        mask.rule,
        match mask.supervoxels {
            1 => "1 supervoxel".to_owned(),
            count => format!("{count} supervoxels"),
        },
        mask.volume_ml,
        mask.evidence_share * 100.0,
        evidence_of(explanation.settings.mask.sign),
    );
    Ok(text)
}

/// What a mask holds a share of.
pub fn evidence_of(sign: MaskSign) -> &'static str {
    match sign {
        MaskSign::Positive => "the positive evidence",
        MaskSign::Negative => "the negative evidence",
        MaskSign::Absolute => "the evidence either way",
    }
}

fn mask_result(explanation: &Explanation, estimate: &Estimate) -> Result<MaskResult, EngineError> {
    let mask = explanation.mask_of(estimate)?;
    let statistics = MaskStatistics::of(estimate, &explanation.players.facts, &mask);
    Ok(MaskResult {
        rule: explanation.settings.mask.to_string(),
        supervoxels: u32::try_from(statistics.players).unwrap_or(u32::MAX),
        volume_ml: statistics.volume_mm3 / 1000.0,
        evidence_share: statistics.evidence_share,
        keep_only_dice: None,
        delete_only_dice: None,
    })
}

/// Everything that is needed to know and repeat what was done.
pub fn provenance(explanation: &Explanation) -> Result<provenance::Explanation, EngineError> {
    let study = &explanation.study;
    let settings = &explanation.settings;
    let classes = explanation
        .classes
        .iter()
        .map(|explained| class_result(explanation, explained))
        .collect::<Result<Vec<_>, _>>()?;
    let inputs = study
        .scan
        .inputs
        .iter()
        .zip(&study.scan.channels)
        .map(|(input, volume)| InputFile {
            name: input.file_name.clone(),
            blake3: input.hash.clone(),
            dims: volume.grid().dims(),
            spacing_mm: volume.grid().spacing_mm(),
            orientation: Orientation::of(volume.grid()).letters(),
            acquisition: input
                .acquisition
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        })
        .collect();
    let mut notes = study.notes();
    notes.extend(study.region_note.clone());
    notes.extend(explanation.segmentation.notes.iter().cloned());
    if explanation
        .classes
        .iter()
        .any(|explained| explained.solution.estimate.visited() < 1.0)
    {
        notes.push(
            "the budget ended inside the first pass: not every supervoxel has a value".into(),
        );
    }
    let evaluations = explanation.log.records().len() as u64;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(provenance::Explanation {
        schema_version: provenance::SCHEMA_VERSION,
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        notice: RESEARCH_USE.to_owned(),
        bundle: Bundle {
            name: study.bundle.description().name.clone(),
            weights_blake3: study.bundle.weights_hash().to_owned(),
            description: serde_json::json!(study.bundle.description()),
        },
        inputs,
        region_mm: study.region,
        parameters: Parameters {
            classes: classes.iter().map(|class| class.name.clone()).collect(),
            part: (settings.part != Part::Whole).then(|| settings.part.to_string()),
            supervoxels: Supervoxels {
                method: explanation.players.settings.method.name().to_owned(),
                requested: count(explanation.players.settings.count),
                count: count(explanation.players.count),
                compactness: explanation.players.settings.compactness,
            },
            baseline: settings.baseline.to_string(),
            value_function: settings.value_function.label().to_owned(),
            measured: settings.measured.to_string(),
            value_unit: settings.value_function.unit().to_owned(),
            estimator: settings.method.to_string(),
            budget: settings.budget.evaluations(explanation.players.count) as u64,
            seed: settings.seed,
            mask_rule: Some(settings.mask.to_string()),
        },
        device: explanation.device.clone(),
        counts: Counts {
            evaluations,
            windows: explanation.windows.run,
            windows_reused: explanation.windows.reused,
            seconds: explanation.seconds,
        },
        classes,
        notes,
    })
}

fn class_result(explanation: &Explanation, explained: &Answer) -> Result<ClassResult, EngineError> {
    let estimate = &explained.solution.estimate;
    let volumes = &explanation.segmentation.volumes_ml;
    Ok(ClassResult {
        name: explanation.study.class_name(explained.class).to_owned(),
        segmentation_ml: volumes.get(explained.class).copied().unwrap_or(0.0),
        value_empty: estimate.value_empty,
        value_full: estimate.value_full,
        completeness_residual: estimate.completeness_residual(),
        surrogate_fit: explained.solution.surrogate_fit,
        held_out_error: None,
        mask: Some(mask_result(explanation, estimate)?),
    })
}
