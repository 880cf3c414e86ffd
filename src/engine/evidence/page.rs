//! Gathered evidence as the rows of its page.

use std::path::Path;

use super::{CurveEvidence, Evidence, EvidenceReport, KeepAndDelete, target_voxels};
use crate::base::RESEARCH_USE;
use crate::engine::{EngineError, Explanation, picture};
use crate::explain::evidence::{Check, Curve, MinimalSet, RandomBand, Verdict};
use crate::report::evidence::{CheckRow, EvidencePage, EvidenceSection, ShownPicture, Table, Tone};
use crate::report::plot::{Line, LineStyle, Plot, PlotBand};

pub(super) fn write(
    explanation: &Explanation,
    report: &EvidenceReport,
    path: &Path,
) -> Result<(), EngineError> {
    Ok(page(explanation, report)?.write(path)?)
}

fn page(explanation: &Explanation, report: &EvidenceReport) -> Result<EvidencePage, EngineError> {
    let study = &explanation.study;
    let sections = report.answers.iter();
    let failed = report.failed.iter();
    Ok(EvidencePage {
        title: format!(
            "Evidence for the explanation of {}",
            study.first_channel().name()
        ),
        subtitle: format!(
            "{} · {} supervoxels · {} · {} evaluations and {} further runs on {}",
            study.bundle.description().name,
            explanation.players.count,
            explanation.settings.baseline.label(),
            explanation.log.records().len(),
            report.runs,
            explanation.device,
        ),
        sections: sections
            .map(|evidence| section(explanation, evidence))
            .collect::<Result<_, _>>()?,
        notes: failed
            .map(|(part, why)| format!("Not gathered, {}: {why}", part.label()))
            .collect(),
    })
}

fn section(explanation: &Explanation, evidence: &Evidence) -> Result<EvidenceSection, EngineError> {
    let [supported, doubtful, refuted] = evidence.counts();
    let about = evidence.part.as_deref().unwrap_or("");
    let mut tables = Vec::new();
    tables.extend(evidence.mask.as_deref().map(|m| mask_table(m, evidence)));
    tables.extend(minimal_table(evidence));
    tables.extend(evidence.curves.as_ref().and_then(area_table));
    tables.extend(fit_table(evidence));
    tables.extend(place_table(evidence));
    tables.extend(stability_table(evidence));
    tables.extend(weights_table(evidence));
    tables.extend(methods_table(evidence));
    Ok(EvidenceSection {
        heading: evidence.class_name.clone(),
        sentence: format!(
            "{supported} checks support the explanation, {doubtful} leave doubt, {refuted} speak \
             against it. {about}"
        )
        .trim_end()
        .to_owned(),
        checks: evidence.checks().iter().map(check_row).collect(),
        plots: evidence.curves.as_ref().map(plots).unwrap_or_default(),
        pictures: pictures(explanation, evidence)?,
        tables,
    })
}

fn check_row(check: &Check) -> CheckRow {
    CheckRow {
        name: check.name.to_owned(),
        tone: match check.verdict {
            Verdict::Supported => Tone::Good,
            Verdict::Doubtful => Tone::Caution,
            Verdict::Refuted => Tone::Bad,
            Verdict::NotComputed => Tone::Unknown,
        },
        word: check.verdict.label().to_owned(),
        sentence: check.sentence.clone(),
    }
}

fn pictures(
    explanation: &Explanation,
    evidence: &Evidence,
) -> Result<Vec<ShownPicture>, EngineError> {
    let (Some(mask), Some(answer)) = (
        &evidence.mask,
        explanation
            .classes
            .iter()
            .find(|answer| answer.class == evidence.class),
    ) else {
        return Ok(Vec::new());
    };
    let target = target_voxels(explanation, &answer.question)?;
    let dice = |found: &super::MaskedSegmentation| {
        let dice = found.class(evidence.class).and_then(|class| class.dice);
        dice.map_or_else(String::new, |dice| format!(", Dice {dice:.2}"))
    };
    let shown = [
        (
            &explanation.segmentation.labels,
            "Whole scan, with the mask's outline".to_owned(),
        ),
        (
            &mask.kept.labels,
            format!("Only the mask kept{}", dice(&mask.kept)),
        ),
        (
            &mask.removed.labels,
            format!("Only the mask removed{}", dice(&mask.removed)),
        ),
    ];
    shown
        .into_iter()
        .map(|(labels, caption)| {
            let picture = picture::draw_masked(explanation, &target, &mask.mask, labels)?;
            Ok(ShownPicture {
                png: picture.to_png(&[("Comment", RESEARCH_USE)])?,
                caption,
            })
        })
        .collect()
}

