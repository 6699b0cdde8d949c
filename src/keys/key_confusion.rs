//! Tells a shared secret from an asymmetric key that was given in its place.
//!
//! A verifier that takes a public key for an HMAC secret accepts forged tokens. The first defence is that the algorithm decides
//! the type of a key; this is the second. Tests of the first bytes have failed in other libraries, so PEM armour is found
//! anywhere in the text, and encodings are decoded and parsed.

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet, decoded_len_estimate};
use jiter::{JsonValue, PartialMode};
use zeroize::Zeroizing;

use crate::jose::jwa::{Curve, KeyMaterial};
use crate::jose::pem;

/// Reads base64 leniently: with or without padding and spare bits.
const fn lenient(alphabet: &alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

const BASE64: [GeneralPurpose; 2] = [lenient(&alphabet::STANDARD), lenient(&alphabet::URL_SAFE)];

/// The names that start the binary form of an SSH public key (RFC 4253 section 6.6).
const SSH_TYPES: [&str; 6] = ["ssh-rsa", "ssh-dss", "ssh-ed25519", "ssh-ed448", "ecdsa-sha2-", "sk-"];

/// Longer than the name of every SSH key type, such as `sk-ecdsa-sha2-nistp256@openssh.com`.
const LONGEST_SSH_TYPE: usize = 64;

/// The kind of key that the secret is, if it is one, plain or encoded once.
pub(crate) fn asymmetric_kind(secret: &[u8]) -> Option<&'static str> {
    in_the_clear(secret)
        .or_else(|| decodings(secret).iter().find_map(|decoded| in_the_clear(decoded)).map(|_| "an encoded key"))
}

fn in_the_clear(secret: &[u8]) -> Option<&'static str> {
    let text = unescaped(&plain_ascii(secret));
    if has_armour(&text) {
        return Some("PEM text");
    }
    if has_ssh_key(&text)
        || SSH_TYPES.iter().any(|name| secret.get(4..).is_some_and(|blob| blob.starts_with(name.as_bytes())))
    {
        return Some("an SSH key");
    }
    if pem::is_der_key(secret) || pem::is_der_key(secret.trim_ascii()) {
        return Some("a DER-encoded key");
    }
    if is_point(secret) {
        return Some("a point on an elliptic curve");
    }
    if names_a_key_type(&text) || is_json_container(&text) {
        return Some("JSON, as a JWK is, but not a symmetric JWK");
    }
    None
}

/// An uncompressed EC public key (SEC 1). A random secret is practically never a point on a curve.
fn is_point(secret: &[u8]) -> bool {
    const UNCOMPRESSED: u8 = 4;
    // The checks below copy the text, which a secret should not be.
    if secret.first() != Some(&UNCOMPRESSED) {
        return false;
    }
    let curves = [Curve::P256, Curve::P384, Curve::P521];
    let curve = curves.into_iter().find(|curve| secret.len() == 1 + 2 * curve.coordinate_len());
    curve.is_some_and(|curve| KeyMaterial::Ec(curve, secret.to_vec()).checked().is_ok())
}

/// The visible ASCII of a secret, in lower case. It leaves out byte order marks, the zero octets of UTF-16 and invisible
/// characters, which could hide a key from these checks.
fn plain_ascii(secret: &[u8]) -> Zeroizing<String> {
    let visible = secret.iter().filter(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    // A text that has to grow would leave copies of the secret in memory.
    let mut text = Zeroizing::new(String::with_capacity(secret.len()));
    text.extend(visible.map(|byte| char::from(byte.to_ascii_lowercase())));
    text
}

/// The text with what JSON escapes as `\uXXXX` (RFC 8259 section 7) in its place, as far as it is ASCII: `"\u006bty"` is the
/// name `kty` to every parser.
fn unescaped(lower: &str) -> Zeroizing<String> {
    let mut pieces = lower.split("\\u");
    // The result is not longer than the text, so it does not grow.
    let mut text = Zeroizing::new(String::with_capacity(lower.len()));
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let code = piece.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(code) if code.is_ascii() => {
                text.push(char::from(code.to_ascii_lowercase()));
                text.push_str(&piece[4..]);
            }
            _ => {
                text.push_str("\\u");
                text.push_str(piece);
            }
        }
    }
    text
}

/// `-----BEGIN` of PEM (RFC 7468) and SSH2 (RFC 4716), anywhere in the text and with any spacing.
fn has_armour(lower: &str) -> bool {
    let dashed = |at: usize| lower[..at].trim_end().ends_with("--");
    lower.match_indices("begin").any(|(at, _)| dashed(at)) || lower.contains("-----end")
}

/// The name of a key type followed by its data, which starts with the three zero octets of a length.
fn has_ssh_key(lower: &str) -> bool {
    SSH_TYPES.iter().any(|name| {
        lower.match_indices(name).any(|(at, _)| {
            let word =
                lower[at..].bytes().take(LONGEST_SSH_TYPE).take_while(|byte| !byte.is_ascii_whitespace()).count();
            word < LONGEST_SSH_TYPE && lower[at + word..].trim_start().starts_with("aaaa")
        })
    })
}

