//! The built program, run as a user would run it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// Everything an explanation's folder holds, by name.
pub const FOLDER_FILES: [&str; 10] = [
    "attribution.nii.gz",
    "explanation.json",
    "log.voxlog",
    "mask.nii.gz",
    "picture.png",
    "players.csv",
    "report.html",
    "segmentation.nii.gz",
    "standard_error.nii.gz",
    "supervoxels.nii.gz",
];

/// How one run of the program ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The result as JSON; the run must have succeeded.
    pub fn json(&self) -> serde_json::Value {
        self.succeeded();
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }

    pub fn succeeded(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

/// Runs the program on the CPU, without a display, in a folder of its own choice.
pub fn voxplain<S: AsRef<OsStr>>(arguments: &[S]) -> Finished {
    voxplain_in(Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
}

/// Runs the program on the CPU, without a display, in a folder.
pub fn voxplain_in<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Finished {
    let output = Command::new(env!("CARGO_BIN_EXE_voxplain"))
        .args(["--device", "cpu"])
        .args(arguments)
        .current_dir(folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A path as the text of an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
