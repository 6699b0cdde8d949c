//! The accepted proofs, so that none is accepted twice (RFC 9449 section 11.1), in the memory of one process.
//!
//! A proof is stored as a digest of its key and its `jti`, keyed with a secret of the store, so that no client can choose its place
//! in the table. It is kept until it would be refused by its age. That time is divided into spans; when a span is over, all
//! proofs that end in it are dropped together.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::rand;

use crate::config::ConfigError;
use crate::jose::thumbprint::Thumbprint;
use crate::runtime::clock::Moment;

/// How many proofs of one key may be stored. A client that makes more affects its own key only.
pub const MAX_PROOFS_OF_KEY: u32 = 10_000;
/// How many parts the store has, each with a lock.
const SHARDS: usize = 64;
/// Into how many spans the longest lifetime of a proof is divided.
const SPANS: u32 = 8;

/// The digest of a proof. Among a million proofs, two have the same digest with a probability of less than 2^-56.
type ProofDigest = [u8; 12];
/// The digest of a key.
type KeyDigest = [u8; 8];

/// Why a proof is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayable {
    /// It was taken before.
    Seen,
    /// The store holds the most proofs that one key may have.
    Full,
}

/// The proofs that were accepted and have not expired.
pub struct ReplayStore {
    salt: [u8; 32],
    /// How long a span is.
    span: Duration,
    shards: [Mutex<Shard>; SHARDS],
}

impl fmt::Debug for ReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayStore").field("alive", &self.len()).finish_non_exhaustive()
    }
}

/// The proofs of some keys, by the span in which they end, the next one first.
#[derive(Default)]
struct Shard(VecDeque<Span>);

#[derive(Default)]
struct Span {
    number: u64,
    proofs: HashSet<ProofDigest, BuildHasherDefault<OfDigest>>,
    of_key: HashMap<KeyDigest, u16, BuildHasherDefault<OfDigest>>,
}

