//! When each key id that no set had was first named by a token: only a set that was fetched later can tell that there is no
//! such key.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::quality::RandomState;

use crate::runtime::clock::Moment;

/// How many key ids are remembered. A flood of made-up ones drives out the oldest, which then are new again.
const MOST: usize = 4096;

/// Key ids that were missed, by a keyed hash, and when they were first named.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    first: HashMap<u64, Moment>,
    hasher: RandomState,
}

impl Sightings {
    /// When this key id was first named: now, unless it is remembered.
    pub(super) fn first_seen(&mut self, kid: Option<&str>, now: Moment) -> Moment {
        let hash = self.hasher.hash_one(kid);
        if let Some(first) = self.first.get(&hash) {
            return *first;
        }
        if self.first.len() >= MOST {
            let mut moments: Vec<_> = self.first.values().copied().collect();
            let (_, &mut middle, _) = moments.select_nth_unstable(MOST / 2);
            self.first.retain(|_, first| *first > middle);
        }
        self.first.insert(hash, now);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_counts_and_a_flood_takes_no_more_memory() {
        let at = Moment::from_millis;
        let mut sightings = Sightings::default();
        assert_eq!(sightings.first_seen(Some("a"), at(1)), at(1));
        assert_eq!(sightings.first_seen(None, at(2)), at(2));
        assert_eq!(sightings.first_seen(Some("a"), at(3)), at(1));
        assert_eq!(sightings.first_seen(None, at(4)), at(2));
        for number in 0..20_000 {
            sightings.first_seen(Some(&format!("made-up-{number}")), at(10 + number));
            assert!(sightings.first.len() <= MOST);
        }
        assert_eq!(sightings.first_seen(Some("made-up-19999"), at(99_999)), at(10 + 19_999), "the newest are kept");
        assert_eq!(sightings.first_seen(Some("a"), at(99_999)), at(99_999), "the oldest are not");
        // All at one moment.
        let mut sightings = Sightings::default();
        for number in 0..=MOST {
            sightings.first_seen(Some(&number.to_string()), at(1));
        }
        assert!(sightings.first.len() <= MOST);
    }
}
