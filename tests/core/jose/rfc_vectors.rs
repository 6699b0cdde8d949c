//! The examples of the standards: RFC 7515 appendix A, RFC 7520 section 4, RFC 8037 appendix A.
//!
//! The compact ones verify, and cease to when any byte of them changes. The unsecured one and the JSON serialisations
//! are refused; their parts, put into compact form where RFC 7515 section 7.1 knows one, verify, which shows that it
//! is the form that is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its vectors has failed")]

use crate::common::vector_file;
use fastmcp_rs::config::ConfigError;
use fastmcp_rs::jose::base64url;
use fastmcp_rs::keys::Algorithms;
use fastmcp_rs::keys::{KeySet, from_public_text};
use fastmcp_rs::verify::verify_jws;
use serde_json::Value;

/// The bytes that each byte of a token is changed to, beside its neighbours and its other case.
const REPLACEMENTS: [u8; 9] = [b'.', b'=', b'A', b'_', b'\n', b' ', b'+', 0x00, 0xff];

struct Keys(KeySet, Algorithms);

impl Keys {
    fn of(jwk: &Value) -> Result<Self, ConfigError> {
        from_public_text(jwk.to_string().as_bytes()).map(|(keys, algorithms)| Self(keys, algorithms))
    }

    fn code(&self, token: impl AsRef<[u8]>) -> &'static str {
        verify_jws(token.as_ref(), &self.1, &self.0).map_or_else(|rejection| rejection.code(), |_| "accepted")
    }
}

fn examples(file: &str) -> Vec<Value> {
    let Value::Array(examples) = serde_json::from_str(&vector_file(file)).unwrap() else { panic!("{file}") };
    examples
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn compact_examples_verify(file: &str, expected: usize) {
    let examples = examples(file);
    let compact = examples.iter().filter_map(|example| Some((example, text(example, "compact")?)));
    assert_eq!(compact.clone().count(), expected);
    for (example, token) in compact {
        let Keys(keys, algorithms) = Keys::of(&example["key"]).unwrap();
        let payload = verify_jws(token.as_bytes(), &algorithms, &keys);
        assert_eq!(payload.as_deref(), Ok(text(example, "payload").unwrap().as_bytes()), "{}", example["section"]);
        no_other_byte_will_do(token, &Keys(keys, algorithms));
    }
}

fn no_other_byte_will_do(token: &str, keys: &Keys) {
    let mut bytes = token.as_bytes().to_vec();
    for at in 0..bytes.len() {
        let original = bytes[at];
        let near = [original.wrapping_add(1), original.wrapping_sub(1), original ^ 0x20];
        for replacement in near.into_iter().chain(REPLACEMENTS).filter(|&byte| byte != original) {
            bytes[at] = replacement;
            assert_ne!(keys.code(&bytes), "accepted", "byte {at} of {token} as {replacement:#04x}");
        }
        bytes[at] = original;
    }
}

#[test]
fn rfc_7515_compact_examples_verify_and_no_altered_byte_does() {
    compact_examples_verify("rfc7515.json", 4);
}

#[test]
fn rfc_7520_compact_examples_verify_and_no_altered_byte_does() {
    compact_examples_verify("rfc7520.json", 4);
}

#[test]
fn rfc_8037_ed25519_example_verifies_and_no_altered_byte_does() {
    compact_examples_verify("rfc8037.json", 1);
}

#[test]
fn rfc_7515_a_5_unsecured_is_refused_under_every_key() {
    let examples = examples("rfc7515.json");
    let unsecured = examples.iter().find_map(|example| text(example, "unsecured")).unwrap();
    for key in examples.iter().filter_map(|example| example.get("key")) {
        assert_eq!(Keys::of(key).unwrap().code(unsecured), "unsupported_algorithm");
    }
}

#[test]
fn rfc_7520_4_5_detached_verifies_with_its_payload_and_not_without() {
    let examples = examples("rfc7520.json");
    let example = examples.iter().find(|example| example.get("detached").is_some()).unwrap();
    let (keys, detached) = (Keys::of(&example["key"]).unwrap(), text(example, "detached").unwrap());
    let (header, signature) = detached.split_once("..").unwrap();
    let payload = base64url::encode(text(example, "payload").unwrap().as_bytes());
    assert_eq!(keys.code(format!("{header}.{payload}.{signature}")), "accepted");
    assert_eq!(keys.code(detached), "invalid_signature");
}

#[test]
fn json_serialisations_are_refused_and_their_compact_forms_verify() {
    let examples: Vec<_> = ["rfc7515.json", "rfc7520.json"].into_iter().flat_map(examples).collect();
    let (mut forms, mut verified) = (0, 0);
    for example in examples.iter().filter(|example| example.get("json").is_some()) {
        let (json, keys) = (&example["json"], example["keys"].as_array().unwrap());
        let keys: Vec<_> = keys.iter().map(|key| Keys::of(key).unwrap()).collect();
        for key in &keys {
            for form in [json.to_string(), serde_json::to_string_pretty(json).unwrap()] {
                assert_eq!(key.code(form), "malformed_token", "{}", example["section"]);
                forms += 1;
            }
        }
        let signatures =
            json.get("signatures").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![json.clone()]);
        for signature in signatures {
            // Without a protected header there is no compact form: section 4.7, and the second signature of 4.8.
            let protected = text(&signature, "protected").unwrap_or("");
            let token =
                format!("{protected}.{}.{}", text(json, "payload").unwrap(), text(&signature, "signature").unwrap());
            let codes: Vec<_> = keys.iter().map(|key| key.code(&token)).collect();
            assert_eq!(codes.contains(&"accepted"), !protected.is_empty(), "{}: {codes:?}", example["section"]);
            verified += usize::from(!protected.is_empty());
        }
    }
    assert_eq!((forms, verified), (20, 7), "every JSON example of both standards was looked at");
}
