//! The file that settings are kept in, and the marker of a run that did not end well.
//!
//! Settings are a convenience: whatever is wrong with their file is a note, and the
//! window opens all the same.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use super::Settings;
use crate::engine::write_bytes;

/// Version of the settings' format that this program writes.
pub const VERSION: u32 = 1;

const FILE: &str = "settings.json";

/// Where settings that could not be read are put aside.
const BROKEN_FILE: &str = "settings.broken.json";

/// A file that is there while the window is open.
const RUNNING_FILE: &str = "running";

/// The folder of this program's settings: `$XDG_CONFIG_HOME/voxplain` or
/// `~/.config/voxplain`, `~/Library/Application Support/voxplain` on macOS,
/// `%APPDATA%\voxplain` on Windows.
pub fn settings_folder() -> Option<PathBuf> {
    folder_by(|name| std::env::var_os(name), std::env::consts::OS)
}

fn folder_by(variable: impl Fn(&str) -> Option<OsString>, system: &str) -> Option<PathBuf> {
    let folder = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = match system {
        "windows" => folder("APPDATA"),
        "macos" => folder("HOME").map(|home| home.join("Library").join("Application Support")),
        _ => folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config"))),
    };
    base.map(|base| base.join("voxplain"))
}

/// Reads and writes the settings of one folder; without a folder it forgets them.
#[derive(Debug)]
pub struct SettingsStore {
    folder: Option<PathBuf>,
    /// What the file holds, or will once the thread that writes it is done.
    written: Settings,
    writing: Option<JoinHandle<Result<(), String>>>,
    /// A newer program's file is left as it is.
    read_only: bool,
}

impl SettingsStore {
    /// Reads the settings of a folder. The text says what was wrong with them, if
    /// anything was.
    pub fn open(folder: Option<PathBuf>) -> (Self, Settings, Option<String>) {
        let (settings, note) = folder.as_deref().map_or_else(Default::default, read);
        let store = Self {
            folder,
            written: settings.clone(),
            writing: None,
            read_only: settings.version > VERSION,
        };
        (store, settings, note)
    }

    /// The settings of a folder as far as they can be read, without a trace.
    pub fn peek(folder: Option<&Path>) -> Settings {
        folder
            .and_then(|folder| fs::read_to_string(folder.join(FILE)).ok())
            .and_then(|text| serde_json::from_str::<Settings>(&text).ok())
            .unwrap_or_default()
            .made_sound()
    }

    /// The folder, in words.
    pub fn place(&self) -> Option<String> {
        let folder = self.folder.as_ref().filter(|_| !self.read_only)?;
        Some(folder.display().to_string())
    }

