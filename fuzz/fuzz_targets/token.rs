//! Any bytes as a token: what is split is spelled in the one way that base64url has, and nothing is ever accepted.

#![no_main]

use std::sync::{Arc, LazyLock};

use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jws::{self, MAX_TOKEN_BYTES};
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::Algorithms;
use fastmcp_rs::keys::{FixedKeys, KeyWait, from_text};
use fastmcp_rs::policy::{NoOverrides, Policy};
use fastmcp_rs::verify::{Decision, Verifier};
use libfuzzer_sys::fuzz_target;
use std::task::Poll;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let algorithms = Algorithms::parse(["EdDSA", "Ed25519"]).expect("known names");
    // RFC 8037 appendix A.2: signing under it by chance is beyond this program.
    let key = br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let keys = from_text(key, &algorithms).expect("a sound key").keys;
    Verifier::new(algorithms, Arc::new(FixedKeys::new(keys)))
});

fuzz_target!(|token: &[u8]| {
    if let Ok(parts) = jws::split(token, MAX_TOKEN_BYTES) {
        let spelled = [&parts.header, &parts.payload, &parts.signature].map(|part| base64url::encode(part)).join(".");
        assert_eq!(spelled.as_bytes(), token, "two texts are one token");
        assert!(!parts.header.starts_with(b"{\"alg\"") || jws::looks_like_jws(token));
    }
    let now = NumericDate::from_seconds(1_700_000_000);
    let progress = VERIFIER.verify(token, &Policy::default(), &NoOverrides, now, KeyWait::MayWait);
    let Poll::Ready(Decision::Rejected(refusal)) = progress else { panic!("{progress:?}") };
    assert!(refusal.authentic.is_none(), "claims that were not signed");
    let said = refusal.rejection.to_string();
    assert!(said.len() < 200 && !said.contains(char::is_control), "{said}");
});
