//! What the colours of the label maps mean: names, volumes, and how they agree.

use egui::{Color32, Sense, Ui, Vec2};

use super::quiet;
use crate::base::colour::Rgb;
use crate::engine::ClassAgreement;
use crate::ui::command::Command;
use crate::ui::layers::Layer;
use crate::ui::panels::millilitres;
use crate::ui::panes::pointer::shortened;
use crate::ui::state::{Choices, Facts, Look};
use crate::ui::view_command::ViewCommand;
use crate::ui::widgets::eye;

/// The classes of the segmentation, each with an eye; which one is asked about.
pub fn classes(
    ui: &mut Ui,
    facts: &Facts,
    choices: &Choices,
    look: &mut Look,
    commands: &mut Vec<Command>,
) {
    let Some(study) = &facts.study else { return };
    let volumes = facts.segmentation.as_ref().map(|found| &found.volumes_ml);
    for (index, class) in study.classes().iter().enumerate() {
        if !study.bundle.is_foreground(index) {
            continue;
        }
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            ui.add_space(18.0);
            if let Some(visible) = look.class_visible.get_mut(index)
                && eye::show(ui, *visible, true, &format!("Show {}", class.name))
            {
                *visible = !*visible;
            }
            swatch(ui, class.colour);
            let asked = choices.class == index;
            if ui
                .selectable_label(asked, &class.name)
                .on_hover_text("Explain this structure")
                .clicked()
            {
                commands.push(Command::SelectClass(index));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let text = volumes
                    .and_then(|volumes| volumes.get(index))
                    .map_or_else(|| "…".to_owned(), |&volume| millilitres(volume));
                ui.label(quiet(&text));
            });
        });
        if let Some(agreement) = agreement_of(facts, index) {
            ui.horizontal_wrapped(|ui| {
                ui.add_space(58.0);
                ui.label(quiet(&in_words(agreement)));
            });
        }
    }
}

fn agreement_of(facts: &Facts, class: usize) -> Option<&ClassAgreement> {
    let comparison = facts.overlays.comparison.as_ref()?;
    let mut all = comparison.agreement.iter();
    all.find(|agreement| agreement.class == class)
}

/// How a class agrees with the reference.
fn in_words(agreement: &ClassAgreement) -> String {
    let Some(numbers) = &agreement.agreement else {
        return "not in the reference".to_owned();
    };
    let mut parts = Vec::new();
    if let Some(dice) = numbers.dice {
        parts.push(format!("Dice {dice:.3}"));
    }
    if let Some(distance) = numbers.hausdorff_95_mm {
        parts.push(format!("HD95 {distance:.1} mm"));
    }
    parts.push(format!("ref. {}", millilitres(numbers.reference_volume_ml)));
    let mut text = parts.join(", ");
    if let Some(reason) = agreement.reason() {
        text += &format!(" ({reason})");
    }
    text
}

/// The values of the reference with their volumes, and why it cannot be compared.
pub fn reference(ui: &mut Ui, facts: &Facts, commands: &mut Vec<Command>) {
    let (Some(study), Some(overlay)) = (&facts.study, &facts.overlays.reference) else {
        return;
    };
    file_row(
        ui,
        &overlay.file.input.file_name,
        Layer::Reference,
        commands,
    );
    let styles = facts.overlays.reference_styles(study);
    let present = styles.iter().zip(&overlay.volumes_ml).zip(0_u16..);
    for ((style, &volume), value) in
        present.filter(|((_, volume), value)| *value > 0 && **volume > 0.0)
    {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            ui.add_space(43.0);
            swatch(ui, style.colour);
            ui.add(egui::Label::new(facts.overlays.reference_name(study, value)).truncate());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(quiet(&millilitres(volume)));
            });
        });
    }
    let mut notes: Vec<&str> = overlay.apart.iter().map(String::as_str).collect();
    if let Some(comparison) = &facts.overlays.comparison {
        match &comparison.reference {
            Ok(reference) => notes.extend(reference.notes.iter().map(String::as_str)),
            Err(why) => notes.extend(overlay.apart.is_none().then_some(why.as_str())),
        }
    }
    for note in notes {
        ui.label(quiet(note));
    }
}

pub fn second_scan(ui: &mut Ui, facts: &Facts, look: &mut Look, commands: &mut Vec<Command>) {
    let Some(scan) = &facts.overlays.second_scan else {
        return;
    };
    file_row(ui, scan.volume.name(), Layer::SecondScan, commands);
    if let Some(apart) = &scan.apart {
        ui.label(quiet(apart));
    }
    let (low, high) = scan.window;
    let speed = ((high - low) / 200.0).max(1e-6);
    ui.horizontal(|ui| {
        ui.add_space(20.0);
        ui.label(quiet("Black"));
        let window = &mut look.layers.second_scan_window;
        let mut darkest = window.low;
        ui.add(egui::DragValue::new(&mut darkest).speed(speed));
        ui.label(quiet("White"));
        let mut brightest = window.high;
        ui.add(egui::DragValue::new(&mut brightest).speed(speed));
        if darkest.is_finite() && brightest.is_finite() && darkest < brightest {
            (window.low, window.high) = (darkest, brightest);
        }
    });
}

/// The name of an added file, with a way to remove it.
fn file_row(ui: &mut Ui, name: &str, layer: Layer, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.add_space(20.0);
        ui.label(quiet(&shortened(name))).on_hover_text(name);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            let words = format!("Remove {}", layer.label().to_lowercase());
            if named(ui.small_button("Remove"), &words).clicked() {
                commands.push(Command::View(ViewCommand::RemoveOverlay(layer)));
            }
        });
    });
}

fn named(response: egui::Response, name: &str) -> egui::Response {
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    response
}

fn swatch(ui: &mut Ui, Rgb([r, g, b]): Rgb) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(12.0), Sense::hover());
    ui.painter()
        .rect_filled(rect, 3.0, Color32::from_rgb(r, g, b));
}
