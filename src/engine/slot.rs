//! A place for the newest value: writers replace, readers take what is latest.
//!
//! Bulk state that only matters in its newest form (progress, an attribution
//! snapshot, a slider's position) travels through slots, so no queue can grow.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A shared latest-value slot. Clones share the value.
#[derive(Debug)]
pub struct Slot<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    value: Option<T>,
    closed: bool,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                value: None,
                closed: false,
            }),
            changed: Condvar::new(),
        }))
    }
}

impl<T> Slot<T> {
    /// Replaces whatever value nobody has taken yet.
    pub fn put(&self, value: T) {
        self.lock().value = Some(value);
        self.0.changed.notify_one();
    }

    /// The newest value, if one came since the last call.
    pub fn take(&self) -> Option<T> {
        self.lock().value.take()
    }

    /// Whether no value waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.lock().value.is_none()
    }

    /// Waits for a value. `None` once the slot is closed.
    pub fn wait(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(value) = state.value.take() {
                return Some(value);
            }
            state = self
                .0
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends every [`Slot::wait`], now and later.
    pub fn close(&self) {
        self.lock().closed = true;
        self.0.changed.notify_all();
    }

    /// A writer that panicked leaves a whole value behind, so its lock can be used.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_only_the_newest() {
        let slot = Slot::default();
        slot.put(1);
        slot.put(2);
        assert_eq!(slot.take(), Some(2));
        assert_eq!(slot.take(), None);
    }

    #[test]
    fn wait_ends_with_a_value_or_on_close() {
        let slot = Slot::default();
        let reader = slot.clone();
        let thread = std::thread::spawn(move || {
            let mut seen = Vec::new();
            while let Some(value) = reader.wait() {
                seen.push(value);
            }
            seen
        });
        slot.put(7);
        while slot.lock().value.is_some() {
            std::thread::yield_now();
        }
        slot.close();
        assert_eq!(thread.join().unwrap(), vec![7]);
    }
}
