//! The page one can send, print and keep: `report.html`.
//!
//! One file with its picture inside and no script, so that it opens anywhere and
//! asks no server for anything. All text is escaped.

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::numbers::significant;
use super::players::PlayerRow;
use super::provenance::{ClassResult, Explanation, MaskResult};
use super::{ReportError, base64};
use crate::base::RESEARCH_USE;
use crate::io::atomic::write_bytes;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    pub title: &'a str,
    pub explanation: &'a Explanation,
    /// One a class, in the order of the explanation.
    pub classes: &'a [ClassSection<'a>],
}

/// The part of the page about one class.
#[derive(Debug, Clone)]
pub struct ClassSection<'a> {
    pub result: &'a ClassResult,
    /// The montage as PNG bytes, and what it shows for those who cannot see it.
    pub picture_png: &'a [u8],
    pub picture_description: &'a str,
    /// What was found, in plain words.
    pub sentence: &'a str,
    /// All supervoxels in any order; the largest are listed.
    pub players: &'a [PlayerRow],
}

/// Rows of the table of supervoxels.
const LISTED: usize = 15;
/// Standard errors on either side that hold the true value 95 times in 100, if
/// estimates scatter normally.
const INTERVAL: f64 = 1.96;

const STYLE: &str = include_str!("report.css");

/// The head of a page: who wrote it, its title and its looks.
pub(super) fn head(title: &str, program_version: &str, style: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="generator" content={ "voxplain " (program_version) };
            title { (title) }
            style { (PreEscaped(style)) }
        }
    }
}

impl Page<'_> {
    /// The page's text.
    pub fn to_html(&self) -> String {
        let e = self.explanation;
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                (head(self.title, &e.program_version, STYLE))
                body {
                    p.notice { (RESEARCH_USE) }
                    header {
                        h1 { (self.title) }
                        p.sub {
                            @for (i, input) in e.inputs.iter().enumerate() {
                                @if i > 0 { " · " }
                                (input.name)
                            }
                            " · " (e.bundle.name) " · "
                            (e.parameters.supervoxels.count) " supervoxels · "
                            (e.counts.evaluations) " evaluations"
                        }
                    }
                    main {
                        @for section in self.classes { (class_section(section, e)) }
                        @if !e.notes.is_empty() {
                            section {
                                h2 { "Notes" }
                                ul { @for note in &e.notes { li { (note) } } }
                            }
                        }
                        (parameters(e))
                        (limits())
                    }
                    footer {
                        p { strong { (RESEARCH_USE) } " voxplain " (e.program_version) "." }
                    }
                }
            }
        };
        markup.into_string()
    }

    /// Writes the page, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        Ok(write_bytes(path, self.to_html().as_bytes())?)
    }
}

fn class_section(section: &ClassSection<'_>, e: &Explanation) -> Markup {
    let result = section.result;
    let picture = format!(
        "data:image/png;base64,{}",
        base64::encode(section.picture_png)
    );
    html! {
        section.class {
            h2 { (result.name) }
            p.sentence { (section.sentence) }
            figure { img src=(picture) alt=(section.picture_description); }
            dl.figures {
                (figure("Segmented volume", &format!("{} mL", significant(result.segmentation_ml))))
                (figure("Value, whole scan", &significant(result.value_full)))
                (figure("Value, all removed", &significant(result.value_empty)))
                (figure("Completeness residual", &format!("{:.1e}", result.completeness_residual).replace('-', "−")))
                @if let Some(fit) = result.surrogate_fit {
                    (figure("Surrogate fit R²", &format!("{fit:.3}")))
                }
                @if let Some(error) = result.held_out_error {
                    (figure("Held-out error", &significant(error)))
                }
            }
            @if let Some(mask) = &result.mask { (mask_section(mask)) }
            (player_table(section.players, &e.parameters.value_unit))
        }
    }
}

