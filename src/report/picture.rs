//! A picture in memory: pixels, shapes, text, and its PNG file.

use std::io::Write;
use std::path::Path;

use vello_cpu::color::{OpaqueColor, Srgb};
use vello_cpu::kurbo::{Affine, BezPath, Rect, RoundedRect, Shape, Stroke};
use vello_cpu::{Pixmap, RenderContext, Resources};

use super::{ReportError, font};
use crate::base::colour::Rgb;
use crate::io::atomic::write_atomically;

/// Longest side of a picture. The path renderer counts pixels in 16 bits.
pub const MOST_PIXELS: usize = 16_384;

/// An sRGB picture with straight alpha, 4 bytes a pixel, top row first.
#[derive(Clone, PartialEq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgba: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} × {})", self.width, self.height)
    }
}

/// Which point of a line of text its position names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Centre,
    Right,
}

/// How a line of text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextStyle {
    /// Size of the font in pixels.
    pub size: f64,
    pub colour: Rgb,
    pub align: Align,
    /// Thickens the strokes, for headings and figures.
    pub strong: bool,
}

impl Picture {
    /// A picture of one colour. Sides are kept between 1 and [`MOST_PIXELS`].
    pub fn filled(width: usize, height: usize, Rgb([r, g, b]): Rgb) -> Self {
        let (width, height) = (width.clamp(1, MOST_PIXELS), height.clamp(1, MOST_PIXELS));
        Self {
            width,
            height,
            rgba: [r, g, b, 255].repeat(width * height),
        }
    }

    /// A picture of given pixels. `None` if their number or the sides are wrong.
    pub fn from_rgba(width: usize, height: usize, rgba: Vec<u8>) -> Option<Self> {
        let sides = 1..=MOST_PIXELS;
        (sides.contains(&width) && sides.contains(&height) && rgba.len() == width * height * 4)
            .then_some(Self {
                width,
                height,
                rgba,
            })
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn height(&self) -> usize {
        self.height
    }

    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    /// The colour and opacity of a pixel inside the picture.
    pub fn pixel(&self, x: usize, y: usize) -> Option<[u8; 4]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        self.rgba
            .get((y * self.width + x) * 4..)?
            .first_chunk::<4>()
            .copied()
    }

    /// Lays another picture over this one with its top left corner at (x, y). What
    /// sticks out is left away.
    pub fn blit(&mut self, other: &Picture, x: usize, y: usize) {
        for row in 0..other.height.min(self.height.saturating_sub(y)) {
            for column in 0..other.width.min(self.width.saturating_sub(x)) {
                if let Some([r, g, b, a]) = other.pixel(column, row) {
                    self.blend(x + column, y + row, Rgb([r, g, b]), f64::from(a) / 255.0);
                }
            }
        }
    }

    /// The picture at another size: each new pixel averages what it covers, so that
    /// thin lines survive shrinking, and enlarging is linear.
    pub fn scaled(&self, width: usize, height: usize) -> Self {
        let (width, height) = (width.clamp(1, MOST_PIXELS), height.clamp(1, MOST_PIXELS));
        let columns = footprints(self.width, width);
        let rows = footprints(self.height, height);
        // Colours are weighted by their opacity, so that clear pixels do not tint.
        let mut wide = vec![[0.0_f32; 4]; width * self.height];
        for (row, line) in wide.chunks_exact_mut(width).enumerate() {
            for (slot, footprint) in line.iter_mut().zip(&columns) {
                for &(column, weight) in footprint {
                    let [r, g, b, a] = self.pixel(column, row).unwrap_or_default().map(f32::from);
                    let alpha = weight * a / 255.0;
                    for (sum, v) in slot
                        .iter_mut()
                        .zip([r * alpha, g * alpha, b * alpha, alpha])
                    {
                        *sum += v;
                    }
                }
            }
        }
        let mut rgba = Vec::with_capacity(width * height * 4);
        for footprint in &rows {
            for column in 0..width {
                let mut sum = [0.0_f32; 4];
                for &(row, weight) in footprint {
                    let part = wide.get(row * width + column).copied().unwrap_or_default();
                    sum.iter_mut().zip(part).for_each(|(s, v)| *s += weight * v);
                }
                let [r, g, b, alpha] = sum;
                let colour = |v: f32| {
                    if alpha > 0.0 {
                        (v / alpha).round() as u8
                    } else {
                        0
                    }
                };
                rgba.extend([
                    colour(r),
                    colour(g),
                    colour(b),
                    (alpha * 255.0).round() as u8,
                ]);
            }
        }
        Self {
            width,
            height,
            rgba,
        }
    }

    /// Fills a rectangle with rounded corners.
    pub fn rectangle(&mut self, area: Area, radius: f64, colour: Rgb, opacity: f64) {
        let rectangle = RoundedRect::from_rect(area.into(), radius);
        self.fill(&rectangle.to_path(0.05), colour, opacity);
    }

