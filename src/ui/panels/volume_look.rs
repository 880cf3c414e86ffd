//! The editor of colours and opacity in 3D: control points over the scan's histogram.

mod canvas;

use egui::{Align2, Button, Color32, DragValue, RichText, Slider, Ui, Vec2};

use crate::base::colour::Rgb;
use crate::gpu::transfer::{ControlPoint, LARGEST_OPACITY_PER_MM, Preset, TransferFunction};
use crate::ui::command::Command;
use crate::ui::panes::volume::{Switch, VolumeCommand, VolumeLook};
use crate::ui::theme;

/// Shows the editor as a small window over the views, while it is open.
pub fn show(ctx: &egui::Context, look: &mut VolumeLook, commands: &mut Vec<Command>) {
    let mut open = look.editor_is_open;
    if !open {
        return;
    }
    egui::Window::new("Colours and opacity in 3D")
        .id(egui::Id::unique("volume look"))
        .open(&mut open)
        .anchor(Align2::LEFT_BOTTOM, Vec2::new(16.0, -44.0))
        .resizable(false)
        .collapsible(false)
        .show(ctx, |ui| {
            ui.set_width(380.0);
            contents(ui, look, commands);
        });
    if !open {
        commands.push(Command::Volume(VolumeCommand::Toggle(Switch::Editor)));
    }
}

fn contents(ui: &mut Ui, look: &mut VolumeLook, commands: &mut Vec<Command>) {
    presets(ui, look, commands);
    ui.add_space(4.0);
    let mut transfer = look.transfer.clone();
    canvas::show(ui, look, &mut transfer);
    let last = transfer.points().len().saturating_sub(1);
    look.selected_point = look.selected_point.min(last);
    if let Some(point) = transfer.points().get(look.selected_point).copied() {
        selected(ui, look, point, &mut transfer);
    }
    ui.separator();
    ui.horizontal(|ui| {
        ui.checkbox(&mut transfer.lit, "Light and shade")
            .on_hover_text("Shape the surfaces with light from behind the viewer's left shoulder");
        let mut focus = look.focus;
        if ui
            .checkbox(&mut focus, "Glass")
            .on_hover_text("Draw the body as clear glass around structures and relevance mask")
            .clicked()
        {
            commands.push(Command::Volume(VolumeCommand::Toggle(Switch::Focus)));
        }
    });
    ui.label(
        RichText::new("Double-click the histogram to add a point, a point to remove it.")
            .font(theme::small())
            .color(theme::of(ui).quiet),
    );
    if transfer != look.transfer {
        commands.push(Command::Volume(VolumeCommand::SetTransfer(transfer)));
    }
}

fn presets(ui: &mut Ui, look: &VolumeLook, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        let label = ui.label("Start from");
        egui::ComboBox::from_id_salt("preset to start from")
            .selected_text(look.label())
            .show_ui(ui, |ui| {
                let fitting = Preset::ALL.into_iter();
                for preset in fitting.filter(|preset| preset.applies_to(&look.values)) {
                    let chosen = look.preset == Some(preset);
                    if ui.selectable_label(chosen, preset.label()).clicked() {
                        commands.push(Command::Volume(VolumeCommand::Choose(preset)));
                    }
                }
            })
            .response
            .labelled_by(label.id);
    });
}

/// Value, colour and opacity of the selected point.
fn selected(
    ui: &mut Ui,
    look: &mut VolumeLook,
    mut point: ControlPoint,
    transfer: &mut TransferFunction,
) {
    let index = look.selected_point;
    let before = point;
    ui.horizontal(|ui| {
        let Rgb([r, g, b]) = point.colour;
        let mut colour = Color32::from_rgb(r, g, b);
        let response = ui.color_edit_button_srgba(&mut colour);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, "Colour of the control point")
        });
        point.colour = Rgb([colour.r(), colour.g(), colour.b()]);
        let range = look.values.range;
        let label = ui.label("Value");
        let unit = if look.values.is_hounsfield { " HU" } else { "" };
        ui.add(
            DragValue::new(&mut point.value)
                .speed((range.high - range.low) / 400.0)
                .max_decimals(2)
                .suffix(unit),
        )
        .labelled_by(label.id);
        if ui
            .add_enabled(transfer.points().len() > 2, Button::new("Remove point"))
            .clicked()
        {
            transfer.remove(index);
        }
    });
    if transfer.points().get(index) != Some(&before) {
        return;
    }
    ui.horizontal(|ui| {
        let label = ui.label("Opacity per mm");
        ui.spacing_mut().slider_width = 150.0;
        ui.add(
            Slider::new(&mut point.opacity_per_mm, 0.0..=LARGEST_OPACITY_PER_MM)
                .logarithmic(true)
                .smallest_positive(0.001)
                .max_decimals(3),
        )
        .labelled_by(label.id);
    });
    if point != before {
        transfer.set_point(index, point);
    }
}