fn figure(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn mask_section(mask: &MaskResult) -> Markup {
    html! {
        h3 { "Relevance mask" }
        dl.figures {
            (figure("Rule", &mask.rule))
            (figure("Supervoxels", &mask.supervoxels.to_string()))
            (figure("Volume", &format!("{} mL", significant(mask.volume_ml))))
            (figure("Share of the evidence", &format!("{:.0} %", mask.evidence_share * 100.0)))
            @if let Some(dice) = mask.keep_only_dice {
                (figure("Dice, only the mask kept", &format!("{dice:.3}")))
            }
            @if let Some(dice) = mask.delete_only_dice {
                (figure("Dice, only the mask deleted", &format!("{dice:.3}")))
            }
        }
    }
}

fn player_table(players: &[PlayerRow], unit: &str) -> Markup {
    let mut rows: Vec<&PlayerRow> = players.iter().collect();
    rows.sort_by(|a, b| b.shap_value.abs().total_cmp(&a.shap_value.abs()));
    rows.truncate(LISTED);
    let largest = rows.first().map_or(0.0, |row| row.shap_value.abs());
    html! {
        h3 { "The " (rows.len()) " supervoxels with the largest effect" }
        div.wide { table.players {
            thead {
                tr {
                    th scope="col" { "Supervoxel" }
                    th scope="col" { "Volume" }
                    th scope="col" { "Centre" }
                    th scope="col" { "SHAP value" }
                    th scope="col" { "95 % interval" }
                    th scope="col" { "Share" }
                    th.bar scope="col" { span { "against" } span { "for" } }
                }
            }
            tbody {
                @for row in &rows {
                    tr {
                        td { (row.id) }
                        td { (significant(row.volume_mm3 / 1000.0)) " mL" }
                        td { (place(row.centroid_mm)) }
                        td { (signed(row.shap_value)) }
                        td { (interval(row)) }
                        td { (format!("{:.1} %", row.share * 100.0)) }
                        td.bar { (bar(row.shap_value, largest)) }
                    }
                }
            }
        } }
        p.small {
            "Unit of the values: " (unit) ". The interval is the value ± 1.96 standard errors of the \
            estimate; it says how far more evaluations could move the value, not how far \
            another scan or model would. Share is the value's part of the sum of all values \
            without their signs."
        }
    }
}

/// A place in words: millimetres to the right, front and head, or against them.
fn place(centroid_mm: [f64; 3]) -> String {
    let letters = [['L', 'R'], ['P', 'A'], ['I', 'S']];
    let parts = centroid_mm
        .iter()
        .zip(letters)
        .map(|(&mm, [negative, positive])| {
            let letter = if mm < 0.0 { negative } else { positive };
            format!("{letter} {:.0}", mm.abs())
        });
    parts.collect::<Vec<_>>().join(", ") + " mm"
}

fn signed(value: f64) -> String {
    if value > 0.0 {
        format!("+{}", significant(value))
    } else {
        significant(value)
    }
}

fn interval(row: &PlayerRow) -> String {
    match row.standard_error {
        Some(error) => {
            let (low, high) = (
                row.shap_value - INTERVAL * error,
                row.shap_value + INTERVAL * error,
            );
            format!("{} to {}", signed(low), signed(high))
        }
        None => "not known yet".into(),
    }
}

/// A bar from the middle: to the right for evidence for the structure.
fn bar(value: f64, largest: f64) -> Markup {
    let width = if largest > 0.0 {
        50.0 * value.abs() / largest
    } else {
        0.0
    };
    let (kind, left) = if value < 0.0 {
        ("against", 50.0 - width)
    } else {
        ("for", 50.0)
    };
    html! {
        div class={ "track " (kind) } {
            i style={ "left:" (format!("{left:.1}")) "%;width:" (format!("{width:.1}")) "%" } {}
        }
    }
}

fn parameters(e: &Explanation) -> Markup {
    let p = &e.parameters;
    let row = |name: &str, value: String| html! { tr { th scope="row" { (name) } td { (value) } } };
    let box_mm = (0..3)
        .map(|axis| {
            format!(
                "{:.1} to {:.1}",
                e.region_mm.min[axis], e.region_mm.max[axis]
            )
        })
        .collect::<Vec<_>>()
        .join(", ");
    html! {
        section {
            h2 { "How it was computed" }
            table.parameters {
                tbody {
                    (row("Model", e.bundle.name.clone()))
                    (row("Weights (BLAKE3)", e.bundle.weights_blake3.clone()))
                    @for input in &e.inputs {
                        (row("Scan", format!(
                            "{} ({} × {} × {} voxels of {:.3} × {:.3} × {:.3} mm, {})",
                            input.name,
                            input.dims[0], input.dims[1], input.dims[2],
                            input.spacing_mm[0], input.spacing_mm[1], input.spacing_mm[2],
                            input.orientation,
                        )))
                        (row("Scan (BLAKE3)", input.blake3.clone()))
                    }
                    (row("Region, RAS+ mm", box_mm))
                    (row("Classes", p.classes.join(", ")))
                    (row("Supervoxels", format!(
                        "{} of {} asked for, {}, compactness {}",
                        p.supervoxels.count, p.supervoxels.requested,
                        p.supervoxels.method, p.supervoxels.compactness,
                    )))
                    (row("Removed means", p.baseline.clone()))
                    (row("Value", format!("{} ({})", p.value_function, p.value_unit)))
                    (row("Estimator", p.estimator.clone()))
                    (row("Evaluations", format!(
                        "{} of at most {}, {} windows, {:.1} s",
                        e.counts.evaluations, p.budget, e.counts.windows, e.counts.seconds,
                    )))
                    (row("Seed", p.seed.to_string()))
                    @if let Some(rule) = &p.mask_rule { (row("Mask rule", rule.clone())) }
                    (row("Device", e.device.clone()))
                    (row("Program", format!("voxplain {}", e.program_version)))
                }
            }
        }
    }
}

fn limits() -> Markup {
    html! {
        section {
            h2 { "What this is not" }
            ul {
                li {
                    "It is about the network, not about the patient: it shows which parts of \
                    the scan this model used, not where disease is."
                }
                li {
                    "A SHAP value shares out the model's outcome among supervoxels when some are \
                    replaced by the baseline named above. Another baseline, other supervoxels \
                    or another value can give other numbers."
                }
                li {
                    "A replaced part makes an image the model was not trained on; the keep-only \
                    and delete-only figures test how much that matters."
                }
                li { "It does not show that the segmentation is right." }
            }
        }
    }
}
