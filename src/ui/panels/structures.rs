//! The segmented structures: names, colours, volumes, and which one is asked about.

use egui::{RichText, Ui};

use crate::ui::command::Command;
use crate::ui::panels::{millilitres, section, slider_row};
use crate::ui::state::{Choices, Facts, Look};
use crate::ui::theme;

pub fn show(
    ui: &mut Ui,
    facts: &Facts,
    choices: &Choices,
    look: &mut Look,
    commands: &mut Vec<Command>,
) {
    let Some(study) = &facts.study else { return };
    section(ui, "Segmentation", |ui| {
        let volumes = facts.segmentation.as_ref().map(|found| &found.volumes_ml);
        for (index, class) in study.classes().iter().enumerate() {
            if !study.bundle.is_foreground(index) {
                continue;
            }
            ui.horizontal(|ui| {
                let [r, g, b] = class.colour.0;
                if let Some(visible) = look.class_visible.get_mut(index) {
                    let response = ui.checkbox(visible, "");
                    let (checked, name) = (*visible, format!("Show {}", class.name));
                    response.widget_info(|| {
                        egui::WidgetInfo::selected(egui::Role::CheckBox, true, checked, &name)
                    });
                    response.on_hover_text(format!("Show {}", class.name));
                }
                let (rect, _) =
                    ui.allocate_exact_size(egui::Vec2::splat(12.0), egui::Sense::hover());
                ui.painter()
                    .rect_filled(rect, 3.0, egui::Color32::from_rgb(r, g, b));
                let asked = choices.class == index;
                let name = RichText::new(&class.name);
                if ui
                    .selectable_label(asked, name)
                    .on_hover_text("Explain this structure")
                    .clicked()
                {
                    commands.push(Command::SelectClass(index));
                }
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let text = volumes
                        .and_then(|volumes| volumes.get(index))
                        .map_or_else(|| "…".to_owned(), |&volume| millilitres(volume));
                    ui.label(RichText::new(text).color(theme::TEXT_QUIET));
                });
            });
        }
        let percent = format!("{:.0} %", look.segmentation_opacity * 100.0);
        slider_row(
            ui,
            "Segmentation opacity",
            &percent,
            &mut look.segmentation_opacity,
            0.0..=1.0,
        );
    });
}
