//! Keys as an operator gives them: PEM, JWK, JWK Set, or a shared secret.
//!
//! The algorithms that the operator named decide the type of the key, and it is parsed as that type. In several libraries,
//! guessing the type from the text let public keys pass for HMAC secrets.

use zeroize::Zeroizing;

use super::algorithms::Algorithms;
use super::key_confusion;
use super::set::KeySet;
use super::skipped::SkippedKey;
use crate::config::ConfigError;
use crate::jose::json::{self, Object, Value};
use crate::jose::jwa::{Algorithm, KeyMaterial};
use crate::jose::jwk::{Jwk, Unusable};
use crate::jose::jwk_set;
use crate::jose::pem;

/// Keys that an operator gave, ready for use.
#[derive(Debug)]
pub struct LoadedKeys {
    /// The keys.
    pub keys: KeySet,
    /// The key is a plain secret that is shorter than its hash (RFC 7518 section 3.2).
    pub short_secret: Option<ShortSecret>,
}

/// How short a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortSecret {
    /// Its length, in bytes.
    pub bytes: usize,
    /// The length that its algorithm asks for, in bytes.
    pub wanted: usize,
}

/// Reads the key that an operator gave for these algorithms.
///
/// # Errors
/// The text is not a sound key of the type that the algorithms need. For HS*, anything that parses as an asymmetric key is
/// an error, in any encoding.
pub fn from_text(text: &[u8], algorithms: &Algorithms) -> Result<LoadedKeys, ConfigError> {
    from_text_for_use(text, algorithms, None)
}

/// Does the same, and accepts a further value of `use` beside `sig`.
///
/// # Errors
/// As of [`from_text`].
pub fn from_text_for_use(
    text: &[u8],
    algorithms: &Algorithms,
    key_use: Option<&str>,
) -> Result<LoadedKeys, ConfigError> {
    let wanted: Vec<Algorithm> = algorithms.iter().collect();
    if !algorithms.are_symmetric() || json::parse_object(text).map(Zeroizing::new).is_ok() {
        let (jwks, skipped) = public_text(text, key_use)?;
        let keys = KeySet::new(jwks.iter().cloned(), &wanted).map_err(|unsound| unusable(unsound.0))?;
        if keys.is_empty() {
            return Err(fits_none(jwks, algorithms));
        }
        return Ok(LoadedKeys { keys: keys.with_skipped(skipped), short_secret: None });
    }
    let secret = plain_secret(text)?;
    let longest = algorithms.iter().filter_map(Algorithm::secret_len).max().unwrap_or(0);
    let short_secret = (text.len() < longest).then_some(ShortSecret { bytes: text.len(), wanted: longest });
    let keys = KeySet::of_secret(secret, &wanted).map_err(|unsound| unusable(unsound.0))?;
    Ok(LoadedKeys { keys, short_secret })
}

/// Reads a PEM, JWK or JWK Set text and takes the algorithms from the keys: each key's own `alg`, else its family's.
///
/// # Errors
/// The text is none of these, or holds no key that can verify.
pub fn from_public_text(text: &[u8]) -> Result<(KeySet, Algorithms), ConfigError> {
    let keys = KeySet::new(public_text(text, None)?.0, &Algorithm::ALL).map_err(|unsound| unusable(unsound.0))?;
    let algorithms = keys.algorithms();
    if algorithms.is_empty() {
        return Err(unusable("it is a secret that is shorter than its hash"));
    }
    Ok((keys, Algorithms::from_keys(algorithms)))
}

fn fits_none(jwks: Vec<Jwk>, algorithms: &Algorithms) -> ConfigError {
    let fitting = KeySet::new(jwks, &Algorithm::ALL).map(|keys| keys.algorithms()).unwrap_or_default();
    let names: Vec<_> = fitting.into_iter().map(Algorithm::name).collect();
    let advice = if names.is_empty() {
        "it is a secret that is shorter than its hash".to_owned()
    } else {
        format!("it is a key for {}; name one of these as algorithm", names.join(", "))
    };
    ConfigError::new(format!("the key fits none of the algorithms ({algorithms}): {advice}"))
}

fn unusable(reason: impl std::fmt::Display) -> ConfigError {
    ConfigError::new(format!("the key cannot be used: {reason}"))
}

/// Public keys, and the keys that were skipped. A byte order mark at the start is ignored.
fn public_text(text: &[u8], key_use: Option<&str>) -> Result<(Vec<Jwk>, Vec<SkippedKey>), ConfigError> {
    let trimmed = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii();
    if trimmed.starts_with(b"{") {
        let object = json::parse_document(trimmed)
            .map(Zeroizing::new)
            .map_err(|error| unusable(format!("it starts like a JWK but is not one strict JSON object: {error}")))?;
        return if object.get("keys").is_some() {
            set(&object, key_use)
        } else {
            Ok((vec![Jwk::for_use(&object, key_use).map_err(unusable)?], Vec::new()))
        };
    }
    if !trimmed.starts_with(b"-----BEGIN ") {
        return Err(unusable(
            "an asymmetric algorithm needs a public key as PEM text (-----BEGIN PUBLIC KEY-----, RSA PUBLIC KEY or \
             CERTIFICATE; the text itself, not the name of a file), or a JWK or JWK Set as JSON text; for a shared secret \
             name an HS* algorithm, such as algorithms=[\"HS256\"]",
        ));
    }
    if trimmed.windows(2).any(|pair| pair == b"\\n") {
        return Err(unusable("its lines are ended by a backslash and an n: replace each such pair by a line end"));
    }
    let material = pem::public_key(trimmed).map_err(unusable)?;
    Ok((vec![Jwk { kid: None, alg: None, is_for_signatures: false, issuer: None, material }], Vec::new()))
}

