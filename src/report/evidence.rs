//! The page about evidence: `evidence.html`. From plain rows, as the page of an
//! explanation.

use std::path::Path;

use maud::{DOCTYPE, Markup, html};

use super::html::head;
use super::plot::Plot;
use super::{ReportError, base64};
use crate::base::RESEARCH_USE;
use crate::io::atomic::write_bytes;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct EvidencePage {
    pub title: String,
    /// What the evidence is about, in one line.
    pub subtitle: String,
    pub sections: Vec<EvidenceSection>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
}

/// The evidence for one class.
#[derive(Debug, Clone)]
pub struct EvidenceSection {
    pub heading: String,
    pub sentence: String,
    pub checks: Vec<CheckRow>,
    pub plots: Vec<Plot>,
    pub pictures: Vec<ShownPicture>,
    pub tables: Vec<Table>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Caution,
    Bad,
    Unknown,
}

#[derive(Debug, Clone)]
pub struct CheckRow {
    pub name: String,
    pub tone: Tone,
    /// The verdict in a word.
    pub word: String,
    pub sentence: String,
}

/// A picture as PNG bytes, and what it shows for those who cannot see it.
#[derive(Debug, Clone)]
pub struct ShownPicture {
    pub png: Vec<u8>,
    pub caption: String,
}

/// A plain table; the first column is text.
#[derive(Debug, Clone)]
pub struct Table {
    pub title: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// What to keep in mind of it.
    pub note: Option<String>,
}

const STYLE: &str = concat!(include_str!("report.css"), include_str!("evidence.css"));

impl EvidencePage {
    /// The page's text.
    pub fn to_html(&self) -> String {
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                (head(&self.title, env!("CARGO_PKG_VERSION"), STYLE))
                body {
                    p.notice { (RESEARCH_USE) }
                    header {
                        h1 { (self.title) }
                        p.sub { (self.subtitle) }
                    }
                    main {
                        @for section in &self.sections { (section.to_markup()) }
                        @if !self.notes.is_empty() {
                            section {
                                h2 { "Notes" }
                                ul { @for note in &self.notes { li { (note) } } }
                            }
                        }
                        section {
                            h2 { "How to read it" }
                            p.small {
                                "A check holds one number against a limit. The limits are \
                                conventions of this program: no study says at which number a map \
                                is true. Evidence is about the model's use of the scan, not about \
                                whether the segmentation is right."
                            }
                        }
                    }
                    footer {
                        p { strong { (RESEARCH_USE) } " voxplain " (env!("CARGO_PKG_VERSION")) "." }
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

impl EvidenceSection {
    fn to_markup(&self) -> Markup {
        html! {
            section.class {
                h2 { (self.heading) }
                p.sentence { (self.sentence) }
                (checks(&self.checks))
                @if !self.pictures.is_empty() {
                    div.pictures {
                        @for shown in &self.pictures {
                            figure {
                                img src={ "data:image/png;base64," (base64::encode(&shown.png)) }
                                    alt=(shown.caption);
                                figcaption { (shown.caption) }
                            }
                        }
                    }
                }
                @if !self.plots.is_empty() {
                    div.plots { @for plot in &self.plots { (plot.to_markup()) } }
                }
                @for table in &self.tables { (table.to_markup()) }
            }
        }
    }
}

fn checks(rows: &[CheckRow]) -> Markup {
    html! {
        @if !rows.is_empty() {
            div.wide { table.checks {
                thead { tr {
                    th scope="col" { "Verdict" }
                    th scope="col" { "Check" }
                    th scope="col" { "What was found" }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            td { span class={ "verdict " (row.tone.class()) } {
                                span.sign aria-hidden="true" { (row.tone.sign()) } (row.word)
                            } }
                            td { (row.name) }
                            td { (row.sentence) }
                        }
                    }
                }
            } }
        }
    }
}

impl Table {
    fn to_markup(&self) -> Markup {
        html! {
            h3 { (self.title) }
            div.wide { table {
                thead { tr { @for name in &self.head { th scope="col" { (name) } } } }
                tbody {
                    @for row in &self.rows { tr { @for cell in row { td { (cell) } } } }
                }
            } }
            @if let Some(note) = &self.note { p.small { (note) } }
        }
    }
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Caution => "caution",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }

    /// A sign that says the same as the colour.
    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Caution => "!",
            Self::Bad => "✗",
            Self::Unknown => "–",
        }
    }
}
