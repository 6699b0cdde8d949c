//! Caches what an endpoint answered about a token, so that it is not asked again for a while.
//!
//! An entry holds the answer, never a decision: time, configuration and policy are checked for each request. Only answers of
//! active tokens are cached. Each process has its own entries, and none after a fork.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use crate::runtime::bounded_map::BoundedMap;
use crate::runtime::clock::Moment;
use crate::runtime::per_process::PerProcess;

/// How many answers are cached by default.
pub const DEFAULT_ENTRIES: usize = 10_000;
/// The memory for each of them, in bytes, so that 10,000 take 32 MB at most.
const BYTES_PER_ENTRY: usize = 3_200;
/// The least memory, in bytes, so that a few answers may be large.
const LEAST_BYTES: usize = 1024 * 1024;
/// The largest answer that is remembered, in bytes.
const LARGEST_ENTRY: usize = 64 * 1024;
/// What an entry takes beside the answer, in bytes.
const ENTRY_BYTES: usize = 192;
/// How long an endpoint that was out of reach is not asked about tokens with an older answer.
const PAUSE: Duration = Duration::from_secs(5);
/// How many answers may wait to be shared, and how much memory they may take, in bytes.
const MAX_UNSENT: (usize, usize) = (1_024, 8 * 1024 * 1024);
/// How many generation counters there are. Each counts the invalidations of a part of all tokens.
const PARTS: usize = 256;

type TokenDigest = [u8; SHA256_OUTPUT_LEN];

/// How answers are remembered.
#[derive(Debug, Clone, Copy)]
pub struct CacheSettings {
    /// How long an answer serves.
    pub lifetime: Duration,
    /// How much longer it serves while the endpoint is out of reach (RFC 5861 section 4).
    pub stale: Duration,
    /// How long this process uses an answer before it looks into the shared store, if there is one.
    pub local: Option<Duration>,
    /// How many answers are remembered at most.
    pub most_entries: usize,
}

/// How a cache is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerCacheCounts {
    /// How many answers are cached, including expired ones that were not evicted yet.
    pub entries: usize,
    /// Their estimated memory, in bytes.
    pub bytes: usize,
    /// How many requests a remembered answer served.
    pub hits: u64,
    /// How many found none.
    pub misses: u64,
    /// How many questions were sent to the endpoint.
    pub questions: u64,
    /// How many requests an expired answer served because the endpoint was out of reach.
    pub stale: u64,
}

/// A question that is about to be asked.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    digest: TokenDigest,
    /// Changes when the token is invalidated: callers before and after that do not share a question.
    pub generation: u64,
    asked: Moment,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    /// When this process looks into the shared store, or asks the endpoint.
    fresh_until: Moment,
    /// When it stops serving, even if the endpoint is out of reach.
    until: Moment,
}

/// What an endpoint answered, for a store that others share.
#[derive(Debug)]
pub struct UnsentAnswer {
    /// The answer as it came.
    pub body: Vec<u8>,
    /// How long ago the question was asked.
    pub age: Duration,
    /// How long the answer serves from then on.
    pub lifetime: Duration,
}

#[derive(Default)]
struct Unsent(Option<BoundedMap<TokenDigest, (Moment, UnsentAnswer)>>);

struct Entries<V>(Option<BoundedMap<TokenDigest, Entry<V>>>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self(None)
    }
}

/// A cache of answers.
pub struct AnswerCache<V> {
    settings: CacheSettings,
    entries: PerProcess<Entries<V>>,
    unsent: PerProcess<Unsent>,
    generations: [AtomicU64; PARTS],
    /// Until when the endpoint is not asked, in milliseconds.
    paused_until: AtomicU64,
    serves_stale: AtomicBool,
    hits: AtomicU64,
    misses: AtomicU64,
    questions: AtomicU64,
    stale: AtomicU64,
}

