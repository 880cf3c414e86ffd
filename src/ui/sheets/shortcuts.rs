//! All keys and what the mouse does, from the list of commands.

use egui::{Grid, RichText, ScrollArea, Ui};

use super::Place;
use crate::ui::command::{Command, Menu, all_commands, key_in_words};
use crate::ui::settings::MouseProfile;
use crate::ui::theme;

/// What the mouse does whatever the profile.
const MOUSE: [(&str, &str); 7] = [
    (
        "Click in a slice",
        "move the crosshair, choose a supervoxel",
    ),
    ("Wheel in a slice", "go through the slices"),
    ("Ctrl and wheel, pinch", "zoom"),
    ("Double click", "enlarge a view, or show all again"),
    (
        "Drag the corner of the box",
        "move the region that is explained",
    ),
    ("Drag in 3D", "turn; with Shift or the middle button move"),
    ("Wheel in 3D", "nearer or farther"),
];

/// Keys of the window itself.
const FOCUS: [(&str, &str); 3] = [
    ("Tab, Shift+Tab", "to the next control, to the one before"),
    ("Space or Enter", "press the control that has the focus"),
    ("Arrow keys", "move a slider that has the focus"),
];

pub fn show(ui: &Ui, mouse: MouseProfile, commands: &mut Vec<Command>) {
    super::show(
        ui,
        "Keys and mouse",
        Place::Middle,
        760.0,
        commands,
        |ui, _| {
            ScrollArea::vertical()
                .max_height(super::list_height(ui))
                .auto_shrink([false, true])
                .show(ui, |ui| {
                    let two_columns = ui.available_width() > 640.0;
                    if two_columns {
                        ui.columns(2, |columns| {
                            if let [left, right] = columns {
                                keys(
                                    left,
                                    &[Menu::File, Menu::Edit, Menu::Explanation, Menu::Help],
                                );
                                keys(right, &[Menu::View, Menu::Volume]);
                                mouse_and_focus(right, mouse);
                            }
                        });
                    } else {
                        keys(ui, &Menu::ALL);
                        mouse_and_focus(ui, mouse);
                    }
                });
        },
    );
}

fn keys(ui: &mut Ui, menus: &[Menu]) {
    for menu in menus {
        let rows: Vec<(String, &str)> = all_commands()
            .filter(|entry| entry.menu == *menu && !entry.keys.is_empty())
            .map(|entry| {
                let keys: Vec<String> = entry
                    .keys
                    .iter()
                    .map(|key| key_in_words(ui.ctx(), key))
                    .collect();
                (keys.join(" or "), entry.label.trim_end_matches('…'))
            })
            .collect();
        table(ui, menu.label(), &rows);
    }
}

fn mouse_and_focus(ui: &mut Ui, mouse: MouseProfile) {
    use egui::PointerButton::{Middle, Primary, Secondary};
    let buttons = [
        (Primary, "Drag, left button"),
        (Middle, "Drag, middle button"),
        (Secondary, "Drag, right button"),
    ];
    let drags = buttons.into_iter().filter_map(|(button, name)| {
        let drag = mouse.drag(button)?;
        Some((name.to_owned(), drag.label()))
    });
    let fixed = MOUSE.map(|(gesture, meaning)| (gesture.to_owned(), meaning));
    let rows: Vec<_> = drags.chain(fixed).collect();
    table(
        ui,
        &format!("Mouse ({} profile)", mouse.label().to_lowercase()),
        &rows,
    );
    let rows = FOCUS.map(|(key, meaning)| (key.to_owned(), meaning));
    table(ui, "Controls", &rows);
}

fn table(ui: &mut Ui, title: &str, rows: &[(String, &str)]) {
    ui.label(RichText::new(title).font(theme::heading()).strong());
    let width = ui.available_width();
    Grid::new(title)
        .num_columns(2)
        .spacing([12.0, 3.0])
        .max_col_width(width * 0.55)
        .show(ui, |ui| {
            for (key, meaning) in rows {
                ui.add_sized(
                    [width * 0.4, 18.0],
                    egui::Label::new(RichText::new(key).monospace().color(theme::of(ui).accent))
                        .halign(egui::Align::Min),
                );
                ui.add(egui::Label::new(*meaning).wrap());
                ui.end_row();
            }
        });
    ui.add_space(10.0);
}
