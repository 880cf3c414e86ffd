//! The drop-downs in the upper right of the volume view.

use egui::{
    Align, Button, Frame, Layout, Margin, Pos2, Rect, RichText, Shape, Stroke, Ui, UiBuilder, Vec2,
};

use super::VolumeCommand;
use super::cube::place_in_words;
use super::look::{Switch, VolumeLook};
use crate::base::side_letter;
use crate::gpu::StandardView;
use crate::gpu::transfer::Preset;
use crate::ui::command::Command;
use crate::ui::state::Look;
use crate::ui::theme;

/// Shows the drop-downs; what is chosen becomes commands.
pub fn show(ui: &mut Ui, rect: Rect, look: &Look, commands: &mut Vec<Command>) {
    let row = Rect::from_min_size(
        rect.min + Vec2::new(8.0, 6.0),
        Vec2::new((rect.width() - 16.0).max(0.0), 26.0),
    );
    let layout = Layout::right_to_left(Align::Center);
    let mut ui = ui.new_child(UiBuilder::new().max_rect(row).layout(layout));
    ui.set_clip_rect(rect);
    ui.spacing_mut().item_spacing.x = 6.0;
    ui.spacing_mut().button_padding = Vec2::new(8.0, 2.0);
    let volume = &look.volume;
    chip(&mut ui, "Cut", "Cut and mark the volume", |ui| {
        cuts(ui, look, commands);
    });
    chip(&mut ui, "View", "Look from a side", |ui| {
        views(ui, look, commands);
    });
    let name = format!("3D preset: {}", volume.label());
    chip(&mut ui, volume.label(), &name, |ui| {
        presets(ui, volume, commands)
    });
}

/// A drop-down that is legible over any picture.
fn chip(ui: &mut Ui, text: &str, name: &str, contents: impl FnOnce(&mut Ui)) {
    Frame::new()
        .fill(theme::PANEL.gamma_multiply(0.85))
        .corner_radius(5)
        .inner_margin(Margin::ZERO)
        .show(ui, |ui| {
            // Room on the right for the arrow.
            let text = RichText::new(format!("{text}     ")).font(theme::small());
            let response = ui.menu_button(text, contents).response;
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
            arrow(ui, response.rect);
        });
}

/// A small triangle that points down, at the right end of a button.
fn arrow(ui: &Ui, button: Rect) {
    let tip = Pos2::new(button.right() - 12.0, button.center().y + 2.5);
    let half_width = 3.5;
    ui.painter().add(Shape::convex_polygon(
        vec![
            tip,
            tip + Vec2::new(-half_width, -5.0),
            tip + Vec2::new(half_width, -5.0),
        ],
        theme::TEXT_QUIET,
        Stroke::NONE,
    ));
}

fn presets(ui: &mut Ui, volume: &VolumeLook, commands: &mut Vec<Command>) {
    for preset in Preset::ALL {
        let button = Button::selectable(volume.preset == Some(preset), preset.label());
        let response = ui
            .add_enabled(preset.applies_to(&volume.values), button)
            .on_hover_text(preset.hint())
            .on_disabled_hover_text(if volume.values.is_hounsfield {
                "For MR: the values of this scan are Hounsfield units"
            } else {
                "For CT: the values of this scan are no Hounsfield units"
            });
        if response.clicked() {
            commands.push(Command::Volume(VolumeCommand::Choose(preset)));
            ui.close();
        }
    }
    ui.separator();
    switch(ui, volume, Switch::Focus, "Focus on the evidence", commands)
        .on_hover_text("Draw the body as clear glass around structures and relevance mask");
    if ui.button("Edit colours and opacity…").clicked() {
        commands.push(Command::Volume(VolumeCommand::Toggle(Switch::Editor)));
        ui.close();
    }
}

fn views(ui: &mut Ui, look: &Look, commands: &mut Vec<Command>) {
    let now = look.camera.standard_view();
    for view in StandardView::ALL {
        let letter = side_letter(view.toward_viewer());
        let text = format!("{letter}  From {}", place_in_words(view));
        if ui
            .add(Button::selectable(now == Some(view), text))
            .clicked()
        {
            commands.push(Command::Volume(VolumeCommand::LookFrom(view)));
            ui.close();
        }
    }
    ui.separator();
    if ui.button("Whole scan").clicked() {
        commands.push(Command::Volume(VolumeCommand::ResetCamera));
        ui.close();
    }
    switch(ui, &look.volume, Switch::Trackball, "Turn freely", commands)
        .on_hover_text("Turn the body like a ball; else the head stays up");
}

fn cuts(ui: &mut Ui, look: &Look, commands: &mut Vec<Command>) {
    let volume = &look.volume;
    let mut cut_away = look.cut_away;
    if ui
        .checkbox(&mut cut_away, "Cut away at the crosshair")
        .clicked()
    {
        commands.push(Command::CutAway);
    }
    switch(ui, volume, Switch::CropBox, "Crop box", commands)
        .on_hover_text("Draw the scan inside a box only; drag the box's faces");
    switch(ui, volume, Switch::ClipPlane, "Clip plane", commands)
        .on_hover_text("Take away all in front of a plane through the crosshair; drag its grip");
    if ui
        .add_enabled(
            volume.clip.is_some(),
            Button::new("Other side of the clip plane"),
        )
        .clicked()
    {
        commands.push(Command::Volume(VolumeCommand::FlipClip));
    }
    ui.separator();
    switch(
        ui,
        volume,
        Switch::Surfaces,
        "Structures as surfaces",
        commands,
    )
    .on_hover_text("Else structures tint the scan");
    switch(ui, volume, Switch::Crosshair, "Crosshair", commands);
    switch(ui, volume, Switch::RegionBox, "Box of the region", commands);
}

/// A check box of the volume's look.
fn switch(
    ui: &mut Ui,
    volume: &VolumeLook,
    switch: Switch,
    text: &str,
    commands: &mut Vec<Command>,
) -> egui::Response {
    let mut on = volume.is_on(switch);
    let response = ui.checkbox(&mut on, text);
    if response.clicked() {
        commands.push(Command::Volume(VolumeCommand::Toggle(switch)));
    }
    response
}
