//! Remembers that a token was seen, in a table of fixed size.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// The most slots of a table. They take 128 KiB.
const MOST_SLOTS: usize = 1 << 16;

/// Keyed hashes of tokens that were seen once. The hash chooses the slot, and a later token may overwrite it.
///
/// A slot holds 15 bits of a hash, so one new token in 32,768 counts as seen. It is then cached one request earlier; nothing else
/// depends on this.
#[derive(Debug)]
pub(super) struct SeenOnce {
    slots: usize,
    /// Made for the first token: caches of tokens without a MAC need none.
    table: OnceLock<Box<[AtomicU16]>>,
}

impl SeenOnce {
    /// A table for about this many tokens.
    pub(super) fn new(tokens: usize) -> Self {
        Self { slots: tokens.clamp(1, MOST_SLOTS).next_power_of_two(), table: OnceLock::new() }
    }

    /// Whether this hash was seen before. Notes it.
    pub(super) fn was_seen(&self, hash: u64) -> bool {
        let table = self.table.get_or_init(|| (0..self.slots).map(|_| AtomicU16::new(0)).collect());
        let [a, b, c, d, ..] = hash.to_le_bytes();
        let at = usize::from(u16::from_le_bytes([a, b])) & (self.slots - 1);
        // Each noted hash has this bit, and an empty slot has not.
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