/// Insertion and deletion over the share of volume, with the band of random orders.
fn plots(found: &CurveEvidence) -> Vec<Plot> {
    let Some(own) = &found.normalised else {
        return Vec::new();
    };
    let other = found.other_baseline.as_ref();
    let other = other.and_then(|other| Some((&other.baseline, other.normalised.as_ref()?)));
    let line = |label: &str, curve: &Curve, style| Line {
        label: label.to_owned(),
        x: curve.volume_shares.clone(),
        y: curve.values.clone(),
        style,
    };
    let plot = |title: &str, x_label: &str, own: &Curve, others: Option<(&String, &Curve)>| {
        let mut lines = vec![line("this map's order", own, LineStyle::Main)];
        if let Some((baseline, curve)) = others {
            lines.push(line(
                &format!("the same order, baseline {baseline}"),
                curve,
                LineStyle::Other,
            ));
        }
        Plot {
            title: title.to_owned(),
            x_label: x_label.to_owned(),
            y_label: "share of the effect".to_owned(),
            lines,
            bands: Vec::new(),
        }
    };
    let band = |random: &RandomBand, insertion: bool| {
        let band = if insertion {
            &random.insertion_by_volume
        } else {
            &random.deletion_by_volume
        };
        PlotBand {
            label: format!("95 % of random orders ({})", random.orders),
            x: band.shares.clone(),
            low: band.low.clone(),
            high: band.high.clone(),
        }
    };
    let mut insertion = plot(
        "Insertion: the most important regions are shown first",
        "volume shown",
        &own.insertion,
        other.map(|(name, curves)| (name, &curves.insertion)),
    );
    let mut deletion = plot(
        "Deletion: the most important regions are hidden first",
        "volume hidden",
        &own.deletion,
        other.map(|(name, curves)| (name, &curves.deletion)),
    );
    if let Some(random) = &found.random {
        insertion.bands.push(band(random, true));
        deletion.bands.push(band(random, false));
    }
    vec![insertion, deletion]
}

fn texts<const N: usize>(row: [&str; N]) -> Vec<String> {
    row.map(str::to_owned).to_vec()
}

fn number(value: Option<f64>) -> String {
    let text = value.map(|value| format!("{value:.3}").replace('-', "−"));
    text.unwrap_or_else(|| "–".to_owned())
}

fn mask_table(mask: &KeepAndDelete, evidence: &Evidence) -> Table {
    let mut rows = Vec::new();
    for (name, found) in [("mask kept", &mask.kept), ("mask removed", &mask.removed)] {
        for class in &found.classes {
            rows.push(vec![
                format!("{}, only the {name}", class.name),
                number(class.dice),
                number(class.reference_dice),
                format!("{:.2} mL", class.volume_ml),
                format!("{:.2} mL", class.original_volume_ml),
                format!("{:.2} mL", class.false_positive_ml),
                class.new_parts.to_string(),
            ]);
        }
    }
    let pieces = evidence.mask_statistics.as_ref();
    let pieces = pieces.map_or_else(String::new, |s| {
        format!(", in {} connected piece(s)", s.pieces)
    });
    Table {
        title: format!(
            "The mask {}: {} supervoxels, {:.2} mL, {:.0} % of the volume{pieces}",
            evidence.mask_rule,
            mask.supervoxels,
            mask.volume_ml,
            100.0 * mask.volume_share
        ),
        head: texts([
            "Segmentation",
            "Dice",
            "Dice, reference",
            "Volume",
            "Originally",
            "Elsewhere",
            "New parts",
        ]),
        rows,
        note: Some(
            "Dice is the overlap with the segmentation of the whole scan. Elsewhere is what the \
             whole scan did not give to the structure; new parts touch nothing of it."
                .to_owned(),
        ),
    }
}

fn minimal_table(evidence: &Evidence) -> Option<Table> {
    let minimal = evidence.minimal.as_ref()?;
    let row = |name: &str, set: &Option<MinimalSet>| match set {
        Some(set) => vec![
            name.to_owned(),
            set.count.to_string(),
            format!("{:.2} mL", set.volume_mm3 / 1000.0),
            format!("{:.0} %", 100.0 * set.volume_mm3 / minimal.total_mm3),
            number(Some(set.score)),
            set.evaluations.to_string(),
        ],
        None => vec![name.to_owned(), "none".to_owned()]
            .into_iter()
            .chain(std::iter::repeat_n("–".to_owned(), 4))
            .collect(),
    };
    Some(Table {
        title: "The smallest parts".to_owned(),
        head: texts(["Part", "Supervoxels", "Volume", "Share", "Dice", "Runs"]),
        rows: vec![
            row("Sufficient: kept alone, Dice ≥ 0.9", &minimal.sufficient),
            row("Necessary: removed alone, Dice ≤ 0.5", &minimal.necessary),
        ],
        note: (!minimal.notes.is_empty()).then(|| minimal.notes.join(" ")),
    })
}

