//! The overview picture: slices and 3D view beside their colour bar and legend.
//!
//! Lays out pictures that were drawn elsewhere. They come with square pixels, so a
//! slice with thick voxels is already stretched.

use super::font::{centred_baseline, shortened, text_width, wrapped};
use super::numbers::{significant, tick};
use super::picture::{Align, Area, Picture, TextStyle};
use crate::base::RESEARCH_USE;
use crate::base::colour::{Rgb, diverging};

/// Which way the edges of a view point in the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeLetters {
    pub left: char,
    pub right: char,
    pub top: char,
    pub bottom: char,
}

/// One view.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    pub title: &'a str,
    /// Where the view is, for example `z 12.5 mm`.
    pub note: &'a str,
    pub picture: &'a Picture,
    /// `None` for a 3D view, which has no fixed edges.
    pub letters: Option<EdgeLetters>,
}

/// The scale of the signed map: -limit to limit, zero in the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColourBar<'a> {
    /// What is shown, for example `SHAP value`.
    pub label: &'a str,
    pub unit: &'a str,
    pub limit: f64,
}

/// A class, its colour and how much of it there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LegendEntry<'a> {
    pub name: &'a str,
    pub colour: Rgb,
    pub volume_ml: f64,
}

/// The content of the picture.
#[derive(Debug, Clone)]
pub struct Montage<'a> {
    pub title: &'a str,
    pub subtitle: &'a str,
    /// In reading order, two a row.
    pub panels: &'a [Panel<'a>],
    pub colour_bar: Option<ColourBar<'a>>,
    pub legend: &'a [LegendEntry<'a>],
    /// What the picture shows, in plain words.
    pub sentence: &'a str,
    /// Small print: program version, device, seed.
    pub source: &'a str,
}

const BACKGROUND: Rgb = Rgb([14, 17, 22]);
/// Black, as the views are around the patient.
const PANEL: Rgb = Rgb([0, 0, 0]);
const EDGE: Rgb = Rgb([38, 45, 54]);
const TEXT: Rgb = Rgb([232, 236, 242]);
const MUTED: Rgb = Rgb([150, 160, 173]);
const NOTICE: Rgb = Rgb([245, 190, 88]);

/// The width for which lengths below are written; others are in proportion.
const DESIGN_WIDTH: f64 = 1920.0;
const MARGIN: f64 = 44.0;
const GAP: f64 = 20.0;
const SIDE: f64 = 360.0;
const HEADER: f64 = 112.0;
const PANEL_TITLE: f64 = 44.0;
/// Height of a view over its width.
const PANEL_ASPECT: f64 = 0.72;
const SENTENCE_SIZE: f64 = 23.0;
const SENTENCE_LINE: f64 = 34.0;
const FOOTER: f64 = 64.0;

