//! The decision about a token by the proof beside it: replays, nonces, and what each kind of token is worth.

use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::oauth::server::dpop::{AuthScheme, DpopMode, DpopNonces, MAX_PROOFS_OF_KEY, PresentedRequest};
use fastmcp_rs::testing::KeyPair;

use super::dpop_client::{Client, TOKEN, code, verifier};
use crate::common::NOW;

#[test]
fn a_proof_is_accepted_once() {
    let client = Client::new();
    let verifier = verifier(DpopMode::Required, None);
    let say = |proof: &str, now| code(&verifier, TOKEN, &client.bound(), &client.request(&[proof]), now);
    let one = client.proof(&[], &[]);
    assert_eq!(say(&one, NOW), "by key");
    assert_eq!(say(&one, NOW), "dpop_proof_replayed");
    assert_eq!(say(&one, NOW + 300), "dpop_proof_replayed");
    assert_eq!(say(&one, NOW + 301), "dpop_proof_expired", "when it would be forgotten it is too old");
    let same = client.with_claim("iat", &(NOW + 10).to_string());
    assert_eq!(say(&same, NOW + 10), "dpop_proof_replayed", "a jti names one proof");
    assert_eq!(say(&client.with_claim("jti", "\"two\""), NOW), "by key");
    // From the first second at which a proof is good to the last.
    let early = client.proof(&[], &[("jti", Some("\"early\"")), ("iat", Some(&(NOW + 300).to_string()))]);
    assert_eq!(say(&early, NOW), "by key");
    for now in [NOW + 1, NOW + 300, NOW + 599, NOW + 600] {
        assert_eq!(say(&early, now), "dpop_proof_replayed", "{now}");
    }
    assert_eq!(say(&early, NOW + 601), "dpop_proof_expired");
}

#[test]
fn a_proof_that_is_refused_is_not_remembered() {
    let client = Client::new();
    let verifier = verifier(DpopMode::Required, None);
    let other = PresentedRequest { method: Some("GET".into()), ..client.request(&[&client.proof(&[], &[])]) };
    assert_eq!(code(&verifier, TOKEN, &client.bound(), &other, NOW), "dpop_method_mismatch");
    let forged = Client::new().proof(&[("jwk", Some(&client.jwk()))], &[]);
    assert_eq!(code(&verifier, TOKEN, &client.bound(), &client.request(&[&forged]), NOW), "dpop_signature_invalid");
    assert_eq!(verifier.remembered(), 0);
    let good = client.request(&[&client.proof(&[], &[])]);
    assert_eq!(code(&verifier, TOKEN, &client.bound(), &good, NOW), "by key");
    assert_eq!(verifier.remembered(), 1);
}

#[test]
fn a_key_with_too_many_proofs_waits_and_no_other_does() {
    let client = Client { keys: KeyPair::generate(Algorithm::EdDSA).unwrap(), ..Client::new() };
    let verifier = verifier(DpopMode::Required, None);
    let say = |client: &Client, jti: u32, now: i64| {
        let proof = client.proof(&[], &[("jti", Some(&format!("\"{jti}\""))), ("iat", Some(&now.to_string()))]);
        code(&verifier, TOKEN, &client.bound(), &client.request(&[&proof]), now)
    };
    for jti in 0..MAX_PROOFS_OF_KEY {
        assert_eq!(say(&client, jti, NOW), "by key");
    }
    assert_eq!(say(&client, MAX_PROOFS_OF_KEY, NOW), "dpop_too_many_proofs");
    assert_eq!(say(&Client::new(), 0, NOW), "by key");
    assert_eq!(say(&client, MAX_PROOFS_OF_KEY, NOW + 400), "by key");
}

#[test]
fn a_bound_token_is_no_bearer_token_and_an_unbound_one_no_dpop_token() {
    let client = Client::new();
    let proof = client.proof(&[], &[]);
    let jkt = client.keys.thumbprint().unwrap();
    let claims = [
        ("{}".to_owned(), ["as bearer", "unbound_token", "unbound_token", "unbound_token"]),
        (client.bound(), ["bound_token", "bound_token", "by key", "by key"]),
        (r#"{"cnf":{"jwk":{}}}"#.to_owned(), ["bound_token"; 4]),
        (r#"{"cnf":{}}"#.to_owned(), ["bound_token"; 4]),
        (r#"{"token_type":"DPoP"}"#.to_owned(), ["bound_token"; 4]),
        (r#"{"cnf":{"x5t#S256":"x"}}"#.to_owned(), ["certificate_bound_token"; 4]),
        (format!(r#"{{"cnf":{{"x5t#S256":"x","jkt":"{jkt}"}}}}"#), ["certificate_bound_token"; 4]),
    ];
    for (claims, expected) in claims {
        let schemes = [AuthScheme::Bearer, AuthScheme::Dpop];
        let modes = [DpopMode::Allowed, DpopMode::Required];
        let said = schemes.into_iter().flat_map(|scheme| modes.map(|mode| (scheme, mode))).map(|(scheme, mode)| {
            let request = PresentedRequest { scheme, ..client.request(&[&proof]) };
            code(&verifier(mode, None), TOKEN, &claims, &request, NOW)
        });
        assert_eq!(said.collect::<Vec<_>>(), expected, "{claims}");
    }
}

#[test]
fn a_nonce_must_be_one_of_the_server_where_nonces_are_required() {
    let nonces = |secret: u8| DpopNonces::new(&vec![secret; 32].into()).unwrap();
    let client = Client::new();
    let now = NumericDate::from_seconds(NOW);
    let said = |nonce: Option<&str>| {
        let nonce = nonce.map(|nonce| format!("{nonce:?}"));
        let proof = client.proof(&[], &[("nonce", nonce.as_deref())]);
        let verifier = verifier(DpopMode::Required, Some(nonces(1)));
        code(&verifier, TOKEN, &client.bound(), &client.request(&[&proof]), NOW)
    };
    assert_eq!(said(Some(&nonces(1).newest(now))), "by key");
    assert_eq!(said(None), "dpop_nonce_mismatch");
    assert_eq!(said(Some("")), "dpop_nonce_mismatch");
    assert_eq!(said(Some(&nonces(2).newest(now))), "dpop_nonce_mismatch");
    assert_eq!(said(Some(&nonces(1).newest(now.later(-200.0)))), "dpop_nonce_mismatch");
    assert_eq!(client.code(&[&client.with_claim("nonce", "\"any\"")]), "by key", "where there are none");
}
