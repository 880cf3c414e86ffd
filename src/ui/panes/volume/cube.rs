//! The cube in the corner that shows how the body lies, and turns it by a click.

use egui::{Align2, Color32, CursorIcon, FontId, Pos2, Rect, Sense, Shape, Stroke, Ui, Vec2};
use glam::DVec3;

use super::VolumeCommand;
use crate::base::side_letter;
use crate::gpu::{Camera, StandardView};
use crate::ui::command::Command;
use crate::ui::theme;

/// Half an edge of the cube, in points.
const HALF_EDGE: f32 = 21.0;

/// How far the cube's middle is from the pane's lower right corner.
const INSET: f32 = 48.0;

/// A face that is seen: its side, its corners on the screen and how much it faces the
/// viewer.
struct Face {
    view: StandardView,
    corners: [Pos2; 4],
    middle: Pos2,
    facing: f32,
}

/// Draws the cube and sends the views that are clicked.
pub fn show(ui: &mut Ui, rect: Rect, camera: &Camera, commands: &mut Vec<Command>) {
    if rect.width() < 4.0 * INSET || rect.height() < 3.0 * INSET {
        return;
    }
    let center = rect.right_bottom() - Vec2::splat(INSET);
    let mut faces = faces(center, camera);
    // Few faces are seen at once, and they do not overlap; the flattest come first.
    faces.sort_by(|a, b| a.facing.total_cmp(&b.facing));
    let pointer = ui.input(|input| input.pointer.hover_pos());
    for face in &faces {
        let name = format!("Look from {}", place_in_words(face.view));
        let id = ui.scope_id().with(("cube", face.view.label()));
        let reach = HALF_EDGE * (0.35 + 0.6 * face.facing);
        let area = Rect::from_center_size(face.middle, Vec2::splat(2.0 * reach * 0.7));
        let response = ui
            .interact(area, id, Sense::click())
            .on_hover_cursor(CursorIcon::PointingHand)
            .on_hover_text(&name);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
        let hovered = response.has_focus()
            || response.hovered() && pointer.is_some_and(|at| contains(&face.corners, at));
        paint(ui, rect, face, hovered);
        if response.clicked() {
            commands.push(Command::Volume(VolumeCommand::LookFrom(face.view)));
        }
    }
}

/// The sides as clinicians say them.
pub fn place_in_words(view: StandardView) -> &'static str {
    match view {
        StandardView::Anterior => "the front (anterior)",
        StandardView::Posterior => "the back (posterior)",
        StandardView::Left => "the patient's left",
        StandardView::Right => "the patient's right",
        StandardView::Superior => "the head (superior)",
        StandardView::Inferior => "the feet (inferior)",
    }
}

fn faces(center: Pos2, camera: &Camera) -> Vec<Face> {
    let (right, up, forward) = (camera.right(), camera.up(), camera.forward());
    let place = |direction: DVec3| {
        center + Vec2::new(direction.dot(right) as f32, -direction.dot(up) as f32) * HALF_EDGE
    };
    StandardView::ALL
        .into_iter()
        .filter_map(|view| {
            let outward = view.toward_viewer();
            let facing = -outward.dot(forward) as f32;
            // A face that is seen edge on cannot be read or clicked.
            (facing > 0.12).then(|| {
                let across = outward.any_orthonormal_vector();
                let along = outward.cross(across);
                Face {
                    view,
                    corners: [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
                        .map(|(a, b)| place(outward + across * a + along * b)),
                    middle: place(outward),
                    facing,
                }
            })
        })
        .collect()
}

fn paint(ui: &Ui, rect: Rect, face: &Face, hovered: bool) {
    let painter = ui.painter_at(rect);
    let shade = 0.45 + 0.55 * face.facing;
    let fill = if hovered {
        theme::ACCENT_FILL
    } else {
        Color32::from_rgb(52, 60, 72).lerp_to_gamma(Color32::from_rgb(22, 26, 32), 1.0 - shade)
    };
    painter.add(Shape::convex_polygon(
        face.corners.to_vec(),
        fill.gamma_multiply(0.92),
        Stroke::new(1.0, theme::TEXT_QUIET.gamma_multiply(0.55)),
    ));
    let letter = side_letter(face.view.toward_viewer());
    painter.text(
        face.middle,
        Align2::CENTER_CENTER,
        letter,
        FontId::proportional(9.0 + 9.0 * face.facing),
        theme::CAUTION.gamma_multiply(0.35 + 0.65 * face.facing),
    );
}

/// Whether a convex polygon holds a point.
fn contains(corners: &[Pos2; 4], at: Pos2) -> bool {
    let mut sides = [false; 2];
    for index in 0..4 {
        let (a, b) = (corners[index], corners[(index + 1) % 4]);
        let (edge, to) = (b - a, at - a);
        sides[usize::from(edge.x * to.y - edge.y * to.x > 0.0)] = true;
    }
    sides != [true, true]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_face_toward_the_viewer_is_in_the_middle() {
        for view in StandardView::ALL {
            let mut camera = Camera::default();
            camera.look_from(view);
            let seen = faces(Pos2::new(100.0, 100.0), &camera);
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].view, view);
            assert!(seen[0].middle.distance(Pos2::new(100.0, 100.0)) < 1e-3);
            assert!(contains(&seen[0].corners, Pos2::new(110.0, 95.0)));
            assert!(!contains(&seen[0].corners, Pos2::new(130.0, 95.0)));
        }
    }

    #[test]
    fn from_the_front_right_the_right_side_is_on_the_left() {
        let camera = Camera::default();
        let seen = faces(Pos2::ZERO, &camera);
        let x = |view| {
            seen.iter()
                .find(|face| face.view == view)
                .map(|f| f.middle.x)
        };
        assert!(x(StandardView::Right) < x(StandardView::Anterior));
        assert_eq!(x(StandardView::Left), None);
        assert_eq!(seen.len(), 3);
    }
}
