//! Sheets: what opens over the window, is read or answered, and closes again.

pub mod after_crash;
pub mod palette;
pub mod screenshot;
pub mod settings;
pub mod shortcuts;

use egui::{Align, Frame, Layout, Margin, RichText, Stroke, Ui, Vec2};

use crate::ui::command::{Command, Shot};
use crate::ui::theme;

pub use palette::Palette;

/// The sheet that is open; there is at most one.
#[derive(Debug, Clone, PartialEq)]
pub enum Sheet {
    Palette(Palette),
    Shortcuts,
    Settings,
    Screenshot(Shot),
    AfterCrash,
}

/// Where a sheet hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Middle,
}

/// Draws a sheet; Escape, a click beside it and its close button close it.
fn show(
    ui: &Ui,
    title: &str,
    place: Place,
    width: f32,
    commands: &mut Vec<Command>,
    contents: impl FnOnce(&mut Ui, &mut Vec<Command>),
) {
    let ctx = ui.ctx();
    let window = ctx.content_rect();
    let width = width.min(window.width() - 40.0);
    let id = egui::Id::unique(("sheet", title));
    let (anchor, offset) = match place {
        Place::Top => (egui::Align2::CENTER_TOP, Vec2::new(0.0, 56.0)),
        Place::Middle => (egui::Align2::CENTER_CENTER, Vec2::ZERO),
    };
    let colours = theme::of(ui);
    let response = egui::Modal::new(id)
        .area(egui::Modal::default_area(id).anchor(anchor, offset))
        .frame(
            Frame::new()
                .fill(colours.panel)
                .stroke(Stroke::new(1.0, colours.line))
                .corner_radius(10)
                .inner_margin(Margin::same(16))
                .shadow(theme::shadow()),
        )
        .show(ctx, |ui| {
            ui.set_width(width);
            ui.horizontal(|ui| {
                ui.label(RichText::new(title).font(theme::title()).strong());
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if ui.button("Close").clicked() {
                        commands.push(Command::CloseSheet);
                    }
                });
            });
            ui.add_space(6.0);
            contents(ui, commands);
        });
    if response.should_close() {
        commands.push(Command::CloseSheet);
    }
}

/// The tallest a sheet's list may be.
fn list_height(ui: &Ui) -> f32 {
    (ui.ctx().content_rect().height() - 190.0).max(120.0)
}
