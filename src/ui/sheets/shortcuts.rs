//! All keys and what the mouse does, from the list of commands.

use egui::{RichText, ScrollArea, Ui};

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
                                use Menu::{
                                    Edit, Explanation, File, Help, Layers, Slices, View, Volume,
                                };
                                keys(left, &[File, Edit, View, Explanation, Help]);
                                mouse_and_focus(left, mouse);
                                keys(right, &[Slices, Layers, Volume]);
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
    let keys_width = ui.available_width() * 0.42;
    for (key, meaning) in rows {
        ui.horizontal_top(|ui| {
            let key = ui.label(RichText::new(key).monospace().color(theme::of(ui).accent));
            ui.add_space((keys_width - key.rect.width()).max(0.0));
            ui.add(egui::Label::new(*meaning).wrap());
        });
    }
    ui.add_space(10.0);
}
