//! The outlines of a line of text, from the fonts the window also uses.

use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};
use vello_cpu::kurbo::BezPath;

/// The typeface, and one for characters it lacks (arrows, mathematics).
const FONTS: [&[u8]; 2] = [
    epaint_default_fonts::UBUNTU_LIGHT,
    epaint_default_fonts::HACK_REGULAR,
];

/// Height of a capital letter over the font's size.
const CAPITAL_HEIGHT: f64 = 0.693;

/// Distance from the top of a line to its baseline so that capitals of `size` look
/// centred in a line of `height`.
pub fn centred_baseline(height: f64, size: f64) -> f64 {
    (height + CAPITAL_HEIGHT * size) / 2.0
}

/// Width of a line of text in pixels.
pub fn text_width(text: &str, size: f64) -> f64 {
    glyphs(text)
        .map(|(font, glyph)| advance(&font, glyph, size))
        .sum()
}

/// The outlines of a line whose baseline starts at (x, y), y growing downward.
pub fn outlines(text: &str, size: f64, x: f64, y: f64) -> BezPath {
    let mut path = BezPath::new();
    let mut at = x;
    for (font, glyph) in glyphs(text) {
        let mut pen = Pen {
            path: &mut path,
            x: at,
            y,
        };
        if let Some(outline) = font.outline_glyphs().get(glyph) {
            let settings = DrawSettings::unhinted(Size::new(size as f32), LocationRef::default());
            // A glyph that cannot be drawn leaves its space empty.
            let _ = outline.draw(settings, &mut pen);
        }
        at += advance(&font, glyph, size);
    }
    path
}

/// Breaks text between words into lines no wider than `width`. A single word that is
/// wider stays whole.
pub fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    // Letters are set without kerning, so widths add up.
    let space = text_width(" ", size);
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0.0;
    for word in text.split_whitespace() {
        let own = text_width(word, size);
        match lines.last_mut() {
            Some(line) if used + space + own <= width => {
                line.push(' ');
                line.push_str(word);
                used += space + own;
            }
            _ => {
                lines.push(word.to_owned());
                used = own;
            }
        }
    }
    lines
}

/// Cuts text that is wider than `width`, and says so with an ellipsis.
pub fn shortened(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let room = width - text_width("…", size);
    let mut used = 0.0;
    let fitting = text.char_indices().find_map(|(at, c)| {
        used += text_width(c.encode_utf8(&mut [0; 4]), size);
        (used > room).then_some(at)
    });
    let kept = text
        .get(..fitting.unwrap_or(0))
        .unwrap_or_default()
        .trim_end();
    format!("{kept}…")
}

/// The font and glyph of each character: the first font that has it, else the
/// empty box of the first one.
fn glyphs(text: &str) -> impl Iterator<Item = (FontRef<'static>, GlyphId)> {
    let fonts: Vec<FontRef<'static>> = FONTS
        .iter()
        .filter_map(|bytes| FontRef::new(bytes).ok())
        .collect();
    text.chars()
        .filter(|c| !c.is_control())
        .filter_map(move |c| {
            let found = fonts
                .iter()
                .find_map(|font| Some((font.clone(), font.charmap().map(c)?)));
            found.or_else(|| Some((fonts.first()?.clone(), GlyphId::NOTDEF)))
        })
}

fn advance(font: &FontRef<'_>, glyph: GlyphId, size: f64) -> f64 {
    let metrics = font.glyph_metrics(Size::new(size as f32), LocationRef::default());
    metrics.advance_width(glyph).map_or(0.0, f64::from)
}

struct Pen<'a> {
    path: &'a mut BezPath,
    x: f64,
    y: f64,
}

impl Pen<'_> {
    fn at(&self, x: f32, y: f32) -> (f64, f64) {
        (self.x + f64::from(x), self.y - f64::from(y))
    }
}

impl OutlinePen for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.at(x, y));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.at(x, y));
    }

    fn quad_to(&mut self, cx0: f32, cy0: f32, x: f32, y: f32) {
        self.path.quad_to(self.at(cx0, cy0), self.at(x, y));
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        self.path
            .curve_to(self.at(cx0, cy0), self.at(cx1, cy1), self.at(x, y));
    }

    fn close(&mut self) {
        self.path.close_path();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vello_cpu::kurbo::Shape;

    #[test]
    fn text_has_the_width_of_its_letters() {
        let (one, two) = (text_width("m", 20.0), text_width("mm", 20.0));
        assert!(one > 10.0 && (two - 2.0 * one).abs() < 1e-6);
        assert_eq!(text_width("", 20.0), 0.0);
        let bounds = outlines("Hx", 20.0, 5.0, 30.0).bounding_box();
        assert!(bounds.x0 > 5.0 && (bounds.y1 - 30.0).abs() < 0.5);
        assert!(
            (bounds.height() - 20.0 * CAPITAL_HEIGHT).abs() < 0.6,
            "{}",
            bounds.height()
        );
        // Present in neither font: still a box, not nothing.
        assert!(text_width("脳", 20.0) > 0.0);
    }

    #[test]
    fn lines_break_between_words() {
        let text = "Research use only. Not for diagnostic use.";
        let lines = wrapped(text, 16.0, 120.0);
        assert!(lines.len() > 1 && lines.iter().all(|l| text_width(l, 16.0) <= 120.0));
        assert_eq!(lines.join(" "), text);
        let short = shortened(text, 16.0, 100.0);
        assert!(short.ends_with('…') && text_width(&short, 16.0) <= 100.0);
        assert_eq!(shortened("brief", 16.0, 100.0), "brief");
    }
}
