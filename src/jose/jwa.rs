//! Signature algorithms (RFC 7518 section 3, RFC 8037, RFC 9864) and the keys that serve them.

use std::fmt;

use Algorithm::{
    ES256, ES384, ES512, Ed448, Ed25519, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512,
};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, VerificationAlgorithm};
use zeroize::Zeroizing;

use super::ed25519::Ed25519Key;
use super::unsound_key::UnsoundKey;
use super::{ed448, ed25519, rsa};

/// A signature algorithm, named as the registry of JOSE algorithms names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the registry's, and the documentation is there")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    /// The name of RFC 8037. It names no curve: the key does (section 3.1).
    EdDSA,
    /// The fully specified name of RFC 9864, as the next.
    Ed25519,
    Ed448,
}

/// The kind of key that an algorithm needs: `kty`, and `crv` where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// A shared secret (`oct`).
    Secret,
    /// An RSA key.
    Rsa,
    /// A point on a NIST curve.
    Ec(Curve),
    /// A point on edwards25519.
    Ed25519,
    /// A point on edwards448.
    Ed448,
}

/// A NIST curve (RFC 7518 section 6.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the registry's")]
pub enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// The length of a coordinate, in bytes.
    #[must_use]
    pub fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl Algorithm {
    /// Every algorithm that this project verifies.
    pub const ALL: [Self; 15] =
        [HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, Ed448];

    /// The algorithms that verify with a public key, in the order of [`Self::ALL`].
    pub const ASYMMETRIC: [Self; 12] =
        [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, Ed448];

    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            HS256 => "HS256",
            HS384 => "HS384",
            HS512 => "HS512",
            RS256 => "RS256",
            RS384 => "RS384",
            RS512 => "RS512",
            PS256 => "PS256",
            PS384 => "PS384",
            PS512 => "PS512",
            ES256 => "ES256",
            ES384 => "ES384",
            ES512 => "ES512",
            EdDSA => "EdDSA",
            Ed25519 => "Ed25519",
            Ed448 => "Ed448",
        }
    }

    /// The algorithm of this name, compared by case (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether keys of this kind serve this algorithm.
    #[must_use]
    pub fn accepts_key(self, key: KeyType) -> bool {
        match self {
            HS256 | HS384 | HS512 => key == KeyType::Secret,
            RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => key == KeyType::Rsa,
            ES256 => key == KeyType::Ec(Curve::P256),
            ES384 => key == KeyType::Ec(Curve::P384),
            ES512 => key == KeyType::Ec(Curve::P521),
            EdDSA => matches!(key, KeyType::Ed25519 | KeyType::Ed448),
            Ed25519 => key == KeyType::Ed25519,
            Ed448 => key == KeyType::Ed448,
        }
    }

    /// Whether the same secret signs and verifies.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        self.accepts_key(KeyType::Secret)
    }

    /// The least length of a shared secret, in bytes: that of the hash (RFC 7518 section 3.2). Only HS* has one.
    #[must_use]
    pub fn secret_len(self) -> Option<usize> {
        match self {
            HS256 => Some(32),
            HS384 => Some(48),
            HS512 => Some(64),
            _ => None,
        }
    }

    fn primitive(self) -> Primitive {
        match self {
            HS256 => Primitive::Hmac(hmac::HMAC_SHA256),
            HS384 => Primitive::Hmac(hmac::HMAC_SHA384),
            HS512 => Primitive::Hmac(hmac::HMAC_SHA512),
            RS256 => Primitive::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            RS384 => Primitive::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            RS512 => Primitive::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            PS256 => Primitive::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            PS384 => Primitive::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            PS512 => Primitive::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            ES256 => Primitive::Ec(&signature::ECDSA_P256_SHA256_FIXED),
            ES384 => Primitive::Ec(&signature::ECDSA_P384_SHA384_FIXED),
            ES512 => Primitive::Ec(&signature::ECDSA_P521_SHA512_FIXED),
            EdDSA | Ed25519 | Ed448 => Primitive::Edwards,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

enum Primitive {
    Hmac(hmac::Algorithm),
    Rsa(&'static RsaParameters),
    Ec(&'static dyn VerificationAlgorithm),
    /// The key tells the curve.
    Edwards,
}

/// What a key is made of, before it is prepared for an algorithm.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// The bytes of a shared secret.
    Secret(Zeroizing<Vec<u8>>),
    /// An RSA public key whose numbers were checked.
    Rsa(rsa::RsaPublicKey),
    /// An uncompressed point, `0x04 || x || y`.
    Ec(Curve, Vec<u8>),
    /// A point on edwards25519, encoded as RFC 8032 section 5.1.2 says.
    Ed25519([u8; 32]),
    /// A point on edwards448.
    Ed448(ed448::Ed448PublicKey),
}

/// Shows the kind of key only, since a secret must never be printed.
impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyMaterial({:?})", self.key_type())
    }
}

const OTHER_TYPE: &str = "the key is of another type than the algorithm";

impl KeyMaterial {
    /// An Ed25519 key, if it is one that can be trusted to verify.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a point, or the point is of small order: under such a key, signatures
    /// that no private key made would verify.
    pub fn ed25519(bytes: &[u8]) -> Result<Self, UnsoundKey> {
        let encoded: [u8; 32] = bytes.try_into().map_err(|_| UnsoundKey("an Ed25519 key has 32 bytes"))?;
        ed25519::point(&encoded)?;
        Ok(Self::Ed25519(encoded))
    }

    /// An Ed448 key, if it is one that can be trusted to verify.
    ///
    /// # Errors
    /// As for [`Self::ed25519`].
    pub fn ed448(bytes: &[u8]) -> Result<Self, UnsoundKey> {
        ed448::Ed448PublicKey::new(bytes).map(Self::Ed448).map_err(UnsoundKey)
    }

    /// This key, if aws-lc accepts it as well: a point on its curve, or numbers that make an RSA key.
    ///
    /// # Errors
    /// It does not.
    pub fn checked(self) -> Result<Self, UnsoundKey> {
        let of_its_type = Algorithm::ALL.into_iter().find(|algorithm| algorithm.accepts_key(self.key_type()));
        of_its_type.map_or(Ok(()), |algorithm| self.prepare(algorithm).map(drop))?;
        Ok(self)
    }

    /// The kind of key that this is.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        match self {
            Self::Secret(_) => KeyType::Secret,
            Self::Rsa(_) => KeyType::Rsa,
            Self::Ec(curve, _) => KeyType::Ec(*curve),
            Self::Ed25519(_) => KeyType::Ed25519,
            Self::Ed448(_) => KeyType::Ed448,
        }
    }

    /// Makes the key ready to verify signatures of one algorithm.
    ///
    /// # Errors
    /// The key is of another type, or aws-lc finds it unsound: a point off the curve, an RSA key out of bounds.
    pub fn prepare(&self, algorithm: Algorithm) -> Result<PreparedKey, UnsoundKey> {
        if !algorithm.accepts_key(self.key_type()) {
            return Err(UnsoundKey(OTHER_TYPE));
        }
        let prepared = match (self, algorithm.primitive()) {
            (Self::Secret(secret), Primitive::Hmac(digest)) => Prepared::Hmac(Box::new(hmac::Key::new(digest, secret))),
            (Self::Rsa(key), Primitive::Rsa(parameters)) => Prepared::Public(
                PublicKeyComponents { n: key.modulus(), e: key.exponent() }
                    .to_parsed_public_key(parameters)
                    .map_err(|_| UnsoundKey("the RSA key is unusable"))?,
            ),
            (Self::Ec(_, point), Primitive::Ec(curve)) => Prepared::Public(
                ParsedPublicKey::new(curve, point).map_err(|_| UnsoundKey("the EC key is not a point on its curve"))?,
            ),
            (Self::Ed25519(bytes), Primitive::Edwards) => Prepared::Ed25519(Ed25519Key::new(*bytes)?),
            (Self::Ed448(key), Primitive::Edwards) => Prepared::Ed448(key.clone()),
            _ => return Err(UnsoundKey(OTHER_TYPE)),
        };
        Ok(PreparedKey { algorithm, prepared })
    }
}

