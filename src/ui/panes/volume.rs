//! The volume view: the whole scan, seen from somewhere.

mod chips;
mod command;
mod cube;
mod handles;
mod look;
mod picking;
mod screen;

pub use command::{VolumeCommand, carry_out, menu};
pub use handles::keep_arrow_keys;
pub use look::{Switch, VolumeLook};

use egui::{Align2, PointerButton, Pos2, Rect, Sense, Ui, Vec2};
use glam::DVec2;

use crate::base::{Grid, WorldBox};
use crate::gpu::{CrosshairView, Cutaway, OverlayStyle, Quality, RaycastView, RegionView};
use crate::ui::command::{Command, Pane};
use crate::ui::panes::{Shown, marks};
use crate::ui::render::ViewRenderer;
use crate::ui::state::Look;
use crate::ui::theme;

use screen::Screen;

/// Shows the volume rendering and turns gestures into a new camera or commands.
pub fn show(
    ui: &mut Ui,
    rect: Rect,
    shown: &Shown<'_>,
    look: &mut Look,
    renderer: Option<&mut ViewRenderer>,
    commands: &mut Vec<Command>,
) {
    let Some(study) = &shown.facts.study else {
        return;
    };
    let response = ui.interact(rect, ui.scope_id().with("volume"), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "3D view"));
    let camera_moves = gestures(ui, &response, rect, look, commands);
    let moving = camera_moves || shown.look_changed || ui.input(|input| input.pointer.any_down());

    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, theme::VIEW);
    let screen = Screen::new(rect, ui.pixels_per_point(), look.camera);
    let grid = study.first_channel().grid();
    let view_at = |look: &Look, quality| {
        view(
            grid,
            study.region,
            look,
            shown.overlay,
            screen.size_px,
            quality,
        )
    };
    let mut badges = Vec::new();
    if let Some(renderer) = renderer {
        renderer.set_transfer(&look.volume.table());
        let picture = renderer.volume(grid, moving, |quality| view_at(look, quality));
        if let Some((texture, fine)) = picture {
            painter.image(texture, rect, marks::WHOLE_PICTURE, egui::Color32::WHITE);
            if !fine {
                badges.push("coarse while it changes".to_owned());
            }
        }
        badges.extend(renderer.volume_notes(grid));
    }
    let whole = view_at(look, Quality::at_rest(crate::gpu::Tier::Full, grid));
    picking::gestures(ui, &response, &screen, &whole, shown.facts, look, commands);
    marks::title(&painter, rect, "3D", "");
    badges.extend(cut_notes(look));
    draw_badges(&painter, rect, &badges);
    cube::show(ui, rect, &look.camera, commands);
    handles::show(ui, &screen, &look.volume, commands);
    chips::show(ui, rect, look, commands);
}

/// What is drawn at a quality.
fn view(
    grid: &Grid,
    region: WorldBox,
    look: &Look,
    overlay: OverlayStyle,
    size_px: [u32; 2],
    quality: Quality,
) -> RaycastView {
    let mut view = RaycastView::of(grid, look.window, size_px, quality);
    view.camera = look.camera;
    view.overlay = overlay;
    view.region = Some(RegionView {
        bounds: look.dragged_region.unwrap_or(region),
        clip_scan: false,
        line_opacity: if look.volume.region_box { 0.8 } else { 0.0 },
    });
    if look.cut_away {
        view.cutaway = Some(Cutaway::toward(
            &look.camera,
            look.crosshair_mm,
            [true, true, false],
        ));
    }
    let volume = &look.volume;
    view.crop = volume.crop;
    view.clip_planes[0] = volume.clip;
    if volume.crosshair {
        view.crosshair = Some(CrosshairView {
            point_mm: look.crosshair_mm,
            reach_mm: grid.world_bounds().size_mm().min_element() * 0.12,
            opacity: 0.9,
        });
    }
    if !volume.surfaces {
        view.tint = 0.8 * view.overlay.segmentation_fill;
        view.overlay.segmentation_fill = 0.0;
    }
    view
}

/// What is not drawn because the user said so.
fn cut_notes(look: &Look) -> Vec<String> {
    let volume = &look.volume;
    [
        (look.cut_away, "cut away at the crosshair"),
        (volume.crop.is_some(), "cropped"),
        (volume.clip.is_some(), "clipped"),
    ]
    .into_iter()
    .filter(|(is_so, _)| *is_so)
    .map(|(_, text)| text.to_owned())
    .collect()
}

/// What a viewer must know about the picture, in the lower left corner.
fn draw_badges(painter: &egui::Painter, rect: Rect, badges: &[String]) {
    let mut at = Pos2::new(rect.left() + 10.0, rect.bottom() - 8.0);
    for badge in badges.iter().rev() {
        let line = marks::patched_text(
            painter,
            at,
            Align2::LEFT_BOTTOM,
            badge,
            theme::small(),
            theme::CAUTION,
        );
        at.y = line.top() - 5.0;
    }
}

/// Whether the camera moves now.
fn gestures(
    ui: &Ui,
    response: &egui::Response,
    rect: Rect,
    look: &mut Look,
    commands: &mut Vec<Command>,
) -> bool {
    if response.double_clicked() {
        commands.push(Command::Enlarge(Pane::Volume));
    }
    let delta = response.drag_delta();
    let shift = ui.input(|input| input.modifiers.shift);
    let panning = response.dragged_by(PointerButton::Middle)
        || response.dragged_by(PointerButton::Primary) && shift;
    if panning {
        let by = DVec2::new(f64::from(delta.x), f64::from(delta.y));
        look.camera.pan(by, rect.height().max(1.0) as u32);
    } else if response.dragged_by(PointerButton::Primary) {
        look.volume.navigation.turn(&mut look.camera, delta);
    }
    let mut moving = response.dragged() && delta != Vec2::ZERO;
    if response.hovered() {
        let (scroll, zoom) = ui.input(|input| (input.smooth_scroll_delta.y, input.zoom_delta()));
        let factor = f64::from(zoom) * (f64::from(scroll) * 0.002).exp();
        if (factor - 1.0).abs() > 1e-4 {
            look.camera.zoom(factor);
            moving = true;
        }
    }
    moving
}
