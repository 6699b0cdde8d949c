//! A claims set from a server's answer meets the checks of a signed one, with the differences that RFC 7662 makes.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its own claims has failed")]

use std::sync::Arc;

use fastmcp_rs::jose::jwt::{Claims, NumericDate};
use fastmcp_rs::policy::{AuthenticClaims, NoOverrides, Policy, Source};
use fastmcp_rs::verify::Decision;

const NOW: i64 = 1_800_000_000;

fn code(policy: &Policy, issuer: Option<&str>, claims: &str) -> &'static str {
    let claims = Claims::parse(format!("{{{claims}}}").as_bytes()).unwrap();
    let authentic = AuthenticClaims::new(Source::Introspection { lacks_type: false }, issuer.map(Into::into), claims);
    match Decision::about(Arc::new(authentic), policy, &NoOverrides, NumericDate::from_seconds(NOW)) {
        Decision::Accepted(_) => "accepted",
        Decision::Rejected(refusal) => refusal.rejection.code(),
        Decision::Unavailable(_) => unreachable!("no endpoint is asked"),
    }
}

fn boxed(texts: &[&str]) -> Vec<Box<str>> {
    texts.iter().map(|&text| text.into()).collect()
}

#[test]
fn an_iss_in_a_response_must_be_the_server_that_was_asked() {
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
    assert_eq!(code(&policy, Some("https://i"), r#""iss":"https://k""#), "accepted", "the configured issuer decides");
    assert_eq!(code(&policy, Some("https://i"), r#""iss":"https://i""#), "issuer_mismatch");
    assert_eq!(code(&policy, None, ""), "accepted");
}

#[test]
fn a_token_of_another_kind_is_refused() {
    let refused_as = |members: &str| code(&Policy::default(), None, members);
    for member in ["token_type", "token_use", "token_usage", "typ"] {
        for other in ["refresh_token", "Refresh", "Offline", "logout+jwt", "authorization_code"] {
            assert_eq!(refused_as(&format!(r#""{member}":"{other}""#)), "wrong_type", "{other}");
        }
        let urn = "urn:ietf:params:oauth:token-type:";
        assert_eq!(refused_as(&format!(r#""{member}":"{urn}refresh_token""#)), "wrong_type");
        for id in ["id", "ID", "id_token", "urn:ietf:params:oauth:token-type:id_token"] {
            assert_eq!(refused_as(&format!(r#""{member}":"{id}""#)), "id_token", "{id}");
        }
        for other in ["1", "null", "[\"Bearer\"]", "{}"] {
            assert_eq!(refused_as(&format!(r#""{member}":{other}"#)), "wrong_type", "{other}");
        }
        for access in ["Bearer", "bearer", "access_token", "at+jwt", "api_key", "JWT"] {
            assert_eq!(refused_as(&format!(r#""{member}":"{access}""#)), "accepted", "{access}");
        }
    }
    assert_eq!(refused_as(r#""token_type":"Bearer","token_use":"refresh_token""#), "wrong_type");
}

#[test]
fn an_id_token_is_refused_unless_it_is_allowed() {
    let allowing = Policy::default().with_id_tokens(Some(true));
    for members in
        [r#""at_hash":"x""#, r#""c_hash":"x""#, r#""token_use":"id""#, r#""token_type":"Bearer","at_hash":"x""#]
    {
        assert_eq!(code(&Policy::default(), None, members), "id_token", "{members}");
        assert_eq!(code(&allowing, None, members), "accepted", "{members}");
    }
    assert_eq!(code(&allowing, None, r#""token_type":"refresh_token","at_hash":"x""#), "wrong_type");
    assert_eq!(
        code(&Policy::default().with_id_tokens(Some(false)), None, ""),
        "accepted",
        "an answer has its own rule"
    );
}

#[test]
fn a_response_without_a_token_type_is_refused_where_one_is_required() {
    let decided = |lacks_type| {
        let claims = Claims::parse(b"{}").unwrap();
        let authentic = AuthenticClaims::new(Source::Introspection { lacks_type }, None, claims);
        match Decision::about(Arc::new(authentic), &Policy::default(), &NoOverrides, NumericDate::from_seconds(NOW)) {
            Decision::Rejected(refusal) => Some(refusal.rejection.code()),
            _ => None,
        }
    };
    assert_eq!((decided(true), decided(false)), (Some("untyped_token"), None));
}

#[test]
fn a_bound_token_is_no_bearer_token_in_introspection_either() {
    for claims in [r#""cnf":{"jkt":"x"}"#, r#""token_type":"DPoP""#, r#""token_type":"PoP""#] {
        assert_eq!(code(&Policy::default(), None, claims), "bound_token", "{claims}");
        assert_eq!(code(&Policy::default().with_bound_tokens(true), None, claims), "accepted", "{claims}");
    }
}

#[test]
fn a_token_of_another_client_is_refused_where_one_is_expected() {
    let policy = Policy::default().with_clients(Some(boxed(&["ours", "other of ours"])), "client_id").unwrap();
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
        assert!(Policy::default().with_clients(Some(boxed(empty)), "client_id").is_err(), "{empty:?}");
    }
}
