//! The order of the checks is part of the contract: the first that fails gives the reason, and what needs no key is
//! decided without one.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

mod common;

use std::sync::Arc;

use common::{ACCEPTED, Door, NOW, Signer, algorithms, claim, claims, compact, policy, rsa_signer};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::{KeySource, Keys, Patience};
use fastmcp_rs::policy::Plain;
use fastmcp_rs::verifier::{Decision, Progress, Verifier};

/// Tokens that fail one check after another, each with everything wrong that the later checks would find.
fn tokens(signer: &Signer, stranger: &Signer) -> Vec<(String, &'static str, bool)> {
    let bad = claim("exp", "\"x\"");
    let header = |members: &str| format!("{{{members}}}");
    let unsigned = |members: &str| compact(header(members), &bad, "none");
    let by_key = |by: &Signer, members: &str, claims: &str| by.sign(header(members), claims);
    let wrong_issuer = claim("iss", "\"https://evil.example\"");
    vec![
        ("!.".repeat(40_000), "token_too_large", false),
        ("!.!.!.!".to_owned(), "malformed_token", false),
        (unsigned(r#""alg":"RS1","crit":["x"],"kid":1"#), "unsupported_algorithm", false),
        (unsigned(r#""alg":"HS256","crit":["x"],"kid":1"#), "critical_header", false),
        (unsigned(r#""alg":"HS256","kid":1"#), "malformed_token", false),
        (unsigned(r#""alg":"HS256","kid":"z""#), "algorithm_not_allowed", false),
        (unsigned(r#""alg":"RS256","kid":"z""#), "unknown_key", true),
        (unsigned(r#""alg":"RS256""#), "ambiguous_key", true),
        (by_key(stranger, r#""alg":"RS256","kid":"a""#, &bad), "invalid_signature", true),
        (by_key(signer, r#""alg":"RS256","kid":"a""#, &bad), "malformed_claims", true),
        (by_key(signer, r#""alg":"RS256","kid":"a""#, &wrong_issuer), "issuer_mismatch", true),
        (by_key(signer, r#""alg":"RS256","kid":"a""#, &claims()), ACCEPTED, true),
    ]
}

#[test]
fn the_first_check_that_fails_gives_the_reason() {
    let (signer, stranger) = (rsa_signer(), Signer::fresh(Algorithm::RS256));
    let set = format!(r#"{{"keys":[{},{}]}}"#, signer.jwk(r#","kid":"a""#), stranger.jwk(r#","kid":"b""#));
    let door = Door::new(set, &["RS256"]);
    for (token, code, _) in tokens(&signer, &stranger) {
        assert_eq!(door.code(&token), code, "{token:.80}");
    }
}

#[test]
fn without_keys_junk_is_decided_and_the_rest_is_pending() {
    /// A source that has no keys yet.
    #[derive(Debug)]
    struct NotYet;
    impl KeySource for NotYet {
        fn keys(&self) -> Keys {
            Keys::Pending
        }
    }
    let verifier = Verifier::new(algorithms(&["RS256"]), Arc::new(NotYet));
    for (token, code, needs_key) in tokens(&rsa_signer(), &Signer::fresh(Algorithm::RS256)) {
        match verifier.verify(token.as_bytes(), &policy(), &Plain, NumericDate::from_seconds(NOW), Patience::MayWait) {
            Progress::Pending => assert!(needs_key, "{code}"),
            Progress::Decided(Decision::Rejected(refusal)) => {
                assert_eq!((refusal.rejection.code(), needs_key), (code, false));
            }
            Progress::Decided(other) => panic!("{code}: {other:?}"),
        }
    }
}
