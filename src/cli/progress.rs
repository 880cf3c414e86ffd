//! One line of progress on standard error.

use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use crate::base::Progress;

/// Draws progress: a line that is redrawn on a terminal, now and then a line elsewhere.
pub(crate) struct ProgressLine {
    terminal: bool,
    last: Option<(Instant, String)>,
    width: usize,
}

impl ProgressLine {
    pub(crate) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            last: None,
            width: 0,
        }
    }

    /// Shows how far a phase is.
    pub(crate) fn show(&mut self, progress: Progress) {
        let detail = match progress.total {
            0 => String::new(),
            total => format!("{} of {total}", progress.done),
        };
        self.draw(progress.phase.label(), progress.fraction(), &detail);
    }

    /// Shows a name, a bar if the share is known, and details.
    pub(crate) fn draw(&mut self, name: &str, fraction: Option<f64>, detail: &str) {
        let interval = Duration::from_millis(if self.terminal { 80 } else { 5000 });
        let now = Instant::now();
        let finished = fraction.is_some_and(|fraction| fraction >= 1.0);
        if let Some((at, last_name)) = &self.last
            && last_name == name
            && now.duration_since(*at) < interval
            && !finished
        {
            return;
        }
        self.last = Some((now, name.to_owned()));
        let bar = fraction
            .map(|fraction| bar(fraction, 24))
            .unwrap_or_default();
        let line = [name, bar.as_str(), detail]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("  ");
        let mut error = std::io::stderr().lock();
        // Progress that cannot be written is no reason to stop.
        let _ = if self.terminal {
            let padding = self.width.saturating_sub(line.chars().count());
            self.width = line.chars().count();
            write!(error, "\r{line}{:padding$}", "")
        } else {
            writeln!(error, "{line}")
        };
        let _ = error.flush();
    }

    /// Leaves the line as it is and goes to the next.
    pub(crate) fn end(&mut self) {
        if self.terminal && self.last.is_some() {
            eprintln!();
        }
        self.last = None;
        self.width = 0;
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.end();
    }
}

fn bar(fraction: f64, width: usize) -> String {
    let filled = (fraction * width as f64).round() as usize;
    format!(
        "[{}{}] {:3.0} %",
        "#".repeat(filled),
        "-".repeat(width - filled.min(width)),
        fraction * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_one_width() {
        assert_eq!(bar(0.0, 10), "[----------]   0 %");
        assert_eq!(bar(0.5, 10), "[#####-----]  50 %");
        assert_eq!(bar(1.0, 10), "[##########] 100 %");
    }
}
