//! Every colour and distance of the window.
//!
//! Panes and widgets take their colours from here and name them by role, so the look
//! can change in one place. Text colours keep a contrast of at least 4.5 to 1 on the
//! surfaces they are used on (WCAG AA; see the test).

use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Vec2};

pub const WINDOW: Color32 = Color32::from_rgb(13, 16, 20);
pub const PANEL: Color32 = Color32::from_rgb(22, 26, 32);
pub const RAISED: Color32 = Color32::from_rgb(35, 41, 50);
pub const HOVERED: Color32 = Color32::from_rgb(46, 54, 66);
pub const LINE: Color32 = Color32::from_rgb(44, 51, 61);
/// Behind scans: neutral, so that greys are judged on grey.
pub const VIEW: Color32 = Color32::from_rgb(6, 7, 9);

pub const TEXT: Color32 = Color32::from_rgb(226, 231, 238);
pub const TEXT_QUIET: Color32 = Color32::from_rgb(152, 163, 178);
pub const ACCENT: Color32 = Color32::from_rgb(94, 173, 255);
pub const ACCENT_FILL: Color32 = Color32::from_rgb(33, 104, 178);
pub const GOOD: Color32 = Color32::from_rgb(102, 204, 153);
pub const CAUTION: Color32 = Color32::from_rgb(240, 184, 92);
pub const BAD: Color32 = Color32::from_rgb(255, 130, 120);

pub const CROSSHAIR: Color32 = Color32::from_rgb(120, 220, 255);
pub const REGION: Color32 = Color32::from_rgb(250, 214, 110);

pub const GAP: f32 = 8.0;
pub const SIDE_PANEL_WIDTH: f32 = 332.0;

/// Small text inside views and under controls.
pub fn small() -> FontId {
    FontId::new(12.0, FontFamily::Proportional)
}

/// Section headings of the side panel.
pub fn heading() -> FontId {
    FontId::new(15.0, FontFamily::Proportional)
}

/// Orientation letters in the views.
pub fn letters() -> FontId {
    FontId::new(15.0, FontFamily::Proportional)
}

/// Sets the look of a whole window.
pub fn apply(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Dark);
    ctx.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Heading, heading()),
            (TextStyle::Body, FontId::new(14.0, FontFamily::Proportional)),
            (
                TextStyle::Button,
                FontId::new(14.0, FontFamily::Proportional),
            ),
            (TextStyle::Small, small()),
            (
                TextStyle::Monospace,
                FontId::new(12.5, FontFamily::Monospace),
            ),
        ]
        .into();
        let spacing = &mut style.spacing;
        spacing.item_spacing = Vec2::new(GAP, 6.0);
        spacing.button_padding = Vec2::new(10.0, 4.0);
        spacing.interact_size = Vec2::new(40.0, 24.0);
        spacing.window_margin = Margin::same(12);
        spacing.slider_rail_height = 4.0;

        let visuals = &mut style.visuals;
        visuals.dark_mode = true;
        visuals.panel_fill = PANEL;
        visuals.window_fill = PANEL;
        visuals.window_stroke = Stroke::new(1.0, LINE);
        visuals.extreme_bg_color = WINDOW;
        visuals.faint_bg_color = Color32::from_rgb(27, 32, 39);
        visuals.override_text_color = None;
        visuals.weak_text_color = Some(TEXT_QUIET);
        visuals.hyperlink_color = ACCENT;
        visuals.warn_fg_color = CAUTION;
        visuals.error_fg_color = BAD;
        visuals.slider_trailing_fill = true;
        visuals.selection.bg_fill = ACCENT_FILL;
        visuals.selection.stroke = Stroke::new(1.0, TEXT);

        let radius = CornerRadius::same(5);
        let widgets = &mut visuals.widgets;
        for (widget, fill, line, text) in [
            (&mut widgets.noninteractive, PANEL, LINE, TEXT),
            (&mut widgets.inactive, RAISED, Color32::TRANSPARENT, TEXT),
            (&mut widgets.hovered, HOVERED, LINE, TEXT),
            (&mut widgets.active, ACCENT_FILL, ACCENT, TEXT),
            (&mut widgets.open, HOVERED, LINE, TEXT),
        ] {
            widget.bg_fill = fill;
            widget.weak_bg_fill = fill;
            widget.bg_stroke = Stroke::new(1.0, line);
            widget.fg_stroke = Stroke::new(1.0, text);
            widget.corner_radius = radius;
            widget.expansion = 0.0;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of an opaque colour (WCAG 2).
    fn luminance(colour: Color32) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.040_45 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    }

    #[test]
    fn text_is_readable_on_its_surfaces() {
        for text in [TEXT, TEXT_QUIET, ACCENT, GOOD, CAUTION, BAD] {
            for surface in [WINDOW, PANEL, RAISED, VIEW] {
                let contrast = (luminance(text) + 0.05) / (luminance(surface) + 0.05);
                assert!(contrast >= 4.5, "{text:?} on {surface:?}: {contrast:.2}");
            }
        }
        let on_accent = (luminance(TEXT) + 0.05) / (luminance(ACCENT_FILL) + 0.05);
        assert!(on_accent >= 4.5, "{on_accent:.2}");
    }
}
