//! Ed25519 (RFC 8032 section 5.1): aws-lc checks a signature, and for a key that is used much, multiples of it that are
//! computed once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, ParsedPublicKey};
use curve25519_dalek::constants::ED25519_BASEPOINT_TABLE;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsBasepointTable, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::BasepointTable;

use super::unsound_key::UnsoundKey;

/// The length of a public key, and of each half of a signature.
const LEN: usize = 32;

/// After how many signatures of a key its multiples are computed. To compute them takes as long as they save in about as many
/// signatures. A key that is used less, such as that of a proof of possession, has none.
const MULTIPLES_AFTER: u32 = 128;

/// A key that is ready to verify signatures.
pub(super) struct Ed25519Key {
    encoded: [u8; LEN],
    parsed: ParsedPublicKey,
    /// How many signatures of the key were verified without its multiples. A forged one does not count, so that an attacker
    /// cannot have them computed.
    verified: AtomicU32,
    multiples: OnceLock<Box<Multiples>>,
}

impl Ed25519Key {
    /// The key of this encoding, which [`point`] accepts.
    pub(super) fn new(encoded: [u8; LEN]) -> Result<Self, UnsoundKey> {
        let parsed = ParsedPublicKey::new(&signature::ED25519, encoded)
            .map_err(|_| UnsoundKey("the Ed25519 key is unusable"))?;
        Ok(Self { encoded, parsed, verified: AtomicU32::new(0), multiples: OnceLock::new() })
    }

    /// Whether `signature` is this key's signature of `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        if let Some(multiples) = self.multiples.get() {
            return multiples.verifies(&self.encoded, message, signature);
        }
        let verifies = self.parsed.verify_sig(message, signature).is_ok();
        // Exactly one caller meets the number. No other caller waits for it: a child that is forked meanwhile goes on without multiples.
        if verifies && self.verified.fetch_add(1, Ordering::Relaxed) == MULTIPLES_AFTER - 1 {
            self.compute_multiples();
        }
        verifies
    }

    fn compute_multiples(&self) {
        if let Ok(point) = point(&self.encoded) {
            let _ = self.multiples.set(Box::new(Multiples::new(point)));
        }
    }
}

/// Multiples of a public key, negated, by which a product with it takes additions alone.
struct Multiples(EdwardsBasepointTable);

impl Multiples {
    fn new(point: EdwardsPoint) -> Self {
        Self(EdwardsBasepointTable::create(&-point))
    }

    /// RFC 8032 section 5.1.7, without the cofactor, as aws-lc checks it: S is below the order, and the encoding of
    /// `S B - k A` is R to the byte. So there is one encoding of either half.
    fn verifies(&self, encoded: &[u8; LEN], message: &[u8], signature: &[u8]) -> bool {
        let Some((r, s)) = signature.split_first_chunk::<LEN>() else { return false };
        let Ok(s) = <[u8; LEN]>::try_from(s) else { return false };
        let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)) else { return false };
        let expected = &self.0 * &challenge(r, encoded, message) + ED25519_BASEPOINT_TABLE * &s;
        expected.compress().as_bytes() == r
    }
}

/// What the signer answered: the SHA-512 of R, key and message, as a number below the order.
fn challenge(r: &[u8; LEN], encoded: &[u8; LEN], message: &[u8]) -> Scalar {
    let mut hash = digest::Context::new(&digest::SHA512);
    for part in [&r[..], encoded, message] {
        hash.update(part);
    }
    let mut wide = [0; 64];
    wide.copy_from_slice(hash.finish().as_ref());
    Scalar::from_bytes_mod_order_wide(&wide)
}

/// The point of a key that can be trusted to verify.
///
/// # Errors
/// The bytes are not the canonical encoding of a point, or the point is of small order: under such a key, signatures that no
/// private key made would verify.
pub(super) fn point(encoded: &[u8; LEN]) -> Result<EdwardsPoint, UnsoundKey> {
    let point = CompressedEdwardsY(*encoded)
        .decompress()
        .filter(|point| point.compress().as_bytes() == encoded)
        .ok_or(UnsoundKey("the Ed25519 key is not a point on the curve"))?;
    if point.is_small_order() {
        return Err(UnsoundKey("the Ed25519 key is of small order"));
    }
    Ok(point)
}

#[cfg(test)]
mod tests;
