//! Pausing and cancelling a running job from another thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::base::{CancelToken, Cancelled};

/// Handle to one job: cancel it, hold it, let it go on. Clones share the job.
#[derive(Debug, Clone, Default)]
pub struct JobControl {
    cancel: CancelToken,
    hold: Arc<(Mutex<bool>, Condvar)>,
}

impl JobControl {
    pub fn new() -> Self {
        Self::default()
    }

    /// A job that someone else's token also cancels.
    pub fn with_token(cancel: CancelToken) -> Self {
        Self {
            cancel,
            ..Self::default()
        }
    }

    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// Stops the job at its next safe point, also if it is paused.
    pub fn cancel(&self) {
        self.cancel.cancel();
        // Between its look at the token and its sleep, a paused job holds the lock.
        drop(self.lock());
        self.hold.1.notify_all();
    }

    pub fn pause(&self) {
        *self.lock() = true;
    }

    pub fn resume(&self) {
        *self.lock() = false;
        self.hold.1.notify_all();
    }

    pub fn is_paused(&self) -> bool {
        *self.lock()
    }

    /// Called by the job between evaluations: waits while paused, ends if cancelled.
    pub fn checkpoint(&self) -> Result<(), Cancelled> {
        let mut paused = self.lock();
        while *paused && !self.cancel.is_cancelled() {
            paused = self
                .hold
                .1
                .wait(paused)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.cancel.check()
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.hold.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_paused_job_waits_and_can_be_cancelled() {
        let control = JobControl::new();
        assert_eq!(control.checkpoint(), Ok(()));
        control.pause();
        let job = control.clone();
        let thread = std::thread::spawn(move || job.checkpoint());
        std::thread::sleep(Duration::from_millis(20));
        assert!(!thread.is_finished());
        control.cancel();
        assert_eq!(thread.join().unwrap(), Err(Cancelled));
    }

    #[test]
    fn resuming_lets_it_go_on() {
        let control = JobControl::new();
        control.pause();
        let job = control.clone();
        let thread = std::thread::spawn(move || job.checkpoint());
        control.resume();
        assert_eq!(thread.join().unwrap(), Ok(()));
    }
}
