//! What lies under the pointer, read from the data itself: every layer's value, in words.

use egui::{Align2, Painter, Rect, Response};
use glam::DVec3;

use crate::base::AnatomicalAxis;
use crate::ui::layers::Layer;
use crate::ui::panels::millilitres;
use crate::ui::panes::marks;
use crate::ui::state::{Facts, Look};
use crate::ui::theme;

/// What a layer holds at a place.
pub struct Reading {
    pub name: String,
    pub value: String,
}

/// The place in words: millimetres with the sides of the body, then the voxel.
pub fn place(facts: &Facts, look: &Look, at: DVec3) -> String {
    let place: Vec<String> = at
        .to_array()
        .into_iter()
        .zip(AnatomicalAxis::ALL)
        .map(|(mm, axis)| format!("{:.1} {}", mm.abs(), axis.letters()[usize::from(mm >= 0.0)]))
        .collect();
    let place = format!("{} mm", place.join(", "));
    let voxel = facts
        .channel(look)
        .and_then(|channel| channel.grid().nearest_voxel(at));
    match voxel {
        Some([x, y, z]) => format!("{place}   voxel {x}, {y}, {z}"),
        None => format!("{place}, outside the scan"),
    }
}

/// Every layer's value at a place.
pub fn readings(facts: &Facts, look: &Look, at: DVec3) -> Vec<Reading> {
    let Some(study) = &facts.study else {
        return Vec::new();
    };
    let mut readings = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let name = name.to_owned();
            readings.push(Reading { name, value });
        }
    };
    for channel in &study.scan.channels {
        let voxel = channel.grid().nearest_voxel(at);
        let value = voxel.and_then(|voxel| channel.value(voxel));
        add(channel.name(), value.map(|v| number(v) + look.unit.sign()));
    }
    if let Some(second) = &facts.overlays.second_scan {
        let voxel = second.volume.grid().nearest_voxel(at);
        let value = voxel.and_then(|voxel| second.volume.value(voxel));
        add(second.volume.name(), value.map(number));
    }
    let class = |label: u16| {
        let class = study.class_of_label(label);
        class.map(|class| study.class_name(class).to_owned())
    };
    if let Some(found) = &facts.segmentation {
        let voxel = found.labels.grid().nearest_voxel(at);
        let label = voxel.and_then(|voxel| found.labels.label(voxel));
        add("Segmentation", label.and_then(class));
    }
    for layer in [Layer::Reference, Layer::Kept, Layer::Removed] {
        let label = facts.overlays.labels(layer).and_then(|labels| {
            let voxel = labels.grid().nearest_voxel(at)?;
            labels.label(voxel)
        });
        let name = label.and_then(|label| match layer {
            _ if label == 0 => Some("nothing".to_owned()),
            Layer::Reference => Some(facts.overlays.reference_name(study, label)),
            _ => class(label),
        });
        add(layer.label(), name);
    }
    if let Some(player) = facts
        .players
        .as_ref()
        .and_then(|players| players.player_at(at))
    {
        add("Supervoxel", Some(supervoxel(facts, player)));
    }
    readings
}

/// A supervoxel's number, its value with its interval, its share and its volume.
pub fn supervoxel(facts: &Facts, player: usize) -> String {
    let mut text = (player + 1).to_string();
    if let Some(snapshot) = facts.shown() {
        let estimate = snapshot.estimate();
        if let Some(known) = estimate.players.get(player)
            && known.samples > 0
        {
            text += &format!(": {:+.4}", known.shap_value);
            if let Some(error) = known.standard_error {
                text += &format!(" ± {:.4}", error * estimate.interval_factor);
            }
            let all: f64 = estimate.players.iter().map(|p| p.shap_value.abs()).sum();
            if all > 0.0 {
                let share = known.shap_value.abs() / all * 100.0;
                text += &format!(", {share:.1} % of all");
            }
        }
    }
    let fact = facts
        .players
        .as_ref()
        .and_then(|players| players.facts.get(player));
    if let Some(fact) = fact {
        text += &format!(", {}", millilitres(fact.volume_mm3 / 1000.0));
    }
    text
}

