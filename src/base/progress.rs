//! Progress, pausing and cancelling of long work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The work was stopped because someone asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// A switch that stops work at its next safe point. Clones share the switch.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// The switch itself, for a signal handler: true means cancel.
    pub fn switch(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// An error if the work should stop; call it between windows, slices, evaluations.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() {
            Err(Cancelled)
        } else {
            Ok(())
        }
    }
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Opening,
    LoadingModel,
    /// The first run of a network on a GPU, while its kernels are compiled and tuned.
    Preparing,
    Segmenting,
    Supervoxels,
    Explaining,
    /// Runs of the network that put an explanation to the test.
    Evidence,
    Saving,
}

impl Phase {
    /// The phase in words for a progress line, in sentence case.
    pub fn label(self) -> &'static str {
        match self {
            Self::Opening => "Opening the scan",
            Self::LoadingModel => "Loading the model",
            Self::Preparing => "Preparing the model (first run)",
            Self::Segmenting => "Segmenting",
            Self::Supervoxels => "Finding supervoxels",
            Self::Explaining => "Explaining",
            Self::Evidence => "Gathering evidence",
            Self::Saving => "Saving",
        }
    }
}

/// How far a phase is: `done` of `total` steps. A total of 0 means it is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub phase: Phase,
    pub done: u64,
    pub total: u64,
}

impl Progress {
    /// Share done, in 0..=1, if the total is known.
    pub fn fraction(&self) -> Option<f64> {
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).clamp(0.0, 1.0))
    }
}

/// How fast work goes, and so how long the rest takes.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    started: std::time::Instant,
}

impl Pace {
    pub fn start() -> Self {
        Self {
            started: std::time::Instant::now(),
        }
    }

    pub fn elapsed_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Seconds still needed if the rest goes as fast as what is done.
    pub fn remaining_s(&self, done: u64, total: u64) -> Option<f64> {
        (done > 0).then(|| self.elapsed_s() / done as f64 * total.saturating_sub(done) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancel_is_shared_between_clones() {
        let token = CancelToken::new();
        let other = token.clone();
        assert_eq!(other.check(), Ok(()));
        token.cancel();
        assert_eq!(other.check(), Err(Cancelled));
    }
}
