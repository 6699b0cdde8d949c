//! Fingerprints of verified tokens, so that the tokens themselves need not be kept in memory.

use std::fmt;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, rand};
use zeroize::Zeroizing;

/// The length of a fingerprint, and of the key that it depends on, in bytes.
const LEN: usize = 16;

/// The fingerprint of a token. It reveals nothing without the key, and is never shown.
#[derive(Clone, Copy)]
pub(super) struct Fingerprint([u8; LEN]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprint").finish_non_exhaustive()
    }
}

/// Takes fingerprints under its own random key.
///
/// A fingerprint is the authentication tag that AES-GCM (NIST SP 800-38D) gives the token as associated data, without any
/// text. It depends on each byte of the token and on its length. Under one nonce, two tags are the same exactly if GHASH is
/// the same, which is a universal hash: of two tokens of up to 8 KiB, whichever they are, at most 513 of the 2^128 keys of
/// GHASH give them the same. So two tokens have one fingerprint with a chance below 2^-118. An attacker cannot raise it: the
/// key is random, and an answer reveals only that two fingerprints differ.
///
/// The nonce is always the same. Encryption would need a new one each time, since two tags under one nonce reveal the key of
/// GHASH. Here nothing is encrypted, and no tag leaves this process.
///
/// SHA-256 would do without these conditions, and takes 2.5 times as long for a token of 430 bytes, and 3.4 times for one of
/// 730, with each request.
pub(super) struct Fingerprints(Option<LessSafeKey>);

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprints").finish_non_exhaustive()
    }
}

impl Fingerprints {
    /// Fingerprints of which no other can know anything. Where the system gives no random numbers there are none.
    pub(super) fn new() -> Self {
        let mut key = Zeroizing::new([0; LEN]);
        let drawn = rand::fill(&mut *key).and_then(|()| UnboundKey::new(&AES_128_GCM, &*key));
        Self(drawn.ok().map(LessSafeKey::new))
    }

    /// The fingerprint of a token.
    pub(super) fn of(&self, token: &[u8]) -> Option<Fingerprint> {
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = self.0.as_ref()?.seal_in_place_separate_tag(nonce, Aad::from(token), &mut []).ok()?;
        tag.as_ref().try_into().ok().map(Fingerprint)
    }

    /// Whether this is the fingerprint of a token, compared in constant time.
    pub(super) fn is_of(&self, fingerprint: Fingerprint, token: &[u8]) -> bool {
        self.of(token).is_some_and(|of| constant_time::verify_slices_are_equal(&of.0, &fingerprint.0).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_and_the_length_count() {
        let fingerprints = Fingerprints::new();
        // As long as two rounds of the widest vectors, and a rest.
        for len in [1, 15, 16, 17, 31, 32, 300] {
            let token = vec![b'x'; len];
            let fingerprint = fingerprints.of(&token).unwrap();
            assert!(fingerprints.is_of(fingerprint, &token));
            for bit in 0..len * 8 {
                let mut other = token.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                assert!(!fingerprints.is_of(fingerprint, &other), "bit {bit} of {len} bytes");
            }
            for other in [&token[1..], &[&token[..], b"x"].concat(), &[&token[..], b"\0"].concat()] {
                assert!(!fingerprints.is_of(fingerprint, other), "{} bytes for {len}", other.len());
            }
        }
    }

    #[test]
    fn they_say_nothing_without_their_key() {
        let (ours, others) = (Fingerprints::new(), Fingerprints::new());
        let fingerprint = ours.of(b"token").unwrap();
        assert!(ours.is_of(fingerprint, b"token"));
        assert!(!others.is_of(fingerprint, b"token"));
        assert_eq!(format!("{fingerprint:?} {ours:?}"), "Fingerprint { .. } Fingerprints { .. }");
    }

    #[test]
    fn without_a_key_no_token_has_one() {
        let fingerprint = Fingerprints::new().of(b"token").unwrap();
        assert!(Fingerprints(None).of(b"token").is_none());
        assert!(!Fingerprints(None).is_of(fingerprint, b"token"));
    }
}
