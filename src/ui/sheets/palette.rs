//! The command palette: find a command by typing some of its letters.

use egui::{Align2, Key, Modifiers, RichText, ScrollArea, Sense, TextEdit, Ui, Vec2};

use super::{Place, Sheet};
use crate::ui::command::{Command, Situation, all_commands, key_in_words};
use crate::ui::settings::RecentScan;
use crate::ui::theme;

/// What was typed, and the line that is chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Palette {
    pub query: String,
    pub chosen: usize,
}

/// One line of the palette.
struct Line {
    label: String,
    place: &'static str,
    key: Option<egui::KeyboardShortcut>,
    command: Command,
    /// Why it cannot be carried out now.
    missing: Option<&'static str>,
}

/// The lines that fit what was typed, the best first; all of them where nothing was.
fn lines(query: &str, now: &Situation, recent: &[RecentScan]) -> Vec<Line> {
    let listed = all_commands()
        .filter(|entry| entry.command != Command::ShowPalette)
        .filter_map(|entry| {
            let place = entry.menu.label();
            let points = score(query, entry.label)
                .map(|points| points + 20)
                .into_iter()
                .chain(score(query, entry.words))
                .chain(score(query, place))
                .max()?;
            let line = Line {
                label: entry.label.to_owned(),
                place,
                key: entry.key(),
                command: entry.command.clone(),
                missing: entry.need.missing(now),
            };
            Some((points, line))
        });
    let opened = recent.iter().filter_map(|scan| {
        let label = format!("Open {}", scan.label());
        let points = score(query, &label)?;
        let line = Line {
            label,
            place: "Recent",
            key: None,
            command: Command::OpenRecent(scan.clone()),
            missing: None,
        };
        Some((points, line))
    });
    let mut found: Vec<_> = listed.chain(opened).collect();
    if !query.trim().is_empty() {
        // What cannot be done now comes after what can.
        found.sort_by_key(|(points, line)| {
            std::cmp::Reverse(points - if line.missing.is_some() { 8 } else { 0 })
        });
    }
    found.into_iter().map(|(_, line)| line).collect()
}

/// How well a text fits what was typed; `None` where a letter is missing. Every word of
/// the query must be found, in any order; letters in a row and at the starts of words
/// count most.
pub fn score(query: &str, text: &str) -> Option<i32> {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    query
        .to_lowercase()
        .split_whitespace()
        .map(|word| score_word(word, &text))
        .sum()
}

fn score_word(word: &str, text: &[char]) -> Option<i32> {
    let starts =
        (0..text.len()).filter(|&at| word.starts_with(text.get(at).copied().unwrap_or(' ')));
    starts.filter_map(|at| score_from(word, text, at)).max()
}

/// The score of a word whose first letter is at `first`.
fn score_from(word: &str, text: &[char], first: usize) -> Option<i32> {
    let mut points = 0;
    let mut at = first;
    let mut last: Option<usize> = None;
    for letter in word.chars() {
        let found = at + text.get(at..)?.iter().position(|&other| other == letter)?;
        let begins_word = found
            .checked_sub(1)
            .and_then(|before| text.get(before))
            .is_none_or(|before| !before.is_alphanumeric());
        points += match last {
            Some(last) if found == last + 1 => 6,
            _ if begins_word => 5,
            Some(last) => 1 - (found - last).min(4) as i32,
            None => 0,
        };
        last = Some(found);
        at = found + 1;
    }
    Some(points)
}

/// Shows the palette. What is chosen closes it.
pub fn show(
    ui: &Ui,
    palette: &mut Palette,
    now: &Situation,
    recent: &[RecentScan],
    commands: &mut Vec<Command>,
) {
    super::show(
        ui,
        "Find a command",
        Place::Top,
        560.0,
        commands,
        |ui, commands| {
            let before = palette.query.clone();
            // The field must not see the keys that move through the list.
            let (down, up, enter) = ui.input_mut(|input| {
                (
                    input.count_and_consume_key(Modifiers::NONE, Key::ArrowDown),
                    input.count_and_consume_key(Modifiers::NONE, Key::ArrowUp),
                    input.consume_key(Modifiers::NONE, Key::Enter),
                )
            });
            let field = ui.add(
                TextEdit::singleline(&mut palette.query)
                    .hint_text("Type some letters, for example “window” or “dicom”")
                    .desired_width(f32::INFINITY),
            );
            field.request_focus();
            let found = lines(&palette.query, now, recent);
            if palette.query != before {
                palette.chosen = 0;
            }
            let last = found.len().saturating_sub(1);
            let moved = down != up;
            palette.chosen = (palette.chosen + down).saturating_sub(up).min(last);
            ui.add_space(6.0);
            if found.is_empty() {
                ui.label(RichText::new("No command has these letters.").color(theme::of(ui).quiet));
                return;
            }
            let mut picked = enter.then_some(palette.chosen);
            ScrollArea::vertical()
                .max_height(super::list_height(ui).min(420.0))
                .auto_shrink([false, true])
                .show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 1.0;
                    for (index, line) in found.iter().enumerate() {
                        let chosen = index == palette.chosen;
                        if line_of(ui, line, chosen, chosen && moved) {
                            picked = Some(index);
                        }
                    }
                });
            if let Some(line) = picked.and_then(|index| found.get(index)) {
                commands.push(Command::CloseSheet);
                commands.push(line.command.clone());
            }
        },
    );
}

