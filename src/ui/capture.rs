//! Pictures of the window: what is on the screen, with what must never be cut off it.
//!
//! A picture shows what was drawn, pixel for pixel; a larger one repeats pixels smoothly
//! and adds no detail. The orientation letters are part of the views, and a strip below
//! them says once more which side is which and what the picture is not for.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{ColorImage, Rect};

use crate::base::colour::Rgb;
use crate::base::{Convention, RESEARCH_USE};
use crate::engine::Slot;
use crate::report::picture::{Align, Picture, TextStyle};
use crate::ui::command::{Shot, ShotOf};

/// Where a picture goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Destination {
    File(PathBuf),
    Clipboard,
}

/// What became of a picture: a line for the user.
pub type Outcome = Result<String, String>;

/// A picture that was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    pub shot: Shot,
    pub destination: Destination,
    /// The views in the window, in points.
    pub views: Rect,
    pub pixels_per_point: f32,
    pub convention: Convention,
    pub outcome: Slot<Outcome>,
}

impl Request {
    /// Asks the window for its next picture, and has it written by a thread.
    pub fn send(self, ctx: &egui::Context) {
        let answer = ctx.clone();
        let callback = egui::ScreenshotCallback::new(move |image: Arc<ColorImage>| {
            let outcome = self.outcome.clone();
            let spawned = std::thread::Builder::new()
                .name("voxplain-picture".into())
                .spawn(move || {
                    self.outcome.put(self.finish(&answer, &image));
                    answer.request_repaint();
                });
            if let Err(error) = spawned {
                outcome.put(Err(format!("The picture could not be made: {error}")));
            }
        });
        ctx.send_viewport_cmd(egui::ViewportCommand::Screenshot(callback));
        ctx.request_repaint();
    }

    fn finish(&self, ctx: &egui::Context, image: &ColorImage) -> Outcome {
        let crop = match self.shot.of {
            ShotOf::Window => None,
            ShotOf::Views => Some(self.views * self.pixels_per_point),
        };
        let picture = compose(image, crop, self.shot.scale, self.convention)
            .ok_or("The picture could not be made: the window gave an empty one")?;
        match &self.destination {
            Destination::File(path) => {
                picture
                    .write_png(path, &[("Comment", RESEARCH_USE)])
                    .map_err(|error| format!("The picture could not be saved: {error}"))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                Ok(format!("The picture was saved as {name}."))
            }
            Destination::Clipboard => {
                let size = [picture.width(), picture.height()];
                ctx.copy_image(ColorImage::from_rgba_unmultiplied(size, picture.rgba()));
                Ok("The picture is in the clipboard.".to_owned())
            }
        }
    }
}

/// The picture of a window, or of a part of it in pixels, enlarged, with its strip.
/// `None` where there is nothing to show.
fn compose(
    image: &ColorImage,
    crop: Option<Rect>,
    scale: u8,
    convention: Convention,
) -> Option<Picture> {
    let whole = Rect::from_min_size(
        egui::Pos2::ZERO,
        egui::vec2(image.width() as f32, image.height() as f32),
    );
    let part = crop.unwrap_or(whole).intersect(whole).round();
    if !part.is_positive() {
        return None;
    }
    let [left, right, top, bottom] =
        [part.left(), part.right(), part.top(), part.bottom()].map(|edge| edge as usize);
    let (width, height) = (right - left, bottom - top);
    let mut rgba = Vec::with_capacity(width * height * 4);
    for row in image
        .pixels
        .chunks_exact(image.width())
        .take(bottom)
        .skip(top)
    {
        for pixel in row.iter().take(right).skip(left) {
            let [r, g, b, _] = pixel.to_array();
            rgba.extend([r, g, b, 255]);
        }
    }
    let part = Picture::from_rgba(width, height, rgba)?;
    let scale = usize::from(scale.max(1));
    let enlarged = if scale == 1 {
        part
    } else {
        part.scaled(width * scale, height * scale)
    };
    Some(with_strip(&enlarged, scale, convention))
}

/// The picture with a strip of text below it.
fn with_strip(picture: &Picture, scale: usize, convention: Convention) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    let size = 13.0 * scale as f64;
    let line = 22.0 * scale as f64;
    let texts = [RESEARCH_USE, convention.label()];
    // One line where both fit, else two.
    let one_line = width as f64 > 640.0 * scale as f64;
    let strip = if one_line { line } else { 2.0 * line };
    let mut whole = Picture::filled(width, height + strip as usize, Rgb([13, 16, 20]));
    whole.blit(picture, 0, 0);
    let margin = 10.0 * scale as f64;
    for (index, text) in texts.into_iter().enumerate() {
        let beside = one_line && index == 1;
        let row = if one_line { 0.0 } else { index as f64 };
        let style = TextStyle {
            size,
            colour: Rgb([240, 184, 92]),
            align: if beside { Align::Right } else { Align::Left },
            strong: false,
        };
        let x = if beside {
            width as f64 - margin
        } else {
            margin
        };
        let baseline = height as f64 + row * line + 0.7 * line;
        whole.text(text, x, baseline, &style);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> ColorImage {
        let mut image = ColorImage::filled([800, 400], egui::Color32::from_rgb(10, 20, 30));
        for y in 100..300 {
            for x in 50..750 {
                image[(x, y)] = egui::Color32::from_rgb(200, 100, 50);
            }
        }
        image
    }

    fn amber(picture: &Picture, rows: std::ops::Range<usize>) -> usize {
        let columns = 0..picture.width();
        rows.flat_map(|y| columns.clone().map(move |x| (x, y)))
            .filter_map(|(x, y)| picture.pixel(x, y))
            .filter(|[r, g, b, _]| *r > 150 && *g > 100 && *b < 140)
            .count()
    }

    #[test]
    fn a_part_is_cut_out_enlarged_and_has_its_line() {
        let part = Rect::from_min_max(egui::pos2(50.0, 100.0), egui::pos2(750.0, 300.0));
        for scale in 1..=3_u8 {
            let picture = compose(&image(), Some(part), scale, Convention::Radiological).unwrap();
            let times = usize::from(scale);
            assert_eq!(picture.width(), 700 * times);
            assert_eq!(picture.height(), (200 + 22) * times);
            for (x, y) in [(5, 5), (350, 100), (695, 195)] {
                assert_eq!(
                    picture.pixel(x * times, y * times),
                    Some([200, 100, 50, 255])
                );
            }
            let strip = 200 * times..picture.height();
            assert!(amber(&picture, strip) > 300 * times, "the line is written");
        }
    }

    #[test]
    fn nothing_is_no_picture_and_a_part_outside_is_cut_off() {
        let beyond = Rect::from_min_max(egui::pos2(900.0, 0.0), egui::pos2(950.0, 10.0));
        assert_eq!(
            compose(&image(), Some(beyond), 1, Convention::default()),
            None
        );
        let over = Rect::from_min_max(egui::pos2(700.0, -5.0), egui::pos2(900.0, 500.0));
        let picture = compose(&image(), Some(over), 1, Convention::default()).unwrap();
        assert_eq!((picture.width(), picture.height()), (100, 444));
    }
}