impl ReplayStore {
    /// A store for proofs that live at most this long.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(longest_life: Duration) -> Result<Self, ConfigError> {
        let mut salt = [0; 32];
        rand::fill(&mut salt).map_err(|_| ConfigError::new("the system gives no random numbers"))?;
        let span = (longest_life / SPANS).max(Duration::from_secs(1));
        Ok(Self { salt, span, shards: [const { Mutex::new(Shard(VecDeque::new())) }; SHARDS] })
    }

    /// Stores a proof of this key with this `jti` until it ends. Of several threads that bring the same proof, one has it
    /// taken.
    ///
    /// # Errors
    /// [`Replayable`] says why it is not taken.
    pub fn record(&self, key: &Thumbprint, jti: &str, now: Moment, life: Duration) -> Result<(), Replayable> {
        let (proof, of_key, shard) = self.digests(key, jti);
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        shard.forget_before(self.number_of(now));
        if shard.0.iter().any(|span| span.proofs.contains(&proof)) {
            return Err(Replayable::Seen);
        }
        let alive: u32 =
            shard.0.iter().filter_map(|span| span.of_key.get(&of_key)).map(|&count| u32::from(count)).sum();
        if alive >= MAX_PROOFS_OF_KEY {
            return Err(Replayable::Full);
        }
        let span = shard.span(self.number_of(now.saturating_add(life)));
        span.proofs.insert(proof);
        *span.of_key.entry(of_key).or_default() += 1;
        Ok(())
    }

    /// How many proofs are stored, including expired ones in a span that is not over.
    #[must_use]
    pub fn len(&self) -> usize {
        let held = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.0.iter().map(|span| span.proofs.len()).sum::<usize>()
        };
        self.shards.iter().map(held).sum()
    }

    /// Whether no proof is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The digest of a proof, that of its key, and the shard of all proofs of that key.
    fn digests(&self, key: &Thumbprint, jti: &str) -> (ProofDigest, KeyDigest, usize) {
        let of = |parts: &[&[u8]]| {
            let mut context = Context::new(&SHA256);
            context.update(&self.salt);
            for part in parts {
                context.update(part);
            }
            context.finish()
        };
        let (mut proof, mut of_key) = (ProofDigest::default(), KeyDigest::default());
        // The thumbprint has a fixed length, so no other pair of key and `jti` gives this text.
        proof.copy_from_slice(&of(&[key, jti.as_bytes()]).as_ref()[..12]);
        let whole = of(&[key]);
        of_key.copy_from_slice(&whole.as_ref()[..8]);
        // The shard is chosen by octets that are not part of the table's hash: all keys of a shard have them in common.
        (proof, of_key, usize::from(whole.as_ref()[8]) % SHARDS)
    }

    fn number_of(&self, moment: Moment) -> u64 {
        u64::try_from(moment.as_nanos() / self.span.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Shard {
    /// Drops the spans that are over.
    fn forget_before(&mut self, number: u64) {
        while self.0.front().is_some_and(|span| span.number < number) {
            self.0.pop_front();
        }
    }

    /// The span of this number.
    fn span(&mut self, number: u64) -> &mut Span {
        let at = self.0.partition_point(|span| span.number < number);
        if self.0.get(at).is_none_or(|span| span.number != number) {
            self.0.insert(at, Span { number, ..Span::default() });
        }
        &mut self.0[at]
    }
}

/// A digest is random enough to be its own hash.
#[derive(Default)]
struct OfDigest(u64);

impl Hasher for OfDigest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Hashing an array writes its length first, which carries no entropy.
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(600);

    fn at(seconds: u64) -> Moment {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_proof_is_taken_once_while_it_lives() {
        let store = ReplayStore::new(LIFE).unwrap();
        let take = |key: u8, jti, now| store.record(&[key; 32], jti, at(now), LIFE);
        assert_eq!(take(1, "a", 1000), Ok(()));
        for now in [1000, 1300, 1599, 1600] {
            assert_eq!(take(1, "a", now), Err(Replayable::Seen), "{now}");
        }
        assert_eq!(take(1, "b", 1000), Ok(()));
        assert_eq!(take(2, "a", 1000), Ok(()), "another client may choose the same");
        assert_eq!(store.len(), 3);
        // Forgotten with its span at the latest.
        assert_eq!(take(1, "a", 1000 + 600 + 75), Ok(()));
    }

    #[test]
    fn a_shorter_life_ends_earlier_and_a_later_proof_of_the_same_name_counts_as_the_same() {
        let store = ReplayStore::new(LIFE).unwrap();
        assert_eq!(store.record(&[1; 32], "a", at(750), at(10)), Ok(()));
        assert_eq!(store.record(&[1; 32], "a", at(755), LIFE), Err(Replayable::Seen));
        assert_eq!(store.record(&[1; 32], "a", at(825), LIFE), Ok(()));
    }

    #[test]
    fn one_key_has_so_many_and_no_other_is_concerned() {
        let store = ReplayStore::new(LIFE).unwrap();
        for i in 0..MAX_PROOFS_OF_KEY {
            // Over all spans.
            assert_eq!(store.record(&[1; 32], &i.to_string(), at(1000), at(u64::from(i % 600))), Ok(()));
        }
        assert_eq!(store.record(&[1; 32], "more", at(1000), LIFE), Err(Replayable::Full));
        assert_eq!(store.record(&[1; 32], "0", at(1000), LIFE), Err(Replayable::Seen));
        assert_eq!(store.record(&[2; 32], "more", at(1000), LIFE), Ok(()));
        assert_eq!(store.record(&[1; 32], "more", at(1700), LIFE), Ok(()), "until some are forgotten");
    }

    #[test]
    fn of_two_threads_with_one_proof_one_has_it_taken() {
        let store = ReplayStore::new(LIFE).unwrap();
        for round in 0..200 {
            let jti = round.to_string();
            let taken = std::thread::scope(|scope| {
                let take = || store.record(&[1; 32], &jti, at(1000), LIFE).is_ok();
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).filter(|&taken| taken).count()
            });
            assert_eq!(taken, 1);
        }
    }

    #[test]
    fn digests_are_the_stores_own_and_no_two_pairs_share_one() {
        let (one, other) = (ReplayStore::new(LIFE).unwrap(), ReplayStore::new(LIFE).unwrap());
        assert_ne!(one.digests(&[1; 32], "a"), other.digests(&[1; 32], "a"));
        assert_ne!(one.digests(&[1; 32], "a").0, one.digests(&[1; 32], "b").0);
        assert_eq!(one.digests(&[1; 32], "a").1, one.digests(&[1; 32], "b").1);
        assert_ne!(one.digests(&[1; 32], "a").0, one.digests(&[2; 32], "a").0);
        assert_ne!(one.digests(&[1; 32], "a").1, one.digests(&[2; 32], "a").1);
    }

    #[test]
    fn a_store_shows_no_digest() {
        let store = ReplayStore::new(LIFE).unwrap();
        assert!(store.is_empty());
        assert_eq!(format!("{store:?}"), "ReplayStore { alive: 0, .. }");
    }
}