impl Montage<'_> {
    /// Draws the picture. Its height follows from the number of panels and lines.
    pub fn draw(&self, width: usize) -> Picture {
        let scale = width.clamp(320, 8192) as f64 / DESIGN_WIDTH;
        let inner = DESIGN_WIDTH - 2.0 * MARGIN;
        let panel_width = (inner - SIDE - 2.0 * GAP - GAP) / 2.0;
        let panel_height = PANEL_TITLE + panel_width * PANEL_ASPECT;
        let rows = self.panels.len().div_ceil(2).max(1) as f64;
        let body = rows * panel_height + (rows - 1.0) * GAP;
        let sentence = balanced(self.sentence, SENTENCE_SIZE, inner);
        let sentence_height = sentence.len() as f64 * SENTENCE_LINE;
        let height = HEADER + body + GAP + sentence_height + GAP + FOOTER;

        let picture = Picture::filled(
            (DESIGN_WIDTH * scale) as usize,
            (height * scale) as usize,
            BACKGROUND,
        );
        let mut page = Page { picture, scale };
        page.text(
            &shortened(self.title, 38.0, inner),
            (MARGIN, 54.0),
            Style {
                size: 38.0,
                colour: TEXT,
                align: Align::Left,
                strong: true,
            },
        );
        page.text(
            &shortened(self.subtitle, 22.0, inner),
            (MARGIN, 88.0),
            Style {
                size: 22.0,
                colour: MUTED,
                align: Align::Left,
                strong: false,
            },
        );
        for (index, panel) in self.panels.iter().enumerate() {
            let (column, row) = ((index % 2) as f64, (index / 2) as f64);
            page.panel(
                panel,
                Area {
                    x: MARGIN + column * (panel_width + GAP),
                    y: HEADER + row * (panel_height + GAP),
                    width: panel_width,
                    height: panel_height,
                },
            );
        }
        let side = Area {
            x: DESIGN_WIDTH - MARGIN - SIDE,
            y: HEADER,
            width: SIDE,
            height: body,
        };
        let used = self
            .colour_bar
            .map_or(0.0, |bar| page.colour_bar(&bar, side));
        let rest = Area {
            y: side.y + used,
            height: side.height - used,
            ..side
        };
        page.legend(self.legend, rest);

        let mut baseline = HEADER + body + GAP + SENTENCE_LINE * 0.8;
        for line in &sentence {
            let style = Style {
                size: SENTENCE_SIZE,
                colour: TEXT,
                align: Align::Left,
                strong: false,
            };
            page.text(line, (MARGIN, baseline), style);
            baseline += SENTENCE_LINE;
        }
        let rule = height - FOOTER;
        page.line((MARGIN, rule), (DESIGN_WIDTH - MARGIN, rule), 1.0, EDGE);
        let baseline = rule + centred_baseline(FOOTER, 20.0);
        let notice = Style {
            size: 20.0,
            colour: NOTICE,
            align: Align::Left,
            strong: true,
        };
        page.text(RESEARCH_USE, (MARGIN, baseline), notice);
        let room = inner - text_width(RESEARCH_USE, 20.0) - 2.0 * GAP;
        let source = Style {
            size: 18.0,
            colour: MUTED,
            align: Align::Right,
            strong: false,
        };
        let small = shortened(self.source, 18.0, room);
        page.text(&small, (DESIGN_WIDTH - MARGIN, baseline), source);
        page.picture
    }
}

type Style = TextStyle;

/// A picture that is drawn in the units of the design.
struct Page {
    picture: Picture,
    scale: f64,
}

impl Page {
    fn scaled(&self, area: Area) -> Area {
        Area {
            x: area.x * self.scale,
            y: area.y * self.scale,
            width: area.width * self.scale,
            height: area.height * self.scale,
        }
    }

    fn text(&mut self, text: &str, (x, baseline): (f64, f64), style: Style) {
        let style = Style {
            size: style.size * self.scale,
            ..style
        };
        self.picture
            .text(text, x * self.scale, baseline * self.scale, &style);
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, colour: Rgb) {
        let s = self.scale;
        self.picture.line(
            (from.0 * s, from.1 * s),
            (to.0 * s, to.1 * s),
            width * s,
            colour,
        );
    }

    fn rectangle(&mut self, area: Area, radius: f64, colour: Rgb, opacity: f64) {
        self.picture
            .rectangle(self.scaled(area), radius * self.scale, colour, opacity);
    }

    fn frame(&mut self, area: Area, radius: f64, colour: Rgb) {
        self.picture
            .frame(self.scaled(area), radius * self.scale, self.scale, colour);
    }

