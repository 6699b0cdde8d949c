//! State that a forked child does not share with its parent.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

/// The process that something belongs to, which a forked child is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessId(u32);

impl ProcessId {
    /// This process.
    #[must_use]
    pub fn current() -> Self {
        Self(std::process::id())
    }

    /// Whether this is still the process, and not a child that was forked from it.
    #[must_use]
    pub fn is_current(self) -> bool {
        self == Self::current()
    }
}

/// A value of each process's own.
///
/// In a forked child the parent's may be locked for ever by a thread that is not there, and what its threads were doing
/// is not the child's business. So a child makes its own at its first use.
pub struct PerProcess<T> {
    own: ArcSwap<Own<T>>,
    inherit: fn(&T) -> T,
}

struct Own<T> {
    process: ProcessId,
    value: Mutex<T>,
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerProcess").finish_non_exhaustive()
    }
}

impl<T: Default> PerProcess<T> {
    /// A default value. `inherit` makes a child's of its parent's, unless a thread was at it during the fork: then the
    /// child has the default.
    #[must_use]
    pub fn new(inherit: fn(&T) -> T) -> Self {
        Self { own: ArcSwap::from_pointee(Own::new(T::default())), inherit }
    }

    /// Works on this process's value, under its lock.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let own = self.own();
        let mut value = own.value.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut value)
    }

    fn own(&self) -> Arc<Own<T>> {
        let current = self.own.load_full();
        if current.process.is_current() {
            return current;
        }
        let inherited = current.value.try_lock().map(|value| (self.inherit)(&value)).unwrap_or_default();
        // Of two threads that come here at once, one is late, and what it made is dropped.
        self.own.compare_and_swap(&current, Arc::new(Own::new(inherited)));
        // What the parent's threads were at is not even dropped: one of them may have been half-way through changing it.
        std::mem::forget(current);
        self.own.load_full()
    }
}

impl<T> Own<T> {
    fn new(value: T) -> Self {
        Self { process: ProcessId::current(), value: Mutex::new(value) }
    }
}
