//! An immutable set of keys, ready to verify, and the selection of the one that fits a token.

use std::sync::Arc;

use super::server::AuthorizationServer;
use crate::jose::jwa::{Algorithm, KeyMaterial, PreparedKey, UnsoundKey};
use crate::jose::jwk::Jwk;
use crate::rejection::Rejection;

/// Keys that were parsed and prepared once.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    server: Option<Arc<AuthorizationServer>>,
}

#[derive(Debug)]
struct Key {
    kid: Option<Box<str>>,
    material: KeyMaterial,
    prepared: Vec<Arc<PreparedKey>>,
}

impl Key {
    fn for_algorithm(&self, algorithm: Algorithm) -> Option<&Arc<PreparedKey>> {
        self.prepared.iter().find(|prepared| prepared.algorithm() == algorithm)
    }
}

impl KeySet {
    /// Prepares each key for those of the algorithms that it serves. A key that serves none takes no part.
    ///
    /// # Errors
    /// A key is unsound: a point off its curve, for one.
    pub fn new(jwks: impl IntoIterator<Item = Jwk>, algorithms: &[Algorithm]) -> Result<Self, UnsoundKey> {
        let mut keys = Vec::new();
        for jwk in jwks {
            let served = algorithms.iter().filter(|&&algorithm| jwk.serves(algorithm));
            let prepared = served.map(|&algorithm| jwk.material.prepare(algorithm).map(Arc::new));
            let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
            if !prepared.is_empty() {
                keys.push(Key { kid: jwk.kid, material: jwk.material, prepared });
            }
        }
        Ok(Self { keys, server: None })
    }

    /// A set of one shared secret, which serves whatever algorithm it is prepared for.
    ///
    /// # Errors
    /// One of the algorithms is not symmetric.
    pub fn of_secret(material: KeyMaterial, algorithms: &[Algorithm]) -> Result<Self, UnsoundKey> {
        let prepared = algorithms.iter().map(|&algorithm| material.prepare(algorithm).map(Arc::new));
        let prepared = prepared.collect::<Result<_, _>>()?;
        Ok(Self { keys: vec![Key { kid: None, material, prepared }], server: None })
    }

    /// This set, as the keys of this server and of no other (RFC 8725bis section 3.8).
    #[must_use]
    pub fn of_server(self, server: Arc<AuthorizationServer>) -> Self {
        Self { server: Some(server), ..self }
    }

    /// Whose keys they are, where that is known.
    #[must_use]
    pub fn server(&self) -> Option<&Arc<AuthorizationServer>> {
        self.server.as_ref()
    }

    /// Whether no key serves any of the algorithms.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key ids, of those keys that have one.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    /// The algorithms that some key serves.
    #[must_use]
    pub fn algorithms(&self) -> Vec<Algorithm> {
        Algorithm::ALL
            .into_iter()
            .filter(|&algorithm| self.keys.iter().any(|key| key.for_algorithm(algorithm).is_some()))
            .collect()
    }

    /// Selects the one key that may verify a token with this header (RFC 7515 section 6, RFC 7517 section 4).
    ///
    /// A key qualifies when it was prepared for the algorithm and has the token's `kid`. A token without `kid` takes any
    /// key, and a lone key without `kid` takes any token. The same key listed twice is one key.
    ///
    /// # Errors
    /// `UnknownKey` if none qualifies, `AmbiguousKey` if different ones do.
    pub fn select(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<&Arc<PreparedKey>, Rejection> {
        let lone = self.keys.len() == 1;
        let mut fitting = self.keys.iter().filter_map(|key| {
            let named = match (kid, key.kid.as_deref()) {
                (None, _) => true,
                (Some(_), None) => lone,
                (Some(wanted), Some(kid)) => wanted == kid,
            };
            if named { key.for_algorithm(algorithm).map(|prepared| (key, prepared)) } else { None }
        });
        let (first, prepared) = fitting.next().ok_or(Rejection::UnknownKey)?;
        if fitting.all(|(other, _)| other.material == first.material) {
            Ok(prepared)
        } else {
            Err(Rejection::AmbiguousKey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::parse_object;

    fn secret(byte: u8, members: &str) -> Jwk {
        let k = crate::jose::base64url::encode(&[byte; 64]);
        Jwk::from_object(&parse_object(format!(r#"{{"kty":"oct","k":"{k}"{members}}}"#).as_bytes()).unwrap()).unwrap()
    }

    fn select(jwks: Vec<Jwk>, kid: Option<&str>) -> Result<Algorithm, Rejection> {
        let set = KeySet::new(jwks, &[Algorithm::HS256, Algorithm::HS512]).unwrap();
        set.select(Algorithm::HS256, kid).map(|key| key.algorithm())
    }

    #[test]
    fn one_key_is_found_with_and_without_kid() {
        let found = Ok(Algorithm::HS256);
        assert_eq!(select(vec![secret(1, "")], None), found);
        assert_eq!(select(vec![secret(1, "")], Some("a")), found);
        assert_eq!(select(vec![secret(1, r#","kid":"a""#)], None), found);
        assert_eq!(select(vec![secret(1, r#","kid":"a""#)], Some("a")), found);
    }

    #[test]
    fn another_kid_or_algorithm_is_an_unknown_key() {
        let unknown = Err(Rejection::UnknownKey);
        assert_eq!(select(vec![], None), unknown);
        for kid in ["b", "A", "", "_default"] {
            assert_eq!(select(vec![secret(1, r#","kid":"a""#)], Some(kid)), unknown, "{kid}");
        }
        assert_eq!(select(vec![secret(1, r#","kid":"a","alg":"HS512""#)], Some("a")), unknown);
        assert_eq!(select(vec![secret(1, ""), secret(2, "")], Some("a")), unknown);
    }

    #[test]
    fn several_keys_are_ambiguous_unless_they_are_one() {
        let ambiguous = Err(Rejection::AmbiguousKey);
        assert_eq!(select(vec![secret(1, r#","kid":"a""#), secret(2, r#","kid":"b""#)], None), ambiguous);
        assert_eq!(select(vec![secret(1, r#","kid":"a""#), secret(2, r#","kid":"a""#)], Some("a")), ambiguous);
        assert!(select(vec![secret(1, r#","kid":"a""#), secret(1, r#","kid":"a""#)], Some("a")).is_ok());
        assert!(select(vec![secret(1, r#","kid":"a""#), secret(2, r#","kid":"b","alg":"HS512""#)], None).is_ok());
    }
}
