//! One call at a time for each key, shared by all callers, on any thread.
//!
//! Cancelling a waiter does not cancel the shared call.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use crate::runtime::per_process::{PerProcess, ProcessId};

/// Takes the result of a call, once, on any thread.
pub type Waiter<V> = Box<dyn FnOnce(V) + Send>;

/// The calls that are running in this process, and the waiters of each.
pub struct SingleFlight<K, V> {
    waiting: PerProcess<HashMap<K, Vec<Waiter<V>>>>,
    abandoned: V,
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    /// No calls. `abandoned` is the result of a call that is dropped without a result, such as by a panic.
    #[must_use]
    pub fn new(abandoned: V) -> Arc<Self> {
        Arc::new(Self { waiting: PerProcess::new(|_| HashMap::new()), abandoned })
    }

    /// Waits for the end of this key's call. The first caller gets the call, and has to end it.
    #[must_use]
    pub fn join(self: &Arc<Self>, key: K, done: Waiter<V>) -> Option<SharedCall<K, V>> {
        self.waiting.with(|waiting| {
            if let Some(waiting) = waiting.get_mut(&key) {
                waiting.push(done);
                return None;
            }
            waiting.insert(key.clone(), vec![done]);
            Some(SharedCall {
                calls: Arc::clone(self),
                key,
                process: ProcessId::current(),
                end: Some(self.abandoned.clone()),
            })
        })
    }
}

/// A call that is running.
pub struct SharedCall<K: Eq + Hash + Clone, V: Clone> {
    calls: Arc<SingleFlight<K, V>>,
    key: K,
    process: ProcessId,
    end: Option<V>,
}

impl<K: Eq + Hash + Clone, V: Clone> fmt::Debug for SharedCall<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCall").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone, V: Clone> SharedCall<K, V> {
    /// Ends the call, and gives its result to all waiters, without holding a lock. The next caller to join starts another call.
    pub fn end(mut self, value: V) {
        self.end = Some(value);
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for SharedCall<K, V> {
    fn drop(&mut self) {
        // A call that was started before a fork has no waiters in the child.
        if !self.process.is_current() {
            return;
        }
        let waiting = self.calls.waiting.with(|waiting| waiting.remove(&self.key)).unwrap_or_default();
        if let Some(value) = self.end.take() {
            for done in waiting {
                done(value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    #[test]
    fn who_comes_during_a_flight_joins_it_and_who_comes_later_starts_another() {
        let calls = SingleFlight::new(0);
        let ends = Arc::new(Mutex::new(Vec::new()));
        let join = |key: &'static str| {
            let ends = Arc::clone(&ends);
            calls.join(key, Box::new(move |end| ends.lock().unwrap().push((key, end))))
        };
        let first = join("a").unwrap();
        assert!(join("a").is_none());
        let other = join("b").unwrap();
        assert_eq!(*ends.lock().unwrap(), []);
        first.end(1);
        assert_eq!(*ends.lock().unwrap(), [("a", 1), ("a", 1)]);
        other.end(2);
        join("a").unwrap().end(3);
        assert_eq!(ends.lock().unwrap()[2..], [("b", 2), ("a", 3)]);
    }

    #[test]
    fn a_flight_that_is_forgotten_ends_as_lost() {
        let calls = SingleFlight::new("lost");
        let (sender, receiver) = mpsc::channel();
        let call = calls.join((), Box::new(move |end| sender.send(end).unwrap()));
        drop(call);
        assert_eq!(receiver.try_recv(), Ok("lost"));
    }

    #[test]
    fn a_waiter_may_join_again_from_its_callback() {
        let calls = SingleFlight::new(0);
        let (sender, receiver) = mpsc::channel();
        let again = Arc::clone(&calls);
        let call = calls.join((), Box::new(move |_| sender.send(again.join((), Box::new(|_| ()))).unwrap()));
        call.unwrap().end(1);
        assert!(receiver.try_recv().unwrap().is_some(), "no lock is held while callbacks run");
    }
}
