//! How uncertain the values were after so many runs, and how uncertain they may be.

use egui::{Ui, Vec2b};
use egui_plot::{HLine, Line, LineStyle, Plot, PlotPoints};

use crate::engine::WANTED_TOLERANCE;
use crate::ui::panels::quiet;
use crate::ui::state::Facts;
use crate::ui::theme;

const HEIGHT: f32 = 96.0;

/// Fewest points that say something about a course.
const FEWEST: usize = 3;

/// The course of the largest standard error, in percent of the values' range.
pub fn show(ui: &mut Ui, facts: &Facts) {
    let colours = theme::of(ui);
    let course = &facts.convergence;
    let Some(&[runs, newest]) = course.last().filter(|_| course.len() >= FEWEST) else {
        return;
    };
    ui.add_space(4.0);
    ui.label(quiet("Largest standard error, % of the range"));
    let points: PlotPoints<'_> = course.iter().map(|&[x, y]| [x, 100.0 * y]).collect();
    let most = course.iter().map(|point| point[1]).fold(0.0, f64::max);
    let response = Plot::new("convergence")
        .height(HEIGHT)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .show_grid(Vec2b::new(false, true))
        .include_x(0.0)
        .include_y(0.0)
        .include_y((100.0 * most).min(100.0))
        .x_axis_formatter(|mark, _| format!("{:.0}", mark.value))
        .y_axis_formatter(|mark, _| format!("{:.0}", mark.value))
        .label_formatter(|_| None)
        .show(ui, |plot| {
            plot.line(
                Line::new("Standard error", points)
                    .color(colours.accent)
                    .width(2.0),
            );
            plot.hline(
                HLine::new("Wanted", 100.0 * WANTED_TOLERANCE)
                    .color(colours.good)
                    .style(LineStyle::dashed_loose()),
            );
        })
        .response;
    let words = format!(
        "Convergence: after {runs:.0} runs the largest standard error is {:.1} % of the range, \
         wanted are {:.0} %",
        100.0 * newest,
        100.0 * WANTED_TOLERANCE
    );
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &words));
    ui.label(quiet(
        "Runs of the network; the dashed line is what is wanted",
    ));
}
