//! How much work a device is given at a time when a view shares it.
//!
//! A device does what it was given in order, so a picture waits for all the work that was
//! queued before it. At a pace, no more is queued than the device does in a few
//! milliseconds; how much that is, is learnt as it goes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a picture may have to wait.
const SLICE: Duration = Duration::from_millis(8);

/// Operations a second that a slow device does. The first slices are as short as this, and
/// none are shorter: what is measured holds the pictures that were drawn meanwhile, and on a
/// device that is busy with those the slices would come to nothing.
const SLOWEST_RATE: f64 = 5e10;

/// How much longer than the one before a slice may be.
const MOST_GROWTH: f64 = 4.0;

#[derive(Debug)]
struct State {
    kept: bool,
    /// Operations a second.
    rate: f64,
    /// Operations since the device was last waited for.
    queued: f64,
    /// When the first of them was queued.
    since: Option<Instant>,
}

/// The pace of a queue.
#[derive(Debug)]
pub struct Pace {
    state: Mutex<State>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                kept: false,
                rate: SLOWEST_RATE,
                queued: 0.0,
                since: None,
            }),
        }
    }
}

impl Pace {
    /// Whether the pace is kept from now on.
    pub fn keep(&self, kept: bool) {
        let mut state = self.lock();
        state.kept = kept;
        state.queued = 0.0;
        state.since = None;
    }

    /// Most operations of one launch.
    pub fn largest_launch(&self) -> f64 {
        let state = self.lock();
        if state.kept {
            state.rate * SLICE.as_secs_f64()
        } else {
            f64::INFINITY
        }
    }

    /// Counts a launch. Whether the device has to be waited for now.
    pub fn count(&self, operations: f64) -> bool {
        let mut state = self.lock();
        state.queued += operations;
        state.since.get_or_insert_with(Instant::now);
        state.kept && state.queued >= state.rate * SLICE.as_secs_f64()
    }

    /// Everything that was queued is done.
    pub fn done(&self) {
        let since = self.lock().since;
        if let Some(since) = since {
            self.learn(since.elapsed());
        }
    }

    fn learn(&self, taken: Duration) {
        let mut state = self.lock();
        let rate = state.queued / taken.as_secs_f64().max(1e-6);
        state.rate = rate
            .clamp(state.rate / MOST_GROWTH, state.rate * MOST_GROWTH)
            .max(SLOWEST_RATE);
        state.queued = 0.0;
        state.since = None;
    }

    /// A poisoned lock only means that a thread died while counting.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_come_to_last_as_long_as_they_should() {
        let pace = Pace::default();
        assert!(pace.largest_launch().is_infinite() && !pace.count(1e15));
        pace.keep(true);
        // A device of ten tera-operations a second, given one giga-operation at a time.
        let mut slice = 0.0;
        for _ in 0..100 {
            slice += 1e9;
            if pace.count(1e9) {
                pace.learn(Duration::from_secs_f64(slice / 1e13));
                slice = 0.0;
            }
        }
        let seconds = pace.largest_launch() / 1e13;
        assert!((0.007..0.009).contains(&seconds), "{seconds}");
        // Pictures that take their time do not bring the slices to nothing.
        let shortest = Pace::default().lock().rate * SLICE.as_secs_f64();
        for _ in 0..100 {
            if pace.count(shortest) {
                pace.learn(Duration::from_secs(1));
            }
        }
        assert!(pace.largest_launch() >= 0.99 * shortest);
    }
}
