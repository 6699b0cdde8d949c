//! A fetched JWK Set (RFC 7517 section 5). It is untrusted, and good only if it holds a usable key.

use super::error::FetchError;
use crate::discovery::document::{self, kind_without_keys};
use crate::jose::json::Value;
use crate::jose::jwa::{Algorithm, KeyType};
use crate::jose::jwk::{Jwk, Unusable};
use crate::jose::jwk_set;
use crate::keys::{KeySet, SkippedKey};

/// The most keys that a set may hold.
const MAX_KEYS: usize = 1000;

/// How many skipped keys are reported with their reasons: a hostile set must not fill a log.
const MOST_REPORTED: usize = 10;

/// How many of them an error names.
const MOST_IN_AN_ERROR: usize = 3;

/// The description of a usable key, for `keys()`.
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
pub struct FetchedKeySet {
    /// The usable keys, ready, and why others were skipped.
    pub keys: KeySet,
    /// What they are.
    pub infos: Vec<KeyInfo>,
    /// The skipped keys to report, each with its key id, and how many more there are.
    pub notices: Vec<String>,
}

impl FetchedKeySet {
    /// The set of a server that publishes no keys, because it issues no tokens that others could verify.
    #[must_use]
    pub fn without_keys() -> Self {
        Self { keys: KeySet::default(), infos: Vec::new(), notices: Vec::new() }
    }