    /// Draws the outline of a rectangle with rounded corners, inside its edge.
    pub fn frame(&mut self, area: Area, radius: f64, width: f64, colour: Rgb) {
        let inner = Rect::from(area).inset(-width / 2.0);
        self.stroke(
            &RoundedRect::from_rect(inner, radius).to_path(0.05),
            width,
            colour,
        );
    }

    /// Draws a straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, colour: Rgb) {
        let mut path = BezPath::new();
        path.move_to(from);
        path.line_to(to);
        self.stroke(&path, width, colour);
    }

    /// Writes one line of text with its baseline at y.
    pub fn text(&mut self, text: &str, x: f64, baseline: f64, style: &TextStyle) {
        let width = font::text_width(text, style.size);
        let x = match style.align {
            Align::Left => x,
            Align::Centre => x - width / 2.0,
            Align::Right => x - width,
        };
        let path = font::outlines(text, style.size, x, baseline);
        let thicken = style.strong.then_some(style.size * 0.035);
        self.paint(&path, true, thicken, style.colour, 1.0);
    }

    fn fill(&mut self, path: &BezPath, colour: Rgb, opacity: f64) {
        self.paint(path, true, None, colour, opacity);
    }

    fn stroke(&mut self, path: &BezPath, width: f64, colour: Rgb) {
        self.paint(path, false, Some(width), colour, 1.0);
    }

    /// Blends a path's coverage over the pixels it touches.
    fn paint(
        &mut self,
        path: &BezPath,
        fill: bool,
        stroke_width: Option<f64>,
        colour: Rgb,
        opacity: f64,
    ) {
        let canvas = Rect::new(0.0, 0.0, self.width as f64, self.height as f64);
        let margin = stroke_width.unwrap_or(0.0);
        let bounds = path
            .control_box()
            .inflate(margin, margin)
            .expand()
            .intersect(canvas);
        // Sides are at most MOST_PIXELS by construction, so these conversions are exact.
        let (x0, y0) = (bounds.x0 as usize, bounds.y0 as usize);
        let (width, height) = (bounds.width() as u16, bounds.height() as u16);
        if width == 0 || height == 0 {
            return;
        }
        let mut context = RenderContext::new(width, height);
        context.set_transform(Affine::translate((-bounds.x0, -bounds.y0)));
        context.set_paint(OpaqueColor::<Srgb>::WHITE);
        if fill {
            context.fill_path(path);
        }
        if let Some(stroke_width) = stroke_width {
            context.set_stroke(Stroke::new(stroke_width));
            context.stroke_path(path);
        }
        context.flush();
        let mut coverage = Pixmap::new(width, height);
        context.render(&mut coverage, &mut Resources::new());
        for (index, pixel) in coverage.data().iter().enumerate() {
            if pixel.a > 0 {
                let (x, y) = (index % usize::from(width), index / usize::from(width));
                self.blend(x0 + x, y0 + y, colour, opacity * f64::from(pixel.a) / 255.0);
            }
        }
    }

    /// Lays a colour over one pixel ("source over" with straight alpha).
    fn blend(&mut self, x: usize, y: usize, Rgb(colour): Rgb, opacity: f64) {
        if x >= self.width {
            return;
        }
        let Some(slot) = self
            .rgba
            .get_mut((y * self.width + x) * 4..)
            .and_then(|rest| rest.first_chunk_mut::<4>())
        else {
            return;
        };
        let below = f64::from(slot[3]) / 255.0 * (1.0 - opacity);
        let alpha = opacity + below;
        if alpha <= 0.0 {
            return;
        }
        for (channel, new) in slot.iter_mut().zip(colour) {
            let mixed = (f64::from(new) * opacity + f64::from(*channel) * below) / alpha;
            *channel = mixed.round() as u8;
        }
        slot[3] = (alpha * 255.0).round() as u8;
    }

    /// The picture as the bytes of a PNG file. Each (keyword, text) pair becomes a
    /// text chunk that says where the picture comes from: tEXt if Latin-1 can hold
    /// it, else iTXt. A keyword has 1 to 79 Latin-1 characters.
    pub fn to_png(&self, provenance: &[(&str, &str)]) -> Result<Vec<u8>, ReportError> {
        let mut bytes = Vec::new();
        // Lossless: the sides are at most MOST_PIXELS.
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
        for (keyword, text) in provenance {
            let (keyword, text) = ((*keyword).to_owned(), (*text).to_owned());
            if text.chars().all(|c| u32::from(c) < 256) {
                encoder.add_text_chunk(keyword, text)?;
            } else {
                encoder.add_itxt_chunk(keyword, text)?;
            }
        }
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgba)?;
        writer.finish()?;
        Ok(bytes)
    }

    /// Writes the PNG file, whole or not at all.
    pub fn write_png(&self, path: &Path, provenance: &[(&str, &str)]) -> Result<(), ReportError> {
        let bytes = self.to_png(provenance)?;
        Ok(write_atomically(path, |file| file.write_all(&bytes))?)
    }
}

/// A rectangle in pixels from the top left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl From<Area> for Rect {
    fn from(area: Area) -> Self {
        Rect::new(area.x, area.y, area.x + area.width, area.y + area.height)
    }
}

