//! The histogram with the control points on it.

use egui::{
    Color32, CursorIcon, Key, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui, Vec2,
};

use crate::base::colour::Rgb;
use crate::gpu::Window;
use crate::gpu::transfer::{ControlPoint, LARGEST_OPACITY_PER_MM, ScanValues, TransferFunction};
use crate::ui::panes::volume::{VolumeLook, keep_arrow_keys};
use crate::ui::theme;

const SIZE: Vec2 = Vec2::new(380.0, 150.0);
const BAR_HEIGHT: f32 = 12.0;
const POINT_RADIUS: f32 = 6.0;

/// How the canvas maps values and opacities to points of the screen.
struct Axes {
    rect: Rect,
    values: Window,
}

impl Axes {
    fn x(&self, value: f64) -> f32 {
        let share = (value - self.values.low) / (self.values.high - self.values.low);
        self.rect.left() + share.clamp(0.0, 1.0) as f32 * self.rect.width()
    }

    fn value(&self, x: f32) -> f64 {
        let share = f64::from((x - self.rect.left()) / self.rect.width());
        self.values.at(share.clamp(0.0, 1.0))
    }

    /// Opacities of a hundredth matter as much as those of a half: the axis is their
    /// cube root.
    fn y(&self, opacity_per_mm: f32) -> f32 {
        self.rect.bottom() - opacity_per_mm.max(0.0).cbrt() * self.rect.height()
    }

    fn opacity(&self, y: f32) -> f32 {
        let share = ((self.rect.bottom() - y) / self.rect.height()).clamp(0.0, 1.0);
        (share * share * share).min(LARGEST_OPACITY_PER_MM)
    }

    fn at(&self, point: &ControlPoint) -> Pos2 {
        Pos2::new(self.x(point.value), self.y(point.opacity_per_mm))
    }
}

/// Shows histogram and points; drags and keys change the function.
pub fn show(ui: &mut Ui, look: &mut VolumeLook, transfer: &mut TransferFunction) {
    let (whole, response) = ui.allocate_exact_size(SIZE, Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Image, true, "Histogram with control points")
    });
    let mut rect = whole;
    rect.max.y -= BAR_HEIGHT + 4.0;
    let axes = Axes {
        rect: rect.shrink(POINT_RADIUS),
        values: shown_values(&look.values, transfer),
    };
    let painter = ui.painter_at(whole);
    painter.rect(
        rect,
        3.0,
        theme::WINDOW,
        Stroke::new(1.0, theme::LINE),
        StrokeKind::Inside,
    );
    histogram(&painter, &axes, &look.values);
    colours(&painter, &axes, transfer, whole);
    curve(&painter, &axes, transfer);

    // Above the bottom edge, where points of no opacity are, a double click adds one.
    let on_a_point = points(ui, &axes, look, transfer);
    if !on_a_point
        && response.double_clicked()
        && let Some(at) = response.interact_pointer_pos()
        && let Some(index) = transfer.insert(axes.value(at.x))
    {
        look.selected_point = index;
        if let Some(point) = transfer.points().get(index).copied() {
            let opacity_per_mm = axes.opacity(at.y);
            transfer.set_point(
                index,
                ControlPoint {
                    opacity_per_mm,
                    ..point
                },
            );
        }
    }
}

/// All of the scan's values and all points.
fn shown_values(values: &ScanValues, transfer: &TransferFunction) -> Window {
    let mut shown = values.range;
    let points = transfer.points();
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        shown.low = shown.low.min(first.value);
        shown.high = shown.high.max(last.value);
    }
    shown
}

/// Counts on a logarithmic scale, so that air does not flatten all else.
fn histogram(painter: &Painter, axes: &Axes, values: &ScanValues) {
    let height = |count: u32| f64::from(count).ln_1p() as f32;
    let most = values
        .histogram
        .iter()
        .copied()
        .map(height)
        .fold(1.0, f32::max);
    let bins = values.histogram.len().max(1);
    let fill = theme::TEXT_QUIET.gamma_multiply(0.35);
    for (bin, &count) in values.histogram.iter().enumerate() {
        let edge = |bin: usize| axes.x(values.range.at(bin as f64 / bins as f64));
        let top = axes.rect.bottom() - height(count) / most * axes.rect.height() * 0.95;
        painter.rect_filled(
            Rect::from_min_max(
                Pos2::new(edge(bin), top),
                Pos2::new(edge(bin + 1).max(edge(bin) + 1.0), axes.rect.bottom()),
            ),
            0.0,
            fill,
        );
    }
}

/// A bar of the colours under the canvas.
fn colours(painter: &Painter, axes: &Axes, transfer: &TransferFunction, whole: Rect) {
    let bar = Rect::from_min_max(
        Pos2::new(axes.rect.left(), whole.bottom() - BAR_HEIGHT),
        Pos2::new(axes.rect.right(), whole.bottom()),
    );
    let steps = bar.width().max(1.0) as usize;
    for step in 0..steps {
        let x = bar.left() + step as f32;
        let [r, g, b, _] = transfer
            .at(axes.value(x))
            .map(|c| (c.clamp(0.0, 1.0) * 255.0) as u8);
        painter.rect_filled(
            Rect::from_min_size(Pos2::new(x, bar.top()), Vec2::new(1.5, bar.height())),
            0.0,
            Color32::from_rgb(r, g, b),
        );
    }
}

