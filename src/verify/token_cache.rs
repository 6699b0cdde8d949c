//! A cache of verified tokens. An entry holds the authentic claims of exactly these bytes. It holds nothing of the policy: times
//! and configuration are checked for each request.
//!
//! Only accepted tokens are cached. So forged ones cannot fill the cache, and cannot evict a good one.
//!
//! A token with a MAC is cached when it is accepted for the second time. Checking a MAC takes about as long as making an entry, and
//! many tokens come only once. Checking a public-key signature takes many times as long, so its token is cached at once.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::{fast, quality};
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::fingerprint::{Fingerprint, Fingerprints};
use super::seen_once::SeenOnce;
use crate::policy::{AuthenticClaims, Source};

/// The longest token that is cached, in bytes. Few are longer, and each of those would evict many others.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The memory of a typical token after parsing, in bytes. A cache of N tokens may take N times this.
const TYPICAL_BYTES: u64 = 2048;
/// How many bytes at the end of a token are its key in the cache: a part of the signature, which is random enough. Shorter texts
/// are no tokens.
const TAIL_BYTES: usize = 16;
/// The memory of an entry beside its claims, in bytes.
const ENTRY_BYTES: u64 = 256;

/// A token that verified.
#[derive(Debug, Clone)]
struct CachedToken {
    authentic: Arc<AuthenticClaims>,
    fingerprint: Fingerprint,
    /// Its memory in bytes when it was cached. The claims may grow later, but the cache needs the number that it added.
    memory: u64,
}

/// The counters of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCacheCounts {
    /// How many tokens are cached.
    pub entries: usize,
    /// An estimate of their memory, in bytes.
    pub bytes: u64,
    /// How many tokens were found.
    pub hits: u64,
    /// How many were not found. Tokens that are too short or too long for the cache do not count.
    pub misses: u64,
}

/// A cache of verified tokens, bounded in memory.
#[derive(Debug)]
pub struct TokenCache {
    /// By a quick hash of the token's end. The fingerprint of the whole token decides. Of tokens with the same end, one is kept.
    entries: Cache<u64, CachedToken, ByMemory, fast::RandomState>,
    hasher: quality::RandomState,
    fingerprints: Fingerprints,
    /// Tokens with a MAC that were accepted once, and have no entry yet.
    seen_once: SeenOnce,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl TokenCache {
    /// A cache of this many typical tokens, or of fewer large ones.
    #[must_use]
    pub fn new(tokens: usize) -> Self {
        let bytes = TYPICAL_BYTES.saturating_mul(tokens as u64);
        Self {
            entries: Cache::with(tokens, bytes, ByMemory, fast::RandomState::default(), DefaultLifecycle::default()),
            hasher: quality::RandomState::default(),
            fingerprints: Fingerprints::new(),
            seen_once: SeenOnce::new(tokens),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The place of a token, unless it is too short or too long for the cache.
    #[must_use]
    pub fn place_of<'t>(&'t self, token: &'t [u8]) -> Option<CachePlace<'t>> {
        let tail = token.last_chunk::<TAIL_BYTES>().filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
        Some(CachePlace { cache: self, token, hash: self.hasher.hash_one(u128::from_ne_bytes(*tail)) })
    }

    /// The counters of the cache.
    #[must_use]
    pub fn counts(&self) -> TokenCacheCounts {
        TokenCacheCounts {
            entries: self.entries.len(),
            bytes: self.entries.weight(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }
}

/// The place of a token in a cache, with or without an entry.
#[derive(Debug, Clone, Copy)]
pub struct CachePlace<'t> {
    cache: &'t TokenCache,
    token: &'t [u8],
    hash: u64,
}

impl CachePlace<'_> {
    /// The authentic claims of the token, if it is cached and they are still `valid`. If they are not, the entry is removed.
    #[must_use]
    pub fn get(&self, valid: impl FnOnce(&AuthenticClaims) -> bool) -> Option<Arc<AuthenticClaims>> {
        let cache = self.cache;
        let entry =
            cache.entries.get(&self.hash).filter(|entry| cache.fingerprints.is_of(entry.fingerprint, self.token));
        let is_cached = entry.is_some();
        let authentic = entry.map(|entry| entry.authentic).filter(|authentic| valid(authentic));
        if is_cached && authentic.is_none() {
            cache.entries.remove(&self.hash);
        }
        let counter = if authentic.is_some() { &cache.hits } else { &cache.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        authentic
    }

    /// Caches the authentic claims of the token, and replaces an entry in its place. A token with a MAC that was not accepted before
    /// is only noted.
    #[inline]
    pub fn put(&self, authentic: &Arc<AuthenticClaims>) {
        let has_mac = matches!(&authentic.source, Source::Signature { header, .. } if header.algorithm.is_symmetric());
        if !has_mac || self.cache.seen_once.was_seen(self.hash) {
            self.put_anew(authentic);
        }
    }

    /// Caches the authentic claims of the token, also if it has a MAC and comes for the first time.
    pub(super) fn put_anew(&self, authentic: &Arc<AuthenticClaims>) {
        if let Some(fingerprint) = self.cache.fingerprints.of(self.token) {
            let memory = ENTRY_BYTES + authentic.memory() as u64;
            let entry = CachedToken { authentic: Arc::clone(authentic), fingerprint, memory };
            self.cache.entries.insert(self.hash, entry);
        }
    }
}

/// Weighs an entry by the memory that it takes.
#[derive(Debug, Clone)]
struct ByMemory;

impl Weighter<u64, CachedToken> for ByMemory {
    fn weight(&self, _: &u64, entry: &CachedToken) -> u64 {
        entry.memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwt::Claims;
    use crate::policy::Source;

    #[test]
    fn of_tokens_that_end_alike_each_has_its_own_claims_or_none() {
        let cache = TokenCache::new(10);
        let [one, other] = ["a", "b"].map(|start| start.to_owned() + &"x".repeat(TAIL_BYTES));
        assert!(cache.place_of(&one.as_bytes()[2..]).is_none(), "a shorter text is no token");
        let [one, other] = [&one, &other].map(|token| cache.place_of(token.as_bytes()).unwrap());
        assert_eq!(one.hash, other.hash);
        let claims = || {
            let source = Source::Introspection { lacks_type: false };
            Arc::new(AuthenticClaims::new(source, None, Claims::parse(b"{}").unwrap()))
        };
        let (of_one, of_other) = (claims(), claims());
        one.put(&of_one);
        assert!(one.get(|_| true).is_some_and(|found| Arc::ptr_eq(&found, &of_one)));
        assert!(other.get(|_| true).is_none());
        assert!(one.get(|_| true).is_some(), "it stays in its place");
        other.put(&of_other);
        assert!(other.get(|_| true).is_some_and(|found| Arc::ptr_eq(&found, &of_other)));
        assert!(one.get(|_| true).is_none());
    }
}