    /// A view with its title above and its letters on the edges.
    fn panel(&mut self, panel: &Panel<'_>, area: Area) {
        self.rectangle(area, 8.0, PANEL, 1.0);
        let baseline = area.y + centred_baseline(PANEL_TITLE, 21.0);
        let title = Style {
            size: 21.0,
            colour: TEXT,
            align: Align::Left,
            strong: true,
        };
        self.text(panel.title, (area.x + 16.0, baseline), title);
        let note = Style {
            size: 19.0,
            colour: MUTED,
            align: Align::Right,
            strong: false,
        };
        self.text(panel.note, (area.x + area.width - 16.0, baseline), note);

        let view = Area {
            x: area.x + 1.0,
            y: area.y + PANEL_TITLE,
            width: area.width - 2.0,
            height: area.height - PANEL_TITLE - 8.0,
        };
        self.fit(panel.picture, view);
        if let Some(letters) = panel.letters {
            let (middle_x, middle_y) = (view.x + view.width / 2.0, view.y + view.height / 2.0);
            let inset = 24.0;
            self.letter(letters.left, view.x + inset, middle_y);
            self.letter(letters.right, view.x + view.width - inset, middle_y);
            self.letter(letters.top, middle_x, view.y + inset);
            self.letter(letters.bottom, middle_x, view.y + view.height - inset);
        }
        self.frame(area, 8.0, EDGE);
    }

    /// The largest size of a picture inside an area, centred.
    fn fit(&mut self, picture: &Picture, area: Area) {
        let area = self.scaled(area);
        let (width, height) = (picture.width() as f64, picture.height() as f64);
        let zoom = (area.width / width).min(area.height / height);
        let (width, height) = ((width * zoom).round(), (height * zoom).round());
        let fitted = picture.scaled(width as usize, height as usize);
        let x = area.x + (area.width - width) / 2.0;
        let y = area.y + (area.height - height) / 2.0;
        self.picture
            .blit(&fitted, x.round() as usize, y.round() as usize);
    }

    /// An orientation letter on a dark disc, legible over any scan.
    fn letter(&mut self, letter: char, x: f64, y: f64) {
        let radius = 15.0;
        let disc = Area {
            x: x - radius,
            y: y - radius,
            width: 2.0 * radius,
            height: 2.0 * radius,
        };
        self.rectangle(disc, radius, PANEL, 0.72);
        let baseline = y - radius + centred_baseline(2.0 * radius, 20.0);
        let style = Style {
            size: 20.0,
            colour: TEXT,
            align: Align::Centre,
            strong: true,
        };
        self.text(&letter.to_string(), (x, baseline), style);
    }

    /// The bar with its ticks; returns the height it took.
    fn colour_bar(&mut self, bar: &ColourBar<'_>, side: Area) -> f64 {
        let heading = Style {
            size: 21.0,
            colour: TEXT,
            align: Align::Left,
            strong: true,
        };
        let muted = Style {
            size: 19.0,
            colour: MUTED,
            align: Align::Left,
            strong: false,
        };
        // In line with the titles of the views.
        let baseline = side.y + centred_baseline(PANEL_TITLE, heading.size);
        self.text(bar.label, (side.x, baseline), heading);
        self.text(bar.unit, (side.x, baseline + 27.0), muted);

        let (top, height, width) = (side.y + PANEL_TITLE + 40.0, 300.0, 34.0);
        // One strip an output pixel, so that the bar is smooth at any size.
        let strips = (height * self.scale).round().max(2.0) as usize;
        for strip in 0..strips {
            let t = 1.0 - 2.0 * (strip as f64 + 0.5) / strips as f64;
            let step = height / strips as f64;
            let y = top + strip as f64 * step;
            // A hair of overlap hides the seam between two antialiased strips.
            let step = if strip + 1 < strips { step * 1.5 } else { step };
            let strip = Area {
                x: side.x,
                y,
                width,
                height: step,
            };
            self.rectangle(strip, 0.0, diverging(t), 1.0);
        }
        let limit = if bar.limit.is_finite() {
            bar.limit.abs()
        } else {
            0.0
        };
        for (share, meaning) in [
            (1.0, "for the structure"),
            (0.5, ""),
            (0.0, "no effect"),
            (-0.5, ""),
            (-1.0, "against it"),
        ] {
            let y = top + height * (1.0 - share) / 2.0;
            self.line((side.x + width, y), (side.x + width + 8.0, y), 1.5, MUTED);
            let baseline = y - 10.0 + centred_baseline(20.0, 19.0);
            let figure = Style {
                size: 19.0,
                colour: TEXT,
                align: Align::Right,
                strong: false,
            };
            let number = tick(share * limit, limit);
            self.text(&number, (side.x + width + 104.0, baseline), figure);
            self.text(meaning, (side.x + width + 124.0, baseline), muted);
        }
        PANEL_TITLE + 40.0 + height + 44.0
    }

