//! A fetched JWK Set (RFC 7517 section 5): hostile until read, and good only if a key of it is usable.

use super::fetch::FetchError;
use crate::jose::json::{self, Value};
use crate::jose::jwa::{Algorithm, KeyType};
use crate::jose::jwk::{self, Jwk};
use crate::keys::KeySet;

/// The most keys that a set may hold.
const MAX_KEYS: usize = 1000;

/// Of how many skipped keys is told, each with its reason: a hostile set must not fill a log.
const MOST_TOLD: usize = 10;

/// The longest key id that is shown, in characters.
const LONGEST_KID: usize = 64;

/// What is known of a usable key, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key id.
    pub kid: Option<Box<str>>,
    /// The key type, as `kty` has it.
    pub kty: &'static str,
    /// The algorithm that the key is bound to.
    pub alg: Option<Algorithm>,
}

/// A JWK Set, with at least one usable key where one was read.
#[derive(Debug)]
pub struct Document {
    /// The usable keys, ready.
    pub keys: KeySet,
    /// What they are.
    pub infos: Vec<KeyInfo>,
    /// Why others were skipped, each with its key id; of very many, how many more there are.
    pub skipped: Vec<String>,
}

impl Document {
    /// That of a server which publishes no keys, because it issues no tokens that others could verify.
    #[must_use]
    pub fn without_keys() -> Self {
        Self { keys: KeySet::default(), infos: Vec::new(), skipped: Vec::new() }
    }

    /// Reads a JWK Set. Symmetric keys are skipped, as is every key that cannot be used; order and unknown members carry no
    /// meaning.
    ///
    /// # Errors
    /// The body is no strict JSON object with an array `keys`, the array is too long, or no key of it is usable.
    pub fn parse(body: &[u8]) -> Result<Self, FetchError> {
        let object = json::parse_object(body).map_err(|_| FetchError::NotAKeySet("it is not a strict JSON object"))?;
        let Some(Value::Array(members)) = object.get("keys") else {
            return Err(FetchError::NotAKeySet("it has no array \"keys\""));
        };
        if members.len() > MAX_KEYS {
            return Err(FetchError::NotAKeySet("it has more than 1000 keys"));
        }
        let mut usable = Vec::new();
        let mut skipped = Vec::new();
        for member in jwk::from_set(&object).map_err(|_| FetchError::NotAKeySet("it has no array \"keys\""))? {
            match member.key.map_err(|unusable| unusable.to_string()).and_then(published) {
                Ok(key) => usable.push(key),
                Err(reason) => skipped.push(format!("key {}: {reason}", name_of(member.kid))),
            }
        }
        let untold = skipped.len().saturating_sub(MOST_TOLD);
        if untold > 0 {
            skipped.truncate(MOST_TOLD);
            skipped.push(format!("{untold} further keys cannot be used"));
        }
        let infos: Vec<_> = usable.iter().map(info).collect();
        let keys = KeySet::new(usable, &ASYMMETRIC).map_err(|unsound| FetchError::NotAKeySet(unsound.0))?;
        if keys.is_empty() {
            return Err(FetchError::NotAKeySet("no key of it can verify signatures"));
        }
        Ok(Self { keys, infos, skipped })
    }
}

const ASYMMETRIC: [Algorithm; 12] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::EdDSA,
    Algorithm::Ed25519,
    Algorithm::Ed448,
];

fn published(key: Jwk) -> Result<Jwk, String> {
    if key.material.key_type() == KeyType::Secret {
        return Err("a shared secret is not for publication".to_owned());
    }
    Ok(key)
}

fn info(key: &Jwk) -> KeyInfo {
    let kty = match key.material.key_type() {
        KeyType::Secret => "oct",
        KeyType::Rsa => "RSA",
        KeyType::Ec(_) => "EC",
        KeyType::Ed25519 | KeyType::Ed448 => "OKP",
    };
    KeyInfo { kid: key.kid.clone(), kty, alg: key.alg }
}

fn name_of(kid: Option<&str>) -> String {
    kid.map_or_else(
        || "without kid".to_owned(),
        |kid| format!("{:?}", kid.chars().take(LONGEST_KID).collect::<String>()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{"kty":"OKP","crv":"Ed25519","kid":"good","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const OFF_CURVE: &str = r#"{"kty":"EC","crv":"P-256","kid":"off","x":"f93OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

    fn parse(keys: &str) -> Result<Document, FetchError> {
        Document::parse(format!("{{\"keys\":[{keys}]}}").as_bytes())
    }

    #[test]
    fn h5_one_odd_key_leaves_the_others() {
        let secret = r#"{"kty":"oct","kid":"s","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;
        for odd in [
            r#"{"kty":"RSA","n":"!"}"#,
            r#"{"kty":"new"}"#,
            r#"{"kid":["a"],"kty":"OKP"}"#,
            "null",
            "5",
            "{}",
            OFF_CURVE,
            secret,
        ] {
            let document = parse(&format!("{odd},{GOOD}")).unwrap();
            assert_eq!(document.infos.len(), 1, "{odd}");
            assert_eq!(document.skipped.len(), 1, "{odd}");
            assert!(document.keys.select(Algorithm::EdDSA, Some("good")).is_ok());
        }
    }

    #[test]
    fn k11_what_holds_no_usable_key_is_no_key_set() {
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"error":"x"}"#,
            r#"{"keys":null}"#,
            r#"{"keys":[]}"#,
            r#"{"keys":[{}]}"#,
            r#"{"keys":["#,
        ] {
            assert!(Document::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse(OFF_CURVE).is_err());
        assert!(parse(r#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#).is_err(), "S6");
    }

    #[test]
    fn k14_the_number_of_keys_is_bounded() {
        assert!(parse(&vec![GOOD; MAX_KEYS].join(",")).is_ok());
        assert!(parse(&vec![GOOD; MAX_KEYS + 1].join(",")).is_err());
    }

    #[test]
    fn of_very_many_odd_keys_a_few_are_told_of() {
        let odd =
            |count: usize| (0..count).map(|i| format!(r#"{{"kty":"x","kid":"{i}"}},"#)).collect::<Vec<_>>().concat();
        assert_eq!(parse(&(odd(MOST_TOLD) + GOOD)).unwrap().skipped.len(), MOST_TOLD);
        let skipped = parse(&(odd(999) + GOOD)).unwrap().skipped;
        assert_eq!(skipped.len(), MOST_TOLD + 1);
        assert_eq!(skipped[MOST_TOLD], "989 further keys cannot be used");
    }

    #[test]
    fn a_hostile_key_id_is_cut_and_escaped() {
        let document = parse(&format!(r#"{GOOD},{{"kty":"x","kid":"{}\n\""}}"#, "k".repeat(1000))).unwrap();
        assert!(document.skipped[0].len() < 200);
        let document = parse(&format!(r#"{GOOD},{{"kty":"x","kid":"a\nb"}}"#)).unwrap();
        assert!(!document.skipped[0].contains('\n'));
    }
}
