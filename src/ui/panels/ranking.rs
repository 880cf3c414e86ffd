//! The supervoxels by what they count for, linked with the views both ways.

use egui::{Align, RichText, ScrollArea, Sense, Ui, Vec2};

use crate::engine::{ranked, undecided_players};
use crate::explain::{Estimate, PlayerEstimate};
use crate::ui::command::Command;
use crate::ui::panels::{named_choice, quiet, section};
use crate::ui::state::{Facts, Look, RankBy};
use crate::ui::theme;

/// Rows that are seen without scrolling.
const ROWS: f32 = 9.0;
const ROW_HEIGHT: f32 = 20.0;
const ROW_GAP: f32 = 2.0;
const ROW_STEP: f32 = ROW_HEIGHT + ROW_GAP;

pub fn show(ui: &mut Ui, facts: &Facts, look: &mut Look, commands: &mut Vec<Command>) {
    let (Some(snapshot), Some(players)) = (facts.shown(), &facts.players) else {
        return;
    };
    let estimate = snapshot.estimate();
    let order = in_order(estimate, look.rank_by);
    let undecided = undecided_players(estimate);
    section(ui, "Most relevant supervoxels", |ui| {
        let chosen = named_choice(ui, "Sorted by", look.rank_by, &RankBy::ALL, |by| {
            by.label().to_owned()
        });
        look.rank_by = chosen.unwrap_or(look.rank_by);
        ui.label(quiet(
            "Supervoxel, SHAP value with its 95 % interval, volume",
        ));
        let mut area = ScrollArea::vertical()
            .id_salt("ranking")
            .max_height(ROWS * ROW_STEP)
            .min_scrolled_height(ROWS * ROW_STEP)
            .auto_shrink([false, true]);
        // A supervoxel that was chosen in a view comes into sight here.
        if let Some(chosen) = look
            .selected_player
            .filter(|&p| look.ranking_shows != Some(p))
        {
            look.ranking_shows = Some(chosen);
            if let Some(row) = order.iter().position(|&player| player == chosen) {
                let above = (ROWS / 2.0).floor();
                area = area.vertical_scroll_offset((row as f32 - above).max(0.0) * ROW_STEP);
            }
        }
        area.show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = ROW_GAP;
            for player in order {
                let (Some(known), Some(about)) =
                    (estimate.players.get(player), players.facts.get(player))
                else {
                    continue;
                };
                let row = Row {
                    player,
                    value: value_in_words(known, estimate.interval_factor),
                    volume_ml: about.volume_mm3 / 1000.0,
                    undecided: undecided.contains(&player),
                };
                let response = row.show(ui, look);
                if response.hovered() {
                    look.hovered_player = Some(player);
                }
                if response.clicked() {
                    look.selected_player = Some(player);
                    look.ranking_shows = Some(player);
                    commands.push(Command::MoveCrosshair(about.centroid_mm.into()));
                }
            }
        });
    });
}

/// The known players in the order asked for.
fn in_order(estimate: &Estimate, by: RankBy) -> Vec<usize> {
    let mut order = ranked(estimate);
    let known = |player: usize| estimate.players.get(player).copied().unwrap_or_default();
    match by {
        RankBy::For => {}
        RankBy::Against => order.reverse(),
        RankBy::Size => order.sort_by(|&a, &b| {
            let size = |player| known(player).shap_value.abs();
            size(b).total_cmp(&size(a))
        }),
        RankBy::Doubt => order.sort_by(|&a, &b| {
            let error = |player| known(player).standard_error.unwrap_or(f64::INFINITY);
            error(b).total_cmp(&error(a))
        }),
    }
    order
}

fn value_in_words(known: &PlayerEstimate, interval_factor: f64) -> String {
    let interval = known.standard_error.map_or_else(
        || "not sure yet".to_owned(),
        |error| format!("± {:.4}", error * interval_factor),
    );
    format!("{:+.4} {interval}", known.shap_value)
}

struct Row {
    player: usize,
    value: String,
    volume_ml: f64,
    undecided: bool,
}

impl Row {
    fn show(&self, ui: &mut Ui, look: &mut Look) -> egui::Response {
        let selected = look.selected_player == Some(self.player);
        let size = Vec2::new(ui.available_width(), ROW_HEIGHT);
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        let words = self.words();
        response
            .widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, selected, &words));
        if !ui.is_rect_visible(rect) {
            return response;
        }
        let lit = selected || response.hovered() || look.hovered_player == Some(self.player);
        if lit {
            let fill = if selected {
                theme::of(ui).accent_fill
            } else {
                theme::of(ui).hovered
            };
            ui.painter().rect_filled(rect, 3.0, fill);
        }
        if response.has_focus() {
            let line = egui::Stroke::new(1.0, theme::of(ui).accent);
            ui.painter()
                .rect_stroke(rect, 3.0, line, egui::StrokeKind::Inside);
        }
        let mut inside = ui.new_child(
            egui::UiBuilder::new()
                .max_rect(rect.shrink2(Vec2::new(6.0, 0.0)))
                .layout(egui::Layout::left_to_right(Align::Center)),
        );
        let fixed = |text: RichText, width: f32, ui: &mut Ui| {
            ui.add_sized(
                [width, ROW_HEIGHT],
                egui::Label::new(text).selectable(false),
            );
        };
        fixed(
            RichText::new(format!("#{}", self.player + 1)),
            40.0,
            &mut inside,
        );
        fixed(RichText::new(&self.value).monospace(), 140.0, &mut inside);
        fixed(
            RichText::new(if self.undecided { "?" } else { "" }).color(theme::of(ui).caution),
            12.0,
            &mut inside,
        );
        inside.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
            let volume = format!("{:.2} mL", self.volume_ml);
            ui.add(egui::Label::new(volume).selectable(false));
        });
        response.on_hover_text(words)
    }

    fn words(&self) -> String {
        let doubt = if self.undecided {
            ", undecided: the interval holds zero"
        } else {
            ""
        };
        format!(
            "Supervoxel {}: {}, {:.2} mL{doubt}",
            self.player + 1,
            self.value,
            self.volume_ml
        )
    }
}
