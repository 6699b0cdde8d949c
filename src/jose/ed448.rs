//! Ed448 (RFC 8032 section 5.2), which aws-lc does not have.

use std::fmt;

use ed448_goldilocks::{Signature, VerifyingKey};

/// The length of a public key, and of each half of a signature.
const LEN: usize = 57;

/// A point on `edwards448` that can be trusted to verify.
#[derive(Clone, PartialEq, Eq)]
pub struct Ed448PublicKey(Box<VerifyingKey>);

impl fmt::Debug for Ed448PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed448PublicKey(Ed448)")
    }
}

impl Ed448PublicKey {
    /// The key of this encoding.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a point, or the point is not of the large prime order: under a point of
    /// small order, signatures that no private key made would verify.
    pub fn new(bytes: &[u8]) -> Result<Self, &'static str> {
        let encoded: [u8; LEN] = bytes.try_into().map_err(|_| "an Ed448 key has 57 bytes")?;
        VerifyingKey::from_bytes(&encoded)
            .ok()
            .filter(|key| key.to_edwards().to_affine().compress().as_bytes()[..] == encoded)
            .map(|key| Self(Box::new(key)))
            .ok_or("the Ed448 key is not a point of prime order on the curve, canonically encoded")
    }

    /// The encoding that the key was read from.
    #[must_use]
    pub fn encoded(&self) -> [u8; LEN] {
        *self.0.as_bytes()
    }

    /// Whether `signature` is this key's signature of `message`, with no context (RFC 8037 section 3.1).
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        // The library reads the sign of R from its last byte, and ignores the bits beside it, which are to be zero.
        let canonical = signature.get(LEN - 1).is_some_and(|last| matches!(last, 0x00 | 0x80));
        canonical && Signature::from_slice(signature).is_ok_and(|it| self.0.verify_raw(&it, message).is_ok())
    }
}
