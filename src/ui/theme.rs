//! Every colour and distance of the window.
//!
//! Panes and widgets take their colours from here and name them by role, so the look
//! can change in one place. Panels follow the theme that the user chose, by [`of`].
//! Views of scans are dark in every theme, so that greys are judged on black: what is
//! drawn on them takes the constants. Text colours keep a contrast of at least 4.5 to 1
//! on the surfaces they are used on (WCAG AA; see the test).

use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Theme, Ui, Vec2};

use crate::ui::settings::ThemeChoice;

/// The colours of panels, cards and sheets in one theme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colours {
    pub window: Color32,
    pub panel: Color32,
    pub raised: Color32,
    pub hovered: Color32,
    pub line: Color32,
    pub text: Color32,
    pub quiet: Color32,
    pub accent: Color32,
    /// Behind the text of the most important button, and of what is chosen.
    pub accent_fill: Color32,
    pub good: Color32,
    pub caution: Color32,
    pub bad: Color32,
}

pub const DARK: Colours = Colours {
    window: WINDOW,
    panel: PANEL,
    raised: RAISED,
    hovered: HOVERED,
    line: LINE,
    text: TEXT,
    quiet: TEXT_QUIET,
    accent: ACCENT,
    accent_fill: ACCENT_FILL,
    good: GOOD,
    caution: CAUTION,
    bad: BAD,
};

pub const LIGHT: Colours = Colours {
    window: Color32::from_rgb(226, 230, 236),
    panel: Color32::from_rgb(247, 248, 250),
    raised: Color32::from_rgb(227, 231, 237),
    hovered: Color32::from_rgb(211, 218, 227),
    line: Color32::from_rgb(190, 198, 208),
    text: Color32::from_rgb(22, 27, 34),
    quiet: Color32::from_rgb(76, 86, 99),
    accent: Color32::from_rgb(0, 83, 158),
    accent_fill: Color32::from_rgb(168, 207, 250),
    good: Color32::from_rgb(0, 94, 54),
    caution: Color32::from_rgb(122, 70, 0),
    bad: Color32::from_rgb(164, 26, 20),
};

/// The colours of the theme that a part of the window is drawn in.
pub fn of(ui: &Ui) -> &'static Colours {
    if ui.visuals().dark_mode {
        &DARK
    } else {
        &LIGHT
    }
}

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

/// Titles of cards and sheets.
pub fn title() -> FontId {
    FontId::new(20.0, FontFamily::Proportional)
}

pub fn body() -> FontId {
    FontId::new(14.0, FontFamily::Proportional)
}

/// Under what lies over the window.
pub fn shadow() -> egui::Shadow {
    egui::Shadow {
        offset: [0, 4],
        blur: 16,
        spread: 0,
        color: Color32::from_black_alpha(120),
    }
}

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

/// Sets the look of a whole window, in both themes.
pub fn apply(ctx: &egui::Context) {
    // Sizes of text are commands of the window, with the same keys.
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
    for (theme, colours) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
        ctx.style_mut_of(theme, |style| {
            sizes(style);
            paint(&mut style.visuals, colours, theme == Theme::Dark);
        });
    }
    choose(ctx, ThemeChoice::Dark);
}

/// Changes to a theme.
pub fn choose(ctx: &egui::Context, choice: ThemeChoice) {
    ctx.set_theme(match choice {
        ThemeChoice::Dark => egui::ThemePreference::Dark,
        ThemeChoice::Light => egui::ThemePreference::Light,
        ThemeChoice::System => egui::ThemePreference::System,
    });
}

fn sizes(style: &mut egui::Style) {
    style.text_styles = [
        (TextStyle::Heading, heading()),
        (TextStyle::Body, body()),
        (TextStyle::Button, body()),
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
}

fn paint(visuals: &mut egui::Visuals, colours: &Colours, dark: bool) {
    visuals.dark_mode = dark;
    visuals.panel_fill = colours.panel;
    visuals.window_fill = colours.panel;
    visuals.window_stroke = Stroke::new(1.0, colours.line);
    visuals.extreme_bg_color = colours.window;
    visuals.faint_bg_color = if dark {
        Color32::from_rgb(27, 32, 39)
    } else {
        Color32::from_rgb(238, 241, 245)
    };
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(colours.quiet);
    visuals.hyperlink_color = colours.accent;
    visuals.warn_fg_color = colours.caution;
    visuals.error_fg_color = colours.bad;
    visuals.slider_trailing_fill = true;
    visuals.selection.bg_fill = colours.accent_fill;
    visuals.selection.stroke = Stroke::new(1.0, colours.text);

    let widgets = &mut visuals.widgets;
    let none = Color32::TRANSPARENT;
    for (widget, fill, line) in [
        (&mut widgets.noninteractive, colours.panel, colours.line),
        (&mut widgets.inactive, colours.raised, none),
        (&mut widgets.hovered, colours.hovered, colours.line),
        (&mut widgets.active, colours.accent_fill, colours.accent),
        (&mut widgets.open, colours.hovered, colours.line),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.bg_stroke = Stroke::new(1.0, line);
        widget.fg_stroke = Stroke::new(1.0, colours.text);
        widget.corner_radius = CornerRadius::same(5);
        widget.expansion = 0.0;
    }
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

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Every text of a theme on every surface it may stand on.
    #[test]
    fn text_is_readable_on_its_surfaces() {
        assert!((contrast(Color32::WHITE, Color32::BLACK) - 21.0).abs() < 1e-9);
        for colours in [DARK, LIGHT] {
            let Colours {
                text,
                quiet,
                accent,
                good,
                caution,
                bad,
                ..
            } = colours;
            for text in [text, quiet, accent, good, caution, bad] {
                for surface in [colours.window, colours.panel, colours.raised] {
                    let contrast = contrast(text, surface);
                    assert!(contrast >= 4.5, "{text:?} on {surface:?}: {contrast:.2}");
                }
            }
            for surface in [colours.hovered, colours.accent_fill] {
                let contrast = contrast(text, surface);
                assert!(contrast >= 4.5, "{text:?} on {surface:?}: {contrast:.2}");
            }
            // Where the keyboard is must be seen too (WCAG 1.4.11).
            for surface in [colours.panel, colours.raised, colours.window, VIEW] {
                let ring = if surface == VIEW { ACCENT } else { accent };
                assert!(contrast(ring, surface) >= 3.0, "{surface:?}");
            }
        }
        for text in [
            TEXT, TEXT_QUIET, ACCENT, GOOD, CAUTION, BAD, CROSSHAIR, REGION,
        ] {
            assert!(contrast(text, VIEW) >= 4.5, "{text:?} on a view");
        }
    }
}