/// For each of `new` samples of a line, the old ones it is made of and their shares
/// (a tent filter as wide as the coarser of the two spacings).
fn footprints(old: usize, new: usize) -> Vec<Vec<(usize, f32)>> {
    let step = old as f64 / new as f64;
    let reach = step.max(1.0);
    (0..new)
        .map(|i| {
            let centre = (i as f64 + 0.5) * step - 0.5;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor().max(0.0) as usize).min(old - 1);
            let weights = (first..=last).map(|j| (j, 1.0 - (j as f64 - centre).abs() / reach));
            let total: f64 = weights.clone().map(|(_, w)| w).sum();
            weights.map(|(j, w)| (j, (w / total) as f32)).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Rgb = Rgb([0; 3]);
    const WHITE: Rgb = Rgb([255; 3]);

    #[test]
    fn shapes_cover_what_they_should() {
        let mut picture = Picture::filled(20, 10, BLACK);
        let area = Area {
            x: 2.0,
            y: 3.0,
            width: 4.0,
            height: 2.5,
        };
        picture.rectangle(area, 0.0, WHITE, 1.0);
        assert_eq!(picture.pixel(2, 3), Some([255; 4]));
        assert_eq!(picture.pixel(1, 3), Some([0, 0, 0, 255]));
        let [half, ..] = picture.pixel(3, 5).unwrap();
        assert!((125..=130).contains(&half), "{half}");
        picture.rectangle(
            Area {
                x: -9.0,
                y: -9.0,
                width: 99.0,
                height: 99.0,
            },
            0.0,
            WHITE,
            0.5,
        );
        let [grey, ..] = picture.pixel(19, 9).unwrap();
        assert!((127..=128).contains(&grey));
        // Outside altogether: nothing happens.
        picture.line((-5.0, -5.0), (-1.0, -9.0), 1.0, WHITE);
        assert_eq!(picture.pixel(20, 0), None);
    }

    #[test]
    fn text_is_aligned_and_antialiased() {
        let columns = |align| {
            let mut picture = Picture::filled(100, 30, BLACK);
            picture.text(
                "LR",
                50.0,
                20.0,
                &TextStyle {
                    size: 16.0,
                    colour: WHITE,
                    align,
                    strong: false,
                },
            );
            let lit: Vec<usize> = (0..100)
                .filter(|&x| (0..30).any(|y| picture.pixel(x, y).unwrap()[0] > 40))
                .collect();
            let greys = picture
                .rgba()
                .chunks(4)
                .filter(|p| p[0] > 20 && p[0] < 230)
                .count();
            assert!(greys > 10);
            (lit[0], lit[lit.len() - 1])
        };
        assert!(columns(Align::Left).0 >= 50);
        assert!(columns(Align::Right).1 <= 50);
        let (first, last) = columns(Align::Centre);
        assert!((first + last).abs_diff(100) <= 3);
    }

    #[test]
    fn scaling_keeps_flat_colours_and_the_mean() {
        let flat = Picture::filled(37, 23, Rgb([10, 200, 90]));
        assert!(
            flat.scaled(80, 11)
                .rgba()
                .chunks(4)
                .all(|p| p == [10, 200, 90, 255])
        );
        let checks: Vec<u8> = (0..64 * 64)
            .flat_map(|i| {
                if (i + i / 64) % 2 == 0 {
                    [255; 4]
                } else {
                    [0, 0, 0, 255]
                }
            })
            .collect();
        let small = Picture::from_rgba(64, 64, checks).unwrap().scaled(9, 9);
        assert!(small.rgba().chunks(4).all(|p| p[0].abs_diff(128) < 12));
        // A clear pixel has no colour to give.
        let edge = Picture::from_rgba(2, 1, vec![200, 0, 0, 255, 0, 255, 0, 0]).unwrap();
        assert!(
            edge.scaled(8, 1)
                .rgba()
                .chunks(4)
                .all(|p| p[3] == 0 || p[..3] == [200, 0, 0])
        );
    }

    #[test]
    fn png_reads_back_with_its_provenance() {
        let mut picture = Picture::filled(7, 5, Rgb([1, 2, 3]));
        picture.rectangle(
            Area {
                x: 1.0,
                y: 1.0,
                width: 2.0,
                height: 2.0,
            },
            0.0,
            WHITE,
            1.0,
        );
        let provenance = [
            ("Software", "voxplain"),
            ("Comment", "Leber – größte Lücke"),
            ("Title", "脳"),
        ];
        let bytes = picture.to_png(&provenance).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut rgba = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rgba).unwrap();
        reader.finish().unwrap();
        assert_eq!(rgba, picture.rgba());
        let info = reader.info();
        assert_eq!(info.uncompressed_latin1_text[0].keyword, "Software");
        assert_eq!(info.uncompressed_latin1_text[0].text, "voxplain");
        assert_eq!(info.utf8_text.len(), 2);
        assert!(picture.to_png(&[("", "no keyword")]).is_err());
    }
}
