//! State that a forked child does not share with its parent.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

/// The process that something belongs to. A forked child is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessId(u32);

impl ProcessId {
    /// This process.
    #[must_use]
    pub fn current() -> Self {
        Self(std::process::id())
    }

    /// Whether the current process is that one, and not a forked child.
    #[must_use]
    pub fn is_current(self) -> bool {
        self == Self::current()
    }
}

/// A value of which each process has its own.
///
/// In a forked child, the parent's value may be locked for ever by a thread that does not exist there. So a child makes a new value
/// at its first use.
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
    /// A default value. `inherit` makes a child's value from its parent's, unless a thread used it during the fork: then the
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
        // If two threads come here at once, the value of the later one is dropped.
        self.own.compare_and_swap(&current, Arc::new(Own::new(inherited)));
        // The parent's value is not dropped: one of its threads may have been in the middle of a change.
        std::mem::forget(current);
        self.own.load_full()
    }
}

impl<T> Own<T> {
    fn new(value: T) -> Self {
        Self { process: ProcessId::current(), value: Mutex::new(value) }
    }
}
