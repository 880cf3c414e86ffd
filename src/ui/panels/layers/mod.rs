//! The layers of the views: which are seen, how strongly, and what their colours mean.

mod legend;
mod scan;

use egui::{Button, RichText, Ui};

use crate::gpu::Interpolation;
use crate::ui::command::Command;
use crate::ui::layers::{Drawn, HeatShown, Layer};
use crate::ui::panels::section;
use crate::ui::state::{Choices, Facts, Look};
use crate::ui::theme;
use crate::ui::view_command::ViewCommand;
use crate::ui::widgets::{colour_bar, eye, raise};

/// Space for the name of a layer, and for its opacity.
const NAME_WIDTH: f32 = 100.0;
const OPACITY_WIDTH: f32 = 44.0;

pub fn show(
    ui: &mut Ui,
    facts: &Facts,
    choices: &Choices,
    look: &mut Look,
    commands: &mut Vec<Command>,
) {
    section(ui, "Layers", |ui| {
        scan::show(ui, facts, look, commands);
        ui.add_space(2.0);
        // The topmost layer stands on top.
        for layer in look.layers.order.into_iter().rev() {
            if !facts.has(layer) && layer != Layer::Segmentation {
                continue;
            }
            row(ui, facts, layer, look, commands);
            match layer {
                Layer::Segmentation => legend::classes(ui, facts, choices, look, commands),
                Layer::Reference => legend::reference(ui, facts, commands),
                Layer::SecondScan => legend::second_scan(ui, facts, look, commands),
                Layer::Heatmap => heat(ui, facts, look, commands),
                _ => {}
            }
        }
        if let Some(name) = &facts.overlays.opening {
            ui.label(quiet(&format!("Opening {name}…")));
        }
        if wide_button(ui, "Add overlay…")
            .on_hover_text("A label map or another scan, placed by its own header")
            .clicked()
        {
            commands.push(Command::View(ViewCommand::ChooseOverlay));
        }
        rulers(ui, look, commands);
    });
}

fn row(ui: &mut Ui, facts: &Facts, layer: Layer, look: &mut Look, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        ui.spacing_mut().button_padding.x = 5.0;
        let there = facts.has(layer);
        let shown = look.layers.shows(layer);
        let name = layer.label();
        if eye::show(ui, shown, there, &format!("Show {}", name.to_lowercase())) {
            commands.push(Command::View(ViewCommand::Toggle(layer)));
        }
        let colour = if shown && there {
            theme::of(ui).text
        } else {
            theme::of(ui).quiet
        };
        column(ui, NAME_WIDTH, RichText::new(name).color(colour)).on_hover_text(layer.hint());
        opacity(ui, layer, look);
        if layer.has_areas() {
            drawn(ui, layer, look);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let only = look.layers.solo == Some(layer);
            let button = Button::selectable(only, RichText::new("Only").font(theme::small()));
            let response = ui
                .add_enabled(there, button)
                .on_hover_text("Show this layer alone over the scan, or all again");
            let words = format!("Only {}", name.to_lowercase());
            response.widget_info(|| {
                egui::WidgetInfo::selected(egui::Role::Button, there, only, &words)
            });
            if response.clicked() {
                commands.push(Command::View(ViewCommand::Solo(layer)));
            }
            raise_row(ui, facts, layer, look, commands);
        });
    });
}

/// The button that draws a layer over the next one that is there; none for the topmost.
fn raise_row(ui: &mut Ui, facts: &Facts, layer: Layer, look: &Look, commands: &mut Vec<Command>) {
    let mut from_top = look.layers.order.into_iter().rev();
    if from_top.find(|&other| facts.has(other)) == Some(layer) {
        return;
    }
    let name = format!("Raise {}", layer.label().to_lowercase());
    if raise::show(ui, facts.has(layer), &name) {
        commands.push(Command::View(ViewCommand::Raise(layer)));
    }
}