fn area_table(curves: &CurveEvidence) -> Option<Table> {
    let (own, random) = (curves.areas.as_ref()?, curves.random.as_ref()?);
    let range = |low: f64, high: f64| format!("{low:.3} to {high:.3}").replace('-', "−");
    let rows = [
        ("Insertion", own.insertion, &random.insertion_area),
        ("Deletion", own.deletion, &random.deletion_area),
        ("Between (ABPC)", own.between, &random.between_area),
    ];
    let rows = rows.map(|(name, area, band)| {
        vec![
            name.to_owned(),
            number(Some(area.by_players)),
            range(band.low.by_players, band.high.by_players),
            number(Some(area.by_volume)),
            range(band.low.by_volume, band.high.by_volume),
        ]
    });
    Some(Table {
        title: "Areas under the curves".to_owned(),
        head: texts([
            "Curve",
            "By number",
            "Random orders",
            "By volume",
            "Random orders",
        ]),
        rows: rows.to_vec(),
        note: Some(format!(
            "Scaled to 0 for nothing shown and 1 for everything. Mean drop over all steps (AOPC): \
             {:.3}.",
            own.mean_drop
        )),
    })
}

fn fit_table(evidence: &Evidence) -> Option<Table> {
    let fit = evidence.fit.as_ref()?;
    let all = [
        ("Last quarter of the log, not used", &fit.from_log),
        ("Runs made for other evidence", &fit.from_other_runs),
    ];
    let rows: Vec<Vec<String>> = all
        .into_iter()
        .filter_map(|(name, found)| {
            let found = found.as_ref()?;
            Some(vec![
                name.to_owned(),
                found.rows.to_string(),
                number(found.correlation),
                number(found.correlation_within_size),
                number(found.relative_infidelity),
                number(found.surrogate_fit),
            ])
        })
        .collect();
    (!rows.is_empty()).then(|| Table {
        title: "Prediction of runs that were not used".to_owned(),
        head: texts([
            "Runs",
            "Number",
            "Correlation",
            "Within one size",
            "Infidelity, relative",
            "Fit R²",
        ]),
        rows,
        note: None,
    })
}

fn place_table(evidence: &Evidence) -> Option<Table> {
    let place = evidence.place.as_ref()?;
    let all = [("target", &place.target), ("reference", &place.reference)];
    let rows: Vec<Vec<String>> = all
        .into_iter()
        .filter_map(|(name, found)| {
            let found = found.as_ref()?;
            Some(vec![
                name.to_owned(),
                if found.points_at_target {
                    "hit"
                } else {
                    "miss"
                }
                .to_owned(),
                number(found.mass_accuracy),
                number(Some(found.rank_accuracy)),
                number(found.leakage),
                number(Some(found.target_share)),
            ])
        })
        .collect();
    let sparsity = place.sparsity.as_ref();
    (!rows.is_empty()).then(|| Table {
        title: "Where the map points".to_owned(),
        head: texts([
            "Against",
            "Pointing game",
            "Relevance mass",
            "Relevance rank",
            "Farther than 10 mm",
            "By size alone",
        ]),
        rows,
        note: sparsity.map(|s| {
            format!(
                "As concentrated as {:.1} equal supervoxels; Gini index {:.2}.",
                s.equal_players, s.gini
            )
        }),
    })
}

fn stability_table(evidence: &Evidence) -> Option<Table> {
    let all = [&evidence.seed, &evidence.baselines, &evidence.supervoxels];
    let rows: Vec<Vec<String>> = all
        .into_iter()
        .flatten()
        .flat_map(|found| &found.comparisons)
        .map(|c| {
            vec![
                c.against.clone(),
                c.evaluations.to_string(),
                number(c.agreement.spearman),
                number(c.agreement.pearson),
                number(c.mask_overlap),
            ]
        })
        .collect();
    (!rows.is_empty()).then(|| Table {
        title: "The same map made otherwise".to_owned(),
        head: texts([
            "With",
            "Runs",
            "Rank correlation",
            "Correlation",
            "Mask overlap",
        ]),
        rows,
        note: None,
    })
}

fn methods_table(evidence: &Evidence) -> Option<Table> {
    let methods = evidence.methods.as_ref()?;
    let rows = methods.comparisons.iter().map(|found| {
        vec![
            found.method.clone(),
            number(found.rank_agreement),
            number(found.rank_agreement_of_sizes),
        ]
    });
    Some(Table {
        title: "Other ways to ask the network".to_owned(),
        head: texts(["Method", "Rank correlation", "Of the sizes alone"]),
        rows: rows.collect(),
        note: Some(
            "They ask other questions, so they need not agree; one that does speaks for the map."
                .to_owned(),
        ),
    })
}

fn weights_table(evidence: &Evidence) -> Option<Table> {
    let weights = evidence.weights.as_ref()?;
    let rows = weights.steps.iter().map(|step| {
        vec![
            step.random.clone(),
            number(step.likeness.spearman),
            number(step.likeness.structural_similarity),
        ]
    });
    Some(Table {
        title: "The map of a network that has lost its training".to_owned(),
        head: texts([
            "Random weights",
            "Rank correlation",
            "Structural similarity",
        ]),
        rows: rows.collect(),
        note: Some("From the output inwards; both should fall toward 0.".to_owned()),
    })
}
