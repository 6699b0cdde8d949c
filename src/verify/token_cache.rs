//! A cache of verified tokens. An entry holds the authentic claims of exactly these bytes, and nothing of the policy:
//! time and configuration are checked again each time.
//!
//! Only accepted tokens are cached, so forged ones neither fill it nor evict a good one.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use foldhash::{fast, quality};
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::policy::AuthenticClaims;

/// The longest token that is remembered, in bytes: few are longer, and a few of those would drive out many others.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// What a typical token takes in memory once it is parsed, in bytes. A cache for so many tokens is one for so much memory.
const TYPICAL_BYTES: u64 = 2048;
/// What an entry takes beside the claims, in bytes.
const ENTRY_BYTES: u64 = 256;

/// A token that verified.
#[derive(Debug, Clone)]
struct CachedToken {
    authentic: Arc<AuthenticClaims>,
    digest: [u8; SHA256_OUTPUT_LEN],
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
    /// How many were not, of those that are not too long to be remembered.
    pub misses: u64,
}

/// A cache of verified tokens, bounded in memory.
#[derive(Debug)]
pub struct TokenCache {
    /// By a keyed hash that is quick; the digest of the whole token, which is not, decides.
    entries: Cache<u64, CachedToken, ByMemory, fast::RandomState>,
    hasher: quality::RandomState,
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
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The authentic claims of a token, if it is cached and they are still `valid`; else its entry is removed.
    #[must_use]
    pub fn get(&self, token: &[u8], valid: impl FnOnce(&AuthenticClaims) -> bool) -> Option<Arc<AuthenticClaims>> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let hash = self.hasher.hash_one(token);
        let entry = self.entries.get(&hash).filter(|entry| entry.digest == digest_of(token));
        let remembered = entry.is_some();
        let authentic = entry.map(|entry| entry.authentic).filter(|authentic| valid(authentic));
        if remembered && authentic.is_none() {
            self.entries.remove(&hash);
        }
        let counter = if authentic.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        authentic
    }

    /// Caches the authentic claims of a token, in the place of those that are there.
    pub fn insert(&self, token: &[u8], authentic: &Arc<AuthenticClaims>) {
        if token.len() <= MAX_TOKEN_BYTES {
            let memory = ENTRY_BYTES + authentic.memory() as u64;
            let entry = CachedToken { authentic: Arc::clone(authentic), digest: digest_of(token), memory };
            self.entries.insert(self.hasher.hash_one(token), entry);
        }
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

fn digest_of(token: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest(&SHA256, token).as_ref());
    bytes
}

/// Weighs an entry by the memory that it takes.
#[derive(Debug, Clone)]
struct ByMemory;

impl Weighter<u64, CachedToken> for ByMemory {
    fn weight(&self, _: &u64, entry: &CachedToken) -> u64 {
        entry.memory
    }
}
