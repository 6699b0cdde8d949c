//! When each key id that no set had was first named by a token: only a set that was fetched later can tell that there is no
//! such key.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;

use crate::runtime::bounded_map::BoundedMap;
use crate::runtime::clock::Moment;

/// How many key ids are remembered. One that is forgotten is new again when a token names it: it is then looked for, or may be
/// newer, and is not called unknown. Those that are named again outlast a flood of made-up ones.
const MOST: usize = 4096;

/// Key ids that were missed, by a keyed hash, and when they were first named.
#[derive(Debug)]
pub(super) struct Sightings {
    first: BoundedMap<u64, Moment>,
    hasher: RandomState,
}

impl Default for Sightings {
    fn default() -> Self {
        Self { first: BoundedMap::new(MOST, MOST), hasher: RandomState::default() }
    }
}

impl Sightings {
    /// When this key id was first named: now, unless it is remembered.
    pub(super) fn first_seen(&mut self, kid: Option<&str>, now: Moment) -> Moment {
        let hash = self.hasher.hash_one(kid);
        if let Some(first) = self.first.get(&hash) {
            return *first;
        }
        let _: Vec<Moment> = self.first.insert(hash, now, 1);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_counts_and_a_flood_drives_out_its_own() {
        let at = Moment::from_millis;
        let mut sightings = Sightings::default();
        assert_eq!(sightings.first_seen(Some("a"), at(1)), at(1));
        assert_eq!(sightings.first_seen(None, at(2)), at(2));
        assert_eq!(sightings.first_seen(Some("once"), at(3)), at(3));
        for number in 0..20_000 {
            sightings.first_seen(Some(&format!("made-up-{number}")), at(10 + number));
            assert!(sightings.first.len() <= MOST);
            if number % 1000 == 0 {
                assert_eq!(sightings.first_seen(Some("a"), at(10 + number)), at(1), "one that is named again is kept");
            }
        }
        assert_eq!(sightings.first_seen(Some("made-up-19999"), at(99_999)), at(10 + 19_999), "the newest are kept");
        assert_eq!(sightings.first_seen(Some("once"), at(99_999)), at(99_999), "the oldest are not");
    }
}
