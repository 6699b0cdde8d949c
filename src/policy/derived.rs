//! What others derive from claims that are remembered, so that they need not do so for each request.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A place for one value, which is dropped with the claims that it is derived from. It must not hold them in turn.
#[derive(Debug, Default)]
pub struct Derived {
    was_asked: AtomicBool,
    memory: AtomicUsize,
    value: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
}

impl Derived {
    /// Whether this was asked before: then the claims were used twice, and a value is worth while.
    pub fn was_asked(&self) -> bool {
        self.was_asked.swap(true, Ordering::Relaxed)
    }

    /// The value, if there is one of this type.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).clone();
        value.and_then(|value| value.downcast().ok())
    }

    /// Takes a value, in the place of the one before, which takes so many bytes.
    pub fn put<T: Any + Send + Sync>(&self, value: Arc<T>, memory: usize) {
        self.memory.store(memory, Ordering::Relaxed);
        let before = self.value.lock().unwrap_or_else(PoisonError::into_inner).replace(value);
        // Without the lock: its end may run any code.
        drop(before);
    }

    /// What the value takes in memory, in bytes, by estimate.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }
}
