//! One slice view: the picture and its marks. What the mouse does is in
//! [`super::gestures`].

use egui::{CursorIcon, Rect, Sense, Stroke, StrokeKind, Ui, Vec2};

use crate::base::{AnatomicalAxis, Convention, Plane, side_letter};
use crate::gpu::{SliceView, Window};
use crate::ui::command::{Command, Pane};
use crate::ui::panes::{Shown, gestures, marks, pointer, ruler, scrub_bar};
use crate::ui::plane::{PlaneView, fit_mm_per_point};
use crate::ui::render::ViewRenderer;
use crate::ui::state::Look;
use crate::ui::theme;
use crate::ui::view_command::ViewCommand;

/// Narrower views leave out what is also elsewhere.
const NARROW: f32 = 300.0;

/// Shows a slice and turns gestures into commands.
pub fn show(
    ui: &mut Ui,
    rect: Rect,
    plane: Plane,
    shown: &Shown<'_>,
    look: &mut Look,
    renderer: Option<&mut ViewRenderer>,
    commands: &mut Vec<Command>,
) {
    let Some(study) = &shown.facts.study else {
        return;
    };
    let bounds = study.first_channel().grid().world_bounds();
    let index = plane as usize;
    let view = PlaneView::fit(
        rect,
        plane,
        look.convention,
        &bounds,
        look.crosshair_mm,
        look.zoom[index],
        look.center_mm[index],
    );
    look.fit_mm_per_point[index] = fit_mm_per_point(rect, view.right, view.up, &bounds);
    look.pixels_per_point = f64::from(ui.pixels_per_point());
    let response = ui.interact(
        rect,
        ui.scope_id().with(("slice", index)),
        Sense::click_and_drag(),
    );
    let name = format!("{} view", plane.label());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &name));

    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, theme::VIEW);
    if let Some(renderer) = renderer {
        let slice = slice_view(ui, &view, shown, look, study.region);
        if let Some(texture) = renderer.slice(index, &slice) {
            painter.image(texture, rect, marks::WHOLE_PICTURE, egui::Color32::WHITE);
        }
    }

    region_box(ui, &view, study.region, look, commands, index);
    marks::crosshair(&painter, rect, view.point(look.crosshair_mm));
    let axis = plane.normal();
    marks::title(
        &painter,
        rect,
        plane.label(),
        &place_in_words(look.crosshair_mm.to_array()[axis.index()], axis),
    );
    marks::side_letters(
        &painter,
        rect,
        [-view.right, view.right, view.up, -view.up].map(side_letter),
    );
    if plane != Plane::Sagittal {
        left_chip(&painter, rect, look.convention);
    }
    marks::scale_bar(&painter, rect, view.mm_per_point);
    ruler::draw(&painter, &view, plane, shown.facts, look);
    if response.has_focus() {
        let stroke = Stroke::new(2.0, theme::ACCENT);
        painter.rect_stroke(rect.shrink(1.0), 0.0, stroke, StrokeKind::Inside);
    }
    gestures::of_slice(ui, &response, &view, plane, shown.facts, look, commands);
    pointer::card(&painter, rect, &response, shown.facts, look);
    pane_button(ui, rect, plane, commands);
    scrub_bar::show(ui, rect, plane, shown.facts, look, commands);
}

fn slice_view(
    ui: &Ui,
    view: &PlaneView,
    shown: &Shown<'_>,
    look: &Look,
    region: crate::base::WorldBox,
) -> SliceView {
    let pixels_per_point = f64::from(ui.pixels_per_point());
    let size_px = [view.rect.width(), view.rect.height()]
        .map(|points| (f64::from(points) * pixels_per_point).round().max(1.0) as u32);
    let Window { low, high } = look.window;
    SliceView {
        center_mm: view.center_mm,
        right: view.right,
        up: view.up,
        mm_per_pixel: view.mm_per_point / pixels_per_point,
        size_px,
        window: if look.inverted {
            Window {
                low: high,
                high: low,
            }
        } else {
            look.window
        },
        interpolation: look.interpolation,
        overlay: shown.overlay,
        layers: look.layers.plane_layers(),
        region: Some(look.dragged_region.unwrap_or(region)),
        dim_outside_region: 0.0,
        background: crate::base::colour::Rgb([theme::VIEW.r(), theme::VIEW.g(), theme::VIEW.b()]),
    }
}

