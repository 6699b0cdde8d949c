//! The order of the checks is part of the contract: the first that fails gives the reason, and what needs no key is
//! decided without one.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use std::sync::Arc;

use crate::common::{
    ACCEPTED, NOW, NoKeysYet, Signer, TestVerifier, algorithms, claim, claims, compact, policy, rsa_signer,
};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::KeyWait;
use fastmcp_rs::policy::NoOverrides;
use fastmcp_rs::verify::{Decision, Verifier};
use std::task::Poll;

/// Tokens that fail one check after another, each with everything wrong that the later checks would find.
fn tokens(signer: &Signer, other_signer: &Signer) -> Vec<(String, &'static str, bool)> {
    let bad = claim("exp", "\"x\"");
    let header = |members: &str| format!("{{{members}}}");
    let unsigned = |members: &str| compact(header(members), &bad, "none");
    let by_key = |by: &Signer, members: &str, claims: &str| by.sign(header(members), claims);
    let wrong_issuer = claim("iss", "\"https://evil.example\"");
    let id_token = wrong_issuer.replacen('{', r#"{"at_hash":"x","#, 1);
    vec![
        ("!.".repeat(40_000), "token_too_large", false),
        ("!.!.!.!".to_owned(), "malformed_token", false),
        (unsigned(r#""alg":"RS1","crit":["x"],"kid":1"#), "unsupported_algorithm", false),
        (unsigned(r#""alg":"HS256","crit":["x"],"kid":1"#), "critical_header", false),
        (unsigned(r#""alg":"HS256","kid":1"#), "malformed_token", false),
        (unsigned(r#""alg":"HS256","kid":"z""#), "algorithm_not_allowed", false),
        (unsigned(r#""alg":"RS256","kid":"z""#), "unknown_key", true),
        (unsigned(r#""alg":"RS256""#), "ambiguous_key", true),
        (by_key(other_signer, r#""alg":"RS256","kid":"a""#, &bad), "invalid_signature", true),
        (by_key(signer, r#""alg":"RS256","kid":"a""#, &bad), "malformed_claims", true),
        (by_key(signer, r#""alg":"RS256","kid":"a""#, &id_token), "id_token", true),
        (by_key(signer, r#""alg":"RS256","kid":"a""#, &wrong_issuer), "issuer_mismatch", true),
        (by_key(signer, r#""alg":"RS256","kid":"a""#, &claims()), ACCEPTED, true),
    ]
}

#[test]
fn the_first_check_that_fails_gives_the_reason() {
    let (signer, other_signer) = (rsa_signer(), Signer::fresh(Algorithm::RS256));
    let set = format!(r#"{{"keys":[{},{}]}}"#, signer.jwk(r#","kid":"a""#), other_signer.jwk(r#","kid":"b""#));
    let verifier = TestVerifier::new(set, &["RS256"]);
    for (token, code, _) in tokens(&signer, &other_signer) {
        assert_eq!(verifier.code(&token), code, "{token:.80}");
    }
}

#[test]
fn without_keys_malformed_tokens_are_refused_and_the_rest_is_pending() {
    let verifier = Verifier::new(algorithms(&["RS256"]), Arc::new(NoKeysYet));
    for (token, code, needs_key) in tokens(&rsa_signer(), &Signer::fresh(Algorithm::RS256)) {
        match verifier.verify(
            token.as_bytes(),
            &policy(),
            &NoOverrides,
            NumericDate::from_seconds(NOW),
            KeyWait::MayWait,
        ) {
            Poll::Pending => assert!(needs_key, "{code}"),
            Poll::Ready(Decision::Rejected(refusal)) => {
                assert_eq!((refusal.rejection.code(), needs_key), (code, false));
            }
            Poll::Ready(other) => panic!("{code}: {other:?}"),
        }
    }
}
