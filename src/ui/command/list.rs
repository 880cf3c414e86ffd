//! The one list of commands: where each stands in the menus, its key, the other words
//! by which the palette finds it, and what it needs.
//!
//! To add a command, add its variant to [`Command`], a line in `window_commands` or
//! `view_commands`, and what it does in `app`. Menus, keys, palette and the sheet of keys follow; the tests walk this
//! list.

use egui::{Key, KeyboardShortcut, Modifiers};

use super::view_commands::VIEW_COMMANDS;
use super::window_commands::WINDOW_COMMANDS;
use super::{Command, Need, Situation};

/// The menus, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    File,
    Edit,
    View,
    Slices,
    Layers,
    Volume,
    Explanation,
    Help,
}

impl Menu {
    pub const ALL: [Self; 8] = [
        Self::File,
        Self::Edit,
        Self::View,
        Self::Slices,
        Self::Layers,
        Self::Volume,
        Self::Explanation,
        Self::Help,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Edit => "Edit",
            Self::View => "View",
            Self::Slices => "Slices",
            Self::Layers => "Layers",
            Self::Volume => "3D",
            Self::Explanation => "Explanation",
            Self::Help => "Help",
        }
    }
}

/// One command of the list.
#[derive(Debug)]
pub struct Entry {
    pub command: Command,
    pub menu: Menu,
    pub label: &'static str,
    /// The first is the one that menus show.
    pub keys: &'static [KeyboardShortcut],
    /// Other words that people use for it.
    pub words: &'static str,
    pub need: Need,
    /// Whether a line is drawn above it in its menu.
    pub starts_group: bool,
}

impl Entry {
    pub(super) const fn keys(mut self, keys: &'static [KeyboardShortcut]) -> Self {
        self.keys = keys;
        self
    }

    pub(super) const fn words(mut self, words: &'static str) -> Self {
        self.words = words;
        self
    }

    pub(super) const fn needs(mut self, need: Need) -> Self {
        self.need = need;
        self
    }

    pub(super) const fn new_group(mut self) -> Self {
        self.starts_group = true;
        self
    }

    /// The label, with what would be undone.
    pub fn label_in(&self, now: &Situation) -> String {
        match (&self.command, now.undo, now.redo) {
            (Command::Undo, Some(what), _) | (Command::Redo, _, Some(what)) => {
                format!("{} {what}", self.label)
            }
            _ => self.label.to_owned(),
        }
    }

    pub fn key(&self) -> Option<KeyboardShortcut> {
        self.keys.first().copied()
    }
}

pub(super) const fn entry(menu: Menu, label: &'static str, command: Command) -> Entry {
    Entry {
        command,
        menu,
        label,
        keys: &[],
        words: "",
        need: Need::Nothing,
        starts_group: false,
    }
}

pub(super) const fn plain(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

pub(super) const fn control(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

pub(super) const fn shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::SHIFT, key)
}

pub(super) const fn control_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

/// All commands that have a place in the menus, in their order.
pub fn all_commands() -> impl Iterator<Item = &'static Entry> {
    WINDOW_COMMANDS.iter().chain(VIEW_COMMANDS)
}

/// The list's line for a command.
pub fn entry_of(command: &Command) -> Option<&'static Entry> {
    all_commands().find(|entry| entry.command == *command)
}

/// All keys with their commands. Those with more modifiers come first, because a key
/// also counts as pressed where Shift is held besides.
pub fn keys_by_precision() -> Vec<(KeyboardShortcut, &'static Entry)> {
    let mut keys: Vec<_> = all_commands()
        .flat_map(|entry| entry.keys.iter().map(move |key| (*key, entry)))
        .collect();
    let held = |key: &KeyboardShortcut| {
        let modifiers = key.modifiers;
        u8::from(modifiers.shift) + u8::from(modifiers.alt) + u8::from(modifiers.command)
    };
    keys.sort_by_key(|(key, _)| std::cmp::Reverse(held(key)));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_key() {
        for entry in all_commands() {
            assert!(entry.key().is_some(), "{}", entry.label);
        }
    }

    #[test]
    fn no_key_and_no_name_means_two_things() {
        let keys = keys_by_precision();
        for (i, (a, entry)) in keys.iter().enumerate() {
            for (b, other) in &keys[i + 1..] {
                assert_ne!(a, b, "{} and {}", entry.label, other.label);
            }
        }
        for (i, entry) in all_commands().enumerate() {
            for other in all_commands().skip(i + 1) {
                assert_ne!(entry.label, other.label);
                assert_ne!(entry.command, other.command);
            }
            assert_eq!(entry_of(&entry.command).unwrap().label, entry.label);
        }
        for menu in Menu::ALL {
            assert!(all_commands().any(|entry| entry.menu == menu), "{menu:?}");
        }
    }

    #[test]
    fn what_is_held_besides_a_key_decides_first() {
        let keys = keys_by_precision();
        let place = |wanted| keys.iter().position(|(key, _)| *key == wanted).unwrap();
        assert!(place(control_shift(Key::O)) < place(control(Key::O)));
        assert!(place(control_shift(Key::Z)) < place(control(Key::Z)));
    }
}
