//! What others derive from claims that are remembered, so that they need not do so for each request.

use std::any::Any;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Nothing was derived so far.
const UNUSED: u8 = 0;
/// The claims were used once.
const USED: u8 = 1;
/// A value would be too large.
const WITHOUT: u8 = 2;

/// A place for one value, which is dropped with the claims that it is derived from. It must not hold them in turn.
#[derive(Debug, Default)]
pub struct Derived {
    state: AtomicU8,
    memory: AtomicUsize,
    value: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
}

impl Derived {
    /// Whether a value is worth while: this was asked before, so the claims are used again, and none was too large.
    pub fn wants_value(&self) -> bool {
        self.state.compare_exchange(UNUSED, USED, Ordering::Relaxed, Ordering::Relaxed) == Err(USED)
    }

    /// The value, if there is one of this type.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).clone();
        value.and_then(|value| value.downcast().ok())
    }

    /// Takes a value, in the place of the one before, which takes so many bytes.
    pub fn put<T: Any + Send + Sync>(&self, value: Arc<T>, memory: usize) {
        self.replace(Some(value), memory);
    }

    /// Has no value from now on.
    pub fn give_up(&self) {
        self.state.store(WITHOUT, Ordering::Relaxed);
        self.replace(None, 0);
    }

    /// What the value takes in memory, in bytes, by estimate.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    fn replace(&self, value: Option<Arc<dyn Any + Send + Sync>>, memory: usize) {
        self.memory.store(memory, Ordering::Relaxed);
        let before = std::mem::replace(&mut *self.value.lock().unwrap_or_else(PoisonError::into_inner), value);
        // Without the lock: its end may run any code.
        drop(before);
    }
}