/// Draws a line; whether it was clicked.
fn line_of(ui: &mut Ui, line: &Line, chosen: bool, scroll_here: bool) -> bool {
    let colours = theme::of(ui);
    let height = if line.missing.is_some() { 40.0 } else { 28.0 };
    let (rect, response) =
        ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::click());
    let key = line.key.map(|key| key_in_words(ui.ctx(), &key));
    let name = line.label.clone();
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, chosen, &name));
    if scroll_here {
        response.scroll_to_me(None);
    }
    let fill = if chosen {
        colours.accent_fill
    } else if response.hovered() {
        colours.hovered
    } else {
        colours.panel
    };
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 5.0, fill);
    let quiet = if chosen { colours.text } else { colours.quiet };
    let (text, top) = match line.missing {
        Some(_) => (quiet, rect.top() + 13.0),
        None => (colours.text, rect.center().y),
    };
    let left = rect.left() + 10.0;
    painter.text(
        egui::pos2(left, top),
        Align2::LEFT_CENTER,
        &line.label,
        theme::body(),
        text,
    );
    if let Some(why) = line.missing {
        let at = egui::pos2(left, rect.bottom() - 12.0);
        painter.text(at, Align2::LEFT_CENTER, why, theme::small(), quiet);
    }
    let right = egui::pos2(rect.right() - 10.0, rect.center().y);
    let beside = key.map_or_else(
        || line.place.to_owned(),
        |key| format!("{}   {key}", line.place),
    );
    painter.text(right, Align2::RIGHT_CENTER, beside, theme::small(), quiet);
    response.clicked()
}

impl Sheet {
    /// A palette with nothing typed.
    pub fn palette() -> Self {
        Self::Palette(Palette::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(query: &str) -> String {
        let now = Situation {
            scan: true,
            ..Situation::default()
        };
        lines(query, &now, &[])
            .first()
            .map(|line| line.label.clone())
            .unwrap_or_default()
    }

    #[test]
    fn letters_in_order_find_and_others_do_not() {
        assert!(score("opsc", "Open scan…").is_some());
        assert!(score("zq", "Open scan…").is_none());
        assert!(score("scan open", "Open scan…").is_some());
        assert_eq!(score("", "anything"), Some(0));
    }

    #[test]
    fn what_people_type_finds_what_they_mean() {
        for (query, label) in [
            ("open", "Open scan…"),
            ("dicom", "Open DICOM folder…"),
            ("demo", "Open the demonstration"),
            ("screenshot", "Save a picture…"),
            ("neuro", "Swap left and right of the screen"),
            ("theme light", "Light colours"),
            ("auto win", "Automatic window"),
            ("prefer", "Settings…"),
            ("enl3", "Enlarge 3D"),
            ("SHORTCUTS", "Keys and mouse"),
        ] {
            assert_eq!(best(query), label, "{query}");
        }
    }

    #[test]
    fn every_command_is_found_by_its_own_name() {
        for entry in all_commands() {
            if entry.command != Command::ShowPalette {
                assert_eq!(best(entry.label), entry.label);
            }
        }
    }

    #[test]
    fn a_recent_scan_is_found_by_its_name() {
        let file = crate::engine::ScanFile::from(std::path::PathBuf::from("/x/patient7.nii.gz"));
        let recent = [RecentScan::new(
            &[file],
            &crate::engine::ModelSource::at("/m"),
        )];
        let found = lines("patient7", &Situation::default(), &recent);
        assert_eq!(found[0].command, Command::OpenRecent(recent[0].clone()));
    }
}
