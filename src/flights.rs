//! One question at a time for each key, whoever asks it, on whatever thread.
//!
//! A flight belongs to no caller: it ends whoever was waiting for it, and whoever went away cancels nothing.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use crate::per_process::PerProcess;

/// Takes the end of a flight, once, on whatever thread.
pub type Done<V> = Box<dyn FnOnce(V) + Send>;

/// The flights that are on their way in this process, and who waits for each.
pub struct Flights<K, V> {
    waiting: PerProcess<HashMap<K, Vec<Done<V>>>>,
    lost: V,
}

impl<K, V> fmt::Debug for Flights<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Flights<K, V> {
    /// None so far. `lost` is the end of a flight that is forgotten, such as by a panic.
    #[must_use]
    pub fn new(lost: V) -> Arc<Self> {
        Arc::new(Self { waiting: PerProcess::new(|_| HashMap::new()), lost })
    }

    /// Waits for the end of this key's flight. Whoever is the first is given the flight and has to see to its end.
    #[must_use]
    pub fn join(self: &Arc<Self>, key: K, done: Done<V>) -> Option<Flight<K, V>> {
        self.waiting.with(|waiting| {
            if let Some(waiting) = waiting.get_mut(&key) {
                waiting.push(done);
                return None;
            }
            waiting.insert(key.clone(), vec![done]);
            Some(Flight { flights: Arc::clone(self), key, process: std::process::id(), end: Some(self.lost.clone()) })
        })
    }
}

/// A flight that is on its way.
pub struct Flight<K: Eq + Hash + Clone, V: Clone> {
    flights: Arc<Flights<K, V>>,
    key: K,
    process: u32,
    end: Option<V>,
}

impl<K: Eq + Hash + Clone, V: Clone> fmt::Debug for Flight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Flight<K, V> {
    /// Ends the flight, and tells everybody who waits, with no lock held. Whoever joins from now on starts another.
    pub fn end(mut self, value: V) {
        self.end = Some(value);
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Flight<K, V> {
    fn drop(&mut self) {
        // A flight that was started before a fork tells the child nothing.
        if std::process::id() != self.process {
            return;
        }
        let waiting = self.flights.waiting.with(|waiting| waiting.remove(&self.key)).unwrap_or_default();
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
        let flights = Flights::new(0);
        let ends = Arc::new(Mutex::new(Vec::new()));
        let join = |key: &'static str| {
            let ends = Arc::clone(&ends);
            flights.join(key, Box::new(move |end| ends.lock().unwrap().push((key, end))))
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
        let flights = Flights::new("lost");
        let (sender, receiver) = mpsc::channel();
        let flight = flights.join((), Box::new(move |end| sender.send(end).unwrap()));
        drop(flight);
        assert_eq!(receiver.try_recv(), Ok("lost"));
    }

    #[test]
    fn who_is_told_may_join_anew() {
        let flights = Flights::new(0);
        let (sender, receiver) = mpsc::channel();
        let again = Arc::clone(&flights);
        let flight = flights.join((), Box::new(move |_| sender.send(again.join((), Box::new(|_| ()))).unwrap()));
        flight.unwrap().end(1);
        assert!(receiver.try_recv().unwrap().is_some(), "no lock is held while they are told");
    }
}
