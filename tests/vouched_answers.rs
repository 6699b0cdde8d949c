//! A claims set from a server's answer meets the checks of a signed one, with the differences that RFC 7662 makes.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its own claims has failed")]

use std::sync::Arc;

use fastmcp_rs::jose::jwt::{Claims, NumericDate};
use fastmcp_rs::policy::{Plain, Policy, Vouched, Voucher};
use fastmcp_rs::verifier::Decision;

const NOW: i64 = 1_800_000_000;

fn code(policy: &Policy, issuer: Option<&str>, claims: &str) -> &'static str {
    let claims = Claims::parse(format!("{{{claims}}}").as_bytes()).unwrap();
    let vouched = Vouched { by: Voucher::Answer, issuer: issuer.map(Into::into), claims };
    match Decision::about(Arc::new(vouched), policy, &Plain, NumericDate::from_seconds(NOW)) {
        Decision::Accepted(_) => "accepted",
        Decision::Rejected(refusal) => refusal.rejection.code(),
        Decision::Unavailable(_) => unreachable!("nobody is asked"),
    }
}

fn boxed(texts: &[&str]) -> Vec<Box<str>> {
    texts.iter().map(|&text| text.into()).collect()
}

#[test]
fn an_issuer_that_is_named_must_be_the_one_that_answered() {
    let policy = Policy::default();
    for (asked, claims, expected) in [
        (Some("https://i"), "", "accepted"),
        (Some("https://i"), r#""iss":"https://i""#, "accepted"),
        (Some("https://i"), r#""iss":"https://i/""#, "issuer_mismatch"),
        (Some("https://i"), r#""iss":"""#, "issuer_mismatch"),
        (None, r#""iss":"https://j""#, "accepted"),
    ] {
        assert_eq!(code(&policy, asked, claims), expected, "{claims}");
    }
    let policy = policy.with_issuers(Some(boxed(&["https://k"]))).unwrap();
    assert_eq!(code(&policy, Some("https://i"), r#""iss":"https://k""#), "accepted", "the operator's word stands");
    assert_eq!(code(&policy, Some("https://i"), r#""iss":"https://i""#), "issuer_mismatch");
    assert_eq!(code(&policy, None, ""), "accepted");
}

#[test]
fn a_token_of_another_kind_is_refused() {
    for member in ["token_type", "token_use", "typ"] {
        for other in ["refresh_token", "Refresh", "id", "ID", "id_token", "Offline", "logout+jwt", "authorization_code"]
        {
            assert_eq!(code(&Policy::default(), None, &format!(r#""{member}":"{other}""#)), "wrong_type", "{other}");
        }
        let urn = "urn:ietf:params:oauth:token-type:";
        for other in ["refresh_token", "id_token"] {
            assert_eq!(code(&Policy::default(), None, &format!(r#""{member}":"{urn}{other}""#)), "wrong_type");
        }
        for other in ["1", "null", "[\"Bearer\"]", "{}"] {
            assert_eq!(code(&Policy::default(), None, &format!(r#""{member}":{other}"#)), "wrong_type", "{other}");
        }
        for access in ["Bearer", "bearer", "access_token", "at+jwt", "api_key", "JWT"] {
            assert_eq!(code(&Policy::default(), None, &format!(r#""{member}":"{access}""#)), "accepted", "{access}");
        }
    }
}

#[test]
fn a_bound_token_is_no_bearer_token_here_either() {
    for claims in [r#""cnf":{"jkt":"x"}"#, r#""token_type":"DPoP""#, r#""token_type":"PoP""#] {
        assert_eq!(code(&Policy::default(), None, claims), "bound_token", "{claims}");
        assert_eq!(code(&Policy::default().with_bound_tokens(true), None, claims), "accepted", "{claims}");
    }
}

#[test]
fn h8_a_token_of_another_client_is_refused_where_one_is_expected() {
    let policy = Policy::default().with_clients(Some(boxed(&["ours", "other of ours"]))).unwrap();
    for (claims, expected) in [
        (r#""client_id":"ours""#, "accepted"),
        (r#""client_id":"other of ours""#, "accepted"),
        (r#""azp":"ours""#, "accepted"),
        (r#""client_id":"","azp":"ours""#, "accepted"),
        (r#""client_id":"theirs""#, "client_mismatch"),
        (r#""client_id":"theirs","azp":"ours""#, "client_mismatch"),
        (r#""client_id":"our""#, "client_mismatch"),
        (r#""sub":"ours""#, "client_mismatch"),
        (r#""aud":"ours""#, "client_mismatch"),
        ("", "client_mismatch"),
    ] {
        assert_eq!(code(&policy, None, claims), expected, "{claims}");
    }
    for empty in [&[][..], &[""], &["ours", " "]] {
        assert!(Policy::default().with_clients(Some(boxed(empty))).is_err(), "{empty:?}");
    }
}
