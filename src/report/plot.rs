//! Plots of curves as inline SVG: no script, readable in print, colour never the only cue.

use maud::{Markup, html};

/// A plot whose x runs from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    pub lines: Vec<Line>,
    pub bands: Vec<PlotBand>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub label: String,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub style: LineStyle,
}

/// What lies between two curves.
#[derive(Debug, Clone, PartialEq)]
pub struct PlotBand {
    pub label: String,
    pub x: Vec<f64>,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineStyle {
    /// The curve that the plot is about.
    Main,
    /// Another one to compare with: thinner and dashed.
    Other,
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;

impl Plot {
    /// The lowest and highest y, at least from 0 to 1.
    fn range(&self) -> [f64; 2] {
        let lines = self.lines.iter().flat_map(|line| &line.y);
        let bands = self.bands.iter().flat_map(|b| b.low.iter().chain(&b.high));
        let finite = lines.chain(bands).copied().filter(|y| y.is_finite());
        let [low, high] = finite.fold([0.0_f64, 1.0_f64], |[low, high], y| {
            [low.min(y), high.max(y)]
        });
        // To the next tenth.
        [(low * 10.0).floor() / 10.0, (high * 10.0).ceil() / 10.0]
    }

    /// A figure with the plot and its legend.
    pub fn to_markup(&self) -> Markup {
        let [low, high] = self.range();
        let x = |x: f64| LEFT + x.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
        let y = |y: f64| {
            let share = (y.clamp(low, high) - low) / (high - low);
            HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        };
        let place = |(px, py): (&f64, &f64)| format!("{:.1},{:.1}", x(*px), y(*py));
        let points = |xs: &[f64], ys: &[f64]| -> String {
            let all: Vec<String> = xs.iter().zip(ys).map(place).collect();
            all.join(" ")
        };
        let outline = |band: &PlotBand| {
            let back = band.x.iter().zip(&band.low).rev().map(place);
            let there = band.x.iter().zip(&band.high).map(place);
            there.chain(back).collect::<Vec<_>>().join(" ")
        };
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0];
        let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
        let size = format!("0 0 {WIDTH} {HEIGHT}");
        html! {
            figure.plot {
                figcaption { (self.title) }
                svg viewBox=(size) role="img" aria-label=(self.title) {
                    @for tick in ticks {
                        @let value = low + tick * (high - low);
                        line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y(value)) y2=(y(value)) {}
                        text.tick x=(LEFT - 6.0) y=(y(value) + 4.0) text-anchor="end" {
                            (format!("{value:.2}").replace('-', "−"))
                        }
                        text.tick x=(x(tick)) y=(HEIGHT - BOTTOM + 16.0) text-anchor="middle" {
                            (format!("{:.0} %", tick * 100.0))
                        }
                    }
                    @for band in &self.bands { polygon.band points=(outline(band)) {} }
                    @for line in &self.lines {
                        polyline class=(line.style.class()) points=(points(&line.x, &line.y)) {}
                    }
                    text.label x=(middle) y=(HEIGHT - 8.0) text-anchor="middle" { (self.x_label) }
                    text.label x="12" y=(TOP + (HEIGHT - TOP - BOTTOM) / 2.0)
                        text-anchor="middle"
                        transform=(format!("rotate(-90 12 {:.1})", TOP + (HEIGHT - TOP - BOTTOM) / 2.0)) {
                        (self.y_label)
                    }
                }
                ul.legend {
                    @for line in &self.lines {
                        li { span class={ "key " (line.style.class()) } {} (line.label) }
                    }
                    @for band in &self.bands { li { span.key.band {} (band.label) } }
                }
            }
        }
    }
}

impl LineStyle {
    fn class(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        Plot {
            title: "Insertion <&>".into(),
            x_label: "Share shown".into(),
            y_label: "Value".into(),
            lines: vec![Line {
                label: "This map".into(),
                x: vec![0.0, 0.5, 1.0],
                y: vec![-0.12, 0.8, 1.04],
                style: LineStyle::Main,
            }],
            bands: vec![PlotBand {
                label: "Random orders".into(),
                x: vec![0.0, 1.0],
                low: vec![0.0, 0.9],
                high: vec![0.1, 1.1],
            }],
        }
    }

    #[test]
    fn curves_lie_inside_the_frame_and_text_is_escaped() {
        assert_eq!(plot().range(), [-0.2, 1.1]);
        let svg = plot().to_markup().into_string();
        assert!(svg.contains("Insertion &lt;&amp;&gt;") && svg.contains("−0.20"));
        assert!(!svg.contains("NaN"));
        let start = svg.find("polyline").unwrap();
        let points = svg[start..].split('"').nth(3).unwrap();
        for point in points.split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((LEFT..=WIDTH - RIGHT).contains(&x), "{point}");
            assert!((TOP..=HEIGHT - BOTTOM).contains(&y), "{point}");
        }
    }

    #[test]
    fn no_curve_is_an_empty_frame() {
        let empty = Plot {
            lines: Vec::new(),
            bands: Vec::new(),
            ..plot()
        };
        assert_eq!(empty.range(), [0.0, 1.0]);
        assert!(!empty.to_markup().into_string().contains("polyline"));
    }
}
