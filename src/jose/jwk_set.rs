//! JWK Sets (RFC 7517 section 5). A key that cannot be used does not affect the others.

use super::json::{Object, Value};
use super::jwk::Jwk;
use super::jwk_unusable::Unusable;

/// A member of a JWK Set.
#[derive(Debug)]
pub struct KeySetMember<'s> {
    /// The key id, whether or not the key is usable.
    pub kid: Option<&'s str>,
    /// The key, or why it is unusable.
    pub key: Result<Jwk, Unusable>,
}

/// Reads the members of a JWK Set (RFC 7517 section 5), with a further `use` for keys that verify.
///
/// # Errors
/// The object has no array `keys`.
pub fn members_of<'s>(object: &'s Object, key_use: Option<&str>) -> Result<Vec<KeySetMember<'s>>, Unusable> {
    let Some(Value::Array(keys)) = object.get("keys") else { return Err(Unusable::Missing("keys")) };
    let member = |key: &'s Value| match key {
        Value::Object(key) => {
            KeySetMember { kid: key.get("kid").and_then(Value::as_str), key: Jwk::for_use(key, key_use) }
        }
        _ => KeySetMember { kid: None, key: Err(Unusable::NotAnObject) },
    };
    Ok(keys.iter().map(member).collect())
}

#[cfg(test)]
mod tests {
    use super::super::json::parse_object;
    use super::*;

    const ED25519: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    #[test]
    fn one_odd_key_leaves_the_set_readable() {
        let set = format!(
            r#"{{"keys":[null,5,"x",{{}},{{"kty":"RSA"}},{{{ED25519},"kid":["a"]}},{{{ED25519},"kid":"a"}}]}}"#
        );
        let set = parse_object(set.as_bytes()).unwrap();
        let keys = members_of(&set, None).unwrap();
        assert_eq!(keys.iter().filter(|member| member.key.is_ok()).count(), 1);
        assert_eq!(keys.len(), 7);
        for text in ["{}", r#"{"keys":null}"#, r#"{"keys":{}}"#] {
            assert!(members_of(&parse_object(text.as_bytes()).unwrap(), None).is_err());
        }
    }
}