/// Keys that cannot be used are skipped (RFC 7517 section 5), unless one has the `kid` of a good one. A set with both symmetric
/// and asymmetric keys is refused.
fn set(object: &Object, key_use: Option<&str>) -> Result<(Vec<Jwk>, Vec<SkippedKey>), ConfigError> {
    let kinds = |secret: bool| {
        let Some(Value::Array(keys)) = object.get("keys") else { return false };
        keys.iter().any(|key| {
            let kty = match key {
                Value::Object(key) => key.get("kty").and_then(Value::as_str),
                _ => None,
            };
            kty.is_some_and(|kty| (kty == "oct") == secret)
        })
    };
    if kinds(true) && kinds(false) {
        return Err(unusable("the JWK Set mixes symmetric and asymmetric keys; give only keys of one kind"));
    }
    let members = jwk_set::members_of(object, key_use).map_err(unusable)?;
    let broken = members
        .iter()
        .filter(|member| member.key.as_ref().is_err_and(Unusable::is_broken))
        .filter_map(|member| member.kid);
    let usable = || members.iter().filter(|member| member.key.is_ok());
    if let Some(kid) = broken.into_iter().find(|kid| usable().any(|member| member.kid == Some(kid))) {
        let kid: String = kid.chars().take(40).collect();
        return Err(unusable(format!("the JWK Set has two keys of the id {kid:?}, and one of them is malformed")));
    }
    let (mut usable, mut skipped) = (Vec::new(), Vec::new());
    for member in members {
        match member.key {
            Ok(key) => usable.push(key),
            Err(why) => skipped.push(SkippedKey {
                kid: member.kid.map(Box::from),
                reason: why.to_string().into(),
                is_usual: why.is_usual(),
            }),
        }
    }
    match (usable.is_empty(), skipped.first()) {
        (false, _) => Ok((usable, skipped)),
        (true, None) => Err(unusable("the JWK Set is empty")),
        (true, Some(first)) => {
            Err(unusable(format!("no key of the JWK Set is usable; of the first, {}", first.reason)))
        }
    }
}

fn plain_secret(text: &[u8]) -> Result<KeyMaterial, ConfigError> {
    if text.trim_ascii().is_empty() {
        return Err(ConfigError::new("the secret is empty or blank: give the bytes that the issuer signs with"));
    }
    if let Some(disguised) = key_confusion::asymmetric_kind(text) {
        return Err(ConfigError::new(format!(
            "HS* algorithms require a shared secret, and this is {disguised}: name the algorithm that the issuer signs \
             with, such as \"RS256\", and give the public key for it"
        )));
    }
    Ok(KeyMaterial::Secret(Zeroizing::new(text.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, algorithms: &[&str]) -> Result<LoadedKeys, ConfigError> {
        from_text(text.as_bytes(), &Algorithms::parse(algorithms.iter().copied()).unwrap())
    }

    #[test]
    fn a_short_secret_is_reported_and_an_empty_one_refused() {
        assert_eq!(load("jwt-secret", &["HS256"]).unwrap().short_secret, Some(ShortSecret { bytes: 10, wanted: 32 }));
        assert_eq!(load(&"x".repeat(32), &["HS256"]).unwrap().short_secret, None);
        assert_eq!(load(&"x".repeat(32), &["HS256", "HS512"]).unwrap().short_secret.unwrap().wanted, 64);
        for blank in ["", " ", "\n\t "] {
            assert!(load(blank, &["HS256"]).is_err());
        }
    }

    #[test]
    fn an_asymmetric_algorithm_takes_no_secret() {
        for text in ["secret", "", "ssh-rsa AAAA", "[]", "{", "{}"] {
            assert!(load(text, &["RS256"]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mixed_set_is_refused_and_odd_keys_are_skipped() {
        let secret = r#"{"kty":"oct","kid":"s","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;
        let point = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        assert!(load(&format!(r#"{{"keys":[{secret},{point}]}}"#), &["HS256"]).is_err());
        assert!(load(&format!(r#"{{"keys":[{secret},{point}]}}"#), &["EdDSA"]).is_err());
        assert!(load(&format!(r#"{{"keys":[{secret}]}}"#), &["HS256"]).is_ok());
        assert!(load(&format!(r#"{{"keys":[{secret}]}}"#), &["HS512"]).is_err());
        assert!(load(secret, &["HS256"]).is_ok());
        assert!(load(point, &["HS256"]).is_err());
        assert!(load(secret, &["EdDSA"]).is_err());
        assert!(load(&format!(r#"{{"keys":[5,{{"kty":"X"}},{point}]}}"#), &["EdDSA"]).is_ok());
        assert!(load(r#"{"keys":[]}"#, &["EdDSA"]).is_err());
        assert!(load(r#"{"keys":[5]}"#, &["EdDSA"]).is_err());
    }

    #[test]
    fn an_error_shows_no_key() {
        let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0";
        for text in [format!("-----BEGIN {secret}"), format!("{{\"kty\":\"{secret}\"}}"), secret.to_owned()] {
            let message = load(&text, &["RS256"]).unwrap_err().to_string();
            assert!(!message.contains(secret), "{message}");
        }
    }
}
