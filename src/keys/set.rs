//! An immutable set of keys, ready to verify, and the selection of the one that fits a token.

use std::sync::Arc;

use super::skipped::SkippedKey;
use crate::jose::jwa::{Algorithm, KeyMaterial, PreparedKey};
use crate::jose::jwk::Jwk;
use crate::jose::unsound_key::UnsoundKey;
use crate::outcome::rejection::Rejection;

/// Keys that were parsed and prepared once.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<SkippedKey>,
}

#[derive(Debug)]
struct Key {
    kid: Option<Box<str>>,
    /// How precisely the key says what it is for. Of two keys with one key id, the more precise is selected.
    says: (bool, bool),
    issuer: Option<Arc<str>>,
    material: KeyMaterial,
    prepared: Vec<Arc<PreparedKey>>,
}

impl Key {
    fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.prepared.iter().map(|prepared| prepared.algorithm())
    }

    fn for_algorithm(&self, algorithm: Algorithm) -> Option<&Arc<PreparedKey>> {
        self.prepared.iter().find(|prepared| prepared.algorithm() == algorithm)
    }
}

impl KeySet {
    /// Prepares each key for those of the algorithms that it fits. A key that fits none is left out.
    ///
    /// # Errors
    /// A key is unsound, such as a point off its curve.
    pub fn new(jwks: impl IntoIterator<Item = Jwk>, algorithms: &[Algorithm]) -> Result<Self, UnsoundKey> {
        let mut keys = Vec::new();
        for jwk in jwks {
            let served = algorithms.iter().filter(|&&algorithm| jwk.supports(algorithm));
            let prepared = served.map(|&algorithm| jwk.material.prepare(algorithm).map(Arc::new));
            let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
            if !prepared.is_empty() {
                let says = (jwk.alg.is_some(), jwk.is_for_signatures);
                let issuer = jwk.issuer.map(Arc::from);
                keys.push(Key { kid: jwk.kid, says, issuer, material: jwk.material, prepared });
            }
        }
        Ok(Self { keys, skipped: Vec::new() })
    }

    /// This set, with the keys that were left out of it.
    #[must_use]
    pub fn with_skipped(self, skipped: Vec<SkippedKey>) -> Self {
        Self { skipped, ..self }
    }

    /// The keys that were left out.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The key with this id that was left out, if there is one: a token that names it is from the same issuer.
    #[must_use]
    pub fn skipped_as(&self, kid: Option<&str>) -> Option<&SkippedKey> {
        self.skipped.iter().find(|skipped| kid.is_some() && skipped.kid.as_deref() == kid)
    }

    /// A set of one shared secret, prepared for these algorithms.
    ///
    /// # Errors
    /// One of the algorithms is not symmetric.
    pub fn of_secret(material: KeyMaterial, algorithms: &[Algorithm]) -> Result<Self, UnsoundKey> {
        let prepared = algorithms.iter().map(|&algorithm| material.prepare(algorithm).map(Arc::new));
        let prepared = prepared.collect::<Result<_, _>>()?;
        let key = Key { kid: None, says: (false, false), issuer: None, material, prepared };
        Ok(Self { keys: vec![key], skipped: Vec::new() })
    }

    /// This set, using the prepared keys of the other one where both have the same key.
    #[must_use]
    pub fn keeping_prepared(mut self, before: &Self) -> Self {
        for (at, key) in self.keys.iter_mut().enumerate() {
            let same = |other: &&Key| {
                other.kid == key.kid
                    && other.says == key.says
                    && other.issuer == key.issuer
                    && other.material == key.material
                    && other.algorithms().eq(key.algorithms())
            };
            let known = before.keys.get(at).filter(same).or_else(|| before.keys.iter().find(same));
            if let Some(known) = known {
                key.prepared.clone_from(&known.prepared);
            }
        }
        self
    }

    /// The shared secret, if the set is one.
    pub(crate) fn lone_secret(&self) -> Option<&[u8]> {
        match self.keys.as_slice() {
            [Key { material: KeyMaterial::Secret(secret), .. }] => Some(secret),
            _ => None,
        }
    }

    /// Whether no key fits any of the algorithms.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key ids, of those keys that have one.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    /// The issuer that a key of this set names.
    #[must_use]
    pub fn issuer_of(&self, prepared: &Arc<PreparedKey>) -> Option<&Arc<str>> {
        let is_it = |key: &&Key| key.issuer.is_some() && key.prepared.iter().any(|other| Arc::ptr_eq(other, prepared));
        self.keys.iter().find(is_it)?.issuer.as_ref()
    }

    /// The algorithms that some key fits.
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
    /// key, and a lone key without `kid` takes any token. The same key listed twice is one key. Of several with the token's
    /// `kid`, those are selected that say most precisely what they are for: `alg` first, then `use`.
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
        let (mut first, mut selected) = fitting.next().ok_or(Rejection::UnknownKey)?;
        let mut is_ambiguous = false;
        for (key, prepared) in fitting {
            if kid.is_some() && key.says > first.says {
                (first, selected, is_ambiguous) = (key, prepared, false);
            } else if kid.is_none() || key.says == first.says {
                is_ambiguous |= key.material != first.material;
            }
        }
        if is_ambiguous { Err(Rejection::AmbiguousKey) } else { Ok(selected) }
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

    #[test]
    fn of_two_keys_of_one_id_the_one_counts_that_says_what_it_is_for() {
        let set = |jwks: Vec<Jwk>| KeySet::new(jwks, &[Algorithm::HS256, Algorithm::HS512]).unwrap();
        let plain = || secret(1, r#","kid":"a""#);
        let signs = || secret(2, r#","kid":"a","use":"sig""#);
        let bound = || secret(3, r#","kid":"a","alg":"HS256""#);
        let unregistered = || secret(4, r#","kid":"a","alg":"SHA256""#);
        let both = || secret(5, r#","kid":"a","alg":"HS256","use":"sig""#);
        let other = || secret(6, r#","kid":"a","alg":"HS512""#);
        for (jwks, winner) in [
            (vec![plain(), bound()], 3),
            (vec![bound(), plain(), unregistered()], 3),
            (vec![plain(), signs()], 2),
            (vec![signs(), bound()], 3),
            (vec![other(), both(), bound(), signs(), plain()], 5),
        ] {
            let jwks = set(jwks);
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[winner; 64]);
            let tag = aws_lc_rs::hmac::sign(&key, b"x");
            assert!(jwks.select(Algorithm::HS256, Some("a")).unwrap().verifies(b"x", tag.as_ref()), "{winner}");
            assert_eq!(jwks.select(Algorithm::HS256, None).unwrap_err(), Rejection::AmbiguousKey, "without a kid");
        }
        for jwks in [vec![plain(), unregistered()], vec![bound(), secret(9, r#","kid":"a","alg":"HS256""#), plain()]] {
            assert_eq!(set(jwks).select(Algorithm::HS256, Some("a")).unwrap_err(), Rejection::AmbiguousKey);
        }
    }
}
