//! A thin bar at a slice view's right edge: where the slice is, and a way to drag it.

use egui::{Key, Rect, Sense, Ui, Vec2};

use crate::base::Plane;
use crate::ui::command::Command;
use crate::ui::state::{Facts, Look};
use crate::ui::theme;

const WIDTH: f32 = 16.0;

pub fn show(
    ui: &Ui,
    rect: Rect,
    plane: Plane,
    facts: &Facts,
    look: &Look,
    commands: &mut Vec<Command>,
) {
    let Some(study) = &facts.study else { return };
    let axis = plane.normal().index();
    let bounds = study.first_channel().grid().world_bounds();
    let (low, high) = (bounds.min[axis], bounds.max[axis]);
    let at = look.crosshair_mm.to_array()[axis];
    if !(high > low && at.is_finite()) {
        return;
    }
    let track = Rect::from_min_max(
        rect.right_top() + Vec2::new(-WIDTH, 34.0),
        rect.right_bottom() - Vec2::new(0.0, 8.0),
    );
    if track.height() < 40.0 {
        return;
    }
    let name = format!("{} slice", plane.label());
    let response = ui.interact(
        track,
        ui.scope_id().with(("scrub", axis)),
        Sense::click_and_drag(),
    );
    response.widget_info(|| egui::WidgetInfo::slider(true, at, &name));
    let painter = ui.painter_at(rect);
    let active = response.hovered() || response.dragged() || response.has_focus();
    let line = Rect::from_center_size(
        track.center(),
        Vec2::new(if active { 4.0 } else { 2.0 }, track.height()),
    );
    painter.rect_filled(
        line,
        2.0,
        theme::TEXT_QUIET.gamma_multiply(if active { 0.6 } else { 0.3 }),
    );
    let share = ((at - low) / (high - low)).clamp(0.0, 1.0) as f32;
    let thumb = Rect::from_center_size(
        egui::pos2(track.center().x, track.bottom() - share * track.height()),
        Vec2::new(if active { 12.0 } else { 8.0 }, 5.0),
    );
    let colour = if active {
        theme::TEXT
    } else {
        theme::CROSSHAIR
    };
    painter.rect_filled(thumb, 2.5, colour);
    if let Some(pointer) = response.interact_pointer_pos()
        && (response.dragged() || response.clicked())
    {
        let share = f64::from((track.bottom() - pointer.y) / track.height()).clamp(0.0, 1.0);
        move_to(low + share * (high - low), axis, look, commands);
    }
    if response.has_focus() {
        let steps = ui.input(|input| {
            let pressed = |key| i32::try_from(input.num_presses(key)).unwrap_or(0);
            pressed(Key::ArrowRight) - pressed(Key::ArrowLeft)
        });
        if steps != 0 {
            commands.push(Command::Scrub(plane, steps));
        }
    }
    let asked = ui.input(|input| {
        let requests =
            input.accesskit_action_requests(response.id, egui::accesskit::Action::SetValue);
        requests
            .filter_map(|request| match request.data {
                Some(egui::accesskit::ActionData::NumericValue(value)) => Some(value),
                _ => None,
            })
            .last()
    });
    if let Some(value) = asked.filter(|value| value.is_finite()) {
        move_to(value, axis, look, commands);
    }
}

fn move_to(mm: f64, axis: usize, look: &Look, commands: &mut Vec<Command>) {
    let mut to = look.crosshair_mm.to_array();
    to[axis] = mm;
    commands.push(Command::MoveCrosshair(to.into()));
}
