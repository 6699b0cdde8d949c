//! Decodes a JWT in place of another library.
//!
//! It accepts only tokens that every one of those libraries accepts, with the same claims. A token that one of them may treat
//! differently is left to the library.

use std::sync::Arc;

use crate::jose::jws::Header;
use crate::jose::jwt::Claims;
use crate::keys::Algorithms;
use crate::keys::KeySet;
use crate::outcome::rejection::Rejection;
use crate::policy::{AuthenticClaims, Source};
use crate::verify::{self, TokenCache};

/// The longest encoded header and signature that every library reads: joserfc's bounds.
const COMMON_HEADER_CHARS: usize = 512;
const COMMON_SIGNATURE_CHARS: usize = 1024;

/// The parameters of RFC 7515 section 4.1 that are texts and do not affect the signature.
const REGISTERED: [&str; 6] = ["alg", "kid", "typ", "cty", "x5t", "x5t#S256"];

/// Parameters that some library uses, or checks more strictly than others.
const UNCOMMON: [&str; 7] = ["b64", "enc", "epk", "jku", "jwk", "x5c", "x5u"];

/// How many typical tokens with a valid signature a key remembers.
const REMEMBERED_TOKENS: usize = 2000;

/// One key, and the tokens that have a valid signature under it.
#[derive(Debug)]
pub struct Decoder {
    algorithms: Algorithms,
    keys: KeySet,
    remembered: TokenCache,
}

/// The result for a token.
#[derive(Debug)]
pub enum DecodeResult {
    /// The signature is valid, and the claims have the right types. The claims were not validated.
    Decoded(DecodedClaims),
    /// The token is refused, although another library may accept it.
    Refused(Rejection),
    /// Another library may decide differently, or the token is too long.
    Unsettled,
}

/// The header and the claims of a token with a valid signature.
#[derive(Debug)]
pub struct DecodedClaims(Arc<AuthenticClaims>);

impl DecodedClaims {
    /// The protected header, where the claims come from a signature, as they do here.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        header_of(&self.0)
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }
}

impl Decoder {
    /// A decoder of tokens that are signed with one of these algorithms, under the key of this set.
    #[must_use]
    pub fn new(algorithms: Algorithms, keys: KeySet) -> Self {
        Self { algorithms, keys, remembered: TokenCache::new(REMEMBERED_TOKENS) }
    }

    /// Checks the signature of a JWT and reads its claims. With `only_registered`, a token with parameters that RFC 7515 does not name
    /// is left to the library.
    ///
    /// Whether a signature is valid depends on bytes and key alone, so it is not checked again for a token that is remembered.
    #[must_use]
    pub fn decode(&self, token: &str, only_registered: bool) -> DecodeResult {
        let bytes = token.as_bytes();
        let place = self.remembered.place_of(bytes);
        let authentic = match place.and_then(|place| place.get(|_| true)) {
            Some(authentic) => authentic,
            None => match verify::verify_jwt(bytes, &self.algorithms, &self.keys) {
                Ok(authentic) => {
                    let authentic = Arc::new(authentic);
                    if let Some(place) = place {
                        place.put(&authentic);
                    }
                    authentic
                }
                Err(Rejection::TokenTooLarge) => return DecodeResult::Unsettled,
                Err(rejection) => return DecodeResult::Refused(rejection),
            },
        };
        if header_of(&authentic).is_some_and(|header| is_common(token, header, only_registered)) {
            DecodeResult::Decoded(DecodedClaims(authentic))
        } else {
            DecodeResult::Unsettled
        }
    }
}

fn header_of(authentic: &AuthenticClaims) -> Option<&Header> {
    match &authentic.source {
        Source::Signature { header, .. } => Some(header),
        Source::Introspection { .. } => None,
    }
}

