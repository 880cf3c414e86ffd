//! A slice of a scan that is still being opened.

use egui::{Align2, ColorImage, Rect, TextureOptions, Ui, Vec2};

use crate::engine::EarlySlice;
use crate::ui::theme;

/// Draws the slice in the middle of the space, as it is stored: where it lies is known
/// when the scan is open.
pub fn show(ui: &mut Ui, space: Rect, slice: &EarlySlice) {
    let [width, height, slices] = slice.dims;
    if let Some(image) = picture(slice) {
        let texture = ui
            .ctx()
            .load_texture("early slice", image, TextureOptions::LINEAR);
        let scale = (0.8 * space.size() / Vec2::new(width as f32, height as f32)).min_elem();
        let size = Vec2::new(width as f32, height as f32) * scale;
        let rect = Rect::from_center_size(space.center(), size);
        let whole = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
        let painter = ui.painter();
        painter.image(texture.id(), rect, whole, egui::Color32::WHITE);
        painter.text(
            rect.center_top() - Vec2::new(0.0, 6.0),
            Align2::CENTER_BOTTOM,
            format!("Slice {} of {slices}, as stored", slice.index + 1),
            theme::small(),
            theme::TEXT_QUIET,
        );
    }
}

/// The slice in grey, from its darkest to its brightest value.
fn picture(slice: &EarlySlice) -> Option<ColorImage> {
    let [width, height, _] = slice.dims;
    let values: Vec<f64> = (0..width.checked_mul(height)?)
        .map(|index| slice.voxels.get(index).filter(|value| value.is_finite()))
        .map(Option::unwrap_or_default)
        .collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = (high - low).max(f64::MIN_POSITIVE);
    let grey: Vec<u8> = values
        .iter()
        .map(|value| (255.0 * (value - low) / range) as u8)
        .collect();
    Some(ColorImage::from_gray([width, height], &grey))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Voxels;

    #[test]
    fn a_slice_is_grey_from_its_darkest_to_its_brightest_value() {
        let slice = EarlySlice {
            dims: [2, 2, 9],
            index: 0,
            voxels: Voxels::I16(vec![-1000, 0, 1000, 0]),
            value_scale: (1.0, 0.0),
        };
        let image = picture(&slice).unwrap();
        let grey: Vec<u8> = image.pixels.iter().map(|pixel| pixel.r()).collect();
        assert_eq!((image.size, grey), ([2, 2], vec![0, 127, 255, 127]));
    }
}