/// A coordinate with the side of the body it lies toward.
fn place_in_words(mm: f64, axis: AnatomicalAxis) -> String {
    let letter = axis.letters()[usize::from(mm >= 0.0)];
    format!("{:.1} mm {letter}", mm.abs())
}

/// On which side the patient's left is: in the upper right corner, always.
fn left_chip(painter: &egui::Painter, rect: Rect, convention: Convention) {
    let words = if rect.width() < NARROW {
        "Left"
    } else {
        "Patient's left"
    };
    let toward_right = convention == Convention::Radiological;
    marks::arrow_chip(
        painter,
        rect.right_top() + Vec2::new(-44.0, 10.0),
        words,
        toward_right,
    );
}

/// A small button that makes the view large or gives the others their place again.
fn pane_button(ui: &Ui, rect: Rect, plane: Plane, commands: &mut Vec<Command>) {
    if marks::enlarge_button(
        ui,
        rect,
        &format!("Enlarge the {} view", plane.label().to_lowercase()),
    ) {
        commands.push(Command::Enlarge(Pane::Slice(plane)));
    }
}

/// The region's outline with a grip that moves it.
fn region_box(
    ui: &mut Ui,
    view: &PlaneView,
    region: crate::base::WorldBox,
    look: &mut Look,
    commands: &mut Vec<Command>,
    index: usize,
) {
    let shown = look.dragged_region.unwrap_or(region);
    let Some(cut) = view.cut(&shown) else { return };
    let painter = ui.painter_at(view.rect);
    painter.rect_stroke(
        cut,
        2.0,
        Stroke::new(1.0, theme::REGION.gamma_multiply(0.9)),
        StrokeKind::Outside,
    );

    // In the view also where the corner is not, so that there is always a grip.
    let free = Rect::from_min_max(
        view.rect.min + Vec2::new(8.0, 34.0),
        view.rect.max - Vec2::new(26.0, 8.0),
    );
    let grip = Rect::from_center_size(free.clamp(cut.left_top()), Vec2::splat(10.0));
    let response = ui
        .interact(
            grip.expand(5.0),
            ui.scope_id().with(("region grip", index)),
            Sense::drag(),
        )
        .on_hover_cursor(CursorIcon::Move)
        .on_hover_text("Drag to move the region that is segmented and explained");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Move the region"));
    let fill = if response.hovered() || response.dragged() {
        theme::TEXT
    } else {
        theme::REGION
    };
    painter.rect_filled(grip, 2.0, fill);
    if response.dragged() {
        let delta = response.drag_delta();
        let by = view.right * (f64::from(delta.x) * view.mm_per_point)
            - view.up * (f64::from(delta.y) * view.mm_per_point);
        look.dragged_region = Some(shown.translated(by));
    }
    if response.drag_stopped()
        && let Some(moved) = look.dragged_region
    {
        // The preview stays until the engine answers, so that the box does not jump back.
        commands.push(Command::MoveRegion(moved));
    }
}

/// What the keys do in the view that has the keyboard.
pub fn focused_keys(ui: &Ui, commands: &mut Vec<Command>) {
    let steps = ui.input(|input| {
        let pressed = |key| i32::try_from(input.num_presses(key)).unwrap_or(0);
        use egui::Key::{ArrowDown, ArrowLeft, ArrowRight, ArrowUp, PageDown, PageUp};
        pressed(ArrowUp) + pressed(ArrowRight) - pressed(ArrowDown) - pressed(ArrowLeft)
            + 10 * (pressed(PageUp) - pressed(PageDown))
    });
    if steps != 0 {
        commands.push(Command::View(ViewCommand::Scrub(steps)));
    }
}
