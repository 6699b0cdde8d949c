//! Tells a shared secret from an asymmetric key that was given in its place.
//!
//! The second line of defence, behind the rule that the algorithm decides the type of a key: whoever verifies HMAC with
//! a public key as secret accepts tokens from everybody. Prefix tests for this failed again and again, so armour is
//! looked for anywhere, and encodings are decoded and parsed.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiter::{JsonValue, PartialMode};

use crate::jose::pem;

/// Reads base64 as people paste it: padded or not, spare bits or not.
const fn lenient(alphabet: &alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

const BASE64: [GeneralPurpose; 2] = [lenient(&alphabet::STANDARD), lenient(&alphabet::URL_SAFE)];

/// The names that start the binary form of an SSH public key (RFC 4253 section 6.6).
const SSH_TYPES: [&str; 6] = ["ssh-rsa", "ssh-dss", "ssh-ed25519", "ssh-ed448", "ecdsa-sha2-", "sk-"];

/// What kind of key the secret is, if it is one.
pub(super) fn recognise(secret: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(secret).to_lowercase();
    if has_armour(&text) {
        return Some("PEM text");
    }
    if has_ssh_key(&text) {
        return Some("an SSH key");
    }
    if pem::is_der_key(secret) {
        return Some("a DER-encoded key");
    }
    if is_json_container(secret) {
        return Some("JSON, as a JWK is, but not a symmetric JWK");
    }
    if BASE64.iter().any(|engine| decodes_to_key(engine, secret)) {
        return Some("the body of a PEM file or another base64-encoded key");
    }
    None
}

/// `-----BEGIN`, of PEM (RFC 7468) and of SSH2 (RFC 4716), wherever it stands and however it is spaced.
fn has_armour(lower: &str) -> bool {
    lower.match_indices("begin").any(|(at, _)| lower[..at].trim_end().ends_with("--"))
}

fn has_ssh_key(lower: &str) -> bool {
    SSH_TYPES.iter().any(|name| {
        lower.match_indices(name).any(|(at, _)| {
            // A key type is a word of its own, and its blob starts with a length of three zero octets.
            let mut words = lower[at..].split_whitespace();
            words.next();
            words.next().is_some_and(|blob| blob.starts_with("aaaa"))
        })
    })
}

/// An object or array, behind whatever junk; cut short or with more behind it, too.
fn is_json_container(secret: &[u8]) -> bool {
    let Some(start) = secret.iter().position(|byte| matches!(byte, b'{' | b'[')) else { return false };
    let junk = String::from_utf8_lossy(&secret[..start]);
    let only_junk = junk.chars().all(|c| c.is_whitespace() || c.is_control() || !c.is_ascii());
    let parses = |text: &[u8]| JsonValue::parse_with_config(text, true, PartialMode::Off).is_ok();
    let end = secret.iter().rposition(|byte| matches!(byte, b'}' | b']')).map_or(secret.len(), |end| end + 1);
    only_junk && end > start && parses(&secret[start..end])
}

fn decodes_to_key(engine: &GeneralPurpose, secret: &[u8]) -> bool {
    let body: Vec<u8> = secret.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let Ok(decoded) = engine.decode(body) else { return false };
    pem::is_der_key(&decoded)
        || SSH_TYPES.iter().any(|name| decoded.get(4..).is_some_and(|blob| blob.starts_with(name.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_secrets_are_not_keys() {
        for secret in [
            "jwt-secret",
            "your-jwt-secret-key",
            "begin",
            "a--b",
            "ssh-rsa",
            "12345",
            "\"quoted\"",
            "MIIB",
            "c2VjcmV0",
            "{brace",
            "[tag] value",
            "correct horse battery staple",
            "0123456789abcdef0123456789abcdef",
            "}{",
            "\u{feff}secret",
        ] {
            assert_eq!(recognise(secret.as_bytes()), None, "{secret}");
        }
        assert_eq!(recognise(&[0x30, 0x03, 0x02, 0x01, 0x01]), None);
        assert_eq!(recognise(&(0..=255).collect::<Vec<u8>>()), None);
    }

    #[test]
    fn armour_is_found_wherever_it_stands() {
        for armour in [
            "-----BEGIN PUBLIC KEY-----",
            "-----begin public key-----",
            "---- BEGIN SSH2 PUBLIC KEY ----",
            "-----BEGIN",
        ] {
            for before in ["", " ", "\t", "\n", "\u{feff}", "\u{200b}", "\0", "# comment\n", "x"] {
                assert_eq!(
                    recognise(format!("{before}{armour}\nAAAA").as_bytes()),
                    Some("PEM text"),
                    "{before:?}{armour}"
                );
            }
        }
    }

    #[test]
    fn json_containers_are_found_behind_junk() {
        for json in
            ["{}", "[]", r#"{"kty":"RSA","n":"AQAB"}"#, r#"{"keys":[{}]}"#, r#"[{"kty":"EC"}]"#, r#"{"a":{"b":[1]}}"#]
        {
            for before in ["", " ", "\n", "\u{feff}", "\u{200b}", "\0", "\u{a0}"] {
                assert!(recognise(format!("{before}{json}\n").as_bytes()).is_some(), "{before:?}{json}");
            }
        }
    }

    #[test]
    fn a_megabyte_of_armour_is_told_at_once() {
        assert!(recognise("-----BEGIN".repeat(100_000).as_bytes()).is_some());
        assert!(recognise("begin".repeat(200_000).as_bytes()).is_none());
        assert!(recognise("ssh-rsa ".repeat(130_000).as_bytes()).is_none());
    }
}
