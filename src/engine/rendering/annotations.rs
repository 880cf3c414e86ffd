//! What every picture of the volume carries: the notice, which way the body lies, the
//! colours' meaning.

use super::EvidenceLayers;
use crate::base::colour::{Rgb, diverging};
use crate::base::{RESEARCH_USE, side_letter};
use crate::gpu::{self, Camera, StandardView};
use crate::report::Picture;
use crate::report::font::text_width;
use crate::report::picture::{Align, Area, TextStyle};

use super::super::EngineError;

const TEXT: Rgb = Rgb([232, 236, 242]);
const MUTED: Rgb = Rgb([166, 176, 188]);
const NOTICE: Rgb = Rgb([245, 190, 88]);
const PATCH: Rgb = Rgb([0, 0, 0]);

/// Height of a picture for which lengths below are written; others are in proportion.
const DESIGN_HEIGHT: f64 = 960.0;

/// A picture with its notice, a title, the body's directions and, for evidence, a scale.
pub fn annotated(
    picture: gpu::Picture,
    camera: &Camera,
    title: &str,
    notes: &[String],
    evidence: Option<&EvidenceLayers>,
) -> Result<Picture, EngineError> {
    let [width, height] = picture.size_px.map(|n| n as usize);
    let picture = Picture::from_rgba(width, height, picture.rgba).ok_or(EngineError::Picture)?;
    let mut page = Page {
        scale: (height.min(width) as f64 / DESIGN_HEIGHT).max(0.35),
        picture,
    };
    page.line_at_bottom(RESEARCH_USE, 0, NOTICE);
    for (row, note) in notes.iter().rev().enumerate() {
        page.line_at_bottom(note, row + 1, MUTED);
    }
    page.title(title);
    page.cube(camera);
    if let Some(evidence) = evidence {
        page.scale(evidence);
    }
    Ok(page.picture)
}

struct Page {
    picture: Picture,
    scale: f64,
}

fn style(size: f64, colour: Rgb, align: Align) -> TextStyle {
    TextStyle {
        size,
        colour,
        align,
        strong: true,
    }
}

impl Page {
    fn width(&self) -> f64 {
        self.picture.width() as f64
    }

    fn height(&self) -> f64 {
        self.picture.height() as f64
    }

    /// Text on a dark patch, legible over anything, with its left end at x.
    fn patched(&mut self, text: &str, x: f64, baseline: f64, size: f64, colour: Rgb) {
        if text.is_empty() {
            return;
        }
        let patch = Area {
            x: x - size * 0.35,
            y: baseline - size * 0.95,
            width: text_width(text, size) + size * 0.7,
            height: size * 1.3,
        };
        self.picture.rectangle(patch, size * 0.25, PATCH, 0.5);
        self.picture
            .text(text, x, baseline, &style(size, colour, Align::Left));
    }

    fn title(&mut self, title: &str) {
        let s = self.scale;
        self.patched(title, 24.0 * s, 44.0 * s, 24.0 * s, TEXT);
    }

    fn line_at_bottom(&mut self, text: &str, row: usize, colour: Rgb) {
        let s = self.scale;
        let baseline = self.height() - (24.0 + 30.0 * row as f64) * s;
        self.patched(text, 24.0 * s, baseline, 19.0 * s, colour);
    }

    /// The cube of body sides, as in the window.
    fn cube(&mut self, camera: &Camera) {
        let s = self.scale;
        let half_edge = 34.0 * s;
        let (center_x, center_y) = (self.width() - 82.0 * s, self.height() - 82.0 * s);
        let (right, up, forward) = (camera.right(), camera.up(), camera.forward());
        let place = |direction: glam::DVec3| {
            (
                center_x + direction.dot(right) * half_edge,
                center_y - direction.dot(up) * half_edge,
            )
        };
        for view in StandardView::ALL {
            let outward = view.toward_viewer();
            let facing = -outward.dot(forward);
            if facing <= 0.05 {
                continue;
            }
            let across = outward.any_orthonormal_vector();
            let along = outward.cross(across);
            let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
                .map(|(a, b)| place(outward + across * a + along * b));
            for (index, &from) in corners.iter().enumerate() {
                if let Some(&to) = corners.get((index + 1) % corners.len()) {
                    self.picture.line(from, to, 1.5 * s, MUTED);
                }
            }
            let size = (14.0 + 14.0 * facing) * s;
            let (x, y) = place(outward);
            self.picture.text(
                &side_letter(outward).to_string(),
                x,
                y + size * 0.35,
                &style(size, NOTICE, Align::Centre),
            );
        }
    }

    /// The colours of SHAP values, with what they are shares of.
    fn scale(&mut self, evidence: &EvidenceLayers) {
        let s = self.scale;
        let (width, height) = (240.0 * s, 14.0 * s);
        let (x, y) = (self.width() - width - 24.0 * s, 54.0 * s);
        let label = format!("SHAP value, {}", evidence.unit);
        let start = self.width() - 24.0 * s - text_width(&label, 19.0 * s);
        self.patched(&label, start, y - 12.0 * s, 19.0 * s, TEXT);
        let strips = width.round().max(2.0) as usize;
        let step = width / strips as f64;
        for strip in 0..strips {
            let t = 2.0 * (strip as f64 + 0.5) / strips as f64 - 1.0;
            let area = Area {
                x: x + strip as f64 * step,
                y,
                width: step * 1.5,
                height,
            };
            self.picture.rectangle(area, 0.0, diverging(t), 1.0);
        }
        let limit = evidence.heat_scale;
        let baseline = y + height + 22.0 * s;
        for (share, text) in [
            (0.0, format!("−{limit:.3}")),
            (0.5, "0".to_owned()),
            (1.0, format!("+{limit:.3}")),
        ] {
            let text_start = x + share * (width - text_width(&text, 17.0 * s));
            self.patched(&text, text_start, baseline, 17.0 * s, MUTED);
        }
    }
}