/// A scan's value with no more digits than it needs.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "no value".to_owned();
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The readings in the lower right corner of the view under the pointer.
pub fn card(painter: &Painter, rect: Rect, response: &Response, facts: &Facts, look: &Look) {
    let Some(at) = look.pointer_mm.filter(|_| response.hovered()) else {
        return;
    };
    if rect.height() < 200.0 || rect.width() < 220.0 {
        return;
    }
    // Above the letter of the body side, which a long line would reach.
    let mut bottom = rect.bottom() - 36.0;
    let player = facts
        .players
        .as_ref()
        .and_then(|players| players.player_at(at));
    if let Some(shares) = player.and_then(|player| channel_shares(facts, player)) {
        let corner = egui::pos2(rect.right() - 28.0, bottom);
        bottom = channel_bars(painter, corner, &shares);
    }
    for reading in readings(facts, look, at).iter().rev() {
        let text = format!("{}: {}", shortened(&reading.name), reading.value);
        let corner = egui::pos2(rect.right() - 28.0, bottom);
        let drawn = marks::patched_text(
            painter,
            corner,
            Align2::RIGHT_BOTTOM,
            &text,
            theme::small(),
            theme::TEXT,
        );
        bottom = drawn.top() - 4.0;
        if bottom < rect.center().y {
            return;
        }
    }
}

/// What each channel contributes to a supervoxel's value, where that is known.
pub fn channel_shares(facts: &Facts, player: usize) -> Option<Vec<(String, f64)>> {
    let class = facts.shown()?.class();
    let modalities = &facts.explanation.as_ref()?.modalities;
    let found = modalities.iter().find(|found| found.class == class)?;
    let shared = found
        .supervoxels
        .iter()
        .find(|shared| shared.player == player)?;
    let names = found.channels.iter().cloned();
    Some(names.zip(shared.shares.iter().copied()).collect())
}

/// A bar and a number for each channel, above a corner. Returns where they begin.
fn channel_bars(painter: &Painter, corner: egui::Pos2, shares: &[(String, f64)]) -> f32 {
    const LONGEST: f32 = 28.0;
    let largest = shares
        .iter()
        .fold(0.0_f64, |most, (_, share)| most.max(share.abs()));
    let mut bottom = corner.y;
    let mut rows = Vec::new();
    for (channel, share) in shares.iter().rev() {
        let drawn = marks::patched_text(
            painter,
            egui::pos2(corner.x, bottom),
            Align2::RIGHT_BOTTOM,
            &format!("{}: {share:+.4}", shortened(channel)),
            theme::small(),
            theme::TEXT,
        );
        bottom = drawn.top() - 4.0;
        rows.push((drawn, if largest > 0.0 { share / largest } else { 0.0 }));
    }
    // One line of zero for all, left of the longest name.
    let left = rows
        .iter()
        .fold(corner.x, |left, (drawn, _)| left.min(drawn.left()));
    let zero = left - 8.0 - LONGEST;
    for (drawn, part) in rows {
        let end = zero + part as f32 * LONGEST;
        let middle = drawn.center().y;
        let bar = Rect::from_x_y_ranges(zero.min(end)..=zero.max(end), middle - 4.0..=middle + 4.0);
        let crate::base::colour::Rgb([r, g, b]) =
            crate::base::colour::diverging(part.signum() * 0.6);
        painter.rect_filled(bar, 1.0, egui::Color32::from_rgb(r, g, b));
        let line = egui::Stroke::new(1.0, theme::TEXT);
        painter.vline(zero, middle - 8.0..=middle + 8.0, line);
    }
    bottom
}

/// A name that leaves room for its value.
pub fn shortened(name: &str) -> String {
    const MOST: usize = 22;
    let count = name.chars().count();
    if count <= MOST {
        return name.to_owned();
    }
    let start: String = name.chars().take(MOST / 2 - 1).collect();
    let end: String = name.chars().skip(count - MOST / 2).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_no_longer_than_they_need_to_be() {
        assert_eq!(number(12.0), "12");
        assert_eq!(number(-0.25), "-0.25");
        assert_eq!(number(f64::NAN), "no value");
        assert_eq!(shortened("image.nii.gz"), "image.nii.gz");
        let long = shortened("sub-001_ses-02_acq-mprage_T1w.nii.gz");
        assert!(
            long.chars().count() <= 22 && long.ends_with("T1w.nii.gz"),
            "{long}"
        );
    }
}