    /// Classes with swatch, name and volume, as many as fit.
    fn legend(&mut self, entries: &[LegendEntry<'_>], area: Area) {
        const ROW: f64 = 36.0;
        if entries.is_empty() {
            return;
        }
        let heading = Style {
            size: 21.0,
            colour: TEXT,
            align: Align::Left,
            strong: true,
        };
        self.text("Segmentation", (area.x, area.y + 22.0), heading);
        let rows = (((area.height - 44.0) / ROW).max(1.0)) as usize;
        let shown = if entries.len() > rows {
            rows.saturating_sub(1)
        } else {
            entries.len()
        };
        let muted = Style {
            size: 19.0,
            colour: MUTED,
            align: Align::Left,
            strong: false,
        };
        let mut y = area.y + 44.0;
        for entry in entries.iter().take(shown) {
            let swatch = Area {
                x: area.x,
                y: y + 8.0,
                width: 20.0,
                height: 20.0,
            };
            self.rectangle(swatch, 4.0, entry.colour, 1.0);
            let baseline = y + centred_baseline(ROW, 20.0);
            let volume = format!("{} mL", significant(entry.volume_ml));
            let figure = Style {
                align: Align::Right,
                ..muted
            };
            self.text(&volume, (area.x + area.width, baseline), figure);
            let room = area.width - 34.0 - 16.0 - text_width(&volume, figure.size);
            let name = Style {
                size: 20.0,
                colour: TEXT,
                align: Align::Left,
                strong: false,
            };
            self.text(
                &shortened(entry.name, name.size, room),
                (area.x + 34.0, baseline),
                name,
            );
            y += ROW;
        }
        if shown < entries.len() {
            let more = format!("and {} more", entries.len() - shown);
            self.text(
                &more,
                (area.x + 34.0, y + centred_baseline(ROW, 19.0)),
                muted,
            );
        }
    }
}

/// Wraps text into as few lines as fit, of about the same width.
fn balanced(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines = wrapped(text, size, width);
    let mut narrower = width * 0.98;
    while narrower > width / 2.0 {
        let candidate = wrapped(text, size, narrower);
        if candidate.len() > lines.len() {
            break;
        }
        lines = candidate;
        narrower -= width * 0.02;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_content_fits() {
        let view = Picture::filled(30, 400, Rgb([90; 3]));
        let letters = EdgeLetters {
            left: 'R',
            right: 'L',
            top: 'A',
            bottom: 'P',
        };
        let panel = Panel {
            title: "Axial",
            note: "",
            picture: &view,
            letters: Some(letters),
        };
        let long = "word ".repeat(200);
        let entries: Vec<_> = (0..90)
            .map(|_| LegendEntry {
                name: &long,
                colour: TEXT,
                volume_ml: f64::NAN,
            })
            .collect();
        for (panels, limit) in [(0, f64::NAN), (1, 0.0), (5, 1e-30)] {
            let montage = Montage {
                title: &long,
                subtitle: &long,
                panels: &vec![panel.clone(); panels],
                colour_bar: Some(ColourBar {
                    label: "SHAP value",
                    unit: "",
                    limit,
                }),
                legend: &entries,
                sentence: &long,
                source: &long,
            };
            let picture = montage.draw(640);
            assert_eq!(picture.width(), 640);
            // The notice is on it, in its colour, whatever else is.
            let footer = picture.rgba().chunks(4).skip(640 * (picture.height() - 22));
            let notice = footer.filter(|p| p[0] > 120 && p[0] > 2 * p[2]).count();
            assert!(notice > 50, "{notice}");
        }
    }
}
