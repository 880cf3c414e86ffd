//! `voxplain [SCAN…]`: the window, and the same job headless where there is none.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Common;
use super::explain::{self, Explain};
use super::study::{StudyArguments, StudyOptions};
use super::supervoxels::SupervoxelArguments;
use crate::engine::{ComputeOptions, DeviceChoice, ModelSource, RegionChoice, ScanFile, assets};

#[derive(Debug, Args)]
pub(crate) struct Open {
    /// Scans to open in the window; none opens the demonstration
    #[arg(value_name = "SCAN")]
    scans: Vec<PathBuf>,
    /// Model: a folder with bundle.json, a MONAI bundle's folder, or a weights file
    /// (.pt, .pth, .safetensors) with --preset (default: the demonstration's)
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    #[command(flatten)]
    options: StudyOptions,
}

impl Open {
    /// Whether anything was said to open.
    pub(crate) fn is_given(&self) -> bool {
        let options = &self.options;
        !self.scans.is_empty()
            || self.model.is_some()
            || !options.channels.is_empty()
            || options.model.preset.is_some()
            || options.model.merge_order.is_some()
    }
}

/// What the window needs on Debian and Ubuntu, as the README says it.
const WINDOW_PACKAGES: &str = "libvulkan1 mesa-vulkan-drivers libegl1 libgl1-mesa-dri libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon0 libxkbcommon-x11-0 libwayland-client0";

/// What a window should open with.
#[derive(Debug, Clone)]
pub struct WindowRequest {
    /// Scans to open; none means the demonstration.
    pub scans: Vec<ScanFile>,
    pub model: Option<ModelSource>,
    pub device: DeviceChoice,
    pub compute: ComputeOptions,
}

/// Why there is no window, or none any more.
#[derive(Debug, Clone)]
pub struct NoWindow {
    pub why: String,
    pub was_open: bool,
}

/// Opens a window and returns when it is closed.
pub type OpenWindow<'a> = &'a dyn Fn(WindowRequest) -> Result<(), NoWindow>;

pub(crate) fn run(
    arguments: &Open,
    common: &Common,
    open_window: OpenWindow<'_>,
) -> anyhow::Result<()> {
    let request = WindowRequest {
        scans: arguments.options.files(&arguments.scans),
        model: arguments
            .model
            .clone()
            .map(|path| arguments.options.model.source(path)),
        device: common.device_choice(),
        compute: common.compute_options(),
    };
    let why = match open_window(request) {
        Ok(()) => return Ok(()),
        Err(none) if none.was_open => anyhow::bail!(none.why),
        Err(none) => none.why,
    };
    let install = if cfg!(target_os = "linux") {
        format!("on Debian or Ubuntu install {WINDOW_PACKAGES} and start it on a desktop")
    } else {
        "update the graphics driver".to_owned()
    };
    let folder = headless_folder(&arguments.options.paths(&arguments.scans));
    eprintln!(
        "voxplain: no window can be opened ({why}); for the window {install}. Doing the same job without it, into {}",
        folder.display()
    );
    let nothing = arguments.scans.is_empty() && arguments.options.channels.is_empty();
    let scans = if nothing {
        vec![assets::demonstration_scan()]
    } else {
        arguments.scans.clone()
    };
    let study = StudyArguments {
        scans,
        model: arguments.model.clone(),
        region: RegionChoice::Automatic,
    };
    explain::run(
        &Explain::first_look(
            study,
            arguments.options.clone(),
            SupervoxelArguments::first_look(),
            folder,
        ),
        common,
    )
}

/// A folder of this job's own in the working folder.
fn headless_folder(scans: &[PathBuf]) -> PathBuf {
    let name = scans.first().and_then(|path| path.file_name()).map_or_else(
        || "demonstration".to_owned(),
        |name| {
            let name = name.to_string_lossy();
            name.split('.').next().unwrap_or("scan").to_owned()
        },
    );
    Path::new(&format!("voxplain-{name}")).to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_packages_are_those_of_the_readme() {
        let line = format!("sudo apt-get install -y {}\n", super::WINDOW_PACKAGES);
        assert!(include_str!("../../README.md").contains(&line));
    }
}