    /// Reads a JWK Set. Symmetric and unusable keys are skipped; order and unknown members are ignored. `key_use` is a further value
    /// of `use` that is accepted beside `sig`.
    ///
    /// # Errors
    /// The body is no JSON object with an array `keys`, the array is too long, or no key of it is usable; the text says what
    /// it is instead.
    pub fn parse(body: &[u8], key_use: Option<&str>) -> Result<Self, FetchError> {
        let unusable = |why: &str| FetchError::NotAKeySet(why.into());
        let object = document::object(body).map_err(|why| unusable(&why))?;
        match object.get("keys") {
            Some(Value::Array(members)) if members.is_empty() => {
                return Err(unusable("no key of it can verify signatures: it is empty"));
            }
            Some(Value::Array(members)) if members.len() > MAX_KEYS => {
                return Err(unusable("it has more than 1000 keys"));
            }
            Some(Value::Array(_)) => {}
            _ if document::is_certificates(&object) => {
                return Err(FetchError::Certificates { document: Box::default(), jwks_uri: None });
            }
            _ => return Err(unusable(&kind_without_keys(&object))),
        }
        let mut usable = Vec::new();
        let mut skipped = Vec::new();
        for member in jwk_set::members_of(&object, key_use).map_err(|why| unusable(&why.to_string()))? {
            match published(member.key) {
                Ok(key) => usable.push(key),
                Err((reason, is_usual)) => {
                    skipped.push(SkippedKey { kid: member.kid.map(Box::from), reason, is_usual });
                }
            }
        }
        let infos: Vec<_> = usable.iter().map(info).collect();
        let keys = KeySet::new(usable, &Algorithm::ASYMMETRIC).map_err(|unsound| unusable(unsound.0))?;
        if keys.is_empty() {
            let named: Vec<_> = skipped.iter().take(MOST_IN_AN_ERROR).map(ToString::to_string).collect();
            let more = match skipped.len() - named.len() {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            return Err(unusable(&format!("no key of it can verify signatures: {}{more}", named.join("; "))));
        }
        let notices = notices(&skipped);
        Ok(Self { keys: keys.with_skipped(skipped), infos, notices })
    }
}

/// The reports of skipped keys, except of kinds that are usual in a set.
fn notices(skipped: &[SkippedKey]) -> Vec<String> {
    let mut notices: Vec<_> =
        skipped.iter().filter(|skipped| !skipped.is_usual).map(|skipped| format!("skipped: {skipped}")).collect();
    let omitted = notices.len().saturating_sub(MOST_REPORTED);
    if omitted > 0 {
        notices.truncate(MOST_REPORTED);
        notices.push(format!("skipped: {omitted} further keys cannot be used"));
    }
    notices
}

fn published(key: Result<Jwk, Unusable>) -> Result<Jwk, (Box<str>, bool)> {
    let key = key.map_err(|unusable| (unusable.to_string().into(), unusable.is_usual()))?;
    if key.material.key_type() == KeyType::Secret {
        return Err(("a shared secret is not for publication".into(), false));
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

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{"kty":"OKP","crv":"Ed25519","kid":"good","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const OFF_CURVE: &str = r#"{"kty":"EC","crv":"P-256","kid":"off","x":"f93OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

    fn parse(keys: &str) -> Result<FetchedKeySet, FetchError> {
        read(format!("{{\"keys\":[{keys}]}}").as_bytes())
    }

    fn read(body: &[u8]) -> Result<FetchedKeySet, FetchError> {
        FetchedKeySet::parse(body, None)
    }

    #[test]
    fn one_odd_key_leaves_the_others() {
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
            assert_eq!(document.keys.skipped().len(), 1, "{odd}");
            assert!(document.keys.select(Algorithm::EdDSA, Some("good")).is_ok());
        }
    }

    #[test]
    fn what_holds_no_usable_key_is_no_key_set() {
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
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse(OFF_CURVE).is_err());
        assert!(parse(r#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#).is_err(), "S6");
    }

    #[test]
    fn a_set_without_a_usable_key_says_why_for_each() {
        let odd = r#"{"kty":"RSA","kid":"a","e":"AQAB"},{"kty":"AKP","kid":"b"},5,{"kid":"c"}"#;
        let error = parse(odd).unwrap_err().to_string();
        for expected in
            [r#"key "a": the member "n" is missing"#, r#"key "b": "kty" "AKP""#, "key without kid", "and 1 more"]
        {
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_key_for_encryption_is_no_news() {
        let document = parse(&format!(r#"{{"kty":"RSA","kid":"e","use":"enc"}},{GOOD}"#)).unwrap();
        assert!(document.notices.is_empty());
        assert_eq!(document.keys.skipped()[0].kid.as_deref(), Some("e"));
        assert!(parse(r#"{"kty":"RSA","kid":"e","use":"enc"}"#).unwrap_err().to_string().contains("encryption"));
    }

    #[test]
    fn a_byte_order_mark_and_a_name_twice_cost_no_other_key() {
        let twice = r#"{"kty":"OKP","kid":"t","kid":"t"}"#;
        let document = read(format!("\u{feff}{{\"keys\":[{twice},{GOOD}]}}").as_bytes()).unwrap();
        assert_eq!(document.infos.len(), 1);
        assert!(document.notices[0].contains("name twice"), "{:?}", document.notices);
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        assert!(parse(&vec![GOOD; MAX_KEYS].join(",")).is_ok());
        assert!(parse(&vec![GOOD; MAX_KEYS + 1].join(",")).is_err());
    }

    #[test]
    fn of_very_many_odd_keys_a_few_are_reported() {
        let odd =
            |count: usize| (0..count).map(|i| format!(r#"{{"kty":"x","kid":"{i}"}},"#)).collect::<Vec<_>>().concat();
        assert_eq!(parse(&(odd(MOST_REPORTED) + GOOD)).unwrap().notices.len(), MOST_REPORTED);
        let document = parse(&(odd(999) + GOOD)).unwrap();
        assert_eq!(document.keys.skipped().len(), 999);
        assert_eq!(document.notices.len(), MOST_REPORTED + 1);
        assert_eq!(document.notices[MOST_REPORTED], "skipped: 989 further keys cannot be used");
    }

    #[test]
    fn a_hostile_key_id_is_cut_and_escaped() {
        let document = parse(&format!(r#"{GOOD},{{"kty":"x","kid":"{}\n\""}}"#, "k".repeat(1000))).unwrap();
        assert!(document.notices[0].len() < 200);
        let document = parse(&format!(r#"{GOOD},{{"kty":"x","kid":"a\nb"}}"#)).unwrap();
        assert!(!document.notices[0].contains('\n'));
    }
}