fn opacity(ui: &mut Ui, layer: Layer, look: &mut Look) {
    let value = match layer {
        Layer::Segmentation => &mut look.segmentation_opacity,
        Layer::Supervoxels => &mut look.boundary_opacity,
        Layer::Heatmap => &mut look.heatmap_opacity,
        other => &mut look.layers.of_mut(other).opacity,
    };
    ui.scope(|ui| {
        ui.spacing_mut().slider_width = OPACITY_WIDTH;
        let response = ui.add(egui::Slider::new(value, 0.0..=1.0).show_value(false));
        let (current, percent) = (f64::from(*value), f64::from(*value) * 100.0);
        let name = format!("{} opacity", layer.label());
        response.widget_info(|| egui::WidgetInfo::slider(true, current, &name));
        response.on_hover_text(format!("{name}: {percent:.0} %"));
    });
}

/// Fill, outline or both.
fn drawn(ui: &mut Ui, layer: Layer, look: &mut Look) {
    let chosen = &mut look.layers.of_mut(layer).drawn;
    let response = egui::ComboBox::from_id_salt(("drawn", layer.label()))
        .width(62.0)
        .selected_text(RichText::new(chosen.label()).font(theme::small()))
        .show_ui(ui, |ui| {
            for drawn in Drawn::ALL {
                ui.selectable_value(chosen, drawn, drawn.label());
            }
        })
        .response;
    let (name, value) = (
        format!("{}: fill or outline", layer.label()),
        chosen.label(),
    );
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &name);
        info.current_text_value = Some(value.to_owned());
        info
    });
}

/// What the heatmap shows, and its colours.
fn heat(ui: &mut Ui, facts: &Facts, look: &Look, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.add_space(20.0);
        for heat in HeatShown::ALL {
            let text = RichText::new(heat.label()).font(theme::small());
            if ui
                .selectable_label(look.layers.heat == heat, text)
                .clicked()
            {
                commands.push(Command::View(ViewCommand::ShowHeat(heat)));
            }
        }
    });
    let unit = facts.shown().map_or("", |snapshot| {
        snapshot.answer.question.value_function.unit()
    });
    match look.layers.heat {
        HeatShown::Value => {
            if let Some(scale) = facts.heat_scale() {
                colour_bar::signed(ui, scale, &format!("SHAP value, {unit}; undecided hatched"));
            }
        }
        HeatShown::StandardError => match facts.error_scale() {
            Some((largest, _)) => {
                colour_bar::sizes(ui, largest, &format!("Standard error, {unit}"))
            }
            None => {
                ui.label(quiet("No value has a standard error yet."));
            }
        },
    }
}

/// Lengths that were measured, with ways to go there and to remove them.
fn rulers(ui: &mut Ui, look: &Look, commands: &mut Vec<Command>) {
    let words = if look.measuring {
        "Stop measuring lengths"
    } else {
        "Measure lengths"
    };
    ui.horizontal(|ui| {
        if ui
            .selectable_label(look.measuring, words)
            .on_hover_text("Drag in a slice to measure (M)")
            .clicked()
        {
            commands.push(Command::View(ViewCommand::MeasureLengths));
        }
    });
    for (number, ruler) in look.rulers.iter().enumerate() {
        ui.horizontal(|ui| {
            let length = crate::ui::panes::ruler::in_words(ruler.length_mm());
            let text = format!("{length}, {}", ruler.plane.label().to_lowercase());
            if ui.link(text).on_hover_text("Go there").clicked() {
                let middle = (ruler.from_mm + ruler.to_mm) / 2.0;
                commands.push(Command::MoveCrosshair(middle));
            }
            let response = ui.small_button("Remove");
            let name = format!("Remove length {}", number + 1);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
            if response.clicked() {
                commands.push(Command::View(ViewCommand::RemoveRuler(number)));
            }
        });
    }
}

/// A label of a fixed width, so that what follows stands in a column.
fn column(ui: &mut Ui, width: f32, text: RichText) -> egui::Response {
    let size = egui::Vec2::new(width, 18.0);
    let left = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(size, left, |ui| {
        ui.set_min_width(width);
        ui.add(egui::Label::new(text).truncate())
    })
    .inner
}

fn wide_button(ui: &mut Ui, text: &str) -> egui::Response {
    ui.add(Button::new(text).min_size(egui::Vec2::new(ui.available_width(), 26.0)))
}

fn quiet(text: &str) -> RichText {
    RichText::new(text).font(theme::small()).weak()
}

fn interpolation_name(interpolation: Interpolation) -> &'static str {
    match interpolation {
        Interpolation::Nearest => "Nearest",
        Interpolation::Linear => "Linear",
        Interpolation::Cubic => "Cubic",
    }
}
