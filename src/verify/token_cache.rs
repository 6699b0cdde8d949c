//! A cache of verified tokens. An entry holds the authentic claims of exactly these bytes, and nothing of the policy:
//! time and configuration are checked again each time.
//!
//! Only accepted tokens are cached, so forged ones neither fill it nor evict a good one.
//!
//! A token with a MAC is cached when it is accepted for the second time: checking a MAC takes about as long as making an
//! entry, which would be of no use to a token that comes once. The signature of a public key takes many times as long, so
//! that its tokens are cached at once.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::{fast, quality};
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::fingerprint::{Fingerprint, Fingerprints};
use super::seen_once::SeenOnce;
use crate::policy::{AuthenticClaims, Source};

/// The longest token that is remembered, in bytes: few are longer, and a few of those would drive out many others.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// What a typical token takes in memory once it is parsed, in bytes. A cache for so many tokens is one for so much memory.
const TYPICAL_BYTES: u64 = 2048;
/// The end of a token by which it is looked for, in bytes: a part of the signature, which is random enough. What is not as
/// long is no token.
const TAIL_BYTES: usize = 16;
/// What an entry takes beside the claims, in bytes.
const ENTRY_BYTES: u64 = 256;

/// A token that verified.
#[derive(Debug, Clone)]
struct CachedToken {
    authentic: Arc<AuthenticClaims>,
    fingerprint: Fingerprint,
    /// What it took in memory when it was cached: what the claims take may grow, and the cache counts with one number.
    memory: u64,
}

/// How a cache is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCacheCounts {
    /// How many tokens are remembered.
    pub entries: usize,
    /// What they take, in bytes, by estimate.
    pub bytes: u64,
    /// How many tokens were found.
    pub hits: u64,
    /// How many were not, of those that are not too short or too long to be remembered.
    pub misses: u64,
}

/// A cache of verified tokens, bounded in memory.
#[derive(Debug)]
pub struct TokenCache {
    /// By a quick hash of the end of the token; the fingerprint of the whole decides. Of tokens that end alike one is kept.
    entries: Cache<u64, CachedToken, ByMemory, fast::RandomState>,
    hasher: quality::RandomState,
    fingerprints: Fingerprints,
    /// Tokens with a MAC that are no entries yet.
    seen_once: SeenOnce,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl TokenCache {
    /// A cache of so many typical tokens, or of fewer large ones.
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

    /// The place of a token, unless it is too short or too long to be remembered.
    #[must_use]
    pub fn place_of<'t>(&'t self, token: &'t [u8]) -> Option<CachePlace<'t>> {
        let tail = token.last_chunk::<TAIL_BYTES>().filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
        Some(CachePlace { cache: self, token, hash: self.hasher.hash_one(u128::from_ne_bytes(*tail)) })
    }

    /// How the cache is doing.
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

/// Where a token is in a cache, or would be.
#[derive(Debug, Clone, Copy)]
pub struct CachePlace<'t> {
    cache: &'t TokenCache,
    token: &'t [u8],
    hash: u64,
}

impl CachePlace<'_> {
    /// The authentic claims of the token, if it is cached and they are still `valid`; else its entry is removed.
    #[must_use]
    pub fn get(&self, valid: impl FnOnce(&AuthenticClaims) -> bool) -> Option<Arc<AuthenticClaims>> {
        let cache = self.cache;
        let entry =
            cache.entries.get(&self.hash).filter(|entry| cache.fingerprints.is_of(entry.fingerprint, self.token));
        let remembered = entry.is_some();
        let authentic = entry.map(|entry| entry.authentic).filter(|authentic| valid(authentic));
        if remembered && authentic.is_none() {
            cache.entries.remove(&self.hash);
        }
        let counter = if authentic.is_some() { &cache.hits } else { &cache.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        authentic
    }

    /// Caches the authentic claims of the token, in the place of those that are there; not of one with a MAC that was not
    /// seen before.
    #[inline]
    pub fn put(&self, authentic: &Arc<AuthenticClaims>) {
        let has_mac = matches!(&authentic.source, Source::Signature { header, .. } if header.algorithm.is_symmetric());
        if !has_mac || self.cache.seen_once.was_seen(self.hash) {
            self.put_anew(authentic);
        }
    }

    /// Caches the authentic claims of a token that was cached.
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
        assert!(cache.place_of(&one.as_bytes()[2..]).is_none(), "what is shorter is no token");
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
