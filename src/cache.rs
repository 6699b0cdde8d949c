//! Tokens whose signature held, remembered. An entry says who vouches for exactly these bytes, and nothing of the policy:
//! time and configuration are judged anew each time.
//!
//! Only what was accepted is remembered, so forged tokens neither fill it nor drive a good one out.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use foldhash::quality::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::policy::Vouched;

/// The longest token that is remembered, in bytes: few are longer, and a few of those would drive out many others.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// What a typical token takes in memory once it is parsed, in bytes. A cache for so many tokens is one for so much memory.
const TYPICAL_BYTES: u64 = 2048;
/// What an entry takes beside the claims, in bytes.
const ENTRY_BYTES: u64 = 256;

/// A token that verified.
#[derive(Debug, Clone)]
struct Proof {
    vouched: Arc<Vouched>,
    digest: [u8; SHA256_OUTPUT_LEN],
}

/// How a cache is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheCounts {
    /// How many tokens are remembered.
    pub entries: usize,
    /// What they take, in bytes, by estimate.
    pub bytes: u64,
    /// How many tokens were found.
    pub hits: u64,
    /// How many were not, of those that are not too long to be remembered.
    pub misses: u64,
}

/// A bounded memory of proofs.
#[derive(Debug)]
pub struct ProofCache {
    /// By a keyed hash that is quick; the digest of the whole token, which is not, decides.
    proofs: Cache<u64, Proof, ByMemory>,
    hasher: RandomState,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl ProofCache {
    /// A cache of so many typical tokens, or of fewer large ones.
    #[must_use]
    pub fn new(tokens: usize) -> Self {
        let bytes = TYPICAL_BYTES.saturating_mul(tokens as u64);
        Self {
            proofs: Cache::with_weighter(tokens, bytes, ByMemory),
            hasher: RandomState::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// What vouches for a token, if it is remembered and that still counts; what does not is forgotten.
    #[must_use]
    pub fn recall(&self, token: &[u8], counts: impl FnOnce(&Vouched) -> bool) -> Option<Arc<Vouched>> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let hash = self.hasher.hash_one(token);
        let proof = self.proofs.get(&hash).filter(|proof| proof.digest == digest_of(token));
        let remembered = proof.is_some();
        let vouched = proof.map(|proof| proof.vouched).filter(|vouched| counts(vouched));
        if remembered && vouched.is_none() {
            self.proofs.remove(&hash);
        }
        let counter = if vouched.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        vouched
    }

    /// Remembers what vouches for a token.
    pub fn remember(&self, token: &[u8], vouched: &Arc<Vouched>) {
        if token.len() <= MAX_TOKEN_BYTES {
            let proof = Proof { vouched: Arc::clone(vouched), digest: digest_of(token) };
            self.proofs.insert(self.hasher.hash_one(token), proof);
        }
    }

    /// How the cache is doing.
    #[must_use]
    pub fn counts(&self) -> CacheCounts {
        CacheCounts {
            entries: self.proofs.len(),
            bytes: self.proofs.weight(),
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

impl Weighter<u64, Proof> for ByMemory {
    fn weight(&self, _: &u64, proof: &Proof) -> u64 {
        ENTRY_BYTES + proof.vouched.memory() as u64
    }
}
