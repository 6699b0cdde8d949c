//! One key of another library: the text of a public key, or the bytes of a secret.
//!
//! The library decides what is a key. For this project a text is a key that both read in the same way, an unsound key that no
//! standard allows, or a key that this project does not support.

use zeroize::Zeroizing;

use crate::jose::json::{self, Value};
use crate::jose::jwa::{Algorithm, KeyMaterial};
use crate::jose::jwk::Jwk;
use crate::jose::pem::{self, PemError};
use crate::jose::unsound_key::UnsoundKey;
use crate::keys::{KeySet, asymmetric_kind};

/// A text as the key of one algorithm.
#[derive(Debug)]
pub enum LibraryKey {
    /// A key, ready to verify.
    Ready(KeySet),
    /// A key under which a valid signature proves too little (RFC 7518 sections 3.3 and 6.2.2, RFC 8725 section
    /// 2.1). Says why.
    Unsound(&'static str),
    /// A text that this project does not read: another form, another type, or no key.
    Unsupported,
}

impl LibraryKey {
    /// Reads the PEM text of a public key, or takes the bytes as a secret where the algorithm is symmetric.
    #[must_use]
    pub fn read(text: &[u8], algorithm: Algorithm) -> Self {
        let keys = if algorithm.is_symmetric() { secret(text, algorithm) } else { public_key(text, algorithm) };
        match keys {
            Ok(keys) if keys.is_empty() => Self::Unsupported,
            Ok(keys) => Self::Ready(keys),
            Err(Some(UnsoundKey(why))) => Self::Unsound(why),
            Err(None) => Self::Unsupported,
        }
    }
}

fn public_key(text: &[u8], algorithm: Algorithm) -> Result<KeySet, Option<UnsoundKey>> {
    let material = pem::public_key(text).map_err(|error| match error {
        PemError::Unsound(unsound) => Some(unsound),
        _ => None,
    })?;
    KeySet::new([Jwk { kid: None, alg: None, is_for_signatures: false, issuer: None, material }], &[algorithm])
        .map_err(Some)
}

/// Any bytes are a secret, except those of a public key. Some libraries take the text of a symmetric JWK as the secret, and others
/// take the key in it.
fn secret(text: &[u8], algorithm: Algorithm) -> Result<KeySet, Option<UnsoundKey>> {
    let is_symmetric_jwk = json::parse_object(text.trim_ascii())
        .map(Zeroizing::new)
        .is_ok_and(|jwk| jwk.get("kty").and_then(Value::as_str).is_some_and(|kty| kty == "oct"));
    if text.is_empty() || is_symmetric_jwk {
        return Err(None);
    }
    if asymmetric_kind(text).is_some() {
        return Err(Some(UnsoundKey("a key of another type was given as the shared secret")));
    }
    KeySet::of_secret(KeyMaterial::Secret(Zeroizing::new(text.to_vec())), &[algorithm]).map_err(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const P256: &str = include_str!("../../tests/vectors/keys/p256.spki.pem");

    fn kind(text: &str, algorithm: Algorithm) -> &'static str {
        match LibraryKey::read(text.as_bytes(), algorithm) {
            LibraryKey::Ready(_) => "ready",
            LibraryKey::Unsound(_) => "unsound",
            LibraryKey::Unsupported => "foreign",
        }
    }

    #[test]
    fn a_key_serves_the_algorithms_of_its_type() {
        assert_eq!(kind(P256, Algorithm::ES256), "ready");
        for other in [Algorithm::ES384, Algorithm::RS256, Algorithm::EdDSA] {
            assert_eq!(kind(P256, other), "foreign");
        }
        assert_eq!(kind("secret", Algorithm::HS512), "ready");
    }

    #[test]
    fn a_public_key_is_no_secret() {
        for text in [P256, r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "ssh-rsa AAAAB3NzaC1yc2E"] {
            assert_eq!(kind(text, Algorithm::HS256), "unsound", "{text}");
        }
    }

    #[test]
    fn weak_keys_and_unknown_ones_differ() {
        let weak = include_str!("../../tests/vectors/keys/rsa1024.spki.pem");
        assert_eq!(kind(weak, Algorithm::RS256), "unsound");
        for text in [
            "",
            "secret",
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
            include_str!("../../tests/vectors/keys/rsa.private.pem"),
            include_str!("../../tests/vectors/keys/ed448.spki.pem"),
        ] {
            assert_eq!(kind(text, Algorithm::RS256), "foreign", "{text}");
        }
        for text in ["", r#"{"kty":"oct","k":"AAAA"}"#] {
            assert_eq!(kind(text, Algorithm::HS256), "foreign", "{text}");
        }
    }
}
