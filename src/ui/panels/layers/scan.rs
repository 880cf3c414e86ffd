//! The scan itself: channel, frame, grey window, interpolation.

use egui::Ui;

use super::{column, interpolation_name, quiet};
use crate::gpu::Interpolation;
use crate::ui::command::Command;
use crate::ui::panes::pointer::shortened;
use crate::ui::state::{Facts, Look};
use crate::ui::view_command::ViewCommand;

pub fn show(ui: &mut Ui, facts: &Facts, look: &Look, commands: &mut Vec<Command>) {
    let Some(study) = &facts.study else { return };
    let channels = &study.scan.channels;
    if channels.len() > 1 {
        let names = &study.bundle.description().channels;
        let name = |index: usize| {
            let named = names.get(index).map(String::as_str);
            named
                .or_else(|| channels.get(index).map(|c| c.name()))
                .unwrap_or_default()
        };
        let mut chosen = look.channel;
        labelled(ui, "Channel", |ui| {
            let response = egui::ComboBox::from_id_salt("channel")
                .width(ui.available_width())
                .selected_text(shortened(name(chosen)))
                .show_ui(ui, |ui| {
                    for index in 0..channels.len() {
                        ui.selectable_value(&mut chosen, index, name(index));
                    }
                })
                .response;
            response.on_hover_text("Which channel of the scan the views show (H)")
        });
        if chosen != look.channel {
            commands.push(Command::View(ViewCommand::ShowChannel(chosen)));
        }
    }
    frame(ui, facts, commands);
    labelled(ui, "Window", |ui| {
        let unit = look.unit.sign();
        let text = format!(
            "{} to {}",
            number(look.window.low),
            number(look.window.high)
        );
        let text = format!(
            "{text}{unit}{}",
            if look.inverted { ", inverted" } else { "" }
        );
        egui::ComboBox::from_id_salt("grey window")
            .width(ui.available_width())
            .selected_text(text)
            .show_ui(ui, |ui| {
                if ui.button("Automatic (A)").clicked() {
                    commands.push(Command::AutomaticWindow);
                }
                for (index, window) in look.unit.windows().iter().enumerate() {
                    let text = format!("{} ({})", window.name(), index + 1);
                    if ui.button(text).clicked() {
                        commands.push(Command::View(ViewCommand::GreyWindow(index)));
                    }
                }
                if ui.button("Invert greys (I)").clicked() {
                    commands.push(Command::View(ViewCommand::Invert));
                }
            })
            .response
    });
    let mut chosen = look.interpolation;
    labelled(ui, "Between voxels", |ui| {
        egui::ComboBox::from_id_salt("interpolation")
            .width(ui.available_width())
            .selected_text(interpolation_name(chosen))
            .show_ui(ui, |ui| {
                for one in [
                    Interpolation::Nearest,
                    Interpolation::Linear,
                    Interpolation::Cubic,
                ] {
                    ui.selectable_value(&mut chosen, one, interpolation_name(one));
                }
            })
            .response
    });
    if chosen != look.interpolation {
        commands.push(Command::View(ViewCommand::Interpolate(chosen)));
    }
}

/// Which frame of the file is open, where the file has several and the model takes one.
fn frame(ui: &mut Ui, facts: &Facts, commands: &mut Vec<Command>) {
    let Some(study) = &facts.study else { return };
    let ([file], [count]) = (
        study.scan.files.as_slice(),
        study.scan.frame_counts.as_slice(),
    ) else {
        return;
    };
    let (Some(frame), true) = (file.frame, *count > 1) else {
        return;
    };
    labelled(ui, "Frame", |ui| {
        let mut number = frame + 1;
        let drag = egui::DragValue::new(&mut number)
            .range(1..=*count)
            .update_while_editing(false);
        let response = ui
            .add(drag)
            .on_hover_text("Opens another frame of the file");
        ui.label(quiet(&format!("of {count}")));
        // While it is dragged the number runs; the last one is opened.
        let settled = response.drag_stopped() || (response.changed() && !response.dragged());
        if settled && number != frame + 1 {
            commands.push(Command::View(ViewCommand::ShowFrame(number - 1)));
        }
        response
    });
}

/// A control with its name before it.
fn labelled(ui: &mut Ui, name: &str, control: impl FnOnce(&mut Ui) -> egui::Response) {
    ui.horizontal(|ui| {
        let label = column(ui, 92.0, quiet(name));
        control(ui).labelled_by(label.id);
    });
}

/// A number without digits that say nothing at its size.
fn number(value: f64) -> String {
    if value == 0.0 || value.abs() >= 10.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}
