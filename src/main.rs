//! The program: the command line, the window for those who ask for none of its
//! subcommands, and the exit code.

use std::process::ExitCode;

use voxplain::cli::{self, NoWindow, WindowRequest};
use voxplain::ui::{self, Launch, WindowError};

fn main() -> ExitCode {
    cli::main(&|request: WindowRequest| {
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
    })
}
