//! What is drawn over a view with egui: names, letters, the crosshair, the region.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Sense, Stroke, Ui, Vec2};

use crate::ui::theme;

/// Texture coordinates of a whole picture.
pub const WHOLE_PICTURE: Rect = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));

/// Text that stays readable on any picture: on a dark, rounded patch.
pub fn patched_text(
    painter: &Painter,
    at: Pos2,
    anchor: Align2,
    text: &str,
    font: FontId,
    colour: Color32,
) -> Rect {
    if text.is_empty() {
        return Rect::from_min_size(at, Vec2::ZERO);
    }
    let galley = painter.layout_no_wrap(text.to_owned(), font, colour);
    let rect = anchor.anchor_size(at, galley.size());
    painter.rect_filled(
        rect.expand2(Vec2::new(4.0, 1.0)),
        4.0,
        Color32::from_black_alpha(150),
    );
    painter.galley(rect.min, galley, colour);
    rect
}

/// The view's name and where it is, in the upper left corner.
pub fn title(painter: &Painter, rect: Rect, name: &str, place: &str) {
    let at = rect.min + Vec2::new(10.0, 8.0);
    let name = patched_text(
        painter,
        at,
        Align2::LEFT_TOP,
        name,
        theme::heading(),
        theme::TEXT,
    );
    let at = Pos2::new(name.right() + 12.0, name.bottom() - 1.0);
    patched_text(
        painter,
        at,
        Align2::LEFT_BOTTOM,
        place,
        theme::small(),
        theme::TEXT,
    );
}

/// Letters of the body sides at the four edges: left, right, top, bottom of the screen.
pub fn side_letters(painter: &Painter, rect: Rect, letters: [char; 4]) {
    let middle = rect.center();
    let inset = 10.0;
    let places = [
        (
            Pos2::new(rect.left() + inset, middle.y),
            Align2::LEFT_CENTER,
        ),
        (
            Pos2::new(rect.right() - inset - 14.0, middle.y),
            Align2::RIGHT_CENTER,
        ),
        (Pos2::new(middle.x, rect.top() + inset), Align2::CENTER_TOP),
        (
            Pos2::new(middle.x, rect.bottom() - inset),
            Align2::CENTER_BOTTOM,
        ),
    ];
    for ((at, anchor), letter) in places.into_iter().zip(letters) {
        patched_text(
            painter,
            at,
            anchor,
            &letter.to_string(),
            theme::letters(),
            theme::CAUTION,
        );
    }
}

/// A crosshair with a gap in the middle, so that it hides nothing it points at.
pub fn crosshair(painter: &Painter, rect: Rect, at: Pos2) {
    const HALF_GAP: f32 = 7.0;
    let stroke = Stroke::new(1.0, theme::CROSSHAIR.gamma_multiply(0.75));
    if at.y >= rect.top() && at.y <= rect.bottom() {
        painter.hline(
            rect.left()..=(at.x - HALF_GAP).min(rect.right()),
            at.y,
            stroke,
        );
        painter.hline(
            (at.x + HALF_GAP).max(rect.left())..=rect.right(),
            at.y,
            stroke,
        );
    }
    if at.x >= rect.left() && at.x <= rect.right() {
        painter.vline(
            at.x,
            rect.top()..=(at.y - HALF_GAP).min(rect.bottom()),
            stroke,
        );
        painter.vline(
            at.x,
            (at.y + HALF_GAP).max(rect.top())..=rect.bottom(),
            stroke,
        );
    }
}

/// A bar of a round length in mm in the lower left corner.
pub fn scale_bar(painter: &Painter, rect: Rect, mm_per_point: f64) {
    let wanted_mm = 90.0 * mm_per_point;
    if !(wanted_mm.is_finite() && wanted_mm > 0.0) {
        return;
    }
    let power = 10_f64.powf(wanted_mm.log10().floor());
    let length_mm = [5.0, 2.0, 1.0]
        .into_iter()
        .map(|step| step * power)
        .find(|&length| length <= wanted_mm)
        .unwrap_or(power);
    let length = (length_mm / mm_per_point) as f32;
    let start = Pos2::new(rect.left() + 12.0, rect.bottom() - 12.0);
    let end = start + Vec2::new(length, 0.0);
    painter.line_segment(
        [start, end],
        Stroke::new(3.5, Color32::from_black_alpha(170)),
    );
    painter.line_segment([start, end], Stroke::new(1.5, theme::TEXT));
    let text = if length_mm >= 1.0 {
        format!("{length_mm:.0} mm")
    } else {
        format!("{length_mm} mm")
    };
    let at = start + Vec2::new(0.0, -6.0);
    patched_text(
        painter,
        at,
        Align2::LEFT_BOTTOM,
        &text,
        theme::small(),
        theme::TEXT,
    );
}

/// Words with an arrow that points to the left or right edge, left of a corner.
pub fn arrow_chip(painter: &Painter, corner: Pos2, words: &str, toward_right: bool) {
    const ARROW: f32 = 16.0;
    let galley = painter.layout_no_wrap(words.to_owned(), theme::small(), theme::CAUTION);
    let size = galley.size() + Vec2::new(ARROW + 4.0, 0.0);
    let rect = Rect::from_min_size(corner - Vec2::new(size.x, 0.0), size);
    painter.rect_filled(
        rect.expand2(Vec2::new(4.0, 1.0)),
        4.0,
        Color32::from_black_alpha(150),
    );
    let (text, sign, tip) = if toward_right {
        (rect.left(), 1.0, rect.right())
    } else {
        (rect.left() + ARROW + 4.0, -1.0, rect.left())
    };
    painter.galley(Pos2::new(text, rect.top()), galley, theme::CAUTION);
    let stroke = Stroke::new(1.5, theme::CAUTION);
    let tip = Pos2::new(tip, rect.center().y);
    painter.line_segment([tip - Vec2::new(sign * ARROW, 0.0), tip], stroke);
    for side in [-1.0, 1.0] {
        painter.line_segment([tip + Vec2::new(-sign * 4.0, side * 4.0), tip], stroke);
    }
}

/// A small button in a view's upper right corner: four corners of a frame. Whether it was
/// clicked.
pub fn enlarge_button(ui: &Ui, rect: Rect, name: &str) -> bool {
    let button = Rect::from_min_size(rect.right_top() + Vec2::new(-32.0, 6.0), Vec2::splat(24.0));
    let response = ui
        .interact(
            button,
            ui.scope_id().with(("enlarge", name)),
            Sense::click(),
        )
        .on_hover_text(format!("{name}, or show all views again"));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    let painter = ui.painter_at(rect);
    let bright = response.hovered() || response.has_focus();
    painter.rect_filled(
        button,
        4.0,
        Color32::from_black_alpha(if bright { 200 } else { 120 }),
    );
    let colour = if bright {
        theme::TEXT
    } else {
        theme::TEXT_QUIET
    };
    let frame = button.shrink(7.0);
    let stroke = Stroke::new(1.5, colour);
    for (corner, toward) in [
        (frame.left_top(), Vec2::new(1.0, 1.0)),
        (frame.right_top(), Vec2::new(-1.0, 1.0)),
        (frame.left_bottom(), Vec2::new(1.0, -1.0)),
        (frame.right_bottom(), Vec2::new(-1.0, -1.0)),
    ] {
        painter.line_segment([corner, corner + Vec2::new(toward.x * 4.0, 0.0)], stroke);
        painter.line_segment([corner, corner + Vec2::new(0.0, toward.y * 4.0)], stroke);
    }
    response.clicked()
}