impl<V> fmt::Debug for AnswerCache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerCache").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<V: Clone> AnswerCache<V> {
    /// An empty cache.
    #[must_use]
    pub fn new(settings: CacheSettings) -> Self {
        Self {
            settings,
            entries: PerProcess::new(|_| Entries::default()),
            unsent: PerProcess::new(|_| Unsent::default()),
            generations: [const { AtomicU64::new(0) }; PARTS],
            paused_until: AtomicU64::new(0),
            serves_stale: AtomicBool::new(false),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            questions: AtomicU64::new(0),
            stale: AtomicU64::new(0),
        }
    }

    /// How answers are remembered.
    #[must_use]
    pub fn settings(&self) -> &CacheSettings {
        &self.settings
    }

    /// The answer that serves a request now, if it is `valid`; else it is removed. While the endpoint is left alone, an
    /// older one serves.
    #[must_use]
    pub fn get(&self, token: &[u8], now: Moment, valid: impl FnOnce(&V) -> bool) -> Option<V> {
        let is_paused = milliseconds(now) < self.paused_until.load(Ordering::Relaxed);
        let digest = digest_of(token);
        let found = self.entry(&digest, |entry| {
            let fresh = now < entry.fresh_until;
            (fresh || is_paused && now < entry.until).then(|| (entry.value.clone(), fresh))
        });
        let mut found = found.flatten();
        if found.as_ref().is_some_and(|(value, _)| !valid(value)) {
            self.remove(&digest);
            found = None;
        }
        let counter = match found {
            Some((_, true)) => &self.hits,
            Some((_, false)) => &self.stale,
            None => &self.misses,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found.map(|(value, _)| value)
    }

    /// Begins a question about a token.
    #[must_use]
    pub fn question(&self, token: &[u8], now: Moment) -> Question {
        let digest = digest_of(token);
        Question { digest, generation: self.generation(&digest).load(Ordering::SeqCst), asked: now }
    }

    /// An answer that came while a question was about to be asked.
    #[must_use]
    pub fn answered_meanwhile(&self, question: &Question) -> Option<V> {
        let fresh = |entry: &Entry<V>| (question.asked < entry.fresh_until).then(|| entry.value.clone());
        self.entry(&question.digest, fresh).flatten()
    }

    /// Counts a question that is sent to the endpoint.
    pub fn asked(&self) {
        self.questions.fetch_add(1, Ordering::Relaxed);
    }

    /// How long ago a question was begun.
    #[must_use]
    pub fn age(question: &Question, now: Moment) -> Duration {
        now.saturating_sub(question.asked)
    }

    /// Caches the answer to a question, unless the token was invalidated since. `bytes` is its size, `age` that of an answer from
    /// the shared store, and `max_age` the lifetime that the endpoint gave.
    ///
    /// Returns how much longer it serves; zero if it expired or was invalidated.
    pub fn insert(
        &self,
        question: &Question,
        value: V,
        bytes: usize,
        age: Duration,
        max_age: Option<Duration>,
    ) -> Duration {
        let CacheSettings { lifetime, stale, local, .. } = self.settings;
        let lifetime = max_age.map_or(lifetime, |most| most.min(lifetime));
        let left = |span: Duration| question.asked + span.saturating_sub(age);
        let fresh_until = left(lifetime);
        let fresh_until = local.map_or(fresh_until, |local| fresh_until.min(question.asked + local));
        let entry = Entry { value, fresh_until, until: left(lifetime.saturating_add(stale)) };
        let bytes = bytes + ENTRY_BYTES;
        let serves = lifetime.saturating_sub(age);
        if !self.is_current(question) {
            self.remove(&question.digest);
            return Duration::ZERO;
        }
        if lifetime.is_zero() || bytes > LARGEST_ENTRY {
            self.remove(&question.digest);
            return serves;
        }
        let (most, most_bytes) = (self.settings.most_entries, self.most_bytes());
        let displaced = self.entries.with(|entries| {
            let map = entries.0.get_or_insert_with(|| BoundedMap::new(most, most_bytes));
            map.insert(question.digest, entry, bytes)
        });
        drop(displaced);
        if self.is_current(question) {
            return serves;
        }
        self.remove(&question.digest);
        Duration::ZERO
    }

    /// Keeps an answer as it came until it is written to the shared store, if there is one.
    pub fn keep_unsent(&self, question: &Question, body: Vec<u8>, max_age: Option<Duration>) {
        let lifetime = max_age.map_or(self.settings.lifetime, |most| most.min(self.settings.lifetime));
        if self.settings.local.is_some() && body.len() <= LARGEST_ENTRY && !lifetime.is_zero() {
            let bytes = body.len() + ENTRY_BYTES;
            let unsent = (question.asked, UnsentAnswer { body, age: Duration::ZERO, lifetime });
            let displaced = self.unsent.with(|kept| {
                let map = kept.0.get_or_insert_with(|| BoundedMap::new(MAX_UNSENT.0, MAX_UNSENT.1));
                map.insert(question.digest, unsent, bytes)
            });
            drop(displaced);
        }
    }

    /// Takes an answer that is to be written to the shared store.
    #[must_use]
    pub fn take_unsent(&self, token: &[u8], now: Moment) -> Option<UnsentAnswer> {
        let (asked, answer) = self.unsent.with(|kept| kept.0.as_mut()?.remove(&digest_of(token)))?;
        Some(UnsentAnswer { age: now.saturating_sub(asked), ..answer })
    }

    /// Notes that the endpoint is out of reach, so that it is not asked for a while. Returns an older answer that may serve.
    #[must_use]
    pub fn out_of_reach(&self, question: &Question, now: Moment) -> Option<V> {
        self.paused_until.store(milliseconds(now + PAUSE), Ordering::Relaxed);
        let serves = |entry: &Entry<V>| (now < entry.until).then(|| entry.value.clone());
        let found = self.entry(&question.digest, serves).flatten();
        if found.is_some() {
            self.serves_stale.store(true, Ordering::Relaxed);
            self.stale.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// The endpoint answered.
    pub fn within_reach(&self) {
        self.paused_until.store(0, Ordering::Relaxed);
        self.serves_stale.store(false, Ordering::Relaxed);
    }

    /// Whether expired answers serve because the endpoint is out of reach.
    #[must_use]
    pub fn serves_stale(&self) -> bool {
        self.serves_stale.load(Ordering::Relaxed)
    }

    /// Counts a remembered answer that grew with its new size in bytes. Returns whether it may stay that large: half of the
    /// memory is left to further answers.
    #[must_use]
    pub fn update_size(&self, token: &[u8], bytes: usize, is_it: impl FnOnce(&V) -> bool) -> bool {
        let (digest, bytes) = (digest_of(token), bytes + ENTRY_BYTES);
        if bytes > LARGEST_ENTRY {
            return false;
        }
        let most_bytes = self.most_bytes();
        let displaced = self.entries.with(|entries| {
            let map = entries.0.as_mut().filter(|map| map.bytes() + bytes <= most_bytes / 2)?;
            map.get(&digest).filter(|entry| is_it(&entry.value))?;
            let entry = map.remove(&digest)?;
            Some(map.insert(digest, entry, bytes))
        });
        displaced.is_some()
    }

    fn most_bytes(&self) -> usize {
        self.settings.most_entries.saturating_mul(BYTES_PER_ENTRY).max(LEAST_BYTES)
    }

    /// Removes the entry of a token after an answer that refuses it.
    pub fn forget(&self, question: &Question) {
        self.remove(&question.digest);
    }

    /// Removes the entry of a token. An answer that is on its way will be cached.
    pub fn discard(&self, token: &[u8]) {
        self.remove(&digest_of(token));
    }

    /// Removes the entry of a token. An answer that is on its way will not be cached.
    pub fn invalidate(&self, token: &[u8]) {
        let digest = digest_of(token);
        self.generation(&digest).fetch_add(1, Ordering::SeqCst);
        self.remove(&digest);
        drop(self.unsent.with(|kept| kept.0.as_mut()?.remove(&digest)));
    }

    /// Removes all entries. Answers that are on their way will not be cached.
    pub fn invalidate_all(&self) {
        for generation in &self.generations {
            generation.fetch_add(1, Ordering::SeqCst);
        }
        drop((self.entries.with(std::mem::take), self.unsent.with(std::mem::take)));
    }

    /// How the cache is doing.
    #[must_use]
    pub fn counts(&self) -> AnswerCacheCounts {
        let (entries, bytes) =
            self.entries.with(|entries| entries.0.as_ref().map_or((0, 0), |map| (map.len(), map.bytes())));
        let [hits, misses, questions, stale] =
            [&self.hits, &self.misses, &self.questions, &self.stale].map(|counter| counter.load(Ordering::Relaxed));
        AnswerCacheCounts { entries, bytes, hits, misses, questions, stale }
    }

    fn entry<R>(&self, digest: &TokenDigest, read: impl FnOnce(&Entry<V>) -> R) -> Option<R> {
        self.entries.with(|entries| entries.0.as_mut()?.get(digest).map(read))
    }

    fn remove(&self, digest: &TokenDigest) {
        // Dropped without holding the lock.
        let removed = self.entries.with(|entries| entries.0.as_mut()?.remove(digest));
        drop(removed);
    }

    fn generation(&self, digest: &TokenDigest) -> &AtomicU64 {
        &self.generations[usize::from(digest[0]) % PARTS]
    }

    fn is_current(&self, question: &Question) -> bool {
        self.generation(&question.digest).load(Ordering::SeqCst) == question.generation
    }
}

fn milliseconds(moment: Moment) -> u64 {
    moment.as_millis().try_into().unwrap_or(u64::MAX)
}

fn digest_of(token: &[u8]) -> TokenDigest {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest(&SHA256, token).as_ref());
    bytes
}

#[cfg(test)]
mod tests;
