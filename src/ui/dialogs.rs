//! The system's file dialogs, asked on a thread of their own.

use std::path::PathBuf;

use crate::engine::{ModelSource, Slot};
use crate::ui::command::{Command, Shot};
use crate::ui::view_command::ViewCommand;

/// Opens dialogs and keeps the answer until the window asks for it.
pub struct Dialogs {
    answer: Slot<Command>,
    ctx: egui::Context,
    /// Where the next dialog starts.
    pub folder: Option<PathBuf>,
}

/// How the names of scans end. What a file is, its content says.
const SCAN_ENDINGS: &[&str] = &[
    "nii", "gz", "hdr", "img", "dcm", "ima", "nrrd", "nhdr", "mha", "mhd", "npy",
];

impl Dialogs {
    pub fn new(ctx: &egui::Context) -> Self {
        Self {
            answer: Slot::default(),
            ctx: ctx.clone(),
            folder: None,
        }
    }

    /// Answers to another window.
    pub fn move_to(&mut self, ctx: &egui::Context) {
        self.ctx = ctx.clone();
    }

    /// What the user chose, once there is an answer.
    pub fn take_answer(&self) -> Option<Command> {
        self.answer.take()
    }

    pub fn choose_scan(&self) {
        self.ask(|dialog| {
            dialog
                .set_title("Open scan")
                .add_filter("Scans", SCAN_ENDINGS)
                .add_filter("All files", &["*"])
                .pick_files()
                .map(|paths| Command::OpenScan(paths.into_iter().map(Into::into).collect()))
        });
    }

    pub fn choose_overlay(&self) {
        self.ask(|dialog| {
            dialog
                .set_title("Add a label map or another scan")
                .add_filter("Label maps and scans", SCAN_ENDINGS)
                .add_filter("All files", &["*"])
                .pick_file()
                .map(|path| Command::View(ViewCommand::OpenOverlay(path.into())))
        });
    }

    pub fn choose_scan_folder(&self) {
        self.ask(|dialog| {
            dialog
                .set_title("Open the folder of a DICOM series")
                .pick_folder()
                .map(|folder| Command::OpenScan(vec![folder.into()]))
        });
    }

    pub fn choose_model(&self) {
        self.ask(|dialog| {
            dialog
                .set_title("Choose a model folder (bundle.json or MONAI bundle)")
                .pick_folder()
                .map(|folder| Command::OpenModel(folder.into()))
        });
    }

    /// Asks for weights that are used as a preset says.
    pub fn choose_weights(&self, preset: &'static str) {
        self.ask(move |dialog| {
            dialog
                .set_title("Choose weights of a Swin UNETR")
                .add_filter("Weights", &["pt", "pth", "safetensors"])
                .add_filter("All files", &["*"])
                .pick_file()
                .map(|path| {
                    Command::OpenModel(ModelSource {
                        preset: Some(preset.to_owned()),
                        ..ModelSource::at(path)
                    })
                })
        });
    }

    pub fn choose_save_folder(&self) {
        self.ask(|dialog| {
            dialog
                .set_title("Choose a folder for the explanation")
                .pick_folder()
                .map(Command::Save)
        });
    }

    /// Asks where a picture goes.
    pub fn choose_picture_file(&self, shot: Shot) {
        self.ask(move |dialog| {
            dialog
                .set_title("Save a picture")
                .set_file_name("voxplain.png")
                .add_filter("PNG pictures", &["png"])
                .save_file()
                .map(|path| Command::SaveScreenshot(path, shot))
        });
    }

    fn ask(&self, choose: impl FnOnce(rfd::FileDialog) -> Option<Command> + Send + 'static) {
        let (answer, ctx) = (self.answer.clone(), self.ctx.clone());
        let folder = self.folder.clone().filter(|folder| folder.is_dir());
        let spawned = std::thread::Builder::new()
            .name("voxplain-dialog".into())
            .spawn(move || {
                let mut dialog = rfd::FileDialog::new();
                if let Some(folder) = folder {
                    dialog = dialog.set_directory(folder);
                }
                if let Some(command) = choose(dialog) {
                    answer.put(command);
                    ctx.request_repaint();
                }
            });
        if let Err(error) = spawned {
            tracing::warn!("no thread for a file dialog: {error}");
        }
    }
}
