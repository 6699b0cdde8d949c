//! Which tokens were seen once: no more than that, in a table of one size.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// The most slots of a table, which take 128 KiB.
const MOST_SLOTS: usize = 1 << 16;

/// Keyed hashes of tokens that were seen once. Each has one slot, in which a later one takes its place.
///
/// A slot holds 15 bits of a hash, so that one token in 32,768 is taken for one that was seen. When a token is remembered is
/// all that depends on it.
#[derive(Debug)]
pub(super) struct SeenOnce {
    slots: usize,
    /// Made for the first token: most caches ask about none.
    table: OnceLock<Box<[AtomicU16]>>,
}

impl SeenOnce {
    /// A table for about so many tokens.
    pub(super) fn new(tokens: usize) -> Self {
        Self { slots: tokens.clamp(1, MOST_SLOTS).next_power_of_two(), table: OnceLock::new() }
    }

    /// Whether this hash was seen. From now on it was.
    pub(super) fn was_seen(&self, hash: u64) -> bool {
        let table = self.table.get_or_init(|| (0..self.slots).map(|_| AtomicU16::new(0)).collect());
        let [a, b, c, d, ..] = hash.to_le_bytes();
        let at = usize::from(u16::from_le_bytes([a, b])) & (self.slots - 1);
        // An empty slot is like no hash, each of which has this bit.
        let hash = u16::from_le_bytes([c, d]) | 1;
        table.get(at).is_some_and(|slot| slot.swap(hash, Ordering::Relaxed) == hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_time_it_was_seen() {
        let seen = SeenOnce::new(100);
        for hash in 0..100 {
            assert!(!seen.was_seen(hash), "{hash}");
        }
        for hash in 0..100 {
            assert!(seen.was_seen(hash), "{hash}");
        }
        let (one, other) = (0x1234_0005, 0x5678_0005);
        assert_eq!([one, other, one, one].map(|hash| seen.was_seen(hash)), [false, false, false, true]);
    }

    #[test]
    fn it_is_of_one_size() {
        for (tokens, slots) in [(0, 1), (1, 1), (100, 128), (10_000, 1 << 14), (usize::MAX, MOST_SLOTS)] {
            let seen = SeenOnce::new(tokens);
            assert!(seen.table.get().is_none(), "most caches need none");
            assert!(!seen.was_seen(u64::MAX) && seen.was_seen(u64::MAX));
            assert_eq!(seen.table.get().map(|table| table.len()), Some(slots));
        }
    }
}
