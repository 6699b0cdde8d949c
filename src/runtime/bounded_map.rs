//! A map that is bounded in entries and in bytes, and returns the entries that it evicts.
//!
//! When it is full, it evicts by the second-chance algorithm: the oldest entry that was not read since the last pass. So a flood
//! of entries that are never read again evicts its own entries.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use foldhash::quality::RandomState;

/// How many places of removed entries the queue may hold before they are cleared.
const MAX_LEFTOVERS: usize = 64;

/// A bounded map.
#[derive(Debug)]
pub struct BoundedMap<K, V> {
    slots: HashMap<K, Slot<V>, RandomState>,
    /// The keys, oldest first. A key without a slot of the same serial number was removed.
    queue: VecDeque<(K, u64)>,
    most_entries: usize,
    most_bytes: usize,
    bytes: usize,
    serial: u64,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    bytes: usize,
    serial: u64,
    was_read: bool,
}

impl<K: Eq + Hash + Clone, V> BoundedMap<K, V> {
    /// A map with these bounds.
    #[must_use]
    pub fn new(most_entries: usize, most_bytes: usize) -> Self {
        let (slots, queue) = (HashMap::default(), VecDeque::new());
        Self { slots, queue, most_entries, most_bytes, bytes: 0, serial: 0 }
    }

    /// The value of a key. Reading it protects it from the next eviction.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        let slot = self.slots.get_mut(key)?;
        slot.was_read = true;
        Some(&slot.value)
    }

    /// Puts a value of this size in bytes, in place of the key's last one. A value larger than the map is not
    /// kept.
    ///
    /// Returns what is no longer in the map, for the caller to drop where nothing is locked.
    #[must_use]
    pub fn insert(&mut self, key: K, value: V, bytes: usize) -> Vec<V> {
        let mut displaced: Vec<V> = self.remove(&key).into_iter().collect();
        if bytes > self.most_bytes || self.most_entries == 0 {
            displaced.push(value);
            return displaced;
        }
        while self.slots.len() >= self.most_entries || self.bytes + bytes > self.most_bytes {
            let Some((oldest, serial)) = self.queue.pop_front() else { break };
            match self.slots.get_mut(&oldest).filter(|slot| slot.serial == serial) {
                Some(slot) if slot.was_read => {
                    slot.was_read = false;
                    self.queue.push_back((oldest, serial));
                }
                Some(_) => displaced.extend(self.remove(&oldest)),
                None => {}
            }
        }
        self.serial += 1;
        self.bytes += bytes;
        self.queue.push_back((key.clone(), self.serial));
        self.slots.insert(key, Slot { value, bytes, serial: self.serial, was_read: false });
        displaced
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.slots.remove(key)?;
        self.bytes -= slot.bytes;
        if self.queue.len() > 2 * self.slots.len() + MAX_LEFTOVERS {
            let slots = &self.slots;
            self.queue.retain(|(key, serial)| slots.get(key).is_some_and(|slot| slot.serial == *serial));
        }
        Some(slot.value)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The sum of the sizes of the entries, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_in_entries_and_in_bytes() {
        let mut map = BoundedMap::new(3, 100);
        for key in 0..10 {
            let displaced = map.insert(key, key, 10);
            assert_eq!(displaced, if key < 3 { vec![] } else { vec![key - 3] });
        }
        assert_eq!((map.len(), map.bytes()), (3, 30));
        assert_eq!(map.insert(10, 10, 90), [7, 8], "it leaves 10 bytes");
        assert_eq!(map.insert(11, 11, 101), [11], "it never fits");
        assert_eq!(map.insert(10, 12, 101), [10, 12], "an older value does not outlive its successor");
        assert_eq!((map.len(), map.bytes(), map.get(&9)), (1, 10, Some(&9)));
        let mut none = BoundedMap::new(0, 100);
        assert_eq!(none.insert(1, 1, 1), [1]);
        assert!(none.is_empty());
    }

    #[test]
    fn what_is_read_outlives_a_flood() {
        let mut map = BoundedMap::new(100, 10_000);
        let _ = map.insert(0, 0, 1);
        for key in 1..100_000 {
            let _ = map.insert(key, key, 1);
            assert_eq!(map.get(&0), Some(&0), "{key}");
        }
        assert_eq!(map.len(), 100);
    }

    #[test]
    fn what_is_removed_leaves_no_trace() {
        let mut map = BoundedMap::new(1000, 100_000);
        for key in 0..100_000 {
            let _ = map.insert(key, key, 7);
            assert_eq!(map.remove(&key), Some(key));
        }
        assert_eq!((map.len(), map.bytes()), (0, 0));
        assert!(map.queue.len() <= MAX_LEFTOVERS + 1);
        let _ = map.insert(1, 1, 1);
        assert_eq!(map.remove(&1), Some(1));
        assert_eq!(map.insert(1, 2, 1), Vec::<i32>::new(), "a leftover of the key is not its entry");
        assert_eq!(map.get(&1), Some(&2));
    }
}
