//! What was found of one folder, as lines for people.

use super::Evaluated;
use crate::engine::evidence::{CurveEvidence, Evidence, KeepAndDelete, MinimalEvidence};
use crate::explain::evidence::{MinimalSet, Verdict};

/// All answers of a folder.
pub(super) fn of(found: &Evaluated) -> String {
    let mut lines = String::new();
    for answer in &found.report.answers {
        lines += &of_answer(answer);
        lines += "\n";
    }
    for (part, why) in &found.report.failed {
        lines += &format!("not gathered, {}: {why}\n", part.label());
    }
    lines += &format!(
        "{} further runs of the network, {:.1} s on {}: {}\n",
        found.report.runs,
        found.report.seconds,
        found.explanation.device,
        found.folder.join("evidence.html").display()
    );
    lines
}

fn of_answer(evidence: &Evidence) -> String {
    let [supported, doubtful, refuted] = evidence.counts();
    let mut lines = format!(
        "{}: {supported} checks support the explanation, {doubtful} leave doubt, {refuted} speak against it\n",
        evidence.class_name
    );
    for check in evidence.checks() {
        if check.verdict != Verdict::NotComputed {
            lines += &format!(
                "  {:<10} {:<26} {}\n",
                check.verdict.label(),
                check.name,
                check.sentence
            );
        }
    }
    if let Some(curves) = &evidence.curves {
        lines += &areas(curves);
    }
    if let Some(minimal) = &evidence.minimal {
        lines += &minimal_sets(minimal);
    }
    if let Some(mask) = &evidence.mask {
        lines += &masked(mask, &evidence.mask_rule);
    }
    let stability = [&evidence.seed, &evidence.baselines, &evidence.supervoxels];
    for comparison in stability.into_iter().flatten().flat_map(|s| &s.comparisons) {
        lines += &format!(
            "  against {:<36} rank correlation {}  mask overlap {}\n",
            comparison.against,
            number(comparison.agreement.spearman),
            number(comparison.mask_overlap),
        );
    }
    for step in evidence.weights.iter().flat_map(|weights| &weights.steps) {
        lines += &format!(
            "  random weights, {:<28} rank correlation {}  structural similarity {}\n",
            step.random,
            number(step.likeness.spearman),
            number(step.likeness.structural_similarity),
        );
    }
    for found in evidence
        .methods
        .iter()
        .flat_map(|methods| &methods.comparisons)
    {
        lines += &format!(
            "  {:<44} rank correlation {}  of the sizes {}\n",
            found.method,
            number(found.rank_agreement),
            number(found.rank_agreement_of_sizes),
        );
    }
    lines
}

/// Areas under the normalised curves beside those of random orders.
fn areas(curves: &CurveEvidence) -> String {
    let (Some(own), Some(random)) = (&curves.areas, &curves.random) else {
        return "  curves: showing everything changes nothing, so there is nothing to share\n"
            .to_owned();
    };
    let mut lines = format!(
        "  {:<28} {:>9} {:>21} {:>9} {:>21}\n",
        "area under the curve", "by number", "random orders", "by volume", "random orders"
    );
    let rows = [
        ("insertion", own.insertion, &random.insertion_area),
        ("deletion", own.deletion, &random.deletion_area),
        ("between (ABPC)", own.between, &random.between_area),
    ];
    for (name, area, band) in rows {
        lines += &format!(
            "  {name:<28} {:>9.3} {:>21} {:>9.3} {:>21}\n",
            area.by_players,
            range(band.low.by_players, band.high.by_players),
            area.by_volume,
            range(band.low.by_volume, band.high.by_volume),
        );
    }
    if let Some(other) = &curves.other_baseline
        && let Some(areas) = &other.areas
    {
        lines += &format!(
            "  with the baseline {}: insertion {:.3}, deletion {:.3} by volume\n",
            other.baseline, areas.insertion.by_volume, areas.deletion.by_volume
        );
    }
    lines
}

fn range(low: f64, high: f64) -> String {
    format!("{low:.3} to {high:.3}")
}

fn minimal_sets(minimal: &MinimalEvidence) -> String {
    let row = |name: &str, set: &Option<MinimalSet>| match set {
        Some(set) => format!(
            "  {name:<28} {} supervoxels, {:.2} mL, {:.0} % of the volume, Dice {:.3} ({} runs)\n",
            set.count,
            set.volume_mm3 / 1000.0,
            100.0 * set.volume_mm3 / minimal.total_mm3,
            set.score,
            set.evaluations,
        ),
        None => format!("  {name:<28} none\n"),
    };
    let mut lines = row("smallest sufficient part", &minimal.sufficient);
    lines += &row("smallest necessary part", &minimal.necessary);
    for note in &minimal.notes {
        lines += &format!("  note: {note}\n");
    }
    lines
}

fn masked(test: &KeepAndDelete, rule: &str) -> String {
    let mut lines = format!(
        "  mask {rule}: {} supervoxels, {:.2} mL, {:.0} % of the volume\n",
        test.supervoxels,
        test.volume_ml,
        100.0 * test.volume_share
    );
    for (name, found) in [("kept only", &test.kept), ("removed", &test.removed)] {
        for class in &found.classes {
            let reference = class.reference_dice;
            let reference = reference.map_or_else(String::new, |dice| {
                format!(", with the reference {dice:.3}")
            });
            lines += &format!(
                "    {name:<10} {:<28} Dice {}{reference}, {:.2} mL of {:.2} mL, {:.2} mL elsewhere in {} new parts\n",
                class.name,
                number(class.dice),
                class.volume_ml,
                class.original_volume_ml,
                class.false_positive_ml,
                class.new_parts,
            );
        }
    }
    lines
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}