    /// Has the settings written on a thread, if they are not those of the file. The
    /// error, in one line, is that of the last time.
    pub fn keep(&mut self, settings: &Settings) -> Result<(), String> {
        if self
            .writing
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
        {
            return Ok(());
        }
        self.finish()?;
        let Some(folder) = self.folder.clone() else {
            return Ok(());
        };
        if self.read_only || *settings == self.written {
            return Ok(());
        }
        self.written = settings.clone();
        let settings = settings.clone();
        let thread = std::thread::Builder::new()
            .name("voxplain-settings".into())
            .spawn(move || write(&folder, &settings));
        self.writing = Some(thread.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Waits until what was to be kept is written.
    pub fn finish(&mut self) -> Result<(), String> {
        self.writing
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or(Ok(()))
    }

    /// Marks that a window is open, and tells whether the last one did not close.
    pub fn begin_run(&self) -> bool {
        let Some(folder) = &self.folder else {
            return false;
        };
        let marker = folder.join(RUNNING_FILE);
        let broke = fs::read_to_string(&marker).is_ok_and(|process| !is_running(&process));
        let text = std::process::id().to_string();
        if let Err(error) = fs::create_dir_all(folder).and_then(|()| fs::write(&marker, text)) {
            tracing::warn!("no note of this run could be made: {error}");
        }
        broke
    }

    /// The window was closed as windows are.
    pub fn end_run(&self) {
        if let Some(folder) = &self.folder {
            let _ = fs::remove_file(folder.join(RUNNING_FILE));
        }
    }
}

fn write(folder: &Path, settings: &Settings) -> Result<(), String> {
    let text = serde_json::to_vec_pretty(settings).map_err(|error| error.to_string());
    text.and_then(|text| {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        write_bytes(&folder.join(FILE), &text).map_err(|error| error.to_string())
    })
    .map_err(|why| format!("The settings could not be saved: {why}"))
}

/// Whether the process of a marker is still there: then two windows are open.
fn is_running(process: &str) -> bool {
    let process = process.trim();
    let number = process.parse::<u32>();
    cfg!(target_os = "linux")
        && number.is_ok_and(|number| number != std::process::id())
        && fs::read_to_string(Path::new("/proc").join(process).join("comm"))
            .is_ok_and(|name| name.starts_with("voxplain"))
}

fn read(folder: &Path) -> (Settings, Option<String>) {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Default::default(),
        Err(error) => {
            let note = format!(
                "The settings cannot be read ({error}); the window opens with its defaults: {}",
                path.display()
            );
            return (Settings::default(), Some(note));
        }
    };
    match serde_json::from_str::<Settings>(&text) {
        Ok(settings) if settings.version > VERSION => (
            settings.made_sound(),
            Some(
                "The settings are those of a newer version of this program. What is known of them is used, and they are left as they are."
                    .to_owned(),
            ),
        ),
        Ok(settings) => (settings.made_sound(), None),
        Err(error) => {
            let kept = fs::rename(&path, folder.join(BROKEN_FILE)).is_ok();
            let place = if kept { BROKEN_FILE } else { FILE };
            let note = format!(
                "The settings could not be understood ({error}); the window opens with its defaults. The old ones are in {}",
                folder.join(place).display()
            );
            (Settings::default(), Some(note))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::settings::ThemeChoice;

    fn keep(store: &mut SettingsStore, settings: &Settings) {
        store.keep(settings).unwrap();
        store.finish().unwrap();
    }

    fn open(folder: &Path) -> (SettingsStore, Settings, Option<String>) {
        SettingsStore::open(Some(folder.to_owned()))
    }

    #[test]
    fn settings_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("not yet there");
        let (mut store, mut settings, note) = open(&folder);
        assert_eq!((settings.clone(), note), (Settings::default(), None));
        settings.theme = ThemeChoice::Light;
        settings.text_scale = 1.25;
        settings.layout = Some(serde_json::json!({"kind": "four"}));
        keep(&mut store, &settings);
        let (_, read, note) = open(&folder);
        assert_eq!((read, note), (settings, None));
    }

    #[test]
    fn a_broken_file_is_a_note_and_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{\"theme\": \"purple\"").unwrap();
        let (mut store, mut settings, note) = open(folder.path());
        assert_eq!(settings, Settings::default());
        assert!(note.unwrap().contains(BROKEN_FILE));
        assert!(folder.path().join(BROKEN_FILE).is_file());
        settings.text_scale = 1.5;
        keep(&mut store, &settings);
        let (_, read, note) = open(folder.path());
        assert_eq!((read, note), (settings, None));
    }

    #[test]
    fn a_newer_file_is_used_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let text = r#"{"version": 99, "theme": "light", "hologram": true}"#;
        fs::write(&path, text).unwrap();
        let (mut store, mut settings, note) = open(folder.path());
        assert_eq!(settings.theme, ThemeChoice::Light);
        assert!(note.unwrap().contains("newer version"));
        settings.text_scale = 1.5;
        keep(&mut store, &settings);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn fields_of_another_version_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, r#"{"version": 1, "hologram": true}"#).unwrap();
        let (mut store, mut settings, _) = open(folder.path());
        settings.text_scale = 1.5;
        keep(&mut store, &settings);
        assert!(fs::read_to_string(&path).unwrap().contains("hologram"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_said_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let (mut store, mut settings, _) = open(&file);
        settings.text_scale = 1.5;
        store.keep(&settings).unwrap();
        let why = store.finish().unwrap_err();
        assert!(why.starts_with("The settings could not be saved"), "{why}");
        assert_eq!(store.keep(&settings), Ok(()));
        assert_eq!(store.finish(), Ok(()));
    }

    #[test]
    fn a_run_that_did_not_end_is_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _, _) = open(folder.path());
        assert!(!store.begin_run());
        store.end_run();
        assert!(!store.begin_run());
        // The next run finds the marker of a process that is gone.
        fs::write(folder.path().join(RUNNING_FILE), "0").unwrap();
        assert!(store.begin_run());
        store.end_run();
        assert!(!store.begin_run());
        let (nowhere, _, _) = SettingsStore::open(None);
        assert!(!nowhere.begin_run() && !nowhere.begin_run());
    }

    #[test]
    fn each_system_has_its_folder() {
        let variables = |name: &str| match name {
            "HOME" => Some(OsString::from("/home/me")),
            "XDG_CONFIG_HOME" => Some(OsString::from("/config")),
            _ => None,
        };
        let only_home = |name: &str| variables(name).filter(|_| name == "HOME");
        let relative = |_: &str| Some(OsString::from("here"));
        assert_eq!(
            folder_by(variables, "linux"),
            Some("/config/voxplain".into())
        );
        assert_eq!(
            folder_by(only_home, "linux"),
            Some("/home/me/.config/voxplain".into())
        );
        assert_eq!(
            folder_by(only_home, "macos"),
            Some("/home/me/Library/Application Support/voxplain".into())
        );
        assert_eq!(folder_by(variables, "windows"), None);
        assert_eq!(folder_by(relative, "linux"), None);
    }
}
