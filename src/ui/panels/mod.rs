//! The bars and panels around the views.

pub mod evidence;
pub mod explanation;
pub mod layers;
pub mod menu;
pub mod ranking;
pub mod status;
pub mod volume_look;

use egui::{RichText, Ui};

use crate::ui::theme;

/// A section of the side panel: a heading and what belongs to it.
pub fn section(ui: &mut Ui, title: &str, contents: impl FnOnce(&mut Ui)) {
    ui.add_space(2.0);
    ui.label(RichText::new(title).font(theme::heading()).strong());
    ui.add_space(2.0);
    contents(ui);
    ui.add_space(4.0);
    ui.separator();
}

/// A slider over the whole width with its name and value in a line above it.
pub fn slider_row(
    ui: &mut Ui,
    name: &str,
    value_text: &str,
    value: &mut f32,
    range: std::ops::RangeInclusive<f32>,
) -> egui::Response {
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.spacing_mut().interact_size.y = 18.0;
        ui.horizontal(|ui| {
            ui.label(RichText::new(name).font(theme::small()).weak());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(value_text).font(theme::small()));
            });
        });
        ui.spacing_mut().slider_width = ui.available_width();
        let response = ui.add(egui::Slider::new(value, range).show_value(false));
        let (enabled, current) = (response.enabled(), f64::from(*value));
        response.widget_info(|| egui::WidgetInfo::slider(enabled, current, name));
        response
    })
    .inner
}

/// Small print: what stands beside or under a control.
pub fn quiet(text: impl Into<String>) -> RichText {
    RichText::new(text).font(theme::small()).weak()
}

/// A named row with a list to choose from; `Some` when another entry was chosen.
pub fn named_choice<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    current: T,
    entries: &[T],
    label: impl Fn(T) -> String,
) -> Option<T> {
    let mut chosen = current;
    ui.horizontal(|ui| {
        ui.label(quiet(name));
        let response = egui::ComboBox::from_id_salt(name)
            .width(ui.available_width())
            .truncate()
            .selected_text(label(current))
            .show_ui(ui, |ui| {
                for &entry in entries {
                    ui.selectable_value(&mut chosen, entry, label(entry));
                }
            })
            .response;
        response.widget_info(|| {
            let mut info =
                egui::WidgetInfo::labeled(egui::Role::ComboBox, response.enabled(), name);
            info.current_text_value = Some(label(current));
            info
        });
    });
    (chosen != current).then_some(chosen)
}

/// A count with its noun, in the right number: `1 supervoxel`, `12 supervoxels`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// A number of millilitres with digits that fit its size.
pub fn millilitres(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.1} mL")
    } else {
        format!("{value:.2} mL")
    }
}

/// A duration in the words people use.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_volumes_read_well() {
        assert_eq!(duration(0.4), "0 s");
        assert_eq!(duration(59.6), "1 min 00 s");
        assert_eq!(duration(3720.0), "1 h 02 min");
        assert_eq!(duration(-3.0), "0 s");
        assert_eq!(millilitres(2.263), "2.26 mL");
        assert_eq!(millilitres(1234.5), "1234.5 mL");
    }
}