/// `kty`, which every JWK has, at any depth and with any quoting and escaping.
fn names_a_key_type(lower: &str) -> bool {
    const QUOTES: [char; 2] = ['"', '\''];
    lower.match_indices("kty").any(|(at, name)| {
        lower[..at].trim_end_matches('\\').ends_with(QUOTES)
            && lower[at + name.len()..].trim_start_matches('\\').starts_with(QUOTES)
    })
}

fn is_json_container(lower: &str) -> bool {
    let text = lower.trim();
    text.starts_with(['{', '[']) && JsonValue::parse_with_config(text.as_bytes(), true, PartialMode::Off).is_ok()
}

/// What the secret decodes to as base64, base64url or hexadecimal, with any line ends in it.
fn decodings(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    let ends_a_line = |at: usize| secret[at] == b'n' && at > 0 && secret[at - 1] == b'\\';
    let mut body = Zeroizing::new(Vec::with_capacity(secret.len()));
    body.extend((0..secret.len()).filter(|&at| in_alphabet(secret[at]) && !ends_a_line(at)).map(|at| secret[at]));
    let base64 = BASE64.iter().filter_map(|engine| {
        // An own buffer, which is overwritten also where the text does not decode.
        let mut decoded = Zeroizing::new(vec![0; decoded_len_estimate(body.len())]);
        let length = engine.decode_slice(&*body, &mut decoded).ok()?;
        decoded.truncate(length);
        Some(decoded)
    });
    base64.chain(hexadecimal(&body)).collect()
}

fn hexadecimal(body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if body.len() % 2 == 1 {
        return None;
    }
    let mut decoded = Zeroizing::new(Vec::with_capacity(body.len() / 2));
    for pair in body.chunks(2) {
        decoded.push(digit(pair[0])? << 4 | digit(pair[1])?);
    }
    Some(decoded)
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
            assert_eq!(asymmetric_kind(secret.as_bytes()), None, "{secret}");
        }
        assert_eq!(asymmetric_kind(&[0x30, 0x03, 0x02, 0x01, 0x01]), None);
        assert_eq!(asymmetric_kind(&(0..=255).collect::<Vec<u8>>()), None);
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
                    asymmetric_kind(format!("{before}{armour}\nAAAA").as_bytes()),
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
                assert!(asymmetric_kind(format!("{before}{json}\n").as_bytes()).is_some(), "{before:?}{json}");
            }
        }
    }

    #[test]
    fn keys_are_found_in_one_more_encoding() {
        use base64::engine::general_purpose::STANDARD;
        let pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        let utf_16: Vec<u8> = pem.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(asymmetric_kind(&utf_16).is_some());
        for key in [pem, r#"{"kty":"RSA"}"#, "ssh-rsa AAAAB3NzaC1yc2E"] {
            assert!(asymmetric_kind(STANDARD.encode(key).as_bytes()).is_some(), "{key}");
            let hex: Vec<_> = key.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(asymmetric_kind(hex.concat().as_bytes()).is_some(), "{key}");
        }
        let jwk = r#"{"kty":"EC"}"#;
        for wrapped in
            [format!("# comment\n{jwk}"), format!("{}{jwk}{}", "[".repeat(300), "]".repeat(300)), format!("{jwk:?}")]
        {
            assert!(asymmetric_kind(wrapped.as_bytes()).is_some(), "{wrapped}");
        }
    }

    #[test]
    fn a_name_is_found_however_its_letters_are_written() {
        for jwk in [
            r#"{"\u006bty":"RSA"}"#,
            r#"{"k\u0054Y":"RSA"}"#,
            r#"{"\ud800":1,"k\u0074y":"RSA"}"#,
            r"{\u0022kty\u0022:\u0022RSA\u0022}",
            r#""{\"\\u006bty\":\"RSA\"}""#,
            "{'kty': 'RSA'}",
        ] {
            for wrapped in [format!("# {jwk}"), format!("{}{jwk}{}", "[".repeat(300), "]".repeat(300))] {
                assert!(asymmetric_kind(wrapped.as_bytes()).is_some(), "{wrapped}");
            }
        }
        let pem: Vec<_> = "-----BEGIN PUBLIC KEY-----".bytes().map(|byte| format!("\\u{byte:04x}")).collect();
        assert!(asymmetric_kind(pem.concat().as_bytes()).is_some());
        for secret in ["\\u", "\\u006", "\\u+06bty\"", "\"\\u0141ty\"", "\\u00e9\\u00e9", "\\user\\units\\é"] {
            assert_eq!(asymmetric_kind(format!("secret {secret}").as_bytes()), None, "{secret}");
        }
    }

    #[test]
    fn a_megabyte_of_armour_is_decided_at_once() {
        assert!(asymmetric_kind("-----BEGIN".repeat(100_000).as_bytes()).is_some());
        assert!(asymmetric_kind("begin".repeat(200_000).as_bytes()).is_none());
        for junk in ["ssh-rsa ", "ssh-rsa", "sk-", "sk- ", "kty", "\"kty\\\\", "\\u", "\\u006b"] {
            asymmetric_kind(junk.repeat(1_000_000 / junk.len()).as_bytes());
        }
    }
}
