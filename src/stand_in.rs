//! Stands in for the step of another library's that decodes a JWT, and says when it cannot.
//!
//! What is decoded here, every library decodes, and alike. A token that one of them may see otherwise is left unsettled.

use crate::config::Algorithms;
use crate::jose::jws::Header;
use crate::jose::jwt::Claims;
use crate::keys::KeySet;
use crate::rejection::Rejection;
use crate::verifier;

/// The longest header and signature that every library reads, as they stand in the token: joserfc's bounds.
const COMMON_HEADER_CHARS: usize = 512;
const COMMON_SIGNATURE_CHARS: usize = 1024;

/// The parameters of RFC 7515 section 4.1 that are a text and mean nothing to the signature.
const REGISTERED: [&str; 6] = ["alg", "kid", "typ", "cty", "x5t", "x5t#S256"];

/// Parameters that some library acts upon, or holds to a form that others do not.
const UNCOMMON: [&str; 7] = ["b64", "enc", "epk", "jku", "jwk", "x5c", "x5u"];

/// What is said about a token.
#[derive(Debug)]
pub enum Verdict {
    /// The signature holds, and the claims have the right types. None of them was judged.
    Decoded(Box<(Header, Claims)>),
    /// The token is refused, though another library may take it.
    Refused(Rejection),
    /// The token is good here, or too long to tell, and another library may see it otherwise.
    Unsettled,
}

/// Checks the signature of a JWT and reads its claims. With `only_registered`, parameters that RFC 7515 does not name leave
/// it unsettled as well.
#[must_use]
pub fn decode(token: &str, algorithms: &Algorithms, keys: &KeySet, only_registered: bool) -> Verdict {
    match verifier::verify_jwt(token.as_bytes(), algorithms, keys) {
        Ok((header, claims)) if is_common(token, &header, only_registered) => {
            Verdict::Decoded(Box::new((header, claims)))
        }
        Ok(_) | Err(Rejection::TokenTooLarge) => Verdict::Unsettled,
        Err(rejection) => Verdict::Refused(rejection),
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
    use crate::keys::AdoptedKey;
    use crate::testing::KeyPair;

    const CLAIMS: &str = r#"{"sub":"alice"}"#;

    fn verdict(header: &str, claims: &str, only_registered: bool) -> &'static str {
        let pair = KeyPair::generate(Algorithm::HS256).unwrap();
        let token = pair.sign(header.as_bytes(), claims.as_bytes()).unwrap();
        of_token(&pair, &token, only_registered)
    }

    fn of_token(pair: &KeyPair, token: &str, only_registered: bool) -> &'static str {
        let AdoptedKey::Ready(keys) = AdoptedKey::read(pair.public_key().as_bytes(), Algorithm::HS256) else {
            panic!("the secret is a key")
        };
        match decode(token, &Algorithms::parse(["HS256"]).unwrap(), &keys, only_registered) {
            Verdict::Decoded(_) => "decoded",
            Verdict::Refused(rejection) => rejection.code(),
            Verdict::Unsettled => "unsettled",
        }
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
