//! The program: the command line, the window for those who ask for none of its
//! subcommands, and the exit code.

use std::process::ExitCode;

use voxplain::cli::{self, MeasureRequest, Measured, NoWindow, WindowRequest};
use voxplain::ui::{self, Launch, WindowError, WindowLoad};

fn main() -> ExitCode {
    cli::main(&open_window, &measure_window)
}

fn open_window(request: WindowRequest) -> Result<(), NoWindow> {
    let launch = Launch {
        explain_at_once: request.scans.is_empty(),
        scan: request.scans,
        model: request.model,
        compute: request.compute,
        ..Launch::demonstration(request.device)
    };
    ui::run(launch).map_err(|error| NoWindow {
        was_open: matches!(error, WindowError::Broke(_)),
        why: error.to_string(),
    })
}

fn measure_window(request: MeasureRequest) -> Result<Measured, String> {
    let times = ui::measure(&WindowLoad {
        supervoxels: request.supervoxels,
        seconds: request.seconds,
        on_device: request.on_device,
        size: request.size,
        network: request.network,
        compute: request.compute,
    })?;
    Ok(Measured {
        view_device: times.view_device,
        supervoxels: times.supervoxels,
        evaluations: times.evaluations,
        wall_ms: times.wall_ms,
    })
}
