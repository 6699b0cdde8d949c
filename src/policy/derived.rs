//! A value that is derived from cached claims once, and not for each request.

use std::any::Any;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// There is no value, and the claims were not used yet.
const UNUSED: u8 = 0;
/// There is no value, and the claims were used once.
const USED: u8 = 1;
/// There is no value, since it would be too large.
const WITHOUT: u8 = 2;

/// One value, which is dropped with the claims that it is derived from. It must not refer to the claims.
#[derive(Debug, Default)]
pub struct Derived {
    state: AtomicU8,
    memory: AtomicUsize,
    value: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
}

impl Derived {
    /// Whether a value should be derived: the claims are used for at least the second time, and no value was too large.
    pub fn wants_value(&self) -> bool {
        self.state.compare_exchange(UNUSED, USED, Ordering::Relaxed, Ordering::Relaxed) == Err(USED)
    }

    /// The value, if there is one of this type.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).clone();
        value.and_then(|value| value.downcast().ok())
    }

    /// Takes a value of this size in bytes, in place of the one before.
    pub fn put<T: Any + Send + Sync>(&self, value: Arc<T>, memory: usize) {
        self.replace(Some(value), memory);
    }

    /// Takes no value from now on.
    pub fn give_up(&self) {
        self.state.store(WITHOUT, Ordering::Relaxed);
        self.replace(None, 0);
    }

    /// The estimated memory of the value, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    fn replace(&self, value: Option<Arc<dyn Any + Send + Sync>>, memory: usize) {
        self.memory.store(memory, Ordering::Relaxed);
        let before = std::mem::replace(&mut *self.value.lock().unwrap_or_else(PoisonError::into_inner), value);
        // Dropped without the lock, since dropping may run any code.
        drop(before);
    }
}