/// A key that is ready to verify signatures of one algorithm, and of no other.
pub struct PreparedKey {
    algorithm: Algorithm,
    prepared: Prepared,
}

enum Prepared {
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
    Ed25519(Ed25519Key),
    Ed448(ed448::Ed448PublicKey),
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedKey({})", self.algorithm)
    }
}

impl PreparedKey {
    /// The one algorithm that this key serves.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's signature of `message`; MACs are compared in constant time.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.prepared {
            Prepared::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Prepared::Public(key) => key.verify_sig(message, signature).is_ok(),
            Prepared::Ed25519(key) => key.verifies(message, signature),
            Prepared::Ed448(key) => key.verifies(message, signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_case_counts() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(Algorithm::from_name(&algorithm.name().to_lowercase()), None);
        }
        for name in ["none", "", "RS256 ", "ES521", "HS1", "RSA-OAEP", "PBES2-HS256+A128KW", "dir"] {
            assert_eq!(Algorithm::from_name(name), None);
        }
    }

    #[test]
    fn a_key_serves_only_algorithms_of_its_type() {
        let secret = KeyMaterial::Secret(Zeroizing::new(vec![7; 64]));
        for algorithm in Algorithm::ALL {
            assert_eq!(secret.prepare(algorithm).is_ok(), algorithm.is_symmetric(), "{algorithm}");
        }
    }

    #[test]
    fn a_mac_is_compared_whole() {
        let key = KeyMaterial::Secret(Zeroizing::new(vec![7; 32])).prepare(HS256).unwrap();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), b"message");
        assert!(key.verifies(b"message", tag.as_ref()));
        for len in 0..32 {
            assert!(!key.verifies(b"message", &tag.as_ref()[..len]));
        }
        assert!(!key.verifies(b"message", &[tag.as_ref(), &[0]].concat()));
    }

    #[test]
    fn debug_shows_no_key() {
        let secret = KeyMaterial::Secret(Zeroizing::new(b"hunter2".to_vec()));
        assert_eq!(format!("{secret:?}"), "KeyMaterial(Secret)");
        assert_eq!(format!("{:?}", secret.prepare(HS256).unwrap()), "PreparedKey(HS256)");
    }
}