fn is_common(token: &str, header: &Header, only_registered: bool) -> bool {
    let mut parts = token.split('.').map(str::len);
    let short = parts.next().is_some_and(|chars| chars <= COMMON_HEADER_CHARS)
        && parts.next_back().is_some_and(|chars| chars <= COMMON_SIGNATURE_CHARS);
    short
        && header.parameters().iter().all(|(name, value)| {
            let known = if only_registered { REGISTERED.contains(&name) } else { !UNCOMMON.contains(&name) };
            known && value.as_str().is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwa::Algorithm;
    use crate::patch::LibraryKey;
    use crate::testing::KeyPair;

    const CLAIMS: &str = r#"{"sub":"alice"}"#;

    fn verdict(header: &str, claims: &str, only_registered: bool) -> &'static str {
        let pair = KeyPair::generate(Algorithm::HS256).unwrap();
        let token = pair.sign(header.as_bytes(), claims.as_bytes()).unwrap();
        of_token(&pair, &token, only_registered)
    }

    fn of_token(pair: &KeyPair, token: &str, only_registered: bool) -> &'static str {
        let decoder = decoder_of(pair);
        let said = || match decoder.decode(token, only_registered) {
            DecodeResult::Decoded(_) => "decoded",
            DecodeResult::Refused(rejection) => rejection.code(),
            DecodeResult::Unsettled => "unsettled",
        };
        let first = said();
        for _ in 0..2 {
            assert_eq!(said(), first, "a token that was seen before gets the same answer");
        }
        first
    }

    fn decoder_of(pair: &KeyPair) -> Decoder {
        let LibraryKey::Ready(keys) = LibraryKey::read(pair.public_key().as_bytes(), Algorithm::HS256) else {
            panic!("the secret is a key")
        };
        Decoder::new(Algorithms::parse(["HS256"]).unwrap(), keys)
    }

    #[test]
    fn the_signature_of_a_token_that_is_remembered_is_not_checked_again() {
        let pair = KeyPair::generate(Algorithm::HS256).unwrap();
        let decoder = decoder_of(&pair);
        let token = pair.sign(br#"{"alg":"HS256","kid":"1"}"#, CLAIMS.as_bytes()).unwrap();
        for hits in [0, 0, 1, 2] {
            let DecodeResult::Decoded(found) = decoder.decode(&token, true) else { panic!("it is good") };
            assert_eq!(found.header().and_then(Header::kid), Some("1"));
            assert_eq!(found.claims().object().get("sub").and_then(|sub| sub.as_str()), Some("alice"));
            assert_eq!(decoder.remembered.counts().hits, hits);
        }
    }

    #[test]
    fn of_a_token_that_is_remembered_no_other_byte_and_no_other_key_is() {
        let pair = KeyPair::generate(Algorithm::HS256).unwrap();
        let decoder = decoder_of(&pair);
        let token = pair.sign(br#"{"alg":"HS256"}"#, CLAIMS.as_bytes()).unwrap();
        for _ in 0..2 {
            assert!(matches!(decoder.decode(&token, true), DecodeResult::Decoded(_)));
        }
        assert_eq!(decoder.remembered.counts().entries, 1);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(!matches!(decoder.decode(&changed, true), DecodeResult::Decoded(_)), "{changed}");
        }
        let other = decoder_of(&KeyPair::generate(Algorithm::HS256).unwrap());
        assert!(matches!(other.decode(&token, true), DecodeResult::Refused(Rejection::InvalidSignature)));
        assert_eq!(decoder.remembered.counts().entries, 1);
    }

    #[test]
    fn headers_of_texts_are_common_ground() {
        for header in
            [r#"{"alg":"HS256"}"#, r#"{"alg":"HS256","kid":"1","typ":"at+jwt","cty":"x","x5t":"y","x5t#S256":"z"}"#]
        {
            assert_eq!(verdict(header, CLAIMS, true), "decoded");
            assert_eq!(verdict(header, CLAIMS, false), "decoded");
        }
        let header = r#"{"alg":"HS256","cat":"x"}"#;
        assert_eq!(verdict(header, CLAIMS, false), "decoded");
        assert_eq!(verdict(header, CLAIMS, true), "unsettled");
    }

    #[test]
    fn what_libraries_see_in_different_ways_is_unsettled() {
        for more in [
            r#""jku":"https://x.example""#,
            r#""x5c":[]"#,
            r#""jwk":{}"#,
            r#""b64":true"#,
            r#""cty":1"#,
            r#""x5t":null"#,
            r#""unknown":[]"#,
        ] {
            assert_eq!(verdict(&format!(r#"{{"alg":"HS256",{more}}}"#), CLAIMS, false), "unsettled", "{more}");
        }
        let long = format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(400));
        assert_eq!(verdict(&long, CLAIMS, false), "unsettled");
        let huge = format!(r#"{{"x":"{}"}}"#, "x".repeat(70_000));
        assert_eq!(verdict(r#"{"alg":"HS256"}"#, &huge, false), "unsettled");
    }

    #[test]
    fn what_is_bad_is_refused_with_the_reason() {
        let header = r#"{"alg":"HS256"}"#;
        assert_eq!(verdict(header, r#"{"exp":"1"}"#, false), "malformed_claims");
        assert_eq!(verdict(r#"{"alg":"HS256","crit":["alg"]}"#, CLAIMS, false), "critical_header");
        assert_eq!(verdict(r#"{"alg":"none"}"#, CLAIMS, false), "unsupported_algorithm");
        let (ours, other) =
            (KeyPair::generate(Algorithm::HS256).unwrap(), KeyPair::generate(Algorithm::HS256).unwrap());
        let token = other.sign(header.as_bytes(), CLAIMS.as_bytes()).unwrap();
        assert_eq!(of_token(&ours, &token, false), "invalid_signature");
    }
}
