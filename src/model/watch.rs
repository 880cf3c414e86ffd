//! What goes wrong on a graphics device, while kernels run on it.
//!
//! wgpu reports most failures not where they happen but to a handler of the device. burn
//! installs one that panics, on whatever thread the failure came up; this one remembers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ModelError;

/// Something that happened on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceEvent<'a> {
    /// The device is gone; nothing can be computed or drawn with it any more.
    Lost(&'a str),
    Error(&'a str),
}

type Listener = Box<dyn Fn(DeviceEvent<'_>) + Send>;

#[derive(Default)]
struct State {
    lost: Option<String>,
    /// The first failure since the last check.
    failure: Option<Failure>,
    listener: Option<Listener>,
}

#[derive(Debug, Clone)]
enum Failure {
    Memory(String),
    Other(String),
}

/// Remembers a device's failures. Clones share the memory.
#[derive(Clone, Default)]
pub struct DeviceWatch {
    state: Arc<Mutex<State>>,
    /// What is watched. Handlers of the device hold watches without it: a device that held
    /// itself would never go.
    device: Option<wgpu::Device>,
}

impl std::fmt::Debug for DeviceWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        f.debug_struct("DeviceWatch")
            .field("lost", &state.lost)
            .field("failure", &state.failure)
            .finish_non_exhaustive()
    }
}

impl DeviceWatch {
    /// A watch that is the handler of a device's failures, in place of any other.
    pub(super) fn of(device: &wgpu::Device) -> Self {
        let watch = Self::default();
        watch.handle_failures_of(device);
        Self {
            device: Some(device.clone()),
            ..watch
        }
    }

    fn handle_failures_of(&self, device: &wgpu::Device) {
        let watch = self.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let text = in_one_line(&error.to_string());
            watch.note(match error {
                wgpu::Error::OutOfMemory { .. } => Failure::Memory(text.clone()),
                _ => Failure::Other(text.clone()),
            });
            // cubecl counts on the call that failed not coming back, so that it does not
            // keep memory it never got. Its thread catches this and marks what was lost.
            if is_compute_thread() {
                std::panic::resume_unwind(Box::new(text));
            }
        }));
        let watch = self.clone();
        device.set_device_lost_callback(move |reason, message| {
            let mut state = watch.lock();
            let text = format!("{reason:?}: {message}");
            if let Some(listener) = &state.listener {
                listener(DeviceEvent::Lost(&text));
            }
            state.lost.get_or_insert(text);
        });
    }

    /// Has a listener told of everything from now on, for a view that shares the device.
    pub(super) fn listen(&self, listener: impl Fn(DeviceEvent<'_>) + Send + 'static) {
        self.lock().listener = Some(Box::new(listener));
    }

    /// Whether the device is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.lock().lost.is_some()
    }

    /// An error if anything has failed since the last check, or the device is gone. `suspect`:
    /// whether something else says that there was a failure.
    pub(super) fn check(&self, suspect: bool) -> Result<(), ModelError> {
        let failure = self.lock().failure.take();
        let suspect = suspect || matches!(failure, Some(Failure::Other(_)));
        if let (true, Some(device)) = (suspect, &self.device) {
            // A device that is gone makes all else fail too, and may tell so only now.
            let _ = device.poll(wgpu::PollType::Poll);
        }
        if let Some(reason) = &self.lock().lost {
            return Err(ModelError::Device(format!("the device is gone: {reason}")));
        }
        match failure {
            None => Ok(()),
            Some(Failure::Memory(reason)) => Err(ModelError::OutOfMemory(reason)),
            Some(Failure::Other(reason)) => Err(ModelError::Device(reason)),
        }
    }

    fn note(&self, failure: Failure) {
        let mut state = self.lock();
        if let Some(listener) = &state.listener {
            let (Failure::Memory(text) | Failure::Other(text)) = &failure;
            listener(DeviceEvent::Error(text));
        }
        // What fails because memory was missing is reported after it.
        state.failure.get_or_insert(failure);
    }

    /// A poisoned lock only means that a thread died while noting a failure.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message that comes in several lines.
pub(super) fn in_one_line(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    lines.join(" ")
}

/// Whether this is one of cubecl's own threads, by the names it gives them.
fn is_compute_thread() -> bool {
    let thread = std::thread::current();
    thread.name().is_some_and(|name| {
        name.strip_prefix("DS")
            .is_some_and(|rest| rest.starts_with(['D', 'U']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_in_one_line() {
        let text = "Validation Error\n\nCaused by:\n  In Queue::write_buffer\n";
        let expected = "Validation Error Caused by: In Queue::write_buffer";
        assert_eq!(in_one_line(text), expected);
    }

    #[test]
    fn the_first_failure_is_reported_once_and_loss_for_ever() {
        let watch = DeviceWatch::default();
        assert!(watch.check(false).is_ok());
        watch.note(Failure::Memory("full".into()));
        watch.note(Failure::Other("invalid".into()));
        assert!(matches!(
            watch.check(false),
            Err(ModelError::OutOfMemory(_))
        ));
        assert!(watch.check(false).is_ok());
        watch.lock().lost = Some("unplugged".into());
        for _ in 0..2 {
            assert!(matches!(watch.check(false), Err(ModelError::Device(_))));
        }
    }
}
