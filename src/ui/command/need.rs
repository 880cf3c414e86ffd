//! When a command can be carried out, and the reason when it cannot.

/// What a command needs before it can do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// An open scan.
    Scan,
    /// A segmented scan with supervoxels, and no other work under way.
    ReadyToExplain,
    /// An explanation that runs.
    RunningExplanation,
    FinishedExplanation,
    /// The same, while nothing else runs.
    IdleWithExplanation,
    /// Work that can be cancelled, or a message that can be closed.
    SomethingToCancel,
    Message,
    Undoable,
    Redoable,
    RecentFiles,
}

/// What is so in the window, as far as commands depend on it.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    pub scan: bool,
    pub segmented: bool,
    pub supervoxels: bool,
    /// Something is opened, loaded, segmented or saved.
    pub working: bool,
    pub explaining: bool,
    pub finished_explanation: bool,
    pub message: bool,
    /// What would be undone and redone, in words.
    pub undo: Option<&'static str>,
    pub redo: Option<&'static str>,
    pub recent_files: bool,
}

impl Need {
    /// Why a command cannot be carried out now; `None` where it can.
    pub fn missing(self, now: &Situation) -> Option<&'static str> {
        let (met, why) = match self {
            Self::Nothing => return None,
            Self::Scan => (now.scan, "Open a scan first."),
            Self::ReadyToExplain => return missing_for_explanation(now),
            Self::RunningExplanation => (now.explaining, "No explanation is running."),
            Self::FinishedExplanation => (
                now.finished_explanation,
                "There is no finished explanation yet.",
            ),
            Self::IdleWithExplanation => (
                now.finished_explanation && !now.working && !now.explaining,
                "There is no finished explanation to go on with.",
            ),
            Self::SomethingToCancel => (
                now.working || now.explaining || now.message,
                "Nothing is running.",
            ),
            Self::Message => (now.message, "There is no message to close."),
            Self::Undoable => (now.undo.is_some(), "There is nothing to undo."),
            Self::Redoable => (now.redo.is_some(), "There is nothing to redo."),
            Self::RecentFiles => (now.recent_files, "No scan has been opened yet."),
        };
        (!met).then_some(why)
    }
}

fn missing_for_explanation(now: &Situation) -> Option<&'static str> {
    if !now.scan {
        Some("Open a scan first.")
    } else if now.working {
        Some("Wait until the scan is segmented, or cancel that.")
    } else if !now.segmented {
        Some("The scan is not segmented yet.")
    } else if !now.supervoxels {
        Some("The supervoxels are being found.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_says_what_it_waits_for() {
        let mut now = Situation::default();
        let mut reasons = Vec::new();
        for _ in 0..5 {
            let missing = Need::ReadyToExplain.missing(&now);
            reasons.extend(missing);
            match reasons.len() {
                1 => (now.scan, now.working) = (true, true),
                2 => now.working = false,
                3 => now.segmented = true,
                _ => now.supervoxels = true,
            }
            if missing.is_none() {
                break;
            }
        }
        assert_eq!(reasons.len(), 4, "{reasons:?}");
        reasons.dedup();
        assert_eq!(reasons.len(), 4, "each step has its own reason");
        assert_eq!(Need::ReadyToExplain.missing(&now), None);
    }
}
