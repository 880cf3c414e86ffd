//! Insertion and deletion against random orders, as a plot.

use egui::{Color32, Ui};
use egui_plot::{FilledArea, Legend, Line, LineStyle, Plot, PlotPoints};

use crate::engine::evidence::Evidence;
use crate::ui::panels::quiet;
use crate::ui::theme;

const HEIGHT: f32 = 150.0;

pub fn show(ui: &mut Ui, found: &Evidence) {
    let Some(evidence) = &found.curves else {
        return;
    };
    let Some(curves) = &evidence.normalised else {
        ui.label(quiet(
            "With everything hidden the value is what it is with everything shown: there is nothing to draw.",
        ));
        return;
    };
    let colours = theme::of(ui);
    ui.add_space(4.0);
    ui.label(quiet(
        "Value (0 to 1) by the share of supervoxels shown or hidden",
    ));
    let points = |shares: &[f64], values: &[f64]| -> PlotPoints<'static> {
        shares.iter().zip(values).map(|(&x, &y)| [x, y]).collect()
    };
    let insertion = points(&curves.insertion.player_shares, &curves.insertion.values);
    let deletion = points(&curves.deletion.player_shares, &curves.deletion.values);
    let band = |ui_colour: Color32, name: &str, band: &[(f64, f64, f64)]| {
        let xs: Vec<f64> = band.iter().map(|b| b.0).collect();
        let low: Vec<f64> = band.iter().map(|b| b.1).collect();
        let high: Vec<f64> = band.iter().map(|b| b.2).collect();
        FilledArea::new(name, &xs, &low, &high).fill_color(ui_colour.gamma_multiply(0.18))
    };
    let random = evidence.random.as_ref().map(|random| {
        [&random.insertion_by_players, &random.deletion_by_players].map(|of| {
            let limits = of.low.iter().zip(&of.high);
            let all = of.shares.iter().zip(limits);
            all.map(|(&x, (&low, &high))| (x, low, high))
                .collect::<Vec<_>>()
        })
    });
    let response = Plot::new("insertion and deletion")
        .height(HEIGHT)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .legend(Legend::default())
        .include_x(0.0)
        .include_x(1.0)
        .include_y(0.0)
        .include_y(1.0)
        .label_formatter(|_| None)
        .show(ui, |plot| {
            if let Some([inserted, deleted]) = &random {
                plot.add(band(colours.accent, "Random, shown", inserted));
                plot.add(band(colours.caution, "Random, hidden", deleted));
            }
            plot.line(
                Line::new("Shown in order", insertion)
                    .color(colours.accent)
                    .width(2.0),
            );
            plot.line(
                Line::new("Hidden in order", deletion)
                    .color(colours.caution)
                    .width(2.0)
                    .style(LineStyle::dashed_dense()),
            );
        })
        .response;
    let words = areas_in_words(found);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &words));
    ui.label(quiet(words));
}

fn areas_in_words(found: &Evidence) -> String {
    let measured = found
        .curves
        .as_ref()
        .and_then(|curves| Some((curves.areas.as_ref()?, curves.random.as_ref()?)));
    let Some((areas, random)) = measured else {
        return "Insertion and deletion".to_owned();
    };
    let band = |low: f64, high: f64| format!("random {low:.2} to {high:.2}");
    format!(
        "Area under insertion {:.2} ({}), under deletion {:.2} ({})",
        areas.insertion.by_players,
        band(
            random.insertion_area.low.by_players,
            random.insertion_area.high.by_players
        ),
        areas.deletion.by_players,
        band(
            random.deletion_area.low.by_players,
            random.deletion_area.high.by_players
        ),
    )
}