/// The opacity over the values: bent between points, as the axis is a root.
fn curve(painter: &Painter, axes: &Axes, transfer: &TransferFunction) {
    const STEPS: u16 = 240;
    let line: Vec<Pos2> = (0..=STEPS)
        .map(|step| axes.values.at(f64::from(step) / f64::from(STEPS)))
        .chain(transfer.points().iter().map(|point| point.value))
        .map(|value| Pos2::new(axes.x(value), axes.y(transfer.at(value)[3])))
        .collect();
    let mut line = line;
    line.sort_by(|a, b| a.x.total_cmp(&b.x));
    painter.add(Shape::line(line, Stroke::new(1.5, theme::TEXT)));
}

/// The points with what the pointer and the keys do to them. Whether a double click was on
/// one of them.
fn points(
    ui: &mut Ui,
    axes: &Axes,
    look: &mut VolumeLook,
    transfer: &mut TransferFunction,
) -> bool {
    let unit = if look.values.is_hounsfield { " HU" } else { "" };
    let shown: Vec<ControlPoint> = transfer.points().to_vec();
    let mut removed = None;
    for (index, point) in shown.iter().enumerate() {
        let at = axes.at(point);
        let area = Rect::from_center_size(at, Vec2::splat(2.0 * POINT_RADIUS + 4.0));
        let id = ui.scope_id().with(("control point", index));
        let response = ui
            .interact(area, id, Sense::click_and_drag())
            .on_hover_cursor(CursorIcon::Grab);
        let name = format!(
            "Control point {}: {:.0}{unit}, opacity {:.3} per mm",
            index + 1,
            point.value,
            point.opacity_per_mm
        );
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
        let response = response.on_hover_text(&name);
        if response.clicked() || response.drag_started() {
            response.request_focus();
            look.selected_point = index;
        }
        if response.has_focus() {
            look.selected_point = index;
        }
        let mut moved = *point;
        if response.dragged()
            && let Some(pointer) = response.interact_pointer_pos()
        {
            moved.value = axes.value(pointer.x);
            moved.opacity_per_mm = axes.opacity(pointer.y);
        }
        if response.has_focus() {
            keep_arrow_keys(ui, response.id);
            nudge(ui, axes, &mut moved);
        }
        if moved != *point {
            transfer.set_point(index, moved);
        }
        let delete = response.has_focus() && ui.input(|input| input.key_pressed(Key::Delete));
        if response.double_clicked() || delete {
            removed = Some(index);
        }
        paint(
            ui,
            at,
            point,
            look.selected_point == index,
            response.hovered(),
        );
    }
    if let Some(index) = removed
        && transfer.remove(index)
    {
        look.selected_point = index.saturating_sub(1);
    }
    removed.is_some()
}

/// What the arrow keys do to the focused point.
fn nudge(ui: &Ui, axes: &Axes, point: &mut ControlPoint) {
    let (across, up) = ui.input(|input| {
        let pressed = |key| f32::from(u8::from(input.key_pressed(key)));
        (
            pressed(Key::ArrowRight) - pressed(Key::ArrowLeft),
            pressed(Key::ArrowUp) - pressed(Key::ArrowDown),
        )
    });
    if across != 0.0 {
        point.value += f64::from(across) * (axes.values.high - axes.values.low) / 200.0;
    }
    if up != 0.0 {
        point.opacity_per_mm = axes.opacity(axes.y(point.opacity_per_mm) - up * 3.0);
    }
}

fn paint(ui: &Ui, at: Pos2, point: &ControlPoint, selected: bool, hovered: bool) {
    let Rgb([r, g, b]) = point.colour;
    let line = if selected { theme::ACCENT } else { theme::TEXT };
    let width = if selected || hovered { 2.5 } else { 1.5 };
    ui.painter().circle(
        at,
        POINT_RADIUS,
        Color32::from_rgb(r, g, b),
        Stroke::new(width, line),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_are_inverse() {
        let axes = Axes {
            rect: Rect::from_min_size(Pos2::new(10.0, 20.0), Vec2::new(200.0, 100.0)),
            values: Window {
                low: -1000.0,
                high: 2000.0,
            },
        };
        for value in [-1000.0, -3.0, 250.0, 2000.0] {
            assert!((axes.value(axes.x(value)) - value).abs() < 1e-2);
        }
        for opacity in [0.0, 0.004, 0.3, 0.9] {
            assert!((axes.opacity(axes.y(opacity)) - opacity).abs() < 1e-4);
        }
        assert_eq!(axes.opacity(axes.rect.top() - 50.0), LARGEST_OPACITY_PER_MM);
        assert_eq!(axes.value(-500.0), -1000.0);
    }
}
