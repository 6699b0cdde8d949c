//! Any bytes as a proof, and any text as its URL: what was not signed is never accepted, whatever the request; explaining it
//! fails where deciding about it does; a URL has one normal form.

#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwt::{Claims, NumericDate};
use fastmcp_rs::oauth::server::dpop::{
    AuthScheme, DpopMode, DpopSettings, DpopVerifier, PossessionRefusal, PresentedRequest, TargetUri, explain,
};
use fastmcp_rs::outcome::rejection::Rejection;
use libfuzzer_sys::fuzz_target;

fn settings() -> DpopSettings {
    DpopSettings::new(DpopMode::Required, DpopSettings::ALGORITHMS, 300.0, None).expect("they can work")
}

static VERIFIER: LazyLock<DpopVerifier> = LazyLock::new(|| DpopVerifier::new(settings()).expect("random numbers"));
static SETTINGS: LazyLock<DpopSettings> = LazyLock::new(settings);

fuzz_target!(|proof: &[u8]| {
    if let Some(uri) = std::str::from_utf8(proof).ok().and_then(TargetUri::parse) {
        let normal = uri.to_string();
        assert_eq!(TargetUri::parse(&normal), Some(uri), "the normal form of a normal form");
    }
    // RFC 8037 appendix A.3: signing under that key by chance is beyond this program.
    let claims = Claims::parse(br#"{"cnf":{"jkt":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}}"#).expect("claims");
    let parts = [proof.to_vec(), raw(proof)];
    for proof in parts {
        let request = PresentedRequest {
            scheme: AuthScheme::Dpop,
            proofs: vec![proof.into()],
            method: Some("POST".into()),
            url: TargetUri::parse("https://server.example/mcp"),
        };
        let now = NumericDate::from_seconds(1_700_000_000);
        let refused = VERIFIER.verify("token", &claims, &request, now, Duration::from_secs(1)).expect_err("not signed");
        let PossessionRefusal::Rejected(rejection, _) = refused else { panic!("{refused:?}") };
        assert!(matches!(rejection, Rejection::Proof(_)), "{rejection:?}");
        let explained = explain(&SETTINGS, &request, Some("token"), Some("x"), now);
        assert!(explained.checks.iter().any(|checked| matches!(checked.outcome, Some(Err(_)))));
    }
    assert_eq!(VERIFIER.remembered(), 0);
});

/// A JWT of which the input is header and payload, so that what lies behind base64url is met as well.
fn raw(input: &[u8]) -> Vec<u8> {
    let at = input.iter().position(|&octet| octet == b'\n').unwrap_or(input.len());
    let (header, payload) = input.split_at(at);
    [base64url::encode(header), base64url::encode(payload), base64url::encode(&[0; 64])].join(".").into_bytes()
}
